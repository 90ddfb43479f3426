/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop of the sensors process.  Only this thread touches links; the
 * others leave what they have to say in the outbox and wake it.
 */
#include "agent/sensors/hub.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/links/child.h"
#include "agent/links/ipc.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/explain.h"
#include "agent/sensors/gate.h"
#include "agent/sensors/held.h"
#include "agent/sensors/jobs.h"
#include "agent/sensors/own.h"
#include "agent/sensors/path.h"
#include "agent/sensors/peer.h"
#include "agent/sensors/prompt.h"
#include "agent/sensors/ready.h"
#include "agent/sensors/sensor.h"
#include "agent/sensors/state.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/link.h"

#define LINK_FILL (64 * 1024) /* more waits here, where it is not lost */
#define RETRY_US 20000
#define SLOW_MS 5000
#define SENSORS_MAX 16
#define FOLDED_SECONDS 1 /* between two looks at what was folded */

struct hub {
	struct child_loop loop; /* first: child.h */
	struct link *parent, *network, *enforcer;
	struct peer peer;
	struct sensor_env env;
	struct roots roots;
	struct ignore *ignore;
	struct own *own;
	struct gate_env gate;
	struct jobs *jobs;
	struct sensor sensor[SENSORS_MAX];
	size_t sensors;
	int wake_fd;
	struct event *wake, *retry, *beat, *folded;
	unsigned int ready_beats; /* since the last look at readiness */
};

/* -- sending ---------------------------- */

static int
send_one(void *arg, uint32_t kind, const void *data, size_t len)
{
	struct hub *h = arg;

	if (h->network == NULL)
		return ERR_CLOSED;
	if (link_queued(h->network) > LINK_FILL)
		return ERR_LIMIT;
	return link_send(h->network, kind, data, len, -1);
}

static void
flush(struct hub *h)
{
	const struct timeval again = {0, RETRY_US};

	if (h->network != NULL && outbox_flush(h->env.out, send_one, h))
		event_add(h->retry, &again);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	if (read((int)fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		flush(arg);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

/* -- heartbeat ---------------------------- */

static uint64_t
cpu_ms(void)
{
	struct rusage ru;

	if (getrusage(RUSAGE_SELF, &ru) != 0)
		return 0;
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
	    (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
}

static uint64_t
rss_kib(void)
{
	unsigned long long size, resident = 0;
	char text[128];

	if (file_text("/proc/self/statm", text, sizeof(text)) < 0 ||
	    sscanf(text, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024;
}

static void
send_watch(struct hub *h)
{
	Cordon__Watch msg = CORDON__WATCH__INIT;
	uint8_t data[64];

	if (h->network == NULL)
		return;
	msg.files_watched = atomic_load(&h->env.watched);
	msg.blind_open = blind_count(h->env.blind);
	msg.cpu_ms = cpu_ms();
	msg.rss_kib = rss_kib();
	if (cordon__watch__get_packed_size(&msg) > sizeof(data))
		return;
	link_send(h->network, IPC_WATCH, data, cordon__watch__pack(&msg,
	    data), -1);
}

/* Readiness of the host; what is as before is dropped by the receiver. */
static void
send_ready_items(struct hub *h)
{
	struct ready_item items[READY_ITEMS_MAX + 2];
	Cordon__ReadinessItem m = CORDON__READINESS_ITEM__INIT;
	uint8_t data[READY_TEXT_MAX + 128];
	size_t i, n;

	if (h->network == NULL)
		return;
	n = ready_look("", h->env.settings->state_dir, items);
	if (h->env.settings->processes)
		ready_processes(h->env.connector_fd >= 0, &items[n++]);
	ready_firewall(h->env.nft_fd >= 0, &items[n++]);
	for (i = 0; i < n; i++) {
		m.id = (char *)(uintptr_t)items[i].id;
		m.ok = items[i].ok;
		m.text = items[i].text;
		m.level = items[i].blocks ?
		    CORDON__READINESS_LEVEL__READINESS_BLOCKS :
		    CORDON__READINESS_LEVEL__READINESS_WEAKER;
		if (cordon__readiness_item__get_packed_size(&m) <=
		    sizeof(data))
			link_send(h->network, IPC_READINESS, data,
			    cordon__readiness_item__pack(&m, data), -1);
	}
	h->ready_beats = 0;
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd;
	(void)what;
	blind_alive(h->env.blind);
	send_watch(h);
	jobs_beat(h->jobs);
	if (++h->ready_beats >= HUB_READY_BEATS)
		send_ready_items(h);
}

static void
on_folded(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd;
	(void)what;
	emit_folded(h->env.out, false);
}

/* -- requests ---------------------------- */

static int
check_take(void *arg, Cordon__CheckRun *msg)
{
	struct hub *h = arg;

	return jobs_check_take(h->jobs, msg);
}

static int
manifest_take(void *arg, Cordon__ManifestAsk *msg)
{
	struct hub *h = arg;

	return jobs_manifest_take(h->jobs, msg);
}

static int
snapshot_take(void *arg, Cordon__SnapshotAsk *msg)
{
	struct hub *h = arg;

	return jobs_snapshot_take(h->jobs, msg);
}

static int
preview_take(void *arg, Cordon__PreviewAsk *msg)
{
	struct hub *h = arg;

	return jobs_preview_take(h->jobs, msg);
}

static int
sweep_take(void *arg, Cordon__SweepAsk *msg)
{
	struct hub *h = arg;

	return jobs_sweep_take(h->jobs, msg);
}

static int
trees_take(void *arg, Cordon__TreeList *msg)
{
	struct hub *h = arg;

	return jobs_trees_take(h->jobs, msg);
}

static int
tree_part_take(void *arg, Cordon__ManifestChunk *msg)
{
	struct hub *h = arg;

	return jobs_tree_part_take(h->jobs, msg);
}

static int
list_have_take(void *arg, Cordon__ListHave *msg)
{
	struct hub *h = arg;

	return jobs_list_have_take(h->jobs, msg);
}

static int
list_part_take(void *arg, Cordon__ListPart *msg)
{
	struct hub *h = arg;

	return jobs_list_part_take(h->jobs, msg);
}

static void
spool_full(void *arg)
{
	struct hub *h = arg;

	outbox_slow(h->env.out, clock_boot_ms() + SLOW_MS);
}

static void
taken(void *arg, uint64_t run, uint64_t serial)
{
	struct hub *h = arg;

	outbox_taken(h->env.out, run, serial);
}

static const struct peer_calls calls = {check_take, manifest_take,
    snapshot_take, spool_full, preview_take, taken, sweep_take, trees_take,
    tree_part_take, list_have_take, list_part_take};

/* -- links ---------------------------- */

static void
on_network_end(void *arg, struct link *l, const char *reason)
{
	const struct peer *p = arg;
	struct hub *h = p->arg;

	log_warn("network process: %s", reason);
	if (h->network != l)
		return;
	link_free(&h->network);
	outbox_new_link(h->env.out);
}

/* Whether this host is cut off: the only thing the enforcer tells us. */
static int
on_cut(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const uint64_t one = 1;
	struct hub *h = arg;

	(void)l, (void)len, (void)fd;
	if (payload[0] > 1)
		return why_set(why, ERR_PROTO, "cut %u", payload[0]);
	if (payload[0] == 1 && !atomic_load(&h->env.cut))
		atomic_fetch_add(&h->env.cuts, 1);
	atomic_store(&h->env.cut, payload[0] == 1);
	if (payload[0] == 1 && write(h->env.cut_fd, &one, sizeof(one)) < 0)
		return 0; /* full: the sensor is awake */
	return 0;
}

static const struct link_kind enforcer_table[] = {
	{IPC_CUT, "cut", 1, 1, NULL, on_cut, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

/* While it is away, what it said last holds. */
static void
on_enforcer_end(void *arg, struct link *l, const char *reason)
{
	struct hub *h = arg;

	log_warn("enforcer: %s", reason);
	if (h->enforcer == l)
		link_free(&h->enforcer);
}

static int
new_enforcer(struct hub *h, int fd, struct why *why)
{
	link_free(&h->enforcer);
	h->enforcer = link_new(h->loop.base, fd, "enforcer", enforcer_table, h,
	    on_enforcer_end);
	return h->enforcer != NULL ? 0 :
	    why_set(why, ERR_NOMEM, "link to enforcer");
}

static int
on_peer(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;

	(void)l;
	(void)len;
	if (payload[0] == IPC_PEER_ENFORCER && fd != -1)
		return new_enforcer(h, fd, why);
	if (payload[0] != IPC_PEER_NETWORK || fd == -1) {
		if (fd != -1)
			close(fd);
		return why_set(why, ERR_PROTO, "peer %u", payload[0]);
	}
	if (h->network != NULL)
		link_free(&h->network);
	outbox_new_link(h->env.out);
	h->network = link_new(h->loop.base, fd, "network", peer_network_table,
	    &h->peer, on_network_end);
	if (h->network == NULL)
		return why_set(why, ERR_NOMEM, "link to network");
	send_watch(h);
	send_ready_items(h);
	flush(h);
	return 0;
}

static const struct link_kind parent_table[] = {
	{IPC_PEER, "peer", 1, 1, NULL, on_peer, true},
	{IPC_STOP, "stop", 0, 0, NULL, child_on_stop, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

/* -- start and stop ---------------------------- */

/* The state folders of all our processes change all the time. */
static int
ignore_own_state(struct hub *h)
{
	char dir[PATH_LEN];
	const char *name;

	if (path_split(h->env.settings->state_dir, dir, &name) != 0 ||
	    strcmp(dir, "/") == 0)
		return ignore_add_path(h->ignore,
		    h->env.settings->state_dir);
	return ignore_add_path(h->ignore, dir);
}

static int
prepare(struct hub *h, struct why *why)
{
	const Cordon__Settings *s = h->env.settings;
	int r;

	r = outbox_keep(h->env.out, s->state_dir, s->fold_after, why);
	if (r == 0)
		r = roots_init(&h->roots, s->watch, s->n_watch, s->own_dir,
		    s->conf_path, why);
	if (r == 0)
		r = ignore_new(s->ignore, s->n_ignore, &h->ignore, why);
	if (r == 0 && ignore_own_state(h) != 0)
		r = why_set(why, ERR_LIMIT, "too many ignore rules");
	if (r == 0)
		r = own_new(&h->roots, &h->own, why);
	h->env.lineage = lineage_new();
	if (r == 0 && h->env.lineage == NULL)
		r = why_set(why, ERR_NOMEM, "table of processes");
	if (r == 0)
		r = feed_new(s->data_tree, s->n_data_tree, &h->env.feed, why);
	if (r == 0)
		r = blind_new(s->state_dir, h->env.out, &h->env.blind,
		    &h->env.last_seen_ms, why);
	h->env.tap = tap_new();
	h->env.who = who_cache_new();
	h->env.held = held_new();
	if (r == 0 && (h->env.tap == NULL || h->env.who == NULL ||
	    h->env.held == NULL ||
	    state_listen(h->env.tap, s) != 0))
		r = why_set(why, ERR_NOMEM, "changed paths");
	h->env.roots = &h->roots;
	if (r == 0)
		r = explain_new(&h->env, &h->env.explain, why);
	h->env.ignore = h->ignore;
	h->gate.env = &h->env;
	h->gate.own = h->own;
	return r;
}

static int
start_threads(struct hub *h, struct why *why)
{
	size_t i;
	int r;

	r = jobs_start(&h->gate, &h->jobs, why);
	for (i = 0; r == 0 && sensor_kinds[i] != NULL; i++) {
		r = sensor_start(&h->sensor[i], sensor_kinds[i], &h->env,
		    why);
		if (r == 0)
			h->sensors++;
	}
	return r;
}

static int
start_loop(struct hub *h, int parent_fd, struct why *why)
{
	const struct timeval every = {HUB_WATCH_SECONDS, 0};
	const struct timeval look = {FOLDED_SECONDS, 0};

	h->loop.base = event_base_new();
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->env.cut_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->loop.base == NULL || h->wake_fd < 0 || h->env.cut_fd < 0) {
		close(parent_fd);
		return why_set(why, ERR_NOMEM, "event loop");
	}
	h->env.out = outbox_new(h->wake_fd);
	h->wake = event_new(h->loop.base, h->wake_fd, EV_READ | EV_PERSIST,
	    on_wake, h);
	h->retry = event_new(h->loop.base, -1, 0, on_retry, h);
	h->beat = event_new(h->loop.base, -1, EV_PERSIST, on_beat, h);
	h->folded = event_new(h->loop.base, -1, EV_PERSIST, on_folded, h);
	h->parent = link_new(h->loop.base, parent_fd, "parent", parent_table, h,
	    child_on_parent_end);
	if (h->env.out == NULL || h->wake == NULL || h->retry == NULL ||
	    h->beat == NULL || h->folded == NULL || h->parent == NULL)
		return why_set(why, ERR_NOMEM, "event loop");
	event_add(h->wake, NULL);
	event_add(h->beat, &every);
	event_add(h->folded, &look);
	return 0;
}

static void
stop_all(struct hub *h)
{
	size_t i;

	atomic_store(&h->env.stop, true);
	if (h->env.out != NULL)
		outbox_close(h->env.out);
	for (i = 0; i < h->sensors; i++)
		sensor_stop(&h->sensor[i]);
	jobs_stop(&h->jobs);
	if (h->env.blind != NULL)
		blind_alive(h->env.blind);
	if (h->env.out != NULL) {
		emit_folded(h->env.out, true);
		flush(h);
	}
	link_free(&h->network);
	link_free(&h->enforcer);
	link_free(&h->parent);
	lineage_free(&h->env.lineage);
	if (h->env.connector_fd >= 0)
		close(h->env.connector_fd);
	if (h->env.nft_fd >= 0)
		close(h->env.nft_fd);
	blind_free(&h->env.blind);
	outbox_free(&h->env.out);
	explain_free(&h->env.explain);
	tap_free(&h->env.tap);
	who_cache_free(&h->env.who);
	held_free(&h->env.held);
	own_free(&h->own);
	feed_free(&h->env.feed);
	ignore_free(&h->ignore);
	roots_done(&h->roots);
	if (h->wake != NULL)
		event_free(h->wake);
	if (h->retry != NULL)
		event_free(h->retry);
	if (h->beat != NULL)
		event_free(h->beat);
	if (h->folded != NULL)
		event_free(h->folded);
	if (h->loop.base != NULL)
		event_base_free(h->loop.base);
	if (h->wake_fd >= 0)
		close(h->wake_fd);
	if (h->env.cut_fd >= 0)
		close(h->env.cut_fd);
}

int
hub_run(const Cordon__Settings *settings, const struct hub_sockets *sockets,
    struct why *why)
{
	static struct hub h; /* large, and only one */
	int r;

	h.env.settings = settings;
	h.env.connector_fd = sockets->connector;
	h.env.nft_fd = sockets->nft;
	h.wake_fd = h.env.cut_fd = -1;
	h.peer = (struct peer){&calls, &h};
	r = start_loop(&h, sockets->parent, why);
	if (r == 0)
		r = prepare(&h, why);
	if (r == 0)
		r = start_threads(&h, why);
	if (r == 0)
		r = child_ready(h.parent, why);
	if (r == 0) {
		h.loop.result = ERR_CLOSED;
		prompt_thread();
		event_base_dispatch(h.loop.base);
		r = h.loop.result;
		if (r != 0)
			why_set(why, r, "the loop ended");
	}
	stop_all(&h);
	return r;
}
