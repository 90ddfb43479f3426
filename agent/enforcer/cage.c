/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Holding the rules.  Runs in the enforcer; the owner socket lives as long
 * as the process.
 */
#include "agent/enforcer/cage.h"

#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/foreign.h"
#include "agent/enforcer/nft_read.h"
#include "agent/enforcer/nft_txn.h"
#include "common/base/clock.h"

#define TRIES 4

struct cage {
	struct netlink *owner, *reader, *route;
	struct devices devices;
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

static int
refresh_devices(struct cage *c, struct why *why)
{
	struct devices d;
	int rc;

	rc = devices_list(c->route, &d, why);
	if (rc != 0)
		return rc;
	devices_done(&c->devices);
	c->devices = d;
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

int
cage_open(uint32_t network_uid, struct cage **out, struct why *why)
{
	struct cage *c;
	int rc;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return why_set(why, ERR_NOMEM, "cage");
	c->in.network_uid = network_uid;
	c->in.profile = CORDON__PROFILE__PROFILE_OPEN;
	c->want = ruleset_new();
	rc = c->want == NULL ? why_set(why, ERR_NOMEM, "cage") : 0;
	if (rc == 0)
		rc = netlink_open(NETLINK_NETFILTER, 0, &c->owner, why);
	if (rc == 0)
		rc = netlink_open(NETLINK_NETFILTER, 0, &c->reader, why);
	if (rc == 0)
		rc = netlink_open(NETLINK_ROUTE, 0, &c->route, why);
	if (rc == 0)
		rc = refresh_devices(c, why);
	if (rc == 0)
		rc = reread(c, why);
	if (rc == 0)
		rc = adopt(c, why);
	if (rc == 0)
		rc = readiness_probe(c->owner, &c->devices, c->have.rs,
		    &c->readiness, why);
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
	devices_done(&c->devices);
	nft_view_done(&c->have);
	ruleset_free(&c->want);
	free(c);
	*cage = NULL;
}

/* What the kernel should hold for IN, with the devices as they are now. */
static int
build(struct cage *c, const struct ruleset_input *in, struct ruleset **rs,
    struct why *why)
{
	struct ruleset_input now = *in;
	int rc;

	if (in->profile == CORDON__PROFILE__PROFILE_OPEN) {
		*rs = ruleset_new();
		return *rs == NULL ? why_set(why, ERR_NOMEM, "rules") : 0;
	}
	rc = refresh_devices(c, why);
	if (rc != 0)
		return rc;
	now.devices = c->devices.list;
	now.ndevices = c->devices.n;
	rc = ruleset_build(&now, rs);
	return rc != 0 ? why_set(why, rc, "rules: %s", err_str(rc)) : 0;
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
commit(struct cage *c, const struct ruleset_input *in, int64_t *ack_us,
    struct why *why)
{
	struct ruleset *rs;
	int tries, rc = 0;

	for (tries = 0; tries < TRIES; tries++) {
		rc = build(c, in, &rs, why);
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

int
cage_set(struct cage *c, const Cordon__OrderBody *body,
    Cordon__Profile profile, int64_t *ack_us, struct why *why)
{
	struct ruleset_input in = c->in;
	char diff[256];
	int rc;

	in.body = body;
	in.profile = profile;
	rc = commit(c, &in, ack_us, why);
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
	rc = build(c, &in, &rs, why);
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

static bool
devices_same(const struct devices *a, const struct devices *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (a->list[i].index != b->list[i].index ||
		    a->list[i].ether != b->list[i].ether ||
		    a->list[i].tagged != b->list[i].tagged ||
		    strcmp(a->list[i].name, b->list[i].name) != 0)
			return false;
	return true;
}

/*
 * The kernel may have dropped chains with a device, so what it holds is
 * read first.
 */
int
cage_devices(struct cage *c, bool *changed, struct why *why)
{
	struct devices now;
	int rc;

	rc = devices_list(c->route, &now, why);
	if (rc != 0)
		return rc;
	*changed = !devices_same(&now, &c->devices);
	devices_done(&c->devices);
	c->devices = now;
	if (!*changed || !cage_closed(c))
		return 0;
	rc = reread(c, why);
	return rc != 0 ? rc : cage_set(c, c->in.body, c->in.profile, NULL,
	    why);
}

int
cage_cut_flows(struct cage *c, struct flows_cut *out, struct why *why)
{
	struct addresses own;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!cage_closed(c))
		return 0;
	rc = addresses_list(c->route, &own, why);
	if (rc != 0)
		return rc;
	rc = flows_cut(&c->in, &own, out, why);
	addresses_done(&own);
	return rc;
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
	return &c->devices;
}

unsigned int
cage_features(const struct cage *c)
{
	return c->in.features;
}

bool
cage_stolen(const struct cage *c)
{
	return c->have.owner != 0 && c->have.owner != netlink_port(c->owner);
}
