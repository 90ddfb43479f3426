/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cases: what ties signals, hosts, plans, checks and times together.  Runs
 * in jobs of the store on the collector's writer thread.  The states from
 * containing to watching are never set by hand: they are read off the hosts.
 */
#include "server/cases/cases.h"

#include <string.h>

#include "server/audit/audit.h"
#include "server/store/hosts.h"

#define CASE_DIGITS 6

/* How many hosts of a case stand where. */
struct tally {
	int hosts;
	int contained;
	int unproven; /* contained, but not proven */
	int recovering;
	int probation;
	int touched; /* were isolated since they came into scope */
};

static int
role_may(const struct actor *actor, uint32_t roles)
{
	return (actor->roles & roles) != 0;
}

int
case_open(struct db *db, const char *title, const struct actor *actor,
    struct case_row *out, struct refused *refused)
{
	struct case_row c = {.state = CASE_SUSPECTED, .opened_at = db_now(db)};
	int rc;

	if (!role_may(actor, 1u << ROLE_ANALYST | 1u << ROLE_RESPONDER |
	    1u << ROLE_COMMANDER))
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask an analyst, responder or commander.",
		    "%s has no role that opens cases", actor->name);
	if (title == NULL || strlen(title) == 0 ||
	    strlen(title) >= TEXT_MAX_LEN)
		return refused_set(refused, REFUSAL_INPUT,
		    "Give a title of 1 to 511 bytes.",
		    "the title of a case is missing or too long");
	id_new(c.case_id, "C", CASE_DIGITS);
	snprintf(c.title, sizeof(c.title), "%s", title);
	snprintf(c.opened_by, sizeof(c.opened_by), "%s", actor->name);
	rc = db_run(db, NULL,
	    "INSERT INTO cases (case_id, title, state, opened_at, opened_by) "
	    "VALUES ($1, $2, $3, $4, $5)",
	    "ssiis", c.case_id, c.title, (int64_t)c.state, c.opened_at,
	    c.opened_by);
	if (rc == 0)
		rc = case_fact(db, c.case_id, "detected", c.opened_at,
		    actor->name);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = actor->name,
		    .what = "case.open", .case_id = c.case_id}, "%s", title);
	if (rc == 0)
		*out = c;
	return rc;
}

int
case_get(struct db *db, const char *case_id, struct case_row *out)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT case_id, title, state, opened_at, closed_at, opened_by "
	    "FROM cases WHERE case_id = $1", "s", case_id);
	if (rc != 0)
		return rc;
	memset(out, 0, sizeof(*out));
	db_copy(r, 0, out->case_id, sizeof(out->case_id));
	db_copy(r, 1, out->title, sizeof(out->title));
	out->state = (enum case_state)db_int(r, 2);
	out->opened_at = db_int(r, 3);
	out->closed_at = db_int(r, 4);
	db_copy(r, 5, out->opened_by, sizeof(out->opened_by));
	db_end(&r);
	return 0;
}

int
case_find(struct db *db, const char *case_id, struct case_row *out,
    struct refused *refused)
{
	int rc = case_get(db, case_id, out);

	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl case list",
		    "there is no case %s", case_id);
	return rc;
}

int
case_add_host(struct db *db, const char *case_id, const char *host_id,
    const char *who)
{
	struct host h;
	int64_t added;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	rc = db_run(db, &added,
	    "INSERT INTO case_hosts (case_id, host_id, added_at, added_by) "
	    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
	    "ssis", case_id, h.host_id, db_now(db), who);
	/* also when it comes back from another case to one it was in */
	if (rc == 0 && strcmp(h.case_id, case_id) != 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET case_id = $1 WHERE host_id = $2", "ss",
		    case_id, h.host_id);
	if (rc != 0 || added == 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = who, .what = "case.add-host",
	    .host = h.name, .case_id = case_id},
	    "host comes into the scope of the case");
}

int
case_fact(struct db *db, const char *case_id, const char *fact, int64_t at,
    const char *who)
{
	int64_t added;
	int rc;

	rc = db_run(db, &added,
	    "INSERT INTO case_facts (case_id, fact, at, recorded_by, "
	    "recorded_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
	    "ssisi", case_id, fact, at, who, db_now(db));
	if (rc != 0 || added == 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = who, .what = "case.fact",
	    .case_id = case_id, .object = fact}, "%s", fact);
}

static int
tally_hosts(struct db *db, const char *case_id, struct tally *t)
{
	struct db_rows *r;
	int rc;

	memset(t, 0, sizeof(*t));
	r = db_query(db,
	    "SELECT h.stage, h.proven_ok, h.proven_order = h.desired_order, "
	    "h.stage_since >= c.added_at FROM case_hosts c "
	    "JOIN hosts h ON h.host_id = c.host_id WHERE c.case_id = $1",
	    "s", case_id);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		t->hosts++;
		t->touched += db_int(r, 3) != 0;
		switch ((enum stage)db_int(r, 0)) {
		case STAGE_CONTAINED:
			t->contained++;
			t->unproven += !(db_int(r, 1) != 0 &&
			    db_int(r, 2) != 0);
			break;
		case STAGE_RECOVERING:
		case STAGE_VERIFYING:
			t->recovering++;
			break;
		case STAGE_PROBATION:
			t->probation++;
			break;
		case STAGE_NORMAL:
		case STAGE_RETIRED:
			break;
		}
	}
	db_end(&r);
	return rc;
}

/* The state that the hosts give; OLD where they give none. */
static enum case_state
state_of(const struct tally *t, enum case_state old)
{
	if (old == CASE_CLOSED || old == CASE_DISMISSED)
		return old;
	if (t->unproven > 0)
		return CASE_CONTAINING;
	if (t->contained > 0)
		return CASE_CONTAINED;
	if (t->recovering > 0)
		return CASE_RECOVERING;
	if (t->probation > 0)
		return CASE_WATCHING;
	if (old == CASE_WATCHING || (old >= CASE_CONTAINING &&
	    old <= CASE_RECOVERING && t->touched > 0))
		return CASE_REVIEWING;
	return old;
}

static int
state_write(struct db *db, const struct case_row *c, enum case_state to,
    const char *who, const char *why)
{
	int rc;

	rc = db_run(db, NULL, "UPDATE cases SET state = $1 WHERE case_id = $2",
	    "is", (int64_t)to, c->case_id);
	if (rc != 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = who, .what = "case.state",
	    .case_id = c->case_id}, "%s -> %s: %s",
	    word_name(WORDS_CASE_STATE, (int)c->state),
	    word_name(WORDS_CASE_STATE, (int)to), why);
}

int
case_derive(struct db *db, const char *case_id)
{
	struct case_row c;
	struct tally t;
	enum case_state to;
	int rc;

	if (case_id[0] == '\0')
		return 0;
	rc = case_get(db, case_id, &c);
	if (rc == ERR_NOENT)
		return 0;
	if (rc == 0)
		rc = tally_hosts(db, case_id, &t);
	if (rc != 0)
		return rc;
	to = state_of(&t, c.state);
	if (to == c.state)
		return 0;
	rc = state_write(db, &c, to, ACTOR_SYSTEM,
	    "read off the hosts in scope");
	if (rc == 0 && to == CASE_CONTAINED)
		rc = case_fact(db, case_id, "contained", db_now(db),
		    ACTOR_SYSTEM);
	if (rc == 0 && to == CASE_WATCHING)
		rc = case_fact(db, case_id, "recovered", db_now(db),
		    ACTOR_SYSTEM);
	return rc;
}

int
case_close(struct db *db, const char *case_id, const struct actor *actor,
    const char *outcome, struct refused *refused)
{
	struct case_row c;
	struct tally t;
	int rc;

	rc = case_find(db, case_id, &c, refused);
	if (rc == 0)
		rc = tally_hosts(db, case_id, &t);
	if (rc != 0)
		return rc;
	if (!role_may(actor, 1u << ROLE_COMMANDER))
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask a commander to close it.",
		    "%s is not a commander", actor->name);
	if (outcome == NULL || strlen(outcome) < REASON_MIN)
		return refused_set(refused, REFUSAL_REASON,
		    "Say what it was, in ten characters or more.",
		    "the outcome is too short");
	if (c.state == CASE_CLOSED || c.state == CASE_DISMISSED)
		return refused_set(refused, REFUSAL_STATE,
		    "Nothing to do.", "the case is %s already",
		    word_name(WORDS_CASE_STATE, (int)c.state));
	if (t.contained + t.recovering + t.probation > 0)
		return refused_set(refused, REFUSAL_STATE,
		    "Bring its hosts back to normal first.",
		    "%d host(s) of the case are not normal yet",
		    t.contained + t.recovering + t.probation);
	rc = state_write(db, &c, CASE_CLOSED, actor->name, outcome);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE cases SET closed_at = $1, outcome = $2 "
		    "WHERE case_id = $3", "iss", db_now(db), outcome, case_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET case_id = '' WHERE case_id = $1", "s",
		    case_id);
	return rc;
}
