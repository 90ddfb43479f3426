/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading RPM headers.  Runs in the sensors process and the collector's
 * tool.  The bytes come from a database or a package that an intruder may
 * have made.
 */
#include "common/packages/rpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"

#define ENTRY 16 /* tag, type, offset, count: u32 each, big-endian */
#define HASH_SHA256 8
#define HASH_MD5 1

enum tag {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_ARCH = 1022,
	TAG_FILESTATES = 1029,
	TAG_FILEMODES = 1030,
	TAG_FILEDIGESTS = 1035,
	TAG_FILELINKTOS = 1036,
	TAG_FILEFLAGS = 1037,
	TAG_FILEUSERNAME = 1039,
	TAG_FILEGROUPNAME = 1040,
	TAG_DIRINDEXES = 1116,
	TAG_BASENAMES = 1117,
	TAG_DIRNAMES = 1118,
	TAG_FILEDIGESTALGO = 5011,
};

enum type {
	TYPE_CHAR = 1,
	TYPE_INT16 = 3,
	TYPE_INT32 = 4,
	TYPE_STRING = 6,
	TYPE_STRINGS = 8,
};

static uint32_t
u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

int
rpm_header_open(const void *data, size_t len, struct rpm_header *h,
    size_t *used)
{
	const uint8_t *p = data;
	uint64_t tags, bytes;

	if (len < 8 || len > RPM_HEADER_MAX)
		return ERR_SYNTAX;
	tags = u32(p);
	bytes = u32(p + 4);
	if (tags == 0 || tags > RPM_TAGS_MAX || bytes > RPM_HEADER_MAX ||
	    8 + tags * ENTRY + bytes > len)
		return ERR_SYNTAX;
	h->index = p + 8;
	h->data = p + 8 + tags * ENTRY;
	h->tags = (size_t)tags;
	h->len = (size_t)bytes;
	*used = (size_t)(8 + tags * ENTRY + bytes);
	return 0;
}

/* The NUL-ended text at AT inside the data; false: it does not end. */
static bool
text_at(const struct rpm_header *h, const uint8_t *at, struct slice *s)
{
	const uint8_t *end = h->data + h->len, *nul;

	if (at >= end)
		return false;
	nul = memchr(at, '\0', (size_t)(end - at));
	if (nul == NULL)
		return false;
	*s = (struct slice){(const char *)at, (size_t)(nul - at)};
	return true;
}

/*
 * The value of TAG, of TYPE: where it begins and how many there are.  NULL:
 * not there, of another type, or not inside the data.  Of texts only the
 * beginning is looked at.
 */
static const uint8_t *
value(const struct rpm_header *h, enum tag tag, enum type type, size_t *n)
{
	static const size_t size[] = {[TYPE_CHAR] = 1, [TYPE_INT16] = 2,
	    [TYPE_INT32] = 4, [TYPE_STRING] = 1, [TYPE_STRINGS] = 1};
	const uint8_t *e = h->index;
	uint64_t at, count;
	size_t i;

	for (i = 0; i < h->tags; i++, e += ENTRY)
		if (u32(e) == (uint32_t)tag && u32(e + 4) == (uint32_t)type)
			break;
	if (i == h->tags)
		return NULL;
	at = u32(e + 8);
	count = u32(e + 12);
	if (count == 0 || at > h->len || count * size[type] > h->len - at)
		return NULL;
	*n = (size_t)count;
	return h->data + at;
}

static bool
text(const struct rpm_header *h, enum tag tag, struct slice *s)
{
	const uint8_t *at;
	size_t n;

	at = value(h, tag, TYPE_STRING, &n);
	return at != NULL && text_at(h, at, s) && s->len > 0 &&
	    s->len < sizeof(((struct rpm_package *)0)->version_text) / 2 &&
	    strcspn(s->at, " \t\n/") == s->len;
}

int
rpm_package(const struct rpm_header *h, struct rpm_package *p)
{
	struct slice version, release;
	const uint8_t *epoch;
	char number[16] = "";
	size_t n;

	if (!text(h, TAG_NAME, &p->name) ||
	    !text(h, TAG_VERSION, &version) ||
	    !text(h, TAG_RELEASE, &release))
		return ERR_SYNTAX;
	if (!text(h, TAG_ARCH, &p->arch)) /* keys have none */
		p->arch = (struct slice){"none", 4};
	epoch = value(h, TAG_EPOCH, TYPE_INT32, &n);
	if (epoch != NULL)
		snprintf(number, sizeof(number), "%u:", u32(epoch));
	p->version.len = (size_t)snprintf(p->version_text,
	    sizeof(p->version_text), "%s%.*s-%.*s", number,
	    (int)version.len, version.at, (int)release.len, release.at);
	p->version.at = p->version_text;
	return p->version.len < sizeof(p->version_text) ? 0 : ERR_SYNTAX;
}

/* -- files ---------------------------- */

/* The text at *AT, and *AT behind it; NULL stays and gives "". */
static bool
next_text(const struct rpm_header *h, const uint8_t **at, struct slice *s)
{
	*s = (struct slice){"", 0};
	if (*at == NULL)
		return true;
	if (!text_at(h, *at, s))
		return false;
	*at += s->len + 1;
	return true;
}

static int
read_dirs(const struct rpm_header *h, struct rpm_files *f)
{
	const uint8_t *at;
	struct slice s;
	size_t i;

	at = value(h, TAG_DIRNAMES, TYPE_STRINGS, &f->dirs);
	if (at == NULL)
		return ERR_SYNTAX;
	f->dir = calloc(f->dirs, sizeof(*f->dir));
	if (f->dir == NULL)
		return ERR_NOMEM;
	for (i = 0; i < f->dirs; i++) {
		f->dir[i] = at;
		if (!next_text(h, &at, &s) || s.len == 0 || s.at[0] != '/' ||
		    s.at[s.len - 1] != '/')
			return ERR_SYNTAX;
	}
	return 0;
}

/* A list as long as that of the files, or NULL; BAD when it is not. */
static const uint8_t *
list(const struct rpm_files *f, enum tag tag, enum type type, bool *bad)
{
	size_t n = 0;
	const uint8_t *at = value(&f->h, tag, type, &n);

	if (at != NULL && n != f->n)
		*bad = true;
	return at;
}

int
rpm_files_open(const struct rpm_header *h, struct rpm_files *f)
{
	const uint8_t *algo;
	bool bad = false;
	size_t n;
	int r;

	memset(f, 0, sizeof(*f));
	f->h = *h;
	f->base = value(h, TAG_BASENAMES, TYPE_STRINGS, &f->n);
	if (f->base == NULL) {
		f->n = 0;
		return 0;
	}
	if (f->n > RPM_FILES_MAX)
		return ERR_LIMIT;
	f->index = list(f, TAG_DIRINDEXES, TYPE_INT32, &bad);
	f->modes = list(f, TAG_FILEMODES, TYPE_INT16, &bad);
	f->flags = list(f, TAG_FILEFLAGS, TYPE_INT32, &bad);
	f->states = list(f, TAG_FILESTATES, TYPE_CHAR, &bad);
	f->digest = list(f, TAG_FILEDIGESTS, TYPE_STRINGS, &bad);
	f->target = list(f, TAG_FILELINKTOS, TYPE_STRINGS, &bad);
	f->user = list(f, TAG_FILEUSERNAME, TYPE_STRINGS, &bad);
	f->group = list(f, TAG_FILEGROUPNAME, TYPE_STRINGS, &bad);
	if (bad || f->index == NULL || f->modes == NULL)
		return ERR_SYNTAX;
	algo = value(h, TAG_FILEDIGESTALGO, TYPE_INT32, &n);
	f->algo = algo == NULL ? HASH_MD5 : u32(algo);
	r = read_dirs(h, f);
	if (r != 0)
		rpm_files_done(f);
	return r;
}

void
rpm_files_done(struct rpm_files *f)
{
	free(f->dir);
	memset(f, 0, sizeof(*f));
}

static size_t
digest_of_text(const struct rpm_files *f, struct slice hex, uint8_t *out)
{
	char copy[DIGEST_HEX_MAX];
	size_t want = f->algo == HASH_SHA256 ? DIGEST_LEN :
	    f->algo == HASH_MD5 ? DPKG_MD5_LEN : 0;

	if (want == 0 || hex.len != 2 * want ||
	    !slice_copy(hex, copy, sizeof(copy)) ||
	    hex_decode(out, want, copy) != 0)
		return 0;
	return want;
}

bool
rpm_files_next(struct rpm_files *f, struct rpm_file *file)
{
	struct slice digest;
	uint32_t dir;
	size_t i = f->at;

	memset(file, 0, sizeof(*file));
	if (i >= f->n || !next_text(&f->h, &f->base, &file->base) ||
	    !next_text(&f->h, &f->digest, &digest) ||
	    !next_text(&f->h, &f->target, &file->target) ||
	    !next_text(&f->h, &f->user, &file->user) ||
	    !next_text(&f->h, &f->group, &file->group))
		return false;
	dir = u32(f->index + 4 * i);
	if (dir >= f->dirs || !text_at(&f->h, f->dir[dir], &file->dir))
		return false;
	file->mode = (uint32_t)f->modes[2 * i] << 8 | f->modes[2 * i + 1];
	file->flags = f->flags == NULL ? 0 : u32(f->flags + 4 * i);
	file->there = f->states == NULL || f->states[i] == 0;
	file->digest_len = digest_of_text(f, digest, file->digest);
	f->at++;
	return true;
}
