/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The label of a host never says more than its weakest fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/model/model.h"

#define NOW 1000000000
#define S 1000

static const struct row {
	enum profile desired;
	const char *order;
	int asked; /* seconds ago */
	enum order_state state;
	enum profile applied;
	const char *applied_order;
	const char *proven_order;
	int proven; /* seconds ago; -1: never */
	bool proven_ok;
	enum isolation is;
	const char *en;
} rows[] = {
	/* never ordered; open again; opening; opening refused */
	{ PROFILE_OPEN, "", 0, ORDER_PROVEN, PROFILE_OPEN, "", "", -1, false,
	    ISO_OPEN, "open" },
	{ 0, "", 0, ORDER_PROVEN, 0, "", "", -1, false, ISO_OPEN, "open" },
	{ PROFILE_OPEN, "", 0, ORDER_PROVEN, PROFILE_STRICT, "O-1", "", -1,
	    false, ISO_OPENING, "opening, not reported 0 s" },
	{ PROFILE_OPEN, "O-2", 5, ORDER_APPLIED, PROFILE_OPEN, "O-2", "O-1",
	    90, true, ISO_OPEN, "open" },
	{ PROFILE_OPEN, "O-2", 5, ORDER_SENT, PROFILE_STRICT, "O-1", "O-1",
	    9, true, ISO_OPENING, "opening, not reported 5 s" },
	{ PROFILE_OPEN, "O-2", 5, ORDER_SENT, PROFILE_OPEN, "O-1", "", -1,
	    true, ISO_OPENING, "opening, not reported 5 s" },
	{ PROFILE_OPEN, "O-2", 5, ORDER_REFUSED, PROFILE_STRICT, "O-1",
	    "O-1", 9, true, ISO_FAILED,
	    "RELEASE FAILED: refused by the host" },
	/* the way to a proof */
	{ PROFILE_STRICT, "O-3", 40, ORDER_SENT, PROFILE_OPEN, "", "", -1,
	    false, ISO_SENDING, "isolating, sent, unproven 40 s" },
	{ PROFILE_STRICT, "O-3", 40, ORDER_APPLIED, PROFILE_STRICT, "O-3",
	    "", -1, false, ISO_UNPROVEN, "isolating, applied, unproven 40 s" },
	{ PROFILE_STRICT, "O-3", 40, ORDER_PROVEN, PROFILE_STRICT, "O-3",
	    "O-3", 12, true, ISO_PROVEN, "isolated ✓ proof 12 s" },
	{ PROFILE_RECOVERY, "O-3", 40, ORDER_PROVEN, PROFILE_RECOVERY, "O-3",
	    "O-3", 12, true, ISO_PROVEN, "recovery network ✓ proof 12 s" },
	/* old, late, failed by time */
	{ PROFILE_STRICT, "O-3", 9000, ORDER_PROVEN, PROFILE_STRICT, "O-3",
	    "O-3", 180, true, ISO_PROVEN, NULL },
	{ PROFILE_STRICT, "O-3", 9000, ORDER_PROVEN, PROFILE_STRICT, "O-3",
	    "O-3", 181, true, ISO_OLD_PROOF, NULL },
	{ PROFILE_STRICT, "O-3", 59, ORDER_SENT, PROFILE_OPEN, "", "", -1,
	    false, ISO_SENDING, NULL },
	{ PROFILE_STRICT, "O-3", 60, ORDER_SENT, PROFILE_OPEN, "", "", -1,
	    false, ISO_LATE, NULL },
	{ PROFILE_STRICT, "O-3", 60, ORDER_APPLIED, PROFILE_STRICT, "O-3",
	    "", -1, false, ISO_LATE, NULL },
	{ PROFILE_STRICT, "O-3", 299, ORDER_SENT, PROFILE_OPEN, "", "", -1,
	    false, ISO_LATE, NULL },
	{ PROFILE_STRICT, "O-3", 300, ORDER_SENT, PROFILE_OPEN, "", "", -1,
	    false, ISO_FAILED, NULL },
	/* a proof of another order, or of rules that are gone, is none */
	{ PROFILE_STRICT, "O-4", 10, ORDER_APPLIED, PROFILE_STRICT, "O-4",
	    "O-3", 2, true, ISO_UNPROVEN, NULL },
	{ PROFILE_STRICT, "O-4", 10, ORDER_PROVEN, PROFILE_OPEN, "O-4",
	    "O-4", 2, true, ISO_SENDING, NULL },
	{ PROFILE_STRICT, "O-4", 400, ORDER_PROVEN, PROFILE_OPEN, "", "O-4",
	    2, true, ISO_FAILED, NULL },
	/* a bad proof, a no from the host */
	{ PROFILE_STRICT, "O-4", 10, ORDER_APPLIED, PROFILE_STRICT, "O-4",
	    "O-4", 2, false, ISO_FAILED,
	    "ISOLATION FAILED: bad proof: peer answered" },
	{ PROFILE_STRICT, "O-4", 10, ORDER_REFUSED, PROFILE_OPEN, "", "", -1,
	    false, ISO_FAILED, "ISOLATION FAILED: refused by the host" },
	{ PROFILE_STRICT, "O-4", 10, ORDER_FAILED, PROFILE_OPEN, "", "", -1,
	    false, ISO_FAILED, NULL },
	{ PROFILE_STRICT, "O-4", 10, ORDER_REVERTED, PROFILE_STRICT, "O-4",
	    "O-4", 2, true, ISO_FAILED, NULL },
	{ PROFILE_STRICT, "O-4", 10, ORDER_EXPIRED, PROFILE_OPEN, "", "", -1,
	    false, ISO_FAILED, NULL },
};

static struct host
host_of(const struct row *r)
{
	struct host h = { .desired = r->desired, .applied = r->applied,
		.desired_at = NOW - (int64_t)r->asked * S,
		.proven_at = r->proven < 0 ? 0 :
		    NOW - (int64_t)r->proven * S,
		.proven_ok = r->proven_ok, .proven_why = "peer answered" };

	strcpy(h.desired_order, r->order);
	strcpy(h.applied_order, r->applied_order);
	strcpy(h.proven_order, r->proven_order);
	return h;
}

static void
isolation_is_the_weakest_fact(void **state)
{
	char text[TEXT_MAX_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct host h = host_of(&rows[i]);
		enum isolation is = isolation_of(&h, rows[i].state, NOW);

		if (is != rows[i].is)
			fail_msg("row %zu: %s, not %s", i,
			    isolation_name(is), isolation_name(rows[i].is));
		isolation_text(text, sizeof(text), &h, rows[i].state, NOW,
		    LANG_EN);
		if (rows[i].en != NULL)
			assert_string_equal(text, rows[i].en);
		isolation_text(text, sizeof(text), &h, rows[i].state, NOW,
		    LANG_ZH);
		assert_true(text[0] != '\0');
	}
}

/* Whatever the facts: "proven" needs a young good proof of this order. */
static void
no_label_lies(void **state)
{
	int desired, applied, ord, app, prov, ok, st;

	(void)state;
	for (desired = 1; desired <= 4; desired++)
	for (applied = 1; applied <= 4; applied++)
	for (ord = 0; ord < 2; ord++)
	for (app = 0; app < 2; app++)
	for (prov = 0; prov < 2; prov++)
	for (ok = 0; ok < 2; ok++)
	for (st = ORDER_PENDING; st <= ORDER_EXPIRED; st++) {
		struct host h = { .desired = (enum profile)desired,
			.applied = (enum profile)applied,
			.desired_at = NOW - 5000, .proven_at = NOW - 1000,
			.proven_ok = ok };
		enum isolation is;

		strcpy(h.desired_order, ord ? "O-2" : "O-1");
		strcpy(h.applied_order, app ? "O-2" : "O-1");
		strcpy(h.proven_order, prov ? "O-2" : "O-1");
		is = isolation_of(&h, (enum order_state)st, NOW);
		if (is == ISO_PROVEN) {
			assert_true(desired != PROFILE_OPEN && ok);
			assert_true(applied == desired);
			assert_true(ord == app && ord == prov);
		}
		if (is == ISO_OPEN)
			assert_true(desired == PROFILE_OPEN &&
			    applied == PROFILE_OPEN);
	}
}

static void
names_are_stable(void **state)
{
	(void)state;
	assert_string_equal(isolation_name(ISO_OLD_PROOF), "old-proof");
	assert_string_equal(isolation_name((enum isolation)99), "?");
}

static void
the_records_own_names(void **state)
{
	(void)state;
	assert_true(actor_reserved("policy"));
	assert_true(actor_reserved("system"));
	assert_true(actor_reserved("agent"));
	assert_false(actor_reserved("policy2"));
	assert_false(actor_reserved("wang"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolation_is_the_weakest_fact),
		cmocka_unit_test(no_label_lies),
		cmocka_unit_test(names_are_stable),
		cmocka_unit_test(the_records_own_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
