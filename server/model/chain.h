/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit log as text: one JSON object a line, hash-chained, with signed
 * heads between, closed by a signed trailer.  This is the format and its
 * verification, which needs no collector: cordonctl runs it offline.
 *
 *   {"n":17,"at":"2026-...Z","who":"li","what":"plan.approve",...}\t<hash>
 *   #head 17 <hash> <signature hex>
 *   #end 17 <hash> <signature hex>
 *
 * hash(n) = SHA-256(hash(n-1) as 64 hex digits || line), hash(0) = 64 zeros.
 * Heads sign AUDIT_CONTEXT over "head <n> <hash>", the trailer over
 * "end <n> <hash>".  A log without its trailer is not whole.
 */
#ifndef CORDON_SERVER_MODEL_CHAIN_H
#define CORDON_SERVER_MODEL_CHAIN_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/sign.h"

#define CHAIN_LINE_MAX 8192

/* OUT gets the hex hash of LINE after PREV (64 digits each). */
void chain_hash(const char *prev, const char *line,
    char out[DIGEST_HEX_MAX]);

struct chain_result {
	uint64_t lines;	   /* good ones */
	uint64_t heads;
	uint64_t bad_line; /* line of the file where it breaks; 0: none */
};

/*
 * Read a whole log.  0: every line chained, every head and the trailer
 * signed by KEY.  ERR_CORRUPT with WHY "line 12: ..." else.
 */
int chain_verify(FILE *in, const uint8_t key[SIGN_KEY_LEN],
    struct chain_result *r, struct why *why);

#endif
