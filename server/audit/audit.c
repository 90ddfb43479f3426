/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Appends to the audit chain, signs its heads, writes it out.  Runs inside
 * jobs of the store.  The texts may hold foreign words: JSON escapes them,
 * and what is no UTF-8 is quoted first.
 */
#include "server/audit/audit.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "server/model/chain.h"
#include "server/model/model.h"

#define FIELD_MAX 128 /* bytes of who, what, host, case, object */

struct tip {
	uint64_t number;
	char hash[DIGEST_HEX_MAX];
};

static int
read_tip(struct db *db, struct tip *tip)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT number, hash FROM audit "
	    "ORDER BY number DESC LIMIT 1", "");
	if (rc == ERR_NOENT) {
		tip->number = 0;
		memcpy(tip->hash, CHAIN_HASH_ZERO, sizeof(tip->hash));
		return 0;
	}
	if (rc != 0)
		return rc;
	tip->number = (uint64_t)db_int(r, 0);
	db_copy(r, 1, tip->hash, sizeof(tip->hash));
	db_end(&r);
	return 0;
}

/* Cut to MAX bytes at a character; what is not UTF-8 becomes \xNN. */
static json_t *
text_json(const char *text, size_t max)
{
	char quoted[4 * TEXT_MAX_LEN + 4];
	size_t len = strnlen(text, max + 1);
	json_t *j;

	if (len > max) {
		len = max;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	j = json_stringn(text, len);
	if (j == NULL)
		j = json_string(log_quote(quoted, sizeof(quoted), text, len));
	return j;
}

static int
put(json_t *o, const char *key, const char *text, size_t max)
{
	if (text == NULL)
		return 0;
	/* The keys keep the order in which they are set. */
	return json_object_set_new(o, key, text_json(text, max));
}

/* The canonical line; freed by the caller; NULL: out of memory. */
static char *
entry_line(uint64_t number, int64_t at, const struct audit_entry *e,
    const char *text)
{
	char when[CLOCK_TEXT_MAX];
	json_t *o = json_object();
	char *line = NULL;

	clock_format(when, at, true);
	if (json_object_set_new(o, "n",
	    json_integer((json_int_t)number)) == 0 &&
	    put(o, "at", when, CLOCK_TEXT_MAX) == 0 &&
	    put(o, "who", e->who, FIELD_MAX) == 0 &&
	    put(o, "what", e->what, FIELD_MAX) == 0 &&
	    put(o, "host", e->host, FIELD_MAX) == 0 &&
	    put(o, "case", e->case_id, FIELD_MAX) == 0 &&
	    put(o, "object", e->object, FIELD_MAX) == 0 &&
	    put(o, "text", text, TEXT_MAX_LEN - 1) == 0)
		line = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return line;
}

int
audit_add(struct db *db, const struct audit_entry *e, const char *fmt, ...)
{
	char text[TEXT_MAX_LEN], hash[DIGEST_HEX_MAX];
	struct tip tip;
	va_list ap;
	char *line;
	int rc;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	rc = read_tip(db, &tip);
	if (rc != 0)
		return rc;
	line = entry_line(tip.number + 1, db_now(db), e, text);
	if (line == NULL)
		return ERR_NOMEM;
	chain_hash(tip.hash, line, hash);
	rc = db_run(db, NULL, "INSERT INTO audit (number, line, hash) "
	    "VALUES ($1, $2, $3)", "iss", (int64_t)tip.number + 1, line,
	    hash);
	free(line);
	return rc;
}

int
audit_closing(struct db *db, void *arg)
{
	const struct audit_signer *signer = arg;
	uint8_t sig[SIGN_SIG_LEN];
	struct tip tip;
	int64_t signed_to = 0;
	int rc;

	rc = read_tip(db, &tip);
	if (rc != 0 || tip.number == 0)
		return rc;
	rc = db_one_int(db, &signed_to, "SELECT number FROM audit_heads "
	    "ORDER BY number DESC LIMIT 1", "");
	if (rc != 0 && rc != ERR_NOENT)
		return rc;
	if ((uint64_t)signed_to > tip.number)
		log_error("audit: the log ends at %" PRIu64 ", but %" PRId64
		    " was signed: lines were removed", tip.number, signed_to);
	if ((uint64_t)signed_to >= tip.number)
		return 0;
	/* Away or refused: its client said so; the next commit tries again. */
	if (signer->sign(signer->arg, "head", tip.number, tip.hash, sig) != 0)
		return 0;
	return db_run(db, NULL, "INSERT INTO audit_heads "
	    "(number, hash, signature, at) VALUES ($1, $2, $3, $4)", "isbi",
	    (int64_t)tip.number, tip.hash, sig, sizeof(sig), db_now(db));
}

struct writer {
	FILE *out;
	struct digest *whole; /* of all that was written */
	uint64_t number;
};

static int
write_text(struct writer *w, const char *text)
{
	size_t len = strlen(text);

	digest_add(w->whole, text, len);
	return fwrite(text, 1, len, w->out) == len ? 0 : ERR_IO;
}

/*
 * Columns COL and COL + 1: hash and signature of a head.  They are written
 * as they are stored: if they do not fit the lines, verification shall see.
 */
static int
write_head(struct writer *w, struct db_rows *r, uint64_t number, int col)
{
	char hash[DIGEST_HEX_MAX], text[CHAIN_SIGNED_MAX];
	char hex[2 * SIGN_SIG_LEN + 1];
	char line[1 + CHAIN_SIGNED_MAX + 1 + 2 * SIGN_SIG_LEN + 2];
	const void *sig;
	size_t len;

	db_copy(r, col, hash, sizeof(hash));
	sig = db_blob(r, col + 1, &len);
	if (len != SIGN_SIG_LEN)
		return ERR_CORRUPT;
	chain_signed_text(text, "head", number, hash);
	hex_encode(hex, sig, len);
	snprintf(line, sizeof(line), "#%s %s\n", text, hex);
	return write_text(w, line);
}

/* A line, and its head if it has one. */
static int
write_row(struct writer *w, struct db_rows *r)
{
	int rc;

	w->number = (uint64_t)db_int(r, 0);
	rc = write_text(w, db_text(r, 1));
	if (rc == 0)
		rc = write_text(w, "\t");
	if (rc == 0)
		rc = write_text(w, db_text(r, 2));
	if (rc == 0)
		rc = write_text(w, "\n");
	if (rc == 0 && !db_null(r, 3))
		rc = write_head(w, r, w->number, 3);
	return rc;
}

static int
write_rows(struct db *db, struct writer *w)
{
	struct db_rows *r;
	int rc;

	r = db_query(db, "SELECT a.number, a.line, a.hash, h.hash, "
	    "h.signature FROM audit a LEFT JOIN audit_heads h "
	    "ON h.number = a.number ORDER BY a.number", "");
	while ((rc = db_next(r)) == 1) {
		rc = write_row(w, r);
		if (rc != 0)
			break;
	}
	db_end(&r);
	return rc;
}

/* Heads of lines that are not there (any more): shown, not hidden. */
static int
write_orphans(struct db *db, struct writer *w)
{
	struct db_rows *r;
	int rc;

	r = db_query(db, "SELECT number, hash, signature FROM audit_heads "
	    "WHERE number > $1 ORDER BY number", "i", (int64_t)w->number);
	while ((rc = db_next(r)) == 1) {
		rc = write_head(w, r, (uint64_t)db_int(r, 0), 1);
		if (rc != 0)
			break;
	}
	db_end(&r);
	return rc;
}

static int
write_end(struct writer *w, const struct audit_signer *s)
{
	uint8_t raw[DIGEST_LEN], sig[SIGN_SIG_LEN];
	char whole[DIGEST_HEX_MAX], text[CHAIN_SIGNED_MAX];
	char hex[2 * SIGN_SIG_LEN + 1];
	int rc;

	digest_end(w->whole, raw);
	hex_encode(whole, raw, sizeof(raw));
	rc = s->sign(s->arg, "end", w->number, whole, sig);
	if (rc != 0)
		return rc;
	chain_signed_text(text, "end", w->number, whole);
	hex_encode(hex, sig, sizeof(sig));
	if (fprintf(w->out, "#%s %s\n", text, hex) < 0 ||
	    fflush(w->out) != 0)
		return ERR_IO;
	return 0;
}

int
audit_export(struct db *db, const struct audit_signer *s, FILE *out)
{
	struct writer w = { .out = out };
	int rc;

	w.whole = digest_new();
	if (w.whole == NULL)
		return ERR_NOMEM;
	digest_begin(w.whole);
	rc = write_rows(db, &w);
	if (rc == 0)
		rc = write_orphans(db, &w);
	if (rc == 0)
		rc = write_end(&w, s);
	digest_free(&w.whole);
	return rc;
}
