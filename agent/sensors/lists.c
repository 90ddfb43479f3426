/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fetching lists of packages.  In the sensors process; they come through
 * the network process, so nothing but the signature makes one good, and it
 * is looked at again by whoever uses the list.
 */
#include "agent/sensors/lists.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/packages/packages.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/pack.h"
#include "common/wire/package_list.h"

struct lists {
	const Cordon__Settings *s;
	struct outbox *out;
	char folder[PATH_LEN];
	bool served;	  /* this collector has some */
	char **name;	  /* of all packages here, owned; the round's */
	size_t n, max;
	size_t at;	  /* the next to ask about */
	char **want;	  /* of the last question, owned: to fetch */
	size_t nwant, got; /* the one that is fetched is want[got] */
	struct buf data;  /* of it: room for the signature, then pieces */
	uint32_t next;	  /* its piece that is wanted */
	bool asking;	  /* an answer is waited for */
	int64_t asked_ms, round_ms; /* boot */
	size_t fetched;
};

int
lists_folder(const Cordon__Settings *s, char out[PATH_LEN])
{
	return snprintf(out, PATH_LEN, "%s/lists", s->state_dir) < PATH_LEN ?
	    0 : ERR_LIMIT;
}

struct lists *
lists_new(const Cordon__Settings *s, struct outbox *out)
{
	struct lists *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->s = s;
	l->out = out;
	buf_init(&l->data, PACKAGE_LIST_MAX + PACKAGES_SIG_LEN);
	if (lists_folder(s, l->folder) != 0)
		lists_free(&l);
	return l;
}

static void
names_free(char ***name, size_t *n)
{
	while (*n > 0)
		free((*name)[--*n]);
	free(*name);
	*name = NULL;
}

static void
end_round(struct lists *l)
{
	names_free(&l->name, &l->n);
	names_free(&l->want, &l->nwant);
	l->max = l->at = l->got = 0;
	l->asking = false;
	buf_done(&l->data);
	buf_init(&l->data, PACKAGE_LIST_MAX + PACKAGES_SIG_LEN);
}

void
lists_free(struct lists **lp)
{
	if (*lp == NULL)
		return;
	end_round(*lp);
	buf_done(&(*lp)->data);
	free(*lp);
	*lp = NULL;
}

bool
lists_waiting(const struct lists *l)
{
	return l->served;
}

/* -- a round ---------------------------- */

static int
add_name(void *arg, const char *list)
{
	struct lists *l = arg;
	char **more;
	size_t max;

	if (l->n == l->max) {
		max = l->max == 0 ? 256 : l->max * 2;
		more = l->n >= LISTS_MAX ? NULL :
		    realloc(l->name, max * sizeof(*more));
		if (more == NULL)
			return ERR_LIMIT;
		l->name = more;
		l->max = max;
	}
	l->name[l->n] = strdup(list);
	return l->name[l->n++] != NULL ? 0 : ERR_NOMEM;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists of packages that are gone, and what a write left behind. */
static void
sweep(const struct lists *l)
{
	char path[PATH_LEN];
	const struct dirent *de;
	DIR *d = opendir(l->folder);

	while (d != NULL && (de = readdir(d)) != NULL) {
		const char *name = de->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    bsearch(&name, l->name, l->n, sizeof(*l->name),
		    by_name) != NULL)
			continue;
		if (path_join(path, l->folder, name) == 0)
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
}

static bool
is_here(const struct lists *l, const char *name)
{
	char path[PATH_LEN];

	return path_join(path, l->folder, name) == 0 && file_exists(path);
}

static void
send(struct lists *l, uint32_t generation, const Cordon__ListAsk *ask)
{
	struct buf b;

	buf_init(&b, 64 * 1024);
	if (pack(&ask->base, &b) == 0)
		(void)outbox_bulk(l->out, generation, IPC_LIST_ASK, b.data,
		    b.len);
	buf_done(&b);
	l->asked_ms = clock_boot_ms();
}

/* Ask about the next ones that are not here; false: none is left. */
static bool
ask_next(struct lists *l, uint32_t generation)
{
	Cordon__ListAsk ask = CORDON__LIST_ASK__INIT;
	char *names[PACKAGE_LISTS_ASK_MAX];

	ask.names = names;
	for (; l->at < l->n && ask.n_names < PACKAGE_LISTS_ASK_MAX; l->at++)
		if (package_list_name(l->name[l->at]) &&
		    !is_here(l, l->name[l->at]))
			names[ask.n_names++] = l->name[l->at];
	if (ask.n_names == 0)
		return false;
	l->asking = true;
	send(l, generation, &ask);
	return true;
}

static void
ask_piece(struct lists *l, uint32_t generation)
{
	Cordon__ListAsk ask = CORDON__LIST_ASK__INIT;

	ask.name = l->want[l->got];
	ask.sequence = l->next;
	send(l, generation, &ask);
}

/* The next of what is wanted, else the next question, else the end. */
static void
go_on(struct lists *l, uint32_t generation)
{
	static const uint8_t room[PACKAGES_SIG_LEN];

	if (l->got < l->nwant) {
		buf_clear(&l->data);
		l->next = 0;
		(void)buf_add(&l->data, room, sizeof(room));
		ask_piece(l, generation);
		return;
	}
	names_free(&l->want, &l->nwant);
	l->got = 0;
	if (ask_next(l, generation))
		return;
	if (l->fetched > 0)
		log_info("%zu lists of packages came from the collector",
		    l->fetched);
	end_round(l);
}

static void
begin(struct lists *l, uint32_t generation)
{
	const struct packages_from from = {.dpkg = l->s->package_database,
	    .rpm = l->s->rpm_database};
	struct why why;

	end_round(l);
	l->fetched = 0;
	l->round_ms = clock_boot_ms();
	if (packages_each(&from, add_name, l, &why) != 0 ||
	    (mkdir(l->folder, 0700) != 0 && errno != EEXIST &&
	    why_sys(&why, ERR_IO, "%s", l->folder) != 0)) {
		log_warn("lists of packages: %s", why.text);
		end_round(l);
		return;
	}
	qsort(l->name, l->n, sizeof(*l->name), by_name);
	sweep(l);
	go_on(l, generation);
}

/* -- answers ---------------------------- */

void
lists_have(struct lists *l, uint32_t generation,
    const Cordon__ListHave *have)
{
	size_t i;

	if (have->ask) {
		l->served = true;
		begin(l, generation);
	}
	if (have->ask || !l->asking)
		return;
	l->asking = false;
	l->want = calloc(have->n_names + 1, sizeof(*l->want));
	for (i = 0; l->want != NULL && i < have->n_names; i++) {
		const char *name = have->names[i];

		if (bsearch(&name, l->name, l->n, sizeof(*l->name),
		    by_name) == NULL)
			continue; /* nobody asked for it */
		l->want[l->nwant] = strdup(name);
		l->nwant += l->want[l->nwant] != NULL;
	}
	go_on(l, generation);
}

static void
keep(struct lists *l, const Cordon__ListPart *part)
{
	char path[PATH_LEN];
	struct why why;

	if (part->signature.len != PACKAGES_SIG_LEN ||
	    l->s->order_key.len != SIGN_KEY_LEN ||
	    !package_list_good(l->s->order_key.data, l->data.data +
	    PACKAGES_SIG_LEN, l->data.len - PACKAGES_SIG_LEN,
	    part->signature.data)) {
		log_warn("list %s: the signature is not by the order key",
		    part->name);
		return;
	}
	memcpy(l->data.data, part->signature.data, PACKAGES_SIG_LEN);
	if (path_join(path, l->folder, part->name) != 0 ||
	    file_write(path, l->data.data, l->data.len, 0600, &why) != 0)
		log_warn("list %s could not be kept", part->name);
	else
		l->fetched++;
}

void
lists_part(struct lists *l, uint32_t generation,
    const Cordon__ListPart *part)
{
	bool bad;

	if (l->asking || l->got >= l->nwant || part->sequence != l->next ||
	    strcmp(part->name, l->want[l->got]) != 0)
		return;
	bad = part->data.len == 0 || part->data.len > PACKAGE_LIST_PART ||
	    (!part->last && part->data.len != PACKAGE_LIST_PART) ||
	    buf_add(&l->data, part->data.data, part->data.len) != 0;
	if (!bad && !part->last) {
		l->next++;
		ask_piece(l, generation);
		return;
	}
	if (!bad)
		keep(l, part);
	l->got++;
	go_on(l, generation);
}

void
lists_tick(struct lists *l, uint32_t generation)
{
	int64_t now = clock_boot_ms();

	if (!l->served)
		return;
	/* No answer: what was asked is lost with the line; begin anew. */
	if (l->n > 0 ? now - l->asked_ms > LISTS_SILENT_MS :
	    now - l->round_ms > LISTS_AGAIN_MS)
		begin(l, generation);
}
