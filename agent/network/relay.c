/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between the collector and our own processes.  Runs in the network process
 * of the agent.  Orders pass through as opaque bytes: whether one is good is
 * for the enforcer alone to say.  What the collector asks is unpacked with
 * bounds; a frame that breaks them ends the connection.
 */
#include <string.h>

#include "agent/links/ask.h"
#include "agent/network/collectors.h"
#include "agent/network/network_int.h"
#include "common/base/clock.h"
#include "common/base/kinds.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define CHUNKS_MAX_PART 2 /* chunks may fill half of the queue upwards */

static const char no_sensors[] = "the sensors process is not running";
static const char no_enforcer[] = "the enforcer process is not running";

/* -- up ---------------------------------------------------------------- */

void
relay_up(struct network *n, uint16_t kind, const char *key,
    const void *payload, size_t len)
{
	int rc;

	rc = len <= frame_max(kind) ?
	    outbox_put(&n->up, kind, key, payload, len) : ERR_RANGE;
	if (rc != 0)
		log_error("%s for the collector is lost: %s",
		    frame_name(kind), err_str(rc));
	network_pump(n);
}

/* Pack MSG and queue it. */
static void
up_message(struct network *n, uint16_t kind, const ProtobufCMessage *msg)
{
	struct buf b;
	int rc;

	buf_init(&b, frame_max(kind));
	rc = pack(msg, &b);
	if (rc == 0)
		relay_up(n, kind, NULL, b.data, b.len);
	else
		log_error("%s for the collector is lost: %s",
		    frame_name(kind), err_str(rc));
	buf_done(&b);
}

void
relay_check_result(struct network *n, Cordon__CheckResult *r,
    enum run_owner owner)
{
	bool last;

	if (runs_close(&n->runs, r->run_id, r->check_id, owner, &last) != 0) {
		log_warn("result of a check that nobody waits for");
		return;
	}
	/* Only we know what the whole run was. */
	r->last = last;
	up_message(n, FRAME_CHECK_RESULT, &r->base);
}

void
relay_unknown(void *arg, const char *run_id, const char *check_id, bool last,
    const char *why)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;

	r.run_id = (char *)(uintptr_t)run_id;
	r.check_id = (char *)(uintptr_t)check_id;
	r.outcome = CORDON__CHECK_OUTCOME__CHECK_UNKNOWN;
	r.text = (char *)(uintptr_t)why;
	r.last = last;
	r.at_ms = clock_wall_ms();
	up_message(arg, FRAME_CHECK_RESULT, &r.base);
}

void
relay_witness(void *arg, const Cordon__WitnessResult *r)
{
	up_message(arg, FRAME_WITNESS, &r->base);
}

static void
manifest_failed(struct network *n, const char *id, const char *why)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;

	c.manifest_id = (char *)(uintptr_t)id;
	c.last = true;
	c.why = (char *)(uintptr_t)why;
	up_message(n, FRAME_MANIFEST, &c.base);
}

/*
 * A manifest with a hole is worth nothing: when a part of one cannot be kept,
 * the rest is dropped and the collector told, so that it asks again.
 */
static void
manifest_lost(struct network *n, const uint8_t *payload, size_t len)
{
	Cordon__ManifestChunk *c;

	c = unpack(&cordon__manifest_chunk__descriptor, payload, len);
	if (c == NULL)
		return;
	if (id_valid(c->manifest_id) &&
	    strcmp(n->broken_manifest, c->manifest_id) != 0) {
		strcpy(n->broken_manifest, c->manifest_id);
		/* What can be asked for again is, from the hole on. */
		if (!c->again || line_state(n->line) == LINE_LIVE)
			manifest_failed(n, c->manifest_id,
		    "the line was too slow or down");
	}
	cordon__manifest_chunk__free_unpacked(c, NULL);
}

static bool
is_broken(const struct network *n, const uint8_t *payload, size_t len)
{
	Cordon__ManifestChunk *c;
	bool broken;

	if (n->broken_manifest[0] == '\0')
		return false;
	c = unpack(&cordon__manifest_chunk__descriptor, payload, len);
	broken = c == NULL ||
	    strcmp(c->manifest_id, n->broken_manifest) == 0;
	if (c != NULL)
		cordon__manifest_chunk__free_unpacked(c, NULL);
	return broken;
}

void
relay_chunk(struct network *n, uint16_t kind, const uint8_t *payload,
    size_t len)
{
	bool room = n->up.bytes + len <= n->up.bytes_max / CHUNKS_MAX_PART;

	if (kind == FRAME_SNAPSHOT) {
		if (room)
			relay_up(n, kind, NULL, payload, len);
		else
			log_error("a part of a snapshot is lost: queue full");
		return;
	}
	if (is_broken(n, payload, len))
		return;
	if (room && line_state(n->line) == LINE_LIVE)
		relay_up(n, kind, NULL, payload, len);
	else
		manifest_lost(n, payload, len);
}

/* -- down: orders ------------------------------------------------------ */

static void
to_enforcer(struct network *n, uint32_t kind, const void *payload, size_t len)
{
	int rc = ERR_CLOSED;

	if (n->enforcer_up)
		rc = link_send(n->enforcer, kind, payload, len, -1);
	if (rc != 0)
		rc = outbox_put(&n->orders, kind, NULL, payload, len);
	if (rc != 0)
		log_error("for the enforcer, lost: %s", err_str(rc));
}

void
relay_orders(struct network *n)
{
	const struct outbox_item *i;

	while (n->enforcer_up && (i = outbox_first(&n->orders)) != NULL) {
		if (link_send(n->enforcer, i->kind, i->data, i->len, -1) != 0)
			return;
		outbox_drop_first(&n->orders);
	}
}

static void
ask_snapshot(struct network *n, const Cordon__OrderBody *b)
{
	Cordon__SnapshotAsk ask = CORDON__SNAPSHOT_ASK__INIT;
	uint8_t packed[ID_MAX + 8];

	if (strcmp(n->snapshot_order, b->order_id) == 0)
		return;
	strcpy(n->snapshot_order, b->order_id);
	ask.order_id = b->order_id;
	(void)link_send(n->sensors, IPC_SNAPSHOT_ASK, packed,
	    cordon__snapshot_ask__pack(&ask, packed), -1);
}

/* A dry drill is to say which flows it would cut. */
static void
ask_flows(struct network *n, const Cordon__OrderBody *b)
{
	Cordon__PreviewAsk ask = CORDON__PREVIEW_ASK__INIT;
	struct buf packed;

	ask.ask_id = b->order_id;
	ask.profile = b->profile;
	ask.collectors = b->collectors;
	ask.n_collectors = b->n_collectors;
	ask.allowed = b->allowed;
	ask.n_allowed = b->n_allowed;
	buf_init(&packed, frame_max(FRAME_PREVIEW_ASK));
	if (ask_preview_check(&ask, NULL) == 0 &&
	    pack(&ask.base, &packed) == 0)
		(void)link_send(n->sensors, IPC_PREVIEW_ASK, packed.data,
		    packed.len, -1);
	buf_done(&packed);
}

/*
 * Beside an order that cuts the host off, a snapshot: the order went first
 * and does not wait.  We look into a copy; if the order is a forgery, the
 * worst is a snapshot or a preview too many.
 */
static void
beside_order(struct network *n, const uint8_t *payload, size_t len)
{
	Cordon__SignedOrder *s;
	Cordon__OrderBody *b = NULL;

	s = unpack(&cordon__signed_order__descriptor, payload, len);
	if (s != NULL)
		b = unpack(&cordon__order_body__descriptor, s->body.data,
		    s->body.len);
	if (b != NULL && id_valid(b->order_id) && n->sensors_up) {
		if (b->mode == CORDON__MODE__MODE_DRILL_DRY)
			ask_flows(n, b);
		else if (b->mode == CORDON__MODE__MODE_ENFORCE &&
		    b->profile == CORDON__PROFILE__PROFILE_STRICT)
			ask_snapshot(n, b);
	}
	if (b != NULL)
		cordon__order_body__free_unpacked(b, NULL);
	if (s != NULL)
		cordon__signed_order__free_unpacked(s, NULL);
}

static int
on_order(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	Cordon__OrderIn in = CORDON__ORDER_IN__INIT;
	uint8_t packed[ORDER_MAX + 16];
	struct network *n = arg;

	if (len < 1 || len > ORDER_MAX)
		return why_set(why, ERR_RANGE, "%zu bytes", len);
	in.order.data = (uint8_t *)(uintptr_t)payload;
	in.order.len = len;
	to_enforcer(n, IPC_ORDER, packed,
	    cordon__order_in__pack(&in, packed));
	beside_order(n, payload, len);
	return 0;
}

static int
on_confirm(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	Cordon__Confirm *c;

	c = unpack(&cordon__confirm__descriptor, payload, len);
	if (c == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	cordon__confirm__free_unpacked(c, NULL);
	to_enforcer(arg, IPC_CONFIRM, payload, len);
	return 0;
}

/* -- down: checks and the rest ----------------------------------------- */

/* The run without G15, to the sensors. */
static int
run_sensors(struct network *n, const Cordon__CheckRun *ask,
    const struct run *run)
{
	Cordon__CheckRun q = *ask;
	char *checks[RUN_CHECKS_MAX];
	struct buf b;
	size_t i;
	int rc;

	q.checks = checks;
	q.n_checks = 0;
	for (i = 0; i < run->n; i++)
		if (run->check[i].owner == RUN_SENSORS)
			checks[q.n_checks++] =
			    (char *)(uintptr_t)run->check[i].id;
	if (q.n_checks == 0)
		return 0;
	if (!n->sensors_up)
		return ERR_CLOSED;
	buf_init(&b, LINK_PAYLOAD_MAX);
	rc = pack(&q.base, &b);
	if (rc == 0)
		rc = link_send(n->sensors, IPC_CHECK_RUN, b.data, b.len, -1);
	buf_done(&b);
	return rc;
}

static int
run_enforcer(struct network *n, const Cordon__CheckRun *ask,
    const struct run *run)
{
	Cordon__ForeignAsk q = CORDON__FOREIGN_ASK__INIT;
	uint8_t b[ID_MAX + 8];
	bool asked = false;
	size_t i;

	for (i = 0; i < run->n; i++)
		if (run->check[i].owner == RUN_ENFORCER)
			asked = true;
	if (!asked)
		return 0;
	if (!n->enforcer_up)
		return ERR_CLOSED;
	q.run_id = ask->run_id;
	return link_send(n->enforcer, IPC_FOREIGN_ASK, b,
	    cordon__foreign_ask__pack(&q, b), -1);
}

static int
on_check_run(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	struct network *n = arg;
	Cordon__CheckRun *ask;
	struct run *run, copy;
	size_t i;
	int rc;

	ask = unpack(&cordon__check_run__descriptor, payload, len);
	if (ask == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	rc = runs_begin(&n->runs, ask, clock_boot_ms(), &run, why);
	if (rc == ERR_LIMIT) {
		for (i = 0; i < ask->n_checks; i++)
			relay_unknown(n, ask->run_id, ask->checks[i],
			    i + 1 == ask->n_checks, why->text);
		rc = 0;
	} else if (rc == ERR_EXIST) {
		log_info("%s", why->text);
		rc = 0;
	} else if (rc == 0) {
		/* A failure closes checks, and with the last one the run. */
		copy = *run;
		if (run_sensors(n, ask, &copy) != 0)
			runs_fail(&n->runs, copy.id, RUN_SENSORS,
			    no_sensors, relay_unknown, n);
		if (run_enforcer(n, ask, &copy) != 0)
			runs_fail(&n->runs, copy.id, RUN_ENFORCER,
			    no_enforcer, relay_unknown, n);
	}
	cordon__check_run__free_unpacked(ask, NULL);
	return rc;
}

/* Answers an ask that nobody can answer. */
static void
preview_failed(struct network *n, const char *ask_id, const char *why)
{
	Cordon__Preview p = CORDON__PREVIEW__INIT;

	p.ask_id = (char *)(uintptr_t)ask_id;
	p.why = (char *)(uintptr_t)why;
	up_message(n, FRAME_PREVIEW, &p.base);
}

static int
on_preview_ask(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct network *n = arg;
	Cordon__PreviewAsk *ask;
	int rc;

	ask = unpack(&cordon__preview_ask__descriptor, payload, len);
	if (ask == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	rc = ask_preview_check(ask, why);
	if (rc == 0 && (!n->sensors_up || link_send(n->sensors,
	    IPC_PREVIEW_ASK, payload, len, -1) != 0))
		preview_failed(n, ask->ask_id, no_sensors);
	cordon__preview_ask__free_unpacked(ask, NULL);
	return rc;
}

/* Answers for sensors that are not there. */
static void
sweep_failed(struct network *n, const char *sweep_id, const char *why)
{
	Cordon__Sweep s = CORDON__SWEEP__INIT;

	s.sweep_id = (char *)(uintptr_t)sweep_id;
	s.why = (char *)(uintptr_t)why;
	up_message(n, FRAME_SWEEP, &s.base);
}

static int
on_sweep_ask(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	struct network *n = arg;
	Cordon__SweepAsk *ask;
	int rc;

	ask = unpack(&cordon__sweep_ask__descriptor, payload, len);
	if (ask == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	rc = ask_sweep_check(ask, why);
	if (rc == 0 && (!n->sensors_up || link_send(n->sensors,
	    IPC_SWEEP_ASK, payload, len, -1) != 0))
		sweep_failed(n, ask->sweep_id, no_sensors);
	cordon__sweep_ask__free_unpacked(ask, NULL);
	return rc;
}

static int
on_manifest_ask(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct network *n = arg;
	Cordon__ManifestAsk *ask;
	int rc = 0;

	ask = unpack(&cordon__manifest_ask__descriptor, payload, len);
	if (ask == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	if (id_valid(ask->manifest_id) &&
	    strcmp(n->broken_manifest, ask->manifest_id) == 0)
		n->broken_manifest[0] = '\0';
	if (!id_valid(ask->manifest_id))
		rc = why_set(why, ERR_RANGE, "manifest id is none");
	else if (!n->sensors_up || link_send(n->sensors, IPC_MANIFEST_ASK,
	    payload, len, -1) != 0)
		manifest_failed(n, ask->manifest_id, no_sensors);
	cordon__manifest_ask__free_unpacked(ask, NULL);
	return rc;
}

/* Who has no sensors asks for nothing: there is nobody to keep it for. */
static int
to_sensors(struct network *n, uint32_t kind, const uint8_t *payload,
    size_t len)
{
	if (!n->sensors_up)
		return 0;
	if (link_send(n->sensors, kind, payload, len, -1) != 0)
		log_warn("a message for the sensors is lost");
	return 0;
}

/* The sensors verify each; we only look that it is a list. */
static int
on_trees(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	struct network *n = arg;
	Cordon__TreeList *list;

	list = unpack(&cordon__tree_list__descriptor, payload, len);
	if (list == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	cordon__tree_list__free_unpacked(list, NULL);
	buf_clear(&n->trees);
	if (buf_add(&n->trees, payload, len) != 0)
		log_warn("the list of trees is not kept");
	return to_sensors(n, IPC_TREES, payload, len);
}

static int
on_tree_part(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	Cordon__ManifestChunk *c;
	bool good;

	c = unpack(&cordon__manifest_chunk__descriptor, payload, len);
	good = c != NULL && id_valid(c->manifest_id);
	if (c != NULL)
		cordon__manifest_chunk__free_unpacked(c, NULL);
	if (!good)
		return why_set(why, ERR_PROTO, "cannot be read");
	return to_sensors(arg, IPC_TREE_PART, payload, len);
}

static void
offer_lists(struct network *n)
{
	Cordon__ListHave m = CORDON__LIST_HAVE__INIT;
	uint8_t packed[8];

	m.ask = true;
	(void)to_sensors(n, IPC_LIST_HAVE, packed,
	    cordon__list_have__pack(&m, packed));
}

void
relay_sensors(struct network *n)
{
	if (line_state(n->line) != LINE_LIVE)
		return; /* it comes with the next welcome */
	if (n->trees.len > 0)
		(void)to_sensors(n, IPC_TREES, n->trees.data, n->trees.len);
	if (n->lists)
		offer_lists(n);
}

static int
on_list_have(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	Cordon__ListHave *m;

	m = unpack(&cordon__list_have__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	cordon__list_have__free_unpacked(m, NULL);
	return to_sensors(arg, IPC_LIST_HAVE, payload, len);
}

static int
on_list_part(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	Cordon__ListPart *m;

	m = unpack(&cordon__list_part__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	cordon__list_part__free_unpacked(m, NULL);
	return to_sensors(arg, IPC_LIST_PART, payload, len);
}

static int
on_witness_ask(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct iface_addr own[IFACES_MAX];
	struct network *n = arg;
	Cordon__WitnessAsk *ask;
	size_t nown = 0;
	int rc;

	ask = unpack(&cordon__witness_ask__descriptor, payload, len);
	if (ask == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	if (!network_isolated(n) && ifaces_list(own, &nown) != 0)
		log_warn("witness: cannot list our addresses");
	rc = witness_ask(n->witness, ask, own, nown, why);
	cordon__witness_ask__free_unpacked(ask, NULL);
	return rc;
}

/* -- down: about the line itself --------------------------------------- */

static void
learn_collectors(struct network *n, Cordon__Welcome *w)
{
	struct why why;
	int rc;

	if (w->n_collectors == 0)
		return;
	rc = collectors_save(n->state_dir, w->collectors, w->n_collectors,
	    &why);
	if (rc != 0)
		log_warn("collectors not saved: %s", why.text);
	if (rc == ERR_RANGE)
		return;
	/* A full disk is no reason not to go there. */
	n->known.n = 0;
	collectors_add(&n->known, n->settings->collectors,
	    n->settings->n_collectors);
	collectors_add(&n->known, w->collectors, w->n_collectors);
	network_addresses(n);
}

static int
on_welcome(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	struct network *n = arg;
	Cordon__Welcome *w;
	int rc;

	w = unpack(&cordon__welcome__descriptor, payload, len);
	if (w == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	if (w->heartbeat_seconds < 1 || w->heartbeat_seconds > 3600) {
		rc = why_set(why, ERR_RANGE, "heartbeat of %u s",
		    w->heartbeat_seconds);
		goto done;
	}
	if ((rc = feed_start(&n->feed, w->signals_committed, w->overtake,
	    why)) != 0)
		goto done;
	line_welcomed(n->line, w->heartbeat_seconds);
	network_server_time(n, w->server_time_ms);
	learn_collectors(n, w);
	n->renew.wanted = w->renew_certificate;
	n->renew_looked = 0;
	if (network_isolated(n) && n->enforcer_up)
		(void)link_send(n->enforcer, IPC_PROVE, NULL, 0, -1);
	n->lists = w->package_lists;
	if (n->lists)
		offer_lists(n);
	network_pump(n);
done:
	cordon__welcome__free_unpacked(w, NULL);
	return rc;
}

static int
on_heartbeat_ack(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct network *n = arg;
	Cordon__HeartbeatAck *a;
	int rc;

	a = unpack(&cordon__heartbeat_ack__descriptor, payload, len);
	if (a == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	rc = line_heartbeat_acked(n->line, a->sequence, why);
	if (rc == 0)
		network_server_time(n, a->server_time_ms);
	cordon__heartbeat_ack__free_unpacked(a, NULL);
	return rc;
}

static int
on_signals_ack(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct network *n = arg;
	Cordon__SignalsAck *a;
	struct why io = {0};
	int rc;

	a = unpack(&cordon__signals_ack__descriptor, payload, len);
	if (a == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	rc = feed_ack(&n->feed, a->number, a->ahead, &io);
	cordon__signals_ack__free_unpacked(a, NULL);
	if (rc == ERR_PROTO) {
		*why = io;
		return rc;
	}
	/* What the disk says to it is no fault of the collector's. */
	if (rc != 0)
		log_error("spool: %s", io.text);
	network_pump(n);
	return 0;
}

/* A signal of our own, so that people ask why; once a certificate. */
static void
signal_stale(struct network *n)
{
	static const char id[] = "agent.certificate";
	const struct signal_kind *kind = signal_kind_find(id);
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	struct why why = {0};

	s.time_ms = clock_wall_ms();
	s.boot_ms = (uint64_t)clock_boot_ms();
	s.kind = (char *)(uintptr_t)id;
	s.severity = kind->severity;
	s.object = (char *)(uintptr_t)n->settings->host_id;
	s.text = (char *)(uintptr_t)kind->en;
	if (spool_add(n->spool, &s, &why) != 0)
		log_error("signal not kept: %s", why.text);
	network_flush_soon(n);
}

/* Our certificate is good for one thing: to get a new one. */
static int
on_renew_first(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct network *n = arg;
	Cordon__RenewFirst *m;

	m = unpack(&cordon__renew_first__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	network_server_time(n, m->server_time_ms);
	cordon__renew_first__free_unpacked(m, NULL);
	if (!n->renew.stale) {
		log_warn("the certificate of this host is out of its dates; "
		    "it is renewed before anything else");
		signal_stale(n);
	}
	n->renew.stale = true;
	n->renew.wanted = true;
	network_renew(n);
	return 0;
}

static int
on_cert_issued(void *arg, const uint8_t *payload, size_t len,
    struct why *why)
{
	struct network *n = arg;
	bool installed;
	int rc;

	rc = renew_issued(&n->renew, payload, len, &installed, why);
	if (rc == 0 && installed)
		rc = line_reload(n->line, why);
	return rc;
}

static int
on_refused(void *arg, const uint8_t *payload, size_t len, struct why *why)
{
	char code[64], text[256];
	Cordon__Refused *r;

	(void)arg;
	r = unpack(&cordon__refused__descriptor, payload, len);
	if (r == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	log_quote(code, sizeof(code), r->code, strlen(r->code));
	log_quote(text, sizeof(text), r->why, strlen(r->why));
	cordon__refused__free_unpacked(r, NULL);
	return why_set(why, ERR_CLOSED, "refused by the collector: %s: %s",
	    code, text);
}

#define UP (LINE_HELLO | LINE_LIVE)

/* An order may come before Welcome: nothing is more urgent. */
static const struct line_row rows[] = {
	{FRAME_WELCOME, LINE_HELLO, on_welcome},
	{FRAME_REFUSED, UP, on_refused},
	{FRAME_HEARTBEAT_ACK, LINE_LIVE, on_heartbeat_ack},
	{FRAME_SIGNALS_ACK, LINE_LIVE, on_signals_ack},
	{FRAME_ORDER, UP, on_order},
	{FRAME_CONFIRM, UP, on_confirm},
	{FRAME_CHECK_RUN, UP, on_check_run},
	{FRAME_MANIFEST_ASK, UP, on_manifest_ask},
	{FRAME_WITNESS_ASK, UP, on_witness_ask},
	{FRAME_RENEW_FIRST, LINE_HELLO, on_renew_first},
	{FRAME_CERT_ISSUED, UP, on_cert_issued},
	{FRAME_PREVIEW_ASK, UP, on_preview_ask},
	{FRAME_SWEEP_ASK, UP, on_sweep_ask},
	{FRAME_TREES, LINE_LIVE, on_trees},
	{FRAME_TREE_PART, LINE_LIVE, on_tree_part},
	{FRAME_LIST_HAVE, LINE_LIVE, on_list_have},
	{FRAME_LIST_PART, LINE_LIVE, on_list_part},
	{0, 0, NULL},
};

const struct line_row *
network_rows(void)
{
	return rows;
}
