/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Order to rules, the container for them and their canonical text.  Runs in
 * the enforcer, pure; the order was verified before it comes here.
 */
#include "agent/enforcer/ruleset.h"

#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

struct ruleset *
ruleset_new(void)
{
	return calloc(1, sizeof(struct ruleset));
}

void
ruleset_free(struct ruleset **rs)
{
	if (*rs == NULL)
		return;
	free((*rs)->chains);
	free((*rs)->rules);
	free((*rs)->exprs);
	free((*rs)->hooknames);
	free(*rs);
	*rs = NULL;
}

/* Room for one more element of SIZE bytes in *AT; at most MAX of them. */
static int
grow(void **at, size_t *cap, size_t n, size_t size, size_t max)
{
	size_t want;
	void *p;

	if (n >= max)
		return ERR_LIMIT;
	if (n < *cap)
		return 0;
	want = *cap == 0 ? 64 : *cap * 2;
	p = realloc(*at, want * size);
	if (p == NULL)
		return ERR_NOMEM;
	*at = p;
	*cap = want;
	return 0;
}

int
ruleset_add_table(struct ruleset *rs, uint8_t family, uint32_t flags,
    size_t *index)
{
	struct table *t;

	if (rs->ntables >= sizeof(rs->tables) / sizeof(rs->tables[0]))
		return ERR_LIMIT;
	t = &rs->tables[rs->ntables];
	t->family = family;
	t->flags = flags;
	t->counter = false;
	*index = rs->ntables++;
	return 0;
}

int
ruleset_add_chain(struct ruleset *rs, const struct chain *c, size_t *index)
{
	int rc;

	rc = grow((void **)&rs->chains, &rs->cchains, rs->nchains, sizeof(*c),
	    RULESET_CHAINS_MAX);
	if (rc != 0)
		return rc;
	rs->chains[rs->nchains] = *c;
	rs->chains[rs->nchains].first = NONE;
	rs->chains[rs->nchains].last = NONE;
	rs->chains[rs->nchains].names = rs->nhooknames;
	rs->chains[rs->nchains].nnames = 0;
	*index = rs->nchains++;
	return 0;
}

int
ruleset_add_rule(struct ruleset *rs, size_t chain)
{
	struct chain *c = &rs->chains[chain];
	struct rule *r;
	int rc;

	rc = grow((void **)&rs->rules, &rs->crules, rs->nrules, sizeof(*r),
	    RULESET_RULES_MAX);
	if (rc != 0)
		return rc;
	r = &rs->rules[rs->nrules];
	r->first = rs->nexprs;
	r->count = 0;
	r->next = NONE;
	if (c->last == NONE)
		c->first = rs->nrules;
	else
		rs->rules[c->last].next = rs->nrules;
	c->last = rs->nrules++;
	return 0;
}

int
ruleset_add_expr(struct ruleset *rs, const struct expr *e)
{
	int rc;

	rc = grow((void **)&rs->exprs, &rs->cexprs, rs->nexprs, sizeof(*e),
	    RULESET_EXPRS_MAX);
	if (rc != 0)
		return rc;
	rs->exprs[rs->nexprs++] = *e;
	rs->rules[rs->nrules - 1].count++;
	return 0;
}

int
ruleset_add_hookname(struct ruleset *rs, const char *name, bool prefix)
{
	struct hookname *h;
	int rc;

	rc = grow((void **)&rs->hooknames, &rs->chooknames, rs->nhooknames,
	    sizeof(*h), RULESET_HOOKNAMES_MAX);
	if (rc != 0)
		return rc;
	h = &rs->hooknames[rs->nhooknames++];
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->prefix = prefix;
	rs->chains[rs->nchains - 1].nnames++;
	return 0;
}

size_t
ruleset_find_table(const struct ruleset *rs, uint8_t family)
{
	size_t i;

	for (i = 0; i < rs->ntables; i++)
		if (rs->tables[i].family == family)
			return i;
	return NONE;
}

size_t
ruleset_find_chain(const struct ruleset *rs, size_t table, const char *name)
{
	size_t i;

	for (i = 0; i < rs->nchains; i++)
		if (rs->chains[i].table == table &&
		    strcmp(rs->chains[i].name, name) == 0)
			return i;
	return NONE;
}

const char *
family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_NETDEV:
		return "netdev";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_IPV6:
		return "ip6";
	default:
		return "?";
	}
}

/* -- text and digest ------------------------------------------------------ */

static int
expr_text(const struct expr *e, struct buf *out)
{
	static const char *const names[] = {"meta", "payload", "mask", "cmp",
	    "rt", "count", "limit", "verdict", "other"};
	uint32_t i;
	int rc;

	rc = buf_printf(out, " [%s %u %u %d %u \"%s\" ", names[e->kind],
	    e->key, e->offset, e->code, e->len, e->name);
	for (i = 0; rc == 0 && i < e->len && i < sizeof(e->data); i++)
		if (e->kind == EXPR_CMP || e->kind == EXPR_MASK)
			rc = buf_printf(out, "%02x", e->data[i]);
	return rc != 0 ? rc : buf_add_str(out, "]");
}

/* Names may hold any byte but a few: in hexadecimal. */
static int
hooknames_text(const struct ruleset *rs, const struct chain *c,
    struct buf *out)
{
	const struct hookname *h;
	const char *p;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < c->nnames; i++) {
		h = &rs->hooknames[c->names + i];
		rc = buf_add_str(out, h->prefix ? " prefix " : " name ");
		for (p = h->name; rc == 0 && *p != '\0'; p++)
			rc = buf_printf(out, "%02x", (unsigned char)*p);
	}
	return rc;
}

int
ruleset_chain_text(const struct ruleset *rs, size_t chain, struct buf *out)
{
	const struct chain *c = &rs->chains[chain];
	size_t r, i;
	int rc;

	rc = buf_printf(out, "chain %s %s",
	    family_name(rs->tables[c->table].family), c->name);
	if (rc == 0 && c->base)
		rc = buf_printf(out, " hook %u priority %d policy %u "
		    "device \"%s\"", c->hook, c->priority, c->policy,
		    c->device);
	if (rc == 0)
		rc = hooknames_text(rs, c, out);
	if (rc == 0)
		rc = buf_add_str(out, "\n");
	for (r = c->first; rc == 0 && r != NONE; r = rs->rules[r].next) {
		const struct rule *rule = &rs->rules[r];

		rc = buf_add_str(out, " rule");
		for (i = 0; rc == 0 && i < rule->count; i++)
			rc = expr_text(&rs->exprs[rule->first + i], out);
		if (rc == 0)
			rc = buf_add_str(out, "\n");
	}
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	const struct chain *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The chains of one table, sorted by name. */
static int
table_text(const struct ruleset *rs, size_t table, struct buf *out)
{
	const struct table *t = &rs->tables[table];
	const struct chain **sorted;
	size_t i, n = 0;
	int rc;

	rc = buf_printf(out, "table %s flags %u counter %d\n",
	    family_name(t->family), t->flags, t->counter);
	if (rc != 0 || rs->nchains == 0)
		return rc;
	sorted = malloc(rs->nchains * sizeof(*sorted));
	if (sorted == NULL)
		return ERR_NOMEM;
	for (i = 0; i < rs->nchains; i++)
		if (rs->chains[i].table == table)
			sorted[n++] = &rs->chains[i];
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (i = 0; rc == 0 && i < n; i++)
		rc = ruleset_chain_text(rs, (size_t)(sorted[i] - rs->chains),
		    out);
	free(sorted);
	return rc;
}

int
ruleset_text(const struct ruleset *rs, struct buf *out)
{
	unsigned int family;
	size_t i;
	int rc = 0;

	for (family = 0; family < 16; family++)
		for (i = 0; rc == 0 && i < rs->ntables; i++)
			if (rs->tables[i].family == family)
				rc = table_text(rs, i, out);
	return rc;
}

int
ruleset_digest(const struct ruleset *rs, uint8_t out[DIGEST_LEN])
{
	struct buf text;
	int rc;

	buf_init(&text, RULESET_TEXT_MAX);
	rc = ruleset_text(rs, &text);
	if (rc == 0 && text.len == 0)
		memset(out, 0, DIGEST_LEN);
	else if (rc == 0)
		digest_of(text.data, text.len, out);
	buf_done(&text);
	return rc;
}

int
ruleset_diff(const struct ruleset *want, const struct ruleset *have,
    char *out, size_t size)
{
	const char *a, *b, *na, *nb;
	struct buf ta, tb;
	int rc;

	buf_init(&ta, RULESET_TEXT_MAX);
	buf_init(&tb, RULESET_TEXT_MAX);
	rc = ruleset_text(want, &ta);
	if (rc == 0)
		rc = ruleset_text(have, &tb);
	if (rc != 0)
		goto done;
	out[0] = '\0';
	a = buf_str(&ta) != NULL ? buf_str(&ta) : "";
	b = buf_str(&tb) != NULL ? buf_str(&tb) : "";
	while (*a != '\0' || *b != '\0') {
		na = a + strcspn(a, "\n");
		nb = b + strcspn(b, "\n");
		if (na - a != nb - b || memcmp(a, b, (size_t)(na - a)) != 0) {
			snprintf(out, size, "should be \"%.*s\", is \"%.*s\"",
			    (int)(na - a > 90 ? 90 : na - a), a,
			    (int)(nb - b > 90 ? 90 : nb - b), b);
			break;
		}
		a = *na == '\0' ? na : na + 1;
		b = *nb == '\0' ? nb : nb + 1;
	}
done:
	buf_done(&ta);
	buf_done(&tb);
	return rc;
}
