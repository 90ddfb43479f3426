/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The identity file: both ways, bounds, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/links/identity.h"
#include "common/base/file.h"
#include "tests/unit/folder.h"

static uint8_t cert[5000], key[33], v4[4] = {192, 0, 2, 1};
static Cordon__Endpoint end, *ends[17];
static Cordon__Enrolled e;

static void
good(void)
{
	static char id[] = "H-1", name[] = "till-7.shop", group[] = "tills",
	    tier[] = "T2";
	size_t i;

	cordon__enrolled__init(&e);
	cordon__endpoint__init(&end);
	end.address = (ProtobufCBinaryData){sizeof(v4), v4};
	end.prefix_len = 32;
	end.protocol = 6;
	end.port = 8443;
	end.direction = CORDON__DIRECTION__DIRECTION_OUT;
	for (i = 0; i < 17; i++)
		ends[i] = &end;
	e.host_id = id;
	e.name = name;
	e.group = group;
	e.tier = tier;
	e.cert_der = (ProtobufCBinaryData){500, cert};
	e.ca_der = (ProtobufCBinaryData){500, cert};
	e.order_key = (ProtobufCBinaryData){32, key};
	e.n_collectors = 2;
	e.collectors = ends;
}

#define ROWS(ROW)                                                            \
	ROW(host_none, e.host_id = (char *)"", "host id")                    \
	ROW(host_path, e.host_id = (char *)"../../x", "host id")             \
	ROW(name_none, e.name = (char *)"", "name")                          \
	ROW(name_esc, e.name = (char *)"a\x1b[2J", "name")                   \
	ROW(group_none, e.group = (char *)"", "group")                       \
	ROW(tier_none, e.tier = (char *)"", "tier")                          \
	ROW(tier_4, e.tier = (char *)"T4", "tier")                           \
	ROW(tier_long, e.tier = (char *)"T22", "tier")                       \
	ROW(cert_none, e.cert_der.len = 0, "certificate: 0 bytes")           \
	ROW(cert_long, e.cert_der.len = 4097, "certificate: 4097 bytes")     \
	ROW(ca_none, e.ca_der.len = 0, "certificate of the CA: 0 bytes")     \
	ROW(ca_long, e.ca_der.len = 4097, "certificate of the CA: 4097")     \
	ROW(key_31, e.order_key.len = 31, "order key: 31 bytes, not 32")     \
	ROW(key_33, e.order_key.len = 33, "order key: 33 bytes, not 32")     \
	ROW(collectors_0, e.n_collectors = 0, "collectors: 0")               \
	ROW(collectors_17, e.n_collectors = 17, "collectors: 17")            \
	ROW(collector_net, end.prefix_len = 24, "collectors 1: a network")   \
	ROW(collector_udp, end.protocol = 17, "collectors 1: protocol")

#define SPOIL(name, change, why)                                             \
	static void spoil_##name(void)                                       \
	{                                                                    \
		change;                                                      \
	}
ROWS(SPOIL)

#define ENTRY(name, change, why) {#name, spoil_##name, why},
static const struct {
	const char *name;
	void (*spoil)(void);
	const char *why;
} bad[] = {ROWS(ENTRY)};

static void
both_ways(void **state)
{
	Cordon__Enrolled *got;
	char path[64];
	struct stat st;
	struct why why;

	(void)state;
	assert_int_equal(identity_load(dir, &got, &why), ERR_NOENT);
	good();
	assert_int_equal(identity_save(dir, &e, &why), 0);
	assert_int_equal(file_join(path, sizeof(path), dir, IDENTITY_FILE), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(identity_load(dir, &got, &why), 0);
	assert_string_equal(got->host_id, "H-1");
	assert_string_equal(got->tier, "T2");
	assert_int_equal(got->n_collectors, 2);
	assert_int_equal(got->collectors[1]->port, 8443);
	cordon__enrolled__free_unpacked(got, NULL);
}

/* Neither written nor, when somebody wrote it all the same, believed. */
static void
bounds_hold(void **state)
{
	Cordon__Enrolled *got = NULL;
	uint8_t packed[16384];
	char path[64];
	struct why why;
	size_t i, n;

	(void)state;
	assert_int_equal(file_join(path, sizeof(path), dir, IDENTITY_FILE), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		good();
		assert_int_equal(identity_save(dir, &e, &why), 0);
		bad[i].spoil();
		assert_int_equal(identity_check(&e, &why), ERR_RANGE);
		assert_int_equal(identity_save(dir, &e, &why), ERR_RANGE);
		if (strstr(why.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].name, why.text);
		n = cordon__enrolled__pack(&e, packed);
		assert_int_equal(file_write(path, packed, n, 0644, NULL), 0);
		assert_int_equal(identity_load(dir, &got, &why), ERR_CORRUPT);
		assert_non_null(strstr(why.text, bad[i].why));
		assert_null(got);
	}
}

static void
damage(void **state)
{
	static const char *const rows[] = {"", "\xff\xff", "hello"};
	char long_dir[5000], path[64];
	Cordon__Enrolled *got = NULL;
	struct why why;
	size_t i;

	(void)state;
	assert_int_equal(file_join(path, sizeof(path), dir, IDENTITY_FILE), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(file_write(path, rows[i], strlen(rows[i]),
		    0644, NULL), 0);
		assert_int_equal(identity_load(dir, &got, &why), ERR_CORRUPT);
		assert_non_null(strstr(why.text, "enrol this host again"));
	}
	memset(long_dir, 'a', sizeof(long_dir) - 1);
	long_dir[sizeof(long_dir) - 1] = '\0';
	assert_int_equal(identity_load(long_dir, &got, &why), ERR_LIMIT);
	assert_null(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
