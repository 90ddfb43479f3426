/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network process: Hello, readiness, and who is believed with what. */
#include "tests/unit/agent/network/network_world.h"

/* -- what is told at first ----------------------------------------------- */

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

/* Who does not know what is in force does not speak first. */
static void
test_hello_waits_for_the_enforcer(void **state)
{
	Cordon__State st = CORDON__STATE__INIT;
	const struct seen *f;
	Cordon__Hello *h;

	(void)state;
	w.begin_s = 3600;
	start();
	UNTIL(nth(&w.from_net, IPC_READY, 0) != NULL);
	w.enforcer = join(IPC_PEER_ENFORCER, enforcer_table);
	pause_ms(200);
	assert_int_equal(w.hellos, 0);
	st.epoch = 9;
	st.profile = CORDON__PROFILE__PROFILE_STRICT;
	ipc(w.enforcer, IPC_STATE, &st);
	UNTIL((f = nth(&w.frames, FRAME_HELLO, 0)) != NULL);
	h = cordon__hello__unpack(NULL, f->len, f->data);
	assert_non_null(h);
	assert_non_null(h->state);
	assert_int_equal(h->state->epoch, 9);
	cordon__hello__free_unpacked(h, NULL);
}

static void
test_hello_does_not_wait_for_ever(void **state)
{
	const struct seen *f;
	Cordon__Hello *h;

	(void)state;
	w.begin_s = 1;
	start();
	UNTIL((f = nth(&w.frames, FRAME_HELLO, 0)) != NULL);
	h = cordon__hello__unpack(NULL, f->len, f->data);
	assert_non_null(h);
	assert_null(h->state);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_hello),
		T(test_hello_waits_for_the_enforcer),
		T(test_hello_does_not_wait_for_ever),
		T(test_readiness),
		T(test_offences),
		T(test_bad_welcome),
		T(test_abuses),
		T(test_stop),
		T(test_no_credential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
