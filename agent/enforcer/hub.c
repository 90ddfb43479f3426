/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wiring.  Runs in the enforcer.  The network process is not trusted: what
 * it may send stands in one table, each payload goes through inbox.c, and
 * the only thing that acts is a signed order.
 */
#include "agent/enforcer/hub.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/enforcer/control.h"
#include "agent/enforcer/guard.h"
#include "agent/enforcer/inbox.h"
#include "agent/enforcer/probe.h"
#include "agent/enforcer/proof.h"
#include "agent/enforcer/report.h"
#include "agent/enforcer/tell.h"
#include "agent/links/child.h"
#include "agent/links/ipc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/pack.h"

struct hub {
	const Cordon__Settings *settings;
	struct event_base *base;
	struct isolation *isolation;
	struct watch *watch;
	struct control *control;
	struct link *parent, *network, *sensors;
	struct guard *guard;
	int told_cut; /* to the sensors; -1: nothing yet */
	struct event *due, *prove;
	struct probe_run *run;
	struct proof_check check;
	bool dirty;	 /* the state changed: tell it and prove it */
	bool prove_again; /* asked for while a proof was under way */
	struct tell tell;
	int result;
};

/* -- proofs --------------------------------------------------------------- */

static void
on_probed(void *arg, const struct probe_outcome *out, size_t n)
{
	struct hub *h = arg;
	struct buf b;

	h->run = NULL; /* the run frees itself after this call */
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (proof_pack(h->isolation, &h->check, out, n, &b) == 0)
		tell_buf(h->network, IPC_PROOF, &b);
	buf_done(&b);
	if (h->prove_again) {
		h->prove_again = false;
		h->dirty = true;
	}
}

static void
prove(struct hub *h)
{
	const Cordon__OrderBody *body = isolation_body(h->isolation);
	bool closed = cage_closed(isolation_cage(h->isolation));
	size_t n = closed && body != NULL ? body->n_probes : 0;
	int rc;

	if (h->run != NULL) {
		h->prove_again = true;
		return;
	}
	memset(&h->check, 0, sizeof(h->check));
	h->check.guard = h->guard;
	h->check.rc = isolation_check(h->isolation, &h->check.why);
	rc = probe_start(h->base, n > 0 ? body->probes : NULL, n, on_probed,
	    h, &h->run);
	if (rc != 0)
		log_error("probes: %s", err_str(rc));
}

/* -- after each event ------------------------------------------------------ */

static void
arm(struct hub *h)
{
	int64_t next = isolation_next_ms(h->isolation);
	int64_t left = next - clock_boot_ms();
	struct timeval tv;

	if (next == 0) {
		event_del(h->due);
		return;
	}
	left = left < 1 ? 1 : left;
	tv.tv_sec = left / 1000;
	tv.tv_usec = left % 1000 * 1000;
	event_add(h->due, &tv);
}

/* Whether the host is cut off decides what the sensors raise. */
static void
tell_sensors(struct hub *h)
{
	uint8_t cut = cage_cuts(isolation_cage(h->isolation));

	if (h->sensors == NULL || h->told_cut == cut)
		return;
	if (link_send(h->sensors, IPC_CUT, &cut, 1, -1) == 0)
		h->told_cut = cut;
}

/*
 * What a handler left to do: an answer goes out before the state it made,
 * and that before its proof.
 */
static void
flush(struct hub *h)
{
	guard_follow(h->guard, h->isolation);
	tell_sensors(h);
	isolation_answered(h->isolation);
	while (h->dirty) {
		h->dirty = false;
		probe_stop(&h->run);
		h->prove_again = false;
		report_state(h->network, h->isolation);
		report_notice(h->parent, h->isolation);
		prove(h);
	}
	arm(h);
}

static void
on_changed(void *arg)
{
	struct hub *h = arg;

	h->dirty = true;
}

static void
on_answer(void *arg, const struct answer *a)
{
	struct hub *h = arg;

	tell_answer(&h->tell, a);
}

static void
on_tamper(void *arg, const struct watch_who *who, const char *what,
    bool repaired)
{
	struct hub *h = arg;

	tell_tamper(&h->tell, who, what, repaired);
}

static void
on_diverted(void *arg, const char *what)
{
	struct hub *h = arg;

	tell_diverted(&h->tell, what);
}

static void
on_others(void *arg, const struct watch_who *who)
{
	struct hub *h = arg;

	tell_others(&h->tell, who);
}

static void
on_opening(void *arg)
{
	struct hub *h = arg;

	guard_open(h->guard);
}

static const struct isolation_calls isolation_calls = {on_changed, on_answer,
    on_tamper, on_diverted, on_others, on_opening};

/* -- the guard and the sensors --------------------------------------------- */

static void
on_guard_signal(void *arg, const uint8_t *data, size_t len)
{
	struct hub *h = arg;

	tell_signal(&h->tell, data, len);
}

static void
on_guard_changed(void *arg)
{
	struct hub *h = arg;

	report_guard(h->network, h->guard);
	if (cage_closed(isolation_cage(h->isolation)))
		prove(h);
}

static void
on_guard_stuck(void *arg)
{
	struct hub *h = arg;

	link_send(h->parent, IPC_GUARD_STUCK, NULL, 0, -1);
}

static const struct guard_calls guard_calls = {on_guard_signal,
    on_guard_changed, on_guard_stuck};

/* The sensors have nothing to say here. */
static const struct link_kind sensors_kinds[] = {
    {0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_sensors_end(void *arg, struct link *l, const char *reason)
{
	struct hub *h = arg;

	(void)l;
	log_info("sensors: %s", reason);
	link_free(&h->sensors);
}

static void
on_ruleset(void *arg, const struct watch_who *who)
{
	struct hub *h = arg;

	isolation_ruleset_touched(h->isolation, who);
	flush(h);
}

static void
on_ground(void *arg)
{
	struct hub *h = arg;

	isolation_ground(h->isolation);
	flush(h);
}

static void
on_moved(void *arg, const char *device)
{
	struct hub *h = arg;
	char text[GROUND_TEXT_MAX], quoted[64];

	if (!cage_closed(isolation_cage(h->isolation)))
		return;
	log_quote(quoted, sizeof(quoted), device, strlen(device));
	snprintf(text, sizeof(text), "device %s was moved to another network "
	    "namespace, out of reach of the rules", quoted);
	on_diverted(h, text);
}

static bool
on_is_hop(void *arg, const uint8_t *ip, size_t len)
{
	struct hub *h = arg;

	return cage_is_hop(isolation_cage(h->isolation), ip, len);
}

static const struct watch_calls watch_calls = {on_ruleset, on_ground,
    on_moved, on_is_hop};

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd;
	(void)what;
	isolation_tick(h->isolation);
	flush(h);
}

static void
on_prove_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd;
	(void)what;
	if (cage_closed(isolation_cage(h->isolation)))
		prove(h);
	flush(h);
}

/* -- from the network process ---------------------------------------------- */

static int
on_order(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	int64_t received_us = clock_boot_us();
	struct hub *h = arg;
	Cordon__OrderIn *m;
	struct answer a;

	(void)l, (void)fd;
	m = inbox_order(payload, len, why);
	if (m == NULL)
		return ERR_PROTO;
	isolation_order(h->isolation, m->order.data, m->order.len,
	    received_us, false, &a);
	cordon__order_in__free_unpacked(m, NULL);
	tell_answer(&h->tell, &a);
	flush(h);
	return 0;
}

static int
on_confirm(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;
	struct why reason;
	Cordon__Confirm *m;

	(void)l, (void)fd;
	m = inbox_confirm(payload, len, why);
	if (m == NULL)
		return ERR_PROTO;
	if (isolation_confirm(h->isolation, m->order_id, m->secret.data,
	    m->secret.len, &reason) != 0)
		log_warn("confirmation refused: %s", reason.text);
	cordon__confirm__free_unpacked(m, NULL);
	flush(h);
	return 0;
}

static int
on_prove(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;

	(void)l, (void)payload, (void)len, (void)fd, (void)why;
	prove(h);
	flush(h);
	return 0;
}

static int
on_line(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;

	(void)l, (void)payload, (void)len, (void)fd, (void)why;
	isolation_heard(h->isolation);
	arm(h);
	return 0;
}

static int
on_foreign_ask(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	Cordon__Foreign f = CORDON__FOREIGN__INIT;
	char text[FOREIGN_TEXT_MAX] = "";
	struct hub *h = arg;
	Cordon__ForeignAsk *m;
	uint8_t bytes[1024];
	struct why reason;
	int rc;

	(void)fd;
	m = inbox_foreign_ask(payload, len, why);
	if (m == NULL)
		return ERR_PROTO;
	rc = isolation_foreign(h->isolation, text, sizeof(text), &reason);
	f.run_id = m->run_id;
	f.known = rc == 0;
	f.same = rc == 0 && text[0] == '\0';
	f.text = rc == 0 ? text : reason.text;
	rc = link_send(l, IPC_FOREIGN, bytes, cordon__foreign__pack(&f,
	    bytes), -1);
	cordon__foreign_ask__free_unpacked(m, NULL);
	return rc;
}

/* Signals that are safe: it can make us forget no more than those. */
static int
on_taken(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;

	(void)l, (void)fd, (void)why;
	return untaken_take(&h->tell.signals, payload, len);
}

static const struct link_kind network_kinds[] = {
    {IPC_ORDER, "order", 1, INBOX_ORDER_MAX, NULL, on_order, false},
    {IPC_CONFIRM, "confirm", 1, INBOX_CONFIRM_MAX, NULL, on_confirm, false},
    {IPC_PROVE, "prove", 0, 0, NULL, on_prove, false},
    {IPC_FOREIGN_ASK, "foreign-ask", 1, INBOX_FOREIGN_ASK_MAX, NULL,
	on_foreign_ask, false},
    {IPC_LINE, "line", 0, 0, NULL, on_line, false},
    {IPC_TAKEN, "taken", 1, 32, NULL, on_taken, false},
    {0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_network_end(void *arg, struct link *l, const char *reason)
{
	struct hub *h = arg;

	(void)l;
	log_info("network process: %s", reason);
	link_free(&h->network);
	h->tell.network = NULL;
}

/* -- from the parent ------------------------------------------------------- */

static int
control_order(void *arg, const uint8_t *order, size_t len, char *text,
    size_t size)
{
	struct hub *h = arg;
	struct answer a;

	isolation_order(h->isolation, order, len, clock_boot_us(), true, &a);
	tell_answer(&h->tell, &a);
	snprintf(text, size, "order %s: %s%s%s\n",
	    a.order_id[0] != '\0' ? a.order_id : "?",
	    a.result == CORDON__ANSWER_RESULT__ANSWER_APPLIED ? "applied" :
	    a.result == CORDON__ANSWER_RESULT__ANSWER_DRILLED ? "drilled" :
	    a.result == CORDON__ANSWER_RESULT__ANSWER_FAILED ? "failed" :
	    "refused", a.why.text[0] != '\0' ? ": " : "", a.why.text);
	flush(h);
	return a.result == CORDON__ANSWER_RESULT__ANSWER_APPLIED ||
	    a.result == CORDON__ANSWER_RESULT__ANSWER_DRILLED ? 0 :
	    ERR_BADSTATE;
}

static int
new_network(struct hub *h, int fd, struct why *why)
{
	if (h->network != NULL)
		link_free(&h->network);
	h->network = link_new(h->base, fd, "network", network_kinds, h,
	    on_network_end);
	h->tell.network = h->network;
	if (h->network == NULL)
		return why_set(why, ERR_NOMEM, "link to network");
	report_readiness(h->network, h->isolation, h->guard);
	tell_late(&h->tell);
	h->dirty = true;
	flush(h);
	return 0;
}

static int
new_sensors(struct hub *h, int fd, struct why *why)
{
	if (h->sensors != NULL)
		link_free(&h->sensors);
	h->sensors = link_new(h->base, fd, "sensors", sensors_kinds, h,
	    on_sensors_end);
	if (h->sensors == NULL)
		return why_set(why, ERR_NOMEM, "link to sensors");
	h->told_cut = -1;
	flush(h);
	return 0;
}

static int
on_peer(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;

	(void)l;
	(void)len;
	if (fd < 0)
		return why_set(why, ERR_PROTO, "peer without a descriptor");
	if (payload[0] == IPC_PEER_NETWORK)
		return new_network(h, fd, why);
	if (payload[0] == IPC_PEER_GUARD)
		return guard_join(h->guard, fd, why);
	if (payload[0] == IPC_PEER_SENSORS)
		return new_sensors(h, fd, why);
	if (payload[0] == IPC_PEER_CONTROL) {
		control_stop(&h->control);
		return control_start(h->base, fd, h->isolation,
		    control_order, h, &h->control, why);
	}
	close(fd);
	return why_set(why, ERR_PROTO, "peer %u is none of ours",
	    payload[0]);
}

static int
on_stop(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;

	(void)l, (void)payload, (void)len, (void)fd, (void)why;
	event_base_loopexit(h->base, NULL);
	return 0;
}

static const struct link_kind parent_kinds[] = {
    {IPC_PEER, "peer", 1, 1, NULL, on_peer, true},
    {IPC_STOP, "stop", 0, 0, NULL, on_stop, false},
    {0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_parent_end(void *arg, struct link *l, const char *reason)
{
	struct hub *h = arg;

	(void)l;
	log_warn("parent: %s; the rules stay", reason);
	h->result = ERR_CLOSED;
	event_base_loopexit(h->base, NULL);
}

/* -- start ----------------------------------------------------------------- */

static int
start_timers(struct hub *h)
{
	struct timeval every = {.tv_sec = h->settings->prove_seconds};

	h->due = evtimer_new(h->base, on_due, h);
	h->prove = event_new(h->base, -1, EV_PERSIST, on_prove_timer, h);
	if (h->due == NULL || h->prove == NULL)
		return ERR_NOMEM;
	return every.tv_sec > 0 && event_add(h->prove, &every) < 0 ?
	    ERR_NOMEM : 0;
}

static void
stop(struct hub *h)
{
	tell_done(&h->tell);
	probe_stop(&h->run);
	control_stop(&h->control);
	watch_stop(&h->watch);
	h->tell.network = NULL;
	if (h->network != NULL)
		link_free(&h->network);
	link_free(&h->sensors);
	guard_free(&h->guard);
	if (h->parent != NULL)
		link_free(&h->parent);
	if (h->due != NULL)
		event_free(h->due);
	if (h->prove != NULL)
		event_free(h->prove);
	isolation_free(&h->isolation);
	if (h->base != NULL)
		event_base_free(h->base);
}

/* [enforcer] without, by the names of readiness. */
static int
find_without(const Cordon__Settings *s, unsigned int *out, struct why *why)
{
	unsigned int one;
	size_t i;

	*out = 0;
	for (i = 0; i < s->n_without; i++) {
		one = readiness_feature(s->without[i]);
		if (one == 0)
			return why_set(why, ERR_CONFIG, "[enforcer] without: "
			    "there is no \"%s\" to be left out",
			    s->without[i]);
		*out |= one;
	}
	return 0;
}

/*
 * A copy of the socket that owns the tables goes to the parent: killing this
 * process alone does not end the ownership.
 */
static void
park(struct hub *h)
{
	int fd = cage_owner_fd(isolation_cage(h->isolation));

	if (link_send(h->parent, IPC_PARK, NULL, 0, fd) != 0)
		log_warn("the owner's socket could not be parked");
}

/* Watch first, then look: a change in between is told. */
static int
start(struct hub *h, int owner_fd, struct why *why)
{
	struct isolation_config config = {
	    .state_dir = h->settings->state_dir,
	    .gate = {h->settings->host_id, h->settings->order_key.data,
		h->settings->never_isolate},
	    .network_uid = h->settings->network_uid,
	    .owner_fd = owner_fd,
	    .collectors = h->settings->collectors,
	    .ncollectors = h->settings->n_collectors,
	};
	struct why reason;
	int rc;

	h->told_cut = -1;
	rc = find_without(h->settings, &config.without, why);
	if (rc == 0)
		rc = guard_new(h->base, h->settings->guard,
		    h->settings->network_uid, &guard_calls, h, &h->guard,
		    why);
	if (rc == 0)
		rc = watch_start(h->base, getpid(), &watch_calls, h,
		    &h->watch, why);
	if (rc == 0)
		rc = isolation_new(&config, &isolation_calls, h,
		    &h->isolation, why);
	if (rc != 0)
		return rc;
	if (start_timers(h) != 0)
		return why_set(why, ERR_NOMEM, "timers");
	if (isolation_start(h->isolation, &reason) != 0)
		log_error("start: %s", reason.text);
	return 0;
}

int
hub_run(const Cordon__Settings *settings, int parent_fd, int owner_fd,
    struct why *why)
{
	struct hub *h = calloc(1, sizeof(*h));
	int rc;

	if (h == NULL)
		return why_set(why, ERR_NOMEM, "enforcer");
	signal(SIGPIPE, SIG_IGN);
	h->settings = settings;
	h->base = event_base_new();
	if (h->base == NULL) {
		rc = why_set(why, ERR_NOMEM, "loop");
		goto done;
	}
	h->parent = link_new(h->base, parent_fd, "parent", parent_kinds, h,
	    on_parent_end);
	if (h->parent == NULL) {
		rc = why_set(why, ERR_NOMEM, "link to parent");
		goto done;
	}
	rc = start(h, owner_fd, why);
	if (rc == 0)
		rc = child_ready(h->parent, why);
	if (rc != 0)
		goto done;
	park(h);
	flush(h);
	event_base_dispatch(h->base);
	rc = h->result;
	if (rc != 0)
		why_set(why, rc, "the parent is gone");
done:
	stop(h);
	free(h);
	return rc;
}
