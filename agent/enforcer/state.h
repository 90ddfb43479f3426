/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this host shall be, on disk: one file, written whole (fsync and
 * rename) before the kernel is touched and before any answer is given.
 * After a SIGKILL or a power cut the kernel is made to agree with it.
 *
 * A full disk is no way to escape an order, nor to be stranded under one:
 * a spare of the same size lies beside the file and takes its place
 * (file_write_spare).  Where even that fails (an I/O error, read-only) the
 * order is answered "failed" and the kernel stays as it was: rules that the
 * disk does not know would be gone at the enforcer's next start, and an
 * isolation that looks done and ends by itself is worse than a loud one
 * that could not be carried out.
 */
#ifndef CORDON_ENFORCER_STATE_H
#define CORDON_ENFORCER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/wire/order.h"

#define STATE_FILE "state" /* in the enforcer's folder, 0600 */
#define STATE_FILE_BAD "state.bad"
#define STATE_BOOT_ID_LEN 36
#define STATE_ANSWER_MAX (8 * 1024)
#define STATE_MAX (2 * ORDER_MAX + STATE_ANSWER_MAX + 1024)

/* An order and the profile that it has come to. */
struct desired {
	struct buf order; /* packed SignedOrder; empty: never ordered */
	uint8_t profile;  /* Cordon__Profile: the order's, or what dead-man,
			     drill end or review made of it */
};

struct state {
	uint64_t epoch;		  /* highest accepted */
	struct desired current;
	struct desired previous;  /* what commit-confirm goes back to */
	int64_t since_ms;	  /* wall time of the change */
	char boot_id[STATE_BOOT_ID_LEN + 1]; /* of the deadlines */
	int64_t confirm_boot_ms;  /* deadline; 0: nothing to confirm */
	int64_t restore_boot_ms;  /* end of a live drill, review that
				     restores; 0: none */
	uint64_t tampers;
	uint8_t answered[DIGEST_LEN]; /* digest of the order that... */
	struct buf answer; /* ...this packed OrderAnswer is for; empty: the
			      current order is not answered yet */
};

/* Profile open, epoch 0. */
void state_init(struct state *s);
void state_done(struct state *s);
int state_copy(struct state *to, const struct state *from);
int desired_set(struct desired *d, const void *order, size_t len,
    uint8_t profile);

/* Make the spare while there is room for it. */
int state_reserve(const char *dir, struct why *why);
/* ERR_NOENT: no file; ERR_CORRUPT: not what was written (S untouched). */
int state_load(const char *dir, struct state *s, struct why *why);
int state_save(const char *dir, const struct state *s, struct why *why);

/*
 * The two halves without the file; the fuzzer's entry is state_decode, which
 * takes zeros behind what was encoded.
 */
int state_encode(const struct state *s, struct buf *out);
int state_decode(const void *data, size_t len, struct state *s,
    struct why *why);

/* /proc/sys/kernel/random/boot_id. */
int state_boot_id(char out[STATE_BOOT_ID_LEN + 1]);

#endif
