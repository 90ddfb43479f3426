/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What our own processes say.  Runs in the network process of the agent.
 * Each sender has its table; a sender that breaks it loses its link.  They
 * are ours, but one may have been taken over: what they send is unpacked
 * with bounds, and none can speak for another.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/network/network_int.h"
#include "agent/network/ready.h"
#include "common/base/clock.h"
#include "common/base/kinds.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/unpack.h"

#define KIB 1024
#define FULL_GAP_MS 1000 /* between two "slow down" */
#define TEXT_MAX 4000	 /* bytes of a signal's object and text */
#define CAUSE_ID_MAX 63

/* -- from all of them -------------------------------------------------- */

static void
tell_full(struct network *n)
{
	int64_t now = clock_boot_ms();

	if (n->sensors == NULL || now - n->full_told < FULL_GAP_MS)
		return;
	n->full_told = now;
	(void)link_send(n->sensors, IPC_SPOOL_FULL, NULL, 0, -1);
}

/* Cut TEXT to MAX bytes, at the border of a UTF-8 character. */
static void
cut(char *text, size_t max)
{
	if (strnlen(text, max + 1) <= max)
		return;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	text[max] = '\0';
}

/*
 * Into the bounds that the collector has: one signal that it must refuse
 * would come back at every connection and hold up all behind it.
 */
static void
fit(Cordon__Signal *sig, const struct signal_kind *kind)
{
	if (sig->severity < CORDON__SEVERITY__SEVERITY_INFO ||
	    sig->severity > CORDON__SEVERITY__SEVERITY_CRITICAL)
		sig->severity = kind->severity;
	cut(sig->object, TEXT_MAX);
	cut(sig->text, TEXT_MAX);
	cut(sig->cause_id, CAUSE_ID_MAX);
}

static enum network_peer
peer_of(const struct network *n, const struct link *l)
{
	if (l == n->sensors)
		return FROM_SENSORS;
	return l == n->enforcer ? FROM_ENFORCER : FROM_PARENT;
}

static int
on_signal(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct signal_kind *kind;
	struct network *n = arg;
	Cordon__Signal *sig;
	bool severe;
	int rc;

	(void)fd;
	sig = unpack(&cordon__signal__descriptor, payload, len);
	if (sig == NULL)
		return why_set(why, ERR_PROTO, "signal cannot be read");
	if ((kind = signal_kind_find(sig->kind)) == NULL) {
		cordon__signal__free_unpacked(sig, NULL);
		return why_set(why, ERR_PROTO, "signal of an unknown kind");
	}
	fit(sig, kind);
	severe = sig->severity >= CORDON__SEVERITY__SEVERITY_HIGH;
	rc = spool_add(n->spool, sig, why);
	if (sig->run != 0)
		n->taken[peer_of(n, l)] = (struct network_taken){sig->run,
		    sig->serial, true};
	cordon__signal__free_unpacked(sig, NULL);
	if (rc == ERR_EXIST) {
		/* It came before, but they do not know. */
		network_flush_soon(n);
		return 0;
	}
	if (rc != 0 && rc != ERR_LIMIT)
		log_error("%s: signal not kept: %s", link_name(l), why->text);
	if (rc != 0 || spool_nearly_full(n->spool))
		tell_full(n);
	if (severe)
		network_flush_now(n);
	else
		network_flush_soon(n);
	return 0;
}

/* -- from the enforcer ------------------------------------------------- */

static int
on_state(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;
	Cordon__State *s;

	(void)l, (void)fd;
	s = unpack(&cordon__state__descriptor, payload, len);
	if (s == NULL)
		return why_set(why, ERR_PROTO, "state cannot be read");
	if (n->state != NULL)
		cordon__state__free_unpacked(n->state, NULL);
	n->state = s;
	line_set_isolated(n->line, network_isolated(n));
	network_begin(n);
	line_heartbeat_soon(n->line);
	return 0;
}

static int
on_pinned(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;
	struct collectors c = {n->pinned, 0, LINE_ADDRS_MAX};
	Cordon__Pinned *m;

	(void)l, (void)fd;
	m = unpack(&cordon__pinned__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "pinned cannot be read");
	collectors_add(&c, m->collectors, m->n_collectors);
	cordon__pinned__free_unpacked(m, NULL);
	n->npinned = c.n;
	network_addresses(n);
	return 0;
}

static int
on_answer(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;

	(void)l, (void)why, (void)fd;
	relay_up(n, FRAME_ORDER_ANSWER, NULL, payload, len);
	return 0;
}

static int
on_proof(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;
	Cordon__Proof *p;

	(void)l, (void)fd;
	/* Of each order only the latest waits. */
	p = unpack(&cordon__proof__descriptor, payload, len);
	if (p == NULL)
		return why_set(why, ERR_PROTO, "proof cannot be read");
	relay_up(n, FRAME_PROOF, id_valid(p->order_id) ? p->order_id : NULL,
	    payload, len);
	cordon__proof__free_unpacked(p, NULL);
	return 0;
}

static int
on_foreign(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;
	struct network *n = arg;
	Cordon__Foreign *f;

	(void)l, (void)fd;
	f = unpack(&cordon__foreign__descriptor, payload, len);
	if (f == NULL)
		return why_set(why, ERR_PROTO, "foreign cannot be read");
	r.run_id = f->run_id;
	r.check_id = (char *)(uintptr_t)RUN_FOREIGN;
	r.text = f->known && f->same ? (char *)(uintptr_t)
	    "all other firewall rules equal the picture before isolation" :
	    f->text;
	r.at_ms = clock_wall_ms();
	if (!f->known)
		r.outcome = CORDON__CHECK_OUTCOME__CHECK_UNKNOWN;
	else
		r.outcome = f->same ? CORDON__CHECK_OUTCOME__CHECK_PASS :
		    CORDON__CHECK_OUTCOME__CHECK_FAIL;
	relay_check_result(n, &r, RUN_ENFORCER);
	cordon__foreign__free_unpacked(f, NULL);
	return 0;
}

static int
on_readiness(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	Cordon__ReadinessItem *item;

	(void)l, (void)fd;
	item = unpack(&cordon__readiness_item__descriptor, payload, len);
	if (item == NULL)
		return why_set(why, ERR_PROTO, "item cannot be read");
	if (ready_set(arg, item->id, item->ok, item->level, item->text) != 0)
		log_warn("readiness: an item too many, or without a name");
	cordon__readiness_item__free_unpacked(item, NULL);
	return 0;
}

/* -- from the sensors -------------------------------------------------- */

static int
on_check_result(void *arg, struct link *l, const uint8_t *payload,
    size_t len, int fd, struct why *why)
{
	struct network *n = arg;
	Cordon__CheckResult *r;

	(void)l, (void)fd;
	r = unpack(&cordon__check_result__descriptor, payload, len);
	if (r == NULL)
		return why_set(why, ERR_PROTO, "result cannot be read");
	relay_check_result(n, r, RUN_SENSORS);
	cordon__check_result__free_unpacked(r, NULL);
	return 0;
}

static int
on_manifest(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	(void)l, (void)why, (void)fd;
	relay_chunk(arg, FRAME_MANIFEST, payload, len);
	return 0;
}

/* Of no use but now: who asks, asks again after the next list. */
static int
on_list_ask(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;

	(void)l, (void)why, (void)fd;
	if (line_state(n->line) == LINE_LIVE)
		relay_up(n, FRAME_LIST_ASK, NULL, payload, len);
	return 0;
}

static int
on_tree_ask(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;

	(void)l, (void)why, (void)fd;
	if (line_state(n->line) == LINE_LIVE)
		relay_up(n, FRAME_TREE_ASK, NULL, payload, len);
	return 0;
}

static int
on_snapshot(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	(void)l, (void)why, (void)fd;
	relay_chunk(arg, FRAME_SNAPSHOT, payload, len);
	return 0;
}

/* Asked for now by someone who waits: old by the next connection. */
static int
on_preview(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;

	(void)l, (void)why, (void)fd;
	if (line_state(n->line) == LINE_LIVE)
		relay_up(n, FRAME_PREVIEW, NULL, payload, len);
	return 0;
}

static int
on_sweep(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;

	(void)l, (void)why, (void)fd;
	if (line_state(n->line) == LINE_LIVE)
		relay_up(n, FRAME_SWEEP, NULL, payload, len);
	return 0;
}

static int
on_watch(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;
	Cordon__Watch *w;

	(void)l, (void)fd;
	w = unpack(&cordon__watch__descriptor, payload, len);
	if (w == NULL)
		return why_set(why, ERR_PROTO, "watch cannot be read");
	if (n->watch != NULL)
		cordon__watch__free_unpacked(n->watch, NULL);
	n->watch = w;
	return 0;
}

/* -- links come and go ------------------------------------------------- */

static void
on_enforcer_end(void *arg, struct link *l, const char *reason)
{
	struct network *n = arg;

	log_warn("%s: %s", link_name(l), reason);
	n->enforcer_up = false;
	runs_fail(&n->runs, NULL, RUN_ENFORCER,
	    "the enforcer process has ended", relay_unknown, n);
}

static void
on_sensors_end(void *arg, struct link *l, const char *reason)
{
	struct network *n = arg;

	log_warn("%s: %s", link_name(l), reason);
	n->sensors_up = false;
	runs_fail(&n->runs, NULL, RUN_SENSORS,
	    "the sensors process has ended", relay_unknown, n);
}

static const struct link_kind from_enforcer[] = {
	{IPC_STATE, "state", 0, 1 * KIB, NULL, on_state, false},
	{IPC_PINNED, "pinned", 0, 1 * KIB, NULL, on_pinned, false},
	{IPC_ANSWER, "answer", 1, 8 * KIB, NULL, on_answer, false},
	{IPC_PROOF, "proof", 1, 16 * KIB, NULL, on_proof, false},
	{IPC_FOREIGN, "foreign", 1, 16 * KIB, NULL, on_foreign, false},
	{IPC_READINESS, "readiness", 1, 2 * KIB, NULL, on_readiness, false},
	{IPC_SIGNAL, "signal", 1, 32 * KIB, NULL, on_signal, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static const struct link_kind from_sensors[] = {
	{IPC_SIGNAL, "signal", 1, 32 * KIB, NULL, on_signal, false},
	{IPC_CHECK_RESULT, "check-result", 1, LINK_PAYLOAD_MAX, NULL,
	    on_check_result, false},
	{IPC_MANIFEST, "manifest", 1, 65 * KIB, NULL, on_manifest, false},
	{IPC_SNAPSHOT, "snapshot", 1, 65 * KIB, NULL, on_snapshot, false},
	{IPC_LIST_ASK, "list-ask", 1, 64 * KIB, NULL, on_list_ask, false},
	{IPC_TREE_ASK, "tree-ask", 1, 256, NULL, on_tree_ask, false},
	{IPC_PREVIEW, "preview", 1, 65 * KIB, NULL, on_preview, false},
	{IPC_SWEEP, "sweep", 1, 65 * KIB, NULL, on_sweep, false},
	{IPC_WATCH, "watch", 0, 256, NULL, on_watch, false},
	{IPC_READINESS, "readiness", 1, 2 * KIB, NULL, on_readiness, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static int
on_peer(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct network *n = arg;

	(void)l, (void)len;
	if (fd == -1)
		return why_set(why, ERR_PROTO, "no descriptor");
	switch (payload[0]) {
	case IPC_PEER_ENFORCER:
		link_free(&n->enforcer);
		n->enforcer = link_new(n->base, fd, "enforcer", from_enforcer,
		    n, on_enforcer_end);
		n->enforcer_up = n->enforcer != NULL;
		n->taken[FROM_ENFORCER].new = false;
		relay_orders(n);
		return 0;
	case IPC_PEER_SENSORS:
		link_free(&n->sensors);
		n->sensors = link_new(n->base, fd, "sensors", from_sensors, n,
		    on_sensors_end);
		n->sensors_up = n->sensors != NULL;
		n->sensors_paused = false;
		n->taken[FROM_SENSORS].new = false;
		relay_sensors(n);
		return 0;
	default:
		close(fd);
		return why_set(why, ERR_PROTO, "peer %u is not ours to have",
		    payload[0]);
	}
}

static int
on_stop(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	(void)l, (void)payload, (void)len, (void)why, (void)fd;
	network_stop(arg, 0);
	return 0;
}

static const struct link_kind from_parent[] = {
	{IPC_PEER, "peer", 1, 1, NULL, on_peer, true},
	{IPC_STOP, "stop", 0, 0, NULL, on_stop, false},
	{IPC_SIGNAL, "signal", 1, 32 * KIB, NULL, on_signal, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

const struct link_kind *
network_table(unsigned int peer)
{
	switch (peer) {
	case IPC_PEER_ENFORCER:
		return from_enforcer;
	case IPC_PEER_SENSORS:
		return from_sensors;
	default:
		return from_parent;
	}
}
