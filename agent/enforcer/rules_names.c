/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every device name but a few, as prefixes.  Runs in the enforcer, pure.
 * nf_tables can hook a chain on names that begin so, whether there is such a
 * device yet or not (NFTA_DEVICE_PREFIX, Linux 6.18): a device made or
 * renamed after the isolation is closed from its first frame.  The devices
 * that carry the line have chains with rules of their own, so they must not
 * be among them; nft 1.0.6 does not end when it lists a chain that has
 * both rules and prefixes, so these have none: their policy drops.
 */
#include "agent/enforcer/rules_int.h"

#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

/* What a device may be called: dev_valid_name, net/core/dev.c. */
static bool
may_be(unsigned char c)
{
	return c != '\0' && c != '/' && c != ':' && c != ' ' && c != 0xa0 &&
	    (c < '\t' || c > '\r');
}

struct others {
	struct builder *b;
	size_t table;
	enum way way;
	const char *const *except;
	size_t nexcept;
	size_t chains, left; /* so far; room in the last one */
};

static void
new_chain(struct others *o)
{
	struct chain c = {.table = o->table, .base = true, .policy = NF_DROP,
	    .priority = INT_MIN, .hook = o->way == WAY_OUT ?
	    NF_NETDEV_EGRESS : NF_NETDEV_INGRESS};
	size_t index;

	snprintf(c.name, sizeof(c.name), "%s-others-%zu",
	    o->way == WAY_OUT ? "egress" : "ingress", o->chains++);
	if (o->b->rc == 0)
		o->b->rc = ruleset_add_chain(o->b->rs, &c, &index);
	o->left = RULESET_HOOKNAMES_CHAIN;
}

static void
add_name(struct others *o, const char *name, bool prefix)
{
	if (o->left == 0)
		new_chain(o);
	if (o->b->rc == 0)
		o->b->rc = ruleset_add_hookname(o->b->rs, name, prefix);
	o->left--;
}

enum fit { FIT_NONE, FIT_BEGINS, FIT_IS }; /* P among the exceptions */

static enum fit
fits(const struct others *o, const char *p)
{
	enum fit best = FIT_NONE;
	size_t i, len = strlen(p);

	for (i = 0; i < o->nexcept; i++) {
		if (strcmp(o->except[i], p) == 0)
			return FIT_IS;
		if (strncmp(o->except[i], p, len) == 0)
			best = FIT_BEGINS;
	}
	return best;
}

/*
 * All names that begin with P, of LEN characters, where P itself begins an
 * exception: P alone if it is none, and each longer one.
 */
static void
walk(struct others *o, char p[16], size_t len)
{
	unsigned int c;

	if (len > 0 && fits(o, p) == FIT_BEGINS)
		add_name(o, p, false);
	if (len == 15)
		return;
	for (c = 1; c < 256; c++) {
		if (!may_be((unsigned char)c))
			continue;
		p[len] = (char)c;
		p[len + 1] = '\0';
		if (fits(o, p) == FIT_NONE)
			add_name(o, p, true);
		else
			walk(o, p, len + 1);
	}
	p[len] = '\0';
}

void
put_other_devices(struct builder *b, size_t table, const char *const *except,
    size_t n)
{
	struct others o = {.b = b, .table = table, .except = except,
	    .nexcept = n};
	char name[17] = "";
	int way;

	for (way = WAY_OUT; way <= WAY_IN; way++) {
		if (!(b->in->features & (way == WAY_OUT ? FEATURE_EGRESS :
		    FEATURE_INGRESS)))
			continue;
		o.way = (enum way)way;
		o.chains = o.left = 0;
		walk(&o, name, 0);
	}
}
