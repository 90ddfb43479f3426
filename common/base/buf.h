/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A byte buffer that grows up to a fixed maximum, and a reader over bytes
 * that never runs past their end.  Numbers are big-endian on the wire.
 */
#ifndef CORDON_BASE_BUF_H
#define CORDON_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned; NULL while nothing was added */
	size_t len;
	size_t cap;
	size_t max; /* len never passes this */
};

void buf_init(struct buf *b, size_t max);
/* Frees the bytes; wiping them first if WIPE (for secrets). */
void buf_done(struct buf *b);
void buf_done_wipe(struct buf *b);
void buf_clear(struct buf *b);

/* Each: 0, ERR_NOMEM, or ERR_LIMIT with the buffer as it was. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_str(struct buf *b, const char *text);
int buf_add_u8(struct buf *b, uint8_t v);
int buf_add_u16(struct buf *b, uint16_t v);
int buf_add_u32(struct buf *b, uint32_t v);
int buf_add_u64(struct buf *b, uint64_t v);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Room for LEN more bytes; *AT points to them; count them with buf_grow. */
int buf_reserve(struct buf *b, size_t len, uint8_t **at);
void buf_grow(struct buf *b, size_t len);
/* Drop LEN bytes from the front (LEN <= b->len). */
void buf_consume(struct buf *b, size_t len);
/* The bytes as a terminated string (terminator not counted), or NULL. */
const char *buf_str(struct buf *b);

struct reader {
	const uint8_t *at; /* lent */
	size_t left;
	bool bad; /* something was read past the end; all later reads give 0 */
};

void reader_init(struct reader *r, const void *data, size_t len);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* LEN bytes, lent, or NULL (and r->bad) if there are fewer. */
const uint8_t *reader_bytes(struct reader *r, size_t len);

#endif
