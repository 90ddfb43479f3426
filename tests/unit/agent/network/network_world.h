/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole network process on one loop: a scripted collector over real TLS
 * on loopback at one side, parent, enforcer and sensors over real links at
 * the other.
 */
#ifndef TESTS_UNIT_AGENT_NETWORK_NETWORK_WORLD_H
#define TESTS_UNIT_AGENT_NETWORK_NETWORK_WORLD_H

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/network/credential.h"
#include "agent/network/network.h"
#include "agent/network/renew.h"
#include "agent/network/spool.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/conn.h"
#include "common/net/tls.h"
#include "common/net/x509.h"
#include "common/wire/frame.h"
#include "common/wire/order.pb-c.h"
#include "tests/unit/agent/network/loopback.h"

#define UNUSED __attribute__((unused))

#define HOST_ID "H-0123456789ABCDEF"
#define SEEN_MAX 256

/* One thing that came in somewhere. */
struct seen {
	uint32_t kind;
	size_t len;
	uint8_t *data;
};

struct seen_list {
	struct seen item[SEEN_MAX];
	size_t n;
};

static struct {
	char dir[64], state[96];
	struct event_base *base;
	struct x509_ca *ca, *other_ca;
	struct ssl_ctx_st *ctx;
	/* the collector */
	int listening;
	uint16_t port, dead_port;
	struct event *accept;
	struct conn *conn;
	struct seen_list frames;
	int hellos;
	unsigned int begin_s; /* 0: connect at once */
	char serial[42]; /* of the agent that came in last */
	char end[256];	 /* why its connection ended */
	bool welcome, beats, acks, renew;
	uint64_t committed;
	uint32_t heartbeat;
	/* the processes */
	struct link *parent, *enforcer, *sensors;
	struct seen_list from_net, at_enforcer, at_sensors, taken;
	char parent_end[128], sensors_end[128];
	struct network *net;
	Cordon__Settings settings;
	Cordon__Endpoint ep[2], *eps[2];
} w;

static struct why why;

static void
see(struct seen_list *l, uint32_t kind, const void *data, size_t len)
{
	struct seen *s;

	assert_true(l->n < SEEN_MAX);
	s = &l->item[l->n++];
	s->kind = kind;
	s->len = len;
	s->data = malloc(len + 1);
	if (len > 0)
		memcpy(s->data, data, len);
}

static void
forget(struct seen_list *l)
{
	while (l->n > 0)
		free(l->item[--l->n].data);
}

/* The Nth (from 0) of that kind, or NULL. */
static const struct seen *
nth(const struct seen_list *l, uint32_t kind, int n)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->item[i].kind == kind && n-- == 0)
			return &l->item[i];
	return NULL;
}

static void
no_wait(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
}

static void
turn(int ms)
{
	const struct timeval tv = {0, ms * 1000};
	struct event *ev = evtimer_new(w.base, no_wait, NULL);

	event_add(ev, &tv);
	event_base_loop(w.base, EVLOOP_ONCE);
	event_free(ev);
}

#define UNTIL(cond)                                                       \
	do {                                                              \
		int64_t until_ = clock_boot_ms() + 8000;                  \
		while (!(cond) && clock_boot_ms() < until_)               \
			turn(10);                                         \
		if (!(cond))                                              \
			fail_msg("not within 8 s: %s (last end: %s)",     \
			    #cond, w.end);                                \
	} while (0)

static void
pause_ms(int ms)
{
	int64_t until = clock_boot_ms() + ms;

	while (clock_boot_ms() < until)
		turn(10);
}

/* -- the collector ----------------------------------------------------- */

static void
send_frame(uint16_t kind, const void *msg)
{
	const ProtobufCMessage *m = msg;
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *b = malloc(len + 1);

	protobuf_c_message_pack(m, b);
	assert_non_null(w.conn);
	assert_int_equal(conn_send(w.conn, kind, b, len), 0);
	free(b);
}

static void
send_welcome(void)
{
	Cordon__Welcome m = CORDON__WELCOME__INIT;

	m.server_time_ms = clock_wall_ms();
	m.heartbeat_seconds = w.heartbeat;
	m.signals_committed = w.committed;
	m.renew_certificate = w.renew;
	send_frame(FRAME_WELCOME, &m);
}

static uint64_t
last_number(const struct frame *f)
{
	Cordon__SignalBatch *b;
	uint64_t n;

	b = cordon__signal_batch__unpack(NULL, f->len, f->payload);
	assert_non_null(b);
	n = b->signals[b->n_signals - 1]->number;
	cordon__signal_batch__free_unpacked(b, NULL);
	return n;
}

static int
srv_up(void *arg, struct conn *c, const struct x509_id *peer,
    struct why *reason)
{
	(void)arg, (void)c, (void)reason;
	strcpy(w.serial, peer->serial);
	assert_string_equal(peer->name, HOST_ID);
	return 0;
}

static int
srv_frame(void *arg, struct conn *c, const struct frame *f,
    struct why *reason)
{
	Cordon__HeartbeatAck ack = CORDON__HEARTBEAT_ACK__INIT;
	Cordon__SignalsAck got = CORDON__SIGNALS_ACK__INIT;
	Cordon__Heartbeat *hb;

	(void)arg, (void)c, (void)reason;
	see(&w.frames, f->kind, f->payload, f->len);
	if (f->kind == FRAME_HELLO) {
		w.hellos++;
		if (w.welcome)
			send_welcome();
	} else if (f->kind == FRAME_HEARTBEAT && w.beats) {
		hb = cordon__heartbeat__unpack(NULL, f->len, f->payload);
		assert_non_null(hb);
		ack.sequence = hb->sequence;
		cordon__heartbeat__free_unpacked(hb, NULL);
		send_frame(FRAME_HEARTBEAT_ACK, &ack);
	} else if (f->kind == FRAME_SIGNALS && w.acks) {
		got.number = last_number(f);
		w.committed = got.number;
		send_frame(FRAME_SIGNALS_ACK, &got);
	}
	return 0;
}

static void
srv_end(void *arg, struct conn *c, const char *reason)
{
	(void)arg;
	snprintf(w.end, sizeof(w.end), "%s", reason);
	if (w.conn == c)
		w.conn = NULL;
}

static const struct conn_ops srv_ops = {srv_up, srv_frame, srv_end};

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	const struct conn_limits lim = {5000, 0, 4 * 1024 * 1024};
	int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what, (void)arg;
	if (c != -1)
		w.conn = conn_accept(w.base, w.ctx, c, &lim, &srv_ops, NULL);
}

/* -- certificates ------------------------------------------------------ */

static void
issue(struct x509_ca *ca, const char *key, enum x509_role role,
    const char *name, struct buf *der)
{
	struct x509_id id;
	struct buf csr;

	buf_init(&csr, X509_DER_MAX);
	assert_int_equal(x509_key_make(key, &why), 0);
	assert_int_equal(x509_csr_make(key, name, &csr, &why), 0);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, role, name, 3600,
	    der, &id, &why), 0);
	buf_done(&csr);
}

static void
make_certificates(void)
{
	const struct tls_files f = {path(w.dir, "srv.key"),
	    path(w.dir, "srv.pem"), path(w.dir, "ca.pem"), NULL};
	struct buf der;

	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_ca_make(path(w.dir, "ca.key"), f.ca, "test",
	    &why), 0);
	assert_int_equal(x509_ca_load(path(w.dir, "ca.key"), f.ca, &w.ca,
	    &why), 0);
	assert_int_equal(x509_ca_make(path(w.dir, "other.key"),
	    path(w.dir, "other.pem"), "other", &why), 0);
	assert_int_equal(x509_ca_load(path(w.dir, "other.key"),
	    path(w.dir, "other.pem"), &w.other_ca, &why), 0);
	issue(w.ca, f.key, X509_SERVER, "collector", &der);
	assert_int_equal(x509_save(f.cert, der.data, der.len, &why), 0);
	buf_clear(&der);
	issue(w.ca, path(w.state, CREDENTIAL_NEXT), X509_AGENT, HOST_ID,
	    &der);
	assert_int_equal(credential_install(w.state, der.data, der.len,
	    &why), 0);
	buf_clear(&der);
	assert_int_equal(x509_ca_der(w.ca, &der), 0);
	assert_int_equal(x509_save(path(w.state, CREDENTIAL_CA), der.data,
	    der.len, &why), 0);
	buf_done(&der);
	if (tls_server_ctx(&f, true, &w.ctx, &why) != 0)
		fail_msg("%s", why.text);
}

/* -- the processes ----------------------------------------------------- */

static int
take(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *reason)
{
	(void)arg, (void)l, (void)payload, (void)len, (void)reason;
	if (fd != -1)
		close(fd);
	return 0;
}

#define TAKER(name, list, what)                                            \
	static int name(void *arg, struct link *l, const uint8_t *p,       \
	    size_t len, int fd, struct why *reason)                        \
	{                                                                  \
		see(&w.list, what, p, len);                                \
		return take(arg, l, p, len, fd, reason);                   \
	}
TAKER(take_ready, from_net, IPC_READY)
TAKER(take_order, at_enforcer, IPC_ORDER)
TAKER(take_confirm, at_enforcer, IPC_CONFIRM)
TAKER(take_prove, at_enforcer, IPC_PROVE)
TAKER(take_foreign, at_enforcer, IPC_FOREIGN_ASK)
TAKER(take_line, at_enforcer, IPC_LINE)
TAKER(take_run, at_sensors, IPC_CHECK_RUN)
TAKER(take_manifest, at_sensors, IPC_MANIFEST_ASK)
TAKER(take_snapshot, at_sensors, IPC_SNAPSHOT_ASK)
TAKER(take_preview, at_sensors, IPC_PREVIEW_ASK)
TAKER(take_sweep, at_sensors, IPC_SWEEP_ASK)
TAKER(take_full, at_sensors, IPC_SPOOL_FULL)
TAKER(take_taken, taken, IPC_TAKEN)

#define ANY LINK_PAYLOAD_MAX
static const struct link_kind parent_table[] = {
	{IPC_READY, "ready", 1, ANY, NULL, take_ready, false},
	{IPC_TAKEN, "taken", 1, 32, NULL, take_taken, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};
static const struct link_kind enforcer_table[] = {
	{IPC_ORDER, "order", 0, ANY, NULL, take_order, false},
	{IPC_CONFIRM, "confirm", 0, ANY, NULL, take_confirm, false},
	{IPC_PROVE, "prove", 0, 0, NULL, take_prove, false},
	{IPC_FOREIGN_ASK, "foreign", 0, ANY, NULL, take_foreign, false},
	{IPC_LINE, "line", 0, 0, NULL, take_line, false},
	{IPC_TAKEN, "taken", 1, 32, NULL, take_taken, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};
static const struct link_kind sensors_table[] = {
	{IPC_CHECK_RUN, "run", 0, ANY, NULL, take_run, false},
	{IPC_MANIFEST_ASK, "manifest", 0, ANY, NULL, take_manifest, false},
	{IPC_SNAPSHOT_ASK, "snapshot", 0, ANY, NULL, take_snapshot, false},
	{IPC_PREVIEW_ASK, "preview", 0, ANY, NULL, take_preview, false},
	{IPC_SWEEP_ASK, "sweep", 0, ANY, NULL, take_sweep, false},
	{IPC_SPOOL_FULL, "full", 0, 0, NULL, take_full, false},
	{IPC_TAKEN, "taken", 1, 32, NULL, take_taken, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
parent_ended(void *arg, struct link *l, const char *reason)
{
	(void)arg, (void)l;
	snprintf(w.parent_end, sizeof(w.parent_end), "%s", reason);
}

static void
sensors_ended(void *arg, struct link *l, const char *reason)
{
	(void)arg, (void)l;
	snprintf(w.sensors_end, sizeof(w.sensors_end), "%s", reason);
}

static struct link *
join(uint8_t peer, const struct link_kind *table)
{
	struct link *l;
	int fd[2];

	assert_int_equal(link_pair(fd, &why), 0);
	l = link_new(w.base, fd[0], "network", table, NULL,
	    peer == IPC_PEER_SENSORS ? sensors_ended : NULL);
	assert_non_null(l);
	assert_int_equal(link_send(w.parent, IPC_PEER, &peer, 1, fd[1]), 0);
	close(fd[1]);
	return l;
}

UNUSED static void
join_both(void)
{
	w.enforcer = join(IPC_PEER_ENFORCER, enforcer_table);
	w.sensors = join(IPC_PEER_SENSORS, sensors_table);
	pause_ms(30);
}

static void
ipc(struct link *l, uint32_t kind, const void *msg)
{
	const ProtobufCMessage *m = msg;
	uint8_t b[4096];

	assert_true(protobuf_c_message_get_packed_size(m) <= sizeof(b));
	assert_int_equal(link_send(l, kind, b,
	    protobuf_c_message_pack(m, b), -1), 0);
}

UNUSED static void
signal_from(struct link *l, const char *text, Cordon__Severity severity)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;

	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = severity;
	sig.text = (char *)(uintptr_t)text;
	ipc(l, IPC_SIGNAL, &sig);
}

static void
start(void)
{
	struct network_options o = {.base = w.base, .state_dir = w.state,
	    .settings = &w.settings, .begin_s = w.begin_s};
	int fd[2];

	assert_int_equal(link_pair(fd, &why), 0);
	w.parent = link_new(w.base, fd[0], "network", parent_table, NULL,
	    parent_ended);
	o.parent_fd = fd[1];
	if (network_new(&o, &w.net, &why) != 0)
		fail_msg("%s", why.text);
}

static void
endpoint(size_t i, uint16_t port)
{
	static uint8_t loopback[4] = {127, 0, 0, 1};

	cordon__endpoint__init(&w.ep[i]);
	w.ep[i].address.data = loopback;
	w.ep[i].address.len = 4;
	w.ep[i].prefix_len = 32;
	w.ep[i].protocol = 6;
	w.ep[i].port = port;
	w.ep[i].direction = CORDON__DIRECTION__DIRECTION_OUT;
	w.eps[i] = &w.ep[i];
}

static int
setup(void **state)
{
	int fd;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_LEVEL_ERROR);
	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/cordon-network-XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		return -1;
	snprintf(w.state, sizeof(w.state), "%s/state", w.dir);
	assert_int_equal(file_mkdir(w.state, 0700, &why), 0);
	w.base = event_base_new();
	make_certificates();
	w.listening = bind_any(&w.port);
	assert_int_equal(listen(w.listening, 8), 0);
	w.accept = event_new(w.base, w.listening, EV_READ | EV_PERSIST,
	    on_accept, NULL);
	event_add(w.accept, NULL);
	fd = bind_any(&w.dead_port); /* nobody will listen there */
	close(fd);
	w.welcome = w.beats = w.acks = true;
	w.heartbeat = 30;
	cordon__settings__init(&w.settings);
	w.settings.host_id = (char *)(uintptr_t)HOST_ID;
	w.settings.spool_max = 4 * 1024 * 1024;
	endpoint(0, w.port);
	w.settings.collectors = w.eps;
	w.settings.n_collectors = 1;
	return 0;
}

static int
teardown(void **state)
{
	char cmd[128];

	(void)state;
	network_free(&w.net);
	link_free(&w.parent);
	link_free(&w.enforcer);
	link_free(&w.sensors);
	if (w.conn != NULL)
		conn_end(w.conn, "test is over");
	event_free(w.accept);
	close(w.listening);
	tls_ctx_free(&w.ctx);
	x509_ca_free(&w.ca);
	x509_ca_free(&w.other_ca);
	event_base_free(w.base);
	forget(&w.frames);
	forget(&w.from_net);
	forget(&w.at_enforcer);
	forget(&w.at_sensors);
	forget(&w.taken);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w.dir);
	return system(cmd);
}

UNUSED static void
ask_checks(const char *run, size_t n, const char *const *checks)
{
	Cordon__CheckRun q = CORDON__CHECK_RUN__INIT;

	q.run_id = (char *)(uintptr_t)run;
	q.n_checks = n;
	q.checks = (char **)(uintptr_t)checks;
	send_frame(FRAME_CHECK_RUN, &q);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
