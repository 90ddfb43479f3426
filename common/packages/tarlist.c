/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists from tar streams.  Runs in the agent's tool and the collector's
 * import; the stream is a package's, checked like any foreign data.
 */
#include "common/packages/tarlist.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/packages/sums.h"

#define CHUNK 16384

static int
hash_content(struct tar *t, struct digest *d, uint8_t *out)
{
	uint8_t data[CHUNK];
	ssize_t n;

	digest_begin(d);
	while ((n = tar_content(t, data, sizeof(data))) > 0)
		digest_add(d, data, (size_t)n);
	digest_end(d, out);
	return (int)n;
}

/* A further name of a file that came before it. */
static bool
hard_link(const struct buf *list, const struct tar_entry *e,
    struct sums_row *row)
{
	struct slice text = {(const char *)list->data, list->len}, line;
	const struct slice path = row->path;

	slice_line(&text, &line);
	slice_line(&text, &line); /* the head */
	while (sums_next(&text, row))
		if (row->type == 'f' && slice_is(row->path, e->target)) {
			row->path = path;
			return true;
		}
	return false;
}

static int
add_entry(struct buf *list, struct tar *t, struct digest *d,
    const struct tar_entry *e)
{
	struct sums_row row = {.type = e->type, .mode = e->mode,
	    .uid = e->uid, .gid = e->gid,
	    .path = {e->name, strlen(e->name)}};
	int err = 0;

	if (e->name[0] == '\0' || e->type == 'o')
		return 0; /* the top, and devices */
	if (e->type == 'f')
		err = hash_content(t, d, row.sha256);
	else if (e->type == 'l')
		digest_of(e->target, strlen(e->target), row.sha256);
	else if (e->type == 'h' && !hard_link(list, e, &row))
		err = ERR_SYNTAX;
	if (err == 0)
		err = sums_add(list, &row);
	return err == ERR_RANGE ? 0 : err; /* such a name is not explained */
}

int
tarlist_make(struct tar *t, struct buf *list)
{
	struct tar_entry *e = malloc(sizeof(*e));
	struct digest *d = digest_new();
	int err = e == NULL || d == NULL ? ERR_NOMEM : 0;

	while (err == 0 && (err = tar_next(t, e)) == 0)
		err = add_entry(list, t, d, e);
	digest_free(&d);
	free(e);
	return err == ERR_NOENT ? 0 : err;
}
