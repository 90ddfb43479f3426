/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What deceives about a path: characters, endings, hidden parts.  Pure.
 */
#include "agent/process/deceit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/process/names.h"
#include "common/base/text.h"

#define ENDING_MAX 12
#define MANY(t) (sizeof(t) / sizeof((t)[0]))

/* -- characters -------------------------------------------------------- */

/* By the Unicode Character Database: Cc, Bidi_Control,
 * Default_Ignorable_Code_Point and Zs, as far as names are made with them. */
static const struct {
	uint32_t first, last;
	const char *what;
} characters[] = {
	{0x01, 0x1f, "a control character"},
	{0x7f, 0x9f, "a control character"},
	{0xa0, 0xa0, "a blank that is none"},
	{0xad, 0xad, "a character that cannot be seen"},
	{0x34f, 0x34f, "a character that cannot be seen"},
	{0x61c, 0x61c, "a character that turns the direction of writing"},
	{0x115f, 0x1160, "a character that cannot be seen"},
	{0x180e, 0x180e, "a character that cannot be seen"},
	{0x2000, 0x200a, "a blank that is none"},
	{0x200b, 0x200d, "a character that cannot be seen"},
	{0x200e, 0x200f, "a character that turns the direction of writing"},
	{0x2028, 0x2029, "a control character"},
	{0x202a, 0x202e, "a character that turns the direction of writing"},
	{0x202f, 0x202f, "a blank that is none"},
	{0x205f, 0x205f, "a blank that is none"},
	{0x2060, 0x2064, "a character that cannot be seen"},
	{0x2066, 0x2069, "a character that turns the direction of writing"},
	{0x2800, 0x2800, "a blank that is none"},
	{0x3164, 0x3164, "a character that cannot be seen"},
	{0xfeff, 0xfeff, "a character that cannot be seen"},
	{0xffa0, 0xffa0, "a character that cannot be seen"},
	{0xe0000, 0xe007f, "a character that cannot be seen"},
};

static const char *
what_is(uint32_t c)
{
	size_t i;

	for (i = 0; i < MANY(characters); i++)
		if (c >= characters[i].first && c <= characters[i].last)
			return characters[i].what;
	return NULL;
}

static bool
has_character(const char *name, char out[DECEIT_TEXT_MAX])
{
	size_t left = strlen(name), n;
	const char *what;
	uint32_t c;

	for (; left > 0; name += n, left -= n) {
		n = text_decode(name, left, &c);
		what = n > 0 ? what_is(c) : NULL;
		if (what != NULL) {
			snprintf(out, DECEIT_TEXT_MAX, "its name has %s "
			    "(U+%04X)", what, (unsigned int)c);
			return true;
		}
		n = n > 0 ? n : 1; /* no UTF-8: an older name */
	}
	return false;
}

/* -- endings ----------------------------------------------------------- */

/* LURE: what a person opens who would not run a program. */
static const struct {
	const char *ending, *like;
	bool lure;
} endings[] = {
	{"pdf", "a document", true}, {"doc", "a document", true},
	{"docx", "a document", true}, {"xls", "a document", true},
	{"xlsx", "a document", true}, {"ppt", "a document", true},
	{"pptx", "a document", true}, {"odt", "a document", true},
	{"ods", "a document", true}, {"odp", "a document", true},
	{"rtf", "a document", true}, {"txt", "a document", true},
	{"md", "a document", false}, {"csv", "a document", false},
	{"htm", "a document", false}, {"html", "a document", false},
	{"css", "a document", false}, {"xml", "a document", false},
	{"json", "a document", false}, {"epub", "a document", false},
	{"eml", "a letter", false}, {"msg", "a letter", false},
	{"png", "a picture", true}, {"jpg", "a picture", true},
	{"jpeg", "a picture", true}, {"gif", "a picture", true},
	{"bmp", "a picture", true}, {"svg", "a picture", false},
	{"ico", "a picture", false}, {"webp", "a picture", false},
	{"tif", "a picture", false}, {"tiff", "a picture", false},
	{"heic", "a picture", false}, {"psd", "a picture", false},
	{"mp3", "a sound", true}, {"wav", "a sound", true},
	{"ogg", "a sound", false}, {"flac", "a sound", false},
	{"m4a", "a sound", false}, {"aac", "a sound", false},
	{"mp4", "a film", true}, {"avi", "a film", true},
	{"mkv", "a film", true}, {"mov", "a film", true},
	{"webm", "a film", false}, {"mpg", "a film", false},
	{"zip", "an archive", false}, {"tar", "an archive", false},
	{"gz", "an archive", false}, {"tgz", "an archive", false},
	{"bz2", "an archive", false}, {"xz", "an archive", false},
	{"zst", "an archive", false}, {"7z", "an archive", false},
	{"rar", "an archive", false}, {"iso", "an archive", false},
	{"deb", "a package", false}, {"rpm", "a package", false},
	{"ttf", "a font", false}, {"woff", "a font", false},
	{"woff2", "a font", false}, {"pem", "a key", false},
	{"crt", "a certificate", false}, {"log", "a log", false},
};
static const char *const programs[] = {"sh", "bash", "py", "pl", "rb", "js",
    "php", "bin", "run", "elf", "out", "exe", "com", "jar", "desktop",
    "AppImage"};

/* The ending of the LEN bytes at NAME, blanks behind it left out. */
static bool
ending_of(const char *name, size_t len, char out[ENDING_MAX], size_t *stem)
{
	size_t dot;

	while (len > 0 && name[len - 1] == ' ')
		len--;
	for (dot = len; dot > 0 && name[dot - 1] != '.'; dot--)
		;
	if (dot < 2 || dot == len || len - dot >= ENDING_MAX)
		return false;
	memcpy(out, name + dot, len - dot);
	out[len - dot] = '\0';
	*stem = dot - 1;
	return true;
}

/* Its row in the table; MANY(endings): none. */
static size_t
find_ending(const char *ending)
{
	size_t i;

	for (i = 0; i < MANY(endings); i++)
		if (strcasecmp(endings[i].ending, ending) == 0)
			break;
	return i;
}

static bool
is_program(const char *ending)
{
	size_t i;

	for (i = 0; i < MANY(programs); i++)
		if (strcasecmp(programs[i], ending) == 0)
			return true;
	return false;
}

static bool
has_ending(const char *name, bool script, char out[DECEIT_TEXT_MAX])
{
	char last[ENDING_MAX], first[ENDING_MAX];
	size_t stem, i;

	if (!ending_of(name, strlen(name), last, &stem))
		return false;
	i = find_ending(last);
	if (i < MANY(endings)) {
		snprintf(out, DECEIT_TEXT_MAX, "it is %s called like %s "
		    "(.%s)", script ? "a script" : "an executable",
		    endings[i].like, last);
		return true;
	}
	if (!is_program(last) || !ending_of(name, stem, first, &stem))
		return false;
	i = find_ending(first);
	if (i == MANY(endings) || !endings[i].lure)
		return false;
	snprintf(out, DECEIT_TEXT_MAX, "its name has the ending of %s "
	    "before its own (.%s, .%s)", endings[i].like, first, last);
	return true;
}

bool
deceit_name(const char *path, bool script, char out[DECEIT_TEXT_MAX])
{
	const char *name = name_of(path);
	size_t len = strlen(name);

	if (has_character(name, out))
		return true;
	if (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '.')) {
		snprintf(out, DECEIT_TEXT_MAX, "its name ends with a %s",
		    name[len - 1] == ' ' ? "blank" : "dot");
		return true;
	}
	return has_ending(name, script, out);
}

/* -- hidden parts ------------------------------------------------------ */

/* The first that fits counts. */
static const struct {
	const char *begin;
	enum hidden hidden;
} places[] = {
	{"/.singularity.d/", HIDDEN_NOT}, /* how Apptainer starts */
	{"/.", HIDDEN_SYSTEM},
	{"/usr/local/", HIDDEN_APP},
	{"/usr/src/", HIDDEN_APP},
	{"/usr/", HIDDEN_SYSTEM},
	{"/bin/", HIDDEN_SYSTEM},
	{"/sbin/", HIDDEN_SYSTEM},
	{"/lib", HIDDEN_SYSTEM}, /* lib32, lib64, libx32 */
	{"/etc/", HIDDEN_SYSTEM},
	{"/boot/", HIDDEN_SYSTEM},
	{"/dev/", HIDDEN_SYSTEM},
	{"/run/media/", HIDDEN_APP}, /* disks that people plug in */
	{"/run/", HIDDEN_SYSTEM},
	{"/opt/", HIDDEN_APP},
	{"/srv/", HIDDEN_APP},
	{"/var/home/", HIDDEN_NOT}, /* of image-based systems */
	{"/var/roothome/", HIDDEN_NOT},
	{"/var/", HIDDEN_APP},
};
/* Folders that tools make beside an application and run programs from;
 * not those that are a favourite to hide in (.cache, .config, .local). */
static const char *const tools[] = {".venv", ".virtualenvs", ".git", ".npm",
    ".nvm", ".pyenv", ".rbenv", ".rvm", ".cargo", ".rustup", ".gem",
    ".bundle", ".yarn", ".asdf", ".sdkman", ".dotnet", ".conda", ".tox",
    ".nox", ".gradle", ".libs", ".install4j", ".vscode-server",
    ".terraform", ".snapshots", ".snapshot", ".zfs"};

/* Is the part of LEN bytes at PART of PATH, one below APP or not, known? */
static bool
is_tool(const char *path, const char *part, size_t len, bool app)
{
	static const char modules[] = "/node_modules/";
	const size_t n = sizeof(modules) - 1;
	size_t i;

	if ((size_t)(part - path) >= n && memcmp(part - n, modules, n) == 0)
		return true;
	if (strncmp(part, ".git/hooks/", 11) == 0)
		return true;
	for (i = 0; app && part[len] == '/' && i < MANY(tools); i++)
		if (strlen(tools[i]) == len &&
		    memcmp(tools[i], part, len) == 0)
			return true;
	return false;
}

enum hidden
deceit_hidden(const char *path)
{
	const char *part = path;
	enum hidden h = HIDDEN_NOT;
	size_t i;

	for (i = 0; i < MANY(places); i++)
		if (strncmp(path, places[i].begin,
		    strlen(places[i].begin)) == 0)
			break;
	if (i < MANY(places))
		h = places[i].hidden;
	while (h != HIDDEN_NOT && (part = strstr(part, "/.")) != NULL) {
		part++;
		if (!is_tool(path, part, strcspn(part, "/"),
		    h == HIDDEN_APP))
			return h;
	}
	return HIDDEN_NOT;
}

bool
deceit_removed(const char *path)
{
	const char *name = name_of(path);

	/* fs/nfs/unlink.c: two numbers, of 16 and 8 digits */
	return strncmp(name, ".fuse_hidden", 12) == 0 ||
	    (strncmp(name, ".nfs", 4) == 0 && strlen(name) == 28 &&
	    strspn(name + 4, "0123456789abcdef") == 24);
}
