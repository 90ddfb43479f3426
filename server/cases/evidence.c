/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Evidence of a case: snapshots that agents take at the cut, and waivers
 * that people sign for.  Runs on the writer thread; a snapshot's bytes are
 * the suspect host's word and are kept, hashed, and never interpreted.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/cases/find.h"
#include "server/cases/parts.h"
#include "server/store/hosts.h"

#define SNAPSHOT_PARTS_MAX 32 /* 2 MiB */

static int
evidence_row(struct db *db, const char *evidence_id, const char *case_id,
    const struct host *h, const char *kind, const char *sha256,
    const char *who, const char *text)
{
	int64_t added;
	int rc;

	rc = db_run(db, &added,
	    "INSERT INTO evidence (evidence_id, case_id, host_id, kind, "
	    "sha256, at, added_by, text) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
	    "sssssiss", evidence_id, case_id, h->host_id, kind, sha256,
	    db_now(db), who, text);
	if (rc != 0 || added == 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = who, .what = "evidence.add",
	    .host = h->name, .case_id = case_id, .object = evidence_id},
	    "%s, SHA-256 %s: %s", kind, sha256[0] != '\0' ? sha256 : "none",
	    text);
}

int
evidence_add(struct db *db, const char *case_id, const char *host_id,
    const char *kind, const void *data, size_t len, const char *who,
    const char *text)
{
	char id[ID_MAX], hex[DIGEST_HEX_MAX] = "";
	uint8_t sum[DIGEST_LEN];
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	id_new(id, "E", 10);
	if (data != NULL) {
		digest_of(data, len, sum);
		hex_encode(hex, sum, sizeof(sum));
		rc = parts_add(db, id, 0, 1, data, len);
	}
	if (rc == 0)
		rc = evidence_row(db, id, case_id, &h, kind, hex, who, text);
	return rc;
}

bool
evidence_kept(struct db *db, const char *case_id, const char *host_id)
{
	int64_t n = 0;

	if (db_one_int(db, &n,
	    "SELECT count(*) FROM evidence e JOIN hosts h "
	    "ON h.host_id = e.host_id WHERE e.case_id = $1 "
	    "AND e.host_id = $2 AND e.kind IN ('snapshot', 'waiver') "
	    "AND e.at >= h.stage_since - 60000", "ss", case_id, host_id) != 0)
		return false;
	return n > 0;
}

int
evidence_waive(struct db *db, const char *host_id, const struct actor *actor,
    const char *reason, struct refused *refused)
{
	struct host h;
	int rc;

	rc = find_host(db, host_id, &h, refused);
	if (rc != 0)
		return rc;
	if ((actor->roles & (1u << ROLE_RECOVERY | 1u << ROLE_COMMANDER)) == 0)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask someone with the role recovery or commander.",
		    "%s may not waive evidence", actor->name);
	if (reason == NULL || strlen(reason) < REASON_MIN ||
	    strlen(reason) >= TEXT_MAX_LEN)
		return refused_set(refused, REFUSAL_REASON,
		    "Say why no evidence is kept, in ten characters or more.",
		    "the reason is too short or too long");
	if (h.case_id[0] == '\0')
		return refused_set(refused, REFUSAL_STATE,
		    "Nothing to waive.", "%s is in no case", h.name);
	return evidence_add(db, h.case_id, h.host_id, "waiver", NULL, 0,
	    actor->name, reason);
}

/* The case that an order of this host was given in. */
static int
order_case(struct db *db, const char *host_id, const char *order_id,
    char case_id[ID_MAX])
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT case_id FROM orders WHERE order_id = $1 AND host_id = $2",
	    "ss", order_id, host_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, case_id, ID_MAX);
	db_end(&r);
	return 0;
}

int
snapshot_chunk(struct db *db, const char *host_id,
    const Cordon__SnapshotChunk *c)
{
	char blob[ID_MAX + 8], case_id[ID_MAX], hex[DIGEST_HEX_MAX];
	uint8_t sum[DIGEST_LEN];
	struct host h;
	int64_t have = 0;
	bool good;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = order_case(db, h.host_id, c->order_id, case_id);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	snprintf(blob, sizeof(blob), "E-%s", c->order_id);
	rc = db_one_int(db, &have,
	    "SELECT count(*) FROM evidence WHERE evidence_id = $1", "s", blob);
	if (rc != 0 || have > 0)
		return rc; /* sent again after a lost acknowledgement */
	rc = parts_add(db, blob, c->sequence, SNAPSHOT_PARTS_MAX,
	    c->data.data, c->data.len);
	if ((rc != 0 && rc != ERR_LIMIT) || !c->last)
		return rc == ERR_LIMIT ? 0 : rc;
	/* one that is too large ends as broken: it is not lost in silence */
	if (rc == 0)
		rc = parts_digest(db, blob, c->sequence, sum);
	if (rc != 0 && rc != ERR_NOENT && rc != ERR_LIMIT)
		return rc;
	good = rc == 0 && c->digest.len == sizeof(sum) &&
	    bytes_equal(sum, c->digest.data, sizeof(sum));
	if (rc == 0)
		hex_encode(hex, sum, sizeof(sum));
	else
		hex[0] = '\0';
	return evidence_row(db, blob, case_id, &h,
	    good ? "snapshot" : "snapshot-broken", hex, "agent",
	    good ? "taken by the agent at the cut" :
	    "pieces are missing or do not fit the digest");
}
