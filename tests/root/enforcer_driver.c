/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plays parent, network process and signer for one agent-enforcer, by lines
 * on standard input, and prints what comes back: one event a line, fields
 * as name=value behind tabs.  A test program: never installed.
 *
 *   order profile=strict epoch=1 collectors=10.9.0.2:443,[fd09::2]:443
 *         allowed=out/tcp/10.9.0.3/32:53 probes=tcp/10.9.0.2:80
 *         confirm=SECONDS:SECRET deadman=SECONDS:open|recovery|stay
 *         mode=dry | mode=live:MINUTES  restore=MS  before=MS  host=ID
 *         forge=1 save=FILE quiet=1
 *   file FILE | again | confirm ORDER SECRET | prove | line
 *   foreign RUN | raw KIND HEX | kill | start | stop | status | offline FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/parent/program.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/proc/spawn.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/order.h"

#define LIST_MAX 80
#define LINE_LEN 16384

static struct {
	const char *enforcer, *state, *user, *host;
	uint32_t uid, prove;
	bool never;
	const char *collectors; /* as in an order; of enrolment */
	char *without[16];
	size_t nwithout;
	bool park;  /* keep the owner's socket, as the parent does */
	int parked; /* or -1 */
	const char *guard; /* the program, or NULL */
	pid_t guard_pid;
	int guard_link; /* as its parent, or -1 */
	struct sign_key *key;
	pid_t pid;
	int parent, network, listener;
	struct buf last; /* signed order sent last */
	int64_t sent_us;
} d = {.parent = -1, .network = -1, .listener = -1, .parked = -1,
    .guard_link = -1,
    .user = "0",
    .host = "H-TEST0001", .prove = 3600};

static void
die(const char *what, const struct why *why)
{
	fprintf(stderr, "driver: %s: %s\n", what,
	    why != NULL ? why->text : strerror(errno));
	exit(1);
}

static void
send_fd(int fd, uint32_t kind, const void *data, size_t len, int pass)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{&kind, sizeof(kind)},
	    {(void *)(uintptr_t)data, len}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

	if (pass >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.h), &pass, sizeof(pass));
	}
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		printf("error\twhat=send\twhy=%s\n", strerror(errno));
}

/* -- endpoints --------------------------------------------------------------- */

struct endpoints {
	Cordon__Endpoint list[LIST_MAX], *at[LIST_MAX];
	uint8_t address[LIST_MAX][16];
	size_t n;
};

/* [out/|in/][tcp/|udp/]ADDRESS[/PREFIX]:PORT, IPv6 in brackets */
static void
add_endpoint(struct endpoints *e, char *text)
{
	Cordon__Endpoint *p = &e->list[e->n];
	char *port, *slash, *host;

	cordon__endpoint__init(p);
	p->direction = CORDON__DIRECTION__DIRECTION_OUT;
	p->protocol = 6;
	if (strncmp(text, "in/", 3) == 0) {
		p->direction = CORDON__DIRECTION__DIRECTION_IN;
		text += 3;
	} else if (strncmp(text, "out/", 4) == 0) {
		text += 4;
	}
	if (strncmp(text, "udp/", 4) == 0)
		p->protocol = 17;
	if (strncmp(text, "udp/", 4) == 0 || strncmp(text, "tcp/", 4) == 0)
		text += 4;
	port = strrchr(text, ':');
	if (port == NULL)
		die("endpoint", NULL);
	*port++ = '\0';
	p->port = (uint32_t)atoi(port);
	host = text[0] == '[' ? text + 1 : text;
	host[strcspn(host, "]")] = text[0] == '[' ? '\0' :
	    host[strcspn(host, "]")];
	slash = strchr(host, '/');
	if (slash != NULL)
		*slash++ = '\0';
	p->address.data = e->address[e->n];
	p->address.len = strchr(host, ':') != NULL ? 16 : 4;
	if (inet_pton(p->address.len == 16 ? AF_INET6 : AF_INET, host,
	    p->address.data) != 1)
		die(host, NULL);
	p->prefix_len = slash != NULL ? (uint32_t)atoi(slash) :
	    (uint32_t)p->address.len * 8;
	e->at[e->n] = p;
	e->n++;
}

static void
add_endpoints(struct endpoints *e, char *text)
{
	char *save, *one;

	for (one = strtok_r(text, ",", &save); one != NULL;
	    one = strtok_r(NULL, ",", &save))
		add_endpoint(e, one);
}

/* -- the enforcer's life ---------------------------------------------------- */

static void
send_settings(int to)
{
	Cordon__Settings s = CORDON__SETTINGS__INIT;
	uint8_t key[SIGN_KEY_LEN], bytes[8192];
	struct endpoints known = {.n = 0};
	char text[512];

	sign_key_public(d.key, key);
	s.state_dir = (char *)(uintptr_t)d.state;
	s.host_id = (char *)(uintptr_t)d.host;
	s.order_key.data = key;
	s.order_key.len = sizeof(key);
	s.network_uid = d.uid;
	s.never_isolate = d.never;
	s.prove_seconds = d.prove;
	s.without = d.without;
	s.n_without = d.nwithout;
	if (d.collectors != NULL) {
		snprintf(text, sizeof(text), "%s", d.collectors);
		add_endpoints(&known, text);
		s.collectors = known.at;
		s.n_collectors = known.n;
	}
	if (d.guard != NULL)
		s.guard = CORDON__GUARD_MODE__GUARD_MODE_ON;
	s.log_level = LOG_LEVEL_INFO;
	send_fd(to, IPC_SETTINGS, bytes, cordon__settings__pack(&s,
	    bytes), -1);
}

/* The guard, with USER's rights: started once, joined to each enforcer. */
static void
join_guard(void)
{
	const char *argv[] = {"agent-guard", "--user", d.user, NULL};
	struct spawn s = {.path = d.guard, .argv = argv, .nfd = 1};
	uint8_t guard = IPC_PEER_GUARD, enforcer = IPC_PEER_ENFORCER;
	int a[2], b[2];
	struct why why;

	if (link_pair(b, &why) != 0)
		die("link", &why);
	if (d.guard_pid == 0) {
		if (link_pair(a, &why) != 0)
			die("link", &why);
		s.fd[0] = a[1];
		if (spawn_start(&s, &d.guard_pid, &why) != 0)
			die("spawn", &why);
		close(a[1]);
		d.guard_link = a[0];
		send_settings(d.guard_link);
	}
	send_fd(d.parent, IPC_PEER, &guard, 1, b[0]);
	send_fd(d.guard_link, IPC_PEER, &enforcer, 1, b[1]);
	close(b[0]);
	close(b[1]);
}

static void
start(void)
{
	const char *argv[] = {"agent-enforcer", "--user", d.user, NULL};
	struct spawn s = {.path = d.enforcer, .argv = argv, .nfd = 1};
	uint8_t network = IPC_PEER_NETWORK, control = IPC_PEER_CONTROL;
	int a[2], b[2];
	struct why why;

	if (link_pair(a, &why) != 0 || link_pair(b, &why) != 0)
		die("link", &why);
	s.fd[0] = a[1];
	if (d.parked >= 0) {
		s.fd[1] = d.parked;
		s.nfd = 2;
	}
	if (spawn_start(&s, &d.pid, &why) != 0)
		die("spawn", &why);
	close(a[1]);
	d.parent = a[0];
	d.network = b[0];
	send_settings(d.parent);
	send_fd(d.parent, IPC_PEER, &network, 1, b[1]);
	if (d.guard != NULL)
		join_guard();
	if (d.listener >= 0)
		send_fd(d.parent, IPC_PEER, &control, 1, d.listener);
	close(b[1]);
	printf("started\tpid=%d\n", d.pid);
}

static void
ended(void)
{
	char text[80];
	int status;

	if (d.pid <= 0)
		return;
	waitpid(d.pid, &status, 0);
	printf("ended\thow=%s\n", spawn_status(status, text, sizeof(text)));
	d.pid = 0;
	close(d.parent);
	close(d.network);
	d.parent = d.network = -1;
}

static void
open_control(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(path);
	d.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (d.listener < 0 || bind(d.listener, (struct sockaddr *)&un,
	    sizeof(un)) < 0 || listen(d.listener, 4) < 0)
		die("control socket", NULL);
}

/* -- orders ----------------------------------------------------------------- */

struct order {
	Cordon__OrderBody body;
	Cordon__DeadMan deadman;
	struct endpoints collectors, allowed, probes;
	char order_id[ID_MAX];
	uint8_t hash[DIGEST_LEN];
	const char *save;
	bool forge, quiet;
};

static void
set_field(struct order *o, const char *name, char *value)
{
	static const char *const profiles[] = {"none", "open", "strict",
	    "recovery", "limited"};
	Cordon__OrderBody *b = &o->body;
	char *colon = strchr(value, ':');
	int i;

	if (strcmp(name, "profile") == 0) {
		for (i = 0; i < 5; i++)
			if (strcmp(profiles[i], value) == 0)
				b->profile = (Cordon__Profile)i;
	} else if (strcmp(name, "epoch") == 0) {
		b->epoch = strtoull(value, NULL, 10);
	} else if (strcmp(name, "collectors") == 0) {
		add_endpoints(&o->collectors, value);
	} else if (strcmp(name, "allowed") == 0) {
		add_endpoints(&o->allowed, value);
	} else if (strcmp(name, "probes") == 0) {
		add_endpoints(&o->probes, value);
	} else if (strcmp(name, "confirm") == 0) {
		b->confirm_seconds = (uint32_t)atoi(value);
		digest_of(colon + 1, strlen(colon + 1), o->hash);
		b->confirm_hash.data = o->hash;
		b->confirm_hash.len = DIGEST_LEN;
	} else if (strcmp(name, "deadman") == 0) {
		b->deadman = &o->deadman;
		o->deadman.after_seconds = (uint32_t)atoi(value);
		o->deadman.then = colon[1] == 'o' ?
		    CORDON__DEAD_MAN_THEN__DEADMAN_OPEN : colon[1] == 'r' ?
		    CORDON__DEAD_MAN_THEN__DEADMAN_RECOVERY :
		    CORDON__DEAD_MAN_THEN__DEADMAN_STAY;
	} else if (strcmp(name, "mode") == 0) {
		b->mode = value[0] == 'd' ? CORDON__MODE__MODE_DRILL_DRY :
		    value[0] == 'c' ? CORDON__MODE__MODE_DRILL_COUNT :
		    CORDON__MODE__MODE_DRILL_LIVE;
		b->drill_minutes = colon != NULL ?
		    (uint32_t)atoi(colon + 1) : 0;
	} else if (strcmp(name, "restore") == 0) {
		b->review_then = CORDON__REVIEW_THEN__REVIEW_RESTORE;
		b->review_by_ms = b->issued_at_ms + atoll(value);
	} else if (strcmp(name, "before") == 0) {
		b->issued_at_ms -= 3600000;
		b->deliver_before_ms = clock_wall_ms() + atoll(value);
	} else if (strcmp(name, "host") == 0) {
		b->host_id = value;
	} else if (strcmp(name, "save") == 0) {
		o->save = value;
	} else if (strcmp(name, "forge") == 0) {
		o->forge = true;
	} else if (strcmp(name, "quiet") == 0) {
		o->quiet = true;
	} else {
		die(name, NULL);
	}
}

static void
send_last(void)
{
	Cordon__OrderIn m = CORDON__ORDER_IN__INIT;
	uint8_t *bytes;

	m.order.data = d.last.data;
	m.order.len = d.last.len;
	bytes = malloc(cordon__order_in__get_packed_size(&m));
	if (bytes == NULL)
		die("order", NULL);
	d.sent_us = clock_boot_us();
	send_fd(d.network, IPC_ORDER, bytes, cordon__order_in__pack(&m,
	    bytes), -1);
	free(bytes);
}

static void
make_order(char *words)
{
	struct sign_key *other = NULL;
	struct order *o = calloc(1, sizeof(*o));
	char *save, *word, *equals;
	uint8_t *bytes;
	struct why why;
	size_t len;

	if (o == NULL)
		die("order", NULL);
	cordon__order_body__init(&o->body);
	cordon__dead_man__init(&o->deadman);
	id_new(o->order_id, "O", 8);
	o->body.version = 1;
	o->body.host_id = (char *)(uintptr_t)d.host;
	o->body.order_id = o->order_id;
	o->body.plan_id = (char *)(uintptr_t)"P-TEST0001";
	o->body.issued_at_ms = clock_wall_ms();
	o->body.mode = CORDON__MODE__MODE_ENFORCE;
	o->body.review_then = CORDON__REVIEW_THEN__REVIEW_REMIND;
	o->body.review_by_ms = o->body.issued_at_ms + 86400000;
	for (word = strtok_r(words, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save)) {
		equals = strchr(word, '=');
		if (equals == NULL)
			die(word, NULL);
		*equals = '\0';
		set_field(o, word, equals + 1);
	}
	o->body.collectors = o->collectors.at;
	o->body.n_collectors = o->collectors.n;
	o->body.allowed = o->allowed.at;
	o->body.n_allowed = o->allowed.n;
	o->body.probes = o->probes.at;
	o->body.n_probes = o->probes.n;
	len = cordon__order_body__get_packed_size(&o->body);
	bytes = malloc(len);
	if (bytes == NULL || (o->forge && sign_key_new(&other) != 0))
		die("order", NULL);
	cordon__order_body__pack(&o->body, bytes);
	buf_clear(&d.last);
	if (order_sign(o->forge ? other : d.key, bytes, len, &d.last) != 0)
		die("sign", NULL);
	if (o->save != NULL && file_write(o->save, d.last.data, d.last.len,
	    0600, &why) != 0)
		die("save", &why);
	printf("order\tid=%s\tepoch=%llu\n", o->order_id,
	    (unsigned long long)o->body.epoch);
	if (!o->quiet)
		send_last();
	sign_key_free(&other);
	free(bytes);
	free(o);
}

/* -- control socket ---------------------------------------------------------- */

static void
control(uint32_t kind, const void *data, size_t len)
{
	struct sockaddr_un un;
	socklen_t n = sizeof(un);
	uint8_t bytes[8192];
	Cordon__StatusText *t;
	char *p;
	ssize_t got;
	int fd;

	getsockname(d.listener, (struct sockaddr *)&un, &n);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, n) < 0)
		die("control", NULL);
	send_fd(fd, kind, data, len, -1);
	got = recv(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (got < 4) {
		printf("control\tcode=-1\n");
		return;
	}
	t = cordon__status_text__unpack(NULL, (size_t)got - 4, bytes + 4);
	if (t == NULL)
		die("control text", NULL);
	for (p = t->text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ';';
	printf("control\tcode=%u\ttext=%s\n", t->exit_code, t->text);
	cordon__status_text__free_unpacked(t, NULL);
}

static void
offline(const char *path)
{
	Cordon__OrderIn m = CORDON__ORDER_IN__INIT;
	struct buf b;
	uint8_t *bytes;
	struct why why;

	buf_init(&b, ORDER_MAX);
	if (file_read(path, &b, &why) != 0)
		die("offline", &why);
	m.order.data = b.data;
	m.order.len = b.len;
	bytes = malloc(cordon__order_in__get_packed_size(&m));
	if (bytes == NULL)
		die("offline", NULL);
	control(IPC_CTL_ORDER, bytes, cordon__order_in__pack(&m, bytes));
	free(bytes);
	buf_done(&b);
}

/* -- events ------------------------------------------------------------------- */

static const char *
hex(const ProtobufCBinaryData *b)
{
	static char out[2 * 64 + 1];

	return b->len > 64 ? "?" : hex_encode(out, b->data, b->len);
}

static void
print_answer(const uint8_t *data, size_t len)
{
	static const char *const results[] = {"none", "applied", "refused",
	    "failed", "reverted", "drilled"};
	int64_t now = clock_boot_us();
	Cordon__OrderAnswer *a = cordon__order_answer__unpack(NULL, len,
	    data);

	if (a == NULL)
		die("answer", NULL);
	printf("answer\torder=%s\tepoch=%llu\tresult=%s\tverdict=%s\t"
	    "why=%s\ttook_us=%llu\tround_us=%lld\tdigest=%s\tforeign=%s\n",
	    a->order_id, (unsigned long long)a->epoch, results[a->result],
	    a->verdict, a->why, (unsigned long long)a->took_us,
	    (long long)(now - d.sent_us), hex(&a->ruleset_digest),
	    a->foreign);
	cordon__order_answer__free_unpacked(a, NULL);
}

static void
print_state(const uint8_t *data, size_t len)
{
	Cordon__State *s = cordon__state__unpack(NULL, len, data);

	if (s == NULL)
		die("state", NULL);
	printf("state\tprofile=%d\torder=%s\tepoch=%llu\tdigest=%s\t"
	    "confirmed=%d\ttampers=%llu\tdropped=%llu\n", s->profile,
	    s->order_id, (unsigned long long)s->epoch,
	    hex(&s->ruleset_digest), s->confirmed,
	    (unsigned long long)s->tampers,
	    (unsigned long long)s->dropped_packets);
	cordon__state__free_unpacked(s, NULL);
}

static void
print_proof(const uint8_t *data, size_t len)
{
	static const char *const outcomes[] = {"none", "blocked", "reached",
	    "failed"};
	Cordon__Proof *p = cordon__proof__unpack(NULL, len, data);
	size_t i;

	if (p == NULL)
		die("proof", NULL);
	printf("proof\tok=%d\torder=%s\tprofile=%d\texpected=%s", p->ok,
	    p->order_id, p->profile, hex(&p->digest_expected));
	printf("\tkernel=%s\twhy=%s\tdropped=%llu\tprobes=",
	    hex(&p->digest_kernel), p->why,
	    (unsigned long long)p->dropped_packets);
	for (i = 0; i < p->n_probes; i++)
		printf("%s%s", i > 0 ? "," : "",
		    outcomes[p->probes[i]->outcome]);
	printf("\tlayers=");
	for (i = 0; i < p->n_layers; i++)
		printf("%s%s", i > 0 ? "," : "", p->layers[i]);
	printf("\tweak=");
	for (i = 0; i < p->n_weak; i++)
		printf("%s%s", i > 0 ? "," : "", p->weak[i]);
	printf("\n");
	cordon__proof__free_unpacked(p, NULL);
}

static void
print_signal(const uint8_t *data, size_t len)
{
	Cordon__Signal *s = cordon__signal__unpack(NULL, len, data);

	if (s == NULL)
		die("signal", NULL);
	printf("signal\tkind=%s\tpid=%u\tprogram=%s\ttext=%s\tdiff=%s\n",
	    s->kind, s->cause != NULL ? s->cause->pid : 0,
	    s->cause != NULL ? s->cause->program : "", s->text,
	    s->n_evidence > 0 ? s->evidence[0]->value : "");
	cordon__signal__free_unpacked(s, NULL);
}

static void
print_event(const uint8_t *data, size_t len)
{
	Cordon__ReadinessItem *r;
	Cordon__Foreign *f;
	uint32_t kind;

	memcpy(&kind, data, sizeof(kind));
	data += sizeof(kind);
	len -= sizeof(kind);
	if (kind == IPC_ANSWER) {
		print_answer(data, len);
	} else if (kind == IPC_STATE) {
		print_state(data, len);
	} else if (kind == IPC_PROOF) {
		print_proof(data, len);
	} else if (kind == IPC_SIGNAL) {
		print_signal(data, len);
	} else if (kind == IPC_READINESS) {
		r = cordon__readiness_item__unpack(NULL, len, data);
		printf("readiness\tid=%s\tok=%d\n", r->id, r->ok);
		cordon__readiness_item__free_unpacked(r, NULL);
	} else if (kind == IPC_FOREIGN) {
		f = cordon__foreign__unpack(NULL, len, data);
		printf("foreign\tsame=%d\tknown=%d\ttext=%s\n", f->same,
		    f->known, f->text);
		cordon__foreign__free_unpacked(f, NULL);
	} else {
		printf("other\tkind=%u\n", kind);
	}
}

/* What the parent hears: ready, and a socket to keep. */
static ssize_t
hear_parent(uint8_t *bytes, size_t size)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {bytes, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	ssize_t n = recvmsg(d.parent, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd;

	if (n < 4)
		return n;
	if (m.msg_controllen < CMSG_LEN(sizeof(int))) {
		printf("ready\n");
		return n;
	}
	memcpy(&fd, CMSG_DATA(&control.h), sizeof(fd));
	if (d.parked >= 0 || !d.park) {
		close(fd);
	} else {
		d.parked = fd;
		printf("parked\n");
	}
	return n;
}

/* A program of others that has to make room, and its link: as the parent
 * does it. */
static void
hear_guard(void)
{
	static struct program_list programs;
	struct ipc_guard_link m;
	uint8_t bytes[4096];
	ssize_t n = recv(d.guard_link, bytes, sizeof(bytes), MSG_DONTWAIT);
	uint32_t kind, id;
	int fd;

	if (n <= 0) {
		printf("guard\thow=ended\n");
		close(d.guard_link);
		d.guard_link = -1;
		return;
	}
	memcpy(&kind, bytes, sizeof(kind));
	if (kind == IPC_GUARD_LINK && n == 4 + (ssize_t)sizeof(m)) {
		memcpy(&m, bytes + 4, sizeof(m));
		fd = program_link(m.device, m.program, &m.link);
		send_fd(d.guard_link, kind, &m, sizeof(m), fd);
		if (fd >= 0)
			close(fd);
	} else if (kind == IPC_GUARD_PROGRAM && n == 8) {
		memcpy(&id, bytes + 4, sizeof(id));
		if (id == 0)
			program_close_all(&programs);
		else
			send_fd(d.guard_link, kind, &id, sizeof(id),
			    program_open(&programs, id));
	} else {
		printf("guard\thow=ready\n");
	}
}

/* -- commands ------------------------------------------------------------------ */

static void
raw(char *words)
{
	char *space = strchr(words, ' ');
	uint8_t bytes[LINE_LEN / 2];
	size_t len = space != NULL ? strlen(space + 1) / 2 : 0;

	if (len > 0 && hex_decode(bytes, len, space + 1) != 0)
		die("raw", NULL);
	send_fd(d.network, (uint32_t)atoi(words), bytes, len, -1);
}

static void
confirm(char *words)
{
	Cordon__Confirm m = CORDON__CONFIRM__INIT;
	char *space = strchr(words, ' ');
	uint8_t bytes[512];

	if (space == NULL)
		die("confirm", NULL);
	*space++ = '\0';
	m.order_id = words;
	m.secret.data = (uint8_t *)space;
	m.secret.len = strlen(space);
	send_fd(d.network, IPC_CONFIRM, bytes, cordon__confirm__pack(&m,
	    bytes), -1);
}

static void
foreign(char *run)
{
	Cordon__ForeignAsk m = CORDON__FOREIGN_ASK__INIT;
	uint8_t bytes[128];

	m.run_id = run;
	send_fd(d.network, IPC_FOREIGN_ASK, bytes,
	    cordon__foreign_ask__pack(&m, bytes), -1);
}

static void
command(char *line)
{
	char *rest = line + strcspn(line, " ");
	struct why why;

	if (*rest != '\0')
		*rest++ = '\0';
	if (strcmp(line, "order") == 0) {
		make_order(rest);
	} else if (strcmp(line, "again") == 0) {
		send_last();
	} else if (strcmp(line, "file") == 0) {
		buf_clear(&d.last);
		if (file_read(rest, &d.last, &why) != 0)
			die("file", &why);
		send_last();
	} else if (strcmp(line, "confirm") == 0) {
		confirm(rest);
	} else if (strcmp(line, "prove") == 0) {
		send_fd(d.network, IPC_PROVE, NULL, 0, -1);
	} else if (strcmp(line, "line") == 0) {
		send_fd(d.network, IPC_LINE, NULL, 0, -1);
	} else if (strcmp(line, "foreign") == 0) {
		foreign(rest);
	} else if (strcmp(line, "raw") == 0) {
		raw(rest);
	} else if (strcmp(line, "kill") == 0) {
		kill(d.pid, SIGKILL);
		ended();
	} else if (strcmp(line, "start") == 0) {
		start();
	} else if (strcmp(line, "stop") == 0) {
		send_fd(d.parent, IPC_STOP, NULL, 0, -1);
		ended();
	} else if (strcmp(line, "status") == 0) {
		control(IPC_CTL_STATUS, NULL, 0);
	} else if (strcmp(line, "offline") == 0) {
		offline(rest);
	} else {
		die(line, NULL);
	}
}

static void
loop(void)
{
	static uint8_t bytes[128 * 1024];
	char line[LINE_LEN];
	size_t used = 0;
	ssize_t n;
	char *end;
	int i;

	for (;;) {
		struct pollfd p[4] = {{0, POLLIN, 0}, {d.network, POLLIN, 0},
		    {d.parent, POLLIN, 0}, {d.guard_link, POLLIN, 0}};

		fflush(stdout);
		if (poll(p, 4, -1) < 0)
			die("poll", NULL);
		if (p[3].revents != 0)
			hear_guard();
		for (i = 1; i < 3; i++) {
			if (p[i].revents == 0)
				continue;
			n = i == 2 ? hear_parent(bytes, sizeof(bytes)) :
			    recv(p[i].fd, bytes, sizeof(bytes),
			    MSG_DONTWAIT);
			if (n >= 4 && i == 1)
				print_event(bytes, (size_t)n);
			else if (n <= 0 && i == 2)
				ended();
			else if (n <= 0 && i == 1 && d.network >= 0) {
				printf("unlinked\n");
				close(d.network);
				d.network = -1;
			}
		}
		if (p[0].revents == 0)
			continue;
		n = read(0, line + used, sizeof(line) - used - 1);
		if (n <= 0)
			return;
		used += (size_t)n;
		line[used] = '\0';
		while ((end = strchr(line, '\n')) != NULL) {
			*end = '\0';
			command(line);
			fflush(stdout);
			used -= (size_t)(end + 1 - line);
			memmove(line, end + 1, used + 1);
		}
	}
}

int
main(int argc, char **argv)
{
	struct why why;
	const char *key = NULL, *public = NULL;
	uint8_t raw_key[SIGN_KEY_LEN];
	int c;

	while ((c = getopt(argc, argv, "e:s:u:U:k:p:nc:P:w:Kg:C:")) != -1)
		switch (c) {
		case 'e': d.enforcer = optarg; break;
		case 's': d.state = optarg; break;
		case 'u': d.uid = (uint32_t)atoi(optarg); break;
		case 'U': d.user = optarg; break;
		case 'k': key = optarg; break;
		case 'p': d.prove = (uint32_t)atoi(optarg); break;
		case 'n': d.never = true; break;
		case 'c': open_control(optarg); break;
		case 'P': public = optarg; break;
		case 'K': d.park = true; break;
		case 'g': d.guard = optarg; break;
		case 'C': d.collectors = optarg; break;
		case 'w':
			if (d.nwithout < 16)
				d.without[d.nwithout++] = optarg;
			break;
		default: return 2;
		}
	if (d.enforcer == NULL || d.state == NULL || key == NULL)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	buf_init(&d.last, ORDER_MAX);
	if (!file_exists(key) && (sign_key_new(&d.key) != 0 ||
	    sign_key_save(d.key, key, &why) != 0))
		die("key", &why);
	sign_key_free(&d.key);
	if (sign_key_load(key, &d.key, &why) != 0)
		die("key", &why);
	sign_key_public(d.key, raw_key);
	if (public != NULL && file_write(public, raw_key, sizeof(raw_key),
	    0600, &why) != 0)
		die("public key", &why);
	loop();
	if (d.pid > 0) {
		kill(d.pid, SIGTERM);
		waitpid(d.pid, NULL, 0);
	}
	if (d.guard_pid > 0) {
		kill(d.guard_pid, SIGTERM);
		waitpid(d.guard_pid, NULL, 0);
	}
	return 0;
}
