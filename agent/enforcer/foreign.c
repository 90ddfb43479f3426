/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The picture of other people's rules.  Runs in the enforcer; read only.
 */
#include "agent/enforcer/foreign.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/ruleset.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"

#define TRIES 8
#define NAME_MAX_TEXT 48

/* Attributes that change by themselves, by kind of message. */
static const struct {
	uint8_t type;
	uint8_t skip[6]; /* 0 ends */
} volatiles[] = {
    {NFT_MSG_NEWTABLE, {NFTA_TABLE_USE, NFTA_TABLE_HANDLE, NFTA_TABLE_PAD,
	NFTA_TABLE_OWNER}},
    {NFT_MSG_NEWCHAIN, {NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE,
	NFTA_CHAIN_COUNTERS, NFTA_CHAIN_PAD}},
    {NFT_MSG_NEWRULE, {NFTA_RULE_HANDLE, NFTA_RULE_POSITION, NFTA_RULE_PAD,
	NFTA_RULE_USERDATA}},
    {NFT_MSG_NEWSET, {NFTA_SET_HANDLE, NFTA_SET_ID, NFTA_SET_PAD,
	NFTA_SET_USERDATA}},
    {NFT_MSG_NEWOBJ, {NFTA_OBJ_HANDLE, NFTA_OBJ_USE, NFTA_OBJ_PAD,
	NFTA_OBJ_DATA}},
};

static bool
skipped(uint8_t type, uint16_t attr)
{
	size_t i, k;

	for (i = 0; i < sizeof(volatiles) / sizeof(volatiles[0]); i++)
		if (volatiles[i].type == type)
			for (k = 0; k < 6 && volatiles[i].skip[k] != 0; k++)
				if (volatiles[i].skip[k] == attr)
					return true;
	return false;
}

static void
name_of(const struct nlattr *a, char *out)
{
	if (a == NULL) {
		snprintf(out, NAME_MAX_TEXT, "-");
		return;
	}
	log_quote(out, NAME_MAX_TEXT, mnl_attr_get_payload(a),
	    strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)));
}

/* Expressions with counts inside are taken by name only. */
static void
add_expression(struct digest *d, const struct nlattr *expr)
{
	static const char *const counting[] = {"counter", "quota", "last",
	    "connlimit"};
	const struct nlattr *a, *name = NULL, *data = NULL;
	const char *n;
	size_t i, len;

	mnl_attr_for_each_nested(a, expr) {
		if (mnl_attr_get_type(a) == NFTA_EXPR_NAME)
			name = a;
		else if (mnl_attr_get_type(a) == NFTA_EXPR_DATA)
			data = a;
	}
	if (name == NULL)
		return;
	n = mnl_attr_get_payload(name);
	len = strnlen(n, mnl_attr_get_payload_len(name));
	digest_add(d, n, len);
	for (i = 0; i < sizeof(counting) / sizeof(counting[0]); i++)
		if (strlen(counting[i]) == len &&
		    memcmp(counting[i], n, len) == 0)
			return;
	if (data != NULL)
		digest_add(d, data, data->nla_len);
}

static void
digest_message(const struct nlmsghdr *nlh, char hex[17])
{
	uint8_t type = nlh->nlmsg_type & 0xff, sum[DIGEST_LEN];
	struct digest *d = digest_new();
	const struct nlattr *a, *e;

	snprintf(hex, 17, "?");
	if (d == NULL)
		return;
	digest_begin(d);
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (skipped(type, mnl_attr_get_type(a)))
			continue;
		if (type == NFT_MSG_NEWRULE &&
		    mnl_attr_get_type(a) == NFTA_RULE_EXPRESSIONS) {
			mnl_attr_for_each_nested(e, a)
				add_expression(d, e);
			continue;
		}
		digest_add(d, a, a->nla_len);
	}
	digest_end(d, sum);
	digest_free(&d);
	hex_encode(hex, sum, 8);
}

/* Elements come many in a message; only their key and data are told. */
static int
element_lines(const struct nlattr *list, const char *head, struct buf *out)
{
	const struct nlattr *e, *a;
	uint8_t sum[DIGEST_LEN];
	struct digest *d;
	char hex[17];
	int rc = 0;

	d = digest_new();
	if (d == NULL)
		return ERR_NOMEM;
	mnl_attr_for_each_nested(e, list) {
		digest_begin(d);
		mnl_attr_for_each_nested(a, e)
			if (mnl_attr_get_type(a) == NFTA_SET_ELEM_KEY ||
			    mnl_attr_get_type(a) == NFTA_SET_ELEM_KEY_END ||
			    mnl_attr_get_type(a) == NFTA_SET_ELEM_DATA ||
			    mnl_attr_get_type(a) == NFTA_SET_ELEM_FLAGS)
				digest_add(d, a, a->nla_len);
		digest_end(d, sum);
		rc = buf_printf(out, "element %s %s\n", head,
		    hex_encode(hex, sum, 8));
		if (rc != 0)
			break;
	}
	digest_free(&d);
	return rc;
}

int
foreign_line(const struct nlmsghdr *nlh, struct buf *out)
{
	const struct nlattr *a, *table = NULL, *second = NULL, *third = NULL;
	char t[NAME_MAX_TEXT], n[NAME_MAX_TEXT], hex[17];
	char head[2 * NAME_MAX_TEXT + 16];
	const struct nfgenmsg *g;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*g))
		return 0;
	g = mnl_nlmsg_get_payload(nlh);
	mnl_attr_for_each(a, nlh, sizeof(*g)) {
		if (mnl_attr_get_type(a) == 1)
			table = a;
		else if (mnl_attr_get_type(a) == 2)
			second = a;
		else if (mnl_attr_get_type(a) == 3)
			third = a;
	}
	name_of(table, t);
	if (strcmp(t, RULESET_TABLE) == 0)
		return 0;
	switch (nlh->nlmsg_type & 0xff) {
	case NFT_MSG_NEWTABLE:
		digest_message(nlh, hex);
		return buf_printf(out, "table %s %s %s\n",
		    family_name(g->nfgen_family), t, hex);
	case NFT_MSG_NEWCHAIN:
		name_of(third, n);
		digest_message(nlh, hex);
		return buf_printf(out, "chain %s %s %s %s\n",
		    family_name(g->nfgen_family), t, n, hex);
	case NFT_MSG_NEWSETELEM:
		name_of(second, n);
		snprintf(head, sizeof(head), "%s %s %s",
		    family_name(g->nfgen_family), t, n);
		return third == NULL ? 0 : element_lines(third, head, out);
	case NFT_MSG_NEWRULE:
	case NFT_MSG_NEWSET:
	case NFT_MSG_NEWOBJ:
		name_of(second, n);
		digest_message(nlh, hex);
		return buf_printf(out, "%s %s %s %s %s\n",
		    (nlh->nlmsg_type & 0xff) == NFT_MSG_NEWRULE ? "rule" :
		    (nlh->nlmsg_type & 0xff) == NFT_MSG_NEWSET ? "set" :
		    "object", family_name(g->nfgen_family), t, n, hex);
	default:
		return 0;
	}
}

/* -- behind us ------------------------------------------------------------- */

struct behind {
	char *out;
	size_t size;
	bool ours; /* a chain of ours came by: what follows came later */
};

static bool
is_last_egress(const struct nlattr *hook)
{
	const struct nlattr *a;
	uint32_t priority = 0, at = UINT32_MAX;

	mnl_attr_for_each_nested(a, hook)
		if (mnl_attr_get_payload_len(a) != sizeof(uint32_t))
			continue;
		else if (mnl_attr_get_type(a) == NFTA_HOOK_PRIORITY)
			priority = ntohl(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == NFTA_HOOK_HOOKNUM)
			at = ntohl(mnl_attr_get_u32(a));
	return at == NF_NETDEV_EGRESS && (int32_t)priority == INT_MAX;
}

/* Handles rise, so a dump has what was made first first. */
static int
on_chain(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *table = NULL, *name = NULL, *hook = NULL;
	char t[NAME_MAX_TEXT], n[NAME_MAX_TEXT];
	struct behind *b = arg;
	const struct nfgenmsg *g;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*g))
		return 0;
	g = mnl_nlmsg_get_payload(nlh);
	mnl_attr_for_each(a, nlh, sizeof(*g))
		if (mnl_attr_get_type(a) == NFTA_CHAIN_TABLE)
			table = a;
		else if (mnl_attr_get_type(a) == NFTA_CHAIN_NAME)
			name = a;
		else if (mnl_attr_get_type(a) == NFTA_CHAIN_HOOK)
			hook = a;
	name_of(table, t);
	name_of(name, n);
	if (strcmp(t, RULESET_TABLE) == 0) {
		b->ours = true;
		return 0;
	}
	if (!b->ours && hook != NULL && g->nfgen_family == NFPROTO_NETDEV &&
	    b->out[0] == '\0' && is_last_egress(hook))
		snprintf(b->out, b->size, "chain %s of table netdev %s", n,
		    t);
	return 0;
}

int
foreign_behind(struct netlink *nl, char *out, size_t size, struct why *why)
{
	struct behind b = {out, size, false};
	uint8_t bytes[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
	int tries, rc = ERR_AGAIN;

	for (tries = 0; tries < TRIES && rc == ERR_AGAIN; tries++) {
		out[0] = '\0';
		b.ours = false;
		memset(bytes, 0, sizeof(bytes));
		nlh = nftnl_nlmsg_build_hdr((char *)bytes, NFT_MSG_GETCHAIN,
		    NFPROTO_NETDEV, NLM_F_DUMP, 0);
		rc = netlink_ask(nl, nlh, on_chain, &b, NULL);
	}
	return rc == 0 ? 0 : why_set(why, rc, "chains of others: %s",
	    err_str(rc));
}

/* -- taking --------------------------------------------------------------- */

struct picture {
	struct buf *out;
	struct buf sets; /* family (u8), then the table's and set's names */
};

static int
on_message(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *a, *table = NULL, *name = NULL;
	struct picture *p = arg;
	const struct nfgenmsg *g;
	int rc;

	rc = foreign_line(nlh, p->out);
	if (rc != 0 || (nlh->nlmsg_type & 0xff) != NFT_MSG_NEWSET)
		return rc;
	g = mnl_nlmsg_get_payload(nlh);
	mnl_attr_for_each(a, nlh, sizeof(*g)) {
		if (mnl_attr_get_type(a) == NFTA_SET_TABLE)
			table = a;
		else if (mnl_attr_get_type(a) == NFTA_SET_NAME)
			name = a;
	}
	if (table == NULL || name == NULL ||
	    mnl_attr_validate(table, MNL_TYPE_NUL_STRING) < 0 ||
	    mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0)
		return 0;
	rc = buf_add_u8(&p->sets, g->nfgen_family);
	if (rc == 0)
		rc = buf_add(&p->sets, mnl_attr_get_str(table),
		    strlen(mnl_attr_get_str(table)) + 1);
	if (rc == 0)
		rc = buf_add(&p->sets, mnl_attr_get_str(name),
		    strlen(mnl_attr_get_str(name)) + 1);
	return rc;
}

static int
dump(struct netlink *nl, uint8_t type, uint8_t family, const char *table,
    const char *set, struct picture *p)
{
	uint8_t bytes[1024] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr((char *)bytes, type,
	    family, NLM_F_DUMP, 0);

	if (table != NULL)
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	if (set != NULL)
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	return netlink_ask(nl, nlh, on_message, p, NULL);
}

/* Lines stay in the order of the dump: the order of rules counts too. */
static int
dump_all(struct netlink *nl, struct picture *p)
{
	static const uint8_t asks[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN,
	    NFT_MSG_GETRULE, NFT_MSG_GETSET, NFT_MSG_GETOBJ};
	const char *table, *set;
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(asks) && rc == 0; i++)
		rc = dump(nl, asks[i], 0, NULL, NULL, p);
	for (i = 0; rc == 0 && i < p->sets.len; ) {
		table = (const char *)p->sets.data + i + 1;
		set = table + strlen(table) + 1;
		if (strlen(table) + strlen(set) < 800)
			rc = dump(nl, NFT_MSG_GETSETELEM, p->sets.data[i],
			    table, set, p);
		i = (size_t)(set + strlen(set) + 1 -
		    (const char *)p->sets.data);
	}
	return rc;
}

int
foreign_take(struct netlink *nl, struct buf *out, struct why *why)
{
	struct picture p = {.out = out};
	int tries, rc = ERR_AGAIN;

	buf_init(&p.sets, FOREIGN_MAX);
	for (tries = 0; tries < TRIES && rc == ERR_AGAIN; tries++) {
		buf_clear(out);
		buf_clear(&p.sets);
		rc = dump_all(nl, &p);
	}
	buf_done(&p.sets);
	if (rc != 0)
		return why_set(why, rc, "picture of the other rules: %s",
		    err_str(rc));
	return 0;
}

/* -- comparing ------------------------------------------------------------ */

struct lines {
	const char **at;
	size_t n;
};

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	size_t nx = strcspn(*x, "\n"), ny = strcspn(*y, "\n");
	int c = memcmp(*x, *y, nx < ny ? nx : ny);

	return c != 0 ? c : (nx > ny) - (nx < ny);
}

static int
split(const struct buf *b, struct lines *out)
{
	size_t i, n = 0;

	for (i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	out->at = calloc(n + 1, sizeof(*out->at));
	if (out->at == NULL)
		return ERR_NOMEM;
	for (i = 0, out->n = 0; i < b->len && out->n < n; out->n++) {
		out->at[out->n] = (const char *)b->data + i;
		i += strcspn(out->at[out->n], "\n") + 1;
	}
	qsort(out->at, out->n, sizeof(*out->at), by_text);
	return 0;
}

static void
note(char *out, size_t size, size_t *count, const char *what,
    const char *line)
{
	size_t len = strlen(out);

	if ((*count)++ < 4)
		snprintf(out + len, size - len, "%s%s %.*s",
		    len > 0 ? "; " : "", what, (int)strcspn(line, "\n"),
		    line);
}

void
foreign_compare(const struct buf *before, const struct buf *after, char *out,
    size_t size)
{
	struct lines a = {0}, b = {0};
	size_t i = 0, k = 0, count = 0, len;
	int c;

	out[0] = '\0';
	if (before->len == after->len && (before->len == 0 ||
	    memcmp(before->data, after->data, before->len) == 0))
		return;
	if (split(before, &a) != 0 || split(after, &b) != 0) {
		snprintf(out, size, "could not be compared: out of memory");
		goto done;
	}
	while (i < a.n || k < b.n) {
		c = i == a.n ? 1 : k == b.n ? -1 : by_text(&a.at[i], &b.at[k]);
		if (c < 0)
			note(out, size, &count, "gone:", a.at[i++]);
		else if (c > 0)
			note(out, size, &count, "new:", b.at[k++]);
		else
			i++, k++;
	}
	len = strlen(out);
	if (count == 0)
		snprintf(out, size, "the order of rules changed");
	else if (count > 4)
		snprintf(out + len, size - len, "; and %zu more", count - 4);
done:
	free(a.at);
	free(b.at);
}

int
foreign_load(const char *dir, struct buf *out, struct why *why)
{
	char path[4096];
	int rc = file_join(path, sizeof(path), dir, FOREIGN_FILE);

	return rc != 0 ? why_set(why, rc, "state folder: name too long") :
	    file_read(path, out, why);
}

int
foreign_save(const char *dir, const struct buf *picture, struct why *why)
{
	char path[4096];
	int rc = file_join(path, sizeof(path), dir, FOREIGN_FILE);

	return rc != 0 ? why_set(why, rc, "state folder: name too long") :
	    file_write(path, picture->data, picture->len, 0600, why);
}
