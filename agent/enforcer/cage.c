/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Holding the rules.  Runs in the enforcer; the owner socket lives as long
 * as the process.
 */
#include "agent/enforcer/cage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/foreign.h"
#include "agent/enforcer/nft_read.h"
#include "agent/enforcer/nft_txn.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define TRIES 4

struct cage {
	struct netlink *owner, *reader, *route;
	struct ground ground;
	struct ground trusted;	/* ways over which the collector was heard */
	char diverted[GROUND_TEXT_MAX];
	char plain[WHY_MAX]; /* why only the plain rules stand; or "" */
	Cordon__OrderBody idle; /* collectors of a host never isolated */
	struct readiness readiness;
	struct nft_view have;
	struct ruleset *want; /* never NULL; empty when open */
	struct ruleset_input in;
	uint64_t dropped_before; /* of tables that are gone */
};

static int
reread(struct cage *c, struct why *why)
{
	struct nft_view v;
	int rc;

	rc = nft_read(c->reader, &v, why);
	if (rc != 0)
		return rc;
	/* A new table counts from nothing; the sum goes on. */
	if (v.dropped < c->have.dropped)
		c->dropped_before += c->have.dropped;
	nft_view_done(&c->have);
	c->have = v;
	return 0;
}

/* Rules and ways: what IN needs of the host as it is now. */
static int
look_around(struct cage *c, const struct ruleset_input *in,
    char text[GROUND_TEXT_MAX], struct why *why)
{
	struct ground now;
	int rc;

	rc = ground_take(c->route, in, &now, why);
	if (rc != 0)
		return rc;
	ground_hold(&now, cage_closed(c) ? &c->ground : &c->trusted,
	    in->loose, text);
	ground_lines(&now, in->profile != CORDON__PROFILE__PROFILE_STRICT);
	ground_done(&c->ground);
	c->ground = now;
	return 0;
}

/* Tables that outlived another enforcer become ours. */
static int
adopt(struct cage *c, struct why *why)
{
	int rc;

	if (c->have.rs->ntables == 0 || c->have.owner != 0)
		return 0;
	rc = nft_adopt(c->owner, c->have.rs, why);
	return rc != 0 ? rc : reread(c, why);
}

static int
open_owner(struct cage *c, int fd, struct why *why)
{
	if (fd >= 0 && netlink_take(NETLINK_NETFILTER, fd, &c->owner) == 0)
		return 0;
	return netlink_open(NETLINK_NETFILTER, 0, &c->owner, why);
}

int
cage_open(const struct cage_config *config, struct cage **out,
    struct why *why)
{
	char text[GROUND_TEXT_MAX];
	struct cage *c;
	int rc;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return why_set(why, ERR_NOMEM, "cage");
	c->in.network_uid = config->network_uid;
	cordon__order_body__init(&c->idle);
	c->idle.collectors = config->collectors;
	c->idle.n_collectors = config->ncollectors;
	c->in.body = &c->idle;
	c->in.features = FEATURE_PIN;
	c->in.profile = CORDON__PROFILE__PROFILE_OPEN;
	c->want = ruleset_new();
	rc = c->want == NULL ? why_set(why, ERR_NOMEM, "cage") : 0;
	if (rc == 0)
		rc = open_owner(c, config->owner_fd, why);
	if (rc == 0)
		rc = netlink_open(NETLINK_NETFILTER, 0, &c->reader, why);
	if (rc == 0)
		rc = netlink_open(NETLINK_ROUTE, 0, &c->route, why);
	if (rc == 0)
		rc = look_around(c, &c->in, text, why);
	if (rc == 0)
		rc = reread(c, why);
	if (rc == 0)
		rc = adopt(c, why);
	if (rc == 0)
		ground_resolve(c->route, &c->ground);
	if (rc == 0)
		rc = readiness_probe(c->owner, &c->ground.devices, c->have.rs,
		    config->without | (ground_can_pin(c->route) ? 0 :
		    FEATURE_PIN), &c->readiness, why);
	c->in.features = c->readiness.features;
	if (rc != 0) {
		cage_close(&c);
		return rc;
	}
	*out = c;
	return 0;
}

void
cage_close(struct cage **cage)
{
	struct cage *c = *cage;

	if (c == NULL)
		return;
	netlink_close(&c->owner);
	netlink_close(&c->reader);
	netlink_close(&c->route);
	ground_done(&c->ground);
	ground_done(&c->trusted);
	nft_view_done(&c->have);
	ruleset_free(&c->want);
	free(c);
	*cage = NULL;
}

/* The rules of IN on the ground as it is known. */
static int
build_here(struct cage *c, const struct ruleset_input *in,
    struct ruleset **rs, struct why *why)
{
	struct ruleset_input now = *in;
	int rc;

	now.devices = c->ground.devices.list;
	now.ndevices = c->ground.devices.n;
	now.own = c->ground.own.list;
	now.nown = c->ground.own.n;
	now.hops = c->ground.hops;
	now.routers = c->ground.routers;
	now.nrouters = c->ground.nrouters;
	now.searching = c->ground.searching;
	rc = ruleset_build(&now, rs);
	return rc != 0 ? why_set(why, rc, "rules: %s", err_str(rc)) : 0;
}

/*
 * What the kernel should hold for IN, with a fresh look around.  PIN: the
 * neighbours of the line are set as well, before rules depend on them.
 */
static int
build(struct cage *c, const struct ruleset_input *in, bool pin,
    struct ruleset **rs, struct why *why)
{
	int rc;

	if (in->profile == CORDON__PROFILE__PROFILE_OPEN) {
		*rs = ruleset_new();
		return *rs == NULL ? why_set(why, ERR_NOMEM, "rules") : 0;
	}
	rc = look_around(c, in, c->diverted, why);
	if (rc != 0)
		return rc;
	if (pin && (in->features & FEATURE_PIN) && !ruleset_counts(in))
		ground_pin(c->route, &c->ground);
	return build_here(c, in, rs, why);
}

static int
compare(struct cage *c, char *diff, size_t size, struct why *why)
{
	int rc = ruleset_diff(c->want, c->have.rs, diff, size);

	if (rc != 0)
		return why_set(why, rc, "comparing rules: %s", err_str(rc));
	return diff[0] == '\0' ? 0 : ERR_BADSTATE;
}

/* Build and commit; once more with a fresh look if the ground moved. */
static int
commit_as(struct cage *c, const struct ruleset_input *in, int64_t *ack_us,
    struct why *why)
{
	struct ruleset *rs;
	int tries, rc = 0;

	for (tries = 0; tries < TRIES; tries++) {
		rc = build(c, in, true, &rs, why);
		if (rc != 0)
			return rc;
		rc = nft_update(c->owner, rs, c->have.rs, why);
		if (rc == 0) {
			ruleset_free(&c->want);
			c->want = rs;
			c->in = *in;
			if (ack_us != NULL)
				*ack_us = clock_boot_us();
			return 0;
		}
		ruleset_free(&rs);
		if (reread(c, NULL) != 0 || adopt(c, NULL) != 0)
			return rc;
	}
	return rc;
}

/*
 * Without permanent neighbours a way that is held to one station would go
 * dead with it: then it is the kernel's to find.
 */
static void
unpin(struct cage *c)
{
	struct why why;

	if (ground_unpin(c->route, false, &why) != 0)
		log_warn("plain rules: %s", why.text);
	ground_loosen(&c->ground);
	ground_loosen(&c->trusted);
}

/*
 * All that this kernel gave in the trials; if it refuses that after all (its
 * hooks may be full), what every kernel has: weaker, and told, but closed.
 */
static int
commit(struct cage *c, struct ruleset_input *in, int64_t *ack_us,
    struct why *why)
{
	int rc;

	in->features = c->readiness.features;
	rc = commit_as(c, in, ack_us, why);
	if (rc != ERR_KERNEL || in->profile == CORDON__PROFILE__PROFILE_OPEN) {
		if (rc == 0)
			c->plain[0] = '\0';
		return rc;
	}
	log_error("%s; trying the plain rules", why->text);
	snprintf(c->plain, sizeof(c->plain), "%s", why->text);
	in->features &= FEATURE_OWNER | FEATURE_PERSIST;
	unpin(c);
	return commit_as(c, in, ack_us, why);
}

/* Nothing of ours is left behind; a neighbour entry that stays harms none. */
static void
let_go(struct cage *c)
{
	struct why why;

	if (ground_unpin(c->route, false, &why) != 0)
		log_warn("release: %s", why.text);
	c->trusted.nhops = 0; /* until it is heard over open ways again */
}

int
cage_set(struct cage *c, const Cordon__OrderBody *body,
    Cordon__Profile profile, int64_t *ack_us, struct why *why)
{
	struct ruleset_input in = c->in;
	char diff[256];
	int rc;

	if (!cage_closed(c) && profile != CORDON__PROFILE__PROFILE_OPEN)
		c->dropped_before = 0; /* of an isolation that is over */
	in.loose = in.loose && body == in.body;
	in.body = body != NULL ? body : &c->idle;
	in.profile = profile;
	rc = commit(c, &in, ack_us, why);
	if (rc == 0 && profile == CORDON__PROFILE__PROFILE_OPEN)
		let_go(c);
	if (rc == 0)
		rc = reread(c, why);
	if (rc == 0 && compare(c, diff, sizeof(diff), why) != 0)
		rc = why_set(why, ERR_KERNEL, "read-back: %s", diff);
	return rc;
}

int
cage_rehearse(struct cage *c, const Cordon__OrderBody *body,
    Cordon__Profile profile, struct why *why)
{
	struct ruleset_input in = c->in;
	struct ruleset *rs;
	int rc;

	in.body = body;
	in.profile = profile;
	rc = build(c, &in, false, &rs, why);
	if (rc != 0)
		return rc;
	rc = nft_replace(c->owner, rs, c->have.rs, TXN_CHECK, why);
	ruleset_free(&rs);
	return rc;
}

int
cage_verify(struct cage *c, char *diff, size_t size, struct why *why)
{
	int rc = reread(c, why);

	return rc != 0 ? rc : compare(c, diff, size, why);
}

int
cage_repair(struct cage *c, struct why *why)
{
	int rc = adopt(c, why);

	if (rc != 0)
		return rc;
	return cage_set(c, c->in.body, c->in.profile, NULL, why);
}

/*
 * The kernel may have dropped chains with a device, so what it holds is
 * read first.
 */
static int
set_again(struct cage *c, struct why *why)
{
	int rc = reread(c, why);

	return rc != 0 ? rc : cage_set(c, c->in.body, c->in.profile, NULL,
	    why);
}

int
cage_follow(struct cage *c, bool *changed, char text[GROUND_TEXT_MAX],
    struct why *why)
{
	struct ground before = c->ground;
	int rc;

	*changed = false;
	text[0] = '\0';
	memset(&c->ground, 0, sizeof(c->ground));
	rc = ground_take(c->route, &c->in, &c->ground, why);
	if (rc != 0) {
		c->ground = before;
		return rc;
	}
	if (cage_closed(c))
		ground_hold(&c->ground, &before, c->in.loose, text);
	ground_lines(&c->ground,
	    c->in.profile != CORDON__PROFILE__PROFILE_STRICT);
	if (cage_cuts(c) && (c->in.features & FEATURE_PIN))
		ground_pin(c->route, &c->ground);
	*changed = !ground_same(&before, &c->ground);
	ground_done(&before);
	return *changed && cage_closed(c) ? set_again(c, why) : 0;
}

int
cage_relearn(struct cage *c, struct why *why)
{
	int rc = 0;

	if (!cage_cuts(c))
		return 0;
	if (c->in.features & FEATURE_PIN)
		rc = ground_unpin(c->route, true, why);
	if (rc != 0)
		return rc;
	ground_loosen(&c->ground);
	c->in.loose = true;
	return set_again(c, why);
}

void
cage_heard(struct cage *c)
{
	if (!cage_closed(c) && ground_trust(&c->ground, &c->trusted) != 0)
		log_warn("the way to the collector cannot be remembered");
}

const char *
cage_diverted(const struct cage *c)
{
	return c->diverted;
}

bool
cage_is_hop(const struct cage *c, const uint8_t *ip, size_t len)
{
	return ground_is_hop(&c->ground, ip, len);
}

size_t
cage_hops(const struct cage *c, ProtobufCBinaryData out[ORDER_COLLECTORS_MAX])
{
	const struct hop *h;
	size_t i;

	for (i = 0; i < c->ground.nhops; i++) {
		h = &c->ground.hops[i];
		out[i].data = (uint8_t *)(uintptr_t)h->mac;
		out[i].len = h->pinned ? sizeof(h->mac) : 0;
	}
	return c->ground.nhops;
}

bool
cage_leased(const struct cage *c)
{
	const struct ground *g = &c->ground;
	size_t i, k;

	for (i = 0; i < g->devices.n; i++)
		for (k = 0; k < g->own.n && g->devices.list[i].line; k++)
			if (g->own.list[k].leased &&
			    g->own.list[k].device == g->devices.list[i].index)
				return true;
	return g->searching;
}

enum eapol
cage_eapol(const struct cage *c)
{
	const struct devices *d = &c->ground.devices;
	enum eapol most = EAPOL_NONE;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->list[i].line && d->list[i].eapol > most)
			most = d->list[i].eapol;
	return most;
}

int
cage_owner_fd(const struct cage *c)
{
	return netlink_fd(c->owner);
}

int
cage_cut_flows(struct cage *c, struct flows_cut *out, struct why *why)
{
	memset(out, 0, sizeof(*out));
	return cage_cuts(c) ? flows_cut(&c->in, &c->ground.own, out, why) :
				0;
}

int
cage_behind(struct cage *c, char *out, size_t size, struct why *why)
{
	out[0] = '\0';
	if (!cage_closed(c) || !(c->in.features & FEATURE_EGRESS))
		return 0;
	return foreign_behind(c->reader, out, size, why);
}

int
cage_foreign(struct cage *c, struct buf *out, struct why *why)
{
	return foreign_take(c->reader, out, why);
}

bool
cage_closed(const struct cage *c)
{
	return c->in.profile != CORDON__PROFILE__PROFILE_OPEN;
}

bool
cage_cuts(const struct cage *c)
{
	return cage_closed(c) && !ruleset_counts(&c->in);
}

bool
cage_present(const struct cage *c)
{
	return c->have.rs->ntables > 0;
}

uint64_t
cage_dropped(const struct cage *c)
{
	return c->dropped_before + c->have.dropped;
}

void
cage_digests(const struct cage *c, uint8_t want[DIGEST_LEN],
    uint8_t have[DIGEST_LEN])
{
	memset(want, 0, DIGEST_LEN);
	memset(have, 0, DIGEST_LEN);
	ruleset_digest(c->want, want);
	ruleset_digest(c->have.rs, have);
}

const struct readiness *
cage_readiness(const struct cage *c)
{
	return &c->readiness;
}

const struct devices *
cage_device_list(const struct cage *c)
{
	return &c->ground.devices;
}

unsigned int
cage_features(const struct cage *c)
{
	return c->in.features;
}

const char *
cage_plain(const struct cage *c)
{
	return c->plain;
}

bool
cage_stolen(const struct cage *c)
{
	return c->have.owner != 0 && c->have.owner != netlink_port(c->owner);
}
