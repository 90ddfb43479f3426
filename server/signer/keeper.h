/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper of the order key and the audit key: takes one request, gives
 * one answer.  No socket, no loop: so it can be tested and fuzzed whole.
 */
#ifndef CORDON_SERVER_SIGNER_KEEPER_H
#define CORDON_SERVER_SIGNER_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define KEEPER_ANSWER_MAX (64 * 1024)

struct keeper;

/* Are both keys in DIR?  One of two is ERR_CORRUPT: nothing is guessed. */
int keeper_has_keys(const char *dir, bool *has, struct why *why);
/* Make both, 0400; ERR_EXIST if there is any. */
int keeper_make_keys(const char *dir, struct why *why);

/* Load the keys and the journal.  BUDGET: hosts an hour, 0: no limit. */
int keeper_open(const char *dir, int64_t budget, struct keeper **k,
    struct why *why);
void keeper_close(struct keeper **k);

/*
 * KIND is an enum signer_kind.  0: the answer's payload is appended to OUT
 * and its kind set, also when it is a refusal.  ERR_PROTO: the asker broke
 * the protocol and must be cut off.
 */
int keeper_answer(struct keeper *k, uint32_t kind, const void *payload,
    size_t len, uint32_t *answer_kind, struct buf *out, struct why *why);

#endif
