/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A spool from files of any content.  First byte: 1 the rest is a segment
 * file as it is; else a good header stands before records made of the rest
 * with good CRCs, so that the fuzzer gets behind them.  Bit 2: the state
 * file is the rest, too.  Whatever is recovered must be readable, and the
 * spool must take a signal afterwards.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/network/segment.h"
#include "agent/network/spool.h"
#include "agent/network/spool_int.h"
#include "common/base/file.h"
#include "common/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void
clean_up(void)
{
	(void)spool_wipe(dir, NULL);
	(void)rmdir(dir);
}

static void
start(void)
{
	strcpy(dir, access("/dev/shm", W_OK) == 0 ?
	    "/dev/shm/cordon-fuzz-XXXXXX" : "/tmp/cordon-fuzz-XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	log_init("fuzz", LOG_LEVEL_ERROR - 1);
	atexit(clean_up);
}

/* {length u16, number u8, severity u8, data} ... */
static void
make_records(struct buf *out, const uint8_t *data, size_t size)
{
	static const uint8_t chain[DIGEST_LEN];
	struct reader r;
	const uint8_t *p;
	uint8_t number, severity;
	uint16_t len;

	(void)segment_header_encode(out, 1, chain);
	reader_init(&r, data, size);
	while (r.left >= 4) {
		len = reader_u16(&r);
		number = reader_u8(&r);
		severity = reader_u8(&r);
		if (len > r.left)
			len = (uint16_t)r.left;
		p = reader_bytes(&r, len);
		if (record_encode(out, number, severity, p, len) != 0)
			return;
	}
}

static void
write_file(const char *name, const void *data, size_t len)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "w")) == NULL)
		abort();
	fwrite(data, 1, len, f);
	fclose(f);
}

static void
use(struct spool *s)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	uint64_t from = 1, last = 0;
	struct why why;
	struct buf b;

	buf_init(&b, SPOOL_BATCH_BYTES);
	while (spool_read(s, from, &b, &last, &why) == 0) {
		if (last < from)
			abort();
		from = last + 1;
		buf_clear(&b);
	}
	last = spool_next(s);
	if (spool_add(s, &sig, &why) != 0 || spool_next(s) != last + 1 ||
	    spool_sync(s, &why) != 0)
		abort();
	if (spool_read(s, last, &b, &from, &why) != 0 || from != last)
		abort();
	(void)spool_report(s, &why);
	(void)spool_ack(s, last, &why);
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[SEGMENT_NAME_MAX];
	struct spool *s = NULL;
	struct why why;
	struct buf seg;

	if (dir[0] == '\0')
		start();
	if (size < 1 || size > 65536)
		return 0;
	buf_init(&seg, 4 * 65536);
	if (data[0] & 1)
		(void)buf_add(&seg, data + 1, size - 1);
	else
		make_records(&seg, data + 1, size - 1);
	segment_name(name, 1);
	write_file(name, seg.data != NULL ? seg.data :
	    (const uint8_t *)"", seg.len);
	buf_done(&seg);
	if (data[0] & 2)
		write_file(SPOOL_STATE, data + 1, size - 1);
	/* It may refuse (no number is left), but not fall over. */
	if (spool_open(dir, SPOOL_MAX_LEAST, &s, &why) == 0) {
		use(s);
		spool_close(&s);
	}
	(void)spool_wipe(dir, NULL);
	return 0;
}
