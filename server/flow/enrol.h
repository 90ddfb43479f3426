/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificates of agents in the store: enrolment by token, renewal, and
 * whether a certificate may come in at all.  Each function is the body of
 * one store job (writer thread).  The CA stays with the listener, which
 * hands in the function that issues.
 */
#ifndef CORDON_SERVER_FLOW_ENROL_H
#define CORDON_SERVER_FLOW_ENROL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "server/model/model.h"
#include "server/store/db.h"

#define FLOW_CERT_MAX 4096   /* DER */
#define FLOW_RENEWALS_HOUR 6 /* a host, then refused */

/* What was issued. */
struct flow_issued {
	char serial[42];
	char sha256[65];
	int64_t not_after_ms;
};

/* Issue for the key of a request; ERR_CRYPTO or ERR_SYNTAX: a bad one. */
struct flow_issuer {
	int (*issue)(void *arg, const char *host_id, const void *csr,
	    size_t len, struct buf *der, struct flow_issued *id,
	    struct why *why);
	void *arg;
};

struct flow_enrol_ask {
	const char *token;
	const void *csr;
	size_t csr_len;
	const char *hostname, *agent_version, *machine_id;
	const char *peer; /* address, for the record */
	const struct flow_issuer *issuer;
};

struct flow_enrol_out {
	/* "" or why not: "token-unknown", "token-expired", "token-used",
	 * "request" (the certificate request is not good). */
	char refused[32];
	char why[TEXT_MAX_LEN];
	char host_id[ID_MAX];
	char name[NAME_MAX_LEN]; /* unique; from the host name */
	char grp[NAME_MAX_LEN];
	enum tier tier;
	uint8_t cert[FLOW_CERT_MAX];
	size_t cert_len;
};

/*
 * Use the token once, make the host, issue.  0 with OUT filled, also when
 * refused (then only the audit log was written); else roll back.
 */
int flow_enrol(struct db *db, const struct flow_enrol_ask *ask,
    struct flow_enrol_out *out);

/*
 * May HOST_ID come in with this certificate?  0; ERR_PERM with REFUSED
 * ("certificate-unknown", "revoked") and WHY; or an error of the store.
 */
int flow_admit(struct db *db, const char *host_id, const char *serial,
    char refused[32], struct why *why);

/* A certificate out of its dates, as TLS let it through. */
struct flow_stale {
	char serial[42];
	int64_t not_before_ms, not_after_ms;
};

struct flow_renew_ask {
	const void *csr;
	size_t csr_len;
	const struct flow_stale *stale; /* came with that; NULL: a good one */
	const struct flow_issuer *issuer;
};

/* Renew; CertIssued is handed to db_send, with the reason if refused. */
int flow_renew(struct db *db, const char *host_id,
    const struct flow_renew_ask *ask);

#endif
