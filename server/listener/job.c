/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a session asks of the store.  The first half of each job runs on the
 * writer thread and touches nothing of the session but what never changes;
 * the second half runs on the loop, after the commit.  A session has a few
 * jobs under way; beyond, its connection is not read.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"
#include "server/listener/session_int.h"

struct job {
	TAILQ_ENTRY(job) link;
	struct session *session;
	struct listener *owner;
	struct seat seat; /* of the session */
	store_job_fn *run;
	void (*after)(struct session *s, struct job *j, int result);
	char host_id[ID_MAX];
	struct flow_stale cert; /* that of the session */
	/* what it carries */
	uint16_t kind;
	uint8_t *payload;
	size_t len;
	Cordon__Hello *hello;
	Cordon__Enrol *ask;
	char peer[ADDR_TEXT_MAX];
	/* what comes back */
	struct why why;
	char refused[32];
	struct seat before;
	struct flow_enrol_out *out;
};

static struct job *
new_job(struct session *s, store_job_fn *run,
    void (*after)(struct session *s, struct job *j, int result))
{
	struct job *j;

	if ((j = calloc(1, sizeof(*j))) == NULL)
		return NULL;
	j->session = s;
	j->owner = s->loop->owner;
	j->seat.loop = s->loop;
	j->seat.session = s->id;
	j->seat.stale = s->stale;
	j->cert = s->cert;
	j->run = run;
	j->after = after;
	strcpy(j->host_id, s->host_id);
	return j;
}

static void
free_job(struct job *j)
{
	if (j->hello != NULL)
		cordon__hello__free_unpacked(j->hello, NULL);
	if (j->ask != NULL)
		cordon__enrol__free_unpacked(j->ask, NULL);
	free(j->payload);
	free(j->out);
	free(j);
}

/* -- the queue of a session -------------------------------------------- */

/* Read from the connection only while its frames have somewhere to go. */
static void
set_pause(struct session *s)
{
	bool pause = s->state == SESSION_GREETING ||
	    s->state == SESSION_ENROLLING || s->nwaiting > 0 ||
	    s->under_way >= JOBS_MAX || s->bytes >= JOBS_BYTES_MAX;

	if (s->conn == NULL || s->state == SESSION_CLOSING ||
	    pause == s->paused)
		return;
	s->paused = pause;
	conn_pause(s->conn, pause);
}

static void
on_done(void *arg, int result)
{
	struct job *j = arg;
	struct session *s = j->session;

	/* Still counted: so S cannot go away in there. */
	if (j->after != NULL)
		j->after(s, j, result);
	s->under_way--;
	s->bytes -= j->len;
	free_job(j);
	job_pump(s);
}

static void
stall(struct session *s)
{
	if (!s->stalled)
		TAILQ_INSERT_TAIL(&s->loop->stalled, s, stalled_link);
	s->stalled = true;
	loop_retry(s->loop);
}

void
job_drop_waiting(struct session *s)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&s->waiting)) != NULL) {
		TAILQ_REMOVE(&s->waiting, j, link);
		s->bytes -= j->len;
		free_job(j);
	}
	s->nwaiting = 0;
	if (s->stalled)
		TAILQ_REMOVE(&s->loop->stalled, s, stalled_link);
	s->stalled = false;
}

void
job_pump(struct session *s)
{
	struct job *j;
	int rc = 0;

	while (rc == 0 && s->under_way < JOBS_MAX && !s->stalled &&
	    (j = TAILQ_FIRST(&s->waiting)) != NULL) {
		/* The loop's own end: nothing is taken any more. */
		rc = s->loop->store == NULL ? ERR_CLOSED :
		    store_write(s->loop->store, j->run, j, on_done);
		if (rc == 0) {
			TAILQ_REMOVE(&s->waiting, j, link);
			s->nwaiting--;
			s->under_way++;
		}
	}
	if (rc == ERR_AGAIN || rc == ERR_NOMEM)
		stall(s);
	else if (rc != 0)
		job_drop_waiting(s);
	set_pause(s);
	session_settle(s);
}

/* Behind the others, and as far as it goes to the store. */
static void
submit(struct session *s, struct job *j)
{
	TAILQ_INSERT_TAIL(&s->waiting, j, link);
	s->nwaiting++;
	s->bytes += j->len;
	job_pump(s);
}

/* -- hello ------------------------------------------------------------- */

/* An old certificate must not end the connection of a good one. */
static int
run_stale(struct db *db, struct job *j)
{
	struct seat now;

	if (roster_find(j->owner->roster, j->host_id, &now) && !now.stale) {
		strcpy(j->refused, "certificate-expired");
		return why_set(&j->why, ERR_PERM, "certificate %s of %s is "
		    "out of its dates, and the host is here with a good one",
		    j->cert.serial, j->host_id);
	}
	return flow_stale(db, j->owner->set.flow, j->host_id, &j->cert,
	    j->hello, j->refused, &j->why);
}

static int
run_hello(struct db *db, void *arg)
{
	struct job *j = arg;
	int rc;

	rc = flow_admit(db, j->host_id, j->cert.serial, j->refused, &j->why);
	if (rc == 0)
		rc = j->seat.stale ? run_stale(db, j) : flow_hello(db,
		    j->owner->set.flow, j->host_id, j->hello);
	/* From here on what is sent to the host goes to this session. */
	if (rc == 0)
		rc = roster_claim(j->owner->roster, j->host_id, &j->seat,
		    &j->before);
	return rc;
}

static void
after_hello(struct session *s, struct job *j, int result)
{
	static const char newer[] = "a newer connection of this host is up";
	uint32_t beat = j->owner->set.flow->heartbeat_seconds;

	if (j->before.loop != NULL && (j->before.loop != s->loop ||
	    j->before.session != s->id))
		loop_post(j->before.loop, j->before.session, 0, newer,
		    sizeof(newer) - 1);
	if (result != 0) {
		(void)roster_release(j->owner->roster, j->host_id, &j->seat);
		session_refuse(s, j->refused[0] != '\0' ? j->refused :
		    "internal", j->why.text[0] != '\0' ? j->why.text :
		    err_str(result));
		return;
	}
	s->admitted = true;
	if (s->conn == NULL) {
		job_gone(s, "ended before it was welcome");
		return;
	}
	if (s->state == SESSION_CLOSING)
		return;
	if (s->stale) {
		session_set(s, SESSION_RENEWING);
		log_warn("agent %s at %s: its certificate is out of its "
		    "dates; it may renew it", s->host_id,
		    conn_peer_text(s->conn));
		return;
	}
	session_set(s, SESSION_LIVE);
	conn_set_idle(s->conn, (beat + 5) * 4 * 1000);
	log_info("agent %s at %s: connected", s->host_id,
	    conn_peer_text(s->conn));
}

int
job_hello(struct session *s, Cordon__Hello *hello)
{
	struct job *j;

	if ((j = new_job(s, run_hello, after_hello)) == NULL) {
		cordon__hello__free_unpacked(hello, NULL);
		return ERR_NOMEM;
	}
	j->hello = hello;
	submit(s, j);
	return 0;
}

/* -- frames of a live connection --------------------------------------- */

static int
run_renewal(struct db *db, struct job *j)
{
	struct flow_renew_ask ask = {.issuer = &j->owner->issuer};
	Cordon__CertRequest *q;
	int rc;

	q = unpack(&cordon__cert_request__descriptor, j->payload, j->len);
	if (q == NULL)
		return why_set(&j->why, ERR_PROTO,
		    "frame cert-request: cannot be read");
	ask.csr = q->csr_der.data;
	ask.csr_len = q->csr_der.len;
	ask.stale = j->seat.stale ? &j->cert : NULL;
	rc = flow_renew(db, j->host_id, &ask);
	cordon__cert_request__free_unpacked(q, NULL);
	return rc;
}

static int
run_frame(struct db *db, void *arg)
{
	struct job *j = arg;

	if (j->kind == FRAME_CERT_REQUEST)
		return run_renewal(db, j);
	return flow_frame(db, j->owner->set.flow, j->host_id, j->kind,
	    j->payload, j->len, &j->why);
}

static void
after_frame(struct session *s, struct job *j, int result)
{
	if (result == 0)
		return;
	/* ERR_IO without words: the commit failed; the agent sends again. */
	session_refuse(s, result == ERR_IO ? "internal" : "protocol",
	    j->why.text[0] != '\0' && result != ERR_IO ? j->why.text :
	    err_str(result));
}

int
job_frame(struct session *s, uint16_t kind, const uint8_t *payload,
    size_t len)
{
	struct job *j;

	if ((j = new_job(s, run_frame, after_frame)) == NULL ||
	    (j->payload = malloc(len > 0 ? len : 1)) == NULL) {
		free(j);
		return ERR_NOMEM;
	}
	memcpy(j->payload, payload, len);
	j->len = len;
	j->kind = kind;
	submit(s, j);
	return 0;
}

/* -- the end of a connection ------------------------------------------- */

static int
run_gone(struct db *db, void *arg)
{
	struct job *j = arg;

	/* A newer connection may have come since: then nothing is gone. */
	if (!roster_release(j->owner->roster, j->host_id, &j->seat) ||
	    j->seat.stale)
		return 0;
	return flow_gone(db, j->owner->set.flow, j->host_id, j->why.text);
}

void
job_gone(struct session *s, const char *reason)
{
	struct job *j;

	s->admitted = false;
	if ((j = new_job(s, run_gone, NULL)) == NULL) {
		log_error("out of memory: %s stays on the roster", s->host_id);
		return;
	}
	why_set(&j->why, 0, "%s", reason);
	TAILQ_INSERT_TAIL(&s->waiting, j, link);
	s->nwaiting++;
	if (s->loop->store != NULL)
		stall(s);
}

/* -- enrolment --------------------------------------------------------- */

static int
run_enrol(struct db *db, void *arg)
{
	struct job *j = arg;
	const struct flow_enrol_ask ask = {
		.token = j->ask->token,
		.csr = j->ask->csr_der.data,
		.csr_len = j->ask->csr_der.len,
		.hostname = j->ask->hostname,
		.agent_version = j->ask->agent_version,
		.machine_id = j->ask->machine_id,
		.peer = j->peer,
		.issuer = &j->owner->issuer,
	};

	return flow_enrol(db, &ask, j->out);
}

/* The collectors as the orders will pin them. */
static size_t
fill_collectors(const struct orders_settings *o, Cordon__Endpoint *ep,
    Cordon__Endpoint **list)
{
	size_t i;

	for (i = 0; i < o->ncollectors; i++) {
		cordon__endpoint__init(&ep[i]);
		ep[i].address.data = (uint8_t *)(uintptr_t)
		    o->collectors[i].ip;
		ep[i].address.len = o->collectors[i].ip_len;
		ep[i].prefix_len = o->collectors[i].ip_len * 8u;
		ep[i].protocol = 6;
		ep[i].port = o->collectors[i].port;
		ep[i].direction = CORDON__DIRECTION__DIRECTION_OUT;
		list[i] = &ep[i];
	}
	return o->ncollectors;
}

static int
send_enrolled(struct session *s, struct flow_enrol_out *out)
{
	struct listener *o = s->loop->owner;
	Cordon__Enrolled m = CORDON__ENROLLED__INIT;
	Cordon__Endpoint ep[16], *list[16];
	struct buf b;
	int rc;

	m.host_id = out->host_id;
	m.name = out->name;
	m.group = out->grp;
	m.tier = (char *)(uintptr_t)word_name(WORDS_TIER, (int)out->tier);
	m.cert_der.data = out->cert;
	m.cert_der.len = out->cert_len;
	m.ca_der.data = o->ca_der.data;
	m.ca_der.len = o->ca_der.len;
	m.order_key.data = o->set.order_key;
	m.order_key.len = sizeof(o->set.order_key);
	m.n_collectors = fill_collectors(o->set.flow->orders, ep, list);
	m.collectors = list;
	buf_init(&b, frame_max(FRAME_ENROLLED));
	rc = pack(&m.base, &b);
	if (rc == 0)
		rc = conn_send(s->conn, FRAME_ENROLLED, b.data, b.len);
	buf_done(&b);
	return rc;
}

static void
after_enrol(struct session *s, struct job *j, int result)
{
	int rc;

	if (result != 0) {
		log_error("enrolment from %s: %s", j->peer, err_str(result));
		session_refuse(s, "internal", "the collector could not do it");
	} else if (j->out->refused[0] != '\0') {
		log_warn("enrolment from %s refused: %s", j->peer,
		    j->out->why);
		session_refuse(s, j->out->refused, j->out->why);
	} else {
		log_info("enrolled %s as %s, group %s, from %s",
		    j->out->host_id, j->out->name, j->out->grp, j->peer);
		if (s->conn == NULL || s->state == SESSION_CLOSING)
			return;
		rc = send_enrolled(s, j->out);
		session_set(s, SESSION_CLOSING);
		conn_finish(s->conn, rc == 0 ? "enrolled" : err_str(rc));
	}
}

int
job_enrol(struct session *s, Cordon__Enrol *ask)
{
	struct job *j;

	if ((j = new_job(s, run_enrol, after_enrol)) == NULL ||
	    (j->out = calloc(1, sizeof(*j->out))) == NULL) {
		cordon__enrol__free_unpacked(ask, NULL);
		free(j);
		return ERR_NOMEM;
	}
	j->ask = ask;
	addr_format(j->peer, &s->from);
	submit(s, j);
	return 0;
}
