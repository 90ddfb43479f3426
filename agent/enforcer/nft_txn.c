/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Batches for nf_tables.  Runs in the enforcer; what it is given was made
 * by ruleset_build or read from the kernel.
 */
#include "agent/enforcer/nft_txn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/nft_expr.h"

#define MESSAGE_MAX (16 * 1024) /* one rule of ours takes about 2 KiB */
#define NFT_DEVICE_PREFIX 2 /* NFTA_DEVICE_PREFIX, newer than our headers */
#define ACKS_MAX 6000 /* what the socket's buffer surely holds */

/* What each message was for, to name the one that was refused. */
struct label {
	const char *what, *name; /* lent */
};

struct batch {
	struct netlink *nl;
	struct buf bytes;
	struct label *labels;
	size_t n, cap;
	uint32_t first_seq;
	uint8_t *message; /* the one being built */
	bool acks;
	int rc;
};

static void
batch_put(struct batch *b, const struct nlmsghdr *nlh)
{
	if (b->rc == 0)
		b->rc = buf_add(&b->bytes, nlh, NLMSG_ALIGN(nlh->nlmsg_len));
}

static int
batch_init(struct batch *b, struct netlink *nl)
{
	struct nlmsghdr *nlh;

	memset(b, 0, sizeof(*b));
	b->nl = nl;
	b->acks = true;
	buf_init(&b->bytes, NFT_BATCH_MAX);
	b->message = calloc(1, MESSAGE_MAX);
	if (b->message == NULL)
		return ERR_NOMEM;
	b->first_seq = netlink_next_seq(nl);
	nlh = nftnl_batch_begin((char *)b->message, b->first_seq);
	batch_put(b, nlh);
	return b->rc;
}

static void
batch_done(struct batch *b)
{
	buf_done(&b->bytes);
	free(b->labels);
	free(b->message);
}

/* Start a message; LABEL names it should the kernel refuse it. */
static struct nlmsghdr *
begin(struct batch *b, uint16_t type, uint8_t family, uint16_t flags,
    struct label label)
{
	struct label *more;

	if (b->n == b->cap) {
		more = realloc(b->labels, (b->cap + 256) * sizeof(*more));
		if (more == NULL) {
			b->rc = ERR_NOMEM;
			return NULL;
		}
		b->labels = more;
		b->cap += 256;
	}
	b->labels[b->n++] = label;
	memset(b->message, 0, NLMSG_HDRLEN + sizeof(struct nfgenmsg));
	if (b->acks)
		flags |= NLM_F_ACK;
	return nftnl_nlmsg_build_hdr((char *)b->message, type, family, flags,
	    netlink_next_seq(b->nl));
}

/* -- messages ------------------------------------------------------------- */

static void
put_table(struct batch *b, uint16_t type, uint8_t family, uint32_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh;

	if (t == NULL) {
		b->rc = ERR_NOMEM;
		return;
	}
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, RULESET_TABLE);
	if (type == NFT_MSG_NEWTABLE)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, flags);
	nlh = begin(b, type, family,
	    type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0,
	    (struct label){"table", family_name(family)});
	if (nlh != NULL) {
		nftnl_table_nlmsg_build_payload(nlh, t);
		batch_put(b, nlh);
	}
	nftnl_table_free(t);
}

static void
put_counter(struct batch *b, uint8_t family)
{
	struct nftnl_obj *o = nftnl_obj_alloc();
	struct nlmsghdr *nlh;

	if (o == NULL) {
		b->rc = ERR_NOMEM;
		return;
	}
	nftnl_obj_set_str(o, NFTNL_OBJ_TABLE, RULESET_TABLE);
	nftnl_obj_set_str(o, NFTNL_OBJ_NAME, RULESET_COUNTER);
	nftnl_obj_set_u32(o, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_set_u64(o, NFTNL_OBJ_CTR_PKTS, 0);
	nlh = begin(b, NFT_MSG_NEWOBJ, family, NLM_F_CREATE,
	    (struct label){"counter", RULESET_COUNTER});
	if (nlh != NULL) {
		nftnl_obj_nlmsg_build_payload(nlh, o);
		batch_put(b, nlh);
	}
	nftnl_obj_free(o);
}

/*
 * The hook of a chain on many names, which libnftnl 1.2 cannot say.  A name
 * ends with its zero byte, a prefix does not (nft_netdev_hook_alloc).
 */
static void
put_hooknames(struct nlmsghdr *nlh, const struct ruleset *rs,
    const struct chain *c)
{
	const struct hookname *h;
	struct nlattr *hook, *devs;
	size_t i;

	hook = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(c->hook));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY,
	    htonl((uint32_t)c->priority));
	devs = mnl_attr_nest_start(nlh, NFTA_HOOK_DEVS);
	for (i = 0; i < c->nnames; i++) {
		h = &rs->hooknames[c->names + i];
		if (h->prefix)
			mnl_attr_put_str(nlh, NFT_DEVICE_PREFIX, h->name);
		else
			mnl_attr_put_strz(nlh, NFTA_DEVICE_NAME, h->name);
	}
	mnl_attr_nest_end(nlh, devs);
	mnl_attr_nest_end(nlh, hook);
}

static void
put_chain(struct batch *b, uint16_t type, const struct ruleset *rs,
    const struct chain *c)
{
	uint8_t family = rs->tables[c->table].family;
	struct nftnl_chain *x = nftnl_chain_alloc();
	struct nlmsghdr *nlh;

	if (x == NULL) {
		b->rc = ERR_NOMEM;
		return;
	}
	nftnl_chain_set_str(x, NFTNL_CHAIN_TABLE, RULESET_TABLE);
	nftnl_chain_set_str(x, NFTNL_CHAIN_NAME, c->name);
	if (c->base && type == NFT_MSG_NEWCHAIN) {
		nftnl_chain_set_str(x, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(x, NFTNL_CHAIN_POLICY, c->policy);
	}
	if (c->base && type == NFT_MSG_NEWCHAIN && c->nnames == 0) {
		nftnl_chain_set_u32(x, NFTNL_CHAIN_HOOKNUM, c->hook);
		nftnl_chain_set_s32(x, NFTNL_CHAIN_PRIO, c->priority);
		if (c->device[0] != '\0')
			nftnl_chain_set_str(x, NFTNL_CHAIN_DEV, c->device);
	}
	nlh = begin(b, type, family,
	    type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0,
	    (struct label){"chain", c->name});
	if (nlh != NULL) {
		nftnl_chain_nlmsg_build_payload(nlh, x);
		if (c->nnames > 0 && type == NFT_MSG_NEWCHAIN)
			put_hooknames(nlh, rs, c);
		batch_put(b, nlh);
	}
	nftnl_chain_free(x);
}

static void
put_rule(struct batch *b, const struct ruleset *rs, const struct chain *c,
    const struct rule *r)
{
	struct nftnl_rule *x = nftnl_rule_alloc();
	struct nftnl_expr *e;
	struct nlmsghdr *nlh;
	size_t i;

	if (x == NULL) {
		b->rc = ERR_NOMEM;
		return;
	}
	nftnl_rule_set_str(x, NFTNL_RULE_TABLE, RULESET_TABLE);
	nftnl_rule_set_str(x, NFTNL_RULE_CHAIN, c->name);
	for (i = 0; i < r->count && b->rc == 0; i++) {
		e = nft_expr_make(&rs->exprs[r->first + i]);
		if (e == NULL)
			b->rc = ERR_NOMEM;
		else
			nftnl_rule_add_expr(x, e);
	}
	nlh = begin(b, NFT_MSG_NEWRULE, rs->tables[c->table].family,
	    NLM_F_CREATE | NLM_F_APPEND, (struct label){"rule of chain",
	    c->name});
	if (nlh != NULL && b->rc == 0) {
		nftnl_rule_nlmsg_build_payload(nlh, x);
		batch_put(b, nlh);
	}
	nftnl_rule_free(x);
}

static void
put_rules(struct batch *b, const struct ruleset *rs, size_t chain)
{
	const struct chain *c = &rs->chains[chain];
	size_t r;

	for (r = c->first; r != SIZE_MAX && b->rc == 0;
	    r = rs->rules[r].next)
		put_rule(b, rs, c, &rs->rules[r]);
}

static void
put_ruleset(struct batch *b, const struct ruleset *rs)
{
	size_t i;

	for (i = 0; i < rs->ntables && b->rc == 0; i++) {
		put_table(b, NFT_MSG_NEWTABLE, rs->tables[i].family,
		    rs->tables[i].flags);
		if (rs->tables[i].counter)
			put_counter(b, rs->tables[i].family);
	}
	for (i = 0; i < rs->nchains && b->rc == 0; i++)
		put_chain(b, NFT_MSG_NEWCHAIN, rs, &rs->chains[i]);
	for (i = 0; i < rs->nchains && b->rc == 0; i++)
		put_rules(b, rs, i);
}

/* -- sending -------------------------------------------------------------- */

static int
refused(const struct batch *b, uint32_t seq, int errnum, struct why *why)
{
	uint32_t i = seq - b->first_seq - 1;
	int code = ERR_KERNEL;

	if (errnum == EPERM)
		code = ERR_PERM;
	else if (errnum == ENOENT || errnum == ENODEV)
		code = ERR_NOENT;
	if (i >= b->n)
		return why_set(why, code, "nf_tables: commit: %s",
		    strerror(errnum));
	return why_set(why, code, "nf_tables: %s %s: %s", b->labels[i].what,
	    b->labels[i].name, strerror(errnum));
}

/* Read every acknowledgement; they are all queued when sendmsg returned. */
static int
read_acks(struct batch *b, struct why *why)
{
	uint8_t data[8192] __attribute__((aligned(8)));
	const struct nlmsgerr *e;
	const struct nlmsghdr *m;
	size_t acked = 0;
	int n, left, rc = 0;

	while ((n = netlink_recv(b->nl, data, sizeof(data))) != 0) {
		if (n < 0)
			return why_set(why, ERR_IO,
			    "nf_tables: acknowledgements lost: %s",
			    strerror(-n));
		left = n;
		for (m = (void *)data; netlink_ok(m, left);
		    m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_type != NLMSG_ERROR ||
			    m->nlmsg_seq - b->first_seq > b->n + 1)
				continue;
			e = mnl_nlmsg_get_payload(m);
			if (e->error == 0)
				acked++;
			else if (rc == 0)
				rc = refused(b, m->nlmsg_seq, -e->error, why);
		}
	}
	if (rc == 0 && b->acks && acked != b->n)
		return why_set(why, ERR_KERNEL,
		    "nf_tables: %zu of %zu messages acknowledged", acked,
		    b->n);
	return rc;
}

/*
 * Without the end message the kernel validates the batch and aborts it
 * (nfnetlink_rcv_batch, NFNL_ABORT_VALIDATE): that is TXN_CHECK.
 */
static int
batch_send(struct batch *b, enum txn_mode mode, struct why *why)
{
	uint8_t stale[8192];

	if (b->rc == 0 && mode == TXN_COMMIT)
		batch_put(b, nftnl_batch_end((char *)b->message,
		    netlink_next_seq(b->nl)));
	if (b->rc != 0)
		return why_set(why, b->rc, "nf_tables: batch: %s",
		    err_str(b->rc));
	while (netlink_recv(b->nl, stale, sizeof(stale)) > 0)
		;
	if (netlink_send(b->nl, b->bytes.data, b->bytes.len) != 0)
		return why_sys(why, errno == EPERM ? ERR_PERM : ERR_IO,
		    "nf_tables: batch of %zu bytes", b->bytes.len);
	return read_acks(b, why);
}

int
nft_replace(struct netlink *owner, const struct ruleset *want,
    const struct ruleset *have, enum txn_mode mode, struct why *why)
{
	struct batch b;
	size_t i;
	int rc;

	rc = batch_init(&b, owner);
	if (rc != 0)
		goto done;
	b.acks = want == NULL || want->nrules < ACKS_MAX;
	if (have != NULL)
		for (i = 0; i < have->ntables; i++)
			put_table(&b, NFT_MSG_DELTABLE,
			    have->tables[i].family, 0);
	if (want != NULL)
		put_ruleset(&b, want);
	rc = b.n == 0 ? b.rc : batch_send(&b, mode, why);
done:
	batch_done(&b);
	return rc;
}

int
nft_adopt(struct netlink *owner, const struct ruleset *have, struct why *why)
{
	const uint32_t both = TABLE_OWNER | TABLE_PERSIST;
	struct batch b;
	size_t i;
	int rc;

	rc = batch_init(&b, owner);
	if (rc != 0)
		goto done;
	for (i = 0; i < have->ntables; i++)
		if ((have->tables[i].flags & both) == TABLE_PERSIST)
			put_table(&b, NFT_MSG_NEWTABLE,
			    have->tables[i].family, both);
	rc = b.n == 0 ? b.rc : batch_send(&b, TXN_COMMIT, why);
done:
	batch_done(&b);
	return rc;
}

/* -- the smallest change -------------------------------------------------- */

static bool
chain_same(const struct ruleset *a, size_t i, const struct ruleset *b,
    size_t k)
{
	struct buf x, y;
	bool same;

	buf_init(&x, RULESET_TEXT_MAX);
	buf_init(&y, RULESET_TEXT_MAX);
	same = ruleset_chain_text(a, i, &x) == 0 &&
	    ruleset_chain_text(b, k, &y) == 0 && x.len == y.len &&
	    memcmp(x.data, y.data, x.len) == 0;
	buf_done(&x);
	buf_done(&y);
	return same;
}

/* The same chain in the other ruleset, or SIZE_MAX. */
static size_t
twin(const struct ruleset *a, size_t i, const struct ruleset *b)
{
	const struct chain *c = &a->chains[i];
	size_t t = ruleset_find_table(b, a->tables[c->table].family), k;

	if (t == SIZE_MAX)
		return SIZE_MAX;
	k = ruleset_find_chain(b, t, c->name);
	return k != SIZE_MAX && chain_same(a, i, b, k) ? k : SIZE_MAX;
}

static bool
tables_same(const struct ruleset *a, const struct ruleset *b)
{
	size_t i, k;

	if (a->ntables != b->ntables)
		return false;
	for (i = 0; i < a->ntables; i++) {
		k = ruleset_find_table(b, a->tables[i].family);
		if (k == SIZE_MAX || a->tables[i].flags != b->tables[k].flags
		    || a->tables[i].counter != b->tables[k].counter)
			return false;
	}
	return true;
}

static bool
only_devices_differ(const struct ruleset *a, const struct ruleset *b)
{
	size_t i;

	for (i = 0; i < a->nchains; i++)
		if (twin(a, i, b) == SIZE_MAX &&
		    a->chains[i].device[0] == '\0')
			return false;
	return true;
}

int
nft_update(struct netlink *owner, const struct ruleset *want,
    const struct ruleset *have, struct why *why)
{
	struct batch b;
	size_t i;
	int rc;

	if (!tables_same(want, have) || !only_devices_differ(want, have) ||
	    !only_devices_differ(have, want))
		return nft_replace(owner, want, have, TXN_COMMIT, why);
	rc = batch_init(&b, owner);
	if (rc != 0)
		goto done;
	for (i = 0; i < have->nchains; i++)
		if (twin(have, i, want) == SIZE_MAX)
			put_chain(&b, NFT_MSG_DELCHAIN, have,
			    &have->chains[i]);
	for (i = 0; i < want->nchains; i++)
		if (twin(want, i, have) == SIZE_MAX) {
			put_chain(&b, NFT_MSG_NEWCHAIN, want,
			    &want->chains[i]);
			put_rules(&b, want, i);
		}
	rc = b.n == 0 ? b.rc : batch_send(&b, TXN_COMMIT, why);
done:
	batch_done(&b);
	return rc;
}
