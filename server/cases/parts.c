/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Content in pieces, in the store.  The bytes are an agent's: bounded here,
 * believed nowhere.
 */
#include "server/cases/parts.h"

int
parts_add(struct db *db, const char *blob_id, uint32_t seq,
    uint32_t parts_max, const void *data, size_t len)
{
	if (seq >= parts_max || len > PART_MAX)
		return ERR_LIMIT;
	return db_run(db, NULL,
	    "INSERT INTO blob_parts (blob_id, seq, data) VALUES ($1, $2, $3) "
	    "ON CONFLICT DO NOTHING",
	    "sib", blob_id, (int64_t)seq, len > 0 ? data : "", len);
}

int
parts_digest(struct db *db, const char *blob_id, uint32_t last,
    uint8_t out[DIGEST_LEN])
{
	struct digest *d;
	struct db_rows *r = NULL;
	int64_t want = 0;
	int rc = ERR_NOMEM;

	d = digest_new();
	if (d == NULL)
		goto done;
	digest_begin(d);
	r = db_query(db,
	    "SELECT seq, data FROM blob_parts WHERE blob_id = $1 "
	    "ORDER BY seq", "s", blob_id);
	if (r == NULL) {
		rc = ERR_IO;
		goto done;
	}
	while ((rc = db_next(r)) == 1 && db_int(r, 0) == want) {
		size_t len;
		const void *data = db_blob(r, 1, &len);

		digest_add(d, data, len);
		want++;
	}
	if (rc >= 0)
		rc = want == (int64_t)last + 1 ? 0 : ERR_NOENT;
	if (rc == 0)
		digest_end(d, out);
done:
	db_end(&r);
	digest_free(&d);
	return rc;
}

int
parts_remove(struct db *db, const char *blob_id)
{
	return db_run(db, NULL, "DELETE FROM blob_parts WHERE blob_id = $1",
	    "s", blob_id);
}
