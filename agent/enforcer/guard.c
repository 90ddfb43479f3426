/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telling the guard what is in force.  Runs in the enforcer.  The guard is
 * less trusted than this process: what it says ends up in texts for people
 * and in lists that are bounded here, and makes nothing happen.
 */
#include "agent/enforcer/guard.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/links/ipc.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/kinds.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define TEXT_MAX 128 /* of anything the guard says */
#define FOUND_MAX 64
#define DISPLACED_MAX 64
#define MINUTE_MS 60000

struct guard {
	struct event_base *base;
	const struct guard_calls *calls;
	void *arg;
	Cordon__GuardMode mode;
	uint32_t network_uid;
	struct link *link;	/* NULL: no guard runs */
	struct event *answer;	/* is due */
	struct buf want;	/* packed GuardSet, serial 0; empty: none yet */
	bool closed;		/* that one says */
	uint32_t serial;	/* of the last that was sent */
	Cordon__GuardState *last; /* NULL: none since it was started */
	bool waiting;	/* in guard_open: others are told later */
	bool news;	/* that is due */
	bool known;	/* it answered once, or failed to */
	/* What a guard told to be put back, for the next one. */
	struct {
		uint32_t device, program, flags, link;
	} displaced[DISPLACED_MAX];
	size_t ndisplaced;
	int64_t minute_ms; /* boot time; start of the count below */
	unsigned int tampers;
};

/* -- to the guard ---------------------------------------------------------- */

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct guard *g = arg;

	(void)fd, (void)what;
	if (g->link == NULL)
		return;
	log_error("the guard does not answer and is ended");
	g->known = true;
	g->calls->stuck(g->arg);
}

static void
fill_displaced(const struct guard *g, Cordon__GuardSet *m,
    Cordon__GuardDisplaced *list, Cordon__GuardDisplaced **at)
{
	size_t i;

	for (i = 0; i < g->ndisplaced; i++) {
		cordon__guard_displaced__init(&list[i]);
		list[i].device = g->displaced[i].device;
		list[i].program = g->displaced[i].program;
		list[i].flags = g->displaced[i].flags;
		list[i].link = g->displaced[i].link;
		at[i] = &list[i];
	}
	m->displaced = at;
	m->n_displaced = g->ndisplaced;
}

/* What is wanted, with a number, and with what a guard before left over. */
static void
send_want(struct guard *g)
{
	Cordon__GuardDisplaced list[DISPLACED_MAX], *at[DISPLACED_MAX];
	const int ms = g->closed ? GUARD_CLOSE_MS : GUARD_OPEN_MS;
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};
	Cordon__GuardSet more = CORDON__GUARD_SET__INIT;
	struct buf b;

	if (g->link == NULL || g->want.len == 0)
		return;
	/* Two messages one after the other are one that has both. */
	more.serial = ++g->serial;
	fill_displaced(g, &more, list, at);
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (buf_add(&b, g->want.data, g->want.len) == 0 &&
	    pack(&more.base, &b) == 0 && link_send(g->link, IPC_GUARD_SET,
	    b.data, b.len, -1) == 0)
		event_add(g->answer, &tv);
	else
		log_warn("the guard could not be told");
	buf_done(&b);
}

/*
 * Take M as what is wanted; tell it if it is something else than before.
 * True if it was told.
 */
static bool
want(struct guard *g, Cordon__GuardSet *m)
{
	struct buf b;

	buf_init(&b, LINK_PAYLOAD_MAX);
	if (pack(&m->base, &b) != 0) {
		log_error("the guard's message is too long");
		buf_done(&b);
		return false;
	}
	if (b.len == g->want.len && (b.len == 0 ||
	    memcmp(b.data, g->want.data, b.len) == 0)) {
		buf_done(&b);
		return false;
	}
	buf_done(&g->want);
	g->want = b;
	g->closed = m->closed;
	send_want(g);
	return true;
}

void
guard_open(struct guard *g)
{
	Cordon__GuardSet m = CORDON__GUARD_SET__INIT;
	int64_t end;

	m.network_uid = g->network_uid; /* so that it is never empty */
	if (!want(g, &m) || g->link == NULL)
		return;
	end = clock_boot_ms() + GUARD_LET_GO_MS;
	g->waiting = true;
	while (g->link != NULL && (g->last == NULL ||
	    g->last->serial != g->serial) && clock_boot_ms() < end)
		link_wait(g->link, (int)(end - clock_boot_ms()));
	g->waiting = false;
}

static void
changed(struct guard *g)
{
	g->news = true;
	if (g->waiting)
		return;
	g->news = false;
	g->calls->changed(g->arg);
}

void
guard_follow(struct guard *g, struct isolation *i)
{
	const Cordon__OrderBody *body = isolation_body(i);
	Cordon__Profile profile = isolation_profile(i);
	ProtobufCBinaryData hops[ORDER_COLLECTORS_MAX];
	Cordon__GuardSet m = CORDON__GUARD_SET__INIT;

	if (g->news)
		changed(g);
	if (profile == CORDON__PROFILE__PROFILE_OPEN) {
		if (!cage_present(isolation_cage(i)))
			guard_open(g);
		return;
	}
	if (body == NULL || !cage_cuts(isolation_cage(i)))
		return;
	m.closed = true;
	m.network_uid = g->network_uid;
	m.collectors = body->collectors;
	m.n_collectors = body->n_collectors;
	m.hops = hops;
	m.n_hops = cage_hops(isolation_cage(i), hops);
	m.lease = cage_leased(isolation_cage(i));
	m.eapol = cage_eapol(isolation_cage(i));
	if (profile != CORDON__PROFILE__PROFILE_STRICT) {
		m.allowed = body->allowed;
		m.n_allowed = body->n_allowed;
	}
	want(g, &m);
}

/* -- from the guard -------------------------------------------------------- */

static bool
short_text(const char *text)
{
	return strlen(text) <= TEXT_MAX;
}

static bool
within_bounds(const Cordon__GuardState *s)
{
	size_t i;

	if (s->n_devices > RULESET_DEVICES_MAX || s->n_found > FOUND_MAX ||
	    s->n_displaced > DISPLACED_MAX)
		return false;
	for (i = 0; i < s->n_devices; i++)
		if (!short_text(s->devices[i]->name) ||
		    !short_text(s->devices[i]->lost))
			return false;
	for (i = 0; i < s->n_found; i++)
		if (!short_text(s->found[i]->what) ||
		    !short_text(s->found[i]->device))
			return false;
	return true;
}

Cordon__GuardState *
guard_state_unpack(const uint8_t *data, size_t len, struct why *why)
{
	Cordon__GuardState *s;

	s = unpack(&cordon__guard_state__descriptor, data, len);
	if (s == NULL) {
		why_set(why, ERR_PROTO, "guard-state: not that message");
		return NULL;
	}
	if (!within_bounds(s)) {
		why_set(why, ERR_PROTO, "guard-state: out of bounds");
		cordon__guard_state__free_unpacked(s, NULL);
		return NULL;
	}
	return s;
}

static bool
may_signal(struct guard *g)
{
	int64_t now = clock_boot_ms();

	if (now - g->minute_ms > MINUTE_MS) {
		g->minute_ms = now;
		g->tampers = 0;
	}
	return g->tampers++ < GUARD_TAMPERS_MAX;
}

static void
signal_found(struct guard *g, const Cordon__GuardFound *f)
{
	const struct signal_kind *k = signal_kind_find("agent.tamper");
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	Cordon__Pair program = CORDON__PAIR__INIT, *pairs[] = {&program};
	char device[2 * TEXT_MAX], what[2 * TEXT_MAX], object[3 * TEXT_MAX];
	char text[5 * TEXT_MAX], number[16], cause[ID_MAX];
	uint8_t bytes[2048];

	log_quote(device, sizeof(device), f->device, strlen(f->device));
	log_quote(what, sizeof(what), f->what, strlen(f->what));
	log_warn("guard: %s: %s; %s", device, what,
	    f->repaired ? "repaired" : "NOT repaired");
	if (!may_signal(g))
		return;
	snprintf(object, sizeof(object), "guard on %s", device);
	snprintf(text, sizeof(text), "guard worked against on %s: %s, %s",
	    device, what, f->repaired ? "repaired" : "not repaired");
	snprintf(number, sizeof(number), "%u", f->program);
	id_new(cause, "U", 10);
	program.key = (char *)(uintptr_t)"bpf-program";
	program.value = number;
	s.time_ms = clock_wall_ms();
	s.boot_ms = (uint64_t)clock_boot_ms();
	s.kind = (char *)(uintptr_t)"agent.tamper";
	s.severity = k != NULL ? k->severity :
	    CORDON__SEVERITY__SEVERITY_CRITICAL;
	s.object = object;
	s.text = text;
	s.cause_id = cause;
	s.evidence = pairs;
	s.n_evidence = f->program != 0;
	if (cordon__signal__get_packed_size(&s) <= sizeof(bytes))
		g->calls->signal(g->arg, bytes, cordon__signal__pack(&s,
		    bytes));
}

/* Is there anything in it that a proof or readiness says? */
static bool
says_other(const Cordon__GuardState *a, const Cordon__GuardState *b)
{
	size_t i;

	if (a == NULL || a->closed != b->closed ||
	    strcmp(a->reason, b->reason) != 0 ||
	    a->features != b->features || a->n_devices != b->n_devices)
		return true;
	for (i = 0; i < a->n_devices; i++)
		if (a->devices[i]->in != b->devices[i]->in ||
		    a->devices[i]->out != b->devices[i]->out ||
		    a->devices[i]->away != b->devices[i]->away ||
		    strcmp(a->devices[i]->name, b->devices[i]->name) != 0 ||
		    strcmp(a->devices[i]->lost, b->devices[i]->lost) != 0)
			return true;
	return false;
}

static int
on_state(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct guard *g = arg;
	Cordon__GuardState *s, *old = g->last;
	bool other;
	size_t i;

	(void)l, (void)fd;
	s = guard_state_unpack(payload, len, why);
	if (s == NULL)
		return ERR_PROTO;
	if (s->serial == g->serial)
		event_del(g->answer);
	g->ndisplaced = s->n_displaced;
	for (i = 0; i < s->n_displaced; i++) {
		g->displaced[i].device = s->displaced[i]->device;
		g->displaced[i].program = s->displaced[i]->program;
		g->displaced[i].flags = s->displaced[i]->flags;
		g->displaced[i].link = s->displaced[i]->link;
	}
	for (i = 0; i < s->n_found; i++)
		signal_found(g, s->found[i]);
	other = says_other(old, s);
	g->last = s;
	g->known = true;
	if (old != NULL)
		cordon__guard_state__free_unpacked(old, NULL);
	if (other)
		changed(g);
	return 0;
}

static const struct link_kind kinds[] = {
	{IPC_GUARD_STATE, "guard-state", 1, LINK_PAYLOAD_MAX, NULL, on_state,
	    false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
forget(struct guard *g)
{
	link_free(&g->link);
	event_del(g->answer);
	if (g->last != NULL)
		cordon__guard_state__free_unpacked(g->last, NULL);
	g->last = NULL;
}

static void
on_end(void *arg, struct link *l, const char *reason)
{
	struct guard *g = arg;

	(void)l;
	log_info("guard: %s", reason);
	forget(g);
	g->known = true;
	changed(g);
}

int
guard_join(struct guard *g, int fd, struct why *why)
{
	forget(g);
	g->link = link_new(g->base, fd, "guard", kinds, g, on_end);
	if (g->link == NULL)
		return why_set(why, ERR_NOMEM, "link to guard");
	send_want(g);
	return 0;
}

/* -- readiness and proofs -------------------------------------------------- */

static const struct {
	const char *id;
	unsigned int feature;
	const char *lost;
} parts[GUARD_ITEMS] = {
	{"guard-xdp", GUARD_XDP, "packet sockets that listen see what comes "
	    "in, and XDP programs of others can answer and redirect; they "
	    "are only detected"},
	{"guard-tc", GUARD_TC, "tc programs behind netfilter can redirect "
	    "frames past the rules; they are only detected"},
	{"guard-queues", GUARD_QUEUES, "AF_XDP sockets can send past the "
	    "rules; they are only detected"},
};

/* Why there is no guard at all; NULL: there is, or it is about to start. */
static const char *
absent(const struct guard *g)
{
	switch (g->mode) {
	case CORDON__GUARD_MODE__GUARD_MODE_ON:
		return NULL;
	case CORDON__GUARD_MODE__GUARD_MODE_OFF:
		return "switched off (agent.conf, [enforcer] guard): ";
	case CORDON__GUARD_MODE__GUARD_MODE_NO_RIGHTS:
		return "the agent is not given CAP_BPF and CAP_NET_RAW: ";
	default:
		return "this agent was built without libbpf: ";
	}
}

size_t
guard_readiness(const struct guard *g, Cordon__ReadinessItem out[GUARD_ITEMS])
{
	static char text[GUARD_ITEMS][384];
	const char *why = absent(g);
	size_t i;

	if (g->mode == CORDON__GUARD_MODE__GUARD_MODE_NONE ||
	    (why == NULL && !g->known))
		return 0;
	for (i = 0; i < GUARD_ITEMS; i++) {
		cordon__readiness_item__init(&out[i]);
		out[i].id = (char *)(uintptr_t)parts[i].id;
		out[i].ok = why == NULL && g->last != NULL &&
		    (g->last->features & parts[i].feature);
		snprintf(text[i], sizeof(text[i]), "%s%s", why != NULL ? why :
		    g->last == NULL ? "the guard does not run: " :
		    "this kernel does not give it: ", parts[i].lost);
		out[i].text = out[i].ok ? (char *)(uintptr_t)"" : text[i];
	}
	return GUARD_ITEMS;
}

void
guard_layers(const struct guard *g, guard_line_fn *fn, void *arg)
{
	char name[2 * TEXT_MAX], text[3 * TEXT_MAX];
	const Cordon__GuardDevice *d;
	size_t i;

	if (g->last == NULL || !g->last->closed)
		return;
	for (i = 0; i < g->last->n_devices; i++) {
		d = g->last->devices[i];
		log_quote(name, sizeof(name), d->name, strlen(d->name));
		snprintf(text, sizeof(text), "guard-in:%s", name);
		if (d->in)
			fn(arg, text);
		snprintf(text, sizeof(text), "guard-out:%s", name);
		if (d->out)
			fn(arg, text);
	}
}

/* It is to hold, was told, had its time, and does not.  Why, or NULL. */
static const char *
not_holding(const struct guard *g)
{
	if (g->mode != CORDON__GUARD_MODE__GUARD_MODE_ON || !g->closed ||
	    !g->known || event_pending(g->answer, EV_TIMEOUT, NULL))
		return NULL;
	if (g->last == NULL)
		return "it does not run, or does not answer";
	if (g->last->closed)
		return NULL;
	return g->last->reason[0] != '\0' ? g->last->reason :
	    "it does not say why";
}

void
guard_weak(const struct guard *g, guard_line_fn *fn, void *arg)
{
	const char *why = not_holding(g);
	char name[2 * TEXT_MAX], lost[2 * TEXT_MAX], text[5 * TEXT_MAX];
	Cordon__ReadinessItem items[GUARD_ITEMS];
	const Cordon__GuardDevice *d;
	size_t i, n;

	if (why != NULL) {
		log_quote(lost, sizeof(lost), why, strlen(why));
		snprintf(text, sizeof(text), "the guard holds nothing, the "
		    "rules hold alone: %s", lost);
		fn(arg, text);
	}
	n = guard_readiness(g, items);
	for (i = 0; i < n; i++) {
		if (items[i].ok)
			continue;
		snprintf(text, sizeof(text), "%s: %s", items[i].id,
		    items[i].text);
		fn(arg, text);
	}
	for (i = 0; g->last != NULL && i < g->last->n_devices; i++) {
		d = g->last->devices[i];
		if (d->lost[0] == '\0')
			continue;
		log_quote(name, sizeof(name), d->name, strlen(d->name));
		log_quote(lost, sizeof(lost), d->lost, strlen(d->lost));
		snprintf(text, sizeof(text), "guard on %s: %s", name, lost);
		fn(arg, text);
	}
}

/* -- life ------------------------------------------------------------------ */

int
guard_new(struct event_base *base, Cordon__GuardMode mode,
    uint32_t network_uid, const struct guard_calls *calls, void *arg,
    struct guard **out, struct why *why)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return why_set(why, ERR_NOMEM, "guard");
	g->base = base;
	g->mode = mode;
	g->network_uid = network_uid;
	g->calls = calls;
	g->arg = arg;
	buf_init(&g->want, LINK_PAYLOAD_MAX);
	g->answer = evtimer_new(base, on_late, g);
	if (g->answer == NULL) {
		free(g);
		return why_set(why, ERR_NOMEM, "guard: timer");
	}
	*out = g;
	return 0;
}

void
guard_free(struct guard **g)
{
	if (*g == NULL)
		return;
	forget(*g);
	event_free((*g)->answer);
	buf_done(&(*g)->want);
	free(*g);
	*g = NULL;
}
