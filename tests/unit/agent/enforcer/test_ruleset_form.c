/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules as the kernel gets them: chains, features, digests. */
#include "tests/unit/agent/enforcer/ruleset_world.h"

/* Is a device of that name closed by the chains for devices yet to come? */
static size_t
closed(const struct ruleset *rs, const char *name, uint32_t hook)
{
	size_t i, k, n = 0;

	for (i = 0; i < rs->nchains; i++)
		for (k = 0; k < rs->chains[i].nnames; k++) {
			const struct hookname *h = &rs->hooknames[
			    rs->chains[i].names + k];

			if (rs->chains[i].hook == hook && (h->prefix ?
			    strncmp(h->name, name, strlen(h->name)) == 0 :
			    strcmp(h->name, name) == 0))
				n++;
		}
	return n;
}

static void
every_name(void **state)
{
	static const char *const names[] = {"e", "et", "eth", "eth00", "eth01",
	    "eth2", "ETH0", "wlan0", "l", "lo0", "lp", "docker0", "t", "tun",
	    "tun1", "tun0.5", "\x80", "\xff\xfe", "eth0abcdefghijk", "~", "1"};
	static const char *const open_[] = {"eth0", "eth1", "tun0", "lo"};
	struct ruleset *rs;
	size_t i;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (closed(rs, names[i], NF_NETDEV_EGRESS) != 1 ||
		    closed(rs, names[i], NF_NETDEV_INGRESS) != 1)
			fail_msg("%s is not closed once", names[i]);
	}
	for (i = 0; i < sizeof(open_) / sizeof(open_[0]); i++)
		assert_int_equal(closed(rs, open_[i], NF_NETDEV_EGRESS), 0);
	for (i = 0; i < rs->nchains; i++)
		assert_true(rs->chains[i].nnames <= RULESET_HOOKNAMES_CHAIN);
	ruleset_free(&rs);
	/* without prefixes each device that is there has its own chains */
	assert_int_equal(build(2, FEATURES_ALL & ~FEATURE_PREFIX, &rs), 0);
	assert_int_not_equal(ruleset_find_chain(rs, ruleset_find_table(rs,
	    NFPROTO_NETDEV), "egress-first-9"), SIZE_MAX);
	assert_int_equal(rs->nhooknames, 0);
	ruleset_free(&rs);
}

static void
all_base_chains_drop(void **state)
{
	const struct expr *last;
	struct ruleset *rs;
	size_t i, n = 0;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &rs), 0);
	for (i = 0; i < rs->nchains; i++) {
		const struct chain *c = &rs->chains[i];
		const struct rule *r;

		if (!c->base)
			continue;
		n++;
		assert_int_equal(c->policy, NF_DROP);
		assert_true(c->priority == INT32_MIN ||
		    c->priority == INT32_MAX);
		if (c->nnames > 0) { /* without rules: nft 1.0.6 */
			assert_int_equal(c->first, SIZE_MAX);
			continue;
		}
		r = &rs->rules[c->last];
		last = &rs->exprs[r->first + r->count - 1];
		assert_int_equal(last->kind, EXPR_VERDICT);
		assert_int_equal(last->code, NF_DROP);
	}
	assert_true(n > 10 + 3 * 4 + 2 + 4); /* and devices yet to come */
	ruleset_free(&rs);
}

static void
features(void **state)
{
	static const struct {
		unsigned int features;
		size_t tables;
		uint32_t flags;
	} cases[] = {
	    {FEATURES_ALL, 4, TABLE_OWNER | TABLE_PERSIST},
	    {FEATURE_OWNER, 1, TABLE_OWNER},
	    {FEATURE_PERSIST, 1, 0},
	    {FEATURE_INGRESS, 2, 0},
	    {FEATURE_BRIDGE | FEATURE_ARP, 3, 0},
	    {0, 1, 0},
	};
	struct ruleset *rs;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(build(2, cases[i].features, &rs), 0);
		assert_int_equal(rs->ntables, cases[i].tables);
		assert_int_equal(rs->tables[0].flags, cases[i].flags);
		ruleset_free(&rs);
	}
	assert_int_equal(build(1, FEATURES_ALL, &rs), ERR_RANGE);
	assert_int_equal(build(0, FEATURES_ALL, &rs), ERR_RANGE);
}

/* Bytes behind RULES_NEAR_MAX that RS asks for, of leases above all. */
static size_t
far_loads(unsigned int features)
{
	struct ruleset *rs;
	size_t i, n = 0;

	searching = own[0].leased = true;
	assert_int_equal(build(2, features, &rs), 0);
	searching = own[0].leased = false;
	for (i = 0; i < rs->nexprs; i++)
		if (rs->exprs[i].kind == EXPR_PAYLOAD &&
		    rs->exprs[i].offset > RULES_NEAR_MAX)
			n++;
	ruleset_free(&rs);
	return n;
}

/* A kernel that cannot reach so far would refuse all of the rules. */
static void
near_only(void **state)
{
	(void)state;
	assert_true(far_loads(FEATURES_ALL) > 0);
	assert_int_equal(far_loads(FEATURES_ALL & ~(unsigned int)FEATURE_FAR),
	    0);
}

static void
digests(void **state)
{
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN], zero[DIGEST_LEN] = {0};
	struct ruleset *x, *y, *empty = ruleset_new();
	char diff[256];
	size_t i;

	(void)state;
	assert_int_equal(build(2, FEATURES_ALL, &x), 0);
	assert_int_equal(build(2, FEATURES_ALL, &y), 0);
	assert_int_equal(ruleset_digest(x, a), 0);
	assert_int_equal(ruleset_digest(y, b), 0);
	assert_memory_equal(a, b, DIGEST_LEN);
	assert_int_equal(ruleset_diff(x, y, diff, sizeof(diff)), 0);
	assert_string_equal(diff, "");
	/* any change of any expression is another digest */
	for (i = 0; i < y->nexprs; i++) {
		struct expr was = y->exprs[i];

		switch (was.kind) {
		case EXPR_CMP:
		case EXPR_MASK:
			y->exprs[i].data[was.len - 1] ^= 1;
			break;
		case EXPR_VERDICT:
			y->exprs[i].code = NF_QUEUE;
			break;
		case EXPR_COUNT:
			y->exprs[i].name[0] ^= 1;
			break;
		case EXPR_LIMIT:
			y->exprs[i].code ^= 1;
			break;
		default:
			y->exprs[i].key ^= 1;
		}
		assert_int_equal(ruleset_digest(y, b), 0);
		assert_memory_not_equal(a, b, DIGEST_LEN);
		y->exprs[i] = was;
	}
	y->chains[y->nchains - 1].policy = NF_ACCEPT;
	assert_int_equal(ruleset_diff(x, y, diff, sizeof(diff)), 0);
	assert_string_not_equal(diff, "");
	assert_int_equal(ruleset_digest(empty, b), 0);
	assert_memory_equal(b, zero, DIGEST_LEN);
	ruleset_free(&x);
	ruleset_free(&y);
	ruleset_free(&empty);
}

static void
sockets(void **state)
{
	struct ruleset_input in = {.body = &body, .network_uid = UID,
	    .profile = CORDON__PROFILE__PROFILE_STRICT};
	uint8_t server[4] = {10, 7, 1, 1}, other[4] = {10, 7, 200, 1};
	struct ruleset *rs;

	(void)state;
	assert_int_equal(build(2, 0, &rs), 0);
	ruleset_free(&rs);
	assert_true(ruleset_peer_allowed(&in, c4, 4, 6, 4000, 443, UID));
	assert_false(ruleset_peer_allowed(&in, c4, 4, 6, 4000, 443, 0));
	assert_false(ruleset_peer_allowed(&in, c4, 4, 17, 4000, 443, UID));
	assert_false(ruleset_peer_allowed(&in, c4, 4, 6, 443, 4000, UID));
	assert_true(ruleset_peer_allowed(&in, c6, 16, 6, 1, 443, UID));
	assert_false(ruleset_peer_allowed(&in, server, 4, 17, 1, 53, 0));
	in.profile = CORDON__PROFILE__PROFILE_LIMITED;
	assert_true(ruleset_peer_allowed(&in, server, 4, 17, 1, 53, 0));
	assert_false(ruleset_peer_allowed(&in, other, 4, 17, 1, 53, 0));
	assert_true(ruleset_peer_allowed(&in, other, 4, 6, 22, 4000, 0));
	assert_false(ruleset_peer_allowed(&in, other, 4, 6, 4000, 22, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name),
		cmocka_unit_test(all_base_chains_drop),
		cmocka_unit_test(features),
		cmocka_unit_test(near_only),
		cmocka_unit_test(digests),
		cmocka_unit_test(sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
