/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pinned collectors (pins.h).  Runs in jobs on the writer thread. */
#include "server/orders/pins.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/order.h"
#include "common/wire/unpack.h"
#include "server/orders/order_row.h"
#include "server/orders/plan_row.h"
#include "server/store/hosts.h"

#define TICK_HOSTS 16
#define AGAIN_MS 60000 /* after the signer said no */
#define AWAY_MS 5000   /* hosts that are away are looked for again */

static size_t
add_pin(char *out, size_t used, const uint8_t *ip, size_t ip_len,
    unsigned int port)
{
	char text[INET6_ADDRSTRLEN] = "?";
	int n;

	inet_ntop(ip_len == 4 ? AF_INET : AF_INET6, ip, text, sizeof(text));
	n = snprintf(out + used, PINS_TEXT_MAX - used,
	    ip_len == 4 ? "%s%s:%u" : "%s[%s]:%u", used > 0 ? " " : "",
	    text, port);
	return n > 0 && used + (size_t)n < PINS_TEXT_MAX ?
	    used + (size_t)n : used;
}

char *
pins_text(const struct orders_settings *s, char out[PINS_TEXT_MAX])
{
	size_t i, used = 0;

	out[0] = '\0';
	for (i = 0; i < s->ncollectors; i++)
		used = add_pin(out, used, s->collectors[i].ip,
		    s->collectors[i].ip_len, s->collectors[i].port);
	return out;
}

static int
pins_of_bytes(const void *data, size_t len, char out[PINS_TEXT_MAX])
{
	Cordon__SignedOrder *s;
	Cordon__OrderBody *b = NULL;
	size_t i, used = 0;

	s = unpack(&cordon__signed_order__descriptor, data, len);
	if (s != NULL)
		b = unpack(&cordon__order_body__descriptor, s->body.data,
		    s->body.len);
	out[0] = '\0';
	for (i = 0; b != NULL && i < b->n_collectors; i++) {
		const Cordon__Endpoint *e = b->collectors[i];

		if (e->address.len == 4 || e->address.len == 16)
			used = add_pin(out, used, e->address.data,
			    e->address.len, e->port);
	}
	i = b != NULL;
	if (b != NULL)
		cordon__order_body__free_unpacked(b, NULL);
	if (s != NULL)
		cordon__signed_order__free_unpacked(s, NULL);
	return i != 0 ? 0 : ERR_CORRUPT;
}

int
pins_of_order(struct db *db, const char *order_id, char out[PINS_TEXT_MAX])
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, ORDER_MAX);
	rc = order_row_bytes(db, order_id, &bytes);
	if (rc == 0)
		rc = pins_of_bytes(bytes.data, bytes.len, out);
	buf_done(&bytes);
	return rc;
}

/* -- the clock ----------------------------------------------------------- */

static int
meta_get(struct db *db, const char *key, char *out, size_t size)
{
	struct db_rows *r;
	int rc;

	out[0] = '\0';
	rc = db_row(db, &r, "SELECT value FROM meta WHERE key = $1", "s",
	    key);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	db_copy(r, 0, out, size);
	db_end(&r);
	return 0;
}

static int
meta_put(struct db *db, const char *key, const char *value)
{
	return db_run(db, NULL,
	    "INSERT INTO meta (key, value) VALUES ($1, $2) "
	    "ON CONFLICT (key) DO UPDATE SET value = excluded.value", "ss",
	    key, value);
}

static int
later(struct db *db, int64_t ms)
{
	char at[24];

	snprintf(at, sizeof(at), "%" PRId64, db_now(db) + ms);
	return meta_put(db, "orders.pins.again", at);
}

/* The same once more, with the new list; its review stays where it was. */
static int
order_anew(struct db *db, const struct orders_settings *s,
    const struct host *h, const struct order_row *o, const char *pins,
    bool *signer_away)
{
	struct issue_again a = {.host = h, .of = o};
	struct why why = {""};
	int rc;

	rc = db_one_int(db, &a.review_by, "SELECT review_by FROM hosts "
	    "WHERE host_id = $1", "s", h->host_id);
	if (rc == 0)
		rc = issue_again(db, s, &a, &why);
	if (rc != 0)
		return rc;
	if (!a.made) {
		*signer_away = true;
		log_warn("host %s: order with the new collectors not signed: "
		    "%s; tried again later", h->name, why.text);
		return later(db, AGAIN_MS);
	}
	rc = order_row_audit(db, o, h->name, ACTOR_SYSTEM, "order.endpoints",
	    "the collectors are %.400s now: order %s in its place, same "
	    "profile", pins, a.order.order_id);
	if (rc == 0)
		rc = issue_put(db, &a.plan, &a.order, 0);
	issue_done(&a.order);
	return rc;
}

struct looked {
	bool more;	  /* some host is not up to date */
	size_t ordered;	  /* in this tick */
	bool signer_away;
};

/*
 * A host that is away is ordered when it is back: it comes by the old
 * address, or by none.
 */
static int
look(struct db *db, const struct orders_settings *s, const char *host_id,
    const char *pins, struct looked *l)
{
	char had[PINS_TEXT_MAX];
	struct order_row o;
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = pins_of_order(db, h.desired_order, had);
	if (rc == ERR_CORRUPT || rc == ERR_NOENT)
		return 0; /* not one of ours: nothing to renew */
	if (rc != 0 || strcmp(had, pins) == 0)
		return rc;
	l->more = true;
	if (!h.online)
		return 0;
	rc = order_row_get(db, h.desired_order, &o);
	if (rc != 0)
		return rc;
	l->ordered++;
	rc = order_anew(db, s, &h, &o, pins, &l->signer_away);
	order_row_done(&o);
	return rc;
}

static int
go_over(struct db *db, const struct orders_settings *s, const char *pins)
{
	char (*id)[ID_MAX] = NULL, (*bigger)[ID_MAX];
	struct looked l = {.more = false};
	size_t n = 0, cap = 0, i;
	struct db_rows *r;
	int rc = 0;

	r = db_query(db, "SELECT host_id FROM hosts WHERE revoked = 0 "
	    "AND desired <> $1 ORDER BY host_id", "i",
	    (int64_t)PROFILE_OPEN);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		if (n == cap) {
			cap = cap > 0 ? cap * 2 : 64;
			bigger = realloc(id, cap * sizeof(*id));
			if (bigger == NULL) {
				rc = ERR_NOMEM;
				break;
			}
			id = bigger;
		}
		db_copy(r, 0, id[n++], ID_MAX);
	}
	db_end(&r);
	for (i = 0; rc == 0 && !l.signer_away && i < n &&
	    l.ordered < TICK_HOSTS; i++)
		rc = look(db, s, id[i], pins, &l);
	free(id);
	if (rc == 0 && !l.more)
		return meta_put(db, "orders.pins", pins);
	return rc == 0 && l.ordered == 0 ? later(db, AWAY_MS) : rc;
}

int
pins_tick(struct db *db, const struct orders_settings *s)
{
	char pins[PINS_TEXT_MAX], known[PINS_TEXT_MAX], again[24];
	int rc;

	pins_text(s, pins);
	rc = meta_get(db, "orders.pins", known, sizeof(known));
	if (rc != 0 || strcmp(known, pins) == 0)
		return rc;
	rc = meta_get(db, "orders.pins.again", again, sizeof(again));
	if (rc != 0 || strtoll(again, NULL, 10) > db_now(db))
		return rc;
	return go_over(db, s, pins);
}
