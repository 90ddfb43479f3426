/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Builds the OrderBody of one host, has it signed, stores it and hands it
 * to the host's connection.  Runs in jobs on the writer thread.  The signer
 * is another process and may say no.
 */
#include "server/orders/issue.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"
#include "server/audit/audit.h"
#include "server/orders/allow.h"
#include "server/orders/drill.h"
#include "server/orders/order_row.h"
#include "server/orders/plan_row.h"

#define ORDER_DIGITS 10
#define ENDPOINTS_MAX \
	(2 * ORDER_ALLOWED_MAX + ORDER_COLLECTORS_MAX + ORDER_PROBES_MAX)

/* Everything an OrderBody points to. */
struct draft {
	Cordon__OrderBody body;
	Cordon__DeadMan deadman;
	Cordon__Endpoint point[ENDPOINTS_MAX];
	Cordon__Endpoint *at[ENDPOINTS_MAX];
	size_t npoints;
	struct orders_allow allow[ORDER_ALLOWED_MAX];
	struct orders_allow later[ORDER_ALLOWED_MAX]; /* by the dead-man */
	size_t nallow;
	uint8_t hash[DIGEST_LEN];
	char notice_en[TEXT_MAX_LEN + 16], notice_zh[TEXT_MAX_LEN + 16];
};

static Cordon__Endpoint *
next_point(struct draft *d)
{
	d->at[d->npoints] = &d->point[d->npoints];
	return d->at[d->npoints++];
}

static void
add_collectors(struct draft *d, const struct orders_settings *s)
{
	size_t i;

	d->body.collectors = &d->at[d->npoints];
	for (i = 0; i < s->ncollectors && i < ORDER_COLLECTORS_MAX; i++)
		allow_collector(&s->collectors[i], next_point(d));
	d->body.n_collectors = i;
}

/* N endpoints of LIST, which must live as long as D; where they begin. */
static Cordon__Endpoint **
add_allowed(struct draft *d, const struct orders_allow *list, size_t n)
{
	Cordon__Endpoint **first = &d->at[d->npoints];
	size_t i;

	for (i = 0; i < n; i++)
		allow_endpoint(&list[i], next_point(d));
	return first;
}

/*
 * What the host does when it has not heard its collector for long, by its
 * tier.  Recovery is a step from strict; what is more open already stays.
 */
static void
add_deadman(struct draft *d, const struct orders_settings *s,
    const struct host *h, enum profile profile)
{
	const struct orders_deadman *m = &s->deadman[h->tier];

	if (m->after_seconds == 0 ||
	    (m->then == PROFILE_RECOVERY && profile != PROFILE_STRICT))
		return;
	d->deadman.after_seconds = (uint32_t)m->after_seconds;
	d->deadman.then = CORDON__DEAD_MAN_THEN__DEADMAN_OPEN;
	if (m->then != PROFILE_RECOVERY)
		return;
	d->deadman.then = CORDON__DEAD_MAN_THEN__DEADMAN_RECOVERY;
	d->body.n_deadman_allowed = allow_list(s, h, PROFILE_RECOVERY,
	    d->later);
	d->body.deadman_allowed = add_allowed(d, d->later,
	    d->body.n_deadman_allowed);
}

static bool
prefix_holds(const struct orders_allow *a, const uint8_t *ip, uint8_t ip_len)
{
	unsigned int bit;

	if (a->ip_len != ip_len)
		return false;
	for (bit = 0; bit < a->prefix_len; bit++)
		if (((a->ip[bit / 8] ^ ip[bit / 8]) >> (7 - bit % 8)) & 1)
			return false;
	return true;
}

/* A named server is reachable by right: no proof that something leaks. */
static bool
probe_allowed(const struct draft *d, const struct orders_endpoint_probe *p)
{
	size_t i;

	for (i = 0; i < d->nallow; i++)
		if (d->allow[i].protocol == p->protocol &&
		    d->allow[i].port == p->port &&
		    prefix_holds(&d->allow[i], p->ip, p->ip_len))
			return true;
	return false;
}

/* One of the host's own addresses ("10.1.2.3/24 ..."): never cut off. */
static bool
probe_is_self(const struct host *h, const struct orders_endpoint_probe *p)
{
	char list[TEXT_MAX_LEN], *one, *rest = NULL;
	uint8_t ip[16];

	snprintf(list, sizeof(list), "%s", h->addresses);
	for (one = strtok_r(list, " ", &rest); one != NULL;
	    one = strtok_r(NULL, " ", &rest)) {
		one[strcspn(one, "/")] = '\0';
		if (inet_pton(p->ip_len == 4 ? AF_INET : AF_INET6, one,
		    ip) == 1 && memcmp(ip, p->ip, p->ip_len) == 0)
			return true;
	}
	return false;
}

static void
add_probe(const struct orders_endpoint_probe *p, Cordon__Endpoint *e)
{
	cordon__endpoint__init(e);
	e->address.data = (uint8_t *)(uintptr_t)p->ip;
	e->address.len = p->ip_len;
	e->prefix_len = p->ip_len * 8U;
	e->protocol = p->protocol;
	e->port = p->port;
	e->direction = CORDON__DIRECTION__DIRECTION_OUT;
}

static void
add_probes(struct draft *d, const struct orders_settings *s,
    const struct host *h)
{
	size_t i, n = 0;

	d->body.probes = &d->at[d->npoints];
	for (i = 0; i < s->nprobes && n < ORDER_PROBES_MAX; i++) {
		const struct orders_endpoint_probe *p = &s->probes[i];

		if (probe_is_self(h, p) || probe_allowed(d, p))
			continue;
		add_probe(p, next_point(d));
		n++;
	}
	d->body.n_probes = n;
}

/* The user of the host reads that it is practice, in both languages. */
static void
mark_notices(struct draft *d, const struct orders_settings *s)
{
	snprintf(d->notice_en, sizeof(d->notice_en), "DRILL: %s",
	    s->notice_en);
	snprintf(d->notice_zh, sizeof(d->notice_zh), "演练：%s",
	    s->notice_zh);
	d->body.notice_en = d->notice_en;
	d->body.notice_zh = d->notice_zh;
}

/* What only a cut host is told: review, confirmation, probes, notices. */
static void
fill_cut(struct draft *d, const struct orders_settings *s,
    const struct plan *p, struct issue *o, int64_t now)
{
	Cordon__OrderBody *b = &d->body;

	o->review_by = now + p->review_seconds * 1000;
	b->review_by_ms = o->review_by;
	b->review_then = p->restores ? CORDON__REVIEW_THEN__REVIEW_RESTORE :
	    CORDON__REVIEW_THEN__REVIEW_REMIND;
	d->nallow = allow_list(s, o->host, p->profile, d->allow);
	d->body.allowed = add_allowed(d, d->allow, d->nallow);
	d->body.n_allowed = d->nallow;
	/* nothing will be cut: nothing to confirm, to probe, to tell */
	if (p->drill == DRILL_DRY || p->drill == DRILL_COUNT)
		return;
	if (s->confirm_seconds > 0) {
		o->confirm = true;
		random_bytes(o->secret, sizeof(o->secret));
		digest_of(o->secret, sizeof(o->secret), d->hash);
		b->confirm_seconds = (uint32_t)s->confirm_seconds;
		b->confirm_hash.data = d->hash;
		b->confirm_hash.len = sizeof(d->hash);
	}
	if (p->drill == DRILL_NONE)
		add_deadman(d, s, o->host, p->profile);
	add_probes(d, s, o->host);
	b->notice_en = (char *)s->notice_en;
	b->notice_zh = (char *)s->notice_zh;
	if (p->drill != DRILL_NONE)
		mark_notices(d, s);
}

static void
fill(struct draft *d, const struct orders_settings *s, const struct plan *p,
    struct issue *o, int64_t now)
{
	Cordon__OrderBody *b = &d->body;

	cordon__order_body__init(b);
	cordon__dead_man__init(&d->deadman);
	b->version = 1;
	b->host_id = (char *)o->host->host_id;
	b->epoch = o->epoch;
	b->order_id = o->order_id;
	b->plan_id = (char *)p->plan_id;
	b->case_id = (char *)p->case_id;
	b->profile = (Cordon__Profile)p->profile;
	b->issued_at_ms = now;
	b->deliver_before_ms = o->deliver_before;
	b->deadman = &d->deadman; /* 0 s, stay */
	b->mode = p->drill == DRILL_NONE ? CORDON__MODE__MODE_ENFORCE :
	    (Cordon__Mode)p->drill;
	b->drill_minutes = p->drill == DRILL_NONE ||
	    p->drill == DRILL_DRY ? 0 : (uint32_t)p->drill_minutes;
	b->reason = (char *)p->reason;
	add_collectors(d, s);
	if (p->profile != PROFILE_OPEN)
		fill_cut(d, s, p, o, now);
}

static int
pack_and_sign(const struct orders_settings *s, const struct draft *d,
    struct issue *o, struct why *why)
{
	struct buf body;
	int rc;

	buf_init(&body, ORDER_MAX);
	rc = pack(&d->body.base, &body);
	if (rc == 0)
		rc = s->sign(s->sign_arg, body.data, body.len, &o->bytes, why);
	else if (rc == ERR_LIMIT)
		rc = why_set(why, ERR_RANGE, "the order is too large");
	else
		why_set(why, rc, "out of memory");
	buf_done(&body);
	return rc;
}

int
issue_make(const struct orders_settings *s, const struct plan *p,
    const struct host *h, int64_t now, struct issue *o, struct why *why)
{
	struct draft *d;
	int rc;

	memset(o, 0, sizeof(*o));
	buf_init(&o->bytes, ORDER_MAX);
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	o->host = h;
	o->epoch = h->desired_epoch + 1;
	o->deliver_before = p->drill != DRILL_NONE ? now + DRILL_DELIVER_MS :
	    s->deliver_seconds > 0 ? now + s->deliver_seconds * 1000 : 0;
	/* delivered after its own end it would only begin anew */
	if (p->restores && (o->deliver_before == 0 ||
	    o->deliver_before > now + p->review_seconds * 1000))
		o->deliver_before = now + p->review_seconds * 1000;
	id_new(o->order_id, "O", ORDER_DIGITS);
	fill(d, s, p, o, now);
	rc = order_check(&d->body, why);
	if (rc == 0)
		rc = pack_and_sign(s, d, o, why);
	free(d);
	if (rc != 0)
		issue_done(o);
	return rc;
}

void
issue_done(struct issue *o)
{
	explicit_bzero(o->secret, sizeof(o->secret));
	buf_done(&o->bytes);
	o->confirm = false;
}

int
issue_again(struct db *db, const struct orders_settings *s,
    struct issue_again *a, struct why *why)
{
	int64_t now = db_now(db);
	int rc;

	a->made = false;
	rc = plan_get(db, a->of->plan_id, &a->plan);
	if (rc != 0)
		return rc;
	if (a->review_by > now)
		a->plan.review_seconds = (a->review_by - now + 999) / 1000;
	a->made = issue_make(s, &a->plan, a->host, now, &a->order, why) == 0;
	return 0;
}

/* The order before ends here if it is still under way. */
static int
supersede(struct db *db, const struct host *h, const char *by)
{
	struct order_row o;
	int rc;

	if (h->desired_order[0] == '\0')
		return 0;
	rc = order_row_get(db, h->desired_order, &o);
	if (rc == 0 && order_row_under_way(o.state)) {
		rc = order_row_move(db, &o, ORDER_SUPERSEDED, o.why);
		if (rc == 0)
			rc = order_row_audit(db, &o, h->name, ACTOR_SYSTEM,
			    "order.superseded", "by order %s", by);
	}
	if (rc == 0)
		rc = order_row_forget(db, &o);
	order_row_done(&o);
	return rc == ERR_NOENT ? 0 : rc;
}

static int
insert(struct db *db, const struct plan *p, const struct issue *o,
    int64_t tries)
{
	int64_t now = db_now(db);
	bool sent = o->host->online;

	if (!o->confirm)
		return db_run(db, NULL,
		    "INSERT INTO orders (order_id, host_id, epoch, plan_id, "
		    "case_id, profile, state, signed, created_at, sent_at, "
		    "deliver_before, tries) VALUES ($1, $2, $3, $4, $5, $6, "
		    "$7, $8, $9, $10, $11, $12)", "ssissiibiiii",
		    o->order_id, o->host->host_id, (int64_t)o->epoch,
		    p->plan_id, p->case_id, (int64_t)p->profile,
		    (int64_t)(sent ? ORDER_SENT : ORDER_PENDING),
		    o->bytes.data, o->bytes.len, now, sent ? now : 0,
		    o->deliver_before, tries);
	return db_run(db, NULL,
	    "INSERT INTO orders (order_id, host_id, epoch, plan_id, "
	    "case_id, profile, state, signed, created_at, sent_at, "
	    "deliver_before, tries, secret) VALUES ($1, $2, $3, $4, $5, "
	    "$6, $7, $8, $9, $10, $11, $12, $13)", "ssissiibiiiib",
	    o->order_id, o->host->host_id, (int64_t)o->epoch, p->plan_id,
	    p->case_id, (int64_t)p->profile,
	    (int64_t)(sent ? ORDER_SENT : ORDER_PENDING), o->bytes.data,
	    o->bytes.len, now, sent ? now : (int64_t)0, o->deliver_before,
	    tries, o->secret, sizeof(o->secret));
}

static int
set_desired(struct db *db, const struct plan *p, const struct issue *o,
    int64_t tries)
{
	int64_t now = db_now(db);
	int rc = 0;

	if (p->restores)
		rc = db_run(db, NULL, "UPDATE orders SET review_then = $1 "
		    "WHERE order_id = $2", "is",
		    (int64_t)CORDON__REVIEW_THEN__REVIEW_RESTORE,
		    o->order_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET desired = $1, desired_order = $2, "
		    "desired_epoch = $3, desired_at = $4, review_by = $5 "
		    "WHERE host_id = $6", "isiiis", (int64_t)p->profile,
		    o->order_id, (int64_t)o->epoch, tries > 0 ?
		    o->host->desired_at : now, o->review_by,
		    o->host->host_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE plan_hosts SET order_id = $1 "
		    "WHERE plan_id = $2 AND host_id = $3", "sss",
		    o->order_id, p->plan_id, o->host->host_id);
	return rc;
}

int
issue_put(struct db *db, const struct plan *p, const struct issue *o,
    int64_t tries)
{
	const struct host *h = o->host;
	bool drill = p->drill != DRILL_NONE;
	struct audit_entry e = {
		.who = ACTOR_SYSTEM,
		.what = drill ? "drill.sent" :
		    h->online ? "order.sent" : "order.pending",
		.host = h->name,
		.case_id = p->case_id[0] != '\0' ? p->case_id : NULL,
		.object = o->order_id,
	};
	int rc = 0;

	if (!drill) {
		rc = supersede(db, h, o->order_id);
		if (rc == 0)
			rc = drill_supersede(db, h, o->order_id);
	}
	if (rc == 0)
		rc = insert(db, p, o, tries);
	if (rc == 0)
		rc = drill ? drill_put(db, p, o) :
		    set_desired(db, p, o, tries);
	if (rc == 0)
		rc = db_send(db, h->host_id, FRAME_ORDER, o->bytes.data,
		    o->bytes.len);
	if (rc == 0)
		rc = audit_add(db, &e, "%sprofile %s, epoch %llu, plan %s%s",
		    drill ? "DRILL: " : "",
		    word_name(WORDS_PROFILE, (int)p->profile),
		    (unsigned long long)o->epoch, p->plan_id,
		    h->online ? "" : "; the host is away, it waits");
	return rc;
}
