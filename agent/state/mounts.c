/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mounts: new ones over what belongs to the system, binds over processes,
 * and lost noexec, nosuid, nodev, ro.
 */
#include "agent/state/mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 60

/* Made and removed all day by container engines, systemd and desktops. */
static const char *const left_out[] = {
	"/var/lib/docker/*", "/var/lib/containers/*", "/var/lib/kubelet/*",
	"/var/lib/containerd/*", "/run/containerd/*", "/run/docker/*",
	"/run/netns*", "/run/user/*", "/run/credentials/*", "/run/lock",
	"/run/systemd/*", "/var/snap/*", "/snap/*", "/run/snapd/*",
	"/sys/fs/cgroup*", "/proc/sys/fs/binfmt_misc", "/tmp/.mount_*",
};

/* A mount over these hides or replaces what belongs to the system. */
static const char *const system_places[] = {
	"/", "/bin*", "/sbin*", "/lib*", "/usr", "/usr/*", "/etc", "/etc/*",
	"/boot", "/boot/*", "/root", "/root/*", "/opt", "/opt/*",
	"/var", "/var/log*", "/var/spool*", "/var/lib", "/var/lib/dpkg*",
	"/var/lib/rpm*", "/var/lib/cordon*", "/proc/*", "/sys/*",
	"/dev/null", "/run/systemd", "/home/*/.ssh*",
};

/* \040 and its like, in place (getmntent(3)). */
static void
unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 |
			    (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	*out = '\0';
}

static bool
has_option(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list != NULL && *list != '\0'; list += strcspn(list, ","),
	    list += *list == ',')
		if (strncmp(list, word, len) == 0 &&
		    (list[len] == ',' || list[len] == '\0'))
			return true;
	return false;
}

static void
strict_options(const char *options, const char *super, char out[40])
{
	static const char *const words[] = {"ro", "nosuid", "nodev",
	    "noexec"};
	size_t i;

	out[0] = '\0';
	for (i = 0; i < 4; i++)
		if (has_option(options, words[i]) ||
		    (i == 0 && has_option(super, "ro"))) {
			strcat(out, out[0] == '\0' ? " " : ",");
			strcat(out, words[i]);
		}
}

/* id parent major:minor root point options [optional]... - type source
 * super-options */
static int
parse_line(char *line, struct facts *out)
{
	char *root, *point, *options, *type, *source, strict[40];
	size_t i;

	for (i = 0; i < 3; i++)
		strsep(&line, " ");
	root = strsep(&line, " ");
	point = strsep(&line, " ");
	options = strsep(&line, " ");
	if (options == NULL || line == NULL)
		return 0;
	if (strncmp(line, "- ", 2) != 0) {
		line = strstr(line, " - ");
		line = line == NULL ? NULL : line + 1;
	}
	if (line == NULL)
		return 0;
	line += 2;
	type = strsep(&line, " ");
	source = strsep(&line, " ");
	if (source == NULL)
		return 0;
	unescape(point);
	unescape(root);
	unescape(source);
	if (PEEK_MATCHES(left_out, point) || strcmp(type, "autofs") == 0 ||
	    strcmp(type, "nsfs") == 0)
		return 0;
	strict_options(options, line, strict);
	return facts_addf(out, point, "%s of %s%s%s%s%s", type, source,
	    strcmp(root, "/") == 0 ? "" : "[",
	    strcmp(root, "/") == 0 ? "" : root,
	    strcmp(root, "/") == 0 ? "" : "]", strict);
}

int
mounts_parse(char *text, struct facts *out)
{
	char *line;
	int r = 0;

	while (r == 0 && (line = strsep(&text, "\n")) != NULL)
		r = parse_line(line, out);
	return r;
}

static int
mounts_read(const struct state_env *env, struct facts *out, struct why *why)
{
	char *text = peek_all(env, MOUNTS_FILE, MOUNTS_TEXT_MAX);
	int r;

	if (text == NULL)
		text = peek_all(env, "/proc/self/mountinfo",
		    MOUNTS_TEXT_MAX);
	if (text == NULL)
		return why_set(why, ERR_IO, "mounts: no mountinfo");
	r = mounts_parse(text, out);
	free(text);
	return r == 0 ? 0 : why_set(why, r, "mounts");
}

/* The first strict option that WAS has and IS has not; NULL. */
static const char *
lost_option(const char *was, const char *is)
{
	static const char *const words[] = {"noexec", "nosuid", "nodev",
	    "ro"};
	const char *a = strrchr(was, ' '), *b = strrchr(is, ' ');
	size_t i;

	for (i = 0; a != NULL && i < 4; i++)
		if (has_option(a + 1, words[i]) &&
		    (b == NULL || !has_option(b + 1, words[i])))
			return words[i];
	return NULL;
}

/* Are both one mount with other options: the same but for the last word? */
static bool
same_mount(const char *was, const char *is)
{
	const char *a = strstr(was, " of "), *b = strstr(is, " of ");
	size_t n;

	if (a == NULL || b == NULL || strchr(was, ';') != NULL ||
	    strchr(is, ';') != NULL)
		return false;
	n = (size_t)(a - was) + 4 + strcspn(a + 4, " ");
	return strncmp(was, is, n) == 0;
}

/* How bad a mount over PATH is. */
static Cordon__Severity
over_severity(const char *path)
{
	char *end;

	if (strncmp(path, "/proc/", 6) == 0 &&
	    strtol(path + 6, &end, 10) > 0 && (*end == '/' || *end == '\0'))
		return SEVERITY(CRITICAL); /* it hides a process */
	return SEVERITY(NONE);
}

/* What a boot, a container engine or an administrator mounts so. */
static bool
is_usual(const char *path, const char *is)
{
	static const char *const places[] = {"/etc/resolv.conf",
	    "/etc/hosts", "/etc/hostname", "/boot/efi", "/boot",
	    "/proc/sys*", "/proc/fs/nfsd", "/sys/*"};
	static const char *const types[] = {"securityfs ", "debugfs ",
	    "tracefs ", "configfs ", "fusectl ", "pstore ", "bpf ",
	    "efivarfs ", "selinuxfs ", "rpc_pipefs ", "nfsd "};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strncmp(is, types[i], strlen(types[i])) == 0)
			return true;
	return strchr(is, '[') == NULL && strncmp(path, "/sys", 4) != 0 &&
	    PEEK_MATCHES(places, path);
}

static bool
mounts_tell(const struct fact_change *c, struct state_told *out)
{
	char at[PEEK_QUOTED_MAX], was[PEEK_QUOTED_MAX], is[PEEK_QUOTED_MAX];
	Cordon__Severity s = over_severity(c->key);
	const char *lost;

	peek_quote(at, c->key);
	peek_quote(was, c->was);
	peek_quote(is, c->is);
	if (c->how == FACT_FOUND)
		return s == SEVERITY(CRITICAL) &&
		    peek_tell(out, "mount.over", s, c->key, "%s is mounted "
		    "over %s: it hides a process", is, at);
	if (c->how == FACT_REMOVED)
		return peek_tell(out, "mount.gone", SEVERITY(NONE), c->key,
		    "%s is no longer mounted (was %s)", at, was);
	if (c->how == FACT_CHANGED && same_mount(c->was, c->is)) {
		lost = lost_option(c->was, c->is);
		return lost != NULL && peek_tell(out, "mount.weaker",
		    SEVERITY(NONE), c->key, "the mount of %s lost %s: %s "
		    "(was %s)", at, lost, is, was);
	}
	if (c->how == FACT_CHANGED && strlen(c->is) < strlen(c->was))
		return peek_tell(out, "mount.gone", SEVERITY(NONE), c->key,
		    "a mount over %s is gone: %s (was %s)", at, is, was);
	if (c->how == FACT_CHANGED || (PEEK_MATCHES(system_places, c->key) &&
	    !is_usual(c->key, c->is)))
		return peek_tell(out, "mount.over", s, c->key,
		    "%s was mounted over %s%s", is, at,
		    s == SEVERITY(CRITICAL) ? ": it hides a process" : "");
	return peek_tell(out, "mount.new", SEVERITY(NONE), c->key,
	    "%s was mounted at %s", is, at);
}

static const char *const mounts_paths[] = {MOUNTS_FILE, NULL};

const struct state_source mounts_source = {
	.name = "mounts",
	.paths = mounts_paths,
	.every_s = EVERY_S,
	.read = mounts_read,
	.tell = mounts_tell,
};
