/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network process: its life, its timers, and what the line asks of it.
 * It holds no right and no key but its own TLS key; taken over, it can delay
 * and lie about signals, but neither isolate nor release.
 */
#include "agent/network/network.h"

#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/links/child.h"
#include "agent/links/features.h"
#include "agent/network/collectors.h"
#include "agent/network/network_int.h"
#include "agent/network/ready.h"
#include "agent/network/usage.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/pack.h"

#define FLUSH_MS 50 /* between two writes to disk; the first goes at once */
#define TICK_MS 1000
#define HEARD_GAP_MS 1000  /* between two IPC_LINE */
#define RENEW_LOOK_MS 5000
#define READINESS_DAY_MS (24 * 3600 * 1000LL)
#define UP_ITEMS_MAX 4096
#define UP_BYTES_MAX (8 * 1024 * 1024)
#define ORDERS_MAX 8
#define UP_HIGH (1024 * 1024) /* waiting: the sensors are not read */
#define UP_LOW (256 * 1024)   /* they are read again */
#define LINE_HIGH (512 * 1024) /* no more is given to the line above it */
#define PROTOCOL_VERSION 1
#define CLOCK_OFF_MS (5 * 60 * 1000) /* more than a person would leave */

bool
network_isolated(const struct network *n)
{
	return n->state != NULL && n->state->profile !=
	    CORDON__PROFILE__PROFILE_NONE && n->state->profile !=
	    CORDON__PROFILE__PROFILE_OPEN;
}

void
network_stop(struct network *n, int status)
{
	n->status = status;
	event_base_loopbreak(n->base);
}

int
network_status(const struct network *n)
{
	return n->status;
}

/* -- sending ----------------------------------------------------------- */

static int
send_batch(void *arg, const void *payload, size_t len, bool ahead)
{
	struct network *n = arg;

	/* What overtakes has room of its own. */
	if (line_queued(n->line) >= (ahead ? 2 : 1) * LINE_HIGH)
		return ERR_LIMIT;
	return line_send(n->line, ahead ? FRAME_SIGNALS_AHEAD : FRAME_SIGNALS,
	    payload, len);
}

static void
send_results(struct network *n)
{
	const struct outbox_item *i;

	while ((i = outbox_first(&n->up)) != NULL &&
	    line_queued(n->line) < LINE_HIGH) {
		if (line_send(n->line, (uint16_t)i->kind, i->data, i->len) !=
		    0)
			return;
		outbox_drop_first(&n->up);
	}
}

/*
 * A manifest comes faster than a slow line takes it: then it waits with the
 * sensors.  While the line is down they are read, for their signals.
 */
static void
pace_sensors(struct network *n)
{
	bool live = line_state(n->line) == LINE_LIVE;
	bool pause = n->sensors_paused;

	if (!live || n->up.bytes <= UP_LOW)
		pause = false;
	else if (n->up.bytes >= UP_HIGH)
		pause = true;
	if (!n->sensors_up || pause == n->sensors_paused)
		return;
	n->sensors_paused = pause;
	link_pause(n->sensors, pause);
}

void
network_pump(struct network *n)
{
	struct why why = {0};

	if (line_state(n->line) != LINE_LIVE)
		return;
	send_results(n);
	pace_sensors(n);
	if (feed_pump(&n->feed, &why) != 0)
		log_error("spool: %s", why.text);
	if (outbox_first(&n->up) != NULL)
		network_flush_soon(n);
}

/* L need not send again what is safe now. */
static void
tell_taken(struct network_taken *t, struct link *l)
{
	Cordon__Taken m = CORDON__TAKEN__INIT;
	uint8_t packed[32];

	if (!t->new)
		return;
	m.run = t->run;
	m.serial = t->serial;
	t->new = link_send(l, IPC_TAKEN, packed,
	    cordon__taken__pack(&m, packed), -1) != 0;
}

void
network_flush_now(struct network *n)
{
	struct why why = {0};

	if (spool_dirty(n->spool) && spool_sync(n->spool, &why) != 0) {
		log_error("spool: %s", why.text);
		network_flush_soon(n);
		return;
	}
	tell_taken(&n->taken[FROM_PARENT], n->parent);
	if (n->enforcer_up)
		tell_taken(&n->taken[FROM_ENFORCER], n->enforcer);
	if (n->sensors_up)
		tell_taken(&n->taken[FROM_SENSORS], n->sensors);
	network_pump(n);
}

void
network_flush_soon(struct network *n)
{
	int64_t left = n->flushed + FLUSH_MS - clock_boot_ms();
	const struct timeval tv = {.tv_usec = left > 0 ? left * 1000 : 0};

	if (!event_pending(n->flush, EV_TIMEOUT, NULL))
		event_add(n->flush, &tv);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct network *n = arg;

	(void)fd, (void)what;
	n->flushed = clock_boot_ms();
	network_flush_now(n);
}

/* -- what the line asks ------------------------------------------------ */

static void
read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");

	out[0] = '\0';
	if (f != NULL) {
		if (fgets(out, (int)size, f) != NULL)
			out[strcspn(out, "\n")] = '\0';
		fclose(f);
	}
}

struct readiness_parts {
	Cordon__ReadinessItem item[READINESS_MAX], *items[READINESS_MAX];
};

struct hello_parts {
	struct iface_addr ip[IFACES_MAX];
	Cordon__Address addr[IFACES_MAX], *addrs[IFACES_MAX];
	struct readiness_parts ready;
};

static void
fill_addresses(Cordon__Hello *h, struct hello_parts *p)
{
	size_t i, n = 0;

	if (ifaces_list(p->ip, &n) != 0)
		log_warn("cannot list our addresses");
	for (i = 0; i < n; i++) {
		cordon__address__init(&p->addr[i]);
		p->addr[i].ip.data = p->ip[i].ip;
		p->addr[i].ip.len = p->ip[i].ip_len;
		p->addr[i].prefix_len = p->ip[i].prefix_len;
		p->addrs[i] = &p->addr[i];
	}
	h->addresses = p->addrs;
	h->n_addresses = n;
}

/* Point P's items at what is known; their number. */
static size_t
fill_readiness(struct network *n, struct readiness_parts *p)
{
	size_t i;

	for (i = 0; i < n->nreadiness; i++) {
		cordon__readiness_item__init(&p->item[i]);
		p->item[i].id = n->readiness[i].id;
		p->item[i].ok = n->readiness[i].ok;
		p->item[i].text = n->readiness[i].text;
		p->item[i].level = n->readiness[i].level;
		p->items[i] = &p->item[i];
	}
	n->readiness_new = false;
	n->readiness_told = clock_boot_ms();
	return n->nreadiness;
}

static int
make_hello(void *arg, struct buf *out)
{
	Cordon__Hello h = CORDON__HELLO__INIT;
	struct network *n = arg;
	struct hello_parts p;
	struct utsname u;
	char boot[64];

	read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	if (uname(&u) == -1)
		memset(&u, 0, sizeof(u));
	h.version = PROTOCOL_VERSION;
	h.host_id = n->settings->host_id;
	h.agent_version = (char *)(uintptr_t)CORDON_VERSION;
	h.boot_id = boot;
	h.kernel = u.release;
	h.hostname = u.nodename;
	h.state = n->state;
	h.spool_next = spool_next(n->spool);
	h.spool_first = spool_first(n->spool);
	fill_addresses(&h, &p);
	h.readiness = p.ready.items;
	h.n_readiness = fill_readiness(n, &p.ready);
	h.answers = (char **)(uintptr_t)agent_answers;
	h.n_answers = sizeof(agent_answers) / sizeof(agent_answers[0]);
	return pack(&h.base, out);
}

/*
 * CPU and memory of all our processes.  Where /proc hides the others, only
 * our own and what the sensors tell of themselves are in the sum.
 */
static void
measure(const struct network *n, struct usage *u)
{
	if (usage_all(u))
		return;
	usage_own(u);
	if (n->watch != NULL) {
		u->cpu_ms += n->watch->cpu_ms;
		u->rss_kib += n->watch->rss_kib;
	}
}

static int
make_heartbeat(void *arg, uint64_t sequence, struct buf *out)
{
	Cordon__Heartbeat h = CORDON__HEARTBEAT__INIT;
	struct network *n = arg;
	struct usage u;

	measure(n, &u);
	h.state = n->state;
	h.spool_depth = spool_depth(n->spool);
	h.spool_dropped = spool_dropped(n->spool);
	if (n->watch != NULL) {
		h.blind_open = n->watch->blind_open;
		h.files_watched = n->watch->files_watched;
	}
	h.cpu_ms = u.cpu_ms;
	h.rss_kib = u.rss_kib;
	h.sequence = sequence;
	return pack(&h.base, out);
}

static void
on_heard(void *arg)
{
	struct network *n = arg;
	int64_t now = clock_boot_ms();

	if (!n->enforcer_up || now - n->heard_told < HEARD_GAP_MS)
		return;
	n->heard_told = now;
	(void)link_send(n->enforcer, IPC_LINE, NULL, 0, -1);
}

static void
on_down(void *arg)
{
	struct network *n = arg;

	feed_stop(&n->feed);
	renew_forget(&n->renew);
	n->clock_told = false;
	pace_sensors(n);
}

static const struct line_ops line_ops = {make_hello, make_heartbeat, on_heard,
    on_down};

/* -- once a second ----------------------------------------------------- */

void
network_addresses(struct network *n)
{
	bool same = n->npinned > 0 ?
	    line_set_addresses(n->line, n->pinned, n->npinned) :
	    line_set_addresses(n->line, n->known_at, n->known.n);

	/* Dead by the rules already; three lost heartbeats would tell. */
	if (!same && n->npinned > 0)
		line_end(n->line, "the order in force names other collectors");
}

void
network_server_time(struct network *n, int64_t ms)
{
	int64_t off = clock_wall_ms() - ms;
	char span[32];

	if (ms <= 0)
		return;
	if (n->server_ms == 0)
		ready_soon(n); /* there is a clock to compare with now */
	n->server_ms = ms;
	n->server_at = clock_boot_ms();
	if (n->clock_told || (off < CLOCK_OFF_MS && off > -CLOCK_OFF_MS))
		return;
	n->clock_told = true;
	log_warn("the clock of this host is %s %s the collector's",
	    clock_format_span(span, sizeof(span),
	    (off < 0 ? -off : off) / 1000), off < 0 ? "behind" : "ahead of");
}

void
network_renew(struct network *n)
{
	int64_t now = n->server_ms == 0 ? clock_wall_ms() :
	    n->server_ms + clock_boot_ms() - n->server_at;
	struct why why = {0};
	struct buf b;

	if (!renew_due(&n->renew, now))
		return;
	buf_init(&b, frame_max(FRAME_CERT_REQUEST));
	if (renew_request(&n->renew, &b, &why) != 0) {
		log_error("certificate: %s", why.text);
	} else if (line_send(n->line, FRAME_CERT_REQUEST, b.data, b.len) !=
	    0) {
		renew_forget(&n->renew);
		n->renew.wanted = true;
	}
	buf_done(&b);
}

/* Hello told it; what changed since is told at once, the rest once a day. */
static void
tell_readiness(struct network *n)
{
	Cordon__Readiness r = CORDON__READINESS__INIT;
	struct readiness_parts p;
	struct buf b;

	if (line_state(n->line) != LINE_LIVE || n->nreadiness == 0 ||
	    (!n->readiness_new &&
	    clock_boot_ms() - n->readiness_told < READINESS_DAY_MS))
		return;
	r.items = p.items;
	r.n_items = fill_readiness(n, &p);
	buf_init(&b, frame_max(FRAME_READINESS));
	if (pack(&r.base, &b) != 0 ||
	    line_send(n->line, FRAME_READINESS, b.data, b.len) != 0)
		n->readiness_new = true;
	buf_done(&b);
}

static void
look_at_certificate(struct network *n)
{
	int64_t now = clock_boot_ms();

	if (line_state(n->line) != LINE_LIVE ||
	    (n->renew_looked != 0 && now - n->renew_looked < RENEW_LOOK_MS))
		return;
	n->renew_looked = now;
	network_renew(n);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct network *n = arg;
	struct why why = {0};

	(void)fd, (void)what;
	runs_expire(&n->runs, clock_boot_ms(), relay_unknown, n);
	if (spool_report(n->spool, &why) != 0)
		log_warn("spool: %s", why.text);
	if (feed_stuck(&n->feed))
		line_end(n->line, "signals were not acknowledged for long");
	look_at_certificate(n);
	ready_tick(n);
	tell_readiness(n);
	if (spool_dirty(n->spool))
		network_flush_soon(n);
	else
		network_pump(n);
}

/* -- life -------------------------------------------------------------- */

static void
on_parent_end(void *arg, struct link *l, const char *reason)
{
	(void)l;
	log_error("parent: %s", reason);
	network_stop(arg, 1);
}

static int
open_spool(struct network *n, struct why *why)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), n->state_dir,
	    NETWORK_DIR_SPOOL)) != 0)
		return why_set(why, rc, "%s: path too long", n->state_dir);
	rc = spool_open(path, n->settings->spool_max, &n->spool, why);
	if (rc == 0)
		feed_init(&n->feed, n->spool, send_batch, n);
	return rc;
}

static int
open_line(struct network *n, struct why *why)
{
	const struct line_options o = {n->base, n->state_dir, network_rows(),
	    &line_ops, n};
	int rc;

	if ((rc = line_new(&o, &n->line, why)) != 0)
		return rc;
	collectors_add(&n->known, n->settings->collectors,
	    n->settings->n_collectors);
	collectors_load(&n->known, n->state_dir);
	network_addresses(n);
	return 0;
}

void
network_begin(struct network *n)
{
	if (n->begun)
		return;
	n->begun = true;
	evtimer_del(n->begin);
	line_start(n->line);
}

static void
on_begin(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	network_begin(arg);
}

static int
open_events(struct network *n, unsigned int begin_s, struct why *why)
{
	const struct timeval tick = {.tv_sec = TICK_MS / 1000};
	const struct timeval begin = {.tv_sec = begin_s};

	n->flush = evtimer_new(n->base, on_flush, n);
	n->tick = event_new(n->base, -1, EV_PERSIST, on_tick, n);
	n->begin = evtimer_new(n->base, on_begin, n);
	n->witness = witness_new(n->base, relay_witness, n);
	if (n->flush == NULL || n->tick == NULL || n->begin == NULL ||
	    n->witness == NULL || event_add(n->tick, &tick) != 0 ||
	    evtimer_add(n->begin, &begin) != 0)
		return why_set(why, ERR_NOMEM, "out of memory");
	return 0;
}

int
network_new(const struct network_options *o, struct network **out,
    struct why *why)
{
	struct network *n;
	int rc;

	if ((n = calloc(1, sizeof(*n))) == NULL) {
		close(o->parent_fd);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	n->base = o->base;
	n->state_dir = o->state_dir;
	n->settings = o->settings;
	n->status = 1;
	n->known = (struct collectors){n->known_at, 0, LINE_ADDRS_MAX};
	outbox_init(&n->up, UP_ITEMS_MAX, UP_BYTES_MAX);
	buf_init(&n->trees, frame_max(FRAME_TREES));
	outbox_init(&n->orders, ORDERS_MAX, ORDERS_MAX * LINK_PAYLOAD_MAX);
	n->parent = link_new(n->base, o->parent_fd, "parent",
	    network_table(0), n, on_parent_end);
	if (n->parent == NULL)
		rc = why_set(why, ERR_NOMEM, "out of memory");
	else if ((rc = renew_init(&n->renew, n->state_dir,
	    n->settings->host_id, why)) == 0 &&
	    (rc = open_events(n, o->begin_s, why)) == 0 &&
	    (rc = open_spool(n, why)) == 0 && (rc = open_line(n, why)) == 0)
		rc = child_ready(n->parent, why);
	if (rc != 0) {
		network_free(&n);
		return rc;
	}
	*out = n;
	return 0;
}

void
network_free(struct network **np)
{
	struct network *n = *np;

	if (n == NULL)
		return;
	if (n->spool != NULL && n->line != NULL)
		network_flush_now(n);
	line_free(&n->line);
	link_free(&n->enforcer);
	link_free(&n->sensors);
	link_free(&n->parent);
	witness_free(&n->witness);
	if (n->flush != NULL)
		event_free(n->flush);
	if (n->tick != NULL)
		event_free(n->tick);
	if (n->begin != NULL)
		event_free(n->begin);
	spool_close(&n->spool);
	outbox_done(&n->up);
	buf_done(&n->trees);
	outbox_done(&n->orders);
	if (n->state != NULL)
		cordon__state__free_unpacked(n->state, NULL);
	if (n->watch != NULL)
		cordon__watch__free_unpacked(n->watch, NULL);
	free(n);
	*np = NULL;
}
