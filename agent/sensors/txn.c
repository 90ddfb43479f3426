/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is below dpkg or rpm.  Runs under the lock of explain.c.  A process may
 * call itself what it likes: only the kernel's word on its executable and
 * its parents counts.
 */
#include "agent/sensors/txn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/emit.h"
#include "common/base/clock.h"

#define ALIVE_MS 100   /* so long it is not asked again */
#define LINGER_MS 1500 /* events of a process that just ended still come */

/* What puts files in place itself, and runs the scripts. */
static const char *const unpackers[] = {
	"/usr/bin/dpkg",
	"/usr/bin/rpm",
	"/usr/bin/dnf5",
	"/usr/bin/microdnf",
	"/usr/libexec/packagekitd",
	NULL,
};

/* What runs those; dnf in Python is not told from other Python. */
static const char *const managers[] = {
	"/usr/bin/apt",
	"/usr/bin/apt-get",
	"/usr/bin/aptitude",
	"/usr/bin/aptitude-curses",
	"/usr/bin/zypper",
	NULL,
};

/* PROGRAM is PATH; one that upgraded itself runs from a deleted file. */
static bool
is_program(const char *program, const char *path)
{
	size_t n = strlen(path);

	return strncmp(program, path, n) == 0 &&
	    (program[n] == '\0' || strcmp(program + n, " (deleted)") == 0);
}

static bool
is_one_of(const char *program, const char *const *list)
{
	for (; *list != NULL; list++)
		if (is_program(program, *list))
			return true;
	return false;
}

/* Program number NR of WHO's line (0: itself); "" if it is not real. */
static const char *
program_at(const struct who *who, size_t nr)
{
	const char *text;

	if (!(who->real & 1u << nr))
		return "";
	if (nr == 0)
		return who->program;
	text = strchr(who->parent[nr - 1], ' ');
	return text == NULL ? "" : text + 1;
}

static pid_t
pid_at(const struct who *who, size_t nr)
{
	return nr == 0 ? who->pid : (pid_t)atoi(who->parent[nr - 1]);
}

int
txn_find(const struct who *who, int *outer)
{
	int dpkg = -1;
	size_t i;

	*outer = -1;
	for (i = 0; i <= who->parents; i++) {
		bool unpacks = is_one_of(program_at(who, i), unpackers);

		if (dpkg < 0 && unpacks)
			dpkg = (int)i;
		if (unpacks || is_one_of(program_at(who, i), managers))
			*outer = (int)i;
	}
	return dpkg;
}

/* Named exactly, or from a cache that knows when the process started. */
static bool
is_certain(const struct who *who)
{
	return who->grade == CORDON__GRADE__GRADE_EXACT ||
	    (who->grade == CORDON__GRADE__GRADE_CACHED && who->start != 0);
}

static struct txn *
open_one(struct txns *t, const struct who *who, int outer)
{
	struct who like = {.pid = pid_at(who, (size_t)outer)};
	struct txn *txn;
	size_t len;

	if (t->n == TXN_MAX)
		return NULL;
	txn = &t->txn[t->n++];
	memset(txn, 0, sizeof(*txn));
	txn->outer = like.pid;
	txn->outer_start = like.start = who_start(like.pid);
	txn->opened_ms = clock_boot_ms();
	who_cause_id(&like, txn->cause);
	snprintf(txn->manager, sizeof(txn->manager), "%s",
	    program_at(who, (size_t)outer));
	len = strcspn(txn->manager, " ");
	txn->manager[len] = '\0';
	txn->direct = is_one_of(txn->manager, unpackers);
	return txn;
}

bool
txn_below(const struct who *who)
{
	int outer;

	return who != NULL && is_certain(who) && txn_find(who, &outer) >= 0;
}

enum txn_role
txns_role(struct txns *t, const struct who *who, struct txn **out)
{
	struct txn *txn = NULL;
	pid_t pid;
	int dpkg, outer;
	unsigned int i;

	if (who == NULL || !is_certain(who))
		return TXN_NONE;
	dpkg = txn_find(who, &outer);
	if (dpkg < 0)
		return TXN_NONE;
	pid = pid_at(who, (size_t)outer);
	for (i = 0; i < t->n; i++)
		if (t->txn[i].outer == pid)
			txn = &t->txn[i];
	if (txn == NULL)
		txn = open_one(t, who, outer);
	if (txn == NULL)
		return TXN_NONE;
	if (txn->dpkg != pid_at(who, (size_t)dpkg)) {
		txn->dpkg = pid_at(who, (size_t)dpkg);
		txn->dpkg_start = who_start(txn->dpkg);
	}
	txn->last_ms = clock_boot_ms();
	*out = txn;
	return dpkg == 0 ? TXN_DPKG : TXN_SCRIPT;
}

static bool
lives(pid_t pid, uint64_t start)
{
	return start != 0 && who_start(pid) == start;
}

bool
txns_begin(struct txns *t, struct who_cache *c)
{
	const char *const *path;
	struct txn *txn;
	struct who *who;
	bool runs = false;

	for (path = unpackers; !runs && *path != NULL; path++) {
		who = who_find_named(c, 0, strrchr(*path, '/') + 1);
		runs = who != NULL && lives(who->pid, who->start) &&
		    txns_role(t, who, &txn) != TXN_NONE;
		who_unref(&who);
	}
	return runs;
}

bool
txn_loose(const struct who *who)
{
	if (who == NULL)
		return true;
	if (who->grade == CORDON__GRADE__GRADE_EXACT ||
	    who->parents == WHO_PARENTS_MAX)
		return false;
	return who->parents == 0 ||
	    atoi(who->parent[who->parents - 1]) != 1;
}

bool
txn_running(struct txn *txn)
{
	int64_t now = clock_boot_ms();

	if (now < txn->alive_ms + ALIVE_MS)
		return true;
	if (!lives(txn->outer, txn->outer_start) &&
	    !lives(txn->dpkg, txn->dpkg_start))
		return false;
	txn->alive_ms = now;
	return true;
}

bool
txns_running(struct txns *t, int64_t age_ms)
{
	int64_t now = clock_boot_ms();
	unsigned int i;

	for (i = 0; i < t->n; i++)
		if (now - t->txn[i].opened_ms < age_ms &&
		    txn_running(&t->txn[i]))
			return true;
	return false;
}

/* Does the list TEXT hold PACKAGE, between ", " and ", "? */
static bool
names(const char *text, const char *package)
{
	size_t n = strlen(package);
	const char *at = text;

	while ((at = strstr(at, package)) != NULL) {
		if ((at == text || at[-1] == ' ') &&
		    (at[n] == ',' || at[n] == '\0'))
			return true;
		at += n;
	}
	return false;
}

void
txn_package(struct txn *txn, const char *package)
{
	size_t len = strlen(txn->packages);

	if (names(txn->packages, package))
		return;
	if (len + strlen(package) + 3 > sizeof(txn->packages)) {
		txn->more++; /* an upper bound: they are not told apart */
		return;
	}
	snprintf(txn->packages + len, sizeof(txn->packages) - len, "%s%s",
	    len > 0 ? ", " : "", package);
}

static void
tell(const struct txn *txn, struct outbox *out)
{
	struct emit_signal s;

	emit_init(&s, "package.transaction", txn->manager);
	s.cause_id = txn->cause;
	if (txn->direct)
		s.severity = CORDON__SEVERITY__SEVERITY_LOW;
	emit_addf(&s, "explained", "%" PRIu64, txn->explained);
	emit_addf(&s, "removed", "%" PRIu64, txn->removed);
	emit_addf(&s, "generated", "%" PRIu64, txn->generated);
	emit_addf(&s, "by-scripts", "%" PRIu64, txn->scripts);
	if (txn->facts > 0)
		emit_addf(&s, "state", "%" PRIu64, txn->facts);
	emit_addf(&s, "seconds", "%" PRId64,
	    (txn->last_ms - txn->opened_ms + 999) / 1000);
	if (txn->packages[0] != '\0')
		emit_add(&s, "packages", txn->packages);
	if (txn->more > 0)
		emit_addf(&s, "files-of-more", "%" PRIu64, txn->more);
	if (txn->direct)
		emit_add(&s, "from", "a package file, not an archive");
	emit_send(out, &s);
}

void
txns_close(struct txns *t, struct outbox *out, bool all)
{
	int64_t now = clock_boot_ms();
	unsigned int i = 0;

	while (i < t->n) {
		struct txn *txn = &t->txn[i];

		if (!all && (now < txn->last_ms + LINGER_MS ||
		    txn_running(txn))) {
			i++;
			continue;
		}
		if (txn->explained + txn->removed + txn->generated +
		    txn->scripts + txn->facts > 0)
			tell(txn, out);
		*txn = t->txn[--t->n];
	}
}
