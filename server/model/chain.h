/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit log as text: one JSON object a line, hash-chained, with signed
 * heads between, closed by a signed trailer.  This is the format and its
 * verification, which needs no collector: cordonctl runs it offline.
 *
 *   {"n":17,"at":"2026-...Z","who":"li","what":"plan.approve",...}\t<hash>
 *   #head 17 <hash> <signature hex>
 *   #end 17 <whole> <signature hex>
 *
 * hash(n) = SHA-256(hash(n-1) as 64 hex digits || line), hash(0) = 64 zeros.
 * A head stands right after the line it names and signs AUDIT_CONTEXT over
 * "head <n> <hash>".  The trailer signs "end <n> <whole>", where whole is
 * the SHA-256 of every byte of the file before the trailer's line: so a
 * head that was taken out is missed too.  A log without its trailer is not
 * whole.  Hex is in lower case and numbers have no leading zero: there is
 * one way to write each log.
 */
#ifndef CORDON_SERVER_MODEL_CHAIN_H
#define CORDON_SERVER_MODEL_CHAIN_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/sign.h"

#define CHAIN_LINE_MAX 8192

#define CHAIN_HASH_ZERO \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define CHAIN_SIGNED_MAX 128 /* "head <n> <hash>" with terminator */

/* OUT gets the hex hash of LINE after PREV (64 digits each). */
void chain_hash(const char *prev, const char *line,
    char out[DIGEST_HEX_MAX]);

/* The text that is signed; WHAT is "head" or "end".  Returns its length. */
size_t chain_signed_text(char out[CHAIN_SIGNED_MAX], const char *what,
    uint64_t number, const char *hash);

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
