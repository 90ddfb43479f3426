/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first message of the parent: what is taken, what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/links/ipc.h"
#include "agent/links/settings.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

/* Fields that any child needs; WHY is a part of what is said. */
static void
fields(void **state)
{
	static const struct {
		const char *dir, *host;
		size_t key_len;
		int err;
		const char *why;
	} rows[] = {
		{"/var/lib/x/sensors", "H-1", 32, 0, ""},
		{"", "H-1", 32, ERR_CONFIG, "state folder"},
		{"var/lib/x", "H-1", 32, ERR_CONFIG, "state folder"},
		{"/x", "", 32, ERR_CONFIG, "host id"},
		{"/x", "../1", 32, ERR_CONFIG, "host id"},
		{"/x", "H-1", 0, ERR_CONFIG, "order key"},
		{"/x", "H-1", 31, ERR_CONFIG, "order key"},
		{"/x", "H-1", 33, ERR_CONFIG, "order key"},
	};
	uint8_t key[33] = {1}, data[256];
	Cordon__Settings s = CORDON__SETTINGS__INIT, *got;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s.state_dir = TEXT(rows[i].dir);
		s.host_id = TEXT(rows[i].host);
		s.order_key = (ProtobufCBinaryData){rows[i].key_len, key};
		got = NULL;
		why.text[0] = '\0';
		assert_int_equal(settings_unpack(data,
		    cordon__settings__pack(&s, data), &got, &why),
		    rows[i].err);
		assert_non_null(strstr(why.text, rows[i].why));
		assert_int_equal(got != NULL, rows[i].err == 0);
		if (got == NULL)
			continue;
		assert_string_equal(got->host_id, rows[i].host);
		cordon__settings__free_unpacked(got, NULL);
	}
}

/* One message of KIND with LEN bytes of DATA, then the parent goes. */
static int
wait_for(uint32_t kind, const void *data, size_t len, Cordon__Settings **got,
    struct why *why)
{
	static uint8_t msg[sizeof(kind) + SETTINGS_MAX + 1];
	int fd[2], rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	memcpy(msg, &kind, sizeof(kind));
	memcpy(msg + sizeof(kind), data, len);
	assert_int_equal(send(fd[0], msg, sizeof(kind) + len, 0),
	    sizeof(kind) + len);
	close(fd[0]);
	rc = settings_wait(fd[1], got, why);
	close(fd[1]);
	return rc;
}

static void
waiting(void **state)
{
	static const uint8_t zeros[SETTINGS_MAX + 1];
	uint8_t key[32] = {1}, data[256];
	Cordon__Settings s = CORDON__SETTINGS__INIT, *got = NULL;
	struct why why;
	size_t len;
	int fd[2];

	(void)state;
	s.state_dir = TEXT("/x");
	s.host_id = TEXT("H-1");
	s.order_key = (ProtobufCBinaryData){sizeof(key), key};
	len = cordon__settings__pack(&s, data);
	assert_int_equal(wait_for(IPC_SETTINGS, data, len, &got, &why), 0);
	assert_string_equal(got->host_id, "H-1");
	cordon__settings__free_unpacked(got, NULL);
	got = NULL;

	assert_int_equal(wait_for(IPC_STOP, data, len, &got, &why),
	    ERR_PROTO);
	assert_string_equal(why.text, "the parent sent 3 before settings");
	assert_int_equal(wait_for(IPC_SETTINGS, "\xff\xff", 2, &got, &why),
	    ERR_PROTO);
	assert_int_equal(wait_for(IPC_SETTINGS, zeros, sizeof(zeros), &got,
	    &why), ERR_PROTO);
	assert_string_equal(why.text, "settings: too long");

	/* It went without a word. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	close(fd[0]);
	assert_int_equal(settings_wait(fd[1], &got, &why), ERR_PROTO);
	close(fd[1]);
	assert_null(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
