/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacking with zlib, liblzma and libzstd.  Runs in the import command of
 * the collector, as its user; the bytes are a package's.
 */
#include "server/lists/inflate.h"

#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK 65536
#define GZIP_HEAD (16 + 15) /* zlib.h: only gzip, the largest window */
#define ZSTD_WINDOW_LOG 27  /* 128 MiB */

struct inflate {
	enum inflate_kind kind;
	inflate_read_fn *read;
	void *arg;
	uint8_t in[CHUNK];
	size_t at, have; /* in IN */
	bool end;	 /* of what is packed */
	bool whole;	 /* nothing more comes out */
	uint64_t out;
	z_stream gz;
	lzma_stream xz;
	ZSTD_DStream *zstd;
	bool open; /* a frame of it has not ended */
};

struct inflate *
inflate_new(enum inflate_kind kind, inflate_read_fn *read, void *arg)
{
	const lzma_stream none = LZMA_STREAM_INIT;
	struct inflate *z = calloc(1, sizeof(*z));
	bool good = z != NULL;

	if (!good)
		return NULL;
	z->kind = kind;
	z->read = read;
	z->arg = arg;
	z->xz = none;
	if (kind == INFLATE_GZIP)
		good = inflateInit2(&z->gz, GZIP_HEAD) == Z_OK;
	else if (kind == INFLATE_XZ)
		good = lzma_stream_decoder(&z->xz, INFLATE_MEMORY_MAX,
		    LZMA_CONCATENATED) == LZMA_OK;
	else if (kind == INFLATE_ZSTD)
		good = (z->zstd = ZSTD_createDStream()) != NULL &&
		    ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd,
		    ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)) == 0;
	if (!good)
		inflate_free(&z);
	return z;
}

void
inflate_free(struct inflate **zp)
{
	struct inflate *z = *zp;

	if (z == NULL)
		return;
	if (z->kind == INFLATE_GZIP)
		inflateEnd(&z->gz);
	else if (z->kind == INFLATE_XZ)
		lzma_end(&z->xz);
	ZSTD_freeDStream(z->zstd);
	free(z);
	*zp = NULL;
}

static int
fill(struct inflate *z)
{
	ssize_t n;

	if (z->at < z->have || z->end)
		return 0;
	n = z->read(z->arg, z->in, sizeof(z->in));
	if (n < 0 || (size_t)n > sizeof(z->in))
		return -1;
	z->at = 0;
	z->have = (size_t)n;
	z->end = n == 0;
	return 0;
}

/* Each: one step from what is in IN to BUF; what came out, or -1. */
static ssize_t
step_gzip(struct inflate *z, uint8_t *buf, size_t len)
{
	int rc;

	z->gz.next_in = z->in + z->at;
	z->gz.avail_in = (unsigned int)(z->have - z->at);
	z->gz.next_out = buf;
	z->gz.avail_out = (unsigned int)len;
	rc = inflate(&z->gz, Z_NO_FLUSH);
	z->at = z->have - z->gz.avail_in;
	z->whole = rc == Z_STREAM_END;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return -1;
	return (ssize_t)(len - z->gz.avail_out);
}

static ssize_t
step_xz(struct inflate *z, uint8_t *buf, size_t len)
{
	lzma_ret rc;

	z->xz.next_in = z->in + z->at;
	z->xz.avail_in = z->have - z->at;
	z->xz.next_out = buf;
	z->xz.avail_out = len;
	rc = lzma_code(&z->xz, z->end ? LZMA_FINISH : LZMA_RUN);
	z->at = z->have - z->xz.avail_in;
	z->whole = rc == LZMA_STREAM_END;
	if (rc != LZMA_OK && rc != LZMA_STREAM_END && rc != LZMA_BUF_ERROR)
		return -1;
	return (ssize_t)(len - z->xz.avail_out);
}

static ssize_t
step_zstd(struct inflate *z, uint8_t *buf, size_t len)
{
	ZSTD_inBuffer in = {z->in, z->have, z->at};
	ZSTD_outBuffer out = {buf, len, 0};
	size_t rc = ZSTD_decompressStream(z->zstd, &out, &in);

	z->at = in.pos;
	if (ZSTD_isError(rc))
		return -1;
	if (in.size > 0 || out.pos > 0)
		z->open = rc != 0;
	z->whole = !z->open && z->end;
	return (ssize_t)out.pos;
}

static ssize_t
step(struct inflate *z, uint8_t *buf, size_t len)
{
	size_t n = z->have - z->at;

	switch (z->kind) {
	case INFLATE_GZIP:
		return step_gzip(z, buf, len);
	case INFLATE_XZ:
		return step_xz(z, buf, len);
	case INFLATE_ZSTD:
		return step_zstd(z, buf, len);
	default:
		n = n < len ? n : len;
		__builtin_memcpy(buf, z->in + z->at, n);
		z->at += n;
		z->whole = n == 0 && z->end;
		return (ssize_t)n;
	}
}

ssize_t
inflate_read(void *arg, void *buf, size_t len)
{
	struct inflate *z = arg;
	ssize_t n = 0;

	len = len < CHUNK ? len : CHUNK;
	while (n == 0 && !z->whole) {
		if (fill(z) != 0)
			return -1;
		n = step(z, buf, len);
		/* packed bytes that end before the stream does */
		if (n == 0 && z->end && !z->whole)
			return -1;
	}
	if (n > 0 && (z->out += (uint64_t)n) > INFLATE_BYTES_MAX)
		return -1;
	return n;
}
