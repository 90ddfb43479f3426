/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers and chain of signals.  Runs on the writer thread.  They are an
 * agent's word: they show what is missing, not that the rest is true.
 */
#include "server/flow/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/wire/frame.h"
#include "common/wire/pack.h"

static int
load_chain(struct db *db, const struct host *h, struct numbers *n)
{
	const void *hash;
	struct db_rows *r;
	size_t len;
	int rc;

	r = db_query(db, "SELECT signals_chain FROM hosts WHERE host_id = $1",
	    "s", h->host_id);
	if (r == NULL)
		return ERR_IO;
	rc = db_next(r);
	if (rc == 1 && !db_null(r, 0)) {
		hash = db_blob(r, 0, &len);
		if (len == DIGEST_LEN)
			memcpy(n->hash, hash, len);
	}
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/*
 * Of those that came ahead, these come again now.  An honest batch has them
 * all in it; the bound is for others, who then only harm their own record.
 */
static int
load_ahead(struct db *db, const struct host *h, uint64_t upto,
    struct numbers *n)
{
	struct numbers_ahead *p, a;
	struct db_rows *r;
	const void *chain;
	size_t len;
	int rc;

	r = db_query(db, "SELECT number, chain FROM signals_ahead "
	    "WHERE host_id = $1 AND number > $2 AND number <= $3 "
	    "ORDER BY number LIMIT 4096", "sii", h->host_id,
	    (int64_t)n->number, (int64_t)upto);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		a.number = (uint64_t)db_int(r, 0);
		chain = db_blob(r, 1, &len);
		memset(a.chain, 0, sizeof(a.chain));
		if (len == DIGEST_LEN)
			memcpy(a.chain, chain, len);
		p = reallocarray(n->ahead, n->nahead + 1, sizeof(*p));
		if (p == NULL) {
			rc = ERR_NOMEM;
			break;
		}
		n->ahead = p;
		n->ahead[n->nahead++] = a;
	}
	db_end(&r);
	return rc < 0 ? rc : 0;
}

int
numbers_load(struct db *db, const struct host *h, uint64_t upto,
    struct numbers *n)
{
	int rc;

	memset(n, 0, sizeof(*n));
	n->number = h->signals_committed;
	rc = load_chain(db, h, n);
	return rc == 0 && upto > n->number ? load_ahead(db, h, upto, n) : rc;
}

void
numbers_done(struct numbers *n)
{
	free(n->ahead);
	n->ahead = NULL;
	n->nahead = 0;
}

static int
by_number(const void *key, const void *item)
{
	uint64_t number = *(const uint64_t *)key;
	const struct numbers_ahead *a = item;

	return (number > a->number) - (number < a->number);
}

static const struct numbers_ahead *
find_ahead(const struct numbers *n, uint64_t number)
{
	return n->nahead == 0 ? NULL : bsearch(&number, n->ahead, n->nahead,
	    sizeof(*n->ahead), by_number);
}

bool
numbers_was_ahead(const struct numbers *n, uint64_t number)
{
	return find_ahead(n, number) != NULL;
}

int
numbers_ahead(struct db *db, const struct host *h, const Cordon__Signal *sig)
{
	return db_run(db, NULL,
	    "INSERT INTO signals_ahead (host_id, number, chain) "
	    "VALUES ($1, $2, $3)", "sib", h->host_id, (int64_t)sig->number,
	    sig->chain.data, sig->chain.len);
}

/* -- missing ------------------------------------------------------------ */

/* Numbers that are missing: a fact of its own. */
static int
note_gap(struct db *db, const struct host *h, uint64_t first, uint64_t last,
    struct numbers *n)
{
	size_t used = strlen(n->ranges);

	if (last < first)
		return 0;
	n->missing += last - first + 1;
	if (used + 48 < sizeof(n->ranges))
		snprintf(n->ranges + used, sizeof(n->ranges) - used,
		    first == last ? "%s%llu" : "%s%llu-%llu",
		    used > 0 ? "," : "", (unsigned long long)first,
		    (unsigned long long)last);
	return db_run(db, NULL,
	    "INSERT INTO signal_gaps (host_id, first, last, found_at) "
	    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", "siii",
	    h->host_id, (int64_t)first, (int64_t)last, db_now(db));
}

/* From where we are to NUMBER; what went ahead is not missing. */
static int
note_gaps(struct db *db, const struct host *h, uint64_t number,
    struct numbers *n)
{
	uint64_t first = n->number + 1;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < n->nahead; i++) {
		if (n->ahead[i].number < first ||
		    n->ahead[i].number >= number)
			continue;
		rc = note_gap(db, h, first, n->ahead[i].number - 1, n);
		first = n->ahead[i].number + 1;
	}
	return rc == 0 ? note_gap(db, h, first, number - 1, n) : rc;
}

/* -- chain -------------------------------------------------------------- */

/* SHA-256(chain before || packed signal with its chain empty). */
static int
chain_next(const uint8_t prev[DIGEST_LEN], const Cordon__Signal *sig,
    uint8_t out[DIGEST_LEN])
{
	Cordon__Signal bare = *sig;
	struct digest *d = NULL;
	struct buf packed;
	int rc;

	bare.chain.data = NULL;
	bare.chain.len = 0;
	buf_init(&packed, FRAME_MAX);
	rc = pack(&bare.base, &packed);
	if (rc != 0)
		goto done;
	d = digest_new();
	if (d == NULL) {
		rc = ERR_NOMEM;
		goto done;
	}
	digest_begin(d);
	digest_add(d, prev, DIGEST_LEN);
	digest_add(d, packed.data, packed.len);
	digest_end(d, out);
done:
	digest_free(&d);
	buf_done(&packed);
	return rc;
}

int
numbers_step(struct db *db, const struct host *h, const Cordon__Signal *sig,
    struct numbers *n)
{
	const struct numbers_ahead *a = find_ahead(n, sig->number);
	bool gap = sig->number != n->number + 1;
	uint8_t want[DIGEST_LEN];
	int rc = 0;

	if (gap)
		rc = note_gaps(db, h, sig->number, n);
	if (rc == 0)
		rc = chain_next(n->hash, sig, want);
	if (rc != 0)
		return rc;
	/* Behind a gap nothing can be held against what is missing. */
	if (n->broken == 0 &&
	    ((!gap && !bytes_equal(want, sig->chain.data, DIGEST_LEN)) ||
	    (a != NULL && !bytes_equal(a->chain, sig->chain.data,
	    DIGEST_LEN))))
		n->broken = sig->number;
	n->number = sig->number;
	memcpy(n->hash, sig->chain.data, DIGEST_LEN);
	return 0;
}

int
numbers_save(struct db *db, const struct host *h, const struct numbers *n)
{
	int rc = 0;

	if (n->nahead > 0)
		rc = db_run(db, NULL, "DELETE FROM signals_ahead "
		    "WHERE host_id = $1 AND number <= $2", "si", h->host_id,
		    (int64_t)n->number);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET signals_committed = $1, "
		    "signals_chain = $2, last_seen = $3 WHERE host_id = $4",
		    "ibis", (int64_t)n->number, n->hash, sizeof(n->hash),
		    db_now(db), h->host_id);
	return rc;
}
