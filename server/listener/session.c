/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection of an agent: which frame is allowed in which state, and who
 * takes it.  Runs on a loop of the collector.  Who it is says the
 * certificate alone; nothing in a frame is trusted for that.
 */
#include "server/listener/session.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/frame.h"
#include "common/wire/unpack.h"
#include "server/listener/session_int.h"

#define HANDSHAKE_MS 10000
#define HELLO_MS 15000	/* to say something after TLS */
#define IDLE_BEATS 4	/* heartbeats without anything heard */
#define OUT_MAX (4 * 1024 * 1024)
#define PROTOCOL_VERSION 1
#define HELLO_ITEMS_MAX 64
#define FIELD_MAX 63 /* bytes of names and versions */
#define TOKEN_MAX 128

void
session_set(struct session *s, enum session_state to)
{
	/* The values rise along every allowed way. */
	if (to < s->state)
		abort();
	s->state = to;
}

uint64_t
session_id(const struct session *s)
{
	return s->id;
}

void
session_settle(struct session *s)
{
	if (s->conn != NULL || s->under_way > 0 || s->nwaiting > 0)
		return;
	loop_remove(s->loop, s->id);
	free(s);
}

void
session_abandon(struct session *s)
{
	struct loop *l = s->loop;
	uint64_t id = s->id;

	session_end(s, "the collector stops");
	/* It may be gone by now, or wait for a store that takes no more. */
	if ((s = loop_find(l, id)) != NULL) {
		job_drop_waiting(s);
		session_settle(s);
	}
}

void
session_end(struct session *s, const char *reason)
{
	if (s->conn != NULL)
		conn_end(s->conn, reason);
}

void
session_refuse(struct session *s, const char *code, const char *why)
{
	Cordon__Refused r = CORDON__REFUSED__INIT;
	char text[WHY_MAX];
	uint8_t packed[2 * WHY_MAX];
	struct why reason;

	if (s->conn == NULL || s->state == SESSION_CLOSING)
		return;
	why_set(&reason, 0, "refused (%s): %s", code, why);
	strncpy(text, why, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	r.code = (char *)(uintptr_t)code;
	r.why = text;
	session_set(s, SESSION_CLOSING);
	job_drop_waiting(s);
	(void)conn_send(s->conn, FRAME_REFUSED, packed,
	    cordon__refused__pack(&r, packed));
	conn_finish(s->conn, reason.text);
}

/* What a connection with a stale certificate may be told. */
static bool
for_stale(uint16_t kind)
{
	return kind == 0 || kind == FRAME_ORDER ||
	    kind == FRAME_RENEW_FIRST || kind == FRAME_CERT_ISSUED;
}

void
session_mail(struct session *s, uint16_t kind, const void *payload,
    size_t len)
{
	char reason[256];

	if (s->conn == NULL || s->state == SESSION_CLOSING ||
	    (s->stale && !for_stale(kind)))
		return;
	if (kind == 0) {
		log_quote(reason, sizeof(reason), payload, len);
		session_refuse(s, "ended", reason);
		return;
	}
	if (conn_send(s->conn, kind, payload, len) != 0)
		conn_end(s->conn, "the agent does not read what it is sent");
}

void
session_retry(struct loop *l)
{
	struct session_list list;
	struct session *s;

	TAILQ_INIT(&list);
	TAILQ_CONCAT(&list, &l->stalled, stalled_link);
	while ((s = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, s, stalled_link);
		s->stalled = false;
		job_pump(s);
	}
}

/* -- frames ------------------------------------------------------------ */

static bool
short_text(const char *t, size_t max)
{
	size_t len = strlen(t);

	return len <= max && text_printable(t, len, false);
}

static int
on_enrol(struct session *s, const struct frame *f, struct why *why)
{
	Cordon__Enrol *e;

	e = unpack(&cordon__enrol__descriptor, f->payload, f->len);
	if (e == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	if (!short_text(e->token, TOKEN_MAX) || e->token[0] == '\0' ||
	    e->csr_der.len < 1 || e->csr_der.len > X509_DER_MAX ||
	    !short_text(e->hostname, 255) ||
	    !short_text(e->agent_version, FIELD_MAX) ||
	    !short_text(e->machine_id, FIELD_MAX)) {
		cordon__enrol__free_unpacked(e, NULL);
		return why_set(why, ERR_PROTO, "a field is out of bounds");
	}
	session_set(s, SESSION_ENROLLING);
	return job_enrol(s, e);
}

static bool
hello_good(const Cordon__Hello *h)
{
	size_t i;

	if (!short_text(h->agent_version, FIELD_MAX) ||
	    !short_text(h->boot_id, FIELD_MAX) ||
	    !short_text(h->kernel, 2 * FIELD_MAX) ||
	    !short_text(h->hostname, 255) ||
	    h->n_addresses > HELLO_ITEMS_MAX ||
	    h->n_readiness > HELLO_ITEMS_MAX ||
	    h->n_answers > HELLO_ITEMS_MAX)
		return false;
	for (i = 0; i < h->n_readiness; i++)
		if (!short_text(h->readiness[i]->id, FIELD_MAX) ||
		    !short_text(h->readiness[i]->text, 512))
			return false;
	return true;
}

static int
on_hello(struct session *s, const struct frame *f, struct why *why)
{
	Cordon__Hello *h;
	int rc = 0;

	h = unpack(&cordon__hello__descriptor, f->payload, f->len);
	if (h == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	if (h->version != PROTOCOL_VERSION)
		rc = why_set(why, ERR_PROTO, "protocol version %u, not %d",
		    h->version, PROTOCOL_VERSION);
	else if (strcmp(h->host_id, s->host_id) != 0)
		rc = why_set(why, ERR_PROTO,
		    "host id is not the certificate's");
	else if (!hello_good(h))
		rc = why_set(why, ERR_PROTO, "a field is out of bounds");
	if (rc != 0) {
		cordon__hello__free_unpacked(h, NULL);
		return rc;
	}
	session_set(s, SESSION_GREETING);
	return job_hello(s, h);
}

static int
on_live(struct session *s, const struct frame *f, struct why *why)
{
	if (s->nwaiting >= JOBS_WAITING_MAX)
		return why_set(why, ERR_LIMIT, "too many frames at a time");
	return job_frame(s, f->kind, f->payload, f->len);
}

struct row {
	uint16_t kind;
	unsigned int states;
	int (*handle)(struct session *s, const struct frame *f,
	    struct why *why);
};

static const struct row rows[] = {
	{FRAME_ENROL, SESSION_STRANGER, on_enrol},
	{FRAME_HELLO, SESSION_HELLO_WAIT, on_hello},
	{FRAME_HEARTBEAT, SESSION_LIVE, on_live},
	{FRAME_SIGNALS, SESSION_LIVE, on_live},
	{FRAME_SIGNALS_AHEAD, SESSION_LIVE, on_live},
	{FRAME_ORDER_ANSWER, SESSION_LIVE, on_live},
	{FRAME_PROOF, SESSION_LIVE, on_live},
	{FRAME_CHECK_RESULT, SESSION_LIVE, on_live},
	{FRAME_MANIFEST, SESSION_LIVE, on_live},
	{FRAME_SNAPSHOT, SESSION_LIVE, on_live},
	{FRAME_WITNESS, SESSION_LIVE, on_live},
	{FRAME_CERT_REQUEST, SESSION_LIVE | SESSION_RENEWING, on_live},
	{FRAME_READINESS, SESSION_LIVE, on_live},
	{FRAME_PREVIEW, SESSION_LIVE, on_live},
	{FRAME_SWEEP, SESSION_LIVE, on_live},
	{FRAME_TREE_ASK, SESSION_LIVE, on_live},
	{FRAME_LIST_ASK, SESSION_LIVE, on_live},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static const char *
find_row(enum session_state state, uint16_t kind, const struct row **row)
{
	size_t i;

	for (i = 0; i < NROWS; i++) {
		if (rows[i].kind != kind)
			continue;
		if ((rows[i].states & (unsigned int)state) == 0)
			return "not allowed now";
		*row = &rows[i];
		return NULL;
	}
	return "not for a collector";
}

const char *
session_check(enum session_state state, uint16_t kind)
{
	const struct row *row;

	return find_row(state, kind, &row);
}

int
session_frame(struct session *s, const struct frame *f, struct why *why)
{
	const struct row *row;
	const char *wrong;
	int rc;

	if (s->state == SESSION_CLOSING)
		return 0;
	wrong = find_row(s->state, f->kind, &row);
	rc = wrong != NULL ? why_set(why, ERR_PROTO, "%s", wrong) :
	    row->handle(s, f, why);
	if (rc == 0)
		return 0;
	if (why->text[0] == '\0')
		why_set(why, rc, "%s", err_str(rc));
	why_prefix(why, "frame %s: ", frame_name(f->kind));
	return rc;
}

/* -- what conn tells --------------------------------------------------- */

static int
on_up(void *arg, struct conn *c, const struct x509_id *peer, struct why *why)
{
	int64_t now = clock_wall_ms();
	struct session *s = arg;

	(void)c;
	if (peer->role == 0) {
		session_set(s, SESSION_STRANGER);
		return 0;
	}
	if (peer->role != X509_AGENT || !id_valid(peer->name))
		return why_set(why, ERR_PERM, "the certificate is no "
		    "agent's");
	strcpy(s->host_id, peer->name);
	strcpy(s->cert.serial, peer->serial);
	s->cert.not_before_ms = peer->not_before_ms;
	s->cert.not_after_ms = peer->not_after_ms;
	s->stale = now < peer->not_before_ms || now >= peer->not_after_ms;
	rate_give_back(&s->loop->rate, &s->from, clock_boot_ms());
	session_set(s, SESSION_HELLO_WAIT);
	return 0;
}

static int
on_frame(void *arg, struct conn *c, const struct frame *f, struct why *why)
{
	struct session *s = arg;

	(void)c;
	/* It gets to know why before the connection ends. */
	if (session_frame(s, f, why) != 0)
		session_refuse(s, "protocol", why->text);
	return 0;
}

static void
on_end(void *arg, struct conn *c, const char *reason)
{
	struct session *s = arg;
	char quoted[256];

	log_quote(quoted, sizeof(quoted), reason, strlen(reason));
	if (s->admitted || s->state >= SESSION_STRANGER)
		log_info("agent %s%s%s: %s", s->host_id,
		    s->host_id[0] != '\0' ? " at " : "", conn_peer_text(c),
		    quoted);
	else
		log_debug("%s: %s", conn_peer_text(c), quoted);
	s->conn = NULL;
	atomic_fetch_sub(&s->loop->owner->connections, 1);
	job_drop_waiting(s);
	if (s->admitted)
		job_gone(s, quoted);
	session_settle(s);
}

static const struct conn_ops ops = {on_up, on_frame, on_end};

void
session_accept(struct loop *l, int fd, const struct addr *from)
{
	const struct conn_limits lim = {.handshake_ms = HANDSHAKE_MS,
	    .idle_ms = HELLO_MS, .out_max = OUT_MAX};
	struct session *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL || loop_add(l, s, &s->id) != 0) {
		free(s);
		evutil_closesocket(fd);
		return;
	}
	s->loop = l;
	s->from = *from;
	s->state = SESSION_HANDSHAKE;
	TAILQ_INIT(&s->waiting);
	s->conn = conn_accept(l->base, l->owner->set.tls, fd, &lim, &ops, s);
	if (s->conn == NULL) {
		loop_remove(l, s->id);
		free(s);
		return;
	}
	atomic_fetch_add(&l->owner->connections, 1);
}
