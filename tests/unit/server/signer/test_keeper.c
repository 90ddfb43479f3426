/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper's answers, whole and over the socket: what is signed verifies,
 * everything else is refused with words, and the wrong user is turned away.
 */
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/sign.h"
#include "common/wire/order.h"
#include "server/links/signer.h"
#include "server/links/signer.pb-c.h"
#include "server/links/signer_client.h"
#include "server/signer/door.h"
#include "server/signer/keeper.h"

static char dir[64], socket_path[96];
static struct keeper *keeper;
static uint8_t order_key[SIGN_KEY_LEN], audit_key[SIGN_KEY_LEN];

static Cordon__Signed *
ask(uint32_t kind, const ProtobufCMessage *m)
{
	uint8_t data[4096];
	uint32_t answer;
	struct buf out;
	struct why why;
	Cordon__Signed *s;
	size_t len = protobuf_c_message_pack(m, data);

	buf_init(&out, KEEPER_ANSWER_MAX);
	assert_int_equal(keeper_answer(keeper, kind, data, len, &answer,
	    &out, &why), 0);
	assert_int_equal(answer, SIGNER_SIGNED);
	s = cordon__signed__unpack(NULL, out.len, out.data);
	assert_non_null(s);
	buf_done(&out);
	return s;
}

static void
load_keys(void)
{
	uint32_t answer;
	struct buf out;
	struct why why;
	Cordon__Keys *k;

	buf_init(&out, KEEPER_ANSWER_MAX);
	assert_int_equal(keeper_answer(keeper, SIGNER_KEYS_ASK, NULL, 0,
	    &answer, &out, &why), 0);
	assert_int_equal(answer, SIGNER_KEYS);
	k = cordon__keys__unpack(NULL, out.len, out.data);
	memcpy(order_key, k->order_key.data, SIGN_KEY_LEN);
	memcpy(audit_key, k->audit_key.data, SIGN_KEY_LEN);
	cordon__keys__free_unpacked(k, NULL);
	buf_done(&out);
}

static int
setup(void **state)
{
	struct why why;

	(void)state;
	strcpy(dir, "/tmp/test-keeper.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	assert_int_equal(keeper_make_keys(dir, &why), 0);
	assert_int_equal(keeper_open(dir, 2, &keeper, &why), 0);
	load_keys();
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	keeper_close(&keeper);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

/* A good order for HOST; packed into OUT. */
static size_t
order_bytes(uint8_t out[2048], const char *host, Cordon__Profile profile,
    const char *order_id)
{
	Cordon__OrderBody b = CORDON__ORDER_BODY__INIT;
	Cordon__Endpoint e = CORDON__ENDPOINT__INIT, *list = &e;
	uint8_t ip[4] = { 10, 1, 2, 3 };

	e.address.data = ip;
	e.address.len = 4;
	e.prefix_len = 32;
	e.protocol = 6;
	e.port = 8443;
	e.direction = CORDON__DIRECTION__DIRECTION_OUT;
	b.version = 1;
	b.host_id = (char *)(uintptr_t)host;
	b.epoch = 3;
	b.order_id = (char *)(uintptr_t)order_id;
	b.plan_id = (char *)(uintptr_t)"P-1";
	b.profile = profile;
	b.n_collectors = 1;
	b.collectors = &list;
	b.issued_at_ms = 1000;
	if (profile != CORDON__PROFILE__PROFILE_OPEN) {
		b.review_by_ms = 2000;
		b.review_then = CORDON__REVIEW_THEN__REVIEW_REMIND;
	}
	b.mode = CORDON__MODE__MODE_ENFORCE;
	return cordon__order_body__pack(&b, out);
}

static Cordon__Signed *
ask_order(const char *host, Cordon__Profile profile, const char *order_id)
{
	Cordon__SignOrder m = CORDON__SIGN_ORDER__INIT;
	uint8_t body[2048];

	m.body.data = body;
	m.body.len = order_bytes(body, host, profile, order_id);
	return ask(SIGNER_SIGN_ORDER, &m.base);
}

static void
free_signed(Cordon__Signed **s)
{
	cordon__signed__free_unpacked(*s, NULL);
	*s = NULL;
}

static void
a_signed_order_verifies(void **state)
{
	struct order_expect expect = { .host_id = "H-1", .last_epoch = 2,
		.key = order_key };
	Cordon__OrderBody *body = NULL;
	Cordon__Signed *s;
	struct why why;

	(void)state;
	s = ask_order("H-1", CORDON__PROFILE__PROFILE_STRICT, "O-1");
	assert_string_equal(s->why, "");
	assert_int_equal(order_verify(s->data.data, s->data.len, &expect,
	    &body, &why), VERDICT_GOOD);
	assert_string_equal(body->order_id, "O-1");
	cordon__order_body__free_unpacked(body, NULL);
	/* The audit key has no say over a host. */
	expect.key = audit_key;
	assert_int_equal(order_verify(s->data.data, s->data.len, &expect,
	    &body, &why), VERDICT_FORGED);
	free_signed(&s);
}

static void
the_budget_holds(void **state)
{
	static const struct {
		const char *host;
		Cordon__Profile profile;
		bool good;
	} row[] = {
		{ "H-1", CORDON__PROFILE__PROFILE_STRICT, true },
		{ "H-2", CORDON__PROFILE__PROFILE_RECOVERY, true },
		{ "H-3", CORDON__PROFILE__PROFILE_STRICT, false },
		{ "H-3", CORDON__PROFILE__PROFILE_LIMITED, false },
		{ "H-1", CORDON__PROFILE__PROFILE_LIMITED, true },
		{ "H-3", CORDON__PROFILE__PROFILE_OPEN, true },
		{ "H-4", CORDON__PROFILE__PROFILE_OPEN, true },
		{ "H-5", CORDON__PROFILE__PROFILE_OPEN, false },
	};
	Cordon__Signed *s;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		/* A restart in the middle changes nothing. */
		if (i == 4) {
			keeper_close(&keeper);
			assert_int_equal(keeper_open(dir, 2, &keeper, &why),
			    0);
		}
		s = ask_order(row[i].host, row[i].profile, "O-1");
		if ((s->why[0] == '\0') != row[i].good)
			fail_msg("row %zu: \"%s\"", i, s->why);
		assert_int_equal(s->data.len > 0, row[i].good);
		free_signed(&s);
	}
}

static void
bad_orders_are_refused(void **state)
{
	static const struct {
		const char *host, *order_id;
		Cordon__Profile profile;
	} row[] = {
		{ "", "O-1", CORDON__PROFILE__PROFILE_STRICT },
		{ "H-1\n", "O-1", CORDON__PROFILE__PROFILE_STRICT },
		{ "H-1", "O 1", CORDON__PROFILE__PROFILE_STRICT },
		{ "H-1", "O-1", CORDON__PROFILE__PROFILE_NONE },
		{ "H-1", "O-1", (Cordon__Profile)9 },
	};
	Cordon__SignOrder m = CORDON__SIGN_ORDER__INIT;
	Cordon__Signed *s;
	uint8_t junk[] = { 0xff, 0xff, 0xff };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		s = ask_order(row[i].host, row[i].profile, row[i].order_id);
		if (s->why[0] == '\0' || s->data.len != 0)
			fail_msg("row %zu was signed", i);
		free_signed(&s);
	}
	m.body.data = junk;
	m.body.len = sizeof(junk);
	s = ask(SIGNER_SIGN_ORDER, &m.base);
	assert_string_not_equal(s->why, "");
	free_signed(&s);
	/* A refusal costs no budget. */
	s = ask_order("H-1", CORDON__PROFILE__PROFILE_STRICT, "O-1");
	assert_string_equal(s->why, "");
	free_signed(&s);
}

static void
a_manifest_is_signed_with_its_id(void **state)
{
	static const struct {
		const char *id;
		size_t len;
		bool good;
	} row[] = {
		{ "M-1", 32, true }, { "M-1", 31, false },
		{ "M-1", 0, false }, { "", 32, false },
		{ "M-1\n", 32, false },
	};
	uint8_t digest[32] = { 7 }, text[36] = "M-1";
	Cordon__SignManifest m = CORDON__SIGN_MANIFEST__INIT;
	Cordon__Signed *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		m.manifest_id = (char *)(uintptr_t)row[i].id;
		m.digest.data = digest;
		m.digest.len = row[i].len;
		s = ask(SIGNER_SIGN_MANIFEST, &m.base);
		if ((s->why[0] == '\0') != row[i].good)
			fail_msg("row %zu: \"%s\"", i, s->why);
		if (row[i].good) {
			memcpy(text + 4, digest, 32);
			assert_int_equal(s->data.len, SIGN_SIG_LEN);
			assert_true(sign_good(order_key, MANIFEST_CONTEXT,
			    text, sizeof(text), s->data.data));
		}
		free_signed(&s);
	}
}

static void
heads_and_ends_are_signed_as_text(void **state)
{
	static const struct {
		const char *what;
		uint64_t number;
		size_t len;
		bool good;
	} row[] = {
		{ "head", 5, 32, true }, { "head", 5, 32, true },
		{ "head", 4, 32, false }, { "end", 5, 32, true },
		{ "head", 6, 31, false }, { "tail", 6, 32, false },
		{ "", 6, 32, false }, { "head 9", 6, 32, false },
		{ "head", 6, 32, true },
	};
	uint8_t hash[32] = { 0xab };
	Cordon__SignHead m = CORDON__SIGN_HEAD__INIT;
	Cordon__Signed *s;
	char hex[65], text[128];
	size_t i;

	(void)state;
	hex_encode(hex, hash, 32);
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		m.what = (char *)(uintptr_t)row[i].what;
		m.number = row[i].number;
		m.hash.data = hash;
		m.hash.len = row[i].len;
		s = ask(SIGNER_SIGN_HEAD, &m.base);
		if ((s->why[0] == '\0') != row[i].good)
			fail_msg("row %zu: \"%s\"", i, s->why);
		snprintf(text, sizeof(text), "%s %d %s", row[i].what,
		    (int)row[i].number, hex);
		if (row[i].good)
			assert_true(sign_good(audit_key, AUDIT_CONTEXT, text,
			    strlen(text), s->data.data));
		free_signed(&s);
	}
}

static void
what_breaks_the_protocol_ends_the_asker(void **state)
{
	static const struct {
		uint32_t kind;
		const char *data;
	} row[] = {
		{ 0, "" }, { 5, "" }, { SIGNER_SIGNED, "" },
		{ SIGNER_SIGN_ORDER, "\xff" },
		{ SIGNER_SIGN_MANIFEST, "\x0a\x7f" },
		{ SIGNER_SIGN_HEAD, "\x0b" }, { SIGNER_KEYS_ASK, "\xff" },
	};
	struct buf out;
	struct why why;
	uint32_t answer;
	size_t i;

	(void)state;
	buf_init(&out, KEEPER_ANSWER_MAX);
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (keeper_answer(keeper, row[i].kind, row[i].data,
		    strlen(row[i].data), &answer, &out, &why) != ERR_PROTO)
			fail_msg("row %zu", i);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void
keys_are_never_overwritten(void **state)
{
	char path[96];
	struct stat st;
	struct why why;
	bool has;

	(void)state;
	assert_int_equal(keeper_make_keys(dir, &why), ERR_EXIST);
	snprintf(path, sizeof(path), "%s/" SIGNER_ORDER_KEY, dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(keeper_has_keys(dir, &has, &why), 0);
	assert_true(has);
	/* One of two: neither made nor guessed. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keeper_has_keys(dir, &has, &why), ERR_CORRUPT);
	assert_int_equal(keeper_make_keys(dir, &why), ERR_EXIST);
}

/* -- over the socket ------------------------------------------------------ */

static pid_t
start_door(uid_t allowed)
{
	struct event_base *base;
	struct why why;
	pid_t pid;
	int fd;

	assert_int_equal(door_bind(socket_path, allowed, &fd, &why), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		close(fd);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_set_level(LOG_LEVEL_ERROR);
	base = event_base_new();
	if (door_open_take(base, fd, allowed, keeper) == NULL)
		_exit(1);
	event_base_dispatch(base);
	_exit(1);
}

static void
stop_door(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
the_client_asks_and_reconnects(void **state)
{
	struct signer_client *c = signer_client_new(socket_path);
	uint8_t order[SIGN_KEY_LEN], audit[SIGN_KEY_LEN], sig[SIGN_SIG_LEN];
	uint8_t body[2048], digest[32] = { 1 };
	char hash[65] = { 0 };
	struct buf out;
	struct why why;
	size_t len;
	pid_t pid;

	(void)state;
	memset(hash, 'a', 64);
	buf_init(&out, ORDER_MAX);
	assert_int_equal(signer_client_keys(c, order, audit, &why),
	    ERR_CLOSED);
	pid = start_door(geteuid());
	assert_int_equal(signer_client_keys(c, order, audit, &why), 0);
	assert_memory_equal(order, order_key, SIGN_KEY_LEN);
	assert_memory_equal(audit, audit_key, SIGN_KEY_LEN);
	len = order_bytes(body, "H-1", CORDON__PROFILE__PROFILE_STRICT, "O-1");
	assert_int_equal(signer_client_order(c, body, len, &out, &why), 0);
	assert_true(out.len > len);
	assert_int_equal(signer_client_order(c, "junk", 4, &out, &why),
	    ERR_PERM);
	assert_int_equal(signer_client_manifest(c, "M-1", digest, sig, &why),
	    0);
	assert_int_equal(signer_client_head(c, "head", 3, hash, sig), 0);
	assert_int_equal(signer_client_head(c, "head", 2, hash, sig),
	    ERR_PERM);
	/* A signer that was started anew is found without an error. */
	stop_door(pid);
	pid = start_door(geteuid());
	assert_int_equal(signer_client_manifest(c, "M-1", digest, sig, &why),
	    0);
	/* One that is gone: an error, and heads are not tried for a while. */
	stop_door(pid);
	assert_int_equal(signer_client_head(c, "head", 4, hash, sig),
	    ERR_CLOSED);
	assert_int_equal(signer_client_head(c, "head", 4, hash, sig),
	    ERR_AGAIN);
	buf_done(&out);
	signer_client_free(&c);
}

static void
others_are_turned_away(void **state)
{
	struct signer_client *c = signer_client_new(socket_path);
	uint8_t order[SIGN_KEY_LEN], audit[SIGN_KEY_LEN];
	struct why why;
	pid_t pid;

	(void)state;
	pid = start_door(geteuid() + 12345);
	assert_int_equal(signer_client_keys(c, order, audit, &why),
	    ERR_CLOSED);
	stop_door(pid);
	signer_client_free(&c);
}

static void
a_path_that_is_no_socket_is_left_alone(void **state)
{
	struct why why;
	FILE *f;
	int fd;

	(void)state;
	f = fopen(socket_path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(door_bind(socket_path, geteuid(), &fd, &why),
	    ERR_EXIST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_signed_order_verifies,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(the_budget_holds, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(bad_orders_are_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_manifest_is_signed_with_its_id, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    heads_and_ends_are_signed_as_text, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_breaks_the_protocol_ends_the_asker, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_never_overwritten,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(the_client_asks_and_reconnects,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(others_are_turned_away, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_path_that_is_no_socket_is_left_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
