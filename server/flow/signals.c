/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals into the store: decision, record, acknowledgement (numbers and
 * chain: numbers.c).  Runs on the writer thread.  The batch is an agent's
 * word: bounded here.
 */
#include "server/flow/signals.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/kinds.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/cases/tree.h"
#include "server/flow/numbers.h"
#include "server/store/hosts.h"

#define HOUR_MS (3600 * 1000LL)
#define EVIDENCE_MAX 64
#define PARENTS_MAX 8
#define CLASS_LEN 5 /* letters of a kind that tell its class */

#define CLASSES_MAX 64
#define KINDS_MAX 32

/*
 * What the store knows of the host of late, asked once a batch and counted
 * on: a backlog of a day must not look through all of itself a signal.
 */
struct lately {
	struct lately_kind {
		char kind[NAME_MAX_LEN];
		int64_t n;
	} kind[KINDS_MAX];
	size_t nkinds;
	bool asked; /* for the classes */
	char class[CLASSES_MAX][CLASS_LEN + 1];
	size_t nclasses;
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

/* How many of this kind came within the window; asked once a batch. */
static int
count_kind(struct db *db, const struct host *h, const char *kind,
    int64_t window_ms, struct lately *l, int64_t *out)
{
	size_t i;
	int rc;

	for (i = 0; i < l->nkinds; i++)
		if (strcmp(l->kind[i].kind, kind) == 0) {
			*out = l->kind[i].n;
			return 0;
		}
	rc = db_one_int(db, out,
	    "SELECT count(*) FROM (SELECT 1 FROM signals WHERE host_id = $1 "
	    "AND kind = $2 AND stored_at > $3 LIMIT 10000) AS x", "ssi",
	    h->host_id, kind, db_now(db) - window_ms);
	if (rc == 0 && l->nkinds < KINDS_MAX) {
		snprintf(l->kind[l->nkinds].kind, NAME_MAX_LEN, "%s", kind);
		l->kind[l->nkinds++].n = *out;
	}
	return rc;
}

static void
add_class(struct lately *l, const char *kind)
{
	size_t i;

	for (i = 0; i < l->nclasses; i++)
		if (strncmp(l->class[i], kind, CLASS_LEN) == 0)
			return;
	if (l->nclasses < CLASSES_MAX)
		snprintf(l->class[l->nclasses++], CLASS_LEN + 1, "%s", kind);
}

static int
load_classes(struct db *db, const struct host *h, struct lately *l)
{
	struct db_rows *r;
	int rc;

	l->asked = true;
	r = db_query(db, "SELECT DISTINCT substr(kind, 1, 5) FROM signals "
	    "WHERE host_id = $1 AND stored_at > $2 AND severity >= 3", "si",
	    h->host_id, db_now(db) - HOUR_MS);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1)
		add_class(l, db_text(r, 0));
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/* How many classes of signals there are, with that of KIND. */
static int
count_classes(const struct lately *l, const char *kind)
{
	size_t i;
	int n = 1;

	for (i = 0; i < l->nclasses; i++)
		n += strncmp(l->class[i], kind, CLASS_LEN) != 0;
	return n;
}

/* SIG is stored: it counts from now on. */
static void
count_on(struct lately *l, const Cordon__Signal *sig)
{
	size_t i;

	for (i = 0; i < l->nkinds; i++)
		if (strcmp(l->kind[i].kind, sig->kind) == 0)
			l->kind[i].n++;
	if (l->asked && sig->severity >= CORDON__SEVERITY__SEVERITY_MEDIUM)
		add_class(l, sig->kind);
}

/* What the store knows around one signal, for policy. */
static int
gather(struct db *db, const struct flow *f, const struct host *h,
    const Cordon__Signal *sig, struct lately *l, struct policy_facts *facts)
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
	rc = count_kind(db, h, sig->kind, facts->window_seconds * 1000, l,
	    &n);
	facts->count = n < 10000 ? (int)n + 1 : 10001;
	if (rc == 0 && !l->asked)
		rc = load_classes(db, h, l);
	facts->classes = count_classes(l, sig->kind);
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

/* Some signals say that there is something to be fetched. */
static int
follow_up(struct db *db, const struct host *h, const Cordon__Signal *sig)
{
	const char *id = "", *sha256 = "";
	size_t i;

	if (strcmp(sig->kind, "data.manifest-made") != 0)
		return 0;
	for (i = 0; i < sig->n_evidence; i++) {
		if (strcmp(sig->evidence[i]->key, "manifest") == 0)
			id = sig->evidence[i]->value;
		else if (strcmp(sig->evidence[i]->key, "sha256") == 0)
			sha256 = sig->evidence[i]->value;
	}
	return tree_offer(db, h, id, sig->object, sha256);
}

/* Decide on SIG and store it. */
static int
store_one(struct db *db, const struct flow *f, struct host *h,
    const Cordon__Signal *sig, struct lately *l)
{
	struct policy_decision d = {.what = POLICY_NOTE};
	char case_id[ID_MAX];
	struct policy_facts facts;
	int rc;

	memcpy(case_id, h->case_id, sizeof(case_id));
	if (sig->severity > CORDON__SEVERITY__SEVERITY_INFO) {
		rc = gather(db, f, h, sig, l, &facts);
		if (rc != 0)
			return rc;
		policy_decide(f->policy, &facts, &d);
		rc = decision_carry_out(db, f, h, sig, &d, case_id);
		if (rc != 0)
			return rc;
	}
	rc = insert(db, h, sig, &d, case_id);
	count_on(l, sig);
	if (rc == 0)
		rc = follow_up(db, h, sig);
	if (rc == 0 && d.what > POLICY_NOTE)
		rc = hosts_get(db, h->host_id, h); /* case, stage may be new */
	return rc;
}

/* -- signals of our own ------------------------------------------------- */

/* About what an agent sent: in the record, and a signal without a number. */
static int
tell_own(struct db *db, const struct flow *f, struct host *h,
    struct lately *l, const char *id, const char *what, const char *text)
{
	const struct signal_kind *kind = signal_kind_find(id);
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	static uint8_t none[DIGEST_LEN];
	int rc;

	rc = audit_add(db,
	    &(struct audit_entry){.who = ACTOR_SYSTEM, .what = what,
	    .host = h->name, .case_id = h->case_id}, "%s", text);
	if (rc != 0)
		return rc;
	sig.chain.data = none;
	sig.chain.len = sizeof(none);
	sig.time_ms = db_now(db);
	sig.kind = (char *)(uintptr_t)id;
	sig.severity = (Cordon__Severity)kind->severity;
	sig.object = h->name;
	sig.text = (char *)(uintptr_t)text;
	return store_one(db, f, h, &sig, l);
}

/* What the numbers and the chain of this batch say. */
static int
tell_numbers(struct db *db, const struct flow *f, struct host *h,
    struct lately *l, const struct numbers *n)
{
	char text[NUMBERS_TEXT_MAX + 64];
	int rc = 0;

	if (n->missing > 0) {
		snprintf(text, sizeof(text), "%llu signals never came: %s",
		    (unsigned long long)n->missing, n->ranges);
		rc = tell_own(db, f, h, l, "agent.numbers-missing",
		    "signals.gap", text);
	}
	if (rc == 0 && n->broken != 0) {
		snprintf(text, sizeof(text),
		    "the chain of signals breaks at %llu",
		    (unsigned long long)n->broken);
		rc = tell_own(db, f, h, l, "agent.chain-broken",
		    "signals.chain-broken", text);
	}
	return rc;
}

/* -- batches ------------------------------------------------------------ */

static int
acknowledge(struct db *db, const struct host *h, uint64_t number,
    uint64_t ahead)
{
	Cordon__SignalsAck ack = CORDON__SIGNALS_ACK__INIT;
	uint8_t packed[32];

	ack.number = number;
	ack.ahead = ahead;
	return db_send(db, h->host_id, FRAME_SIGNALS_ACK, packed,
	    cordon__signals_ack__pack(&ack, packed));
}

/* The highest number of a batch that is sane; 0 if it is not. */
static uint64_t
highest(const Cordon__SignalBatch *batch)
{
	uint64_t last = 0;
	size_t i;

	for (i = 0; i < batch->n_signals; i++) {
		if (!signal_sane(batch->signals[i]))
			return 0;
		if (batch->signals[i]->number > last)
			last = batch->signals[i]->number;
	}
	return last;
}

static int
store_batch(struct db *db, const struct flow *f, struct host *h,
    const Cordon__SignalBatch *batch, struct numbers *n)
{
	struct lately l = {.nkinds = 0};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < batch->n_signals; i++) {
		const Cordon__Signal *sig = batch->signals[i];

		if (sig->number <= n->number)
			continue; /* sent again */
		rc = numbers_step(db, h, sig, n);
		if (rc == 0 && !numbers_was_ahead(n, sig->number))
			rc = store_one(db, f, h, sig, &l);
	}
	if (rc == 0)
		rc = tell_numbers(db, f, h, &l, n);
	return rc == 0 ? numbers_save(db, h, n) : rc;
}

int
signals_store(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__SignalBatch *batch)
{
	uint64_t last = highest(batch);
	struct numbers n;
	struct host h;
	int rc;

	if (batch->n_signals > SIGNALS_BATCH_MAX ||
	    (batch->n_signals > 0 && last == 0))
		return ERR_PROTO;
	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	rc = numbers_load(db, &h, last, &n);
	if (rc == 0)
		rc = store_batch(db, f, &h, batch, &n);
	if (rc == 0)
		rc = acknowledge(db, &h, n.number, 0);
	numbers_done(&n);
	return rc;
}

int
signals_store_ahead(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__SignalBatch *batch)
{
	uint64_t last = highest(batch);
	struct lately l = {.nkinds = 0};
	struct numbers n;
	struct host h;
	size_t i;
	int rc;

	if (batch->n_signals > SIGNALS_BATCH_MAX || last == 0)
		return ERR_PROTO;
	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	rc = numbers_load(db, &h, last, &n);
	for (i = 0; rc == 0 && i < batch->n_signals; i++) {
		const Cordon__Signal *sig = batch->signals[i];

		if (i > 0 && sig->number <= batch->signals[i - 1]->number)
			rc = ERR_PROTO;
		else if (sig->number > n.number &&
		    !numbers_was_ahead(&n, sig->number) &&
		    (rc = store_one(db, f, &h, sig, &l)) == 0)
			rc = numbers_ahead(db, &h, sig);
	}
	if (rc == 0)
		rc = acknowledge(db, &h, n.number, last);
	numbers_done(&n);
	return rc;
}
