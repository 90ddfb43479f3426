/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tar reader: what GNU tar writes, and what nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/packages/tar.h"

static uint8_t data[64 * 512];
static size_t have, at;

static ssize_t
give(void *arg, void *buf, size_t len)
{
	size_t n = have - at < len ? have - at : len;

	(void)arg;
	if (n > 7)
		n = 7; /* pipes give what they like */
	memcpy(buf, data + at, n);
	at += n;
	return (ssize_t)n;
}

static void
begin(struct tar *t)
{
	at = 0;
	tar_init(t, give, NULL);
}

static uint8_t *
header(const char *name, char type, unsigned int mode, size_t size)
{
	uint8_t *h = data + have;
	unsigned int sum = 0;
	size_t i;

	memset(h, 0, 512);
	strncpy((char *)h, name, 99);
	snprintf((char *)h + 100, 8, "%07o", mode);
	snprintf((char *)h + 108, 8, "%07o", 3u);
	snprintf((char *)h + 116, 8, "%07o", 4u);
	snprintf((char *)h + 124, 12, "%011zo", size);
	memcpy(h + 257, "ustar  ", 8);
	h[156] = (uint8_t)type;
	memset(h + 148, ' ', 8);
	for (i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	have += 512;
	return h;
}

static void
content(const char *text)
{
	memset(data + have, 0, 512);
	memcpy(data + have, text, strlen(text));
	have += 512;
}

static void
test_entries(void **state)
{
	struct tar_entry e;
	struct tar t;
	char text[16], name[151];

	(void)state;
	have = 0;
	memset(data, 0, sizeof(data));
	memset(name, 'n', 150);
	name[150] = '\0';
	header("./", '5', 0755, 0);
	header("./usr/", '5', 0755, 0);
	header("./usr/a", '0', 04755, 5);
	content("hello");
	header("././@LongLink", 'L', 0, 151);
	content(name);
	header("nnn", '0', 0644, 3);
	content("abc");
	header("./dev", '3', 0600, 0);
	have += 1024;
	begin(&t);
	assert_int_equal(tar_next(&t, &e), 0);
	assert_string_equal(e.name, "");
	assert_int_equal(tar_next(&t, &e), 0);
	assert_string_equal(e.name, "usr");
	assert_int_equal(e.type, 'd');
	assert_int_equal(tar_next(&t, &e), 0);
	assert_string_equal(e.name, "usr/a");
	assert_int_equal(e.mode, 04755);
	assert_int_equal(e.uid, 3);
	assert_int_equal(e.gid, 4);
	assert_int_equal(tar_content(&t, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(tar_content(&t, text, sizeof(text)), 0);
	assert_int_equal(tar_next(&t, &e), 0);
	assert_string_equal(e.name, name);
	assert_int_equal(e.size, 3); /* and its content is passed over */
	assert_int_equal(tar_next(&t, &e), 0);
	assert_int_equal(e.type, 'o');
	assert_int_equal(tar_next(&t, &e), ERR_NOENT);
}

static void
test_bad(void **state)
{
	struct tar_entry e;
	struct tar t;

	(void)state;
	have = 0;
	header("a", '0', 0644, 5)[0] = 'b'; /* the sum is wrong */
	begin(&t);
	assert_int_equal(tar_next(&t, &e), ERR_SYNTAX);
	have = 0;
	header("a", 'x', 0644, 5); /* pax */
	begin(&t);
	assert_int_equal(tar_next(&t, &e), ERR_SYNTAX);
	have = 0;
	header("a", 'L', 0644, 1 << 20); /* a name without end */
	begin(&t);
	assert_int_equal(tar_next(&t, &e), ERR_LIMIT);
	have = 0;
	header("a", '0', 0644, 5); /* cut off */
	begin(&t);
	assert_int_equal(tar_next(&t, &e), 0);
	assert_int_equal(tar_next(&t, &e), ERR_SYNTAX);
	have = 100;
	begin(&t);
	assert_int_equal(tar_next(&t, &e), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
