/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded buffer and reader.  Runs in every process; what is in the bytes
 * is foreign, the lengths given by the caller are not.
 */
#include "common/base/buf.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

#define BUF_FIRST 256
#define BUF_MAX (SIZE_MAX / 4) /* so that no sum below can overflow */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max < BUF_MAX ? max : BUF_MAX};
}

void
buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

void
buf_done_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_done(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

/*
 * Room for MORE bytes and a terminator.  Not realloc(3): it may leave a copy
 * of a secret behind, and the buffer does not know what it holds.
 */
static int
ensure(struct buf *b, size_t more)
{
	uint8_t *data;
	size_t cap;

	if (more > b->max - b->len)
		return ERR_LIMIT;
	if (b->data != NULL && b->len + more + 1 <= b->cap)
		return 0;
	cap = b->cap < BUF_FIRST ? BUF_FIRST : 2 * b->cap;
	if (cap < b->len + more + 1)
		cap = b->len + more + 1;
	if (cap > b->max + 1)
		cap = b->max + 1;
	data = malloc(cap);
	if (data == NULL)
		return ERR_NOMEM;
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->len);
		free(b->data);
	}
	b->data = data;
	b->cap = cap;
	return 0;
}

int
buf_add(struct buf *b, const void *data, size_t len)
{
	int rc = ensure(b, len);

	if (rc == 0 && len > 0) {
		memcpy(b->data + b->len, data, len);
		b->len += len;
	}
	return rc;
}

int
buf_add_str(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int
buf_add_u8(struct buf *b, uint8_t v)
{
	return buf_add(b, &v, sizeof(v));
}

int
buf_add_u16(struct buf *b, uint16_t v)
{
	v = htobe16(v);
	return buf_add(b, &v, sizeof(v));
}

int
buf_add_u32(struct buf *b, uint32_t v)
{
	v = htobe32(v);
	return buf_add(b, &v, sizeof(v));
}

int
buf_add_u64(struct buf *b, uint64_t v)
{
	v = htobe64(v);
	return buf_add(b, &v, sizeof(v));
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, rc;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return ERR_LIMIT; /* EOVERFLOW: longer than INT_MAX */
	rc = ensure(b, (size_t)n);
	if (rc != 0)
		return rc;
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int
buf_reserve(struct buf *b, size_t len, uint8_t **at)
{
	int rc = ensure(b, len);

	if (rc == 0)
		*at = b->data + b->len;
	return rc;
}

void
buf_grow(struct buf *b, size_t len)
{
	assert(b->data != NULL && len < b->cap - b->len); /* was reserved */
	b->len += len;
}

void
buf_consume(struct buf *b, size_t len)
{
	assert(len <= b->len);
	b->len -= len;
	if (len > 0 && b->len > 0)
		memmove(b->data, b->data + len, b->len);
}

const char *
buf_str(struct buf *b)
{
	if (ensure(b, 0) != 0)
		return NULL;
	b->data[b->len] = '\0';
	return (const char *)b->data;
}

void
reader_init(struct reader *r, const void *data, size_t len)
{
	*r = (struct reader){.at = data, .left = len};
}

const uint8_t *
reader_bytes(struct reader *r, size_t len)
{
	const uint8_t *at = r->at;

	if (r->bad || len > r->left) {
		r->bad = true;
		return NULL;
	}
	if (len > 0)
		r->at += len;
	r->left -= len;
	return at;
}

/* LEN bytes as a big-endian number; 0 if there are fewer. */
static uint64_t
number(struct reader *r, size_t len)
{
	const uint8_t *p = reader_bytes(r, len);
	uint64_t v = 0;
	size_t i;

	for (i = 0; p != NULL && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
reader_u8(struct reader *r)
{
	return (uint8_t)number(r, 1);
}

uint16_t
reader_u16(struct reader *r)
{
	return (uint16_t)number(r, 2);
}

uint32_t
reader_u32(struct reader *r)
{
	return (uint32_t)number(r, 4);
}

uint64_t
reader_u64(struct reader *r)
{
	return number(r, 8);
}
