/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses as text: what is taken, what is refused, and the way back. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/addr.h"

static const struct {
	const char *text;
	uint16_t port; /* the default */
	int err;
	const char *back;
} table[] = {
	{"10.1.2.3:8443", 0, 0, "10.1.2.3:8443"},
	{"10.1.2.3", 443, 0, "10.1.2.3:443"},
	{"10.1.2.3:1", 443, 0, "10.1.2.3:1"},
	{"[2001:db8::1]:8443", 0, 0, "[2001:db8::1]:8443"},
	{"[2001:db8::1]", 443, 0, "[2001:db8::1]:443"},
	{"2001:db8::1", 443, 0, "[2001:db8::1]:443"},
	{"[::]:65535", 0, 0, "[::]:65535"},
	{"", 443, ERR_SYNTAX, NULL},
	{":8443", 0, ERR_SYNTAX, NULL},
	{"10.1.2.3", 0, ERR_SYNTAX, NULL},
	{"[2001:db8::1]", 0, ERR_SYNTAX, NULL},
	{"2001:db8::1", 0, ERR_SYNTAX, NULL},
	{"10.1.2.3:", 443, ERR_RANGE, NULL},
	{"10.1.2.3:0", 443, ERR_RANGE, NULL},
	{"10.1.2.3:65536", 0, ERR_RANGE, NULL},
	{"10.1.2.3:4294967297", 0, ERR_RANGE, NULL},
	{"10.1.2.3:80x", 0, ERR_RANGE, NULL},
	{"10.1.2.3: 80", 0, ERR_RANGE, NULL},
	{"10.1.2.3:+80", 0, ERR_RANGE, NULL},
	{"10.1.2.3:-1", 0, ERR_RANGE, NULL},
	{"10.1.2:80", 0, ERR_SYNTAX, NULL},
	{"10.1.2.256:80", 0, ERR_SYNTAX, NULL},
	{"010.1.2.3:80", 0, ERR_SYNTAX, NULL},
	{" 10.1.2.3:80", 0, ERR_SYNTAX, NULL},
	{"[10.1.2.3:80", 0, ERR_SYNTAX, NULL},
	{"[2001:db8::1]8443", 0, ERR_SYNTAX, NULL},
	{"[]:80", 0, ERR_SYNTAX, NULL},
	{"[fe80::1%eth0]:80", 0, ERR_SYNTAX, NULL},
	{"collector.example:80", 0, ERR_SYNTAX, NULL},
};

static void
test_parse(void **state)
{
	char out[ADDR_TEXT_MAX];
	struct why why;
	struct addr a;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&a, 0x5a, sizeof(a));
		why.text[0] = '\0';
		err = addr_parse(table[i].text, table[i].port, &a, &why);
		if (err != table[i].err)
			fail_msg("%s: %d, not %d", table[i].text, err,
			    table[i].err);
		if (err == 0) {
			assert_string_equal(addr_format(out, &a),
			    table[i].back);
		} else {
			assert_int_not_equal(why.text[0], '\0');
			assert_int_equal(a.ip_len, 0x5a); /* untouched */
		}
	}
}

static void
test_long_host(void **state)
{
	char text[2048];
	struct addr a;

	(void)state;
	memset(text, '1', sizeof(text));
	strcpy(text + sizeof(text) - 4, ":80");
	assert_int_equal(addr_parse(text, 0, &a, NULL), ERR_SYNTAX);
}

static void
test_sockaddr(void **state)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	char out[ADDR_TEXT_MAX];
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.7:99", 0, &a, NULL), 0);
	assert_int_equal(addr_to_sockaddr(&a, &ss),
	    sizeof(struct sockaddr_in));
	assert_int_equal(addr_from_sockaddr(&ss, &b), 0);
	assert_string_equal(addr_format(out, &b), "192.0.2.7:99");
	assert_int_equal(addr_parse("[2001:db8::7]:99", 0, &a, NULL), 0);
	assert_int_equal(addr_to_sockaddr(&a, &ss),
	    sizeof(struct sockaddr_in6));
	assert_int_equal(addr_from_sockaddr(&ss, &b), 0);
	assert_string_equal(addr_format(out, &b), "[2001:db8::7]:99");
	/* An IPv4 peer on a socket for both families is an IPv4 address. */
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.9",
			     &in6->sin6_addr), 1);
	assert_int_equal(addr_from_sockaddr(&ss, &b), 0);
	assert_string_equal(addr_format(out, &b), "192.0.2.9:99");
	ss.ss_family = AF_UNIX;
	assert_int_equal(addr_from_sockaddr(&ss, &b), ERR_UNSUPP);
}

static void
test_resolve(void **state)
{
	struct why why;
	struct addr a[4];
	size_t n = 0;

	(void)state;
	assert_int_equal(addr_resolve("127.0.0.1:8443", 0, a, 4, &n, &why), 0);
	assert_int_equal(n, 1);
	assert_int_equal(a[0].port, 8443);
	/* Answered by /etc/hosts; no packet leaves. */
	assert_int_equal(addr_resolve("localhost:8443", 0, a, 4, &n, &why), 0);
	assert_true(n >= 1 && n <= 4);
	assert_int_equal(a[0].port, 8443);
	assert_int_equal(addr_resolve("localhost", 0, a, 4, &n, &why),
	    ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_long_host),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
