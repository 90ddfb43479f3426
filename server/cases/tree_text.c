/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is in a manifest of a tree and how it differs from another: for the
 * person who is to sign it.  Runs on a reader or the writer thread.  The
 * bytes are an agent's: nothing is taken for sorted, whole or text.
 */
#include <stdlib.h>
#include <string.h>

#include "server/cases/tree.h"

#define FIELDS 6 /* MODE UID GID SIZE SHA256 XATTR, before PATH */
#define HEAD "cordon-manifest 1\n"
#define LINES_MAX 2000000

struct line {
	const char *path; /* in the text; both end at a NUL made there */
	const char *rest; /* what stands before the path */
};

struct list {
	char *text; /* owned */
	struct line *line;
	size_t n;
	uint64_t bytes;
};

static void
list_done(struct list *l)
{
	free(l->text);
	free(l->line);
}

/* The pieces in one. */
static int
load(struct db *db, const char *id, char **out, size_t *len)
{
	struct db_rows *r;
	int64_t size = 0;
	size_t used = 0, n;
	const void *data;
	int rc;

	rc = db_one_int(db, &size, "SELECT coalesce(sum(length(data)), 0) "
	    "FROM blob_parts WHERE blob_id = $1", "s", id);
	if (rc != 0)
		return rc;
	if (size <= 0 || size > (int64_t)TREE_PART * TREE_PARTS_MAX)
		return ERR_CORRUPT;
	*out = malloc((size_t)size + 1);
	if (*out == NULL)
		return ERR_NOMEM;
	r = db_query(db, "SELECT data FROM blob_parts WHERE blob_id = $1 "
	    "ORDER BY seq", "s", id);
	rc = r == NULL ? ERR_IO : 0;
	while (rc == 0 && (rc = db_next(r)) == 1) {
		data = db_blob(r, 0, &n);
		rc = n > (size_t)size - used ? ERR_CORRUPT : 0;
		if (rc == 0 && n > 0)
			memcpy(*out + used, data, n);
		used += rc == 0 ? n : 0;
	}
	db_end(&r);
	(*out)[used] = '\0';
	*len = used;
	return rc;
}

/* "MODE UID GID SIZE SHA256 XATTR PATH" without its newline. */
static int
parse_line(char *text, struct line *l, uint64_t *size)
{
	char *at = text, *end;
	int i;

	for (i = 0; i < FIELDS; i++) {
		if (i == 3)
			*size = strtoull(at, NULL, 10);
		end = strchr(at, ' ');
		if (end == NULL || end == at)
			return ERR_CORRUPT;
		at = end + 1;
	}
	if (at[0] != '/' || strchr(at, ' ') != NULL)
		return ERR_CORRUPT;
	at[-1] = '\0';
	*l = (struct line){.path = at, .rest = text};
	return 0; /* other bytes are quoted where they are shown */
}

/* Where the lines of files begin, and how many there are. */
static char *
files_of(char *text, size_t *n)
{
	char *at;

	if (strncmp(text, HEAD, strlen(HEAD)) != 0)
		return NULL;
	at = strstr(text, "\n== files ");
	if (at == NULL)
		return NULL;
	*n = strtoull(at + strlen("\n== files "), &at, 10);
	return *n <= LINES_MAX && *at == '\n' ? at + 1 : NULL;
}

static int
by_path(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* L->text of LEN bytes, and a NUL behind them. */
static int
read_list(struct list *l, size_t len)
{
	uint64_t size;
	size_t i, n;
	char *at, *end;
	int rc = 0;

	if (strlen(l->text) != len || (at = files_of(l->text, &n)) == NULL)
		return ERR_CORRUPT;
	/* each line is longer than this: no room is asked for in vain */
	if (n > len / (2 * FIELDS + 2))
		return ERR_CORRUPT;
	l->line = calloc(n + 1, sizeof(*l->line));
	if (l->line == NULL)
		return ERR_NOMEM;
	for (i = 0; i < n; i++, at = end + 1) {
		end = strchr(at, '\n');
		if (end == NULL)
			return ERR_CORRUPT;
		*end = '\0';
		if ((rc = parse_line(at, &l->line[i], &size)) != 0)
			return rc;
		if (strncmp(at, "10", 2) == 0)
			l->bytes += size;
	}
	l->n = n;
	if (strncmp(at, "== ", 3) != 0)
		return ERR_CORRUPT;
	qsort(l->line, n, sizeof(*l->line), by_path);
	return 0;
}

static void
note(struct tree_text *t, char what, const char *path)
{
	*(what == '+' ? &t->added : what == '-' ? &t->removed :
	    &t->changed) += 1;
	if (t->n >= TREE_LINES_MAX)
		return;
	t->line[t->n].what = what;
	t->line[t->n].path = strdup(path);
	t->n += t->line[t->n].path != NULL;
}

static void
diff(const struct list *was, const struct list *is, struct tree_text *t)
{
	size_t i = 0, k = 0;
	int c;

	while (i < was->n || k < is->n) {
		c = i == was->n ? 1 : k == is->n ? -1 :
		    strcmp(was->line[i].path, is->line[k].path);
		if (c < 0)
			note(t, '-', was->line[i].path);
		else if (c > 0)
			note(t, '+', is->line[k].path);
		else if (strcmp(was->line[i].rest, is->line[k].rest) != 0)
			note(t, '~', is->line[k].path);
		i += c <= 0;
		k += c >= 0;
	}
}

int
tree_text_take(char *now, size_t now_len, char *before, size_t before_len,
    struct tree_text *out)
{
	struct list was = {.text = before}, is = {.text = now};
	int rc;

	memset(out, 0, sizeof(*out));
	rc = read_list(&is, now_len);
	if (rc == 0 && before != NULL)
		rc = read_list(&was, before_len);
	if (rc == 0) {
		out->files = is.n;
		out->bytes = is.bytes;
		if (before != NULL)
			diff(&was, &is, out);
	}
	list_done(&was);
	list_done(&is);
	return rc;
}

int
tree_text(struct db *db, const char *manifest_id, const char *before_id,
    struct tree_text *out)
{
	char *now = NULL, *before = NULL;
	size_t now_len, before_len = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = load(db, manifest_id, &now, &now_len);
	if (rc == 0 && before_id[0] != '\0')
		rc = load(db, before_id, &before, &before_len);
	if (rc == 0)
		return tree_text_take(now, now_len, before, before_len, out);
	free(now);
	free(before);
	return rc;
}

void
tree_text_done(struct tree_text *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->line[i].path);
	memset(t, 0, sizeof(*t));
}
