/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frozen list of hosts of a plan: resolved once, sorted by host id,
 * without doubles.  Runs in jobs on the writer thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/orders/own.h"
#include "server/store/hosts.h"

static int
by_id(const void *a, const void *b)
{
	const struct host *x = a, *y = b;

	return strcmp(x->host_id, y->host_id);
}

static void
sort_and_thin(struct host_list *l)
{
	size_t i, n = 0;

	qsort(l->h, l->n, sizeof(*l->h), by_id);
	for (i = 0; i < l->n; i++)
		if (n == 0 || by_id(&l->h[i], &l->h[n - 1]) != 0) {
			if (i != n)
				l->h[n] = l->h[i];
			n++;
		}
	l->n = n;
}

/*
 * NAMES (names or ids) to hosts.  ERR_NOENT and *MISSING for one that does
 * not exist; then, as on every failure, L is untouched.
 */
int
host_list_resolve(struct db *db, const char *const *names, size_t n,
    struct host_list *l, const char **missing)
{
	struct host_list got = {NULL, 0};
	int rc = 0;

	got.h = calloc(n > 0 ? n : 1, sizeof(*got.h));
	if (got.h == NULL)
		return ERR_NOMEM;
	for (; rc == 0 && got.n < n; got.n++) {
		rc = hosts_get(db, names[got.n], &got.h[got.n]);
		if (rc == ERR_NOENT)
			*missing = names[got.n];
	}
	if (rc != 0) {
		host_list_done(&got);
		return rc;
	}
	sort_and_thin(&got);
	*l = got;
	return 0;
}

struct ids {
	char (*id)[ID_MAX];
	size_t n;
};

static int
add_id(void *arg, const char *host_id, const char *order_id)
{
	struct ids *ids = arg;

	(void)order_id;
	if (ids->n == PLAN_HOSTS_MAX)
		return ERR_LIMIT;
	snprintf(ids->id[ids->n++], ID_MAX, "%s", host_id);
	return 0;
}

int
host_list_of_plan(struct db *db, const char *plan_id, struct host_list *l)
{
	struct ids ids = {NULL, 0};
	const char **name = NULL, *missing;
	size_t i;
	int rc = ERR_NOMEM;

	ids.id = calloc(PLAN_HOSTS_MAX, ID_MAX);
	name = calloc(PLAN_HOSTS_MAX, sizeof(*name));
	if (ids.id == NULL || name == NULL)
		goto done;
	rc = plan_hosts_each(db, plan_id, add_id, &ids);
	if (rc != 0)
		goto done;
	for (i = 0; i < ids.n; i++)
		name[i] = ids.id[i];
	rc = host_list_resolve(db, name, ids.n, l, &missing);
done:
	free(ids.id);
	free(name);
	return rc;
}

void
host_list_done(struct host_list *l)
{
	free(l->h);
	l->h = NULL;
	l->n = 0;
}

bool
host_list_has(const struct host_list *l, const char *host_id)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(l->h[mid].host_id, host_id);

		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

const char *
host_list_only(const struct host_list *l)
{
	return l->n == 1 ? l->h[0].name : NULL;
}

char *
host_list_text(char *out, size_t size, const struct host_list *l)
{
	size_t at = 0, i;
	const size_t room = NAME_MAX_LEN + 32; /* one name and the count */

	out[0] = '\0';
	for (i = 0; i < l->n; i++) {
		if (at + room >= size) {
			snprintf(out + at, size - at, " and %zu more",
			    l->n - i);
			break;
		}
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i > 0 ? ", " : "", l->h[i].name);
	}
	return out;
}
