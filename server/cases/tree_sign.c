/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests of trees on their way out: signed and retired by a person, told
 * to the hosts they hold for, given to them in pieces.  Runs on the writer
 * thread.  What is signed is a head (TreeHead) by the same request to the
 * signer as a host's own manifest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/frame.h"
#include "common/wire/pack.h"
#include "server/audit/audit.h"
#include "server/cases/find.h"
#include "server/cases/run.h"
#include "server/cases/tree_int.h"
#include "server/store/hosts.h"

/* One row of manifests. */
struct row {
	char id[ID_MAX], host_id[ID_MAX], tree[TREE_PATH_MAX + 1];
	char grp[NAME_MAX_LEN], state[16];
	uint8_t sha256[DIGEST_LEN];
	int64_t version, size, done_at;
};

static int
row_load(struct db *db, const char *manifest_id, struct row *row,
    struct refused *refused)
{
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT host_id, tree, grp, state, sha256, "
	    "version, size, done_at FROM manifests WHERE manifest_id = $1 "
	    "AND tree <> ''", "s", manifest_id);
	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl manifest list",
		    "there is no manifest %s of a tree", manifest_id);
	if (rc != 0)
		return rc;
	snprintf(row->id, sizeof(row->id), "%s", manifest_id);
	db_copy(r, 0, row->host_id, sizeof(row->host_id));
	db_copy(r, 1, row->tree, sizeof(row->tree));
	db_copy(r, 2, row->grp, sizeof(row->grp));
	db_copy(r, 3, row->state, sizeof(row->state));
	if (hex_decode(row->sha256, DIGEST_LEN, db_text(r, 4)) != 0)
		memset(row->sha256, 0, DIGEST_LEN);
	row->version = db_int(r, 5);
	row->size = db_int(r, 6);
	row->done_at = db_int(r, 7);
	db_end(&r);
	return 0;
}

/* -- what holds ----------------------------------------------------------- */

/* Rows of the newest version of each tree; the query is lent to FN. */
static struct db_rows *
holding(struct db *db, const struct host *h)
{
	return db_query(db, "SELECT m.manifest_id, m.tree, m.version, "
	    "m.state, m.head, m.signature FROM manifests m "
	    "WHERE m.tree <> '' AND m.state IN ('signed', 'retired') "
	    "AND ((m.grp = '' AND m.host_id = $1) OR m.grp = $2) "
	    "AND m.version = (SELECT max(n.version) FROM manifests n "
	    "WHERE n.tree = m.tree AND n.state IN ('signed', 'retired') "
	    "AND ((n.grp = '' AND n.host_id = $1) OR n.grp = $2)) "
	    "AND m.version > 0 ORDER BY m.tree LIMIT 64", "ss", h->host_id,
	    h->grp);
}

int
tree_holds(struct db *db, const struct host *h, struct tree_row *row,
    size_t *n)
{
	struct db_rows *r = holding(db, h);
	int rc;

	*n = 0;
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1 && *n < TREES_MAX) {
		db_copy(r, 0, row[*n].manifest_id, ID_MAX);
		db_copy(r, 1, row[*n].tree, sizeof(row->tree));
		row[*n].version = (uint64_t)db_int(r, 2);
		row[*n].retired = strcmp(db_text(r, 3), "retired") == 0;
		(*n)++;
	}
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/* The host's own, as CheckRun has it. */
static int
add_own(struct db *db, const struct host *h, Cordon__TreeList *list,
    uint8_t digest[DIGEST_LEN], uint8_t sig[SIGN_SIG_LEN])
{
	const void *blob;
	struct db_rows *r;
	size_t len;
	int rc;

	if (h->manifest_id[0] == '\0')
		return 0;
	rc = db_row(db, &r, "SELECT sha256, signature FROM manifests "
	    "WHERE manifest_id = $1", "s", h->manifest_id);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	blob = db_blob(r, 1, &len);
	if (len == SIGN_SIG_LEN &&
	    hex_decode(digest, DIGEST_LEN, db_text(r, 0)) == 0) {
		memcpy(sig, blob, len);
		list->manifest_id = (char *)(uintptr_t)h->manifest_id;
		list->manifest_digest = (ProtobufCBinaryData){DIGEST_LEN,
		    digest};
		list->manifest_signature = (ProtobufCBinaryData){
		    SIGN_SIG_LEN, sig};
	}
	db_end(&r);
	return 0;
}

struct told {
	Cordon__SignedTree tree[TREES_MAX], *list[TREES_MAX];
	uint8_t head[TREES_MAX][TREE_HEAD_MAX];
	uint8_t sig[TREES_MAX][SIGN_SIG_LEN];
	size_t n;
};

static void
add_told(struct told *t, struct db_rows *r)
{
	Cordon__SignedTree *s = &t->tree[t->n];
	const void *head, *sig;
	size_t head_len, sig_len;

	head = db_blob(r, 4, &head_len);
	if (head_len > TREE_HEAD_MAX)
		return;
	memcpy(t->head[t->n], head, head_len);
	sig = db_blob(r, 5, &sig_len);
	if (sig_len != SIGN_SIG_LEN)
		return;
	memcpy(t->sig[t->n], sig, sig_len);
	cordon__signed_tree__init(s);
	s->head = (ProtobufCBinaryData){head_len, t->head[t->n]};
	s->signature = (ProtobufCBinaryData){sig_len, t->sig[t->n]};
	t->list[t->n++] = s;
}

int
tree_tell(struct db *db, const struct host *h)
{
	Cordon__TreeList list = CORDON__TREE_LIST__INIT;
	uint8_t digest[DIGEST_LEN], sig[SIGN_SIG_LEN];
	struct told *t = calloc(1, sizeof(*t));
	struct db_rows *r;
	struct buf packed;
	int rc = ERR_NOMEM;

	if (t == NULL)
		return rc;
	if (!hosts_answers(h, TREE_ANSWERS)) {
		free(t);
		return 0;
	}
	buf_init(&packed, frame_max(FRAME_TREES));
	r = holding(db, h);
	rc = r == NULL ? ERR_IO : 0;
	while (rc == 0 && (rc = db_next(r)) == 1) {
		rc = 0;
		if (t->n < TREES_MAX)
			add_told(t, r);
	}
	db_end(&r);
	if (rc == 0)
		rc = add_own(db, h, &list, digest, sig);
	list.trees = t->list;
	list.n_trees = t->n;
	/* who has none of either needs no list */
	if (rc == 0 && (t->n > 0 || list.manifest_id[0] != '\0'))
		rc = pack(&list.base, &packed);
	if (rc == 0 && packed.len > 0)
		rc = db_send(db, h->host_id, FRAME_TREES, packed.data,
		    packed.len);
	buf_done(&packed);
	free(t);
	return rc;
}

/* To the host, or to all of its group that are here. */
static int
tell_all(struct db *db, const struct host *h, const char *grp)
{
	struct host other;
	struct db_rows *r;
	char *ids = NULL;
	size_t n = 0, i;
	int64_t all = 0;
	int rc;

	if (grp[0] == '\0')
		return tree_tell(db, h);
	rc = db_one_int(db, &all, "SELECT count(*) FROM hosts WHERE grp = $1 "
	    "AND online = 1", "s", grp);
	if (rc == 0 && all > 0 && (ids = calloc((size_t)all, ID_MAX)) == NULL)
		rc = ERR_NOMEM;
	if (rc != 0 || all == 0)
		return rc;
	r = db_query(db, "SELECT host_id FROM hosts WHERE grp = $1 "
	    "AND online = 1", "s", grp);
	rc = r == NULL ? ERR_IO : 0;
	while (rc == 0 && n < (size_t)all && db_next(r) == 1)
		db_copy(r, 0, ids + ID_MAX * n++, ID_MAX);
	db_end(&r);
	for (i = 0; rc == 0 && i < n; i++) {
		rc = hosts_get(db, ids + ID_MAX * i, &other);
		if (rc == 0)
			rc = tree_tell(db, &other);
	}
	free(ids);
	return rc;
}

/* -- signing -------------------------------------------------------------- */

/* Make the head, have it signed, keep both; the version counts on. */
static int
sign_head(struct db *db, const struct cases_settings *s, struct row *row,
    bool retired, const char *who, struct refused *refused)
{
	Cordon__TreeHead head = CORDON__TREE_HEAD__INIT;
	uint8_t digest[DIGEST_LEN], sig[SIGN_SIG_LEN];
	struct buf packed;
	struct why why;
	int rc;

	buf_init(&packed, TREE_HEAD_MAX);
	rc = db_one_int(db, &row->version, "SELECT coalesce(max(version), 0) "
	    "+ 1 FROM manifests WHERE tree = $1", "s", row->tree);
	head.manifest_id = row->id;
	head.host_id = row->grp[0] == '\0' ? row->host_id : head.host_id;
	head.group = row->grp;
	head.tree = row->tree;
	head.version = (uint64_t)row->version;
	if (!retired)
		head.sha256 = (ProtobufCBinaryData){DIGEST_LEN, row->sha256};
	head.size = retired ? 0 : (uint64_t)row->size;
	head.made_ms = row->done_at;
	head.signed_ms = db_now(db);
	head.signed_by = (char *)(uintptr_t)who;
	head.retired = retired;
	if (rc == 0)
		rc = tree_head_pack(&head, &packed, digest);
	if (rc == 0 && s->sign_manifest(s->sign_arg, row->id, digest, sig,
	    &why) != 0)
		rc = refused_set(refused, REFUSAL_SIGNER,
		    "Try again when the signer is there.", "%s", why.text);
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE manifests SET head = $1, "
		    "signature = $2, version = $3, grp = $4 "
		    "WHERE manifest_id = $5", "bbiss", packed.data,
		    packed.len, sig, sizeof(sig), row->version, row->grp,
		    row->id);
	buf_done(&packed);
	return rc;
}

/* The one before is older now; of very old ones the content goes. */
static int
step_down(struct db *db, const struct row *row)
{
	int rc;

	rc = db_run(db, NULL, "UPDATE manifests SET state = 'older' "
	    "WHERE tree = $1 AND host_id = $2 AND grp = $3 "
	    "AND state IN ('signed', 'retired') AND version > 0 "
	    "AND manifest_id <> $4",
	    "ssss", row->tree, row->host_id, row->grp, row->id);
	if (rc == 0)
		rc = db_run(db, NULL, "DELETE FROM blob_parts WHERE blob_id "
		    "IN (SELECT manifest_id FROM manifests WHERE tree = $1 "
		    "AND host_id = $2 AND state = 'older' AND version <= $3)",
		    "ssi", row->tree, row->host_id,
		    row->version - TREE_VERSIONS_MAX);
	return rc;
}

static int
trees_full(struct db *db, const struct row *row, const struct host *h,
    struct refused *refused)
{
	struct tree_row *held = calloc(TREES_MAX, sizeof(*held));
	size_t n = 0, i;
	int rc = held == NULL ? ERR_NOMEM : tree_holds(db, h, held, &n);

	for (i = 0; i < n; i++)
		if (strcmp(held[i].tree, row->tree) == 0)
			n = 0;
	free(held);
	return rc != 0 || n < TREES_MAX ? rc :
	    refused_set(refused, REFUSAL_CONFLICT,
	    "Retire one first: cordonctl manifest retire",
	    "%s has %d signed trees", h->name, TREES_MAX);
}

int
tree_sign(struct db *db, const struct cases_settings *s,
    const char *manifest_id, const char *sha256, bool group,
    const struct actor *actor, struct refused *refused)
{
	char hex[DIGEST_HEX_MAX];
	struct row row;
	struct host h;
	int rc;

	memset(&row, 0, sizeof(row));
	rc = row_load(db, manifest_id, &row, refused);
	if (rc == 0)
		rc = find_host(db, row.host_id, &h, refused);
	if (rc == 0)
		rc = tree_may(actor, refused);
	if (rc == 0)
		rc = tree_suspect(&h, refused);
	if (rc == 0 && strcmp(row.state, "waiting") != 0)
		rc = refused_set(refused, REFUSAL_STATE,
		    "List them with: cordonctl manifest list",
		    "manifest %s is %s, not waiting for a signature", row.id,
		    row.state);
	hex_encode(hex, row.sha256, DIGEST_LEN);
	if (rc == 0 && strcmp(sha256, hex) != 0)
		rc = refused_set(refused, REFUSAL_DIGEST,
		    "Look at it first: cordonctl manifest show",
		    "manifest %s has another digest", row.id);
	if (rc == 0)
		rc = trees_full(db, &row, &h, refused);
	if (rc != 0)
		return rc;
	snprintf(row.grp, sizeof(row.grp), "%s", group ? h.grp : "");
	rc = sign_head(db, s, &row, false, actor->name, refused);
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE manifests SET state = 'signed', "
		    "signed_by = $1, signed_at = $2 WHERE manifest_id = $3",
		    "sis", actor->name, db_now(db), row.id);
	if (rc == 0)
		rc = step_down(db, &row);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){.who = actor->name,
		    .what = "manifest.signed", .host = h.name,
		    .object = row.id}, "%s version %lld%s%s, SHA-256 %s",
		    row.tree, (long long)row.version,
		    group ? ", for group " : "", row.grp, hex);
	return rc == 0 ? tell_all(db, &h, row.grp) : rc;
}

int
tree_retire(struct db *db, const struct cases_settings *s,
    const char *manifest_id, const char *reason, const struct actor *actor,
    struct refused *refused)
{
	struct row row;
	struct host h;
	bool held;
	int rc;

	rc = row_load(db, manifest_id, &row, refused);
	if (rc == 0)
		rc = find_host(db, row.host_id, &h, refused);
	if (rc == 0)
		rc = tree_may(actor, refused);
	if (rc != 0)
		return rc;
	if (reason == NULL || strlen(reason) < REASON_MIN)
		return refused_set(refused, REFUSAL_REASON,
		    "Say why, in ten characters or more.",
		    "the reason is too short");
	held = strcmp(row.state, "signed") == 0;
	if (!held && strcmp(row.state, "waiting") != 0)
		return refused_set(refused, REFUSAL_STATE,
		    "List them with: cordonctl manifest list",
		    "manifest %s is %s", row.id, row.state);
	if (held)
		rc = sign_head(db, s, &row, true, actor->name, refused);
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE manifests SET state = "
		    "'retired', retired_by = $1, retired_at = $2 "
		    "WHERE manifest_id = $3", "sis", actor->name, db_now(db),
		    row.id);
	if (rc == 0)
		rc = db_run(db, NULL, "DELETE FROM blob_parts "
		    "WHERE blob_id = $1", "s", row.id);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){.who = actor->name,
		    .what = "manifest.retired", .host = h.name,
		    .object = row.id}, "%s: %s", row.tree, reason);
	return rc == 0 && held ? tell_all(db, &h, row.grp) : rc;
}

/* -- giving --------------------------------------------------------------- */

/* May this host have it?  ERR_NOENT: no. */
static int
may_have(struct db *db, const struct host *h, const char *manifest_id,
    int64_t *size)
{
	int rc;

	rc = db_one_int(db, size, "SELECT size FROM manifests "
	    "WHERE manifest_id = $1 AND state = 'signed' "
	    "AND ((grp = '' AND host_id = $2) OR grp = $3)", "sss",
	    manifest_id, h->host_id, h->grp);
	if (rc != ERR_NOENT || strcmp(h->manifest_id, manifest_id) != 0)
		return rc;
	return db_one_int(db, size, "SELECT coalesce(sum(length(data)), 0) "
	    "FROM blob_parts WHERE blob_id = $1", "s", manifest_id);
}

int
tree_part(struct db *db, const char *host_id, const Cordon__TreeAsk *a)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	struct db_rows *r = NULL;
	struct buf packed;
	struct host h;
	int64_t size = 0;
	size_t len = 0;
	int rc;

	if (!id_valid(a->manifest_id))
		return ERR_PROTO;
	c.manifest_id = a->manifest_id;
	c.sequence = a->sequence;
	rc = hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = may_have(db, &h, a->manifest_id, &size);
	if (rc == 0)
		rc = db_row(db, &r, "SELECT data FROM blob_parts "
		    "WHERE blob_id = $1 AND seq = $2", "si", a->manifest_id,
		    (int64_t)a->sequence);
	if (rc == ERR_NOENT) {
		c.why = (char *)(uintptr_t)"there is no such piece";
		c.last = true;
	} else if (rc == 0) {
		c.data.data = (uint8_t *)(uintptr_t)db_blob(r, 0, &len);
		c.data.len = len;
		c.last = ((int64_t)a->sequence + 1) * TREE_PART >= size;
	} else {
		return rc;
	}
	buf_init(&packed, frame_max(FRAME_TREE_PART));
	rc = pack(&c.base, &packed);
	db_end(&r);
	if (rc == 0)
		rc = db_send(db, h.host_id, FRAME_TREE_PART, packed.data,
		    packed.len);
	buf_done(&packed);
	return rc;
}
