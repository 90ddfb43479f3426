/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole network process on one loop: a scripted collector over real TLS
 * on loopback at one side, parent, enforcer and sensors over real links at
 * the other.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
	char serial[42]; /* of the agent that came in last */
	char end[256];	 /* why its connection ended */
	bool welcome, beats, acks, renew;
	uint64_t committed;
	uint32_t heartbeat;
	/* the processes */
	struct link *parent, *enforcer, *sensors;
	struct seen_list from_net, at_enforcer, at_sensors;
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

static int
bind_any(uint16_t *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

/* -- certificates ------------------------------------------------------ */

static const char *
path(const char *in, const char *name)
{
	static char out[64][160];
	static int next;

	next = (next + 1) % 64;
	snprintf(out[next], sizeof(out[next]), "%s/%s", in, name);
	return out[next];
}

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
TAKER(take_full, at_sensors, IPC_SPOOL_FULL)

#define ANY LINK_PAYLOAD_MAX
static const struct link_kind parent_table[] = {
	{IPC_READY, "ready", 1, ANY, NULL, take_ready, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};
static const struct link_kind enforcer_table[] = {
	{IPC_ORDER, "order", 0, ANY, NULL, take_order, false},
	{IPC_CONFIRM, "confirm", 0, ANY, NULL, take_confirm, false},
	{IPC_PROVE, "prove", 0, 0, NULL, take_prove, false},
	{IPC_FOREIGN_ASK, "foreign", 0, ANY, NULL, take_foreign, false},
	{IPC_LINE, "line", 0, 0, NULL, take_line, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};
static const struct link_kind sensors_table[] = {
	{IPC_CHECK_RUN, "run", 0, ANY, NULL, take_run, false},
	{IPC_MANIFEST_ASK, "manifest", 0, ANY, NULL, take_manifest, false},
	{IPC_SNAPSHOT_ASK, "snapshot", 0, ANY, NULL, take_snapshot, false},
	{IPC_PREVIEW_ASK, "preview", 0, ANY, NULL, take_preview, false},
	{IPC_SPOOL_FULL, "full", 0, 0, NULL, take_full, false},
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

static void
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

static void
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
	    .settings = &w.settings};
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
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w.dir);
	return system(cmd);
}

/* -- tests ------------------------------------------------------------- */

/* The item ID among N; NULL: it is not there.  Others are the network
 * process's own. */
static Cordon__ReadinessItem *
item_of(Cordon__ReadinessItem **items, size_t n, const char *id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(items[i]->id, id) == 0)
			return items[i];
	return NULL;
}

static void
test_hello(void **state)
{
	Cordon__ReadinessItem *r;
	Cordon__State st = CORDON__STATE__INIT;
	Cordon__ReadinessItem item = CORDON__READINESS_ITEM__INIT;
	const struct seen *f;
	Cordon__Hello *h;

	(void)state;
	start();
	UNTIL(nth(&w.from_net, IPC_READY, 0) != NULL);
	w.enforcer = join(IPC_PEER_ENFORCER, enforcer_table);
	st.epoch = 7;
	st.profile = CORDON__PROFILE__PROFILE_OPEN;
	ipc(w.enforcer, IPC_STATE, &st);
	item.id = (char *)(uintptr_t)"owner-flag";
	item.ok = true;
	ipc(w.enforcer, IPC_READINESS, &item);
	item.ok = false;
	item.text = (char *)(uintptr_t)"bad \x01 byte";
	ipc(w.enforcer, IPC_READINESS, &item);
	UNTIL(w.hellos == 1);
	/* The first may have been too early to know; the next is not. */
	forget(&w.frames);
	conn_end(w.conn, "once more");
	UNTIL((f = nth(&w.frames, FRAME_HELLO, 0)) != NULL);
	h = cordon__hello__unpack(NULL, f->len, f->data);
	assert_non_null(h);
	assert_int_equal(h->version, 1);
	assert_string_equal(h->host_id, HOST_ID);
	assert_string_equal(h->agent_version, CORDON_VERSION);
	assert_int_equal(strlen(h->boot_id), 36);
	assert_int_equal(h->spool_next, 1);
	assert_int_equal(h->spool_first, 1);
	assert_non_null(h->state);
	assert_int_equal(h->state->epoch, 7);
	r = item_of(h->readiness, h->n_readiness, "owner-flag");
	assert_non_null(r);
	assert_false(r->ok);
	assert_string_equal(r->text, "bad \\x01 byte");
	cordon__hello__free_unpacked(h, NULL);
}

/* In the newest readiness frame. */
static bool
told_so(const char *id, bool ok, Cordon__ReadinessLevel level)
{
	const struct seen *f;
	Cordon__Readiness *r;
	Cordon__ReadinessItem *item;
	bool same;
	int n = 0;

	while (nth(&w.frames, FRAME_READINESS, n) != NULL)
		n++;
	f = n > 0 ? nth(&w.frames, FRAME_READINESS, n - 1) : NULL;
	r = f == NULL ? NULL : cordon__readiness__unpack(NULL, f->len,
	    f->data);
	if (r == NULL)
		return false;
	item = item_of(r->items, r->n_items, id);
	same = item != NULL && item->ok == ok && item->level == level;
	cordon__readiness__free_unpacked(r, NULL);
	return same;
}

static size_t
count_readiness(void)
{
	int n = 0;

	while (nth(&w.frames, FRAME_READINESS, n) != NULL)
		n++;
	return (size_t)n;
}

/* What changes while the line is up is told; what stays the same is not. */
static void
test_readiness(void **state)
{
	Cordon__ReadinessItem item = CORDON__READINESS_ITEM__INIT;
	size_t before;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	item.id = (char *)(uintptr_t)"network-root";
	item.level = CORDON__READINESS_LEVEL__READINESS_BLOCKS;
	ipc(w.sensors, IPC_READINESS, &item);
	UNTIL(told_so("network-root", false,
	    CORDON__READINESS_LEVEL__READINESS_BLOCKS));
	pause_ms(2200); /* its own looks at way, certificate and clock */
	before = count_readiness();
	ipc(w.sensors, IPC_READINESS, &item);
	pause_ms(1200); /* a look at it a second */
	assert_int_equal(count_readiness(), before);
	item.ok = true;
	item.level = CORDON__READINESS_LEVEL__READINESS_WEAKER;
	ipc(w.enforcer, IPC_READINESS, &item);
	UNTIL(told_so("network-root", true,
	    CORDON__READINESS_LEVEL__READINESS_WEAKER));
	/* The collector is at 127.0.0.1: no tunnel on the way. */
	assert_true(told_so("collector-route", true,
	    CORDON__READINESS_LEVEL__READINESS_WEAKER));
	assert_true(told_so("certificate", true,
	    CORDON__READINESS_LEVEL__READINESS_WEAKER));
}

static uint64_t
count_signals(uint64_t first)
{
	Cordon__SignalBatch *b;
	uint64_t next = first;
	size_t i, k;

	for (i = 0; i < w.frames.n; i++) {
		if (w.frames.item[i].kind != FRAME_SIGNALS)
			continue;
		b = cordon__signal_batch__unpack(NULL, w.frames.item[i].len,
		    w.frames.item[i].data);
		assert_non_null(b);
		for (k = 0; k < b->n_signals; k++)
			assert_int_equal(b->signals[k]->number, next++);
		cordon__signal_batch__free_unpacked(b, NULL);
	}
	return next - first;
}

static void
test_signals(void **state)
{
	char text[32];
	int i;

	(void)state;
	w.acks = false;
	start();
	join_both();
	for (i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		signal_from(w.sensors, text, CORDON__SEVERITY__SEVERITY_LOW);
	}
	signal_from(w.enforcer, "severe", CORDON__SEVERITY__SEVERITY_HIGH);
	signal_from(w.parent, "parent's", CORDON__SEVERITY__SEVERITY_INFO);
	UNTIL(count_signals(1) == 42);
	/* Not acknowledged: all come again, from what was committed on. */
	forget(&w.frames);
	w.committed = 10;
	w.acks = true;
	conn_end(w.conn, "line breaks");
	UNTIL(count_signals(11) == 32);
	UNTIL(w.committed == 42);
	/* Acknowledged: nothing comes again. */
	pause_ms(100);
	forget(&w.frames);
	conn_end(w.conn, "line breaks");
	UNTIL(w.hellos == 3);
	pause_ms(200);
	assert_int_equal(count_signals(43), 0);
}

/* A batch a window, a thousand a batch, over restarts of the process. */
static void
test_many_signals(void **state)
{
	uint64_t want = 7000;
	uint64_t i;

	(void)state;
	w.welcome = false;
	start();
	join_both();
	for (i = 0; i < want; i++) {
		signal_from(w.sensors, "one of many",
		    CORDON__SEVERITY__SEVERITY_LOW);
		if (i % 50 == 0)
			turn(1);
	}
	pause_ms(300);
	network_free(&w.net);
	link_free(&w.parent);
	link_free(&w.enforcer);
	link_free(&w.sensors);
	forget(&w.frames);
	w.welcome = true;
	start();
	UNTIL(w.committed == want);
	assert_int_equal(count_signals(1), want);
}

static void
make_mode(struct buf *out, Cordon__Profile profile, const char *id,
    Cordon__Mode mode)
{
	Cordon__SignedOrder s = CORDON__SIGNED_ORDER__INIT;
	Cordon__OrderBody b = CORDON__ORDER_BODY__INIT;
	uint8_t body[512], *at;

	b.order_id = (char *)(uintptr_t)id;
	b.profile = profile;
	b.mode = mode;
	s.body.data = body;
	s.body.len = cordon__order_body__pack(&b, body);
	assert_int_equal(buf_reserve(out,
	    cordon__signed_order__get_packed_size(&s), &at), 0);
	buf_grow(out, cordon__signed_order__pack(&s, at));
}

static void
make_order(struct buf *out, Cordon__Profile profile, const char *id)
{
	make_mode(out, profile, id, CORDON__MODE__MODE_ENFORCE);
}

static void
check_order(int n, const struct buf *want)
{
	const struct seen *s = nth(&w.at_enforcer, IPC_ORDER, n);
	Cordon__OrderIn *in;

	assert_non_null(s);
	in = cordon__order_in__unpack(NULL, s->len, s->data);
	assert_non_null(in);
	assert_int_equal(in->order.len, want->len);
	assert_memory_equal(in->order.data, want->data, want->len);
	cordon__order_in__free_unpacked(in, NULL);
}

static void
test_orders(void **state)
{
	struct buf strict, open, rubbish;
	Cordon__Confirm c = CORDON__CONFIRM__INIT;

	(void)state;
	buf_init(&strict, 4096);
	buf_init(&open, 4096);
	buf_init(&rubbish, 4096);
	make_order(&strict, CORDON__PROFILE__PROFILE_STRICT, "O-00000001");
	make_order(&open, CORDON__PROFILE__PROFILE_OPEN, "O-00000002");
	assert_int_equal(buf_add(&rubbish, "\xff\xff rubbish", 10), 0);
	start();
	join_both();
	UNTIL(w.hellos == 1);
	conn_send(w.conn, FRAME_ORDER, strict.data, strict.len);
	UNTIL(nth(&w.at_sensors, IPC_SNAPSHOT_ASK, 0) != NULL);
	check_order(0, &strict);
	/* The same once more: handed on, but no second snapshot. */
	conn_send(w.conn, FRAME_ORDER, strict.data, strict.len);
	conn_send(w.conn, FRAME_ORDER, open.data, open.len);
	/* Not for us to judge: the enforcer says what it thinks of it. */
	conn_send(w.conn, FRAME_ORDER, rubbish.data, rubbish.len);
	c.order_id = (char *)(uintptr_t)"O-00000001";
	send_frame(FRAME_CONFIRM, &c);
	UNTIL(nth(&w.at_enforcer, IPC_CONFIRM, 0) != NULL);
	check_order(1, &strict);
	check_order(2, &open);
	check_order(3, &rubbish);
	pause_ms(50);
	assert_null(nth(&w.at_sensors, IPC_SNAPSHOT_ASK, 1));
	/* The enforcer is away for a moment: nothing is lost. */
	link_free(&w.enforcer);
	pause_ms(50);
	forget(&w.at_enforcer);
	conn_send(w.conn, FRAME_ORDER, open.data, open.len);
	pause_ms(50);
	w.enforcer = join(IPC_PEER_ENFORCER, enforcer_table);
	UNTIL(nth(&w.at_enforcer, IPC_ORDER, 0) != NULL);
	check_order(0, &open);
	assert_int_equal(w.hellos, 1);
	buf_done(&strict);
	buf_done(&open);
	buf_done(&rubbish);
}

/*
 * Beside a dry drill the flows are asked for, and no snapshot of a drill is
 * taken: nobody is suspected.
 */
static void
test_drills(void **state)
{
	struct buf dry, live;
	const struct seen *s;
	Cordon__PreviewAsk *ask;

	(void)state;
	buf_init(&dry, 4096);
	buf_init(&live, 4096);
	make_mode(&dry, CORDON__PROFILE__PROFILE_STRICT, "O-00000001",
	    CORDON__MODE__MODE_DRILL_DRY);
	make_mode(&live, CORDON__PROFILE__PROFILE_STRICT, "O-00000002",
	    CORDON__MODE__MODE_DRILL_LIVE);
	start();
	join_both();
	UNTIL(w.hellos == 1);
	conn_send(w.conn, FRAME_ORDER, live.data, live.len);
	conn_send(w.conn, FRAME_ORDER, dry.data, dry.len);
	UNTIL((s = nth(&w.at_sensors, IPC_PREVIEW_ASK, 0)) != NULL);
	check_order(0, &live);
	check_order(1, &dry);
	ask = cordon__preview_ask__unpack(NULL, s->len, s->data);
	assert_non_null(ask);
	assert_string_equal(ask->ask_id, "O-00000001");
	assert_int_equal(ask->profile, CORDON__PROFILE__PROFILE_STRICT);
	cordon__preview_ask__free_unpacked(ask, NULL);
	assert_null(nth(&w.at_sensors, IPC_PREVIEW_ASK, 1));
	assert_null(nth(&w.at_sensors, IPC_SNAPSHOT_ASK, 0));
	buf_done(&dry);
	buf_done(&live);
}

/* A preview goes to the sensors and back; without them it fails at once. */
static void
test_preview(void **state)
{
	Cordon__PreviewAsk ask = CORDON__PREVIEW_ASK__INIT;
	Cordon__Preview p = CORDON__PREVIEW__INIT, *got;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	ask.ask_id = (char *)(uintptr_t)"V-1";
	ask.profile = CORDON__PROFILE__PROFILE_STRICT;
	send_frame(FRAME_PREVIEW_ASK, &ask);
	UNTIL(nth(&w.at_sensors, IPC_PREVIEW_ASK, 0) != NULL);
	p.ask_id = ask.ask_id;
	p.cut = 7;
	ipc(w.sensors, IPC_PREVIEW, &p);
	UNTIL((s = nth(&w.frames, FRAME_PREVIEW, 0)) != NULL);
	got = cordon__preview__unpack(NULL, s->len, s->data);
	assert_non_null(got);
	assert_int_equal(got->cut, 7);
	cordon__preview__free_unpacked(got, NULL);
	link_free(&w.sensors);
	pause_ms(50);
	send_frame(FRAME_PREVIEW_ASK, &ask);
	UNTIL((s = nth(&w.frames, FRAME_PREVIEW, 1)) != NULL);
	got = cordon__preview__unpack(NULL, s->len, s->data);
	assert_string_equal(got->ask_id, "V-1");
	assert_string_not_equal(got->why, "");
	cordon__preview__free_unpacked(got, NULL);
}

/* An order may be the very first thing, even before Welcome. */
static void
test_order_before_welcome(void **state)
{
	struct buf strict;

	(void)state;
	buf_init(&strict, 4096);
	make_order(&strict, CORDON__PROFILE__PROFILE_STRICT, "O-00000001");
	w.welcome = false;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	conn_send(w.conn, FRAME_ORDER, strict.data, strict.len);
	UNTIL(nth(&w.at_enforcer, IPC_ORDER, 0) != NULL);
	check_order(0, &strict);
	buf_done(&strict);
}

/* -- checks */

static void
ask_checks(const char *run, size_t n, const char *const *checks)
{
	Cordon__CheckRun q = CORDON__CHECK_RUN__INIT;

	q.run_id = (char *)(uintptr_t)run;
	q.n_checks = n;
	q.checks = (char **)(uintptr_t)checks;
	send_frame(FRAME_CHECK_RUN, &q);
}

static void
result_from_sensors(const char *run, const char *check, bool last)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;

	r.run_id = (char *)(uintptr_t)run;
	r.check_id = (char *)(uintptr_t)check;
	r.outcome = CORDON__CHECK_OUTCOME__CHECK_PASS;
	r.last = last;
	ipc(w.sensors, IPC_CHECK_RESULT, &r);
}

static void
expect_result(int n, const char *check, Cordon__CheckOutcome outcome,
    bool last)
{
	Cordon__CheckResult *r;
	const struct seen *s;

	UNTIL((s = nth(&w.frames, FRAME_CHECK_RESULT, n)) != NULL);
	r = cordon__check_result__unpack(NULL, s->len, s->data);
	assert_non_null(r);
	assert_string_equal(r->check_id, check);
	assert_int_equal(r->outcome, outcome);
	assert_int_equal(r->last, last);
	cordon__check_result__free_unpacked(r, NULL);
}

#define PASS CORDON__CHECK_OUTCOME__CHECK_PASS
#define FAIL CORDON__CHECK_OUTCOME__CHECK_FAIL
#define UNKNOWN CORDON__CHECK_OUTCOME__CHECK_UNKNOWN

static void
test_checks(void **state)
{
	static const char *const checks[] = {"G01", "G15", "G06", "G01"};
	Cordon__Foreign f = CORDON__FOREIGN__INIT;
	Cordon__CheckRun *q;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	ask_checks("R-00000001", 4, checks);
	UNTIL((s = nth(&w.at_sensors, IPC_CHECK_RUN, 0)) != NULL);
	q = cordon__check_run__unpack(NULL, s->len, s->data);
	assert_int_equal(q->n_checks, 2);
	assert_string_equal(q->checks[0], "G01");
	assert_string_equal(q->checks[1], "G06");
	cordon__check_run__free_unpacked(q, NULL);
	UNTIL(nth(&w.at_enforcer, IPC_FOREIGN_ASK, 0) != NULL);
	/* The sensors cannot answer for the enforcer, nor twice. */
	result_from_sensors("R-00000001", "G15", true);
	result_from_sensors("R-00000001", "G06", true);
	result_from_sensors("R-00000001", "G06", true);
	result_from_sensors("R-99999999", "G01", true);
	expect_result(0, "G06", PASS, false);
	f.run_id = (char *)(uintptr_t)"R-00000001";
	f.known = true;
	ipc(w.enforcer, IPC_FOREIGN, &f);
	expect_result(1, "G15", FAIL, false);
	result_from_sensors("R-00000001", "G01", false);
	expect_result(2, "G01", PASS, true);
	pause_ms(50);
	assert_null(nth(&w.frames, FRAME_CHECK_RESULT, 3));
}

static const struct {
	bool same, known;
	Cordon__CheckOutcome outcome;
} foreigns[] = {
	{true, true, PASS},
	{false, true, FAIL},
	{true, false, UNKNOWN},
	{false, false, UNKNOWN},
};

static void
test_foreign_answers(void **state)
{
	static const char *const checks[] = {"G15"};
	Cordon__Foreign f = CORDON__FOREIGN__INIT;
	size_t i;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	for (i = 0; i < sizeof(foreigns) / sizeof(foreigns[0]); i++) {
		ask_checks("R-00000001", 1, checks);
		UNTIL(nth(&w.at_enforcer, IPC_FOREIGN_ASK, (int)i) != NULL);
		f.run_id = (char *)(uintptr_t)"R-00000001";
		f.same = foreigns[i].same;
		f.known = foreigns[i].known;
		ipc(w.enforcer, IPC_FOREIGN, &f);
		expect_result((int)i, "G15", foreigns[i].outcome, true);
	}
}

/* Who should answer is not there, or goes away: unknown, and the run ends. */
static void
test_checks_without_answer(void **state)
{
	static const char *const checks[] = {"G01", "G15"};

	(void)state;
	start();
	UNTIL(w.hellos == 1);
	ask_checks("R-00000001", 2, checks);
	expect_result(0, "G01", UNKNOWN, false);
	expect_result(1, "G15", UNKNOWN, true);
	join_both();
	ask_checks("R-00000002", 2, checks);
	UNTIL(nth(&w.at_sensors, IPC_CHECK_RUN, 0) != NULL);
	link_free(&w.sensors);
	expect_result(2, "G01", UNKNOWN, false);
	link_free(&w.enforcer);
	expect_result(3, "G15", UNKNOWN, true);
}

/* -- what waits while the line is down */

static void
test_kept_while_down(void **state)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;
	Cordon__Proof p = CORDON__PROOF__INIT;
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT;
	Cordon__SnapshotChunk sn = CORDON__SNAPSHOT_CHUNK__INIT;
	Cordon__ManifestChunk *mc;
	Cordon__Proof *got;
	const struct seen *s;
	uint64_t i;

	(void)state;
	w.welcome = false;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	a.order_id = (char *)(uintptr_t)"O-00000001";
	ipc(w.enforcer, IPC_ANSWER, &a);
	p.order_id = a.order_id;
	for (i = 1; i <= 50; i++) {
		p.epoch = i;
		ipc(w.enforcer, IPC_PROOF, &p);
	}
	sn.order_id = a.order_id;
	sn.last = true;
	ipc(w.sensors, IPC_SNAPSHOT, &sn);
	m.manifest_id = (char *)(uintptr_t)"M-00000001";
	for (i = 0; i < 3; i++) {
		m.sequence = (uint32_t)i;
		m.last = i == 2;
		ipc(w.sensors, IPC_MANIFEST, &m);
	}
	pause_ms(100);
	w.welcome = true;
	forget(&w.frames);
	conn_end(w.conn, "line breaks");
	UNTIL(nth(&w.frames, FRAME_MANIFEST, 0) != NULL);
	pause_ms(50);
	assert_non_null(nth(&w.frames, FRAME_ORDER_ANSWER, 0));
	assert_null(nth(&w.frames, FRAME_ORDER_ANSWER, 1));
	assert_non_null(nth(&w.frames, FRAME_SNAPSHOT, 0));
	s = nth(&w.frames, FRAME_PROOF, 0);
	assert_non_null(s);
	assert_null(nth(&w.frames, FRAME_PROOF, 1));
	got = cordon__proof__unpack(NULL, s->len, s->data);
	assert_int_equal(got->epoch, 50);
	cordon__proof__free_unpacked(got, NULL);
	/* A manifest with holes is no manifest: one word that it failed. */
	s = nth(&w.frames, FRAME_MANIFEST, 0);
	assert_null(nth(&w.frames, FRAME_MANIFEST, 1));
	mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_true(mc->last);
	assert_int_equal(mc->digest.len, 0);
	assert_true(strlen(mc->why) > 0);
	cordon__manifest_chunk__free_unpacked(mc, NULL);
}

static void
test_manifest(void **state)
{
	Cordon__ManifestAsk q = CORDON__MANIFEST_ASK__INIT;
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT, *mc;
	const struct seen *s;
	uint32_t i;

	(void)state;
	start();
	UNTIL(w.hellos == 1);
	q.manifest_id = (char *)(uintptr_t)"M-00000001";
	send_frame(FRAME_MANIFEST_ASK, &q);
	UNTIL((s = nth(&w.frames, FRAME_MANIFEST, 0)) != NULL);
	mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_true(mc->last && strlen(mc->why) > 0);
	cordon__manifest_chunk__free_unpacked(mc, NULL);
	join_both();
	q.manifest_id = (char *)(uintptr_t)"M-00000002";
	send_frame(FRAME_MANIFEST_ASK, &q);
	UNTIL(nth(&w.at_sensors, IPC_MANIFEST_ASK, 0) != NULL);
	m.manifest_id = q.manifest_id;
	for (i = 0; i < 5; i++) {
		m.sequence = i;
		ipc(w.sensors, IPC_MANIFEST, &m);
	}
	UNTIL(nth(&w.frames, FRAME_MANIFEST, 5) != NULL);
	s = nth(&w.frames, FRAME_MANIFEST, 5);
	mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_int_equal(mc->sequence, 4);
	cordon__manifest_chunk__free_unpacked(mc, NULL);
}

static int
send_chunk(uint32_t i, bool last)
{
	static uint8_t data[60000], packed[64000];
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT;

	m.manifest_id = (char *)(uintptr_t)"M-00000003";
	m.sequence = i;
	m.last = last;
	m.data.data = data;
	m.data.len = sizeof(data);
	return link_send(w.sensors, IPC_MANIFEST, packed,
	    cordon__manifest_chunk__pack(&m, packed), -1);
}

/* Far more than may wait, while the collector does not read for a time. */
static void
test_large_manifest(void **state)
{
	Cordon__ManifestChunk *mc;
	const struct seen *s;
	uint32_t i;

	(void)state;
	start();
	join_both();
	UNTIL(nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
	forget(&w.frames);
	conn_pause(w.conn, true);
	for (i = 0; i < 240; i++) {
		while (send_chunk(i, i == 239) == ERR_LIMIT) {
			turn(1);
			/* It is full to the brim: the collector reads again. */
			conn_pause(w.conn, false);
		}
		if (i % 10 == 0)
			turn(1);
	}
	UNTIL(w.frames.n >= 240);
	for (i = 0; i < 240; i++) {
		s = nth(&w.frames, FRAME_MANIFEST, (int)i);
		assert_non_null(s);
		mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
		assert_int_equal(mc->sequence, i);
		assert_string_equal(mc->why, "");
		cordon__manifest_chunk__free_unpacked(mc, NULL);
	}
	assert_string_equal(w.sensors_end, "");
}

/* -- what a collector may not do */

static void
bad_kind(void)
{
	Cordon__Hello m = CORDON__HELLO__INIT;

	send_frame(FRAME_HELLO, &m);
}

static void
second_welcome(void)
{
	send_welcome();
}

static void
wrong_beat(void)
{
	Cordon__HeartbeatAck m = CORDON__HEARTBEAT_ACK__INIT;

	m.sequence = 99;
	send_frame(FRAME_HEARTBEAT_ACK, &m);
}

static void
ack_of_the_unsent(void)
{
	Cordon__SignalsAck m = CORDON__SIGNALS_ACK__INIT;

	m.number = 1000;
	send_frame(FRAME_SIGNALS_ACK, &m);
}

static void
cert_not_asked(void)
{
	Cordon__CertIssued m = CORDON__CERT_ISSUED__INIT;

	send_frame(FRAME_CERT_ISSUED, &m);
}

static void
empty_run(void)
{
	ask_checks("R-00000001", 0, NULL);
}

static void
run_without_id(void)
{
	static const char *const checks[] = {"G01"};

	ask_checks("", 1, checks);
}

static void
run_of_many(void)
{
	const char *checks[65];
	size_t i;

	for (i = 0; i < 65; i++)
		checks[i] = "G01";
	ask_checks("R-00000001", 65, checks);
}

static void
garbage(uint16_t kind)
{
	assert_int_equal(conn_send(w.conn, kind, "\xff\xff\xff", 3), 0);
}

static void
garbage_confirm(void)
{
	garbage(FRAME_CONFIRM);
}

static void
garbage_witness(void)
{
	garbage(FRAME_WITNESS_ASK);
}

static void
garbage_manifest(void)
{
	garbage(FRAME_MANIFEST_ASK);
}

static void
empty_order(void)
{
	assert_int_equal(conn_send(w.conn, FRAME_ORDER, "", 0), 0);
}

static void
long_order(void)
{
	uint8_t *b = calloc(1, 32 * 1024);

	/* As long as a frame may be: handed on, and no harm. */
	assert_int_equal(conn_send(w.conn, FRAME_ORDER, b, 32 * 1024), 0);
	free(b);
}

static void
refused(void)
{
	Cordon__Refused m = CORDON__REFUSED__INIT;

	m.code = (char *)(uintptr_t)"revoked";
	send_frame(FRAME_REFUSED, &m);
}

static const struct {
	const char *what;
	void (*act)(void);
	bool ends;
} offences[] = {
	{"a kind that is the agent's", bad_kind, true},
	{"welcome twice", second_welcome, true},
	{"heartbeat that was not sent", wrong_beat, true},
	{"signals that were not sent", ack_of_the_unsent, true},
	{"certificate that was not asked for", cert_not_asked, true},
	{"run without checks", empty_run, true},
	{"run without id", run_without_id, true},
	{"run of 65 checks", run_of_many, true},
	{"garbage confirm", garbage_confirm, true},
	{"garbage witness-ask", garbage_witness, true},
	{"garbage manifest-ask", garbage_manifest, true},
	{"empty order", empty_order, true},
	{"longest order", long_order, false},
	{"refused", refused, true},
};

static void
test_offences(void **state)
{
	size_t i;
	int was;

	(void)state;
	start();
	join_both();
	for (i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
		UNTIL(w.conn != NULL &&
		    nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
		pause_ms(20);
		was = w.hellos;
		forget(&w.frames);
		offences[i].act();
		if (offences[i].ends) {
			UNTIL(w.conn == NULL);
		} else {
			pause_ms(100);
			assert_int_equal(w.hellos, was);
		}
		print_message("    %s\n", offences[i].what);
		/* Keeps the waits between the tries short. */
		network_free(&w.net);
		link_free(&w.parent);
		link_free(&w.enforcer);
		link_free(&w.sensors);
		start();
		join_both();
	}
}

static const struct {
	const char *what;
	uint32_t seconds;
} beats[] = {{"no heartbeat", 0}, {"too long", 3601}};

static void
test_bad_welcome(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(beats) / sizeof(beats[0]); i++) {
		w.heartbeat = beats[i].seconds;
		w.hellos = 0;
		if (w.net == NULL)
			start();
		UNTIL(w.hellos >= 2);
		assert_null(nth(&w.frames, FRAME_HEARTBEAT, 0));
	}
}

/* -- the line */

static void
test_heartbeats_lost(void **state)
{
	int64_t began;

	(void)state;
	w.heartbeat = 1;
	w.beats = false;
	start();
	UNTIL(w.hellos == 1);
	began = clock_boot_ms();
	UNTIL(w.hellos == 2);
	assert_true(clock_boot_ms() - began >= 2900);
	/* At the start, and after each second while there was patience. */
	assert_true(nth(&w.frames, FRAME_HEARTBEAT, 2) != NULL);
}

static void
test_heartbeat_on_change(void **state)
{
	Cordon__State st = CORDON__STATE__INIT;
	Cordon__Heartbeat *hb;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
	st.epoch = 12;
	st.profile = CORDON__PROFILE__PROFILE_STRICT;
	ipc(w.enforcer, IPC_STATE, &st);
	UNTIL((s = nth(&w.frames, FRAME_HEARTBEAT, 1)) != NULL);
	hb = cordon__heartbeat__unpack(NULL, s->len, s->data);
	assert_int_equal(hb->sequence, 2);
	assert_int_equal(hb->state->epoch, 12);
	assert_true(hb->rss_kib > 0);
	cordon__heartbeat__free_unpacked(hb, NULL);
	/* The enforcer learns that the collector was heard. */
	assert_non_null(nth(&w.at_enforcer, IPC_LINE, 0));
	/* Isolated and connected again: a proof is asked for. */
	assert_null(nth(&w.at_enforcer, IPC_PROVE, 0));
	conn_end(w.conn, "line breaks");
	UNTIL(nth(&w.at_enforcer, IPC_PROVE, 0) != NULL);
}

static void
test_next_address(void **state)
{
	(void)state;
	endpoint(0, w.dead_port);
	endpoint(1, w.port);
	w.settings.n_collectors = 2;
	start();
	UNTIL(w.hellos == 1);
	/* The one that worked is the first to be tried again. */
	conn_end(w.conn, "line breaks");
	UNTIL(w.hellos == 2);
}

/* Learnt from Welcome, used after a restart when the pinned one is dead. */
static void
test_learnt_address(void **state)
{
	Cordon__Welcome m = CORDON__WELCOME__INIT;

	(void)state;
	w.welcome = false;
	start();
	UNTIL(w.hellos == 1);
	m.heartbeat_seconds = 30;
	m.n_collectors = 1;
	m.collectors = w.eps;
	send_frame(FRAME_WELCOME, &m);
	UNTIL(nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
	network_free(&w.net);
	link_free(&w.parent);
	endpoint(1, w.dead_port);
	w.eps[0] = &w.ep[1];
	start();
	UNTIL(w.hellos == 2);
}

/* What the order in force names counts, and nothing else. */
static void
test_pinned(void **state)
{
	Cordon__Pinned m = CORDON__PINNED__INIT;
	Cordon__Endpoint *dead[1], *both[2];

	(void)state;
	endpoint(1, w.dead_port);
	dead[0] = both[0] = &w.ep[1];
	both[1] = &w.ep[0];
	start();
	UNTIL(w.hellos == 1);
	join_both();
	/* The one in use is among them: nothing happens. */
	m.collectors = both;
	m.n_collectors = 2;
	ipc(w.enforcer, IPC_PINNED, &m);
	pause_ms(100);
	assert_non_null(w.conn);
	m.collectors = dead;
	m.n_collectors = 1;
	ipc(w.enforcer, IPC_PINNED, &m);
	UNTIL(w.conn == NULL);
	pause_ms(1500);
	assert_int_equal(w.hellos, 1);
	/* Open again: the lists of enrolment and Welcome. */
	m.n_collectors = 0;
	ipc(w.enforcer, IPC_PINNED, &m);
	UNTIL(w.hellos == 2);
}

static void
test_wrong_collector(void **state)
{
	const struct tls_files f = {path(w.dir, "bad.key"),
	    path(w.dir, "bad.pem"), path(w.dir, "other.pem"), NULL};
	struct buf der;

	(void)state;
	buf_init(&der, X509_DER_MAX);
	issue(w.other_ca, f.key, X509_SERVER, "collector", &der);
	assert_int_equal(x509_save(f.cert, der.data, der.len, &why), 0);
	buf_done(&der);
	tls_ctx_free(&w.ctx);
	assert_int_equal(tls_server_ctx(&f, false, &w.ctx, &why), 0);
	start();
	UNTIL(w.end[0] != '\0');
	assert_int_equal(w.hellos, 0);
}

/* -- renewal */

static void
answer_request(struct x509_ca *ca, const char *name, bool own_key)
{
	Cordon__CertIssued m = CORDON__CERT_ISSUED__INIT;
	Cordon__CertRequest *q;
	const struct seen *s;
	struct x509_id id;
	struct buf der;

	UNTIL((s = nth(&w.frames, FRAME_CERT_REQUEST, 0)) != NULL);
	q = cordon__cert_request__unpack(NULL, s->len, s->data);
	assert_non_null(q);
	buf_init(&der, X509_DER_MAX);
	if (own_key)
		assert_int_equal(x509_issue(ca, q->csr_der.data,
		    q->csr_der.len, X509_AGENT, name, 3600, &der, &id, &why),
		    0);
	else
		issue(ca, path(w.dir, "stranger.key"), X509_AGENT, name,
		    &der);
	cordon__cert_request__free_unpacked(q, NULL);
	m.cert_der.data = der.data;
	m.cert_der.len = der.len;
	send_frame(FRAME_CERT_ISSUED, &m);
	buf_done(&der);
}

static void
own_serial(char out[42])
{
	struct x509_id id;

	assert_int_equal(x509_read_file(path(w.state, CREDENTIAL_FILE), &id,
	    &why), 0);
	strcpy(out, id.serial);
}

static void
test_renewal(void **state)
{
	char before[42], after[42];

	(void)state;
	w.renew = true;
	own_serial(before);
	start();
	UNTIL(w.hellos == 1);
	assert_string_equal(w.serial, before);
	w.renew = false;
	answer_request(w.ca, HOST_ID, true);
	UNTIL(w.hellos == 2);
	own_serial(after);
	assert_string_not_equal(before, after);
	assert_string_equal(w.serial, after);
	assert_false(file_exists(path(w.state, CREDENTIAL_NEXT)));
}

static bool
signal_came(const char *kind)
{
	Cordon__SignalBatch *b;
	const struct seen *s;
	bool found = false;
	int i;
	size_t k;

	for (i = 0; (s = nth(&w.frames, FRAME_SIGNALS, i)) != NULL; i++) {
		b = cordon__signal_batch__unpack(NULL, s->len, s->data);
		assert_non_null(b);
		for (k = 0; k < b->n_signals; k++)
			found |= strcmp(b->signals[k]->kind, kind) == 0;
		cordon__signal_batch__free_unpacked(b, NULL);
	}
	return found;
}

/* Ours is too old for the collector: nothing is said but the request. */
static void
test_renew_first(void **state)
{
	Cordon__RenewFirst m = CORDON__RENEW_FIRST__INIT;
	char before[42], after[42];

	(void)state;
	w.welcome = false;
	own_serial(before);
	start();
	UNTIL(w.hellos == 1);
	m.server_time_ms = clock_wall_ms();
	send_frame(FRAME_RENEW_FIRST, &m);
	answer_request(w.ca, HOST_ID, true);
	w.welcome = true;
	UNTIL(w.hellos == 2);
	assert_null(nth(&w.frames, FRAME_HEARTBEAT, 0));
	assert_null(nth(&w.frames, FRAME_SIGNALS, 0));
	own_serial(after);
	assert_string_not_equal(before, after);
	assert_string_equal(w.serial, after);
	UNTIL(signal_came("agent.certificate"));
}

/* By the collector's time, not by a clock that is a year ahead. */
static void
test_renewal_by_their_time(void **state)
{
	struct clock_fake ahead = {clock_wall_ms(), clock_boot_ms()};
	struct renew r;

	(void)state;
	assert_int_equal(renew_init(&r, w.state, HOST_ID, &why), 0);
	assert_false(renew_due(&r, ahead.wall_ms));
	assert_true(renew_due(&r, ahead.wall_ms + 50 * 60000));
	ahead.wall_ms += 365 * 86400000LL;
	clock_use_fake(&ahead);
	assert_false(renew_due(&r, ahead.wall_ms - 365 * 86400000LL));
	clock_use_fake(NULL);
}

static const struct {
	const char *what, *name;
	bool own_key, other_ca;
} fakes[] = {
	{"another host's name", "H-FEDCBA9876543210", true, false},
	{"another key", HOST_ID, false, false},
	{"another CA", HOST_ID, true, true},
};

static void
test_renewal_refused(void **state)
{
	char before[42], after[42];
	size_t i;

	(void)state;
	own_serial(before);
	for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		w.renew = true;
		w.hellos = 0;
		forget(&w.frames);
		start();
		UNTIL(w.hellos == 1);
		w.renew = false;
		answer_request(fakes[i].other_ca ? w.other_ca : w.ca,
		    fakes[i].name, fakes[i].own_key);
		UNTIL(w.hellos == 2);
		own_serial(after);
		if (strcmp(before, after) != 0)
			fail_msg("%s was installed", fakes[i].what);
		assert_string_equal(w.serial, before);
		network_free(&w.net);
		link_free(&w.parent);
	}
}

/* -- our own processes, taken over */

static void
raw(uint32_t kind, size_t len)
{
	uint8_t *b = malloc(len + 1);

	memset(b, 0xff, len + 1);
	assert_int_equal(link_send(w.sensors, kind, b, len, -1), 0);
	free(b);
}

static void
unknown_signal(void)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;

	sig.kind = (char *)(uintptr_t)"made.up";
	ipc(w.sensors, IPC_SIGNAL, &sig);
}

static const struct {
	const char *what;
	uint32_t kind;
	size_t len;
	void (*act)(void);
} abuses[] = {
	{"the enforcer's state", IPC_STATE, 10, NULL},
	{"the enforcer's answer", IPC_ANSWER, 10, NULL},
	{"the enforcer's proof", IPC_PROOF, 10, NULL},
	{"the enforcer's word on foreign rules", IPC_FOREIGN, 10, NULL},
	{"the parent's stop", IPC_STOP, 0, NULL},
	{"the parent's peer", IPC_PEER, 1, NULL},
	{"an order", IPC_ORDER, 10, NULL},
	{"unknown kind", 4711, 0, NULL},
	{"empty signal", IPC_SIGNAL, 0, NULL},
	{"garbage signal", IPC_SIGNAL, 100, NULL},
	{"too long signal", IPC_SIGNAL, 32 * 1024 + 1, NULL},
	{"signal of an unknown kind", 0, 0, unknown_signal},
	{"garbage result", IPC_CHECK_RESULT, 100, NULL},
	{"garbage watch", IPC_WATCH, 100, NULL},
	{"too long snapshot", IPC_SNAPSHOT, 65 * 1024 + 1, NULL},
};

static void
test_abuses(void **state)
{
	size_t i;

	(void)state;
	start();
	UNTIL(w.hellos == 1);
	for (i = 0; i < sizeof(abuses) / sizeof(abuses[0]); i++) {
		w.sensors = join(IPC_PEER_SENSORS, sensors_table);
		w.sensors_end[0] = '\0';
		pause_ms(20);
		if (abuses[i].act != NULL)
			abuses[i].act();
		else
			raw(abuses[i].kind, abuses[i].len);
		UNTIL(w.sensors_end[0] != '\0');
		print_message("    %s\n", abuses[i].what);
		link_free(&w.sensors);
	}
	/* Nobody else suffered. */
	assert_int_equal(w.hellos, 1);
	assert_string_equal(w.parent_end, "");
}

/* A signal that the collector would refuse must not get into the spool. */
static void
test_signal_fitted(void **state)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	Cordon__SignalBatch *b;
	const struct seen *s;
	char object[6000], cause[200];
	uint8_t packed[8192];

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	memset(object, 'a', sizeof(object) - 1);
	object[sizeof(object) - 1] = '\0';
	memcpy(object + 3999, "\xc3\xa9", 2); /* lies on the border */
	memset(cause, 'c', sizeof(cause) - 1);
	cause[sizeof(cause) - 1] = '\0';
	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = 77;
	sig.object = object;
	sig.cause_id = cause;
	assert_int_equal(link_send(w.sensors, IPC_SIGNAL, packed,
	    cordon__signal__pack(&sig, packed), -1), 0);
	UNTIL((s = nth(&w.frames, FRAME_SIGNALS, 0)) != NULL);
	b = cordon__signal_batch__unpack(NULL, s->len, s->data);
	assert_int_equal(b->signals[0]->severity,
	    CORDON__SEVERITY__SEVERITY_HIGH);
	assert_int_equal(strlen(b->signals[0]->object), 3999);
	assert_int_equal(strlen(b->signals[0]->cause_id), 63);
	cordon__signal_batch__free_unpacked(b, NULL);
}

static void
test_spool_full(void **state)
{
	int i;

	(void)state;
	w.welcome = false;
	w.settings.spool_max = SPOOL_MAX_LEAST;
	start();
	join_both();
	for (i = 0; i < 6000; i++) {
		signal_from(w.sensors, "filling",
		    CORDON__SEVERITY__SEVERITY_LOW);
		if (i % 50 == 0)
			turn(1);
	}
	UNTIL(nth(&w.at_sensors, IPC_SPOOL_FULL, 0) != NULL);
	/* Told once a second at most, and the link holds. */
	assert_true(w.at_sensors.n <= 3);
	assert_string_equal(w.sensors_end, "");
}

static void
test_stop(void **state)
{
	struct spool *s = NULL;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	w.acks = false;
	signal_from(w.sensors, "the last", CORDON__SEVERITY__SEVERITY_INFO);
	assert_int_equal(network_status(w.net), 1);
	assert_int_equal(link_send(w.parent, IPC_STOP, NULL, 0, -1), 0);
	UNTIL(network_status(w.net) == 0);
	pause_ms(20);
	network_free(&w.net);
	assert_int_equal(spool_open(path(w.state, NETWORK_DIR_SPOOL), 1 << 20,
	    &s, &why), 0);
	assert_int_equal(spool_next(s), 2);
	spool_close(&s);
}

static void
test_no_credential(void **state)
{
	struct network_options o = {.base = w.base, .state_dir = w.state,
	    .settings = &w.settings};
	int fd[2];

	(void)state;
	assert_int_equal(file_remove(path(w.state, CREDENTIAL_FILE), &why),
	    0);
	assert_int_equal(link_pair(fd, &why), 0);
	o.parent_fd = fd[1];
	assert_int_not_equal(network_new(&o, &w.net, &why), 0);
	assert_null(w.net);
	close(fd[0]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_hello),
		T(test_readiness),
		T(test_signals),
		T(test_many_signals),
		T(test_orders),
		T(test_order_before_welcome),
		T(test_drills),
		T(test_preview),
		T(test_checks),
		T(test_foreign_answers),
		T(test_checks_without_answer),
		T(test_kept_while_down),
		T(test_manifest),
		T(test_large_manifest),
		T(test_offences),
		T(test_bad_welcome),
		T(test_heartbeats_lost),
		T(test_heartbeat_on_change),
		T(test_next_address),
		T(test_learnt_address),
		T(test_pinned),
		T(test_wrong_collector),
		T(test_renewal),
		T(test_renew_first),
		T(test_renewal_by_their_time),
		T(test_renewal_refused),
		T(test_abuses),
		T(test_signal_fitted),
		T(test_spool_full),
		T(test_stop),
		T(test_no_credential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
