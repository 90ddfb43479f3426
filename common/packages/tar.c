/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tar reader of the tool.  A package is data of others: every number is
 * checked, every name bounded.
 */
#include "common/packages/tar.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK 512

/* Offsets and lengths of the header, tar(5). */
#define NAME 0, 100
#define MODE 100, 8
#define UID 108, 8
#define GID 116, 8
#define SIZE 124, 12
#define SUM_AT 148
#define SUM_LEN 8
#define TYPE_AT 156
#define LINK 157, 100
#define PREFIX 345, 155

void
tar_init(struct tar *t, tar_read_fn *read, void *arg)
{
	memset(t, 0, sizeof(*t));
	t->read = read;
	t->arg = arg;
}

/* All of LEN; 0 or ERR_IO, ERR_SYNTAX when it ends inside. */
static int
take(struct tar *t, void *buf, size_t len)
{
	uint8_t *at = buf;
	ssize_t n;

	while (len > 0) {
		n = t->read(t->arg, at, len);
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return ERR_SYNTAX;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static bool
octal(const uint8_t *head, size_t at, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = at, end = at + len, digits = 0;

	while (i < end && head[i] == ' ')
		i++;
	for (; i < end && head[i] >= '0' && head[i] <= '7'; i++) {
		v = v << 3 | (uint64_t)(head[i] - '0');
		digits++;
	}
	*out = v;
	return digits > 0 && (i == end || head[i] == '\0' || head[i] == ' ');
}

static bool
good_sum(const uint8_t *head)
{
	uint64_t want, sum = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : head[i];
	return octal(head, SUM_AT, SUM_LEN, &want) && sum == want;
}

static bool
all_zero(const uint8_t *head)
{
	size_t i;

	for (i = 0; i < BLOCK; i++)
		if (head[i] != 0)
			return false;
	return true;
}

static void
text(const uint8_t *head, size_t at, size_t len, char *out)
{
	size_t n = strnlen((const char *)head + at, len);

	memcpy(out, head + at, n);
	out[n] = '\0';
}

/* "./a/" -> "a"; "." -> "". */
static void
tidy(char *name)
{
	size_t skip = 0, n;

	while (name[skip] == '/' || (name[skip] == '.' &&
	    (name[skip + 1] == '/' || name[skip + 1] == '\0')))
		skip++;
	memmove(name, name + skip, strlen(name + skip) + 1);
	n = strlen(name);
	while (n > 0 && name[n - 1] == '/')
		name[--n] = '\0';
}

static int
skip_rest(struct tar *t)
{
	uint8_t block[BLOCK];
	size_t n;
	int r;

	while (t->left > 0) {
		n = t->left < BLOCK ? (size_t)t->left : BLOCK;
		r = take(t, block, n);
		if (r != 0)
			return r;
		t->left -= n;
	}
	t->content = 0;
	return 0;
}

/* The content of a GNU long name or link, with its padding. */
static int
long_name(struct tar *t, uint64_t size, char *out)
{
	uint8_t block[BLOCK];
	size_t n, have = 0;
	int r;

	if (size == 0 || size > TAR_NAME_MAX)
		return ERR_LIMIT;
	while (have < size) {
		r = take(t, block, sizeof(block));
		if (r != 0)
			return r;
		n = size - have < BLOCK ? (size_t)(size - have) : BLOCK;
		memcpy(out + have, block, n);
		have += n;
	}
	if (out[size - 1] != '\0')
		return ERR_SYNTAX;
	return 0;
}

static char
type_of(uint8_t flag)
{
	switch (flag) {
	case '\0':
	case '0':
	case '7':
		return 'f';
	case '1':
		return 'h';
	case '2':
		return 'l';
	case '5':
		return 'd';
	case '3':
	case '4':
	case '6':
		return 'o';
	default:
		return '\0'; /* pax and others: not what dpkg-deb writes */
	}
}

static int
fill(struct tar *t, const uint8_t *head, struct tar_entry *e, bool named,
    bool linked)
{
	uint64_t mode, uid, gid, size;
	char prefix[156], name[104];

	e->type = type_of(head[TYPE_AT]);
	if (e->type == '\0' || !octal(head, MODE, &mode) ||
	    !octal(head, UID, &uid) || !octal(head, GID, &gid) ||
	    !octal(head, SIZE, &size))
		return ERR_SYNTAX;
	if (!named) {
		text(head, NAME, name);
		prefix[0] = '\0';
		if (memcmp(head + 257, "ustar\0", 6) == 0)
			text(head, PREFIX, prefix);
		strcpy(e->name, prefix);
		if (prefix[0] != '\0')
			strcat(e->name, "/");
		strcat(e->name, name);
	}
	if (!linked)
		text(head, LINK, e->target);
	tidy(e->name);
	if (e->type == 'h')
		tidy(e->target);
	e->mode = (uint32_t)mode & 07777;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->size = e->type == 'f' ? size : 0;
	t->content = e->size;
	t->left = (size + BLOCK - 1) / BLOCK * BLOCK;
	return size > INT64_MAX ? ERR_LIMIT : 0;
}

int
tar_next(struct tar *t, struct tar_entry *e)
{
	uint8_t head[BLOCK];
	bool named = false, linked = false;
	uint64_t size;
	int r;

	r = skip_rest(t);
	while (r == 0) {
		r = take(t, head, sizeof(head));
		if (r != 0)
			break;
		if (all_zero(head))
			return ERR_NOENT;
		if (!good_sum(head) || !octal(head, SIZE, &size))
			return ERR_SYNTAX;
		if (head[TYPE_AT] == 'L') {
			r = long_name(t, size, e->name);
			named = true;
		} else if (head[TYPE_AT] == 'K') {
			r = long_name(t, size, e->target);
			linked = true;
		} else {
			return fill(t, head, e, named, linked);
		}
	}
	return r;
}

ssize_t
tar_content(struct tar *t, void *buf, size_t len)
{
	int r;

	if (len > t->content)
		len = (size_t)t->content;
	r = take(t, buf, len);
	if (r != 0)
		return r;
	t->content -= len;
	t->left -= len;
	return (ssize_t)len;
}
