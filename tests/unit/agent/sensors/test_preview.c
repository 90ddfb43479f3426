/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Live flows against a request, from a /proc of our own making. */
#include <arpa/inet.h>
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

#include "agent/links/ask.h"
#include "agent/sensors/preview.h"
#include "common/base/log.h"

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr " \
	"tm->when retrnsmt   uid  timeout inode\n"
#define REST "00000000:00000000 00:00000000 00000000"
#define NETWORK_UID 71

static char proc[64];

static void
put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
make_dir(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int
up(void **state)
{
	char path[256];

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	strcpy(proc, "/tmp/cordon-preview-XXXXXX");
	assert_non_null(mkdtemp(proc));
	make_dir("net");
	make_dir("77");
	make_dir("77/fd");
	put("77/comm", "psql\n");
	snprintf(path, sizeof(path), "%s/77/fd/3", proc);
	assert_int_equal(symlink("socket:[501]", path), 0);
	snprintf(path, sizeof(path), "%s/77/exe", proc);
	assert_int_equal(symlink("/usr/bin/ps\nql", path), 0);
	return 0;
}

static int
down(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", proc);
	return system(cmd);
}

struct point {
	Cordon__Endpoint e;
	uint8_t ip[16];
};

static void
point(struct point *p, const char *ip, uint32_t prefix, uint32_t protocol,
    uint32_t port, Cordon__Direction direction)
{
	bool v6 = strchr(ip, ':') != NULL;

	cordon__endpoint__init(&p->e);
	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, ip, p->ip), 1);
	p->e.address.data = p->ip;
	p->e.address.len = v6 ? 16 : 4;
	p->e.prefix_len = prefix;
	p->e.protocol = protocol;
	p->e.port = port;
	p->e.direction = direction;
}

#define OUT CORDON__DIRECTION__DIRECTION_OUT
#define IN CORDON__DIRECTION__DIRECTION_IN

/* Collector 10.1.2.3:8443; recovery 10.9.0.0/16:445 and ssh from 10.8.0.1. */
static Cordon__Preview *
look(Cordon__Profile profile)
{
	static struct point collector, share, ssh;
	static Cordon__Endpoint *collectors[] = {&collector.e};
	static Cordon__Endpoint *allowed[] = {&share.e, &ssh.e};
	Cordon__PreviewAsk ask = CORDON__PREVIEW_ASK__INIT;
	Cordon__Preview *p;
	struct buf b;

	point(&collector, "10.1.2.3", 32, 6, 8443, OUT);
	point(&share, "10.9.0.0", 16, 6, 445, OUT);
	point(&ssh, "10.8.0.1", 32, 6, 22, IN);
	ask.ask_id = (char *)(uintptr_t)"V-1";
	ask.profile = profile;
	ask.collectors = collectors;
	ask.n_collectors = 1;
	ask.allowed = allowed;
	ask.n_allowed = 2;
	assert_int_equal(ask_preview_check(&ask, NULL), 0);
	buf_init(&b, 64 * 1024);
	assert_int_equal(preview_make(proc, &ask, NETWORK_UID, &b), 0);
	p = cordon__preview__unpack(NULL, b.len, b.data);
	buf_done(&b);
	assert_non_null(p);
	assert_string_equal(p->ask_id, "V-1");
	return p;
}

#define L(n, local, peer, st, uid, inode) \
	"   " #n ": " local " " peer " " st " " REST "  " #uid "        0 " \
	#inode " 1 0\n"

/* Addresses as a little-endian kernel writes them. */
static const char tcp[] = HEAD
L(0, "00000000:0016", "00000000:0000", "0A", 0, 500)	    /* listens */
L(1, "0500010A:C001", "1405010A:1538", "01", 1000, 501)	    /* :5432 */
L(2, "0500010A:C002", "0302010A:20FB", "01", 71, 502)	    /* collector */
L(3, "0500010A:C003", "0302010A:20FB", "01", 0, 503)	    /* not by us */
L(4, "0100007F:C004", "0100007F:1538", "01", 1000, 504)	    /* loopback */
L(5, "0500010A:C005", "0500010A:1538", "01", 1000, 505)	    /* itself */
L(6, "0500010A:C006", "1405010A:1538", "06", 1000, 0)	    /* time-wait */
L(7, "0500010A:C007", "0700090A:01BD", "01", 0, 507)	    /* share */
L(8, "0500010A:0016", "0100080A:D431", "01", 0, 508)	    /* ssh in */
"rubbish\n   9: zz\n";

static const char tcp6[] = HEAD
/* ::ffff:10.1.0.5 to ::ffff:10.1.5.20, which is IPv4 */
L(0, "0000000000000000FFFF00000500010A:C010",
    "0000000000000000FFFF00001405010A:1538", "01", 0, 510)
L(1, "00000000000000000000000001000000:C011",
    "00000000000000000000000001000000:1538", "01", 0, 511)
/* 2001:db8::5 to 2001:db8::9 port 443 */
L(2, "B80D0120000000000000000005000000:C012",
    "B80D0120000000000000000009000000:01BB", "01", 0, 512);

static const char udp[] = HEAD
L(0, "0500010A:C020", "00000000:0000", "07", 0, 520)	    /* no peer */
L(1, "0500010A:C021", "3500010A:0035", "01", 0, 521);	    /* dns */

static void
tables(void)
{
	put("net/tcp", tcp);
	put("net/tcp6", tcp6);
	put("net/udp", udp);
}

static const Cordon__Flow *
flow_to(const Cordon__Preview *p, const char *peer, uint32_t port)
{
	uint8_t ip[16];
	size_t i, len = strchr(peer, ':') != NULL ? 16 : 4;

	assert_int_equal(inet_pton(len == 16 ? AF_INET6 : AF_INET, peer, ip),
	    1);
	for (i = 0; i < p->n_flows; i++)
		if (p->flows[i]->peer->ip.len == len &&
		    memcmp(p->flows[i]->peer->ip.data, ip, len) == 0 &&
		    p->flows[i]->peer_port == port)
			return p->flows[i];
	return NULL;
}

static void
test_strict(void **state)
{
	Cordon__Preview *p;
	const Cordon__Flow *f;

	(void)state;
	tables();
	p = look(CORDON__PROFILE__PROFILE_STRICT);
	/* 5432, collector by another user, share, ssh, mapped, v6, dns */
	assert_int_equal(p->cut, 7);
	assert_int_equal(p->kept, 1);
	assert_int_equal(p->n_flows, 8);
	assert_false(p->partial);
	f = flow_to(p, "10.1.5.20", 5432);
	assert_non_null(f);
	assert_false(f->kept);
	assert_int_equal(f->protocol, 6);
	assert_int_equal(f->local_port, 0xc001);
	assert_int_equal(f->pid, 77);
	assert_string_equal(f->program, "/usr/bin/ps\\x0aql"); /* quoted */
	f = flow_to(p, "10.1.2.3", 8443);
	assert_non_null(f);
	assert_false(f->kept); /* cut ones first: the root's, not ours */
	assert_true(p->flows[7]->kept);
	assert_int_equal(p->flows[7]->local_port, 0xc002);
	assert_int_equal(p->flows[7]->pid, 0);
	assert_non_null(flow_to(p, "2001:db8::9", 443));
	f = flow_to(p, "10.1.0.53", 53);
	assert_non_null(f);
	assert_int_equal(f->protocol, 17);
	assert_null(flow_to(p, "127.0.0.1", 5432));
	cordon__preview__free_unpacked(p, NULL);
}

static void
test_other_profiles(void **state)
{
	Cordon__Preview *p;

	(void)state;
	tables();
	p = look(CORDON__PROFILE__PROFILE_RECOVERY);
	assert_int_equal(p->cut, 5);
	assert_int_equal(p->kept, 3);
	assert_true(flow_to(p, "10.9.0.7", 445)->kept);
	assert_true(flow_to(p, "10.8.0.1", 54321)->kept);
	cordon__preview__free_unpacked(p, NULL);
	p = look(CORDON__PROFILE__PROFILE_OPEN);
	assert_int_equal(p->cut, 0);
	assert_int_equal(p->kept, 8);
	cordon__preview__free_unpacked(p, NULL);
}

/* A busy host: all are counted, 200 are told, the message has its bound. */
static void
test_many(void **state)
{
	const size_t room = 2 * 1024 * 1024;
	char *text = malloc(room);
	Cordon__Preview *p;
	size_t n, i;

	(void)state;
	assert_non_null(text);
	n = (size_t)snprintf(text, room, "%s", HEAD);
	for (i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, room - n, "%4zu: 0500010A:"
		    "%04zX 1405010A:1538 01 " REST "  1000        0 %zu 1\n",
		    i, i + 1, i + 9000);
	put("net/tcp", text);
	p = look(CORDON__PROFILE__PROFILE_STRICT);
	assert_int_equal(p->cut, 1000);
	assert_int_equal(p->n_flows, PREVIEW_FLOWS_MAX);
	assert_false(p->partial);
	cordon__preview__free_unpacked(p, NULL);
	for (; n < 1100000; i++)
		n += (size_t)snprintf(text + n, room - n, "%4zu: 0500010A:"
		    "%04zX 1405010A:1538 01 " REST "  1000        0 %zu 1\n",
		    i, i + 1, i + 9000);
	put("net/tcp", text);
	p = look(CORDON__PROFILE__PROFILE_STRICT);
	assert_true(p->partial);
	cordon__preview__free_unpacked(p, NULL);
	free(text);
}

static void
test_bounds(void **state)
{
	Cordon__PreviewAsk ask = CORDON__PREVIEW_ASK__INIT;
	struct point p;
	Cordon__Endpoint *list[ASK_ALLOWED_MAX + 1];
	struct why why;
	size_t i;

	(void)state;
	point(&p, "10.1.2.3", 32, 6, 8443, OUT);
	for (i = 0; i < ASK_ALLOWED_MAX + 1; i++)
		list[i] = &p.e;
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
	ask.ask_id = (char *)(uintptr_t)"V-1";
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
	ask.profile = CORDON__PROFILE__PROFILE_LIMITED;
	assert_int_equal(ask_preview_check(&ask, &why), 0);
	ask.profile = 5;
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
	ask.profile = CORDON__PROFILE__PROFILE_STRICT;
	ask.collectors = list;
	ask.n_collectors = ASK_COLLECTORS_MAX + 1;
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
	ask.n_collectors = 1;
	ask.allowed = list;
	ask.n_allowed = ASK_ALLOWED_MAX + 1;
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
	ask.n_allowed = ASK_ALLOWED_MAX;
	assert_int_equal(ask_preview_check(&ask, &why), 0);
	p.e.prefix_len = 33;
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
	p.e.prefix_len = 32;
	p.e.address.len = 5;
	assert_int_equal(ask_preview_check(&ask, &why), ERR_RANGE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_strict),
		T(test_other_profiles),
		T(test_many),
		T(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
