/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates of agents in the store.  Runs on the writer thread as the
 * body of a job.  Everything of an enrolment but the group and the tier,
 * which are the token's, comes from a stranger.
 */
#include "server/flow/enrol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/store/hosts.h"

#define HOST_ID_DIGITS 16
#define SUFFIX_MAX 10000
#define HOUR_MS (60 * 60 * 1000)

struct token {
	char sha256[DIGEST_HEX_MAX];
	char grp[NAME_MAX_LEN];
	char created_by[NAME_MAX_LEN];
	enum tier tier;
	int64_t uses_left, expires_at;
};

static int
refuse(struct flow_enrol_out *out, const char *code, const char *why)
{
	snprintf(out->refused, sizeof(out->refused), "%s", code);
	snprintf(out->why, sizeof(out->why), "%s", why);
	return 0;
}

/* Refused for a reason that an operator should find in the log. */
static int
refuse_audited(struct db *db, const struct flow_enrol_ask *ask,
    const struct token *t, struct flow_enrol_out *out, const char *code,
    const char *why)
{
	char host[128];

	refuse(out, code, why);
	return audit_add(db, &(struct audit_entry){.who = "agent",
	    .what = "enrol.refused"},
	    "host %s at %s, token of %s for group %s: %s",
	    log_quote(host, sizeof(host), ask->hostname,
	    strlen(ask->hostname)), ask->peer, t->created_by, t->grp, why);
}

/* The token itself is never stored, only its digest. */
static int
token_find(struct db *db, const char *text, struct token *t)
{
	uint8_t digest[DIGEST_LEN];
	struct db_rows *r;
	int rc;

	digest_of(text, strlen(text), digest);
	hex_encode(t->sha256, digest, sizeof(digest));
	rc = db_row(db, &r, "SELECT grp, tier, uses_left, expires_at, "
	    "created_by FROM tokens WHERE token_sha256 = $1 "
	    "AND kind = 'agent'", "s", t->sha256);
	if (rc != 0)
		return rc;
	db_copy(r, 0, t->grp, sizeof(t->grp));
	t->tier = (enum tier)db_int(r, 1);
	t->uses_left = db_int(r, 2);
	t->expires_at = db_int(r, 3);
	db_copy(r, 4, t->created_by, sizeof(t->created_by));
	db_end(&r);
	return 0;
}

/* The host's own name if it is free, else with -2, -3 ... behind it. */
static int
free_name(struct db *db, const char *hostname, char out[NAME_MAX_LEN])
{
	const char *base = name_valid(hostname) ? hostname : "host";
	int64_t taken;
	unsigned int i;
	int rc;

	for (i = 1; i < SUFFIX_MAX; i++) {
		if (i == 1)
			snprintf(out, NAME_MAX_LEN, "%s", base);
		else
			snprintf(out, NAME_MAX_LEN, "%.57s-%u", base,
			    i % SUFFIX_MAX);
		rc = db_one_int(db, &taken,
		    "SELECT count(*) FROM hosts WHERE name = $1", "s", out);
		if (rc != 0)
			return rc;
		if (taken == 0)
			return 0;
	}
	return ERR_LIMIT;
}

static int
add_cert(struct db *db, const char *host_id, const struct flow_issued *id)
{
	return db_run(db, NULL,
	    "INSERT INTO certs (serial, owner, kind, sha256, issued_at, "
	    "not_after) VALUES ($1, $2, 'agent', $3, $4, $5)", "sssii",
	    id->serial, host_id, id->sha256, db_now(db), id->not_after_ms);
}

/* A clone shows itself: another host with the same /etc/machine-id. */
static int
find_clone(struct db *db, const char *machine_id, char out[NAME_MAX_LEN])
{
	struct db_rows *r;
	int rc;

	out[0] = '\0';
	if (machine_id[0] == '\0')
		return 0;
	r = db_query(db, "SELECT name FROM hosts WHERE machine_id = $1 AND "
	    "revoked = 0 ORDER BY enrolled_at DESC LIMIT 1", "s", machine_id);
	rc = db_next(r);
	if (rc == 1)
		db_copy(r, 0, out, NAME_MAX_LEN);
	db_end(&r);
	return rc < 0 ? rc : 0;
}

static int
add_host(struct db *db, const struct flow_enrol_ask *ask,
    const struct token *t, const struct flow_issued *id,
    struct flow_enrol_out *out)
{
	char clone[NAME_MAX_LEN];
	int rc;

	if ((rc = free_name(db, ask->hostname, out->name)) != 0 ||
	    (rc = find_clone(db, ask->machine_id, clone)) != 0)
		return rc;
	rc = db_run(db, NULL,
	    "INSERT INTO hosts (host_id, name, grp, tier, stage_since, "
	    "enrolled_at, agent_version, machine_id, cert_serial, "
	    "cert_not_after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
	    "$10)", "sssiiisssi", out->host_id, out->name, t->grp,
	    (int64_t)t->tier, db_now(db), db_now(db), ask->agent_version,
	    ask->machine_id, id->serial, id->not_after_ms);
	if (rc != 0)
		return rc;
	return audit_add(db, &(struct audit_entry){.who = "agent",
	    .what = "host.enrolled", .host = out->name,
	    .object = out->host_id},
	    "from %s, group %s, %s, by a token of %s, certificate %s%s%s",
	    ask->peer, t->grp, word_name(WORDS_TIER, t->tier), t->created_by,
	    id->serial, clone[0] != '\0' ? "; same machine id as " : "",
	    clone);
}

static int
use_token(struct db *db, const struct token *t)
{
	int64_t changed = 0;
	int rc;

	rc = db_run(db, &changed,
	    "UPDATE tokens SET uses_left = uses_left - 1 "
	    "WHERE token_sha256 = $1 AND uses_left > 0", "s", t->sha256);
	if (rc == 0 && changed != 1)
		rc = ERR_BADSTATE;
	return rc;
}

/* ERR_CRYPTO and ERR_SYNTAX: the request is bad; WHY says. */
static int
issue(const struct flow_issuer *i, const char *host_id, const void *csr,
    size_t len, uint8_t cert[FLOW_CERT_MAX], size_t *cert_len,
    struct flow_issued *id, struct why *why)
{
	struct buf der;
	int rc;

	buf_init(&der, FLOW_CERT_MAX);
	rc = i->issue(i->arg, host_id, csr, len, &der, id, why);
	if (rc == 0) {
		memcpy(cert, der.data, der.len);
		*cert_len = der.len;
	}
	buf_done(&der);
	return rc;
}

int
flow_enrol(struct db *db, const struct flow_enrol_ask *ask,
    struct flow_enrol_out *out)
{
	struct flow_issued id;
	struct why why = {0};
	struct token t;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = token_find(db, ask->token, &t);
	/* Not audited: a stranger could fill the log. */
	if (rc == ERR_NOENT)
		return refuse(out, "token-unknown", "no such token");
	if (rc != 0)
		return rc;
	if (t.expires_at <= db_now(db))
		return refuse_audited(db, ask, &t, out, "token-expired",
		    "the token has expired");
	if (t.uses_left <= 0)
		return refuse_audited(db, ask, &t, out, "token-used",
		    "the token was used as often as it may");
	id_new(out->host_id, "H", HOST_ID_DIGITS);
	rc = issue(ask->issuer, out->host_id, ask->csr, ask->csr_len,
	    out->cert, &out->cert_len, &id, &why);
	if (rc == ERR_CRYPTO || rc == ERR_SYNTAX || rc == ERR_RANGE)
		return refuse_audited(db, ask, &t, out, "request", why.text);
	if (rc == 0)
		rc = use_token(db, &t);
	if (rc == 0)
		rc = add_host(db, ask, &t, &id, out);
	if (rc == 0)
		rc = add_cert(db, out->host_id, &id);
	memcpy(out->grp, t.grp, sizeof(out->grp));
	out->tier = t.tier;
	return rc;
}

int
flow_admit(struct db *db, const char *host_id, const char *serial,
    char refused[32], struct why *why)
{
	int64_t cert_revoked, host_revoked;
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT c.revoked_at, h.revoked FROM certs c JOIN "
	    "hosts h ON h.host_id = c.owner WHERE c.serial = $1 AND "
	    "c.owner = $2 AND c.kind = 'agent'", "ss", serial, host_id);
	if (rc == ERR_NOENT) {
		snprintf(refused, 32, "certificate-unknown");
		return why_set(why, ERR_PERM, "certificate %s of %s is not "
		    "known here", serial, host_id);
	}
	if (rc != 0)
		return rc;
	cert_revoked = db_int(r, 0);
	host_revoked = db_int(r, 1);
	db_end(&r);
	if (cert_revoked != 0 || host_revoked != 0) {
		snprintf(refused, 32, "revoked");
		return why_set(why, ERR_PERM, "%s of %s is revoked",
		    host_revoked != 0 ? "the host of the certificate" :
		    "the certificate", host_id);
	}
	return 0;
}

static int
send_issued(struct db *db, const char *host_id, const uint8_t *cert,
    size_t len, const char *why)
{
	Cordon__CertIssued m = CORDON__CERT_ISSUED__INIT;
	uint8_t packed[FLOW_CERT_MAX + WHY_MAX + 16];

	m.cert_der.data = (uint8_t *)(uintptr_t)cert;
	m.cert_der.len = len;
	m.why = (char *)(uintptr_t)why;
	return db_send(db, host_id, FRAME_CERT_ISSUED, packed,
	    cordon__cert_issued__pack(&m, packed));
}

static int
refuse_renewal(struct db *db, const struct host *h, const char *why)
{
	int rc;

	rc = audit_add(db, &(struct audit_entry){.who = "agent",
	    .what = "cert.refused", .host = h->name, .object = h->host_id},
	    "not renewed: %s", why);
	return rc != 0 ? rc : send_issued(db, h->host_id, NULL, 0, why);
}

/* How it came is part of the record: an old disk may have been found. */
static int
audit_renewed(struct db *db, const struct host *h, const char *serial,
    const struct flow_stale *stale)
{
	const struct audit_entry e = {.who = "agent", .what = "cert.renewed",
	    .host = h->name, .object = h->host_id};
	char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];

	if (stale == NULL)
		return audit_add(db, &e, "certificate %s", serial);
	return audit_add(db, &e, "certificate %s; it came with %s, which was "
	    "good from %s to %s", serial, stale->serial,
	    clock_format(from, stale->not_before_ms, true),
	    clock_format(until, stale->not_after_ms, true));
}

int
flow_renew(struct db *db, const char *host_id,
    const struct flow_renew_ask *ask)
{
	uint8_t cert[FLOW_CERT_MAX];
	struct flow_issued id;
	struct why why = {0};
	size_t cert_len = 0;
	struct host h;
	int64_t recent;
	int rc;

	if ((rc = hosts_get(db, host_id, &h)) != 0)
		return rc;
	if (h.revoked)
		return refuse_renewal(db, &h, "the host is revoked");
	rc = db_one_int(db, &recent, "SELECT count(*) FROM certs WHERE "
	    "owner = $1 AND issued_at > $2", "si", host_id,
	    db_now(db) - HOUR_MS);
	if (rc != 0)
		return rc;
	/* Not audited each time: it may be a loop. */
	if (recent > FLOW_RENEWALS_HOUR)
		return send_issued(db, host_id, NULL, 0,
		    "too many certificates within the hour");
	rc = issue(ask->issuer, host_id, ask->csr, ask->csr_len, cert,
	    &cert_len, &id, &why);
	if (rc == ERR_CRYPTO || rc == ERR_SYNTAX || rc == ERR_RANGE)
		return refuse_renewal(db, &h, why.text);
	if (rc != 0 || (rc = add_cert(db, host_id, &id)) != 0)
		return rc;
	rc = db_run(db, NULL, "UPDATE hosts SET cert_serial = $1, "
	    "cert_not_after = $2 WHERE host_id = $3", "sis", id.serial,
	    id.not_after_ms, host_id);
	if (rc == 0)
		rc = audit_renewed(db, &h, id.serial, ask->stale);
	return rc != 0 ? rc : send_issued(db, host_id, cert, cert_len, "");
}
