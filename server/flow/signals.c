/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals into the store: numbers, chain, decision, acknowledgement.  Runs
 * on the writer thread.  The batch is an agent's word: bounded here; its
 * numbers and chain show what is missing, not that it is true.
 */
#include "server/flow/signals.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/pack.h"
#include "server/audit/audit.h"
#include "server/store/hosts.h"

#define HOUR_MS (3600 * 1000LL)
#define EVIDENCE_MAX 64
#define PARENTS_MAX 8

/* Where the chain of a host stands while a batch is worked through. */
struct chain_at {
	uint64_t number;
	uint8_t hash[DIGEST_LEN];
	bool broken; /* said once a batch */
};

/* Cut at a character; what is no UTF-8 is quoted, so that it is seen. */
static json_t *
text_json(const char *text)
{
	char quoted[SIGNAL_TEXT_MAX + 1];
	size_t len = strnlen(text, SIGNAL_TEXT_MAX + 1);
	json_t *j;

	if (len > SIGNAL_TEXT_MAX)
		for (len--; len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80;)
			len--;
	j = json_stringn(text, len);
	return j != NULL ? j : json_string(log_quote(quoted, sizeof(quoted),
	    text, len));
}

static char *
cause_json(const Cordon__Cause *c)
{
	static const char *const grades[] = {
	    "unknown", "parent", "cached", "exact"};
	json_t *o = json_object(), *parents;
	char *text;
	size_t i;

	if (c != NULL) {
		json_object_set_new(o, "grade",
		    json_string(grades[(unsigned int)c->grade & 3]));
		json_object_set_new(o, "pid", json_integer(c->pid));
		json_object_set_new(o, "program", text_json(c->program));
		json_object_set_new(o, "command", text_json(c->command));
		json_object_set_new(o, "uid", json_integer(c->uid));
		json_object_set_new(o, "user", text_json(c->user));
		if (c->login_uid != UINT32_MAX)
			json_object_set_new(o, "login_uid",
			    json_integer(c->login_uid));
		json_object_set_new(o, "unit", text_json(c->unit));
		parents = json_array();
		for (i = 0; i < c->n_parents && i < PARENTS_MAX; i++)
			json_array_append_new(parents,
			    text_json(c->parents[i]));
		json_object_set_new(o, "parents", parents);
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static char *
evidence_json(const Cordon__Signal *sig)
{
	json_t *o = json_object();
	char *text;
	size_t i;

	for (i = 0; i < sig->n_evidence && i < EVIDENCE_MAX; i++)
		json_object_set_new(o, sig->evidence[i]->key,
		    text_json(sig->evidence[i]->value));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static char *
decision_json(const struct policy_decision *d)
{
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "what", json_string(policy_do_name(d->what)));
	json_object_set_new(o, "rule", json_string(d->rule));
	json_object_set_new(o, "why", json_string(d->why));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* SHA-256(chain before || packed signal with its chain empty). */
static int
chain_next(const uint8_t prev[DIGEST_LEN], const Cordon__Signal *sig,
    uint8_t out[DIGEST_LEN])
{
	Cordon__Signal bare = *sig;
	struct digest *d = NULL;
	struct buf packed;
	int rc;

	bare.chain.data = NULL;
	bare.chain.len = 0;
	buf_init(&packed, FRAME_MAX);
	rc = pack(&bare.base, &packed);
	if (rc != 0)
		goto done;
	d = digest_new();
	if (d == NULL) {
		rc = ERR_NOMEM;
		goto done;
	}
	digest_begin(d);
	digest_add(d, prev, DIGEST_LEN);
	digest_add(d, packed.data, packed.len);
	digest_end(d, out);
done:
	digest_free(&d);
	buf_done(&packed);
	return rc;
}

static int
chain_load(struct db *db, const struct host *h, struct chain_at *at)
{
	const void *hash;
	struct db_rows *r;
	size_t len;
	int rc;

	memset(at, 0, sizeof(*at));
	at->number = h->signals_committed;
	r = db_query(db, "SELECT signals_chain FROM hosts WHERE host_id = $1",
	    "s", h->host_id);
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1 && !db_null(r, 0)) {
		hash = db_blob(r, 0, &len);
		if (len == DIGEST_LEN)
			memcpy(at->hash, hash, len);
	}
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/* A number is missing: a fact of its own. */
static int
note_gap(struct db *db, const struct host *h, uint64_t first, uint64_t last)
{
	int rc;

	rc = db_run(db, NULL,
	    "INSERT INTO signal_gaps (host_id, first, last, found_at) "
	    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", "siii",
	    h->host_id, (int64_t)first, (int64_t)last, db_now(db));
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = ACTOR_SYSTEM,
		    .what = "signals.gap", .host = h->name,
		    .case_id = h->case_id}, "signals %llu to %llu never came",
		    (unsigned long long)first, (unsigned long long)last);
	return rc;
}

/* Follow numbers and chain up to this signal. */
static int
chain_step(struct db *db, const struct host *h, const Cordon__Signal *sig,
    struct chain_at *at)
{
	uint8_t want[DIGEST_LEN];
	bool gap = sig->number != at->number + 1;
	int rc = 0;

	if (gap)
		rc = note_gap(db, h, at->number + 1, sig->number - 1);
	if (rc == 0)
		rc = chain_next(at->hash, sig, want);
	if (rc != 0)
		return rc;
	if (!gap && !at->broken && (sig->chain.len != DIGEST_LEN ||
	    !bytes_equal(want, sig->chain.data, DIGEST_LEN))) {
		at->broken = true;
		rc = audit_add(db,
		    &(struct audit_entry){.who = ACTOR_SYSTEM,
		    .what = "signals.chain-broken", .host = h->name,
		    .case_id = h->case_id},
		    "the chain of signals breaks at %llu",
		    (unsigned long long)sig->number);
	}
	at->number = sig->number;
	if (sig->chain.len == DIGEST_LEN)
		memcpy(at->hash, sig->chain.data, DIGEST_LEN);
	return rc;
}

/* What the store knows around one signal, for policy. */
static int
gather(struct db *db, const struct flow *f, const struct host *h,
    const Cordon__Signal *sig, struct policy_facts *facts)
{
	int64_t now = db_now(db), n = 0;
	int rc;

	memset(facts, 0, sizeof(*facts));
	facts->kind = sig->kind;
	facts->severity = (enum severity)sig->severity;
	facts->object = sig->object;
	facts->program = sig->cause != NULL ? sig->cause->program : "";
	facts->host = h;
	facts->window_seconds = policy_window(f->policy, sig->kind);
	rc = db_one_int(db, &n,
	    "SELECT count(*) FROM (SELECT 1 FROM signals WHERE host_id = $1 "
	    "AND kind = $2 AND stored_at > $3 LIMIT 10000) AS x", "ssi",
	    h->host_id, sig->kind, now - facts->window_seconds * 1000);
	facts->count = (int)n + 1;
	if (rc == 0)
		rc = db_one_int(db, &n,
		    "SELECT count(DISTINCT substr(kind, 1, 5)) FROM signals "
		    "WHERE host_id = $1 AND stored_at > $2 AND severity >= 3 "
		    "AND substr(kind, 1, 5) <> substr($3, 1, 5)", "sis",
		    h->host_id, now - HOUR_MS, sig->kind);
	facts->classes = (int)n + 1;
	if (rc == 0)
		rc = db_one_int(db, &n,
		    "SELECT count(DISTINCT host_id) FROM signals "
		    "WHERE object = $1 AND kind = $2 AND stored_at > $3 "
		    "AND host_id <> $4", "ssis", sig->object, sig->kind,
		    now - 24 * HOUR_MS, h->host_id);
	facts->prevalence = (int)n + 1;
	return rc;
}

static int
insert(struct db *db, const struct host *h, const Cordon__Signal *sig,
    const struct policy_decision *d, const char *case_id)
{
	char *cause = cause_json(sig->cause);
	char *evidence = evidence_json(sig);
	char *decision = decision_json(d);
	int rc = ERR_NOMEM;

	if (cause != NULL && evidence != NULL && decision != NULL)
		rc = db_run(db, NULL,
		    "INSERT INTO signals (host_id, number, at, stored_at, "
		    "kind, severity, object, text, cause_id, cause, evidence, "
		    "chain, score, decision, case_id) VALUES ($1, $2, $3, $4, "
		    "$5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
		    "siiisisssssbiss", h->host_id, (int64_t)sig->number,
		    sig->time_ms, db_now(db), sig->kind,
		    (int64_t)sig->severity, sig->object, sig->text,
		    sig->cause_id, cause, evidence, sig->chain.data,
		    sig->chain.len, (int64_t)d->score, decision, case_id);
	free(cause);
	free(evidence);
	free(decision);
	return rc;
}

static bool
signal_sane(const Cordon__Signal *sig)
{
	return sig->number > 0 && sig->number < (1ULL << 62) &&
	    sig->kind[0] != '\0' && strlen(sig->kind) < NAME_MAX_LEN &&
	    strlen(sig->object) <= SIGNAL_TEXT_MAX &&
	    strlen(sig->text) <= SIGNAL_TEXT_MAX &&
	    strlen(sig->cause_id) < NAME_MAX_LEN &&
	    sig->severity >= CORDON__SEVERITY__SEVERITY_INFO &&
	    sig->severity <= CORDON__SEVERITY__SEVERITY_CRITICAL &&
	    sig->chain.len == DIGEST_LEN;
}

static int
store_one(struct db *db, const struct flow *f, struct host *h,
    const Cordon__Signal *sig, struct chain_at *at)
{
	struct policy_decision d = {.what = POLICY_NOTE};
	char case_id[ID_MAX];
	struct policy_facts facts;
	int rc;

	rc = chain_step(db, h, sig, at);
	if (rc != 0)
		return rc;
	memcpy(case_id, h->case_id, sizeof(case_id));
	if (sig->severity > CORDON__SEVERITY__SEVERITY_INFO) {
		rc = gather(db, f, h, sig, &facts);
		if (rc != 0)
			return rc;
		policy_decide(f->policy, &facts, &d);
		rc = decision_carry_out(db, f, h, sig, &d, case_id);
		if (rc != 0)
			return rc;
	}
	rc = insert(db, h, sig, &d, case_id);
	if (rc == 0 && d.what > POLICY_NOTE)
		rc = hosts_get(db, h->host_id, h); /* case, stage may be new */
	return rc;
}

static int
acknowledge(struct db *db, const struct host *h, const struct chain_at *at)
{
	Cordon__SignalsAck ack = CORDON__SIGNALS_ACK__INIT;
	uint8_t packed[32];
	int rc;

	rc = db_run(db, NULL,
	    "UPDATE hosts SET signals_committed = $1, signals_chain = $2, "
	    "last_seen = $3 WHERE host_id = $4", "ibis",
	    (int64_t)at->number, at->hash, sizeof(at->hash), db_now(db),
	    h->host_id);
	if (rc != 0)
		return rc;
	ack.number = at->number;
	return db_send(db, h->host_id, FRAME_SIGNALS_ACK, packed,
	    cordon__signals_ack__pack(&ack, packed));
}

int
signals_store(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__SignalBatch *batch)
{
	struct chain_at at;
	struct host h;
	size_t i;
	int rc;

	if (batch->n_signals > SIGNALS_BATCH_MAX)
		return ERR_PROTO;
	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = chain_load(db, &h, &at);
	for (i = 0; rc == 0 && i < batch->n_signals; i++) {
		const Cordon__Signal *sig = batch->signals[i];

		if (!signal_sane(sig))
			return ERR_PROTO;
		if (sig->number <= at.number)
			continue; /* sent again */
		rc = store_one(db, f, &h, sig, &at);
	}
	return rc == 0 ? acknowledge(db, &h, &at) : rc;
}
