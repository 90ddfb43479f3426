/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit log's chain: hashing for the collector that writes it, and the
 * verification that anyone can run offline.  The file to verify is foreign:
 * not one byte of it is believed before hash and signature say so.
 */
#include "server/model/chain.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/id.h"

#define HASH_DIGITS (2 * DIGEST_LEN)
#define SIG_DIGITS (2 * SIGN_SIG_LEN)

struct verifier {
	FILE *in;
	const uint8_t *key;
	struct digest *whole; /* every byte before the present line */
	char line[CHAIN_LINE_MAX + 256]; /* with its newline, terminated */
	size_t len;
	uint64_t file_line;
	uint64_t number; /* of the last chained line */
	char hash[DIGEST_HEX_MAX];
	bool head_seen; /* for this number */
	bool ended;
};

/* Lines that may follow: exact texts before a value. */
#define HEAD_WORD "#head "
#define END_WORD "#end "

void
chain_hash(const char *prev, const char *line, char out[DIGEST_HEX_MAX])
{
	uint8_t raw[DIGEST_LEN];
	char joined[HASH_DIGITS + CHAIN_LINE_MAX];
	size_t len = strnlen(line, CHAIN_LINE_MAX);

	memcpy(joined, prev, HASH_DIGITS);
	memcpy(joined + HASH_DIGITS, line, len);
	digest_of(joined, HASH_DIGITS + len, raw);
	hex_encode(out, raw, sizeof(raw));
}

size_t
chain_signed_text(char out[CHAIN_SIGNED_MAX], const char *what,
    uint64_t number, const char *hash)
{
	int n = snprintf(out, CHAIN_SIGNED_MAX, "%s %" PRIu64 " %.64s", what,
	    number, hash);

	return n < CHAIN_SIGNED_MAX ? (size_t)n : CHAIN_SIGNED_MAX - 1;
}

static bool
lower_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

/* Read one line; 1: there, 0: end of file, else an error. */
static int
read_line(struct verifier *v, struct why *why)
{
	int c;

	v->len = 0;
	v->file_line++;
	while ((c = getc(v->in)) != EOF) {
		if (c == '\0')
			return why_set(why, ERR_CORRUPT, "zero byte");
		v->line[v->len++] = (char)c;
		if (c == '\n') {
			v->line[v->len] = '\0';
			return 1;
		}
		if (v->len == sizeof(v->line) - 1)
			return why_set(why, ERR_CORRUPT, "line is too long");
	}
	if (ferror(v->in))
		return why_sys(why, ERR_IO, "cannot read");
	if (v->len > 0)
		return why_set(why, ERR_CORRUPT, "the line is cut off");
	return 0;
}

/*
 * "#head 17 <hash> <signature>\n": the words are compared with what they
 * must be, so that there is nothing to parse.
 */
static int
check_signed(struct verifier *v, const char *what, const char *hash,
    struct why *why)
{
	char text[CHAIN_SIGNED_MAX];
	size_t n = chain_signed_text(text, what, v->number, hash);
	const char *at = v->line + 1; /* behind '#' */
	uint8_t sig[SIGN_SIG_LEN];

	if (v->len != 1 + n + 1 + SIG_DIGITS + 1 ||
	    memcmp(at, text, n) != 0 || at[n] != ' ')
		return why_set(why, ERR_CORRUPT,
		    "this #%s does not fit the lines before it", what);
	at += n + 1;
	if (!lower_hex(at, SIG_DIGITS))
		return why_set(why, ERR_CORRUPT, "malformed signature");
	v->line[v->len - 1] = '\0';
	if (hex_decode(sig, sizeof(sig), at) != 0)
		return why_set(why, ERR_CORRUPT, "malformed signature");
	v->line[v->len - 1] = '\n';
	if (!sign_good(v->key, AUDIT_CONTEXT, text, n, sig))
		return why_set(why, ERR_CORRUPT,
		    "the signature of this #%s is not good", what);
	return 0;
}

static int
check_head(struct verifier *v, struct why *why)
{
	int rc;

	if (v->head_seen || v->number == 0)
		return why_set(why, ERR_CORRUPT, "a #head stands twice");
	rc = check_signed(v, "head", v->hash, why);
	if (rc == 0)
		v->head_seen = true;
	return rc;
}

static int
check_end(struct verifier *v, struct why *why)
{
	uint8_t raw[DIGEST_LEN];
	char whole[DIGEST_HEX_MAX];
	int rc;

	digest_end(v->whole, raw);
	hex_encode(whole, raw, sizeof(raw));
	rc = check_signed(v, "end", whole, why);
	if (rc == 0)
		v->ended = true;
	return rc;
}

/* {"n":17,...}\t<hash>\n */
static int
check_entry(struct verifier *v, struct why *why)
{
	char expect[40], hash[DIGEST_HEX_MAX];
	char *tab = strchr(v->line, '\t');
	int n;

	if (tab == NULL || v->len - (size_t)(tab - v->line) !=
	    1 + HASH_DIGITS + 1)
		return why_set(why, ERR_CORRUPT, "not a line of the log");
	if (tab - v->line > CHAIN_LINE_MAX)
		return why_set(why, ERR_CORRUPT, "line is too long");
	n = snprintf(expect, sizeof(expect), "{\"n\":%" PRIu64 ",",
	    v->number + 1);
	if (strncmp(v->line, expect, (size_t)n) != 0)
		return why_set(why, ERR_CORRUPT,
		    "entry %" PRIu64 " should stand here", v->number + 1);
	*tab = '\0';
	chain_hash(v->hash, v->line, hash);
	*tab = '\t';
	if (memcmp(tab + 1, hash, HASH_DIGITS) != 0)
		return why_set(why, ERR_CORRUPT,
		    "the hash of entry %" PRIu64 " does not fit",
		    v->number + 1);
	memcpy(v->hash, hash, sizeof(hash));
	v->number++;
	v->head_seen = false;
	return 0;
}

static int
check_line(struct verifier *v, struct chain_result *r, struct why *why)
{
	int rc;

	if (v->ended)
		return why_set(why, ERR_CORRUPT,
		    "something stands behind the trailer");
	if (strncmp(v->line, END_WORD, strlen(END_WORD)) == 0)
		return check_end(v, why);
	if (strncmp(v->line, HEAD_WORD, strlen(HEAD_WORD)) == 0) {
		rc = check_head(v, why);
		r->heads += rc == 0;
	} else {
		rc = check_entry(v, why);
		r->lines += rc == 0;
	}
	if (rc == 0)
		digest_add(v->whole, v->line, v->len);
	return rc;
}

int
chain_verify(FILE *in, const uint8_t key[SIGN_KEY_LEN],
    struct chain_result *r, struct why *why)
{
	struct verifier v = { .in = in, .key = key, .hash = CHAIN_HASH_ZERO };
	struct chain_result got = { 0 };
	int rc;

	v.whole = digest_new();
	if (v.whole == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	digest_begin(v.whole);
	while ((rc = read_line(&v, why)) == 1) {
		rc = check_line(&v, &got, why);
		if (rc != 0)
			break;
	}
	if (rc == 0 && !v.ended)
		rc = why_set(why, ERR_CORRUPT,
		    "the signed trailer (#end) is missing");
	if (rc != 0) {
		got.bad_line = v.file_line;
		why_prefix(why, "line %" PRIu64 ": ", v.file_line);
	}
	digest_free(&v.whole);
	*r = got;
	return rc;
}
