/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probing what the kernel gives.  Runs in the enforcer.
 */
#include "agent/enforcer/readiness.h"

#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <stdio.h>
#include <string.h>

#include "agent/enforcer/nft_txn.h"

/* One base chain, and perhaps one expression, as the smallest trial. */
struct trial {
	const char *id;
	unsigned int feature;
	uint8_t family;
	uint32_t flags;
	uint32_t hook;
	bool device;
	enum expr_kind load; /* EXPR_OTHER: no rule; EXPR_VERDICT: no rule,
				and a prefix for the device */
	uint32_t key;
	const char *lost;
};

static const struct trial trials[] = {
    {"inet-table", 0, NFPROTO_INET, 0, NF_INET_LOCAL_OUT, false, EXPR_OTHER,
	0, "this kernel cannot isolate at all: no nf_tables for inet"},
    {"owner-flag", FEATURE_OWNER, NFPROTO_INET, TABLE_OWNER,
	NF_INET_LOCAL_OUT, false, EXPR_OTHER, 0,
	"other root processes can delete the rules; they are watched and "
	"repaired"},
    {"persist-flag", FEATURE_PERSIST, NFPROTO_INET,
	TABLE_OWNER | TABLE_PERSIST, NF_INET_LOCAL_OUT, false, EXPR_OTHER, 0,
	"the owner flag cannot be used, because the rules would go with the "
	"agent"},
    {"netdev-ingress", FEATURE_INGRESS, NFPROTO_NETDEV, 0,
	NF_NETDEV_INGRESS, true, EXPR_OTHER, 0,
	"frames reach packet sockets of this host"},
    {"netdev-egress", FEATURE_EGRESS, NFPROTO_NETDEV, 0, NF_NETDEV_EGRESS,
	true, EXPR_OTHER, 0, "packet sockets (AF_PACKET) can still send"},
    {"netdev-egress-uid", FEATURE_EGRESS_UID, NFPROTO_NETDEV, 0,
	NF_NETDEV_EGRESS, true, EXPR_META, NFT_META_SKUID,
	"a packet socket of root can write to the collector's port"},
    {"device-prefix", FEATURE_PREFIX, NFPROTO_NETDEV, 0, NF_NETDEV_EGRESS,
	true, EXPR_VERDICT, 0,
	"a device made or renamed while isolated is open for the moment until "
	"it is noticed"},
    {"bridge-table", FEATURE_BRIDGE, NFPROTO_BRIDGE, 0, NF_BR_FORWARD, false,
	EXPR_OTHER, 0, "bridged frames are only cut at the devices"},
    {"arp-table", FEATURE_ARP, NFPROTO_ARP, 0, NF_ARP_OUT, false, EXPR_OTHER,
	0, "ARP is only checked at the devices"},
    {"rt-expression", FEATURE_RT, NFPROTO_INET, 0, NF_INET_LOCAL_IN, false,
	EXPR_RT, NFT_RT_XFRM,
	"frames redirected into loopback cannot be told from true ones"},
    {"payload-far", FEATURE_FAR, NFPROTO_INET, 0, NF_INET_LOCAL_OUT, false,
	EXPR_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER,
	"some bytes of a request for a DHCP lease are not checked"},
};
#define FAR_OFFSET (RULES_NEAR_MAX + 1)

/* Add a trial to RS, into the table of its family if that is there. */
static int
add_trial(const struct trial *t, const char *device, struct ruleset *rs)
{
	struct expr load = {.kind = t->load, .key = t->key};
	struct expr equal = {.kind = EXPR_CMP, .key = NFT_CMP_EQ,
	    .len = t->load == EXPR_META ? 4 : 1};
	struct expr drop = {.kind = EXPR_VERDICT, .code = NF_DROP};
	struct chain c = {.base = true, .hook = t->hook,
	    .priority = INT_MIN, .policy = NF_DROP};
	size_t index;
	int rc = 0;

	if (t->load == EXPR_PAYLOAD) {
		load.offset = FAR_OFFSET;
		load.len = equal.len;
	}
	snprintf(c.name, sizeof(c.name), "%s", t->id);
	if (t->device && t->load != EXPR_VERDICT)
		snprintf(c.device, sizeof(c.device), "%s", device);
	c.table = ruleset_find_table(rs, t->family);
	if (c.table == SIZE_MAX)
		rc = ruleset_add_table(rs, t->family, t->flags, &c.table);
	if (rc != 0)
		return rc;
	rs->tables[c.table].flags |= t->flags;
	rc = ruleset_add_chain(rs, &c, &index);
	if (rc == 0 && t->load == EXPR_VERDICT)
		rc = ruleset_add_hookname(rs, "cordon-none", true);
	if (rc != 0 || t->load == EXPR_OTHER || t->load == EXPR_VERDICT)
		return rc;
	rc = ruleset_add_rule(rs, index);
	if (rc == 0)
		rc = ruleset_add_expr(rs, &load);
	if (rc == 0)
		rc = ruleset_add_expr(rs, &equal);
	if (rc == 0)
		rc = ruleset_add_expr(rs, &drop);
	return rc;
}

/*
 * Would the kernel take these N trials together?  HAVE: our tables that are
 * there; on paper the trial takes their place.
 */
static bool
works(struct netlink *owner, const struct trial *t, size_t n,
    const char *device, const struct ruleset *have, struct why *why)
{
	struct ruleset *rs = ruleset_new();
	bool ok = rs != NULL;
	size_t i;

	for (i = 0; i < n && ok; i++)
		ok = add_trial(&t[i], device, rs) == 0;
	ok = ok && nft_replace(owner, rs, have, TXN_CHECK, why) == 0;
	ruleset_free(&rs);
	return ok;
}

static void
item(struct readiness *r, const char *id, bool ok, const char *lost)
{
	r->items[r->n].id = id;
	r->items[r->n].ok = ok;
	r->items[r->n++].lost = lost;
}

unsigned int
readiness_feature(const char *id)
{
	size_t i;

	if (strcmp(id, "next-hop") == 0)
		return FEATURE_PIN;
	for (i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		if (strcmp(trials[i].id, id) == 0)
			return trials[i].feature;
	return 0;
}

int
readiness_probe(struct netlink *owner, const struct devices *d,
    const struct ruleset *have, unsigned int without, struct readiness *out,
    struct why *why)
{
	const char *device = d->n > 0 ? d->list[0].name : "lo";
	const size_t n = sizeof(trials) / sizeof(trials[0]);
	bool all, ok;
	size_t i;

	memset(out, 0, sizeof(*out));
	/* Mostly everything works: one look instead of nine. */
	all = works(owner, trials, n, device, have, NULL);
	for (i = 0; i < n; i++) {
		ok = (all || works(owner, &trials[i], 1, device, have,
		    i == 0 ? why : NULL)) && !(without & trials[i].feature);
		if (ok)
			out->features |= trials[i].feature;
		item(out, trials[i].id, ok, trials[i].lost);
		if (i == 0 && !ok)
			return ERR_UNSUPP;
	}
	/* Without persist the rules would die with us: better without owner. */
	if (!(out->features & FEATURE_PERSIST))
		out->features &= ~(unsigned int)FEATURE_OWNER;
	if (!(out->features & FEATURE_EGRESS))
		out->features &= ~(unsigned int)(FEATURE_EGRESS_UID |
		    FEATURE_PREFIX);
	if (!(without & FEATURE_PIN) && (out->features & FEATURE_EGRESS))
		out->features |= FEATURE_PIN;
	item(out, "next-hop", out->features & FEATURE_PIN,
	    "the line to the collector can be led to another station of the "
	    "segment");
	item(out, "device-count", !d->more,
	    "there are more devices than can be watched");
	return 0;
}
