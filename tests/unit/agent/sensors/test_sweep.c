/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sweeps over an index, facts and a /proc of our own making: what fits, what
 * a "no" is worth, bounds, hostile names, and an index of 50,000 files.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sensors/held.h"
#include "agent/sensors/sweep.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/folder.h"

#define KIND(x) CORDON__SWEEP_KIND__SWEEP_##x
#define REACH(x) CORDON__SWEEP_REACH__SWEEP_REACH_##x
#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr " \
	"tm->when retrnsmt   uid  timeout inode\n"
#define REST "00000000:00000000 00:00000000 00000000"
#define MANY 50000

static struct roots roots = {.path = {(char *)"/data", (char *)"/etc"},
    .n = 2, .watched = 2};
static struct sensor_env env = {.roots = &roots};
static struct baseline *base;
static char proc[64], base_path[64];

/* -- asking ---------------------------- */

static Cordon__Sweep *
answer(const Cordon__SweepAsk *ask)
{
	Cordon__Sweep *got;
	struct buf b;

	buf_init(&b, 128 * 1024);
	assert_int_equal(sweep_make(&env, proc, ask, &b), 0);
	assert_true(b.len <= SWEEP_PACKED_MAX);
	got = cordon__sweep__unpack(NULL, b.len, b.data);
	assert_non_null(got);
	assert_string_equal(got->sweep_id, "S-1");
	buf_done(&b);
	return got;
}

static Cordon__Sweep *
sweep(Cordon__SweepKind kind, const char *text)
{
	Cordon__SweepAsk ask = CORDON__SWEEP_ASK__INIT;

	ask.sweep_id = (char *)(uintptr_t)"S-1";
	ask.kind = kind;
	ask.text = (char *)(uintptr_t)text;
	return answer(&ask);
}

static Cordon__Sweep *
sweep_content(uint8_t first)
{
	Cordon__SweepAsk ask = CORDON__SWEEP_ASK__INIT;
	uint8_t sha256[DIGEST_LEN] = {first};

	ask.sweep_id = (char *)(uintptr_t)"S-1";
	ask.kind = KIND(SHA256);
	ask.sha256.data = sha256;
	ask.sha256.len = sizeof(sha256);
	return answer(&ask);
}

static Cordon__Sweep *
sweep_address(const char *ip, uint32_t prefix, uint32_t port)
{
	Cordon__SweepAsk ask = CORDON__SWEEP_ASK__INIT;
	Cordon__Address a = CORDON__ADDRESS__INIT;
	uint8_t bytes[16];
	bool v6 = strchr(ip, ':') != NULL;

	ask.sweep_id = (char *)(uintptr_t)"S-1";
	ask.kind = KIND(ADDRESS);
	ask.port = port;
	if (ip[0] != '\0') {
		assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, ip,
		    bytes), 1);
		a.ip.data = bytes;
		a.ip.len = v6 ? 16 : 4;
		a.prefix_len = prefix;
		ask.address = &a;
	}
	return answer(&ask);
}

static void
done(Cordon__Sweep *got)
{
	cordon__sweep__free_unpacked(got, NULL);
}

/* -- what there is ---------------------------- */

static void
write_base(const struct rec *rec, size_t n)
{
	struct why why;

	held_files(env.held, NULL, 0);
	baseline_free(&base);
	assert_int_equal(baseline_write(base_path, rec, n, &why), 0);
	assert_int_equal(baseline_open(base_path, &base, &why), 0);
	baseline_share(base, held_files_lock(env.held));
	held_files(env.held, &base, 1234567);
}

static void
small_base(void)
{
	static struct entry e[4] = {
		{.sha256 = {1}, .mode = S_IFREG | 04755, .uid = 1000,
		    .gid = 7, .size = 11, .mtime_ns = 5000000000},
		{.sha256 = {1}, .mode = S_IFREG | 0644},
		{.mode = S_IFREG | 0600, .flags = ENTRY_UNREAD},
		{.sha256 = {9}, .mode = S_IFLNK | 0777},
	};
	const struct rec rec[] = {{"/data", "a", &e[0]},
	    {"/etc", "passwd", &e[1]}, {"/etc", "unread", &e[2]},
	    {"/etc/x", "link\n", &e[3]}};

	write_base(rec, 4);
}

static void
put_facts(const char *source, const char *const (*rows)[2], size_t n)
{
	static struct facts *place[4];
	static size_t used;
	struct facts *f = facts_new();
	size_t i;

	assert_non_null(f);
	assert_true(used < 4);
	for (i = 0; i < n; i++)
		assert_int_equal(facts_add(f, rows[i][0], rows[i][1]), 0);
	assert_int_equal(facts_seal(f), 0);
	held_facts_take(env.held, source, &place[used++], f);
}

static void
facts_of_a_host(void)
{
	static const char *const accounts[][2] = {
		{"account root", "uid=0\tgid=0\thome=/root\tshell=/bin/bash"},
		{"account li", "uid=1000\tgid=7\thome=/h\tshell=/bin/sh"},
		{"account toor", "uid=0\tgid=0\thome=/\tshell=/bin/sh"},
		{"password li", "state=set\tkind=yescrypt\tdigest=5ec3e7"},
		{"malformed /etc/passwd 00", ""},
	};
	static const char *const groups[][2] = {
		{"member docker li", ""}, {"member sudo li", ""},
		{"member sudo lin", ""}, {"group sudo", "gid=27"},
	};
	static const char *const peers[][2] = {
		{"tcp 443 /usr/bin/curl", "10.9.9.9 77"},
		{"tcp 80 /usr/bin/x", "[2001:db8::1] 5"},
		{"rubbish", "rubbish"}, {"tcp 99999999999 ", ""},
	};
	static const char *const listeners[][2] = {
		{"tcp 0.0.0.0:4444 /tmp/nc", ""},
		{"tcp 0.0.0.0:22 /usr/sbin/sshd", "22 501 3"},
		{"packet - /usr/bin/x", ""}, {"tcp :", ""},
	};

	put_facts("accounts", accounts, 5);
	put_facts("groups", groups, 4);
	put_facts("peers", peers, 4);
	put_facts("listeners", listeners, 4);
}

static void
put(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text, 1, len, f);
	fclose(f);
}

static void
folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void
link_to(const char *name, const char *to)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	assert_int_equal(symlink(to, path), 0);
}

#define PUT(name, text) put(name, text, sizeof(text) - 1)

static void
a_proc(void)
{
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	assert_int_equal(mkdir(proc, 0755), 0);
	folder("net");
	PUT("net/tcp", HEAD
	    " 0: 0100000A:1F90 05010A0A:01BB 01 " REST " 1000 0 501 1\n"
	    " 1: 00000000:0016 00000000:0000 0A " REST " 0 0 502 1\n"
	    "rubbish\n");
	PUT("net/udp", HEAD
	    " 0: 0100000A:0035 00000000:0000 07 " REST " 101 0 503 1\n");
	folder("77");
	folder("77/fd");
	link_to("77/fd/3", "socket:[501]");
	link_to("77/exe", "/tmp/.x/miner (deleted)");
	PUT("77/comm", "kworker/u8:1\n");
	PUT("77/cmdline", "[kworker/u8:1]\0-o\0pool\0");
	PUT("77/status", "Name:\tkworker\nPPid:\t1\nUid:\t1000\t0\t0\t0\n");
	PUT("77/stat", "77 (kworker) u8) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 "
	    "15 16 17 18 500 20\n");
	folder("78"); /* a kernel thread, and one that goes away */
	PUT("78/comm", "ksoftirqd/0\n");
	PUT("78/cmdline", "");
	folder("79");
	folder("7x");
}

static int
up(void **state)
{
	log_init("test", LOG_LEVEL_ERROR);
	if (set_up(state) != 0)
		return -1;
	snprintf(base_path, sizeof(base_path), "%s/base", dir);
	env.held = held_new();
	a_proc();
	return 0;
}

/* -- tests ---------------------------- */

static void
nothing_held_is_no_answer(void **state)
{
	Cordon__Sweep *got;

	(void)state;
	got = sweep(KIND(PATH), "/etc/passwd");
	assert_string_not_equal(got->why, "");
	done(got);
	got = sweep_content(1);
	assert_string_not_equal(got->why, "");
	done(got);
	got = sweep(KIND(USER), "root");
	assert_string_not_equal(got->why, "");
	done(got);
	small_base();
	facts_of_a_host();
}

static void
content(void **state)
{
	Cordon__Sweep *got;

	(void)state;
	got = sweep_content(1);
	assert_string_equal(got->why, "");
	assert_int_equal(got->total, 2);
	assert_int_equal(got->n_rows, 2);
	assert_string_equal(got->rows[0]->object, "/data/a");
	assert_int_equal(got->rows[0]->mode, S_IFREG | 04755);
	assert_string_equal(got->rows[0]->owner, "li");
	assert_int_equal(got->rows[0]->size, 11);
	assert_int_equal(got->rows[0]->changed_ms, 5000);
	assert_int_equal(got->rows[0]->sha256.len, DIGEST_LEN);
	assert_int_equal(got->rows[0]->sha256.data[0], 1);
	assert_int_equal(got->looked, 4);
	assert_int_equal(got->looked_ms, 1234567);
	assert_int_equal(got->unhashed, 1);
	assert_int_equal(got->reach, REACH(PART));
	assert_int_equal(got->n_trees, 2);
	done(got);
	/* Of a link it is the target that has a digest: no content. */
	got = sweep_content(9);
	assert_int_equal(got->total, 0);
	done(got);
	/* An unread file has none, not zeros. */
	got = sweep_content(0);
	assert_int_equal(got->total, 0);
	done(got);
}

static void
paths(void **state)
{
	static const struct {
		const char *path;
		size_t n;
		Cordon__SweepReach reach;
	} rows[] = {
		{"/etc/passwd", 1, REACH(ALL)}, {"/etc/none", 0, REACH(ALL)},
		{"/opt/x", 0, REACH(NONE)}, {"/etc/*", 3, REACH(ALL)},
		{"/*", 4, REACH(PART)}, {"/*/passwd", 1, REACH(PART)},
		{"/opt/*", 0, REACH(NONE)}, {"/data/?", 1, REACH(ALL)},
		{"/dat*", 1, REACH(PART)}, {"/etc/x/link?", 1, REACH(ALL)},
		{"/etc", 0, REACH(ALL)}, {"/", 0, REACH(NONE)},
	};
	Cordon__Sweep *got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = sweep(KIND(PATH), rows[i].path);
		if (got->total != rows[i].n || got->reach != rows[i].reach)
			fail_msg("%s: %" PRIu64 ", reach %d", rows[i].path,
			    got->total, (int)got->reach);
		done(got);
	}
	got = sweep(KIND(PATH), "/etc/x/*");
	assert_string_equal(got->rows[0]->object, "/etc/x/link\\x0a");
	done(got);
}

/* What the index learnt since it was written is in the answer. */
static void
changes_count(void **state)
{
	struct entry e = {.sha256 = {42}, .mode = S_IFREG | 0755};
	Cordon__Sweep *got;
	struct why why;
	int turn;

	(void)state;
	assert_int_equal(baseline_put(base, "/data/new", &e), 0);
	assert_int_equal(baseline_put(base, "/etc/passwd", NULL), 0);
	for (turn = 0; turn < 2; turn++) {
		got = sweep_content(42);
		assert_int_equal(got->total, 1);
		assert_string_equal(got->rows[0]->object, "/data/new");
		done(got);
		got = sweep(KIND(PATH), "/etc/passwd");
		assert_int_equal(got->total, 0);
		done(got);
		got = sweep_content(1);
		assert_int_equal(got->total, 1);
		done(got);
		assert_int_equal(baseline_commit(&base, base_path, &why), 0);
	}
	small_base();
}

static void
users(void **state)
{
	Cordon__Sweep *got;

	(void)state;
	got = sweep(KIND(USER), "li");
	assert_int_equal(got->total, 1);
	assert_int_equal(got->looked, 3);
	assert_int_equal(got->rows[0]->uid, 1000);
	assert_string_equal(got->rows[0]->line, "home=/h shell=/bin/sh "
	    "password=set/yescrypt groups=docker,sudo");
	done(got);
	got = sweep(KIND(USER), "0");
	assert_int_equal(got->total, 2);
	done(got);
	got = sweep(KIND(USER), "*oo*");
	assert_int_equal(got->total, 2);
	done(got);
	got = sweep(KIND(USER), "mallory");
	assert_int_equal(got->total, 0);
	assert_string_equal(got->why, "");
	done(got);
}

static void
sockets(void **state)
{
	Cordon__Sweep *got;

	(void)state;
	got = sweep_address("10.10.1.5", 32, 0);
	assert_int_equal(got->total, 1);
	assert_int_equal(got->rows[0]->peer_port, 443);
	assert_int_equal(got->rows[0]->local_port, 8080);
	assert_int_equal(got->rows[0]->pid, 77);
	assert_string_equal(got->rows[0]->object, "/tmp/.x/miner (deleted)");
	assert_false(got->rows[0]->listens || got->rows[0]->before);
	done(got);
	got = sweep_address("10.10.0.0", 16, 443);
	assert_int_equal(got->total, 1);
	done(got);
	got = sweep_address("10.10.0.0", 16, 444);
	assert_int_equal(got->total, 0);
	done(got);
	/* A port alone: the listener, and one that was seen before. */
	got = sweep_address("", 0, 22);
	assert_int_equal(got->total, 1);
	assert_true(got->rows[0]->listens && got->rows[0]->peer == NULL);
	done(got);
	got = sweep_address("", 0, 4444);
	assert_int_equal(got->total, 1);
	assert_true(got->rows[0]->listens && got->rows[0]->before);
	assert_string_equal(got->rows[0]->object, "/tmp/nc");
	done(got);
	got = sweep_address("10.9.9.9", 32, 443);
	assert_int_equal(got->total, 1);
	assert_true(got->rows[0]->before);
	assert_string_equal(got->rows[0]->object, "/usr/bin/curl");
	done(got);
	got = sweep_address("2001:db8::", 32, 0);
	assert_int_equal(got->total, 1);
	assert_int_equal(got->rows[0]->peer->ip.len, 16);
	done(got);
	/* IPv4 and IPv6 do not fit each other. */
	got = sweep_address("::", 0, 443);
	assert_int_equal(got->total, 0);
	done(got);
}

static void
processes(void **state)
{
	static const struct {
		const char *want;
		size_t n;
	} rows[] = {
		{"miner", 1}, {"mine", 0}, {"miner (deleted)", 0},
		{"/tmp/.x/miner", 1}, {"/tmp/*", 1}, {"/tmp/x/miner", 0},
		{"77", 1}, {"7", 0}, {"78", 1}, {"kworker*", 1},
		{"[kworker/u8:1]", 1}, {"kworker/u8:1", 1}, {"u8:1]", 1},
		{"ksoftirqd*", 1}, {"bash", 0}, {"*", 2},
	};
	Cordon__Sweep *got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = sweep(KIND(PROCESS), rows[i].want);
		if (got->total != rows[i].n)
			fail_msg("%s: %" PRIu64, rows[i].want, got->total);
		done(got);
	}
	got = sweep(KIND(PROCESS), "miner");
	assert_int_equal(got->looked, 2);
	assert_int_equal(got->rows[0]->pid, 77);
	assert_int_equal(got->rows[0]->uid, 1000);
	assert_string_equal(got->rows[0]->owner, "li");
	assert_string_equal(got->rows[0]->argv0, "[kworker/u8:1]");
	assert_true(llabs(got->rows[0]->changed_ms - (clock_wall_ms() -
	    clock_boot_ms() + 5000)) < 2000);
	done(got);
}

/* -- many ---------------------------- */

static struct entry many_entry[MANY];

static void
many_base(void)
{
	static char name[MANY][24];
	struct rec *rec = calloc(MANY, sizeof(*rec));
	static char dirs[500][40];
	size_t i;

	for (i = 0; i < MANY; i++) {
		snprintf(dirs[i / 100], sizeof(dirs[0]), "/data/d%03zu",
		    i / 100);
		snprintf(name[i], sizeof(name[0]), "file-%05zu.bin", i);
		many_entry[i].mode = S_IFREG | 0644;
		memcpy(many_entry[i].sha256, &i, sizeof(i));
		many_entry[i].sha256[31] = 1;
		rec[i] = (struct rec){dirs[i / 100], name[i],
		    &many_entry[i]};
	}
	write_base(rec, MANY);
	free(rec);
}

static void
timed(const char *what, Cordon__SweepKind kind, const char *text,
    uint64_t total)
{
	int64_t from = clock_boot_us();
	Cordon__Sweep *got = kind == KIND(SHA256) ? sweep_content(77) :
	    sweep(kind, text);

	from = clock_boot_us() - from;
	assert_int_equal(got->total, total);
	assert_int_equal(got->looked, MANY);
	print_message("sweep of an index of %d files by %s: %" PRId64
	    " us, %" PRIu64 " fit, %zu told\n", MANY, what, from, got->total,
	    got->n_rows);
	assert_true(got->n_rows <= SWEEP_ROWS_MAX);
	done(got);
}

static void
many(void **state)
{
	(void)state;
	many_base();
	timed("content", KIND(SHA256), NULL, 0);
	timed("path", KIND(PATH), "/data/d123/file-12345.bin", 1);
	timed("glob", KIND(PATH), "/data/*-4999?.bin", 10);
	timed("glob", KIND(PATH), "/*", MANY);
}

static void *
change(void *arg)
{
	struct entry e = {.sha256 = {7}, .mode = S_IFREG};
	struct why why;
	char path[64];
	int i;

	(void)arg;
	for (i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "/data/c%d", i);
		assert_int_equal(baseline_put(base, path, &e), 0);
		if (i % 1000 == 999)
			assert_int_equal(baseline_commit(&base, base_path,
			    &why), 0);
	}
	return NULL;
}

/* While the files sensor writes, no answer is torn. */
static void
searched_while_it_changes(void **state)
{
	uint64_t last = 0, now = 0;
	Cordon__Sweep *got;
	pthread_t t;

	(void)state;
	small_base();
	assert_int_equal(pthread_create(&t, NULL, change, NULL), 0);
	while (now < 3000) {
		got = sweep(KIND(PATH), "/data/c*");
		now = got->total;
		assert_true(now >= last);
		last = now;
		done(got);
	}
	pthread_join(t, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_held_is_no_answer),
		cmocka_unit_test(content),
		cmocka_unit_test(paths),
		cmocka_unit_test(changes_count),
		cmocka_unit_test(users),
		cmocka_unit_test(sockets),
		cmocka_unit_test(processes),
		cmocka_unit_test(many),
		cmocka_unit_test(searched_while_it_changes),
	};

	return cmocka_run_group_tests(tests, up, tear_down);
}
