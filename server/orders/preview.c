/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Previews: asked, answered, kept for a week, those of plans for good.
 * Runs in jobs on the writer thread.  The host may be in an attacker's hand
 * and name what it likes: its words are shown, bounded and quoted, and
 * decide nothing.
 */
#include "server/orders/preview.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "server/audit/audit.h"
#include "server/orders/allow.h"
#include "server/orders/facts.h"

#define PREVIEW_DIGITS 10
#define FLOWS_MAX 200
#define ASK_MAX 8192
#define COLUMNS \
	"preview_id, host_id, plan_id, profile, asked_at, done_at, cut, " \
	"kept, partial, why, flows "

enum preview_state
preview_state(const struct preview *p, int64_t now)
{
	if (p->done_at != 0)
		return p->why[0] != '\0' ? PREVIEW_FAILED : PREVIEW_DONE;
	return now - p->asked_at < PREVIEW_LATE_MS ? PREVIEW_ASKED :
	    PREVIEW_LATE;
}

const char *
preview_state_name(enum preview_state s)
{
	static const char *const names[] = {"asked", "done", "failed",
	    "late"};

	return names[s];
}

/* -- asking -------------------------------------------------------------- */

static int
send_ask(struct db *db, const struct orders_settings *s,
    const struct host *h, enum profile profile, const char *ask_id)
{
	Cordon__Endpoint point[ORDER_COLLECTORS_MAX + ORDER_ALLOWED_MAX];
	Cordon__Endpoint *at[ORDER_COLLECTORS_MAX + ORDER_ALLOWED_MAX];
	Cordon__PreviewAsk m = CORDON__PREVIEW_ASK__INIT;
	struct orders_allow allow[ORDER_ALLOWED_MAX];
	uint8_t packed[ASK_MAX];
	size_t i, n;

	m.ask_id = (char *)(uintptr_t)ask_id;
	m.profile = (Cordon__Profile)profile;
	for (i = 0; i < s->ncollectors && i < ORDER_COLLECTORS_MAX; i++) {
		allow_collector(&s->collectors[i], &point[i]);
		at[i] = &point[i];
	}
	m.collectors = at;
	m.n_collectors = i;
	n = allow_list(s, h, profile, allow);
	m.allowed = at + i;
	m.n_allowed = n;
	for (; n > 0; n--, i++) {
		allow_endpoint(&allow[m.n_allowed - n], &point[i]);
		at[i] = &point[i];
	}
	if (cordon__preview_ask__get_packed_size(&m) > sizeof(packed))
		return ERR_LIMIT;
	return db_send(db, h->host_id, FRAME_PREVIEW_ASK, packed,
	    cordon__preview_ask__pack(&m, packed));
}

int
preview_ask(struct db *db, const struct orders_settings *s,
    const struct host *h, enum profile profile, const char *plan_id,
    const struct actor *actor, char preview_id[ID_MAX],
    struct refused *refused)
{
	int rc;

	if (!h->online)
		return refused_set(refused, REFUSAL_AWAY,
		    "Ask again when the host is back.",
		    "%s is away and cannot say what would be cut", h->name);
	id_new(preview_id, "V", PREVIEW_DIGITS);
	rc = db_run(db, NULL, "DELETE FROM previews WHERE asked_at < $1 "
	    "AND plan_id = ''", "i", db_now(db) - PREVIEW_KEPT_MS);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "INSERT INTO previews (preview_id, host_id, plan_id, "
		    "profile, asked_by, asked_at) "
		    "VALUES ($1, $2, $3, $4, $5, $6)", "sssisi", preview_id,
		    h->host_id, plan_id, (int64_t)profile, actor->name,
		    db_now(db));
	if (rc == 0)
		rc = send_ask(db, s, h, profile, preview_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = actor->name,
		    .what = "host.preview", .host = h->name,
		    .case_id = h->case_id[0] != '\0' ? h->case_id : NULL,
		    .object = plan_id[0] != '\0' ? plan_id : preview_id},
		    "what would profile %s cut",
		    word_name(WORDS_PROFILE, (int)profile));
	return rc;
}

/* -- the answer ---------------------------------------------------------- */

/* "10.1.5.20:5432", "[2001:db8::1]:443"; "?" for what is no address. */
static const char *
peer_text(char *out, size_t size, const Cordon__Address *a, uint32_t port)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a != NULL && a->ip.len == 4)
		inet_ntop(AF_INET, a->ip.data, ip, sizeof(ip));
	else if (a != NULL && a->ip.len == 16)
		inet_ntop(AF_INET6, a->ip.data, ip, sizeof(ip));
	snprintf(out, size, strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u",
	    ip, port & 0xffff);
	return out;
}

static json_t *
flow_json(const Cordon__Flow *f)
{
	char local[64], peer[64], text[TEXT_MAX_LEN];

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b}", "protocol",
	    f->protocol == 17 ? "udp" : "tcp", "local",
	    peer_text(local, sizeof(local), f->local, f->local_port), "peer",
	    peer_text(peer, sizeof(peer), f->peer, f->peer_port), "program",
	    facts_text(text, f->program), "pid", (json_int_t)f->pid, "kept",
	    f->kept != 0);
}

static char *
flows_json(const Cordon__Preview *p)
{
	json_t *list = json_array();
	char *text;
	size_t i;

	for (i = 0; i < p->n_flows && i < FLOWS_MAX; i++)
		json_array_append_new(list, flow_json(p->flows[i]));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

int
preview_take(struct db *db, const char *host_id, const Cordon__Preview *p)
{
	char why[TEXT_MAX_LEN], *flows;
	int64_t changed = 0;
	int rc;

	if (!id_valid(p->ask_id))
		return ERR_PROTO;
	flows = flows_json(p);
	if (flows == NULL)
		return ERR_NOMEM;
	rc = db_run(db, &changed,
	    "UPDATE previews SET done_at = $1, cut = $2, kept = $3, "
	    "partial = $4, flows = $5, why = $6 WHERE preview_id = $7 "
	    "AND host_id = $8 AND done_at = 0", "iiiissss", db_now(db),
	    (int64_t)p->cut, (int64_t)p->kept, (int64_t)(p->partial != 0),
	    flows, facts_text(why, p->why), p->ask_id, host_id);
	free(flows);
	if (rc == 0 && changed == 0)
		log_debug("host %s: preview %s is not waited for", host_id,
		    p->ask_id);
	return rc;
}

/* -- reading ------------------------------------------------------------- */

static int
take_row(struct db_rows *r, struct preview *out, char **flows)
{
	struct preview p = {0};
	char *text = NULL;

	if (flows != NULL) {
		text = strdup(db_text(r, 10));
		if (text == NULL)
			return ERR_NOMEM;
		*flows = text;
	}
	db_copy(r, 0, p.preview_id, sizeof(p.preview_id));
	db_copy(r, 1, p.host_id, sizeof(p.host_id));
	db_copy(r, 2, p.plan_id, sizeof(p.plan_id));
	p.profile = (enum profile)db_int(r, 3);
	p.asked_at = db_int(r, 4);
	p.done_at = db_int(r, 5);
	p.cut = db_int(r, 6);
	p.kept = db_int(r, 7);
	p.partial = db_int(r, 8) != 0;
	db_copy(r, 9, p.why, sizeof(p.why));
	*out = p;
	return 0;
}

int
preview_get(struct db *db, const char *preview_id, struct preview *p,
    char **flows)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT " COLUMNS "FROM previews "
	    "WHERE preview_id = $1", "s", preview_id);
	if (rc != 0)
		return rc;
	rc = take_row(r, p, flows);
	db_end(&r);
	return rc;
}

int
preview_of_plan(struct db *db, const char *plan_id, const char *host_id,
    struct preview *p, char **flows)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT " COLUMNS "FROM previews "
	    "WHERE plan_id = $1 AND host_id = $2 "
	    "ORDER BY asked_at DESC, preview_id LIMIT 1", "ss", plan_id,
	    host_id);
	if (rc != 0)
		return rc;
	rc = take_row(r, p, flows);
	db_end(&r);
	return rc;
}
