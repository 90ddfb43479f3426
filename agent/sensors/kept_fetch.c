/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fetching manifests piece by piece, one piece asked for at a time, so that
 * no queue on the way fills.  What came before the line broke is kept in
 * "NAME.part"; only the whole, with the digest that was signed, gets its
 * name.  In the sensors process; each byte is foreign until then.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/sensors/kept_int.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

struct kept *
kept_new(const struct kept_place *p, struct outbox *out)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->place = p;
	k->out = out;
	k->fd = -1;
	return k;
}

static void
stop(struct kept *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

static void
drop_first(struct kept *k)
{
	struct want *w = &k->want[0];

	stop(k);
	if (w->head != NULL) {
		cordon__tree_head__free_unpacked(w->head, NULL);
		buf_done(&w->packed);
	}
	memmove(k->want, k->want + 1, --k->nwant * sizeof(*w));
}

void
kept_forget(struct kept *k)
{
	while (k->nwant > 0)
		drop_first(k);
}

void
kept_free(struct kept **k)
{
	if (*k == NULL)
		return;
	kept_forget(*k);
	free(*k);
	*k = NULL;
}

bool
kept_waiting(const struct kept *k)
{
	return k->nwant > 0;
}

static const char *
want_id(const struct want *w)
{
	return w->head != NULL ? w->head->manifest_id : w->own;
}

static uint64_t
want_max(const struct want *w)
{
	return w->head != NULL ? w->head->size : MANIFEST_MAX;
}

/* Where it will lie, and where its parts do. */
static int
want_paths(const struct kept *k, const struct want *w, char name[PATH_LEN],
    char part[PATH_LEN])
{
	int r = w->head != NULL ?
	    kept_path(k->place, w->head->manifest_id, name) :
	    manifest_path(name, k->place->state_dir, w->own);

	if (r == 0 && snprintf(part, PATH_LEN, "%s.part", name) >= PATH_LEN)
		r = ERR_LIMIT;
	return r;
}

/* Whole pieces of an earlier try are kept. */
static int
open_part(struct kept *k, const char *part)
{
	struct stat st;
	off_t whole;
	int r = 0;

	k->fd = open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (k->fd < 0 || fstat(k->fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = ERR_IO;
	whole = r != 0 ? 0 : st.st_size / TREE_PART * TREE_PART;
	if (r == 0 && (ftruncate(k->fd, whole) != 0 ||
	    lseek(k->fd, whole, SEEK_SET) != whole))
		r = ERR_IO;
	if (r != 0)
		stop(k);
	else
		k->next = (uint32_t)(whole / TREE_PART);
	return r;
}

static void
ask(struct kept *k, uint32_t generation)
{
	Cordon__TreeAsk m = CORDON__TREE_ASK__INIT;
	uint8_t packed[ID_MAX + 16];

	m.manifest_id = (char *)(uintptr_t)want_id(&k->want[0]);
	m.sequence = k->next;
	k->asked_ms = clock_boot_ms();
	(void)outbox_bulk(k->out, generation, IPC_TREE_ASK, packed,
	    cordon__tree_ask__pack(&m, packed));
}

void
kept_next(struct kept *k, uint32_t generation)
{
	char name[PATH_LEN], part[PATH_LEN];

	while (k->nwant > 0) {
		if (want_paths(k, &k->want[0], name, part) == 0 &&
		    open_part(k, part) == 0) {
			ask(k, generation);
			return;
		}
		log_error("manifest %s: no place for it",
		    want_id(&k->want[0]));
		drop_first(k);
	}
}

/* The whole is there: is it what was signed? */
static void
finish(struct kept *k, uint32_t generation)
{
	const struct want *w = &k->want[0];
	char name[PATH_LEN], part[PATH_LEN];
	struct manifest *m = NULL;
	struct why why;
	int r = want_paths(k, w, name, part);

	if (r == 0 && fsync(k->fd) != 0)
		r = why_sys(&why, ERR_IO, "%s", part);
	stop(k);
	if (r == 0)
		r = manifest_open(part, w->head != NULL ?
		    w->head->sha256.data : w->digest, &m, &why);
	manifest_free(&m);
	if (r == 0 && rename(part, name) != 0)
		r = why_sys(&why, ERR_IO, "%s", name);
	if (r != 0) {
		log_error("manifest %s: %s", want_id(w), why.text);
		unlink(part); /* begun anew by the next list */
	} else if (w->head != NULL) {
		(void)kept_commit(k, w->head, &w->packed);
	} else {
		log_info("manifest %s is here again", w->own);
		manifest_trim(k->place->state_dir, MANIFEST_PREFIX,
		    MANIFEST_KEEP);
	}
	drop_first(k);
	kept_next(k, generation);
}

void
kept_part(struct kept *k, uint32_t generation,
    const Cordon__ManifestChunk *c)
{
	if (k->nwant == 0 || k->fd < 0 || c->sequence != k->next ||
	    strcmp(c->manifest_id, want_id(&k->want[0])) != 0)
		return;
	if (c->why[0] != '\0') {
		log_warn("manifest %s: the collector cannot send it",
		    c->manifest_id);
		drop_first(k);
		kept_next(k, generation);
		return;
	}
	if ((!c->last && c->data.len != TREE_PART) ||
	    c->data.len > TREE_PART ||
	    (uint64_t)k->next * TREE_PART + c->data.len >
	    want_max(&k->want[0]) ||
	    file_write_all(k->fd, c->data.data, c->data.len) != 0) {
		log_error("manifest %s: a piece does not fit, or there is no "
		    "room for it", c->manifest_id);
		drop_first(k);
		kept_next(k, generation);
		return;
	}
	k->next++;
	if (c->last)
		finish(k, generation);
	else
		ask(k, generation);
}

void
kept_tick(struct kept *k, uint32_t generation)
{
	if (k->nwant > 0 && clock_boot_ms() - k->asked_ms > KEPT_SILENT_MS)
		kept_next(k, generation);
}
