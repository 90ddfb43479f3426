/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Debian packages: an ar archive (deb(5)) of "debian-binary",
 * "control.tar.X" and "data.tar.X".  Runs in the import command of the
 * collector; the file is foreign.
 */
#include "server/lists/deb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/packages/tar.h"
#include "common/packages/tarlist.h"
#include "server/lists/inflate.h"

#define AR_MAGIC "!<arch>\n"
#define AR_HEAD 60 /* name 16, date 12, ids 12, mode 8, size 10, end 2 */
#define MEMBERS_MAX 8
#define CONTROL_MAX (1024 * 1024)

/* The member that is read now. */
struct ar {
	int fd;
	uint64_t left;	/* of its bytes */
	bool odd;	/* one byte of padding follows */
	char name[17];
};

static ssize_t
read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

static bool
read_all(int fd, void *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = read_some(fd, buf, len);
		if (n <= 0)
			return false;
		buf = (char *)buf + n;
		len -= (size_t)n;
	}
	return true;
}

static ssize_t
ar_read(void *arg, void *buf, size_t len)
{
	struct ar *a = arg;
	ssize_t n;

	if (a->left == 0)
		return 0;
	n = read_some(a->fd, buf, len < a->left ? len : (size_t)a->left);
	if (n <= 0)
		return -1; /* cut off */
	a->left -= (uint64_t)n;
	return n;
}

/* The next member; what is left of the one before is passed over. */
static int
ar_next(struct ar *a)
{
	char head[AR_HEAD], size[11], skip[4096];
	int64_t n;

	while (a->left > 0)
		if (ar_read(a, skip, sizeof(skip)) <= 0)
			return ERR_SYNTAX;
	if (a->odd && !read_all(a->fd, skip, 1))
		return ERR_NOENT;
	if (!read_all(a->fd, head, sizeof(head)))
		return ERR_NOENT;
	memcpy(a->name, head, 16);
	a->name[16] = '\0';
	a->name[strcspn(a->name, " /")] = '\0';
	memcpy(size, head + 48, 10);
	size[10] = '\0';
	size[strcspn(size, " ")] = '\0';
	if (memcmp(head + 58, "`\n", 2) != 0 ||
	    text_number(size, 0, INT64_C(9999999999), &n) != 0)
		return ERR_SYNTAX;
	a->left = (uint64_t)n;
	a->odd = n % 2 != 0;
	return 0;
}

/* "NAME.tar.xz": how is it packed?  False: not that member. */
static bool
is_member(const char *name, const char *want, enum inflate_kind *kind)
{
	static const struct {
		const char *ending;
		enum inflate_kind kind;
	} t[] = {{".tar", INFLATE_PLAIN}, {".tar.gz", INFLATE_GZIP},
	    {".tar.xz", INFLATE_XZ}, {".tar.zst", INFLATE_ZSTD}};
	size_t len = strlen(want), i;

	if (strncmp(name, want, len) != 0)
		return false;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (strcmp(name + len, t[i].ending) == 0) {
			*kind = t[i].kind;
			return true;
		}
	return false;
}

/* "Field: value" of the control file; false: not there. */
static bool
field(struct slice text, const char *name, struct slice *value)
{
	size_t n = strlen(name);
	struct slice line;

	while (slice_line(&text, &line))
		if (line.len > n && strncmp(line.at, name, n) == 0 &&
		    line.at[n] == ':') {
			line.at += n + 1;
			line.len -= n + 1;
			return slice_word(&line, value);
		}
	return false;
}

/* The file "control" of the archive into TEXT. */
static int
read_control(struct tar *t, struct buf *text)
{
	struct tar_entry *e = malloc(sizeof(*e));
	char data[4096];
	ssize_t n = 0;
	int r = e == NULL ? ERR_NOMEM : 0;

	while (r == 0 && (r = tar_next(t, e)) == 0) {
		if (e->type != 'f' || strcmp(e->name, "control") != 0)
			continue;
		while (r == 0 && (n = tar_content(t, data, sizeof(data))) > 0)
			r = buf_add(text, data, (size_t)n);
		r = n < 0 ? (int)n : r;
		break;
	}
	free(e);
	return r;
}

static int
begin(struct buf *control, struct buf *out, char name[SUMS_NAME_MAX])
{
	const struct slice text = {(const char *)control->data, control->len};
	struct slice is, version, arch;

	if (!field(text, "Package", &is) ||
	    !field(text, "Version", &version) ||
	    !field(text, "Architecture", &arch))
		return ERR_SYNTAX;
	if (sums_name(name, is, version, arch) != 0)
		return ERR_RANGE;
	return sums_begin(out, is, version, arch);
}

static int
member(struct ar *a, enum inflate_kind kind, bool control, struct buf *out,
    char name[SUMS_NAME_MAX])
{
	struct inflate *z = inflate_new(kind, ar_read, a);
	struct buf text;
	char rest[4096];
	struct tar t;
	ssize_t n;
	int r;

	if (z == NULL)
		return ERR_NOMEM;
	buf_init(&text, CONTROL_MAX);
	tar_init(&t, inflate_read, z);
	r = control ? read_control(&t, &text) : tarlist_make(&t, out);
	/* to the end: only there its check sums are */
	while (r == 0 && (n = inflate_read(z, rest, sizeof(rest))) != 0)
		r = n < 0 ? ERR_SYNTAX : 0;
	if (r == 0 && control)
		r = begin(&text, out, name);
	buf_done(&text);
	inflate_free(&z);
	return r;
}

int
deb_list(int fd, struct buf *out, char name[SUMS_NAME_MAX], struct why *why)
{
	bool control = false, data = false;
	struct ar a = {.fd = fd};
	enum inflate_kind kind;
	char magic[8];
	int i, r = 0;

	if (!read_all(fd, magic, sizeof(magic)) ||
	    memcmp(magic, AR_MAGIC, sizeof(magic)) != 0)
		return why_set(why, ERR_SYNTAX, "no Debian package");
	for (i = 0; r == 0 && !data && i < MEMBERS_MAX; i++) {
		r = ar_next(&a);
		if (r == 0 && !control &&
		    is_member(a.name, "control", &kind)) {
			r = member(&a, kind, true, out, name);
			control = r == 0;
		} else if (r == 0 && control &&
		    is_member(a.name, "data", &kind)) {
			r = member(&a, kind, false, out, name);
			data = r == 0;
		}
	}
	return data ? 0 : why_set(why, r == 0 || r == ERR_NOENT ? ERR_SYNTAX :
	    r, "not in the form of a Debian package (%s)", a.name);
}
