/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All devices of this namespace, covered while the host is closed.  Runs in
 * the guard.  The enforcer is believed, other root processes are not: what
 * was put on a device is looked at four times a second.
 */
#include "agent/guard/guard.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/cover.h"
#include "agent/guard/displaced.h"
#include "agent/guard/maps.h"
#include "agent/guard/probe.h"
#include "agent/guard/rules.h"
#include "agent/links/ipc.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/pack.h"

#define ROUNDS 3	 /* over the devices, until all that can be is on */
#define DEPTH_MAX 8	 /* devices standing on each other */
#define SLOW_LOOK 4	 /* each so many looks: queues, what was lost */
#define RETRY_LOOK 40	 /* programs that could not be loaded, again */
#define FOUND_TEXT_MAX 96
#define CLSACT_MAJOR 0xffff0000u /* TC_H_CLSACT and TC_H_INGRESS */

struct found {
	char what[FOUND_TEXT_MAX], device[16];
	uint32_t program;
	bool repaired;
};

struct guard {
	const struct guard_calls *calls;
	void *arg;
	struct rtnl *rtnl;
	struct event *on_rtnl, *look;
	unsigned int looks;
	unsigned int features;
	char reason[WHY_MAX]; /* why nothing works */
	bool isolated; /* as ordered */
	bool closed;   /* and carried out */
	uint32_t serial;
	struct program_rules wanted;
	struct program_rules rules; /* of PROGRAMS */
	struct programs *programs; /* with RULES in them; NULL: open */
	struct cover *cover; /* RTNL_PORTS_MAX of them */
	size_t ncover;
	struct port *ports; /* the last list, as many */
	size_t nports;
	struct displaced_list displaced;
	bool map_asked;
	struct maps_told maps;
	struct found found[GUARD_FOUND_MAX];
	size_t nfound;
};

/* -- lists ----------------------------------------------------------------- */

static struct cover *
find_cover(struct guard *g, uint32_t index)
{
	size_t i;

	for (i = 0; i < g->ncover; i++)
		if (!g->cover[i].away && g->cover[i].port.index == index)
			return &g->cover[i];
	return NULL;
}

static void
drop_cover(struct guard *g, struct cover *c)
{
	cover_done(c);
	*c = g->cover[--g->ncover];
}

static void
note(struct guard *g, const char *what, const char *device, uint32_t program,
    bool repaired)
{
	struct found *f;

	log_warn("%s: %s (BPF program %u); %s", device, what, program,
	    repaired ? "repaired" : "NOT repaired");
	if (g->nfound == GUARD_FOUND_MAX)
		return;
	f = &g->found[g->nfound++];
	snprintf(f->what, sizeof(f->what), "%s", what);
	snprintf(f->device, sizeof(f->device), "%s", device);
	f->program = program;
	f->repaired = repaired;
}

/* -- covering -------------------------------------------------------------- */

/*
 * A device below one with a program takes none: the kernel says EEXIST.
 * So those above let go; they get theirs in the next round.
 */
static bool
uncover_above(struct guard *g, const struct port *p)
{
	bool any = false;
	size_t i;

	for (i = 0; i < g->ncover; i++) {
		struct cover *u = &g->cover[i];

		if (u->in < 0 || (u->port.index != p->master &&
		    u->port.lower != p->index))
			continue;
		hook_free(&u->in);
		any = true;
	}
	return any;
}

/* Is it one that went away with our programs on it, and came back? */
static bool
came_back(struct guard *g, struct cover *c)
{
	struct cover *old;
	size_t i;

	for (i = 0; i < g->ncover; i++) {
		old = &g->cover[i];
		if (!old->away || hook_device(old->in) != c->port.index)
			continue;
		c->in = old->in;
		c->out = old->out;
		old->in = old->out = -1;
		return true;
	}
	return false;
}

static void
cover_xdp(struct guard *g, struct cover *c)
{
	int rc = cover_in(c, g->programs);

	if (rc == -EBUSY && came_back(g, c))
		rc = 0;
	if ((rc == -EBUSY || rc == -EEXIST) &&
	    displaced_make_room(&g->displaced, &c->port) == 0)
		rc = cover_in(c, g->programs);
	if (rc == -EEXIST && uncover_above(g, &c->port))
		rc = cover_in(c, g->programs);
	if (rc == -EBUSY || rc == -EEXIST)
		snprintf(c->lost, sizeof(c->lost), "XDP program %u of others "
		    "is in the way", c->port.xdp_native != 0 ?
		    c->port.xdp_native : c->port.xdp_generic);
}

static void
cover_one(struct guard *g, const struct port *p)
{
	struct cover *c = find_cover(g, p->index);

	if (c == NULL) {
		if (g->ncover == RTNL_PORTS_MAX)
			return;
		c = &g->cover[g->ncover++];
		cover_init(c, p);
	}
	c->port = *p;
	c->lost[0] = '\0';
	if (g->features & GUARD_XDP)
		cover_xdp(g, c);
	if (g->features & GUARD_TC)
		cover_out(c, g->programs);
	if (g->features & GUARD_QUEUES)
		cover_queues(c);
	if (!c->taken)
		c->taken_look = g->looks;
}

/* Those that P stands on, or that belong to P, come before it. */
static void
cover_below_first(struct guard *g, const struct port *p, bool *done,
    int depth)
{
	size_t i;

	if (done[p - g->ports] || depth > DEPTH_MAX)
		return;
	done[p - g->ports] = true;
	for (i = 0; i < g->nports; i++)
		if (g->ports[i].index == p->lower ||
		    g->ports[i].master == p->index)
			cover_below_first(g, &g->ports[i], done, depth + 1);
	cover_one(g, p);
}

/* Devices that are in the list no more: gone, or in another namespace. */
static void
leave_gone(struct guard *g)
{
	struct cover *c;
	size_t i, k;

	for (i = 0; i < g->ncover; i++) {
		c = &g->cover[i];
		if (c->away) {
			if (hook_device(c->in) == 0 && hook_device(c->out) == 0)
				drop_cover(g, &g->cover[i--]);
			continue;
		}
		for (k = 0; k < g->nports; k++)
			if (g->ports[k].index == c->port.index)
				break;
		if (k < g->nports)
			continue;
		c->away = hook_device(c->in) != 0 || hook_device(c->out) != 0;
		if (!c->away)
			drop_cover(g, &g->cover[i--]);
		else
			note(g, "device moved to another namespace",
			    c->port.name, 0, false);
	}
}

static bool
lacks_xdp(const struct guard *g)
{
	size_t i;

	for (i = 0; i < g->ncover; i++)
		if (g->cover[i].in < 0 && g->cover[i].lost[0] == '\0')
			return true;
	return false;
}

static void
cover_all(struct guard *g)
{
	bool *done = calloc(RTNL_PORTS_MAX, sizeof(*done));
	size_t i;
	int round;

	if (done == NULL ||
	    rtnl_ports(g->rtnl, g->ports, &g->nports) != 0) {
		log_error("devices cannot be listed");
		free(done);
		return;
	}
	leave_gone(g);
	for (round = 0; round < ROUNDS; round++) {
		memset(done, 0, RTNL_PORTS_MAX * sizeof(*done));
		for (i = 0; i < g->nports; i++)
			cover_below_first(g, &g->ports[i], done, 0);
		if (!(g->features & GUARD_XDP) || !lacks_xdp(g))
			break;
	}
	free(done);
}

/* First what keeps frames from coming in and going out, everywhere. */
static void
uncover_all(struct guard *g)
{
	size_t i;

	for (i = 0; i < g->ncover; i++) {
		hook_free(&g->cover[i].in);
		hook_free(&g->cover[i].out);
	}
	while (g->ncover > 0)
		drop_cover(g, &g->cover[g->ncover - 1]);
}

/* -- maps that lead to our devices ----------------------------------------- */

static void
look_at_maps(struct guard *g)
{
	if (g->map_asked || !(g->features & GUARD_XDP))
		return;
	g->map_asked = true;
	g->calls->ask_map(g->arg, 0);
}

static bool
is_covered(void *arg, uint32_t index)
{
	return find_cover(arg, index) != NULL;
}

static void
clear_map(struct guard *g, uint32_t id, int fd)
{
	const struct cover *c;
	char what[FOUND_TEXT_MAX];
	struct maps_found f;

	maps_clear(fd, is_covered, g, &f);
	if ((f.device == 0 && !f.rest) ||
	    ((f.stays || f.rest) && maps_told(&g->maps, id)))
		return;
	c = find_cover(g, f.device);
	snprintf(what, sizeof(what), "BPF map %s (number %u) %s", f.name, id,
	    f.device != 0 ? "leads XDP programs past the rules" :
	    "is too long to be looked through");
	note(g, what, c != NULL ? c->port.name : "some device", 0,
	    !f.stays && !f.rest);
	g->calls->changed(g->arg);
}

void
guard_map_take(struct guard *g, uint32_t id, int fd)
{
	g->map_asked = false;
	if (fd < 0)
		return;
	if (g->closed) {
		clear_map(g, id, fd);
		g->map_asked = true;
		g->calls->ask_map(g->arg, id);
	}
	close(fd);
}

/* -- orders ---------------------------------------------------------------- */

static void
look_later(struct guard *g)
{
	const struct timeval tv = {0, GUARD_LOOK_MS * 1000};

	if (g->isolated)
		evtimer_add(g->look, &tv);
	else
		evtimer_del(g->look);
}

/* New programs first on all devices, then the old ones may go. */
static int
take_rules(struct guard *g, const struct program_rules *rules,
    struct why *why)
{
	struct programs *fresh, *old = g->programs;
	size_t i;
	int rc;

	if (!(g->features & (GUARD_XDP | GUARD_TC)))
		return 0;
	if (old != NULL && memcmp(rules, &g->rules, sizeof(*rules)) == 0)
		return 0;
	rc = programs_load(rules, &fresh, why);
	if (rc != 0)
		return rc;
	for (i = 0; i < g->ncover; i++)
		if (cover_swap(&g->cover[i], fresh) != 0)
			cover_done(&g->cover[i]); /* on anew, below */
	g->rules = *rules;
	g->programs = fresh;
	g->reason[0] = '\0';
	programs_free(&old);
	return 0;
}

/*
 * What was on is of another order: it may know another way to the
 * collector, and would cut the host off from it.  The rules hold alone.
 */
static void
let_go(struct guard *g, const char *reason)
{
	log_error("%s", reason);
	snprintf(g->reason, sizeof(g->reason), "%s", reason);
	uncover_all(g);
	programs_free(&g->programs);
	g->closed = false;
}

static int
close_host(struct guard *g)
{
	struct why why = {""};
	int rc = take_rules(g, &g->wanted, &why);

	if (rc != 0) {
		let_go(g, why.text);
		return rc;
	}
	g->closed = true;
	cover_all(g);
	look_at_maps(g);
	log_info("closed: %zu devices, %u peers", g->ncover, g->wanted.n);
	return 0;
}

static void
open_host(struct guard *g)
{
	uncover_all(g);
	displaced_put_all_back(&g->displaced);
	programs_free(&g->programs);
	g->nfound = 0;
}

/* What the enforcer remembers of a guard that died. */
static void
remember(struct guard *g, const Cordon__GuardSet *m)
{
	struct displaced *d;
	size_t i;

	for (i = 0; i < m->n_displaced; i++) {
		d = displaced_add(&g->displaced, m->displaced[i]->device,
		    m->displaced[i]->program, m->displaced[i]->flags &
		    (XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE));
		if (d == NULL)
			break;
		if (d->fd < 0 && !d->off && m->closed)
			g->calls->ask_program(g->arg, d->program);
		if (!d->off)
			d->link = m->displaced[i]->link;
		d->off = true;
	}
}

int
guard_set(struct guard *g, const Cordon__GuardSet *m, struct why *why)
{
	struct program_rules rules;
	int rc;

	rc = rules_of(m, &rules, why);
	if (rc != 0)
		return rc;
	g->serial = m->serial;
	g->isolated = m->closed;
	g->wanted = rules;
	remember(g, m);
	if (m->closed) {
		close_host(g);
	} else {
		g->closed = false;
		open_host(g);
		log_debug("open");
	}
	look_later(g);
	g->calls->changed(g->arg);
	return 0;
}

/* Something that was asked for came: on, or back, with what waits for it. */
static void
go_on(struct guard *g)
{
	if (g->closed)
		cover_all(g);
	else if (!g->isolated)
		displaced_put_all_back(&g->displaced);
	g->calls->changed(g->arg);
}

void
guard_program_take(struct guard *g, uint32_t id, int fd)
{
	if (displaced_have_program(&g->displaced, id, fd))
		go_on(g);
}

void
guard_link_take(struct guard *g, const struct ipc_guard_link *m, int fd)
{
	char name[PROGRAMS_NAME_MAX], what[FOUND_TEXT_MAX];
	const struct cover *c;
	struct displaced *d;

	d = displaced_have_link(&g->displaced, m, fd, g->closed);
	if (d == NULL)
		return;
	programs_name(d->fd, name);
	snprintf(what, sizeof(what), "XDP program %s of others, held by a "
	    "BPF link, had to make room", name);
	cover_all(g);
	c = find_cover(g, m->about);
	note(g, what, c != NULL ? c->port.name : "a device", m->program,
	    c != NULL && c->in >= 0);
	g->calls->changed(g->arg);
}

/* -- looking --------------------------------------------------------------- */

/*
 * A queue that somebody else holds is told when it stays so: our own of a
 * moment ago are freed a little late.
 */
static bool
look_at_queues(struct guard *g, struct cover *c)
{
	bool told = c->told;

	cover_queues(c);
	if (!c->taken)
		c->taken_look = g->looks;
	c->told = c->taken && g->looks - c->taken_look >= SLOW_LOOK;
	if (c->told && !told)
		note(g, "an AF_XDP socket of others was bound before ours",
		    c->port.name, 0, false);
	return c->told != told;
}

static bool
look_at(struct guard *g, struct cover *c)
{
	uint32_t first = cover_look(c, g->programs);
	bool queues = false;

	if (first != 0)
		note(g, "a tc program was put before ours", c->port.name,
		    first, hook_out_first(c->port.index) ==
		    hook_program(c->out));
	if (g->looks % SLOW_LOOK == 0 && !c->away &&
	    (g->features & GUARD_QUEUES))
		queues = look_at_queues(g, c);
	return queues || first != 0 || c->in_gone || c->out_gone ||
	    c->in_stranger != 0 || c->out_stranger != 0;
}

/* After another try: whoever sits there now is known by then. */
static void
tell_gone(struct guard *g)
{
	struct cover *c;
	size_t i;

	for (i = 0; i < g->ncover; i++) {
		c = &g->cover[i];
		if (c->in_gone)
			note(g, "our XDP program was taken off", c->port.name,
			    0, c->in >= 0);
		if (c->out_gone)
			note(g, "our tc program was taken off", c->port.name,
			    0, c->out >= 0);
		if (c->in_stranger != 0)
			note(g, "another XDP program was put into our link",
			    c->port.name, c->in_stranger, c->in >= 0);
		if (c->out_stranger != 0)
			note(g, "another tc program was put into our link",
			    c->port.name, c->out_stranger, c->out >= 0);
		c->in_gone = c->out_gone = false;
		c->in_stranger = c->out_stranger = 0;
	}
}

static size_t
lost_count(const struct guard *g)
{
	size_t i, n = 0;

	for (i = 0; i < g->ncover; i++)
		n += g->cover[i].lost[0] != '\0';
	return n;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct guard *g = arg;
	bool changed = false;
	size_t i, before;

	(void)fd, (void)what;
	g->looks++;
	if (!g->closed && g->looks % RETRY_LOOK == 0)
		changed = close_host(g) == 0;
	for (i = 0; i < g->ncover; i++)
		changed |= look_at(g, &g->cover[i]);
	before = lost_count(g);
	if (g->closed && (changed || (g->looks % SLOW_LOOK == 0 &&
	    before > 0))) {
		cover_all(g);
		changed |= lost_count(g) != before;
	}
	if (g->closed && g->looks % SLOW_LOOK == 0)
		look_at_maps(g);
	tell_gone(g);
	if (changed)
		g->calls->changed(g->arg);
	look_later(g);
}

static void
ports_changed(void *arg)
{
	struct guard *g = arg;

	if (!g->closed)
		return;
	cover_all(g);
	g->calls->changed(g->arg);
}

/*
 * Filters of clsact never run behind our tc program, and those where frames
 * come in run behind XDP.  Those of a queueing discipline run behind us and
 * may rewrite or divert what we let through: new ones go.
 */
static void
filter_added(void *arg, const struct tcmsg *at, const char *kind)
{
	struct guard *g = arg;
	struct cover *c = find_cover(g, (uint32_t)at->tcm_ifindex);
	int rc;

	if (!g->closed || c == NULL || c->port.loopback ||
	    TC_H_MAJ(at->tcm_parent) == CLSACT_MAJOR)
		return;
	rc = rtnl_filter_delete(g->rtnl, at, kind);
	note(g, "a filter was added behind ours", c->port.name, 0, rc == 0);
	g->calls->changed(g->arg);
}

static void
on_rtnl(evutil_socket_t fd, short what, void *arg)
{
	static const struct rtnl_calls calls = {ports_changed, filter_added};
	struct guard *g = arg;

	(void)fd, (void)what;
	rtnl_read(g->rtnl, &calls, g);
}

/* -- telling --------------------------------------------------------------- */

/* Room for all that a state points at. */
struct telling {
	Cordon__GuardDevice device[RTNL_PORTS_MAX], *devices[RTNL_PORTS_MAX];
	Cordon__GuardDisplaced gone[DISPLACED_MAX], *goners[DISPLACED_MAX];
	Cordon__GuardFound found[GUARD_FOUND_MAX], *founds[GUARD_FOUND_MAX];
};

static void
tell_devices(struct guard *g, struct telling *t, Cordon__GuardState *m)
{
	size_t i;

	for (i = 0; i < g->ncover; i++) {
		Cordon__GuardDevice *d = &t->device[i];
		struct cover *c = &g->cover[i];

		cordon__guard_device__init(d);
		d->name = c->port.name;
		d->in = c->in >= 0;
		d->out = c->out >= 0 || c->port.loopback;
		d->queues = c->nqueues;
		d->away = c->away;
		d->lost = c->lost;
		t->devices[i] = d;
	}
	m->devices = t->devices;
	m->n_devices = g->ncover;
}

static void
tell_others(struct guard *g, struct telling *t, Cordon__GuardState *m)
{
	size_t i;

	for (i = 0; i < g->displaced.n; i++) {
		Cordon__GuardDisplaced *d = &t->gone[m->n_displaced];

		if (!g->displaced.at[i].off)
			continue;
		cordon__guard_displaced__init(d);
		d->device = g->displaced.at[i].index;
		d->program = g->displaced.at[i].program;
		d->flags = g->displaced.at[i].flags;
		d->link = g->displaced.at[i].link;
		t->goners[m->n_displaced++] = d;
	}
	m->displaced = t->goners;
	for (i = 0; i < g->nfound; i++) {
		Cordon__GuardFound *f = &t->found[i];

		cordon__guard_found__init(f);
		f->what = g->found[i].what;
		f->device = g->found[i].device;
		f->program = g->found[i].program;
		f->repaired = g->found[i].repaired;
		t->founds[i] = f;
	}
	m->found = t->founds;
	m->n_found = g->nfound;
}

int
guard_pack(struct guard *g, struct buf *out)
{
	Cordon__GuardState m = CORDON__GUARD_STATE__INIT;
	struct telling *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return ERR_NOMEM;
	m.serial = g->serial;
	m.closed = g->closed;
	m.features = g->features;
	m.reason = g->reason;
	tell_devices(g, t, &m);
	tell_others(g, t, &m);
	rc = pack(&m.base, out);
	if (rc == 0)
		g->nfound = 0;
	free(t);
	return rc;
}

/* -- life ------------------------------------------------------------------ */

int
guard_new(struct event_base *base, const struct guard_calls *calls,
    void *arg, struct guard **out, struct why *why)
{
	struct guard *g = calloc(1, sizeof(*g));
	int rc;

	if (g == NULL)
		return why_set(why, ERR_NOMEM, "guard");
	g->calls = calls;
	g->arg = arg;
	g->cover = calloc(RTNL_PORTS_MAX, sizeof(*g->cover));
	g->ports = calloc(RTNL_PORTS_MAX, sizeof(*g->ports));
	rc = g->cover == NULL || g->ports == NULL ?
	    why_set(why, ERR_NOMEM, "guard") : rtnl_open(&g->rtnl, why);
	if (rc != 0)
		goto done;
	g->displaced.rtnl = g->rtnl;
	g->displaced.calls = calls;
	g->displaced.arg = arg;
	g->look = evtimer_new(base, on_look, g);
	g->on_rtnl = event_new(base, rtnl_fd(g->rtnl), EV_READ | EV_PERSIST,
	    on_rtnl, g);
	if (g->look == NULL || g->on_rtnl == NULL ||
	    event_add(g->on_rtnl, NULL) < 0)
		rc = why_set(why, ERR_NOMEM, "guard: events");
	if (rc == 0)
		g->features = probe_features(g->reason, sizeof(g->reason));
done:
	if (rc != 0)
		guard_free(&g);
	*out = g;
	return rc;
}

void
guard_free(struct guard **out)
{
	struct guard *g = *out;
	size_t i;

	if (g == NULL)
		return;
	/* An orderly end leaves the devices as they were found. */
	if (g->cover != NULL)
		uncover_all(g);
	for (i = 0; i < g->displaced.n; i++)
		if (g->displaced.at[i].off && g->displaced.at[i].fd >= 0)
			displaced_put_back(&g->displaced,
			    &g->displaced.at[i--]);
	displaced_clear(&g->displaced);
	programs_free(&g->programs);
	if (g->look != NULL)
		event_free(g->look);
	if (g->on_rtnl != NULL)
		event_free(g->on_rtnl);
	rtnl_close(&g->rtnl);
	free(g->cover);
	free(g->ports);
	free(g);
	*out = NULL;
}
