/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agents' door as a whole: loops, roster, the store's sink, and the CA
 * that issues agents' certificates.  Runs in the collector.
 */
#include "server/listener/listener.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "server/listener/loop.h"

#define LOOPS_MAX 64

/* A flow_issuer's function; writer thread only. */
static int
issue(void *arg, const char *host_id, const void *csr, size_t len,
    struct buf *der, struct flow_issued *out, struct why *why)
{
	const struct listener *l = arg;
	struct x509_id id;
	int rc;

	rc = x509_issue(l->set.ca, csr, len, X509_AGENT, host_id,
	    l->set.agent_cert_seconds, der, &id, why);
	if (rc != 0)
		return rc;
	memset(out, 0, sizeof(*out));
	strcpy(out->serial, id.serial);
	hex_encode(out->sha256, id.sha256, sizeof(id.sha256));
	out->not_after_ms = id.not_after_ms;
	return 0;
}

void
listener_sink(void *arg, const char *host_id, uint16_t kind,
    const void *payload, size_t len)
{
	struct listener *l = arg;
	struct seat seat;

	/* Not here: it gets the newest state when it says hello again. */
	if (roster_find(l->roster, host_id, &seat))
		loop_post(seat.loop, seat.session, kind, payload, len);
}

static void
release(struct listener *l)
{
	size_t i;

	for (i = 0; i < l->nloops; i++)
		loop_stop(&l->loop[i]);
	for (i = 0; i < l->nloops; i++)
		loop_join(&l->loop[i]);
	/* Only now: a loop's last jobs may post to any other. */
	for (i = 0; i < l->nloops; i++)
		loop_close(&l->loop[i]);
	free(l->loop);
	roster_free(&l->roster);
	buf_done(&l->ca_der);
	free(l);
}

static int
open_all(struct listener *l, struct why *why)
{
	size_t i, n = (size_t)l->set.loops;
	int rc;

	if (l->set.loops < 1 || l->set.loops > LOOPS_MAX ||
	    l->set.nlisten < 1 || l->set.nlisten > LISTEN_MAX)
		return why_set(why, ERR_CONFIG, "listener: %d loops, %zu "
		    "addresses", l->set.loops, l->set.nlisten);
	l->roster = roster_new(l->set.connections_max);
	l->loop = calloc(n, sizeof(*l->loop));
	if (l->roster == NULL || l->loop == NULL)
		return why_set(why, ERR_NOMEM, "listener: out of memory");
	if ((rc = x509_ca_der(l->set.ca, &l->ca_der)) != 0)
		return why_set(why, rc, "listener: the CA's certificate: %s",
		    err_str(rc));
	l->nloops = n;
	for (i = 0; i < n; i++)
		if ((rc = loop_open(&l->loop[i], l, why)) != 0)
			return rc;
	for (i = 0; i < n; i++)
		if ((rc = loop_start(&l->loop[i], why)) != 0)
			return rc;
	return 0;
}

int
listener_start(struct store *s, const struct listener_settings *set,
    struct listener **out, struct why *why)
{
	struct listener *l;
	int rc;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return why_set(why, ERR_NOMEM, "listener: out of memory");
	l->store = s;
	l->set = *set;
	l->issuer.issue = issue;
	l->issuer.arg = l;
	buf_init(&l->ca_der, X509_DER_MAX);
	if ((rc = open_all(l, why)) != 0)
		release(l);
	else
		*out = l;
	return rc;
}

void
listener_stop(struct listener **lp)
{
	if (*lp == NULL)
		return;
	release(*lp);
	*lp = NULL;
}
