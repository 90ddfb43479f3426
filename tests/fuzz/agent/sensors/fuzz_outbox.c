/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the sensors kept over a kill, from files of any content.  First byte:
 * how much of the rest is the file of unsent signals, in 256ths; what follows
 * is the file of folded counts.  With bit 0 of the second byte a good header
 * and good CRCs are put around them, so that the fuzzer gets behind them.
 * Afterwards a signal must go in and all must come out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/kept.h"
#include "agent/sensors/outbox.h"
#include "common/base/buf.h"
#include "common/base/crc.h"
#include "common/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void
path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", dir, name);
}

static void
clean_up(void)
{
	static const char *const names[] = {"unsent-0", "unsent-1", FOLD_NAME};
	char path[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		path_of(path, names[i]);
		(void)unlink(path);
	}
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

static void
write_file(const char *name, const struct buf *b)
{
	char path[128];
	FILE *f;

	path_of(path, name);
	if ((f = fopen(path, "w")) == NULL)
		abort();
	fwrite(b->data, 1, b->len, f);
	fclose(f);
}

/* {length u8, serial u8, data} ... behind a good header. */
static void
make_unsent(struct buf *out, const uint8_t *data, size_t size)
{
	struct reader r;
	struct buf body;
	uint8_t len;

	(void)buf_add(out, "CRDNKPT1", 8);
	(void)buf_add_u64(out, 5); /* run */
	(void)buf_add_u64(out, 6); /* boot */
	(void)buf_add_u64(out, 1); /* first serial */
	(void)buf_add_u32(out, crc32_of(out->data, out->len));
	reader_init(&r, data, size);
	while (r.left >= 2) {
		buf_init(&body, 512);
		len = reader_u8(&r);
		(void)buf_add_u64(&body, reader_u8(&r));
		if (len > r.left)
			len = (uint8_t)r.left;
		(void)buf_add(&body, reader_bytes(&r, len), len);
		(void)buf_add_u32(out, len);
		(void)buf_add_u32(out, crc32_of(body.data, body.len));
		(void)buf_add(out, body.data, body.len);
		buf_done(&body);
	}
}

/* One slot: size and CRC as they should be. */
static void
make_folded(struct buf *out, const uint8_t *data, size_t size)
{
	struct fold_count c;
	uint32_t head[2];

	memset(&c, 0, sizeof(c));
	memcpy(&c, data, size < sizeof(c) ? size : sizeof(c));
	head[1] = (uint32_t)(sizeof(head) + sizeof(c));
	(void)buf_add(out, &head[1], sizeof(head[1]));
	(void)buf_add(out, &c, sizeof(c));
	head[0] = crc32_of(out->data, out->len);
	buf_clear(out);
	(void)buf_add(out, head, sizeof(head));
	(void)buf_add(out, &c, sizeof(c));
}

static int
take(void *arg, uint32_t kind, const void *data, size_t len)
{
	(void)kind, (void)data, (void)len;
	++*(size_t *)arg;
	return 0;
}

static void
use(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct outbox *o = outbox_new(fd);
	size_t taken = 0, before;
	struct emit_signal s;
	struct why why;

	if (outbox_keep(o, dir, 10, &why) == 0) {
		before = outbox_signals(o);
		emit_init(&s, "files.changed", "/a");
		if (emit_send(o, &s) != 0)
			abort();
		emit_folded(o, true);
		(void)outbox_flush(o, take, &taken);
		if (taken < before + 1)
			abort();
	}
	outbox_free(&o);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf unsent, folded;
	size_t n;

	if (dir[0] == '\0')
		start();
	if (size < 2)
		return 0;
	n = (size - 2) * data[0] / 256;
	buf_init(&unsent, 1 << 20);
	buf_init(&folded, 1 << 20);
	if (data[1] & 1) {
		make_unsent(&unsent, data + 2, n);
		make_folded(&folded, data + 2 + n, size - 2 - n);
	} else {
		(void)buf_add(&unsent, data + 2, n);
		(void)buf_add(&folded, data + 2 + n, size - 2 - n);
	}
	write_file("unsent-0", &unsent);
	write_file("unsent-1", &(struct buf){.len = 0});
	write_file(FOLD_NAME, &folded);
	buf_done(&unsent);
	buf_done(&folded);
	use();
	return 0;
}
