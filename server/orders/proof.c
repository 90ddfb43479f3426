/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Proofs: the agent's flag is not enough, its own evidence must say the
 * same.  A bad proof is loud and changes nothing else: isolation stays
 * ordered.  Runs in jobs on the writer thread; the proof is foreign.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "server/orders/drill.h"

#define PROOFS_KEPT 50
#define LIST_MAX 64 /* items of a list that go into the record */

static void
address_text(char out[INET6_ADDRSTRLEN], const Cordon__Endpoint *e)
{
	out[0] = '\0';
	if (e == NULL)
		return;
	if (e->address.len == 4)
		inet_ntop(AF_INET, e->address.data, out, INET6_ADDRSTRLEN);
	else if (e->address.len == 16)
		inet_ntop(AF_INET6, e->address.data, out, INET6_ADDRSTRLEN);
}

const char *
proof_judge(const struct spoken *s, const Cordon__Proof *p,
    char buf[TEXT_MAX_LEN])
{
	char text[TEXT_MAX_LEN], ip[INET6_ADDRSTRLEN];
	size_t i;

	if ((int)p->profile != (int)s->o.profile) {
		snprintf(buf, TEXT_MAX_LEN,
		    "the host is on profile %s, %s was ordered",
		    word_name(WORDS_PROFILE, (int)p->profile),
		    word_name(WORDS_PROFILE, (int)s->o.profile));
		return buf;
	}
	for (i = 0; i < p->n_probes; i++) {
		const Cordon__ProbeResult *r = p->probes[i];

		if (r->outcome != CORDON__PROBE_OUTCOME__PROBE_REACHED)
			continue;
		address_text(ip, r->target);
		snprintf(buf, TEXT_MAX_LEN, "%s port %" PRIu32
		    " answered through the cage", ip,
		    r->target != NULL ? r->target->port : 0);
		return buf;
	}
	if (p->digest_expected.len != p->digest_kernel.len ||
	    (p->digest_kernel.len > 0 && memcmp(p->digest_expected.data,
	    p->digest_kernel.data, p->digest_kernel.len) != 0))
		return "the kernel holds other rules than were ordered";
	if (p->digest_kernel.len == 0 && s->o.profile != PROFILE_OPEN)
		return "the rules were not read back";
	if (!p->ok) {
		snprintf(buf, TEXT_MAX_LEN, "%s", facts_text(text, p->why));
		return buf[0] != '\0' ? buf : "the host says so";
	}
	return NULL;
}

static json_t *
list_json(char *const *item, size_t n)
{
	char text[TEXT_MAX_LEN];
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < n && i < LIST_MAX; i++)
		json_array_append_new(a,
		    json_string(facts_text(text, item[i])));
	return a;
}

static json_t *
probes_json(const Cordon__Proof *p)
{
	static const char *const outcome[] = {"none", "blocked", "reached",
		"failed"};
	char ip[INET6_ADDRSTRLEN], text[TEXT_MAX_LEN];
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < p->n_probes && i < LIST_MAX; i++) {
		const Cordon__ProbeResult *r = p->probes[i];
		const Cordon__Endpoint *e = r->target;

		address_text(ip, e);
		json_array_append_new(a,
		    json_pack("{s:s, s:i, s:s, s:s, s:s}", "address", ip,
		    "port", e != NULL ? (int)e->port : 0, "protocol",
		    e != NULL && e->protocol == 17 ? "udp" : "tcp",
		    "outcome", (unsigned int)r->outcome < 4 ?
		    outcome[r->outcome] : "?", "text",
		    facts_text(text, r->text)));
	}
	return a;
}

/* The proof as a record; freed by the caller; NULL: out of memory. */
static char *
proof_json(const Cordon__Proof *p, bool ok, const char *why)
{
	char want[65], have[65], *out;
	json_t *o;

	o = json_pack("{s:s, s:b, s:s, s:s, s:s, s:I, s:o, s:o, s:o}",
	    "profile", word_name(WORDS_PROFILE, (int)p->profile), "ok", ok,
	    "why", why, "digest_expected", facts_hex(want, sizeof(want),
	    p->digest_expected.data, p->digest_expected.len),
	    "digest_kernel", facts_hex(have, sizeof(have),
	    p->digest_kernel.data, p->digest_kernel.len), "dropped_packets",
	    (json_int_t)(p->dropped_packets & INT64_MAX), "probes",
	    probes_json(p), "layers", list_json(p->layers, p->n_layers),
	    "weak", list_json(p->weak, p->n_weak));
	if (o == NULL)
		return NULL;
	out = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return out;
}

int
proof_keep(struct db *db, const struct spoken *s, const Cordon__Proof *p,
    const char *why)
{
	char *detail = proof_json(p, why == NULL, why != NULL ? why : "");
	int rc;

	if (detail == NULL)
		return ERR_NOMEM;
	rc = db_run(db, NULL,
	    "INSERT INTO proofs (host_id, order_id, at, stored_at, ok, "
	    "detail) VALUES ($1, $2, $3, $4, $5, $6)", "ssiiis",
	    s->h.host_id, s->o.order_id, p->at_ms, db_now(db),
	    (int64_t)(why == NULL), detail);
	free(detail);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "DELETE FROM proofs WHERE host_id = $1 AND seq <= "
		    "(SELECT seq FROM proofs WHERE host_id = $1 "
		    "ORDER BY seq DESC LIMIT 1 OFFSET $2)", "si",
		    s->h.host_id, (int64_t)PROOFS_KEPT);
	return rc;
}

static int
set_proven(struct db *db, const struct spoken *s, const char *why)
{
	return db_run(db, NULL,
	    "UPDATE hosts SET proven_order = $1, proven_at = $2, "
	    "proven_ok = $3, proven_why = $4 WHERE host_id = $5", "siiss",
	    s->o.order_id, db_now(db), (int64_t)(why == NULL),
	    why != NULL ? why : "", s->h.host_id);
}

static int
good(struct db *db, struct spoken *s, const Cordon__Proof *p)
{
	bool was = s->h.proven_ok &&
	    strcmp(s->h.proven_order, s->o.order_id) == 0;
	int rc = 0;

	/* The answer may have been lost; the proof says as much. */
	if (s->o.state != ORDER_PROVEN && s->o.state != ORDER_APPLIED)
		rc = facts_in_force(db, s, "as its proof shows");
	if (rc == 0)
		rc = facts_applied(db, &s->h, s->o.profile, s->o.order_id);
	if (rc == 0 && s->o.state != ORDER_PROVEN)
		rc = order_row_move(db, &s->o, ORDER_PROVEN, s->o.why);
	if (rc == 0)
		rc = set_proven(db, s, NULL);
	if (rc == 0 && db_now(db) - s->o.answered_at > CONFIRM_KEPT_MS)
		rc = order_row_forget(db, &s->o);
	if (rc == 0 && !was)
		rc = order_row_audit(db, &s->o, s->h.name, s->who,
		    "order.proven", "profile %s; rules read back, %zu "
		    "probes, %zu layers, %zu weak",
		    word_name(WORDS_PROFILE, (int)s->o.profile), p->n_probes,
		    p->n_layers, p->n_weak);
	return rc;
}

static int
bad(struct db *db, struct spoken *s, const char *why)
{
	bool new = s->h.proven_ok || strcmp(s->h.proven_why, why) != 0 ||
	    strcmp(s->h.proven_order, s->o.order_id) != 0;
	int rc;

	rc = set_proven(db, s, why);
	if (rc != 0 || !new)
		return rc; /* said once, not with each repetition */
	log_warn("host %s: proof of order %s is bad: %s", s->h.name,
	    s->o.order_id, why);
	return order_row_audit(db, &s->o, s->h.name, s->who,
	    "order.proof-bad", "%s; the isolation stays ordered", why);
}

static int
proof(struct db *db, struct spoken *s, const Cordon__Proof *p)
{
	char buf[TEXT_MAX_LEN];
	const char *why;
	int rc;

	if (s->o.state != ORDER_PROVEN &&
	    !order_row_step(s->o.state, ORDER_PROVEN))
		return 0; /* refused or undone since: proves nothing */
	why = proof_judge(s, p, buf);
	rc = proof_keep(db, s, p, why);
	if (rc == 0)
		rc = why == NULL ? good(db, s, p) : bad(db, s, why);
	return rc;
}

int
orders_proof(struct db *db, const char *host_id, const Cordon__Proof *p)
{
	struct spoken s;
	int rc;

	rc = spoken_load(db, host_id, p->order_id, p->epoch, &s);
	if (rc == ERR_NOENT)
		return 0;
	if (rc != 0)
		return rc;
	if (s.drill)
		rc = drill_proof(db, &s, p);
	else if (s.desired)
		rc = proof(db, &s, p);
	spoken_done(&s);
	return rc;
}
