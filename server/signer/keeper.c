/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signs orders, manifests and heads of the audit log, each only in its own
 * form and within the budget.  Runs in cordon-signer.  The collector that
 * asks may have been taken over: every byte is checked.
 */
#include "server/signer/keeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/sign.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"
#include "common/wire/signed_tree.h"
#include "common/wire/unpack.h"
#include "server/links/signer.h"
#include "server/links/signer.pb-c.h"
#include "server/signer/journal.h"

#define PATH_LEN 4096
#define TEXT_LEN 128 /* of foreign text in a log line */

struct keeper {
	struct sign_key *order, *audit;
	struct journal *journal;
};

/* -- keys ----------------------------------------------------------------- */

static const char *const key_files[] = { SIGNER_ORDER_KEY, SIGNER_AUDIT_KEY };

int
keeper_has_keys(const char *dir, bool *has, struct why *why)
{
	char path[PATH_LEN];
	int i, found = 0;

	for (i = 0; i < 2; i++) {
		if (file_join(path, sizeof(path), dir, key_files[i]) != 0)
			return why_set(why, ERR_LIMIT, "the path is too long");
		found += file_exists(path);
	}
	if (found == 1)
		return why_set(why, ERR_CORRUPT, "%s has only one of %s and "
		    "%s: restore the other one from the backup", dir,
		    key_files[0], key_files[1]);
	*has = found == 2;
	return 0;
}

int
keeper_make_keys(const char *dir, struct why *why)
{
	struct sign_key *key = NULL;
	char path[PATH_LEN];
	int i, rc = 0;

	/* Look at both first: one must not be made beside an old other. */
	for (i = 0; i < 2; i++) {
		if (file_join(path, sizeof(path), dir, key_files[i]) != 0)
			return why_set(why, ERR_LIMIT, "the path is too long");
		if (file_exists(path))
			return why_set(why, ERR_EXIST, "%s is there already "
			    "and is never overwritten", path);
	}
	for (i = 0; i < 2 && rc == 0; i++) {
		(void)file_join(path, sizeof(path), dir, key_files[i]);
		rc = sign_key_new(&key);
		if (rc != 0)
			rc = why_set(why, rc, "cannot make a key");
		else
			rc = sign_key_save(key, path, why);
		sign_key_free(&key);
	}
	return rc;
}

int
keeper_open(const char *dir, int64_t budget, struct keeper **out,
    struct why *why)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct sign_key **key[2];
	char path[PATH_LEN];
	int i, rc = 0;

	if (k == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	key[0] = &k->order;
	key[1] = &k->audit;
	for (i = 0; i < 2 && rc == 0; i++) {
		rc = file_join(path, sizeof(path), dir, key_files[i]);
		if (rc != 0)
			rc = why_set(why, rc, "the path is too long");
		else
			rc = sign_key_load(path, key[i], why);
	}
	if (rc == 0)
		rc = journal_open(dir, budget, clock_wall_ms(), &k->journal,
		    why);
	if (rc != 0)
		keeper_close(&k);
	else
		*out = k;
	return rc;
}

void
keeper_close(struct keeper **kp)
{
	struct keeper *k = *kp;

	if (k == NULL)
		return;
	sign_key_free(&k->order);
	sign_key_free(&k->audit);
	journal_close(&k->journal);
	free(k);
	*kp = NULL;
}

/* -- answers -------------------------------------------------------------- */

static const char *
quoted(char out[TEXT_LEN], const char *text)
{
	return log_quote(out, TEXT_LEN, text, strlen(text));
}

/* Signed{DATA}, or Signed{WHY} when DATA is NULL. */
static int
pack_signed(struct buf *out, const void *data, size_t len, const char *text)
{
	Cordon__Signed m = CORDON__SIGNED__INIT;

	if (data != NULL) {
		m.data.data = (uint8_t *)(uintptr_t)data;
		m.data.len = len;
	} else {
		m.why = (char *)(uintptr_t)text;
	}
	return pack(&m.base, out);
}

static int
refuse(struct buf *out, const char *what, const struct why *why)
{
	log_warn("refused to sign %s: %s", what, why->text);
	return pack_signed(out, NULL, 0, why->text);
}

/* Everything about an order that the signer can judge by itself. */
static int
judge_order(struct keeper *k, const Cordon__OrderBody *body, struct why *why)
{
	enum journal_side side;
	int rc;

	rc = order_check(body, why);
	if (rc != 0)
		return rc;
	if (!id_valid(body->order_id))
		return why_set(why, ERR_RANGE, "the order id is malformed");
	side = body->mode != CORDON__MODE__MODE_ENFORCE ? JOURNAL_DRILL :
	    body->profile == CORDON__PROFILE__PROFILE_OPEN ? JOURNAL_OPEN :
	    JOURNAL_CUT;
	return journal_host(k->journal, side, body->host_id, clock_wall_ms(),
	    why);
}

static const char *
profile_name(Cordon__Profile p)
{
	switch (p) {
	case CORDON__PROFILE__PROFILE_OPEN:
		return "open";
	case CORDON__PROFILE__PROFILE_STRICT:
		return "strict";
	case CORDON__PROFILE__PROFILE_RECOVERY:
		return "recovery";
	case CORDON__PROFILE__PROFILE_LIMITED:
		return "limited";
	default:
		return "?";
	}
}

static int
answer_order(struct keeper *k, const void *payload, size_t len,
    struct buf *out, struct why *why)
{
	Cordon__SignOrder *m;
	Cordon__OrderBody *body = NULL;
	struct why no = { "the order cannot be unpacked" };
	struct buf order;
	int rc = ERR_PROTO;

	buf_init(&order, ORDER_MAX);
	m = unpack(&cordon__sign_order__descriptor, payload, len);
	if (m == NULL) {
		(void)why_set(why, rc, "malformed SignOrder");
		goto done;
	}
	body = unpack(&cordon__order_body__descriptor, m->body.data,
	    m->body.len);
	if (body == NULL || judge_order(k, body, &no) != 0) {
		rc = refuse(out, "an order", &no);
		goto done;
	}
	rc = order_sign(k->order, m->body.data, m->body.len, &order);
	if (rc != 0) {
		(void)why_set(&no, rc, "signing failed: %s", err_str(rc));
		rc = refuse(out, "an order", &no);
		goto done;
	}
	log_info("signed %sorder %s: host %s to %s, epoch %" PRIu64,
	    body->mode != CORDON__MODE__MODE_ENFORCE ? "DRILL " : "",
	    body->order_id, body->host_id, profile_name(body->profile),
	    body->epoch);
	rc = pack_signed(out, order.data, order.len, NULL);
done:
	buf_done(&order);
	if (body != NULL)
		cordon__order_body__free_unpacked(body, NULL);
	if (m != NULL)
		cordon__sign_order__free_unpacked(m, NULL);
	return rc;
}

/* MANIFEST_CONTEXT over the id, its terminator and the digest. */
static int
answer_manifest(struct keeper *k, const void *payload, size_t len,
    struct buf *out, struct why *why)
{
	uint8_t data[ID_MAX + DIGEST_LEN], sig[SIGN_SIG_LEN];
	Cordon__SignManifest *m;
	struct why no;
	char text[TEXT_LEN];
	size_t n;
	int rc;

	m = unpack(&cordon__sign_manifest__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "malformed SignManifest");
	if (!id_valid(m->manifest_id) || m->digest.len != DIGEST_LEN) {
		(void)why_set(&no, ERR_RANGE, "id or digest is malformed");
		rc = refuse(out, "a manifest", &no);
		goto done;
	}
	n = manifest_signed_bytes(m->manifest_id, m->digest.data, data);
	rc = sign_make(k->order, MANIFEST_CONTEXT, data, n, sig);
	if (rc != 0) {
		(void)why_set(&no, rc, "signing failed: %s", err_str(rc));
		rc = refuse(out, "a manifest", &no);
		goto done;
	}
	log_info("signed manifest %s", quoted(text, m->manifest_id));
	rc = pack_signed(out, sig, sizeof(sig), NULL);
done:
	cordon__sign_manifest__free_unpacked(m, NULL);
	return rc;
}

static int
judge_head(struct keeper *k, const Cordon__SignHead *m, struct why *why)
{
	int64_t now = clock_wall_ms();

	if (m->hash.len != DIGEST_LEN)
		return why_set(why, ERR_RANGE, "the hash is malformed");
	if (strcmp(m->what, "head") == 0)
		return journal_head(k->journal, m->number, now, why);
	if (strcmp(m->what, "end") == 0)
		return journal_end(k->journal, m->number, now, why);
	return why_set(why, ERR_RANGE, "neither \"head\" nor \"end\"");
}

/* The text of server/model/chain.h, which this room does not include. */
static int
answer_head(struct keeper *k, const void *payload, size_t len,
    struct buf *out, struct why *why)
{
	char hash[DIGEST_HEX_MAX], text[128];
	uint8_t sig[SIGN_SIG_LEN];
	Cordon__SignHead *m;
	struct why no;
	int n, rc;

	m = unpack(&cordon__sign_head__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "malformed SignHead");
	if (judge_head(k, m, &no) != 0) {
		rc = refuse(out, "a head", &no);
		goto done;
	}
	hex_encode(hash, m->hash.data, m->hash.len);
	n = snprintf(text, sizeof(text), "%s %" PRIu64 " %s", m->what,
	    m->number, hash);
	rc = sign_make(k->audit, AUDIT_CONTEXT, text, (size_t)n, sig);
	if (rc != 0) {
		(void)why_set(&no, rc, "signing failed: %s", err_str(rc));
		rc = refuse(out, "a head", &no);
		goto done;
	}
	log_debug("signed %s %" PRIu64, m->what, m->number);
	rc = pack_signed(out, sig, sizeof(sig), NULL);
done:
	cordon__sign_head__free_unpacked(m, NULL);
	return rc;
}

static int
answer_keys(struct keeper *k, const void *payload, size_t len,
    struct buf *out, struct why *why)
{
	Cordon__Keys m = CORDON__KEYS__INIT;
	uint8_t order[SIGN_KEY_LEN], audit[SIGN_KEY_LEN];
	Cordon__KeysAsk *ask;

	ask = unpack(&cordon__keys_ask__descriptor, payload, len);
	if (ask == NULL)
		return why_set(why, ERR_PROTO, "malformed KeysAsk");
	cordon__keys_ask__free_unpacked(ask, NULL);
	sign_key_public(k->order, order);
	sign_key_public(k->audit, audit);
	m.order_key.data = order;
	m.order_key.len = sizeof(order);
	m.audit_key.data = audit;
	m.audit_key.len = sizeof(audit);
	return pack(&m.base, out);
}

int
keeper_answer(struct keeper *k, uint32_t kind, const void *payload,
    size_t len, uint32_t *answer_kind, struct buf *out, struct why *why)
{
	*answer_kind = kind == SIGNER_KEYS_ASK ? SIGNER_KEYS : SIGNER_SIGNED;
	switch (kind) {
	case SIGNER_SIGN_ORDER:
		return answer_order(k, payload, len, out, why);
	case SIGNER_SIGN_MANIFEST:
		return answer_manifest(k, payload, len, out, why);
	case SIGNER_SIGN_HEAD:
		return answer_head(k, payload, len, out, why);
	case SIGNER_KEYS_ASK:
		return answer_keys(k, payload, len, out, why);
	default:
		return why_set(why, ERR_PROTO, "unknown request %u", kind);
	}
}
