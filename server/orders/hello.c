/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An agent says what is in force on its host: at first contact and with
 * each heartbeat.  Where that is not what is desired, the newest desired
 * order goes out before anything else.  Runs in jobs on the writer thread;
 * the state is foreign.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/orders/drill.h"
#include "server/orders/extend.h"
#include "server/store/hosts.h"

#define SETTLE_MS 30000 /* a heartbeat may be older than the last frame */
/*
 * An agent that says it is further ahead than this is not followed: it
 * would use up the epochs of its host.
 */
#define AHEAD_MAX 1000000

struct said {
	uint64_t epoch;
	const char *order_id;
	int profile;
	bool confirmed;
	bool first; /* of the connection */
	bool known; /* the enforcer has spoken */
	uint64_t dropped;
};

static bool
said_read(const Cordon__State *st, bool first, struct said *out)
{
	struct said s = {.order_id = "", .profile = PROFILE_OPEN,
	    .confirmed = true, .first = first, .known = st != NULL};

	if (st != NULL) {
		s.epoch = st->epoch;
		s.order_id = st->order_id;
		s.confirmed = st->confirmed;
		s.dropped = st->dropped_packets;
		if (st->profile != CORDON__PROFILE__PROFILE_NONE)
			s.profile = (int)st->profile;
	}
	if (s.profile < PROFILE_OPEN || s.profile > PROFILE_LIMITED ||
	    (s.order_id[0] != '\0' && !id_valid(s.order_id)))
		return false;
	*out = s;
	return true;
}

/* The next order must be above what the host has accepted. */
static int
catch_up(struct db *db, struct host *h, uint64_t epoch)
{
	if (epoch <= h->desired_epoch)
		return 0;
	if (epoch - h->desired_epoch > AHEAD_MAX) {
		log_warn("host %s: says epoch %" PRIu64 ", %" PRIu64
		    " was ordered; not followed", h->name, epoch,
		    h->desired_epoch);
		return 0;
	}
	h->desired_epoch = epoch;
	return db_run(db, NULL,
	    "UPDATE hosts SET desired_epoch = $1 WHERE host_id = $2", "is",
	    (int64_t)epoch, h->host_id);
}

/* Under an order although none was ever given here. */
static int
never_ordered(struct db *db, struct host *h, const struct said *w, bool new)
{
	int rc;

	rc = catch_up(db, h, w->epoch);
	if (rc != 0 || w->order_id[0] == '\0' || !new)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = ACTOR_SYSTEM,
	    .what = "host.state-unknown", .host = h->name,
	    .object = w->order_id},
	    "the host is on profile %s by an order that is not in this store",
	    word_name(WORDS_PROFILE, w->profile));
}

/* In force as desired. */
static int
as_desired(struct db *db, struct spoken *s, const struct said *w)
{
	int rc = 0;

	if (s->o.state == ORDER_REVERTED || s->o.state == ORDER_REFUSED)
		return 0; /* its own word against this one: tried again */
	if (s->o.state == ORDER_FAILED && !w->first)
		return 0; /* in force, never proven: tried again */
	if (w->confirmed) {
		rc = order_row_forget(db, &s->o);
	} else if (s->o.has_secret && w->first) {
		/* the answer or the confirmation was lost on the way */
		rc = order_row_send(db, &s->o);
	}
	if (rc == 0)
		rc = facts_in_force(db, s, w->first ?
		    "as told at contact" : "as told by heartbeat");
	if (rc == 0 && w->first && s->o.state == ORDER_APPLIED)
		rc = db_run(db, NULL,
		    "UPDATE orders SET answered_at = $1 WHERE order_id = $2",
		    "is", db_now(db), s->o.order_id);
	return rc;
}

/* The host lost it or is past it: a fresh order is made by the clock. */
static int
order_lost(struct db *db, struct spoken *s, bool first, const char *why)
{
	int rc;

	if (!order_row_step(s->o.state, ORDER_FAILED))
		return 0;
	if (s->o.state == ORDER_PROVEN) {
		/* it had worked: all tries are there again */
		rc = db_run(db, NULL,
		    "UPDATE orders SET tries = 0 WHERE order_id = $1", "s",
		    s->o.order_id);
		if (rc != 0)
			return rc;
		s->o.tries = 0;
	}
	rc = order_row_move(db, &s->o, ORDER_FAILED, why);
	/* it has just come back and may be open */
	if (rc == 0 && first)
		rc = order_row_hurry(db, &s->o);
	if (rc == 0)
		rc = order_row_forget(db, &s->o);
	if (rc == 0)
		rc = order_row_audit(db, &s->o, s->h.name, s->who,
		    "order.failed", "%s; %s", why, order_row_outlook(&s->o));
	return rc;
}

static int
send_again(struct db *db, struct spoken *s)
{
	int rc = 0;

	if (s->o.deliver_before != 0 && s->o.deliver_before <= db_now(db))
		return 0; /* it would be refused; the clock ends it */
	rc = order_row_send(db, &s->o);
	if (rc == 0 && s->o.state == ORDER_PENDING) {
		rc = order_row_move(db, &s->o, ORDER_SENT, "");
		if (rc == 0)
			rc = order_row_audit(db, &s->o, s->h.name,
			    ACTOR_SYSTEM, "order.sent",
			    "profile %s, epoch %" PRIu64,
			    word_name(WORDS_PROFILE, (int)s->o.profile),
			    s->o.epoch);
		return rc;
	}
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE orders SET sent_at = $1 WHERE order_id = $2",
		    "is", db_now(db), s->o.order_id);
	return rc;
}

/* Its enforcer has not spoken yet: nothing is concluded, what waits goes. */
static int
not_known(struct db *db, struct spoken *s)
{
	int rc;

	if (s->h.desired_order[0] == '\0')
		return 0;
	rc = order_row_get(db, s->h.desired_order, &s->o);
	if (rc == 0 && (s->o.state == ORDER_PENDING ||
	    s->o.state == ORDER_SENT))
		rc = send_again(db, s);
	spoken_done(s);
	return rc;
}

/* Not what is desired. */
static int
otherwise(struct db *db, struct spoken *s, const struct said *w)
{
	int64_t since = s->o.sent_at > s->o.answered_at ? s->o.sent_at :
	    s->o.answered_at;
	char why[TEXT_MAX_LEN];
	bool over = false;
	int rc;

	if (strcmp(w->order_id, s->o.order_id) == 0 &&
	    w->profile == PROFILE_OPEN) {
		rc = host_restored(db, &s->h, &over);
		if (rc != 0 || over)
			return rc;
	}
	if (strcmp(w->order_id, s->o.order_id) == 0 &&
	    (s->o.state == ORDER_PROVEN || s->o.state == ORDER_APPLIED)) {
		/* its dead-man, or somebody's hand: said, and made good */
		snprintf(why, sizeof(why), "the host says it went from "
		    "profile %s to %s by itself",
		    word_name(WORDS_PROFILE, (int)s->o.profile),
		    word_name(WORDS_PROFILE, w->profile));
		return order_lost(db, s, w->first, why);
	}
	if (!w->first && db_now(db) - since < SETTLE_MS)
		return 0;
	if (w->epoch > s->o.epoch) {
		snprintf(why, sizeof(why), "the host says it has taken epoch "
		    "%" PRIu64 ", this order is %" PRIu64, w->epoch,
		    s->o.epoch);
		rc = catch_up(db, &s->h, w->epoch);
		return rc != 0 ? rc : order_lost(db, s, w->first, why);
	}
	switch (s->o.state) {
	case ORDER_PENDING:
	case ORDER_SENT:
		return send_again(db, s);
	case ORDER_APPLIED:
		if (s->o.has_secret)
			return send_again(db, s);
		/* fallthrough */
	case ORDER_PROVEN:
		return order_lost(db, s, w->first, w->known ?
		    "the host came back without the order in force" :
		    "the host does not say what is in force");
	default:
		return 0; /* tried again by the clock, or a person's */
	}
}

static int
state(struct db *db, const char *host_id, const Cordon__State *st, bool first)
{
	struct said w;
	struct spoken s;
	bool new, drill;
	int rc;

	if (!said_read(st, first, &w))
		return ERR_PROTO;
	memset(&s, 0, sizeof(s));
	rc = hosts_get(db, host_id, &s.h);
	if (rc != 0)
		return rc;
	snprintf(s.who, sizeof(s.who), "agent:%s", s.h.name);
	if (st == NULL && first)
		return not_known(db, &s);
	rc = drill_state(db, &s.h, &(struct drill_said){w.epoch, w.order_id,
	    w.dropped, w.confirmed, w.first}, &drill);
	if (rc != 0 || drill)
		return rc;
	new = strcmp(s.h.applied_order, w.order_id) != 0;
	rc = facts_applied(db, &s.h, (enum profile)w.profile, w.order_id);
	if (rc == 0 && s.h.desired_order[0] == '\0')
		return never_ordered(db, &s.h, &w, new);
	if (rc == 0)
		rc = order_row_get(db, s.h.desired_order, &s.o);
	if (rc != 0)
		return rc;
	/* epochs above the order's own, and ordered, were drills */
	if (strcmp(w.order_id, s.o.order_id) == 0 &&
	    w.epoch >= s.o.epoch && w.epoch <= s.h.desired_epoch &&
	    w.profile == (int)s.o.profile)
		rc = as_desired(db, &s, &w);
	else
		rc = otherwise(db, &s, &w);
	spoken_done(&s);
	return rc;
}

int
orders_hello(struct db *db, const char *host_id, const Cordon__Hello *hello)
{
	return state(db, host_id, hello->state, true);
}

int
orders_state(struct db *db, const char *host_id, const Cordon__State *st)
{
	return state(db, host_id, st, false);
}
