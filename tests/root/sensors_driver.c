/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plays parent, network process and signer for one agent-sensors, by lines
 * on standard input, and prints what comes back: one JSON object a line
 * with "what" in front.  A test program: never installed.
 *
 *   sensors-driver --program P --state DIR [--user U] [--watch T]...
 *       [--ignore R]... [--own DIR] [--conf F] [--threads N] [--rescan S]
 *       [--percent N] [--packages DPKG-DIR] [--lists DIR] [--wait S]
 *       [--processes] [--exec-allow P]... [--shell-allow P]...
 *       [--data TREE]... [--canaries FILE]
 *       [--backup DIR]... [--backup-age S] [--backup-drop PERCENT]
 *       [--counter FILE]     8 bytes of encrypt-load, told with each signal
 *       [--state-without S]...
 *
 *   check RUN G01,G02 MANIFEST|- [forge]   run a gate
 *   manifest ID | snapshot ORDER | full
 *   unlink | relink                        the network link goes, comes
 *   hold | release                         read nothing from that link
 *   raw KIND HEX                           any message, to the process
 *   stop                                   IPC_STOP
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/sign.h"
#include "common/proc/link.h"
#include "common/proc/spawn.h"
#include "common/wire/agent.pb-c.h"
#include "tests/root/driver.h"

#define LIST_MAX 32
#define LINE_LEN 65536

static struct {
	const char *program, *user;
	Cordon__Settings s;
	char *watch[LIST_MAX], *ignore[LIST_MAX];
	char *exec_allow[LIST_MAX], *shell_allow[LIST_MAX];
	char *data[LIST_MAX], *backup[LIST_MAX];
	char *without[LIST_MAX];
	struct sign_key *key;
	uint8_t public[SIGN_KEY_LEN];
	pid_t pid;
	int parent, network;
	bool hold;
	uint8_t manifest_digest[DIGEST_LEN]; /* of the last manifest */
	struct digest *sum;		     /* over its chunks */
	uint64_t bulk_bytes;
	const volatile uint64_t *counter;
	Cordon__Taken taken; /* last signal that came; run 0: said so */
} d = {.parent = -1, .network = -1, .user = "0"};

static void
send_fd(int fd, uint32_t kind, const void *data, size_t len, int pass)
{
	if (!driver_send(fd, kind, data, len, pass))
		printf("{\"what\":\"refused\",\"kind\":%u}\n", kind);
}

static void
send_msg(int fd, uint32_t kind, const ProtobufCMessage *msg)
{
	uint8_t *data = malloc(protobuf_c_message_get_packed_size(msg) + 1);

	send_fd(fd, kind, data, protobuf_c_message_pack(msg, data), -1);
	free(data);
}

/* -- printing -------------------------------------------------------------- */

static void
put_text(const char *key, const char *text)
{
	printf(",\"%s\":\"", key);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
	putchar('"');
}

static void
put_cause(const Cordon__Cause *c)
{
	size_t i;

	printf(",\"grade\":%d,\"pid\":%u,\"uid\":%u,\"login_uid\":%u",
	    (int)c->grade, c->pid, c->uid, c->login_uid);
	put_text("program", c->program);
	put_text("command", c->command);
	put_text("user", c->user);
	put_text("unit", c->unit);
	printf(",\"parents\":%zu", c->n_parents);
	for (i = 0; i < c->n_parents && i < 1; i++)
		put_text("parent", c->parents[i]);
}

static void
on_signal(const uint8_t *data, size_t len)
{
	uint64_t count = d.counter != NULL ? *d.counter : 0;
	Cordon__Signal *s = cordon__signal__unpack(NULL, len, data);
	size_t i;

	if (s == NULL)
		die("signal", NULL);
	printf("{\"what\":\"signal\",\"ms\":%lld",
	    (long long)clock_boot_ms());
	if (d.counter != NULL)
		printf(",\"counter\":%llu", (unsigned long long)count);
	put_text("kind", s->kind);
	put_text("text", s->text);
	put_text("object", s->object);
	put_text("text", s->text);
	put_text("cause_id", s->cause_id);
	printf(",\"severity\":%d,\"boot_ms\":%llu", (int)s->severity,
	    (unsigned long long)s->boot_ms);
	if (s->cause != NULL)
		put_cause(s->cause);
	for (i = 0; i < s->n_evidence; i++)
		put_text(s->evidence[i]->key, s->evidence[i]->value);
	puts("}");
	d.taken.run = s->run;
	d.taken.serial = s->serial;
	cordon__signal__free_unpacked(s, NULL);
}

/* As the network process says when it has them safe. */
static void
say_taken(void)
{
	if (d.network >= 0 && d.taken.run != 0)
		send_msg(d.network, IPC_TAKEN, &d.taken.base);
	d.taken.run = 0;
}

static void
on_result(const uint8_t *data, size_t len)
{
	Cordon__CheckResult *r = cordon__check_result__unpack(NULL, len,
	    data);
	size_t i;

	if (r == NULL)
		die("check result", NULL);
	printf("{\"what\":\"result\"");
	put_text("run", r->run_id);
	put_text("check", r->check_id);
	put_text("text", r->text);
	printf(",\"outcome\":%d,\"last\":%s,\"findings\":[", (int)r->outcome,
	    r->last ? "true" : "false");
	for (i = 0; i < r->n_findings; i++) {
		printf("%s{\"n\":%zu", i > 0 ? "," : "", i);
		put_text("code", r->findings[i]->code);
		put_text("object", r->findings[i]->object);
		put_text("was", r->findings[i]->was);
		put_text("now", r->findings[i]->now);
		putchar('}');
	}
	puts("]}");
	cordon__check_result__free_unpacked(r, NULL);
}

/* Chunks are added up; the last one is told. */
static void
on_chunk(const char *what, const char *id, uint32_t sequence, bool last,
    const ProtobufCBinaryData *data, const ProtobufCBinaryData *digest,
    const char *why)
{
	uint8_t sum[DIGEST_LEN];
	bool good;

	if (sequence == 0) {
		digest_begin(d.sum);
		d.bulk_bytes = 0;
	}
	digest_add(d.sum, data->data, data->len);
	d.bulk_bytes += data->len;
	if (strcmp(what, "snapshot") == 0)
		fwrite(data->data, 1, data->len, stderr);
	if (!last)
		return;
	digest_end(d.sum, sum);
	good = digest->len == DIGEST_LEN &&
	    memcmp(digest->data, sum, DIGEST_LEN) == 0;
	memcpy(d.manifest_digest, sum, DIGEST_LEN);
	printf("{\"what\":\"%s\",\"good\":%s,\"bytes\":%llu,\"chunks\":%u",
	    what, good ? "true" : "false", (unsigned long long)d.bulk_bytes,
	    sequence + 1);
	put_text("id", id);
	put_text("why", why);
	puts("}");
}

static void
on_manifest(const uint8_t *data, size_t len)
{
	Cordon__ManifestChunk *c = cordon__manifest_chunk__unpack(NULL, len,
	    data);

	if (c == NULL)
		die("manifest", NULL);
	on_chunk("manifest", c->manifest_id, c->sequence, c->last, &c->data,
	    &c->digest, c->why);
	cordon__manifest_chunk__free_unpacked(c, NULL);
}

static void
on_snapshot(const uint8_t *data, size_t len)
{
	Cordon__SnapshotChunk *c = cordon__snapshot_chunk__unpack(NULL, len,
	    data);

	if (c == NULL)
		die("snapshot", NULL);
	on_chunk("snapshot", c->order_id, c->sequence, c->last, &c->data,
	    &c->digest, "");
	cordon__snapshot_chunk__free_unpacked(c, NULL);
}

static void
on_watch(const uint8_t *data, size_t len)
{
	Cordon__Watch *w = cordon__watch__unpack(NULL, len, data);

	if (w == NULL)
		die("watch", NULL);
	printf("{\"what\":\"watch\",\"files\":%llu,\"blind\":%u,"
	    "\"cpu_ms\":%llu,\"rss_kib\":%llu}\n",
	    (unsigned long long)w->files_watched, w->blind_open,
	    (unsigned long long)w->cpu_ms, (unsigned long long)w->rss_kib);
	cordon__watch__free_unpacked(w, NULL);
}

static void
on_message(uint32_t kind, const uint8_t *data, size_t len)
{
	switch (kind) {
	case IPC_READY:
		printf("{\"what\":\"ready\",\"pid\":%d,\"ms\":%lld}\n",
		    (int)d.pid, (long long)clock_boot_ms());
		break;
	case IPC_SIGNAL:
		on_signal(data, len);
		break;
	case IPC_CHECK_RESULT:
		on_result(data, len);
		break;
	case IPC_MANIFEST:
		on_manifest(data, len);
		break;
	case IPC_SNAPSHOT:
		on_snapshot(data, len);
		break;
	case IPC_WATCH:
		on_watch(data, len);
		break;
	default:
		printf("{\"what\":\"unknown\",\"kind\":%u}\n", kind);
	}
}

/* -- commands -------------------------------------------------------------- */

static void
link_network(void)
{
	const uint8_t peer = IPC_PEER_NETWORK;
	struct why why;
	int fd[2];

	if (d.network >= 0)
		close(d.network);
	if (link_pair(fd, &why) != 0)
		die("link", &why);
	d.network = fd[0];
	send_fd(d.parent, IPC_PEER, &peer, 1, fd[1]);
	close(fd[1]);
}

static void
do_check(char *args)
{
	Cordon__CheckRun m = CORDON__CHECK_RUN__INIT;
	char *checks[64], *run, *list, *id, *forge;
	uint8_t bytes[ID_MAX + DIGEST_LEN], sig[SIGN_SIG_LEN];
	size_t n;

	run = strsep(&args, " ");
	list = strsep(&args, " ");
	id = strsep(&args, " ");
	forge = strsep(&args, " ");
	m.run_id = run;
	m.checks = checks;
	while (m.n_checks < 64 && (checks[m.n_checks] = strsep(&list, ",")))
		m.n_checks++;
	if (id != NULL && strcmp(id, "-") != 0) {
		m.manifest_id = id;
		n = strlen(id) + 1;
		memcpy(bytes, id, n);
		memcpy(bytes + n, d.manifest_digest, DIGEST_LEN);
		if (sign_make(d.key, MANIFEST_CONTEXT, bytes,
		    n + DIGEST_LEN, sig) != 0)
			die("signature", NULL);
		sig[5] ^= forge != NULL;
		m.manifest_digest.data = d.manifest_digest;
		m.manifest_digest.len = DIGEST_LEN;
		m.manifest_signature.data = sig;
		m.manifest_signature.len = sizeof(sig);
	}
	send_msg(d.network, IPC_CHECK_RUN, &m.base);
}

static void
do_raw(char *args)
{
	uint32_t kind = (uint32_t)atoi(strsep(&args, " "));
	uint8_t data[4096];
	size_t len = args == NULL ? 0 : strlen(args) / 2;

	if (len <= sizeof(data) && (len == 0 ||
	    hex_decode(data, len, args) == 0))
		send_fd(d.network, kind, data, len, -1);
}

static void
command(char *line)
{
	Cordon__ManifestAsk m = CORDON__MANIFEST_ASK__INIT;
	Cordon__SnapshotAsk s = CORDON__SNAPSHOT_ASK__INIT;
	char *word = strsep(&line, " ");

	if (strcmp(word, "check") == 0) {
		do_check(line);
	} else if (strcmp(word, "manifest") == 0) {
		m.manifest_id = line;
		send_msg(d.network, IPC_MANIFEST_ASK, &m.base);
	} else if (strcmp(word, "snapshot") == 0) {
		s.order_id = line;
		send_msg(d.network, IPC_SNAPSHOT_ASK, &s.base);
	} else if (strcmp(word, "full") == 0) {
		send_fd(d.network, IPC_SPOOL_FULL, NULL, 0, -1);
	} else if (strcmp(word, "unlink") == 0) {
		close(d.network);
		d.network = -1;
	} else if (strcmp(word, "relink") == 0) {
		link_network();
	} else if (strcmp(word, "hold") == 0) {
		d.hold = true;
	} else if (strcmp(word, "release") == 0) {
		d.hold = false;
	} else if (strcmp(word, "raw") == 0) {
		do_raw(line);
	} else if (strcmp(word, "stop") == 0) {
		send_fd(d.parent, IPC_STOP, NULL, 0, -1);
	}
}

/* -- life ------------------------------------------------------------------ */

/*
 * LimitNICE of the unit; where limits may not be raised, the nice value
 * itself.
 */
static void
as_the_unit(void)
{
	const struct rlimit nice = {30, 30}; /* 20 - nice: getrlimit(2) */

	if (setrlimit(RLIMIT_NICE, &nice) != 0 &&
	    setpriority(PRIO_PROCESS, 0, -10) != 0)
		fprintf(stderr, "sensors-driver: without LimitNICE\n");
}

/*
 * What is counted when a signal comes must not wait for this program to be
 * run on a busy machine.
 */
static void
be_prompt(void)
{
	const struct sched_param p = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p) != 0)
		fprintf(stderr, "sensors-driver: not in real time\n");
}

static void
start(void)
{
	const char *argv[] = {"agent-sensors", "--user", d.user, NULL};
	struct spawn s = {.path = d.program, .argv = argv, .nfd = 1};
	struct why why;
	int fd[2];

	if (link_pair(fd, &why) != 0)
		die("link", &why);
	s.fd[0] = fd[1];
	if (d.counter != NULL)
		as_the_unit();
	if (spawn_start(&s, &d.pid, &why) != 0)
		die("start", &why);
	if (d.counter != NULL)
		be_prompt();
	close(fd[1]);
	d.parent = fd[0];
	send_msg(d.parent, IPC_SETTINGS, &d.s.base);
	link_network();
}

static void
map_counter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const void *at = MAP_FAILED;

	if (fd >= 0)
		at = mmap(NULL, sizeof(*d.counter), PROT_READ, MAP_SHARED, fd,
		    0);
	if (at == MAP_FAILED)
		die(path, NULL);
	d.counter = at;
	close(fd);
}

static void
options(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"program", required_argument, NULL, 'p'},
	    {"state", required_argument, NULL, 's'},
	    {"user", required_argument, NULL, 'u'},
	    {"watch", required_argument, NULL, 'w'},
	    {"ignore", required_argument, NULL, 'i'},
	    {"own", required_argument, NULL, 'o'},
	    {"conf", required_argument, NULL, 'c'},
	    {"threads", required_argument, NULL, 't'},
	    {"rescan", required_argument, NULL, 'r'},
	    {"percent", required_argument, NULL, 'P'},
	    {"packages", required_argument, NULL, 'k'},
	    {"lists", required_argument, NULL, 'l'},
    {"rpm", required_argument, NULL, 'M'},
	    {"wait", required_argument, NULL, 'W'},
	    {"processes", no_argument, NULL, 'x'},
	    {"exec-allow", required_argument, NULL, 'e'},
	    {"shell-allow", required_argument, NULL, 'S'},
	    {"data", required_argument, NULL, 'd'},
	    {"canaries", required_argument, NULL, 'C'},
	    {"backup", required_argument, NULL, 'b'},
	    {"counter", required_argument, NULL, 'n'},
	    {"backup-age", required_argument, NULL, 'A'},
	    {"backup-drop", required_argument, NULL, 'D'},
	    {"state-without", required_argument, NULL, 'a'},
	    {"fold-after", required_argument, NULL, 'f'},
	    {NULL, 0, NULL, 0},
	};
	static uint8_t key[SIGN_KEY_LEN];
	char none[] = "";
	int c;

	cordon__settings__init(&d.s);
	cordon__taken__init(&d.taken);
	d.s.watch = d.watch;
	d.s.ignore = d.ignore;
	d.s.exec_allow = d.exec_allow;
	d.s.shell_allow = d.shell_allow;
	d.s.data_tree = d.data;
	d.s.backup = d.backup;
	d.s.backup_age_s = 26 * 3600;
	d.s.backup_drop = 30;
	d.s.canary_list = strdup(none);
	d.s.state_without = d.without;
	d.s.own_dir = strdup(none);
	d.s.conf_path = strdup(none);
	d.s.host_id = strdup("H-TEST0001");
	d.s.order_key = (ProtobufCBinaryData){sizeof(key), key};
	d.s.scan_threads = 2;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'p':
			d.program = optarg;
			break;
		case 's':
			d.s.state_dir = optarg;
			break;
		case 'u':
			d.user = optarg;
			break;
		case 'w':
			if (d.s.n_watch < LIST_MAX)
				d.watch[d.s.n_watch++] = optarg;
			break;
		case 'i':
			if (d.s.n_ignore < LIST_MAX)
				d.ignore[d.s.n_ignore++] = optarg;
			break;
		case 'd':
			if (d.s.n_data_tree < LIST_MAX)
				d.data[d.s.n_data_tree++] = optarg;
			break;
		case 'n':
			map_counter(optarg);
			break;
		case 'C':
			d.s.canary_list = optarg;
			break;
		case 'b':
			if (d.s.n_backup < LIST_MAX)
				d.backup[d.s.n_backup++] = optarg;
			break;
		case 'A':
			d.s.backup_age_s = (uint32_t)atoi(optarg);
			break;
		case 'D':
			d.s.backup_drop = (uint32_t)atoi(optarg);
			break;
		case 'f':
			d.s.fold_after = (uint32_t)atoi(optarg);
			break;
		case 'a':
			if (d.s.n_state_without < LIST_MAX)
				d.without[d.s.n_state_without++] = optarg;
			break;
		case 'o':
			d.s.own_dir = optarg;
			break;
		case 'c':
			d.s.conf_path = optarg;
			break;
		case 't':
			d.s.scan_threads = (uint32_t)atoi(optarg);
			break;
		case 'r':
			d.s.rescan_seconds = (uint32_t)atoi(optarg);
			break;
		case 'P':
			d.s.cpu_percent = (uint32_t)atoi(optarg);
			break;
		case 'k':
			d.s.package_database = optarg;
			break;
		case 'M':
			d.s.rpm_database = optarg;
			break;
		case 'l':
			d.s.package_lists = optarg;
			break;
		case 'W':
			d.s.package_wait = (uint32_t)atoi(optarg);
			break;
		case 'x':
			d.s.processes = true;
			break;
		case 'e':
			if (d.s.n_exec_allow < LIST_MAX)
				d.exec_allow[d.s.n_exec_allow++] = optarg;
			break;
		case 'S':
			if (d.s.n_shell_allow < LIST_MAX)
				d.shell_allow[d.s.n_shell_allow++] = optarg;
			break;
		default:
			exit(2);
		}
	if (d.program == NULL || d.s.state_dir == NULL)
		exit(2);
}

/* Read messages of FD; false when it is closed. */
static bool
read_messages(int fd)
{
	static uint8_t bytes[sizeof(uint32_t) + LINK_PAYLOAD_MAX];
	uint32_t kind;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 4) {
		memcpy(&kind, bytes, sizeof(kind));
		on_message(kind, bytes + 4, (size_t)n - 4);
		if (d.hold && fd == d.network)
			break;
	}
	say_taken();
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void
ended(void)
{
	char text[64];
	int status;

	if (waitpid(d.pid, &status, 0) != d.pid)
		die("waitpid", NULL);
	printf("{\"what\":\"ended\"");
	put_text("how", spawn_status(status, text, sizeof(text)));
	puts("}");
	fflush(stdout);
	exit(0);
}

/* All whole lines that standard input holds. */
static void
read_commands(void)
{
	static char line[LINE_LEN];
	static size_t have;
	ssize_t n = read(0, line + have, sizeof(line) - 1 - have);
	char *end;

	if (n <= 0)
		exit(0); /* the child dies with us */
	have += (size_t)n;
	line[have] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		command(line);
		have -= (size_t)(end + 1 - line);
		memmove(line, end + 1, have + 1);
	}
}

int
main(int argc, char **argv)
{
	struct pollfd p[3];

	options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	log_init("driver", LOG_LEVEL_WARN);
	d.sum = digest_new();
	if (d.sum == NULL || sign_key_new(&d.key) != 0)
		die("key", NULL);
	sign_key_public(d.key, d.public);
	d.s.order_key.data = d.public;
	d.s.order_key.len = sizeof(d.public);
	printf("{\"what\":\"start\",\"ms\":%lld}\n",
	    (long long)clock_boot_ms());
	start();
	for (;;) {
		fflush(stdout);
		p[0] = (struct pollfd){0, POLLIN, 0};
		p[1] = (struct pollfd){d.parent, POLLIN, 0};
		p[2] = (struct pollfd){d.hold ? -1 : d.network, POLLIN, 0};
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[2].revents != 0 && !read_messages(d.network)) {
			printf("{\"what\":\"unlinked\"}\n");
			close(d.network);
			d.network = -1;
		}
		if (p[1].revents != 0 && !read_messages(d.parent))
			ended();
		if (p[0].revents != 0)
			read_commands();
	}
}
