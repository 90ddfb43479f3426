/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Known-good manifests: asked for while a host is normal, made by its agent,
 * kept here, signed by the signer.  Never taken from a host under suspicion.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/cases/find.h"
#include "server/cases/parts.h"
#include "server/cases/tree_int.h"
#include "server/store/hosts.h"

#define MANIFEST_PARTS_MAX 2048 /* 128 MiB */

int
manifest_ask(struct db *db, const char *host_id, const struct actor *actor,
    char manifest_id[ID_MAX], struct refused *refused)
{
	Cordon__ManifestAsk ask = CORDON__MANIFEST_ASK__INIT;
	uint8_t packed[128];
	char id[ID_MAX];
	struct host h;
	int rc;

	rc = find_host(db, host_id, &h, refused);
	if (rc != 0)
		return rc;
	if ((actor->roles & 1u << ROLE_BASELINE) == 0)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask someone with the role baseline.",
		    "%s may not sign manifests", actor->name);
	if (h.stage != STAGE_NORMAL)
		return refused_set(refused, REFUSAL_STAGE,
		    "Use the manifest that was made before the incident.",
		    "%s is %s: a known-good manifest is never taken from a "
		    "host under suspicion", h.name,
		    word_name(WORDS_STAGE, (int)h.stage));
	if (!h.online)
		return refused_set(refused, REFUSAL_STATE,
		    "Try again when the host is online.",
		    "%s is not connected", h.name);
	id_new(id, "M", 10);
	rc = db_run(db, NULL,
	    "INSERT INTO manifests (manifest_id, host_id, asked_by, asked_at) "
	    "VALUES ($1, $2, $3, $4)",
	    "sssi", id, h.host_id, actor->name, db_now(db));
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = actor->name,
		    .what = "manifest.ask", .host = h.name, .object = id},
		    "known-good manifest asked for");
	ask.manifest_id = id;
	if (rc == 0)
		rc = db_send(db, h.host_id, FRAME_MANIFEST_ASK, packed,
		    cordon__manifest_ask__pack(&ask, packed));
	if (rc == 0)
		memcpy(manifest_id, id, ID_MAX);
	return rc;
}

/* What was asked for and has not come whole yet. */
struct asked {
	char by[NAME_MAX_LEN];
	bool tree; /* of one tree, for a person to sign */
};

static int
manifest_open(struct db *db, const struct host *h, const char *manifest_id,
    struct asked *a)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r,
	    "SELECT asked_by, tree FROM manifests WHERE manifest_id = $1 "
	    "AND host_id = $2 AND done_at = 0", "ss", manifest_id, h->host_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, a->by, NAME_MAX_LEN);
	a->tree = db_text(r, 1)[0] != '\0';
	db_end(&r);
	return 0;
}

int
manifest_fail(struct db *db, const struct host *h, const char *manifest_id,
    const char *why)
{
	int rc;

	rc = parts_remove(db, manifest_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE manifests SET done_at = $1, why = $2, "
		    "state = CASE tree WHEN '' THEN '' ELSE 'failed' END "
		    "WHERE manifest_id = $3", "iss", db_now(db), why,
		    manifest_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = "agent",
		    .what = "manifest.failed", .host = h->name,
		    .object = manifest_id}, "%s", why);
	return rc;
}

static int
manifest_keep(struct db *db, const struct cases_settings *s,
    const struct host *h, const char *manifest_id, const char *asked_by,
    const uint8_t sum[DIGEST_LEN])
{
	char hex[DIGEST_HEX_MAX];
	uint8_t sig[64];
	struct why why;
	int rc;

	rc = s->sign_manifest(s->sign_arg, manifest_id, sum, sig, &why);
	if (rc != 0)
		return manifest_fail(db, h, manifest_id, why.text);
	hex_encode(hex, sum, DIGEST_LEN);
	rc = db_run(db, NULL,
	    "UPDATE manifests SET done_at = $1, sha256 = $2, signature = $3 "
	    "WHERE manifest_id = $4", "isbs", db_now(db), hex, sig,
	    sizeof(sig), manifest_id);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET manifest_id = $1 WHERE host_id = $2",
		    "ss", manifest_id, h->host_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = asked_by,
		    .what = "manifest.signed", .host = h->name,
		    .object = manifest_id}, "SHA-256 %s", hex);
	return rc;
}

/* All of it is here, or should be. */
static int
manifest_last(struct db *db, const struct cases_settings *s,
    const struct host *h, const struct asked *a,
    const Cordon__ManifestChunk *c)
{
	uint8_t sum[DIGEST_LEN];
	int rc;

	rc = parts_digest(db, c->manifest_id, c->sequence, sum);
	if (rc == ERR_NOENT && a->tree) {
		rc = tree_resume(db, h, c->manifest_id);
		if (rc != ERR_LIMIT)
			return rc;
		rc = ERR_NOENT;
	}
	if (rc != 0 && rc != ERR_NOENT)
		return rc;
	if (rc != 0 || c->digest.len != sizeof(sum) ||
	    !bytes_equal(sum, c->digest.data, sizeof(sum)))
		return manifest_fail(db, h, c->manifest_id,
		    "pieces are missing or do not fit the digest");
	return a->tree ? tree_received(db, h, c->manifest_id, sum) :
	    manifest_keep(db, s, h, c->manifest_id, a->by, sum);
}

int
manifest_chunk(struct db *db, const struct cases_settings *s,
    const char *host_id, const Cordon__ManifestChunk *c)
{
	struct asked a;
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = manifest_open(db, &h, c->manifest_id, &a);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	if (h.stage != STAGE_NORMAL)
		return manifest_fail(db, &h, c->manifest_id,
		    "the host left stage normal while it was made");
	if (c->last && c->digest.len == 0)
		return manifest_fail(db, &h, c->manifest_id,
		    c->why[0] != '\0' ? c->why : "the agent gave no reason");
	rc = parts_add(db, c->manifest_id, c->sequence, a.tree ?
	    TREE_PARTS_MAX + 1 : MANIFEST_PARTS_MAX, c->data.data,
	    c->data.len);
	if (rc == ERR_LIMIT)
		return manifest_fail(db, &h, c->manifest_id, a.tree ?
		    "it is larger than 64 MiB" : "it is larger than 128 MiB");
	if (rc != 0 || !c->last)
		return rc;
	return manifest_last(db, s, &h, &a, c);
}
