/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Witnesses.  One ask a host is open at a time and stands in the meta table
 * ("witness.HOST"), so that a result counts only from the host that was
 * asked, once, for the order it was asked about.  Runs in jobs on the
 * writer thread; a result is the claim of another agent.
 */
#include "server/orders/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/orders/facts.h"
#include "server/orders/own.h"
#include "server/store/hosts.h"

#define ASK_DIGITS 12
#define KEY_MAX (ID_MAX + 16)

/* What meta holds: "ASK WITNESS ORDER TIME"; ASK is "-" once answered. */
struct asked {
	char ask_id[ID_MAX];
	char witness[ID_MAX];
	char order_id[ID_MAX];
	int64_t at;
};

static void
key_of(char out[KEY_MAX], const char *host_id)
{
	snprintf(out, KEY_MAX, "witness.%s", host_id);
}

static int
asked_get(struct db *db, const char *host_id, struct asked *a)
{
	char key[KEY_MAX];
	struct db_rows *r;
	int rc, n;

	memset(a, 0, sizeof(*a));
	key_of(key, host_id);
	rc = db_row(db, &r, "SELECT value FROM meta WHERE key = $1", "s",
	    key);
	if (rc != 0)
		return rc;
	n = sscanf(db_text(r, 0), "%31s %31s %31s %" SCNd64, a->ask_id,
	    a->witness, a->order_id, &a->at);
	db_end(&r);
	return n == 4 ? 0 : ERR_NOENT;
}

static int
asked_put(struct db *db, const char *host_id, const struct asked *a)
{
	char key[KEY_MAX], value[4 * ID_MAX];

	key_of(key, host_id);
	snprintf(value, sizeof(value), "%s %s %s %" PRId64, a->ask_id,
	    a->witness, a->order_id, a->at);
	return db_run(db, NULL,
	    "INSERT INTO meta (key, value) VALUES ($1, $2) "
	    "ON CONFLICT (key) DO UPDATE SET value = excluded.value", "ss",
	    key, value);
}

/* -- asking ---------------------------------------------------------------- */

struct fleet {
	struct host *h; /* owned; online, open, with addresses */
	size_t n, cap;
	struct host *without; /* owned; isolated, proven, not witnessed */
	size_t nwithout;
};

static bool
wants_witness(const struct host *h)
{
	if (h->desired != PROFILE_STRICT || h->revoked || !h->proven_ok ||
	    strcmp(h->proven_order, h->desired_order) != 0)
		return false;
	return !h->witness_ok ||
	    strcmp(h->witness_order, h->desired_order) != 0;
}

static bool
may_witness(const struct host *h)
{
	return h->online && !h->revoked && h->desired == PROFILE_OPEN &&
	    h->applied == PROFILE_OPEN && h->addresses[0] != '\0';
}

static int
sort_out(void *arg, const struct host *h)
{
	struct fleet *f = arg;
	struct host *more;

	if (wants_witness(h) && f->nwithout < WITNESS_ASKS_MAX)
		f->without[f->nwithout++] = *h;
	if (!may_witness(h))
		return 0;
	if (f->n == f->cap) {
		size_t cap = f->cap > 0 ? f->cap * 2 : 64;

		more = realloc(f->h, cap * sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		f->h = more;
		f->cap = cap;
	}
	f->h[f->n++] = *h;
	return 0;
}

/* The next one after LAST on H's segment, going round; NULL: none. */
static const struct host *
choose(const struct fleet *f, const struct host *h, const char *last)
{
	const struct host *first = NULL;
	bool past = false;
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct host *w = &f->h[i];

		if (strcmp(w->host_id, h->host_id) != 0 &&
		    host_shares_segment(h, w)) {
			if (past)
				return w;
			if (first == NULL)
				first = w;
		}
		past = past || strcmp(w->host_id, last) == 0;
	}
	return first;
}

static int
send_ask(struct db *db, const struct host *h, const struct asked *a)
{
	struct segment_address seg[SEGMENT_ADDRESSES_MAX];
	Cordon__Address address[SEGMENT_ADDRESSES_MAX];
	Cordon__Address *at[SEGMENT_ADDRESSES_MAX];
	Cordon__WitnessAsk ask = CORDON__WITNESS_ASK__INIT;
	uint8_t packed[1024];
	size_t i;

	ask.ask_id = (char *)a->ask_id;
	ask.host_id = (char *)h->host_id;
	ask.n_addresses = segment_parse(h->addresses, seg);
	ask.addresses = at;
	for (i = 0; i < ask.n_addresses; i++) {
		cordon__address__init(&address[i]);
		address[i].ip.data = seg[i].ip;
		address[i].ip.len = seg[i].ip_len;
		address[i].prefix_len = seg[i].prefix_len;
		at[i] = &address[i];
	}
	/* 16 addresses of at most 24 bytes, two ids: well below the array */
	return db_send(db, a->witness, FRAME_WITNESS_ASK, packed,
	    cordon__witness_ask__pack(&ask, packed));
}

static int
ask_for(struct db *db, const struct fleet *f, const struct host *h)
{
	const struct host *w;
	struct asked a;
	int rc;

	rc = asked_get(db, h->host_id, &a);
	if (rc != 0 && rc != ERR_NOENT)
		return rc;
	if (rc == 0 && strcmp(a.order_id, h->desired_order) == 0 &&
	    db_now(db) - a.at < WITNESS_AGAIN_MS)
		return 0;
	w = choose(f, h, a.witness);
	if (w == NULL)
		return 0;
	id_new(a.ask_id, "W", ASK_DIGITS);
	snprintf(a.witness, sizeof(a.witness), "%s", w->host_id);
	snprintf(a.order_id, sizeof(a.order_id), "%s", h->desired_order);
	a.at = db_now(db);
	rc = asked_put(db, h->host_id, &a);
	if (rc == 0)
		rc = send_ask(db, h, &a);
	return rc;
}

int
witness_tick(struct db *db)
{
	struct fleet f = {NULL, 0, 0, NULL, 0};
	int64_t any;
	size_t i;
	int rc;

	/* hosts are only gone through when there is one to ask about */
	rc = db_one_int(db, &any,
	    "SELECT 1 FROM hosts WHERE desired = $1 AND proven_ok = 1 "
	    "AND revoked = 0 AND proven_order = desired_order "
	    "AND (witness_order <> desired_order OR witness_ok = 0) LIMIT 1",
	    "i", (int64_t)PROFILE_STRICT);
	if (rc == ERR_NOENT)
		return 0;
	if (rc != 0)
		return rc;
	f.without = calloc(WITNESS_ASKS_MAX, sizeof(*f.without));
	rc = f.without == NULL ? ERR_NOMEM : hosts_each(db, sort_out, &f);
	for (i = 0; rc == 0 && i < f.nwithout; i++)
		rc = ask_for(db, &f, &f.without[i]);
	free(f.h);
	free(f.without);
	return rc;
}

/* -- answers --------------------------------------------------------------- */

static int
keep(struct db *db, const struct host *h, const struct host *by,
    const Cordon__WitnessResult *w)
{
	char text[TEXT_MAX_LEN];
	int rc;

	rc = db_run(db, NULL,
	    "UPDATE hosts SET witness_order = $1, witness_at = $2, "
	    "witness_ok = $3, witness_by = $4 WHERE host_id = $5", "siiss",
	    h->desired_order, db_now(db), (int64_t)!w->reached, by->name,
	    h->host_id);
	if (rc != 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = ACTOR_SYSTEM,
	    .what = "host.witnessed", .host = h->name,
	    .case_id = h->case_id[0] != '\0' ? h->case_id : NULL,
	    .object = h->desired_order}, "%s %s: %.300s", by->name,
	    w->reached ? "REACHED it: the cage leaks" : "could not reach it",
	    facts_text(text, w->text));
}

/* ERR_NOENT unless HOST_ID was asked this and has not answered yet. */
static int
take_ask(struct db *db, const char *host_id, const Cordon__WitnessResult *w,
    struct asked *a)
{
	int rc;

	rc = asked_get(db, w->host_id, a);
	if (rc != 0)
		return rc;
	if (strcmp(a->ask_id, w->ask_id) != 0 ||
	    strcmp(a->witness, host_id) != 0 || a->ask_id[0] == '-')
		return ERR_NOENT;
	strcpy(a->ask_id, "-");
	if (!w->tried) /* busy, or not on the segment: the next one soon */
		a->at = db_now(db) - WITNESS_AGAIN_MS + WITNESS_SOON_MS;
	return asked_put(db, w->host_id, a);
}

int
orders_witness(struct db *db, const char *host_id,
    const Cordon__WitnessResult *w)
{
	struct host h, by;
	struct asked a;
	int rc;

	if (!id_valid(w->host_id) || !id_valid(w->ask_id))
		return ERR_PROTO;
	rc = take_ask(db, host_id, w, &a);
	if (rc == 0)
		rc = hosts_get(db, w->host_id, &h);
	if (rc == 0)
		rc = hosts_get(db, host_id, &by);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc; /* not asked, or too late */
	if (!w->tried || strcmp(a.order_id, h.desired_order) != 0)
		return 0; /* another one is asked in a while */
	return keep(db, &h, &by, w);
}
