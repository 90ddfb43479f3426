/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tool's commands against stand-ins: shell scripts in the place of the
 * agent's programs, and a forked process in the place of the enforcer at
 * the control socket.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/links/identity.h"
#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/typed.h"

#define GOOD_SUM                                                               \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char dir[64];
static struct tool tool;

static const char *
in_dir(const char *name)
{
	static char out[4][128];
	static int next;

	next = (next + 1) % 4;
	snprintf(out[next], sizeof(out[next]), "%s/%s", dir, name);
	return out[next];
}

static void
put(const char *name, const void *data, size_t len, mode_t mode)
{
	assert_int_equal(file_write(in_dir(name), data, len, mode, NULL), 0);
}

static void
script(const char *name, const char *text)
{
	put(name, text, strlen(text), 0755);
}

static const char *
content(const char *name)
{
	static char text[4096];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	file_read(in_dir(name), &b, NULL);
	if (b.len > 0)
		memcpy(text, b.data, b.len);
	text[b.len] = '\0';
	buf_done(&b);
	return text;
}

static int
setup(void **state)
{
	char text[1024];

	(void)state;
	strcpy(dir, "/tmp/ctool-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	memset(&tool, 0, sizeof(tool));
	tool.conf = "/tmp/agent.conf";
	tool.libexec = dir;
	strcpy(tool.run, dir);
	strcpy(tool.state, dir);
	snprintf(text, sizeof(text), "#!/bin/sh\n"
	    "echo \"$@\" >> %s/parent-args\n"
	    "case $4 in network_user) echo 61001;; state_dir) echo %s/st;;"
	    " run_dir) echo %s/rn;; enforcer_user) exit 78;;"
	    " sensors_user) exec head -c 9000 /dev/zero;; esac\n",
	    dir, dir, dir);
	script("agent-parent", text);
	log_set_level(0); /* no lines: failures are asked for here */
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

/* -- programs -------------------------------------------------------------- */

static void
test_settings(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(program_setting(&tool, "network_user", out,
			     sizeof(out)), TOOL_DONE);
	assert_string_equal(out, "61001");
	assert_string_equal(content("parent-args"),
	    "-c /tmp/agent.conf --print network_user\n");
	assert_int_equal(program_setting(&tool, "enforcer_user", out,
			     sizeof(out)), TOOL_CONFIG);
	assert_int_equal(program_setting(&tool, "sensors_user", out,
			     sizeof(out)), TOOL_FAILED); /* too much */
	assert_int_equal(program_setting(&tool, "nothing", out, sizeof(out)),
	    TOOL_FAILED); /* says nothing */
	assert_string_equal(out, "61001");
	/* Folders that were given are not asked for. */
	tool.run[0] = '\0';
	assert_int_equal(program_folders(&tool), TOOL_DONE);
	assert_string_equal(tool.state, dir);
	assert_string_equal(tool.run, in_dir("rn"));
	tool.libexec = "/nonexistent";
	assert_int_equal(program_setting(&tool, "network_user", out,
			     sizeof(out)), TOOL_FAILED);
}

static void
test_program_io(void **state)
{
	const char *argv[] = {"p", "a", NULL};
	struct why why = {0};
	struct buf out;
	int status;

	(void)state;
	script("p", "#!/bin/sh\nread x; echo \"$1 $x\" >&3\n"
		    "[ -e /proc/self/fd/4 ] && echo leak >&3; exit 0\n");
	buf_init(&out, 100);
	assert_int_equal(program_run(&tool, "p", argv, "secret\n", 3, &out,
			     &status, &why), 0);
	assert_int_equal(status, 0);
	assert_string_equal(buf_str(&out), "a secret\n");
	buf_done(&out);
	script("p", "#!/bin/sh\nexit 7\n");
	assert_int_equal(program_run(&tool, "p", argv, NULL, 0, NULL, &status,
			     &why), ERR_IO);
	assert_int_equal(status, 7);
	assert_string_equal(why.text, "p: exit status 7");
	script("p", "#!/bin/sh\nkill -9 $$\n");
	assert_int_equal(program_run(&tool, "p", argv, NULL, 0, NULL, &status,
			     &why), ERR_IO);
	assert_int_equal(status, -1);
	assert_string_equal(why.text, "p: killed by SIGKILL");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* -- enrol ----------------------------------------------------------------- */

static void
enrolled(Cordon__Enrolled *e, Cordon__Endpoint *at, Cordon__Endpoint **list)
{
	static uint8_t ip[4] = {10, 1, 2, 3}, der[8], key[32];

	cordon__endpoint__init(at);
	at->address.data = ip;
	at->address.len = 4;
	at->prefix_len = 32;
	at->protocol = 6;
	at->port = 8443;
	at->direction = CORDON__DIRECTION__DIRECTION_OUT;
	list[0] = at;
	cordon__enrolled__init(e);
	e->host_id = (char *)(uintptr_t)"H-7F3A9K2M";
	e->name = (char *)(uintptr_t)"fin-ws-1";
	e->group = (char *)(uintptr_t)"treasury";
	e->tier = (char *)(uintptr_t)"T2";
	e->cert_der.data = e->ca_der.data = der;
	e->cert_der.len = e->ca_der.len = sizeof(der);
	e->order_key.data = key;
	e->order_key.len = sizeof(key);
	e->collectors = list;
	e->n_collectors = 1;
}

/* A network program that notes what it got and answers from a file. */
static void
set_network(const char *exit_line)
{
	char text[512];

	snprintf(text, sizeof(text), "#!/bin/sh\necho \"$@\" > %s/args\n"
	    "cat > %s/stdin\ncat %s/answer >&3\n%s\n", dir, dir, dir,
	    exit_line);
	script("agent-network", text);
}

static void
set_answer(const Cordon__Enrolled *e)
{
	uint8_t packed[1024];

	put("answer", packed, cordon__enrolled__pack(e, packed), 0600);
}

static void
test_enrol(void **state)
{
	Cordon__Endpoint at, *list[1];
	Cordon__Enrolled e, *id = NULL;
	struct why why;

	(void)state;
	enrolled(&e, &at, list);
	set_answer(&e);
	set_network("exit 0");
	tool.collector[0] = "10.1.2.3:8443";
	tool.collector[1] = "[2001:db8::1]:8443";
	tool.ncollectors = 2;
	tool.token = "ENR-ABC123";
	tool.ca_sha256 = GOOD_SUM;
	assert_int_equal(tool_enrol(&tool), TOOL_DONE);
	/* The token is nowhere in the arguments. */
	assert_null(strstr(content("args"), "ENR-ABC123"));
	assert_non_null(strstr(content("args"), "--user 61001 --ca-sha256 "
	    GOOD_SUM " --token - --out-fd 3 --collector 10.1.2.3:8443 "
	    "--collector [2001:db8::1]:8443\n"));
	assert_string_equal(content("stdin"), "ENR-ABC123\n");
	assert_non_null(strstr(content("parent-args"), "--folders"));
	assert_int_equal(identity_load(dir, &id, &why), 0);
	assert_string_equal(id->host_id, "H-7F3A9K2M");
	cordon__enrolled__free_unpacked(id, NULL);
	/* A second time only with --force. */
	unlink(in_dir("args"));
	assert_int_equal(tool_enrol(&tool), TOOL_FAILED);
	assert_false(file_exists(in_dir("args")));
	tool.force = true;
	assert_int_equal(tool_enrol(&tool), TOOL_DONE);
	/* From a file, and a digest as other tools print it. */
	put("token", "ENR-FILE\n", 9, 0600);
	tool.token = NULL;
	tool.token_file = in_dir("token");
	tool.ca_sha256 = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:"
			 "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
	assert_int_equal(tool_enrol(&tool), TOOL_DONE);
	assert_string_equal(content("stdin"), "ENR-FILE\n");
	assert_non_null(strstr(content("args"), GOOD_SUM));
}

static void
test_enrol_refuses(void **state)
{
	static const char *const sums[] = {"", "00", GOOD_SUM "0", "zz",
	    "0011223344556677889900112233445566778899001122334455667788990g",
	    "-" GOOD_SUM};
	static const char *const tokens[] = {"", "a b", "a\"b", "a;b",
	    "01234567890123456789012345678901234567890123456789012345678901234"
	    "567890123456789012345678901234567890123456789012345678901234567"};
	Cordon__Endpoint at, *list[1];
	Cordon__Enrolled e;
	size_t i;

	(void)state;
	enrolled(&e, &at, list);
	set_answer(&e);
	set_network("exit 0");
	tool.collector[0] = "10.1.2.3:8443";
	tool.ncollectors = 1;
	tool.token = "ENR-ABC123";
	for (i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		tool.ca_sha256 = sums[i];
		assert_int_equal(tool_enrol(&tool), TOOL_USAGE);
	}
	tool.ca_sha256 = GOOD_SUM;
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		tool.token = tokens[i];
		assert_int_equal(tool_enrol(&tool), TOOL_USAGE);
	}
	assert_false(file_exists(in_dir("args")));
	tool.token = "ENR-ABC123";
	/* The network program failed, whatever it wrote. */
	set_network("exit 1");
	assert_int_equal(tool_enrol(&tool), TOOL_FAILED);
	/* It was taken over, and hands root something bad. */
	set_network("exit 0");
	put("answer", "\xff\xff\xff", 3, 0600);
	assert_int_equal(tool_enrol(&tool), TOOL_FAILED);
	e.host_id = (char *)(uintptr_t)"../../etc/passwd";
	set_answer(&e);
	assert_int_equal(tool_enrol(&tool), TOOL_FAILED);
	e.host_id = (char *)(uintptr_t)"H-7F3A9K2M";
	e.order_key.len = 31;
	set_answer(&e);
	assert_int_equal(tool_enrol(&tool), TOOL_FAILED);
	script("agent-network", "#!/bin/sh\ncat /dev/zero >&3\n");
	assert_int_equal(tool_enrol(&tool), TOOL_FAILED);
	assert_false(file_exists(in_dir(IDENTITY_FILE)));
}

/* -- the control socket ---------------------------------------------------- */

/* A stand-in for the enforcer: one question, this answer; its pid. */
static pid_t
enforcer(uint32_t kind, const char *text, uint32_t exit_code)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	Cordon__StatusText m = CORDON__STATUS_TEXT__INIT;
	static uint8_t msg[40000];
	int fd, c;
	ssize_t n;
	pid_t pid;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/control", dir);
	unlink(un.sun_path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid != 0) {
		close(fd);
		return pid;
	}
	c = accept(fd, NULL, NULL);
	n = recv(c, msg, sizeof(msg), 0);
	file_write(in_dir("asked"), msg, (size_t)n, 0600, NULL);
	m.text = (char *)(uintptr_t)text;
	m.exit_code = exit_code;
	memcpy(msg, &kind, 4);
	if (text != NULL)
		n = send(c, msg, 4 + cordon__status_text__pack(&m, msg + 4),
		    0);
	_exit(0);
}

static int
capture(int (*fn)(struct tool *t), char *out, size_t size)
{
	int rc, saved = dup(1), fd;
	ssize_t n;

	fflush(stdout);
	fd = memfd_create("out", 0);
	dup2(fd, 1);
	rc = fn(&tool);
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	n = pread(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	close(fd);
	return rc;
}

static void
test_status(void **state)
{
	static const struct {
		uint32_t kind;
		const char *text;
		uint32_t code;
		int rc;
		const char *out;
	} table[] = {
		{IPC_CTL_TEXT, "profile strict\n", 0, 0, "profile strict\n"},
		{IPC_CTL_TEXT, "broken", 1, 1, "broken\n"},
		{IPC_CTL_TEXT, "x", 4000, TOOL_FAILED, "x\n"},
		{IPC_CTL_TEXT, "bell \a", 0, TOOL_FAILED, ""},
		{IPC_CTL_ORDER, "x", 0, TOOL_FAILED, ""},
		{IPC_CTL_TEXT, NULL, 0, TOOL_FAILED, ""}, /* just closes */
	};
	uint32_t kind = IPC_CTL_STATUS;
	char out[256];
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		pid_t pid = enforcer(table[i].kind, table[i].text,
		    table[i].code);

		rc = capture(tool_status, out, sizeof(out));
		waitpid(pid, NULL, 0);
		if (rc != table[i].rc || strcmp(out, table[i].out) != 0)
			fail_msg("row %zu: %d \"%s\"", i, rc, out);
		assert_memory_equal(content("asked"), &kind, 4);
	}
	/* Nobody listens; no socket at all. */
	assert_int_equal(tool_status(&tool), TOOL_NOT_RUNNING);
	unlink(in_dir("control"));
	assert_int_equal(tool_status(&tool), TOOL_NOT_RUNNING);
}

static void
test_order(void **state)
{
	uint8_t order[33000];
	Cordon__OrderIn *m;
	char out[256];
	struct buf asked;
	pid_t pid;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(order); i++)
		order[i] = (uint8_t)i; /* bytes: the tool does not look */
	put("o", order, 32768, 0600);
	tool.file = in_dir("o");
	pid = enforcer(IPC_CTL_TEXT, "refused: forged", 1);
	assert_int_equal(capture(tool_order, out, sizeof(out)), 1);
	assert_string_equal(out, "refused: forged\n");
	waitpid(pid, NULL, 0);
	buf_init(&asked, 65536);
	assert_int_equal(file_read(in_dir("asked"), &asked, NULL), 0);
	assert_int_equal(*(uint32_t *)(void *)asked.data, IPC_CTL_ORDER);
	m = cordon__order_in__unpack(NULL, asked.len - 4, asked.data + 4);
	assert_non_null(m);
	assert_int_equal(m->order.len, 32768);
	assert_memory_equal(m->order.data, order, 32768);
	cordon__order_in__free_unpacked(m, NULL);
	buf_done(&asked);
	/* Too long, empty, missing: not even asked. */
	put("o", order, 32769, 0600);
	assert_int_equal(tool_order(&tool), TOOL_FAILED);
	put("o", order, 0, 0600);
	assert_int_equal(tool_order(&tool), TOOL_FAILED);
	tool.file = in_dir("none");
	assert_int_equal(tool_order(&tool), TOOL_FAILED);
}

/* The numbered lines become the bytes they stand for; a slip asks nobody. */
static void
test_typed_order(void **state)
{
	uint8_t order[600];
	char out[256];
	Cordon__OrderIn *m;
	struct buf text, asked;
	pid_t pid;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(order); i++)
		order[i] = (uint8_t)(i * 7);
	buf_init(&text, 65536);
	assert_int_equal(typed_encode(order, sizeof(order), TYPED_READ,
	    &text), 0);
	put("o", text.data, text.len, 0600);
	tool.file = in_dir("o");
	pid = enforcer(IPC_CTL_TEXT, "order O-1: applied", 0);
	assert_int_equal(capture(tool_order, out, sizeof(out)), 0);
	waitpid(pid, NULL, 0);
	buf_init(&asked, 65536);
	assert_int_equal(file_read(in_dir("asked"), &asked, NULL), 0);
	m = cordon__order_in__unpack(NULL, asked.len - 4, asked.data + 4);
	assert_non_null(m);
	assert_int_equal(m->order.len, sizeof(order));
	assert_memory_equal(m->order.data, order, sizeof(order));
	cordon__order_in__free_unpacked(m, NULL);
	buf_done(&asked);
	unlink(in_dir("control"));
	text.data[40] = text.data[40] == 'Z' ? 'Y' : 'Z';
	put("o", text.data, text.len, 0600);
	assert_int_equal(tool_order(&tool), TOOL_FAILED);
	buf_done(&text);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settings),
		TEST(test_program_io),
		TEST(test_enrol),
		TEST(test_enrol_refuses),
		TEST(test_status),
		TEST(test_order),
		TEST(test_typed_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
