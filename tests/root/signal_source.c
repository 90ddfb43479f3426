/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stands in for agent-sensors under a real parent, with the product's own
 * way out (emit, outbox, kept, fold) and no sensor: it emits numbered
 * signals and keeps a tally that survives its own kill, so that a test
 * knows what was emitted without asking who delivers it.
 *
 * In its state folder: "tally" (two u32, begun and done), "rate" (signals a
 * second, as text; while it is missing nothing is emitted).
 */
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/links/child.h"
#include "agent/links/ipc.h"
#include "agent/links/settings.h"
#include "agent/sensors/emit.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/rights.h"
#include "common/wire/agent.pb-c.h"

#define LINK_FILL (64 * 1024) /* as in hub.c */
#define LOOK_US 20000
#define SEVERE_EVERY 50
#define FLOOD_EVERY 4 /* one in so many is of one and the same cause */

struct tally {
	volatile uint32_t begun, done;
};

static struct {
	struct child_loop loop; /* first: child.h */
	struct link *parent, *network;
	struct outbox *out;
	struct tally *tally;
	char rate_path[4096];
	int wake_fd;
	struct event *wake, *look;
} s;

static void
fail(const char *what, const struct why *why)
{
	log_error("%s: %s", what, why != NULL ? why->text : "failed");
	exit(1);
}

/* -- emitting ------------------------------------------------------------- */

static void
emit_number(uint32_t n)
{
	struct emit_signal sig;
	char object[32], cause[32];

	snprintf(object, sizeof(object), "/n/%u", n);
	emit_init(&sig, "files.created", object);
	if (n % FLOOD_EVERY == 0)
		snprintf(cause, sizeof(cause), "U-flood");
	else
		snprintf(cause, sizeof(cause), "U-%u", n / 100);
	sig.cause_id = cause;
	if (n % SEVERE_EVERY == 0)
		sig.severity = CORDON__SEVERITY__SEVERITY_HIGH;
	(void)emit_send(s.out, &sig);
}

static unsigned int
read_rate(void)
{
	unsigned int rate = 0;
	FILE *f = fopen(s.rate_path, "re");

	if (f != NULL) {
		if (fscanf(f, "%u", &rate) != 1)
			rate = 0;
		fclose(f);
	}
	return rate;
}

static void *
emit_all(void *arg)
{
	unsigned int i, rate;

	(void)arg;
	for (;;) {
		rate = read_rate();
		for (i = 0; i < rate / (1000000 / LOOK_US); i++) {
			s.tally->begun++;
			emit_number(s.tally->begun);
			s.tally->done++;
		}
		usleep(LOOK_US);
	}
	return NULL;
}

/* -- out ------------------------------------------------------------------- */

static int
send_one(void *arg, uint32_t kind, const void *data, size_t len)
{
	(void)arg;
	if (s.network == NULL)
		return ERR_CLOSED;
	if (link_queued(s.network) > LINK_FILL)
		return ERR_LIMIT;
	return link_send(s.network, kind, data, len, -1);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what, (void)arg;
	if (fd >= 0 && read((int)fd, &n, sizeof(n)) < 0)
		return;
	if (s.network != NULL)
		(void)outbox_flush(s.out, send_one, NULL);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	static unsigned int looks;

	(void)fd;
	if (++looks % 50 == 0)
		emit_folded(s.out, false);
	on_wake(-1, what, arg);
}

static int
on_taken(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	Cordon__Taken *t = cordon__taken__unpack(NULL, len, payload);

	(void)arg, (void)l, (void)fd;
	if (t == NULL)
		return why_set(why, ERR_PROTO, "taken");
	outbox_taken(s.out, t->run, t->serial);
	cordon__taken__free_unpacked(t, NULL);
	return 0;
}

static int
ignore(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	(void)arg, (void)l, (void)payload, (void)len, (void)why;
	if (fd != -1)
		close(fd);
	return 0;
}

static const struct link_kind network_table[] = {
	{IPC_TAKEN, "taken", 1, 32, NULL, on_taken, false},
	{IPC_SPOOL_FULL, "full", 0, 0, NULL, ignore, false},
	{IPC_CHECK_RUN, "run", 0, 4096, NULL, ignore, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_network_end(void *arg, struct link *l, const char *reason)
{
	(void)arg, (void)reason;
	if (s.network != l)
		return;
	link_free(&s.network);
	outbox_new_link(s.out);
}

static int
on_peer(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	(void)arg, (void)l, (void)len;
	if (payload[0] != IPC_PEER_NETWORK) {
		close(fd); /* the enforcer: nothing to say to it */
		return 0;
	}
	link_free(&s.network);
	outbox_new_link(s.out);
	s.network = link_new(s.loop.base, fd, "network", network_table, NULL,
	    on_network_end);
	return s.network != NULL ? 0 : why_set(why, ERR_NOMEM, "link");
}

static const struct link_kind parent_table[] = {
	{IPC_PEER, "peer", 1, 1, NULL, on_peer, true},
	{IPC_STOP, "stop", 0, 0, NULL, child_on_stop, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

/* -- life ------------------------------------------------------------------ */

static void
open_tally(const char *dir)
{
	char path[4096];
	void *at;
	int fd;

	if (file_join(path, sizeof(path), dir, "tally") != 0 ||
	    file_join(s.rate_path, sizeof(s.rate_path), dir, "rate") != 0)
		fail("paths", NULL);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sizeof(struct tally)) != 0)
		fail(path, NULL);
	at = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		fail(path, NULL);
	close(fd);
	s.tally = at;
}

int
main(int argc, char **argv)
{
	static const struct right none[] = {{-1, NULL}};
	struct rights rights = {.user = "", .keep = none};
	const struct timeval look = {0, LOOK_US};
	Cordon__Settings *settings;
	struct why why;
	pthread_t t;
	int i;

	log_init("signal-source", LOG_LEVEL_INFO);
	for (i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--user") == 0)
			rights.user = argv[i + 1];
	if (settings_wait(IPC_FD_PARENT, &settings, &why) != 0)
		fail("settings", &why);
	if (rights_drop(&rights, &why) != 0)
		fail("rights", &why);
	open_tally(settings->state_dir);
	s.loop.base = event_base_new();
	s.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s.out = outbox_new(s.wake_fd);
	s.wake = event_new(s.loop.base, s.wake_fd, EV_READ | EV_PERSIST,
	    on_wake, NULL);
	s.look = event_new(s.loop.base, -1, EV_PERSIST, on_look, NULL);
	event_add(s.wake, NULL);
	event_add(s.look, &look);
	if (outbox_keep(s.out, settings->state_dir, settings->fold_after,
	    &why) != 0)
		fail("outbox", &why);
	s.parent = link_new(s.loop.base, IPC_FD_PARENT, "parent",
	    parent_table, &s, child_on_parent_end);
	if (s.parent == NULL || child_ready(s.parent, &why) != 0)
		fail("parent", &why);
	if (pthread_create(&t, NULL, emit_all, NULL) != 0)
		fail("thread", NULL);
	event_base_dispatch(s.loop.base);
	return s.loop.result != 0;
}
