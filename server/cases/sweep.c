/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the fleet.  Runs in jobs on the collector's writer thread.  The
 * rows say whom to ask when: a host is asked at once, or when it comes back
 * before the sweep is over, and again when its line broke in between.
 */
#include "server/cases/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/store/hosts.h"

#define SWEEP_DIGITS 10
#define ASK_ROOM 8192
#define HELLO_MAX 8 /* asked at once of one host */

enum sweep_state
sweep_state_of(enum sweep_state stored, int64_t until, int64_t now)
{
	return stored == SWEEP_ASKED && now >= until ? SWEEP_LATE : stored;
}

/* -- sending ---------------------------- */

static int
send_ask(struct db *db, const char *host_id, const char *sweep_id,
    const struct sweep_question *q)
{
	Cordon__SweepAsk m = CORDON__SWEEP_ASK__INIT;
	Cordon__Address a = CORDON__ADDRESS__INIT;
	uint8_t packed[ASK_ROOM];

	m.sweep_id = (char *)(uintptr_t)sweep_id;
	m.kind = (Cordon__SweepKind)q->kind;
	if (q->kind == SWEEP_SHA256) {
		m.sha256.data = (uint8_t *)(uintptr_t)q->sha256;
		m.sha256.len = sizeof(q->sha256);
	} else if (q->kind == SWEEP_ADDRESS) {
		a.ip.data = (uint8_t *)(uintptr_t)q->ip;
		a.ip.len = q->ip_len;
		a.prefix_len = q->prefix_len;
		m.address = &a;
		m.port = q->port;
	} else {
		m.text = (char *)(uintptr_t)q->what;
	}
	if (cordon__sweep_ask__get_packed_size(&m) > sizeof(packed))
		return ERR_LIMIT;
	return db_send(db, host_id, FRAME_SWEEP_ASK, packed,
	    cordon__sweep_ask__pack(&m, packed));
}

static int
set_state(struct db *db, const char *sweep_id, const char *host_id,
    enum sweep_state state)
{
	return db_run(db, NULL, "UPDATE sweep_hosts SET state = $1, "
	    "sent_at = $2 WHERE sweep_id = $3 AND host_id = $4", "iiss",
	    (int64_t)state, state == SWEEP_ASKED ? db_now(db) : 0, sweep_id,
	    host_id);
}

/* -- asking ---------------------------- */

static int
add_host(struct db *db, const char *sweep_id, const struct sweep_ask *ask,
    const char *host_id)
{
	enum sweep_state state = SWEEP_ASKED;
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	if (!h.online)
		state = SWEEP_AWAY;
	else if (!hosts_answers(&h, SWEEP_ANSWERS))
		state = SWEEP_TOO_OLD;
	rc = db_run(db, NULL,
	    "INSERT INTO sweep_hosts (sweep_id, host_id, state, sent_at) "
	    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", "ssii",
	    sweep_id, h.host_id, (int64_t)state,
	    state == SWEEP_ASKED ? db_now(db) : 0);
	if (rc == 0 && state == SWEEP_ASKED)
		rc = send_ask(db, h.host_id, sweep_id, ask->q);
	return rc;
}

static int
check_reason(struct db *db, const struct sweep_ask *ask,
    struct refused *refused)
{
	struct case_row c;
	int rc;

	if (ask->nhosts == 0)
		return refused_set(refused, REFUSAL_INPUT,
		    "List them with: cordonctl host list",
		    "there is no host to ask: %s", ask->selector);
	if (ask->case_id[0] == '\0' && strlen(ask->reason) < REASON_MIN)
		return refused_set(refused, REFUSAL_REASON,
		    "Name a case, or say why in ten characters or more.",
		    "a sweep needs a reason or a case");
	if (ask->case_id[0] == '\0')
		return 0;
	rc = case_find(db, ask->case_id, &c, refused);
	if (rc == 0 && (c.state == CASE_CLOSED || c.state == CASE_DISMISSED))
		rc = refused_set(refused, REFUSAL_STATE,
		    "Open a new case, or sweep without one.",
		    "case %s is closed", ask->case_id);
	return rc;
}

/* One at a time for a person, a few for all, and a bound on open ones. */
static int
check_rate(struct db *db, const struct actor *actor, struct refused *refused)
{
	int64_t own = 0, all = 0, open = 0, now = db_now(db);
	int rc;

	rc = db_one_int(db, &all,
	    "SELECT count(*) FROM sweeps s WHERE s.asked_at > $1 AND EXISTS "
	    "(SELECT 1 FROM sweep_hosts h WHERE h.sweep_id = s.sweep_id "
	    "AND h.state = $2)", "ii", now - SWEEP_LATE_MS,
	    (int64_t)SWEEP_ASKED);
	if (rc == 0)
		rc = db_one_int(db, &own,
		    "SELECT count(*) FROM sweeps s WHERE s.asked_at > $1 "
		    "AND s.asked_by = $2 AND EXISTS (SELECT 1 FROM "
		    "sweep_hosts h WHERE h.sweep_id = s.sweep_id AND "
		    "h.state = $3)", "isi", now - SWEEP_LATE_MS, actor->name,
		    (int64_t)SWEEP_ASKED);
	if (rc == 0)
		rc = db_one_int(db, &open,
		    "SELECT count(*) FROM sweeps s WHERE s.until > $1 AND "
		    "EXISTS (SELECT 1 FROM sweep_hosts h WHERE h.sweep_id = "
		    "s.sweep_id AND h.done_at = 0)", "i", now);
	if (rc != 0)
		return rc;
	if (own > 0)
		return refused_set(refused, REFUSAL_CONFLICT,
		    "Wait for it: cordonctl sweep list",
		    "a sweep of %s is still being answered", actor->name);
	if (all >= SWEEP_RUNNING_MAX || open >= SWEEP_OPEN_MAX)
		return refused_set(refused, REFUSAL_CONFLICT,
		    "Try again in half a minute: cordonctl sweep list",
		    "%lld sweeps are being answered and %lld are open",
		    (long long)all, (long long)open);
	return 0;
}

static int
forget_old(struct db *db)
{
	int64_t before = db_now(db) - SWEEP_KEPT_MS;
	int rc;

	rc = db_run(db, NULL, "DELETE FROM sweep_hosts WHERE sweep_id IN "
	    "(SELECT sweep_id FROM sweeps WHERE asked_at < $1 AND "
	    "case_id = '')", "i", before);
	return rc != 0 ? rc : db_run(db, NULL, "DELETE FROM sweeps "
	    "WHERE asked_at < $1 AND case_id = ''", "i", before);
}

static int
write_down(struct db *db, const char *sweep_id, const struct sweep_ask *ask)
{
	const struct sweep_question *q = ask->q;
	int rc;

	rc = db_run(db, NULL,
	    "INSERT INTO sweeps (sweep_id, kind, what, selector, reason, "
	    "case_id, asked_by, asked_at, until) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", "sisssssii",
	    sweep_id, (int64_t)q->kind, q->what, ask->selector, ask->reason,
	    ask->case_id, ask->actor->name, db_now(db),
	    db_now(db) + ask->seconds * 1000);
	if (rc != 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = ask->actor->name,
	    .what = "sweep.ask", .object = sweep_id,
	    .case_id = ask->case_id[0] != '\0' ? ask->case_id : NULL},
	    "%zu host(s) (%s), %s %.200s: %.200s", ask->nhosts,
	    ask->selector, word_name(WORDS_SWEEP_KIND, (int)q->kind), q->what,
	    ask->reason[0] != '\0' ? ask->reason : "for the case");
}

int
sweep_start(struct db *db, const struct sweep_ask *ask,
    char sweep_id[ID_MAX], struct refused *refused)
{
	char id[ID_MAX];
	size_t i;
	int rc;

	rc = check_reason(db, ask, refused);
	if (rc == 0)
		rc = check_rate(db, ask->actor, refused);
	if (rc == 0)
		rc = forget_old(db);
	id_new(id, "S", SWEEP_DIGITS);
	if (rc == 0)
		rc = write_down(db, id, ask);
	for (i = 0; rc == 0 && i < ask->nhosts; i++)
		rc = add_host(db, id, ask, ask->host_ids[i]);
	if (rc == 0)
		strcpy(sweep_id, id);
	return rc;
}

/* -- hosts come and go ---------------------------- */

struct due {
	char sweep_id[ID_MAX];
	enum sweep_kind kind;
	char what[SWEEP_WHAT_MAX];
};

/* The next one that the host was not asked yet; ERR_NOENT. */
static int
next_due(struct db *db, const char *host_id, struct due *d)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT s.sweep_id, s.kind, s.what FROM sweep_hosts h "
	    "JOIN sweeps s ON s.sweep_id = h.sweep_id WHERE h.host_id = $1 "
	    "AND h.done_at = 0 AND h.state IN ($2, $3) AND s.until > $4 "
	    "ORDER BY s.asked_at LIMIT 1", "siii", host_id,
	    (int64_t)SWEEP_AWAY, (int64_t)SWEEP_TOO_OLD, db_now(db));
	if (rc != 0)
		return rc;
	db_copy(r, 0, d->sweep_id, sizeof(d->sweep_id));
	d->kind = (enum sweep_kind)db_int(r, 1);
	db_copy(r, 2, d->what, sizeof(d->what));
	db_end(&r);
	return 0;
}

int
sweep_hello(struct db *db, const char *host_id)
{
	struct sweep_question *q;
	struct why why;
	struct host h;
	struct due d;
	int rc, i;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	if (!hosts_answers(&h, SWEEP_ANSWERS))
		return db_run(db, NULL, "UPDATE sweep_hosts SET state = $1 "
		    "WHERE host_id = $2 AND done_at = 0 AND state = $3",
		    "isi", (int64_t)SWEEP_TOO_OLD, h.host_id,
		    (int64_t)SWEEP_AWAY);
	q = malloc(sizeof(*q));
	if (q == NULL)
		return ERR_NOMEM;
	for (i = 0; i < HELLO_MAX && rc == 0; i++) {
		rc = next_due(db, h.host_id, &d);
		if (rc == 0)
			rc = sweep_parse(d.kind, d.what, q, &why);
		if (rc == 0)
			rc = set_state(db, d.sweep_id, h.host_id,
			    SWEEP_ASKED);
		if (rc == 0)
			rc = send_ask(db, h.host_id, d.sweep_id, q);
	}
	free(q);
	return rc == ERR_NOENT ? 0 : rc;
}

int
sweep_gone(struct db *db, const char *host_id)
{
	return db_run(db, NULL, "UPDATE sweep_hosts SET state = $1 "
	    "WHERE state = $2 AND done_at = 0 AND (host_id = $3 OR $3 = '')",
	    "iis", (int64_t)SWEEP_AWAY, (int64_t)SWEEP_ASKED,
	    host_id != NULL ? host_id : "");
}

int
sweep_get(struct db *db, const char *sweep_id, struct sweep_row *out)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT sweep_id, kind, what, selector, reason, case_id, "
	    "asked_by, asked_at, until FROM sweeps WHERE sweep_id = $1", "s",
	    sweep_id);
	if (rc != 0)
		return rc;
	memset(out, 0, sizeof(*out));
	db_copy(r, 0, out->sweep_id, sizeof(out->sweep_id));
	out->kind = (enum sweep_kind)db_int(r, 1);
	db_copy(r, 2, out->what, sizeof(out->what));
	db_copy(r, 3, out->selector, sizeof(out->selector));
	db_copy(r, 4, out->reason, sizeof(out->reason));
	db_copy(r, 5, out->case_id, sizeof(out->case_id));
	db_copy(r, 6, out->asked_by, sizeof(out->asked_by));
	out->asked_at = db_int(r, 7);
	out->until = db_int(r, 8);
	db_end(&r);
	return 0;
}
