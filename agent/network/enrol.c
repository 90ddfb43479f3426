/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enrolment.  Runs as a process of its own (agent-network --enrol), without
 * any right, before the agent exists.  The answer is believed only from a
 * server whose chain ends in the CA with the given digest, and even then
 * each field is checked.
 */
#include "agent/network/enrol.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/identity.h"
#include "agent/network/collectors.h"
#include "agent/network/credential.h"
#include "agent/network/network.h"
#include "agent/network/spool.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/net/conn.h"
#include "common/net/tls.h"
#include "common/net/x509.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define HANDSHAKE_MS 10000
#define ANSWER_MS 30000
#define OUT_MAX 65536

struct enrolment {
	const struct enrol_ask *ask;
	struct event_base *base;
	struct buf csr;
	struct conn *conn;
	Cordon__Enrolled *answer; /* checked; NULL: none */
	bool final;		  /* the collector said no: try no other */
	struct why why;
};

int
enrol_resolve(struct enrol_ask *a, const char *text, struct why *why)
{
	size_t n = 0;
	int rc;

	if (a->naddr == ENROL_ADDRS_MAX)
		return why_set(why, ERR_LIMIT, "too many collectors");
	rc = addr_resolve(text, 0, &a->addr[a->naddr],
	    ENROL_ADDRS_MAX - a->naddr, &n, why);
	if (rc == 0)
		a->naddr += n;
	return rc;
}

/* -- the question ------------------------------------------------------ */

static void
machine_id(char *out, size_t size)
{
	struct buf b;

	out[0] = '\0';
	buf_init(&b, 256);
	if (file_read("/etc/machine-id", &b, NULL) == 0 && b.len > 0)
		snprintf(out, size, "%.32s", buf_str(&b));
	buf_done(&b);
	out[strcspn(out, "\n")] = '\0';
}

static int
send_ask(struct enrolment *e, struct conn *c)
{
	Cordon__Enrol q = CORDON__ENROL__INIT;
	char host[HOST_NAME_MAX + 1] = "", machine[40];
	struct buf b;
	int rc;

	(void)gethostname(host, sizeof(host) - 1);
	machine_id(machine, sizeof(machine));
	q.token = (char *)(uintptr_t)e->ask->token;
	q.csr_der.data = e->csr.data;
	q.csr_der.len = e->csr.len;
	q.hostname = host;
	q.agent_version = (char *)(uintptr_t)CORDON_VERSION;
	q.machine_id = machine;
	buf_init(&b, frame_max(FRAME_ENROL));
	rc = pack(&q.base, &b);
	if (rc == 0)
		rc = conn_send(c, FRAME_ENROL, b.data, b.len);
	buf_done_wipe(&b);
	return rc;
}

/* -- the answer -------------------------------------------------------- */

int
enrol_check(const struct enrol_ask *a, const uint8_t *payload, size_t len,
    Cordon__Enrolled **out, struct why *why)
{
	uint8_t digest[DIGEST_LEN];
	char key[PATH_MAX];
	Cordon__Enrolled *e;
	int rc;

	e = unpack(&cordon__enrolled__descriptor, payload, len);
	if (e == NULL)
		return why_set(why, ERR_PROTO, "the answer cannot be read");
	if ((rc = identity_check(e, why)) != 0)
		goto done;
	digest_of(e->ca_der.data, e->ca_der.len, digest);
	if (!bytes_equal(digest, a->ca_sha256, DIGEST_LEN)) {
		rc = why_set(why, ERR_CRYPTO, "the CA in the answer is not "
		    "the one of --ca-sha256");
		goto done;
	}
	if ((rc = file_join(key, sizeof(key), a->state_dir,
	    CREDENTIAL_NEXT)) != 0)
		goto done;
	rc = credential_check(key, e->cert_der.data, e->cert_der.len,
	    e->ca_der.data, e->ca_der.len, e->host_id, why);
done:
	if (rc == 0)
		*out = e;
	else
		cordon__enrolled__free_unpacked(e, NULL);
	return rc;
}

static int
on_refused(struct enrolment *e, const struct frame *f, struct why *why)
{
	char code[64], text[256];
	Cordon__Refused *r;

	r = unpack(&cordon__refused__descriptor, f->payload, f->len);
	if (r == NULL)
		return why_set(why, ERR_PROTO, "the refusal cannot be read");
	log_quote(code, sizeof(code), r->code, strlen(r->code));
	log_quote(text, sizeof(text), r->why, strlen(r->why));
	cordon__refused__free_unpacked(r, NULL);
	e->final = true;
	return why_set(why, ERR_PERM, "refused: %s: %s", code, text);
}

static int
on_up(void *arg, struct conn *c, const struct x509_id *peer, struct why *why)
{
	int rc;

	(void)peer;
	rc = send_ask(arg, c);
	return rc == 0 ? 0 : why_set(why, rc, "cannot send: %s", err_str(rc));
}

static int
on_frame(void *arg, struct conn *c, const struct frame *f, struct why *why)
{
	struct enrolment *e = arg;
	int rc;

	if (f->kind == FRAME_REFUSED)
		return on_refused(e, f, why);
	if (f->kind != FRAME_ENROLLED || e->answer != NULL)
		return why_set(why, ERR_PROTO, "frame %s is no answer",
		    frame_name(f->kind));
	rc = enrol_check(e->ask, f->payload, f->len, &e->answer, why);
	/* The token is spent: another address would not help. */
	e->final = true;
	if (rc == 0)
		conn_finish(c, "enrolled");
	return rc;
}

static void
on_end(void *arg, struct conn *c, const char *reason)
{
	struct enrolment *e = arg;

	if (e->answer == NULL)
		why_set(&e->why, ERR_CLOSED, "%s: %s", conn_peer_text(c),
		    reason);
	e->conn = NULL;
	event_base_loopbreak(e->base);
}

/* -- keeping it -------------------------------------------------------- */

static void
remove_file(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof(path), dir, name) == 0)
		(void)file_remove(path, NULL);
}

void
enrol_undo(const char *state_dir)
{
	remove_file(state_dir, CREDENTIAL_NEXT);
	remove_file(state_dir, CREDENTIAL_FILE);
	remove_file(state_dir, CREDENTIAL_CA);
}

/* A new identity begins with an empty spool and no learnt addresses. */
static int
forget_past(const char *state_dir, struct why *why)
{
	char path[PATH_MAX];
	int rc;

	remove_file(state_dir, COLLECTORS_FILE);
	if ((rc = file_join(path, sizeof(path), state_dir,
	    NETWORK_DIR_SPOOL)) != 0)
		return why_set(why, rc, "%s: path too long", state_dir);
	return spool_wipe(path, why);
}

static int
keep(const struct enrol_ask *a, const Cordon__Enrolled *e, struct why *why)
{
	char ca[PATH_MAX];
	int rc;

	if ((rc = forget_past(a->state_dir, why)) != 0 ||
	    (rc = file_join(ca, sizeof(ca), a->state_dir, CREDENTIAL_CA)) !=
	    0 || (rc = x509_save(ca, e->ca_der.data, e->ca_der.len, why)) !=
	    0)
		return rc;
	return credential_install(a->state_dir, e->cert_der.data,
	    e->cert_der.len, why);
}

/*
 * Pack the answer with the address that worked as first collector, in front
 * of the list that the collector gave.
 */
static int
pack_answer(const struct addr *worked, Cordon__Enrolled *e, struct buf *out,
    struct why *why)
{
	Cordon__Endpoint first = CORDON__ENDPOINT__INIT;
	Cordon__Endpoint *list[ORDER_COLLECTORS_MAX], **given = e->collectors;
	size_t ngiven = e->n_collectors, n = 0, i;
	int rc;

	first.address.data = (uint8_t *)(uintptr_t)worked->ip;
	first.address.len = worked->ip_len;
	first.prefix_len = worked->ip_len * 8u;
	first.protocol = 6;
	first.port = worked->port;
	first.direction = CORDON__DIRECTION__DIRECTION_OUT;
	list[n++] = &first;
	for (i = 0; i < ngiven && n < ORDER_COLLECTORS_MAX; i++)
		if (given[i]->port != first.port ||
		    given[i]->address.len != first.address.len ||
		    memcmp(given[i]->address.data, worked->ip,
		    worked->ip_len) != 0)
			list[n++] = given[i];
	e->collectors = list;
	e->n_collectors = n;
	if ((rc = identity_check(e, why)) == 0)
		rc = pack(&e->base, out);
	e->collectors = given;
	e->n_collectors = ngiven;
	return rc;
}

/* -- the whole --------------------------------------------------------- */

static int
make_csr(const struct enrol_ask *a, struct buf *csr, struct why *why)
{
	char key[PATH_MAX];
	int rc;

	if ((rc = file_join(key, sizeof(key), a->state_dir,
	    CREDENTIAL_NEXT)) != 0)
		return why_set(why, rc, "%s: path too long", a->state_dir);
	/* A key that an earlier try left is not trusted to be fresh. */
	remove_file(a->state_dir, CREDENTIAL_NEXT);
	if ((rc = x509_key_make(key, why)) != 0)
		return rc;
	return x509_csr_make(key, "host", csr, why);
}

static int
try_one(struct enrolment *e, const struct addr *to, struct why *why)
{
	const struct tls_files f = {.ca_sha256 = e->ask->ca_sha256};
	const struct conn_limits lim = {.handshake_ms = HANDSHAKE_MS,
	    .idle_ms = ANSWER_MS, .out_max = OUT_MAX};
	static const struct conn_ops ops = {on_up, on_frame, on_end};
	struct ssl_ctx_st *ctx;
	int rc;

	if ((rc = tls_client_ctx(&f, &ctx, why)) != 0)
		return rc;
	e->conn = conn_connect(e->base, ctx, to, &lim, &ops, e);
	if (e->conn == NULL)
		why_set(&e->why, ERR_NOMEM, "out of memory");
	else
		event_base_dispatch(e->base);
	tls_ctx_free(&ctx);
	if (e->answer != NULL)
		return 0;
	*why = e->why;
	return e->final ? ERR_PERM : ERR_CLOSED;
}

int
enrol_run(struct event_base *base, const struct enrol_ask *a,
    struct buf *enrolled, struct why *why)
{
	struct enrolment e = {.ask = a, .base = base};
	size_t i = 0;
	int rc;

	buf_init(&e.csr, X509_DER_MAX);
	if (a->naddr == 0) {
		rc = why_set(why, ERR_CONFIG, "no collector given");
		goto done;
	}
	if ((rc = make_csr(a, &e.csr, why)) != 0)
		goto done;
	for (i = 0; i < a->naddr; i++) {
		rc = try_one(&e, &a->addr[i], why);
		if (rc == 0 || e.final)
			break;
		log_info("%s", why->text);
	}
	if (rc != 0)
		goto done;
	if ((rc = pack_answer(&a->addr[i], e.answer, enrolled, why)) == 0 &&
	    (rc = keep(a, e.answer, why)) != 0)
		enrol_undo(a->state_dir);
done:
	if (rc != 0)
		remove_file(a->state_dir, CREDENTIAL_NEXT);
	if (e.answer != NULL)
		cordon__enrolled__free_unpacked(e.answer, NULL);
	buf_done(&e.csr);
	return rc;
}
