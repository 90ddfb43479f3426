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
#include "agent/enforcer/notice.h"
#include "agent/enforcer/probe.h"
#include "agent/enforcer/proof.h"
#include "agent/links/ipc.h"
#include "agent/links/kinds.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/pack.h"

/* Kept while the network process is away. */
#define LATE_MAX 8	   /* answers */
#define OTHERS_GAP_MS 60000 /* between two tellings of the same program */
#define LATE_SIGNALS_MAX 8 /* of tampering; the first ones tell most */

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
	uint32_t others_pid;  /* who was told of last, and when */
	int64_t others_ms;
	bool dirty;	 /* the state changed: tell it and prove it */
	bool prove_again; /* asked for while a proof was under way */
	struct answer late[LATE_MAX];
	size_t nlate;
	struct buf signals[LATE_SIGNALS_MAX];
	size_t nsignals;
	int result;
};

static int
send_buf(struct link *l, uint32_t kind, struct buf *b)
{
	int rc = l == NULL ? ERR_CLOSED :
	    link_send(l, kind, b->data, b->len, -1);

	if (rc != 0 && l != NULL)
		log_warn("%s: message %u not sent: %s", link_name(l), kind,
		    err_str(rc));
	buf_done(b);
	return rc;
}

/* -- to the network process ------------------------------------------------ */

static void
send_answer(struct hub *h, const struct answer *a)
{
	struct buf b;

	buf_init(&b, LINK_PAYLOAD_MAX);
	if (h->network != NULL && answer_pack(a, &b) == 0 &&
	    send_buf(h->network, IPC_ANSWER, &b) == 0)
		return;
	buf_done(&b);
	if (h->nlate == LATE_MAX)
		memmove(h->late, h->late + 1,
		    sizeof(h->late[0]) * --h->nlate);
	h->late[h->nlate++] = *a;
}

/* A packed Signal, now or when the network process is there again. */
static void
send_signal(struct hub *h, const uint8_t *data, size_t len)
{
	struct buf *b;

	if (h->network != NULL && link_send(h->network, IPC_SIGNAL, data, len,
	    -1) == 0)
		return;
	if (h->nsignals == LATE_SIGNALS_MAX)
		return;
	b = &h->signals[h->nsignals];
	buf_init(b, LINK_PAYLOAD_MAX);
	if (buf_add(b, data, len) == 0)
		h->nsignals++;
}

static void
send_late(struct hub *h)
{
	struct answer late[LATE_MAX];
	size_t i, n = h->nlate;

	for (i = 0; i < h->nsignals; i++)
		send_buf(h->network, IPC_SIGNAL, &h->signals[i]);
	h->nsignals = 0;

	memcpy(late, h->late, sizeof(late));
	h->nlate = 0;
	for (i = 0; i < n; i++)
		send_answer(h, &late[i]);
}

/*
 * An order may name collectors that nobody else has told the network
 * process of, and come to us by the console.
 */
static void
send_pinned(struct hub *h)
{
	const Cordon__OrderBody *body = isolation_body(h->isolation);
	Cordon__Pinned m = CORDON__PINNED__INIT;
	struct buf b;

	if (cage_cuts(isolation_cage(h->isolation)) && body != NULL) {
		m.collectors = body->collectors;
		m.n_collectors = body->n_collectors;
	}
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (pack(&m.base, &b) == 0)
		send_buf(h->network, IPC_PINNED, &b);
	buf_done(&b);
}

static void
send_state(struct hub *h)
{
	Cordon__State s = CORDON__STATE__INIT;
	uint8_t digest[DIGEST_LEN];
	struct buf b;

	send_pinned(h);
	isolation_fill_state(h->isolation, &s, digest);
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (pack(&s.base, &b) == 0)
		send_buf(h->network, IPC_STATE, &b);
	buf_done(&b);
}

/* To the parent, for the people at this machine; not what is undecided. */
static void
send_notice(struct hub *h)
{
	enum isolation_state s = isolation_state(h->isolation);
	struct buf b;

	if (h->parent == NULL || s == ISOLATION_STARTING ||
	    s == ISOLATION_BROKEN)
		return;
	buf_init(&b, NOTICE_PAYLOAD_MAX);
	if (notice_pack(h->isolation, &b) == 0)
		send_buf(h->parent, IPC_NOTICE, &b);
	buf_done(&b);
}

static void
send_guard_readiness(struct hub *h)
{
	Cordon__ReadinessItem items[GUARD_ITEMS];
	uint8_t bytes[512];
	size_t i, n;

	n = guard_readiness(h->guard, items);
	for (i = 0; i < n && h->network != NULL; i++)
		link_send(h->network, IPC_READINESS, bytes,
		    cordon__readiness_item__pack(&items[i], bytes), -1);
}

static void
send_readiness(struct hub *h)
{
	const struct readiness *r =
	    cage_readiness(isolation_cage(h->isolation));
	Cordon__ReadinessItem m = CORDON__READINESS_ITEM__INIT;
	uint8_t bytes[512];
	size_t i;

	for (i = 0; i < r->n && h->network != NULL; i++) {
		m.id = (char *)(uintptr_t)r->items[i].id;
		m.ok = r->items[i].ok;
		m.text = (char *)(uintptr_t)(r->items[i].ok ? "" :
		    r->items[i].lost);
		link_send(h->network, IPC_READINESS, bytes,
		    cordon__readiness_item__pack(&m, bytes), -1);
	}
	send_guard_readiness(h);
}

/* -- proofs --------------------------------------------------------------- */

static void
on_probed(void *arg, const struct probe_outcome *out, size_t n)
{
	struct hub *h = arg;
	struct buf b;

	h->run = NULL; /* the run frees itself after this call */
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (proof_pack(h->isolation, &h->check, out, n, &b) == 0)
		send_buf(h->network, IPC_PROOF, &b);
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

/* -- after each event ------------------------------------------------------- */

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
		send_state(h);
		send_notice(h);
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
	send_answer(arg, a);
}

/* TEXT is for people, DETAIL the evidence, WHO may be nobody. */
static void
tell_tamper(struct hub *h, const struct watch_who *who, const char *text,
    const char *detail)
{
	const struct signal_kind *k = signal_kind_find("agent.tamper");
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	Cordon__Pair pair = CORDON__PAIR__INIT, *pairs[] = {&pair};
	char program[WATCH_PROGRAM_MAX], quoted[512];
	uint8_t bytes[4096];

	snprintf(program, sizeof(program), "%s", who->program);
	log_quote(quoted, sizeof(quoted), detail, strlen(detail));
	pair.key = (char *)(uintptr_t)"difference";
	pair.value = quoted;
	cause.grade = who->pid != 0 ? CORDON__GRADE__GRADE_EXACT :
	    CORDON__GRADE__GRADE_UNKNOWN;
	cause.pid = who->pid;
	cause.program = program;
	cause.login_uid = UINT32_MAX;
	s.time_ms = clock_wall_ms();
	s.boot_ms = (uint64_t)clock_boot_ms();
	s.kind = (char *)(uintptr_t)"agent.tamper";
	s.severity = k != NULL ? k->severity :
	    CORDON__SEVERITY__SEVERITY_CRITICAL;
	s.object = (char *)(uintptr_t)"nftables table cordon";
	s.text = (char *)(uintptr_t)text;
	s.cause = &cause;
	s.evidence = pairs;
	s.n_evidence = 1;
	send_signal(h, bytes, cordon__signal__pack(&s, bytes));
}

static void
on_tamper(void *arg, const struct watch_who *who, const char *what,
    bool repaired)
{
	const char *program = who->program[0] != '\0' ? who->program :
	    "an unknown program";
	char text[256];

	log_warn("rules touched by %s (pid %u): %s; %s", program, who->pid,
	    what, repaired ? "repaired" : "NOT repaired");
	snprintf(text, sizeof(text), "isolation rules touched by %s (pid %u)"
	    ", %s", program, who->pid, repaired ? "repaired" :
	    "not repaired");
	tell_tamper(arg, who, text, what);
}

static void
on_diverted(void *arg, const char *what)
{
	static const struct watch_who nobody;

	log_warn("%s", what);
	tell_tamper(arg, &nobody, what, what);
}

/* A minute's worth: a firewall that starts anew makes many changes. */
static void
on_others(void *arg, const struct watch_who *who)
{
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	struct hub *h = arg;
	const struct signal_kind *k = signal_kind_find("firewall.changed");
	int64_t now = clock_boot_ms();
	char text[256], program[WATCH_PROGRAM_MAX];
	uint8_t bytes[1024];

	if (who->pid == h->others_pid && now - h->others_ms < OTHERS_GAP_MS)
		return;
	h->others_pid = who->pid;
	h->others_ms = now;
	snprintf(program, sizeof(program), "%s", who->program);
	snprintf(text, sizeof(text), "other firewall rules changed by %s "
	    "(pid %u) while the host is isolated", program, who->pid);
	cause.grade = CORDON__GRADE__GRADE_EXACT;
	cause.pid = who->pid;
	cause.program = program;
	cause.login_uid = UINT32_MAX;
	s.time_ms = clock_wall_ms();
	s.boot_ms = (uint64_t)now;
	s.kind = (char *)(uintptr_t)"firewall.changed";
	s.severity = k != NULL ? k->severity :
	    CORDON__SEVERITY__SEVERITY_MEDIUM;
	s.object = (char *)(uintptr_t)"nftables";
	s.text = text;
	s.cause = &cause;
	send_signal(h, bytes, cordon__signal__pack(&s, bytes));
}

static void
on_opening(void *arg)
{
	struct hub *h = arg;

	guard_open(h->guard);
}

static const struct isolation_calls isolation_calls = {on_changed, on_answer,
    on_tamper, on_diverted, on_others, on_opening};

/* -- the guard and the sensors ------------------------------------------------ */

static void
on_guard_signal(void *arg, const uint8_t *data, size_t len)
{
	send_signal(arg, data, len);
}

static void
on_guard_changed(void *arg)
{
	struct hub *h = arg;

	send_guard_readiness(h);
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

/* -- from the network process ----------------------------------------------- */

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
	send_answer(h, &a);
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

static const struct link_kind network_kinds[] = {
    {IPC_ORDER, "order", 1, INBOX_ORDER_MAX, NULL, on_order, false},
    {IPC_CONFIRM, "confirm", 1, INBOX_CONFIRM_MAX, NULL, on_confirm, false},
    {IPC_PROVE, "prove", 0, 0, NULL, on_prove, false},
    {IPC_FOREIGN_ASK, "foreign-ask", 1, INBOX_FOREIGN_ASK_MAX, NULL,
	on_foreign_ask, false},
    {IPC_LINE, "line", 0, 0, NULL, on_line, false},
    {0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_network_end(void *arg, struct link *l, const char *reason)
{
	struct hub *h = arg;

	(void)l;
	log_info("network process: %s", reason);
	link_free(&h->network);
}

/* -- from the parent -------------------------------------------------------- */

static int
control_order(void *arg, const uint8_t *order, size_t len, char *text,
    size_t size)
{
	struct hub *h = arg;
	struct answer a;

	isolation_order(h->isolation, order, len, clock_boot_us(), true, &a);
	send_answer(h, &a);
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
	if (h->network == NULL)
		return why_set(why, ERR_NOMEM, "link to network");
	send_readiness(h);
	send_late(h);
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

/* -- start ------------------------------------------------------------------ */

static int
send_ready(struct hub *h)
{
	Cordon__Ready m = CORDON__READY__INIT;
	uint8_t bytes[16];

	m.pid = (uint32_t)getpid();
	return link_send(h->parent, IPC_READY, bytes,
	    cordon__ready__pack(&m, bytes), -1);
}

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
	while (h->nsignals > 0)
		buf_done(&h->signals[--h->nsignals]);
	probe_stop(&h->run);
	control_stop(&h->control);
	watch_stop(&h->watch);
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
		rc = send_ready(h);
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
