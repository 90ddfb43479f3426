/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit chain end to end: written through the store, exported, and then
 * every byte flipped, every line taken out, swapped, doubled, the tail cut.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/id.h"
#include "server/audit/audit.h"
#include "server/model/chain.h"
#include "server/store/store.h"

static char dir[64], url[128];
static struct store *store;
static struct sign_key *key;
static uint8_t public_key[SIGN_KEY_LEN];
static bool signer_away;
static char *text; /* the export */
static size_t len;

static int
sign(void *arg, const char *what, uint64_t number, const char *hash,
    uint8_t sig[SIGN_SIG_LEN])
{
	char line[CHAIN_SIGNED_MAX];
	size_t n = chain_signed_text(line, what, number, hash);

	(void)arg;
	if (signer_away)
		return ERR_CLOSED;
	return sign_make(key, AUDIT_CONTEXT, line, n, sig);
}

static struct audit_signer signer = { sign, NULL };

static int
add_job(struct db *db, void *arg)
{
	const struct audit_entry *e = arg;

	return audit_add(db, e, "the text of \"%s\"\tand 隔离\n", e->what);
}

static int
export_job(struct db *db, void *arg)
{
	return audit_export(db, &signer, arg);
}

static int
export_text(void)
{
	FILE *f;
	int rc;

	free(text);
	text = NULL;
	f = open_memstream(&text, &len);
	rc = store_now(store, export_job, f);
	fclose(f);
	return rc;
}

static int
verify(const char *data, size_t n, struct chain_result *r, struct why *why)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, n, "r");
	int rc;

	assert_non_null(f);
	rc = chain_verify(f, public_key, r, why);
	fclose(f);
	return rc;
}

static void
must_be_corrupt(const char *data, size_t n, const char *what, size_t at)
{
	struct chain_result r;
	struct why why;

	if (verify(data, n, &r, &why) != ERR_CORRUPT)
		fail_msg("%s %zu was not seen", what, at);
	assert_true(r.bad_line > 0);
	assert_int_equal(strncmp(why.text, "line ", 5), 0);
}

static void
add(const char *who, const char *what)
{
	struct audit_entry e = { .who = who, .what = what, .host = "fin-1",
		.object = "P-1" };

	assert_int_equal(store_now(store, add_job, &e), 0);
}

static int
setup(void **state)
{
	struct store_options o = { .url = url, .readers = 1 };
	struct why why;

	(void)state;
	strcpy(dir, "/tmp/test-audit.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof(url), "sqlite:%s/c.db", dir);
	assert_int_equal(store_open(&o, &store, &why), 0);
	store_set_closing(store, audit_closing, &signer);
	assert_int_equal(sign_key_new(&key), 0);
	sign_key_public(key, public_key);
	signer_away = false;
	add("li", "plan.make");
	add("wang", "plan.approve");
	signer_away = true; /* a gap in the heads */
	add("li", "plan.apply");
	add("policy", "case.open");
	signer_away = false;
	add("agent:fin-1", "order.proven");
	return 0;
}

static int
teardown(void **state)
{
	char cmd[128];

	(void)state;
	store_close(&store);
	sign_key_free(&key);
	free(text);
	text = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void
a_good_log_verifies(void **state)
{
	struct chain_result r;
	struct why why;
	uint8_t other[SIGN_KEY_LEN] = { 1 };
	FILE *f;

	(void)state;
	assert_int_equal(export_text(), 0);
	if (verify(text, len, &r, &why) != 0)
		fail_msg("%s in\n%s", why.text, text);
	assert_int_equal(r.lines, 5);
	assert_int_equal(r.heads, 3);
	assert_int_equal(r.bad_line, 0);
	f = fmemopen(text, len, "r");
	assert_int_equal(chain_verify(f, other, &r, &why), ERR_CORRUPT);
	fclose(f);
}

static void
the_line_is_canonical_json(void **state)
{
	json_error_t err;
	json_t *o;
	const char *k;
	char keys[64] = "";
	json_t *v;
	char *tab;

	(void)state;
	assert_int_equal(export_text(), 0);
	tab = strchr(text, '\t');
	*tab = '\0';
	o = json_loads(text, 0, &err);
	assert_non_null(o);
	json_object_foreach(o, k, v) {
		strcat(keys, k);
		strcat(keys, " ");
	}
	assert_string_equal(keys, "n at who what host object text ");
	assert_string_equal(json_string_value(json_object_get(o, "text")),
	    "the text of \"plan.make\"\tand 隔离\n");
	json_decref(o);
}

static void
each_flipped_byte_is_seen(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x20, 0x80 };
	size_t i, k;

	(void)state;
	assert_int_equal(export_text(), 0);
	for (i = 0; i < len; i++) {
		for (k = 0; k < sizeof(flips); k++) {
			text[i] ^= (char)flips[k];
			must_be_corrupt(text, len, "flipped byte", i);
			text[i] ^= (char)flips[k];
		}
	}
}

/* Starts of the lines; AT[n] is the end. */
static size_t
lines_of(size_t at[32])
{
	size_t i, n = 0;

	at[n++] = 0;
	for (i = 0; i < len; i++)
		if (text[i] == '\n')
			at[n++] = i + 1;
	return n - 1;
}

static void
each_change_of_lines_is_seen(void **state)
{
	size_t at[32], n, i, a, b;
	char *copy;

	(void)state;
	assert_int_equal(export_text(), 0);
	n = lines_of(at);
	assert_int_equal(n, 9);
	copy = malloc(2 * len);
	for (i = 0; i < n; i++) {
		a = at[i + 1] - at[i];
		/* removed */
		memcpy(copy, text, at[i]);
		memcpy(copy + at[i], text + at[i + 1], len - at[i + 1]);
		must_be_corrupt(copy, len - a, "removed line", i);
		/* doubled */
		memcpy(copy, text, at[i + 1]);
		memcpy(copy + at[i + 1], text + at[i], len - at[i]);
		must_be_corrupt(copy, len + a, "doubled line", i);
		/* the tail cut before it, and in the middle of it */
		if (i > 0)
			must_be_corrupt(text, at[i], "cut before", i);
		must_be_corrupt(text, at[i] + a / 2, "cut within", i);
		must_be_corrupt(text, at[i + 1] - 1, "cut newline", i);
		/* swapped with the next */
		if (i + 1 == n)
			continue;
		b = at[i + 2] - at[i + 1];
		memcpy(copy, text, len);
		memcpy(copy + at[i], text + at[i + 1], b);
		memcpy(copy + at[i] + b, text + at[i], a);
		must_be_corrupt(copy, len, "swapped line", i);
	}
	/* an empty line at each border, the end too */
	for (i = 0; i <= n; i++) {
		memcpy(copy, text, at[i]);
		copy[at[i]] = '\n';
		memcpy(copy + at[i] + 1, text + at[i], len - at[i]);
		must_be_corrupt(copy, len + 1, "added line", i);
	}
	free(copy);
}

static int
sql_job(struct db *db, void *arg)
{
	int which = *(int *)arg;

	switch (which) {
	case 0:
		return db_run(db, NULL, "UPDATE audit SET line = "
		    "REPLACE(line, 'wang', 'zhao') WHERE number = 2", "");
	case 1:
		return db_run(db, NULL, "DELETE FROM audit WHERE number = 3",
		    "");
	case 2: /* cut the tail: its head is left behind */
		return db_run(db, NULL, "DELETE FROM audit "
		    "WHERE number = 5", "");
	default: /* the head of another text */
		return db_run(db, NULL, "UPDATE audit_heads SET hash = $1 "
		    "WHERE number = 2", "s", CHAIN_HASH_ZERO);
	}
}

static void
a_changed_database_is_seen(void **state)
{
	int i;

	for (i = 0; i < 4; i++) {
		if (i > 0) {
			teardown(state);
			setup(state);
		}
		store_set_closing(store, NULL, NULL);
		assert_int_equal(store_now(store, sql_job, &i), 0);
		assert_int_equal(export_text(), 0);
		must_be_corrupt(text, len, "changed database", (size_t)i);
	}
}

static void
an_export_needs_the_signer(void **state)
{
	(void)state;
	signer_away = true;
	assert_int_equal(export_text(), ERR_CLOSED);
}

static int
foreign_job(struct db *db, void *arg)
{
	struct audit_entry e = { .who = "li\xff\xfe", .what = "login" };
	char *longer = arg;

	memset(longer, '\x01', 4095);
	longer[4095] = '\0';
	e.host = longer;
	if (audit_add(db, &e, "%s", longer) != 0)
		return ERR_IO;
	e.host = NULL;
	return audit_add(db, &e, "broken \xe9\x9a");
}

static void
foreign_text_cannot_break_a_line(void **state)
{
	struct chain_result r;
	struct why why;
	char buf[4096];

	(void)state;
	assert_int_equal(store_now(store, foreign_job, buf), 0);
	assert_int_equal(export_text(), 0);
	assert_int_equal(verify(text, len, &r, &why), 0);
	assert_int_equal(r.lines, 7);
	assert_non_null(strstr(text, "li\\\\xff\\\\xfe"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_log_verifies, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(the_line_is_canonical_json,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(each_flipped_byte_is_seen,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(each_change_of_lines_is_seen,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_database_is_seen,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(an_export_needs_the_signer,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    foreign_text_cannot_break_a_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
