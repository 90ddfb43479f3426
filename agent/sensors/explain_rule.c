/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rule of explanation, apart from where its facts come from.  Nothing
 * here reads the host.
 */
#include <string.h>
#include <sys/stat.h>

#include "agent/sensors/effects.h"
#include "agent/sensors/explain.h"

#define SETID (S_ISUID | S_ISGID)

static enum explain_verdict
say(struct explanation *out, enum explain_verdict verdict, const char *word)
{
	out->verdict = verdict;
	out->word = word;
	return verdict;
}

static bool
has_sum(const struct packages_file *f)
{
	return f->sum != NULL;
}

/* Does the content (or target) of NOW equal what F says? */
static bool
same_content(const struct packages_file *f, const struct entry *now,
    const uint8_t *md5)
{
	if (PACKAGES_WHOLE(f->say)) {
		if (f->type == 'd')
			return S_ISDIR(now->mode);
		if (f->type == 'l' ? !S_ISLNK(now->mode) :
		    !S_ISREG(now->mode))
			return false;
		return !(now->flags & (ENTRY_PARTIAL | ENTRY_UNREAD)) &&
		    memcmp(f->sum, now->sha256, DIGEST_LEN) == 0;
	}
	if (f->say == PACKAGES_LISTED || !S_ISREG(now->mode))
		return false;
	return md5 != NULL && memcmp(f->sum, md5, 16) == 0;
}

/* Attributes that no package brings: capabilities, ACLs, chattr. */
static bool
extra_attributes(const struct entry *old, const struct entry *now)
{
	const uint16_t lasting = ENTRY_IMMUTABLE | ENTRY_APPEND;

	if (old == NULL || (old->mode & S_IFMT) != (now->mode & S_IFMT))
		return now->xattr != 0 || (now->flags & lasting) != 0;
	return now->xattr != old->xattr ||
	    (now->flags & lasting) != (old->flags & lasting);
}

/* A name that this host does not know says nothing. */
static bool
is_owner(uint32_t want, uint32_t is)
{
	return want == is || want == PACKAGES_NOBODY;
}

static bool
same_rights(const struct packages_file *f, const struct explain_facts *facts,
    const struct change_of *c)
{
	uint32_t mode = c->now->mode & 07777;

	if (extra_attributes(c->old, c->now))
		return false;
	if (S_ISLNK(c->now->mode))
		return true;
	if (facts->override)
		return mode == facts->override_mode;
	if (PACKAGES_WHOLE(f->say))
		return mode == f->mode && is_owner(f->uid, c->now->uid) &&
		    is_owner(f->gid, c->now->gid);
	/* The weak lists say nothing of modes. */
	return (mode & SETID) == 0 || (c->old != NULL &&
	    (c->old->mode & SETID) == (mode & SETID));
}

static enum explain_verdict
content_is_theirs(const struct packages_file *f,
    const struct explain_facts *facts, enum change kind,
    const struct change_of *c, struct explanation *out)
{
	bool rights = same_rights(f, facts, c), rpm = f->say == PACKAGES_RPM;

	if (f->say >= PACKAGES_SHA256 && rights)
		return say(out, EXPLAIN_SILENT, f->say == PACKAGES_SIGNED ?
		    "equal to the package by the collector's signed list "
		    "(SHA-256)" :
		    "equal to the package by a list on this host (SHA-256)");
	if (facts->role != TXN_NONE && f->say < PACKAGES_SHA256 && rights)
		return say(out, EXPLAIN_SILENT, rpm ?
		    "equal to rpm's database (SHA-256), written by the "
		    "package manager" :
		    "equal to dpkg's list (MD5), written by dpkg");
	if (facts->role != TXN_NONE)
		return say(out, EXPLAIN_QUIET,
		    "content of the package, with other rights, by the "
		    "package manager");
	if (!facts->seen && rights && kind != CHANGE_META)
		return say(out, EXPLAIN_QUIET, rpm ?
		    "equal to rpm's database (SHA-256), which lies on this "
		    "host; nobody saw who wrote it" :
		    "equal to dpkg's list (MD5), which lies on this host; "
		    "nobody saw who wrote it");
	return say(out, EXPLAIN_PLAIN, kind == CHANGE_META || !rights ?
	    "content of the package, with other rights" : rpm ?
	    "equal to rpm's database (SHA-256), which lies on this host, but "
	    "not written by rpm" :
	    "equal to dpkg's list (MD5), which lies on this host, but not "
	    "written by dpkg");
}

/* A claim with a digest that the content does not meet. */
static enum explain_verdict
content_is_not(const struct packages_file *f,
    const struct explain_facts *facts, enum change kind,
    const struct change_of *c, struct explanation *out)
{
	if (f->conffile)
		return say(out, facts->role == TXN_NONE ? EXPLAIN_PLAIN :
		    EXPLAIN_QUIET, "a conffile, not as shipped");
	if (kind == CHANGE_META || (c->old != NULL &&
	    entry_same_content(c->old, c->now)))
		return say(out, EXPLAIN_PLAIN,
		    "was not what the package holds before either");
	return say(out, EXPLAIN_LOUD, f->say == PACKAGES_SIGNED ?
	    "not what the package holds by the collector's signed list "
	    "(SHA-256)" : f->say == PACKAGES_SHA256 ?
	    "not what the package holds (SHA-256)" :
	    f->say == PACKAGES_RPM ?
	    "not what rpm's database says (SHA-256)" :
	    "not what dpkg's list says (MD5)");
}

/* Nobody claims it with a digest; it was made or changed within dpkg. */
static enum explain_verdict
by_transaction(enum change kind, const struct change_of *c,
    const struct explain_facts *facts, struct explanation *out)
{
	const char *tool;

	if (facts->role == TXN_NONE)
		return say(out, EXPLAIN_PLAIN, NULL);
	if (kind == CHANGE_SETUID || kind == CHANGE_CAPABLE)
		return say(out, EXPLAIN_QUIET,
		    "rights given within a package transaction");
	if (facts->files > 0 && facts->role == TXN_DPKG &&
	    !extra_attributes(c->old, c->now))
		return say(out, EXPLAIN_SILENT, "a path of the package "
		    "without a sum, written by dpkg");
	if (effects_generated(c->path, c->now, &tool))
		return say(out, EXPLAIN_SILENT,
		    "made from other files within a package transaction");
	if (effects_sensitive(c->path))
		return say(out, EXPLAIN_PLAIN,
		    "by a maintainer script, in a place that matters");
	return say(out, EXPLAIN_QUIET, "by a maintainer script");
}

static enum explain_verdict
is_gone(const struct change_of *c, const struct explain_facts *facts,
    struct explanation *out)
{
	const char *tool;

	if (facts->role == TXN_NONE)
		return say(out, EXPLAIN_PLAIN, facts->files > 0 ?
		    "belongs to an installed package" : NULL);
	if (facts->files == 0 && facts->role == TXN_DPKG)
		return say(out, EXPLAIN_SILENT, "removed by dpkg");
	if (effects_generated(c->path, NULL, &tool))
		return say(out, EXPLAIN_SILENT,
		    "made from other files within a package transaction");
	return say(out, EXPLAIN_QUIET, "removed by a maintainer script");
}

enum explain_verdict
explain_rule(enum change kind, const struct change_of *c,
    const struct explain_facts *f, struct explanation *out)
{
	const struct packages_file *foreign = NULL;
	size_t i;

	out->package = f->files > 0 ? f->file[0].package : NULL;
	if (c->now == NULL)
		return is_gone(c, f, out);
	if (kind == CHANGE_TIMES && f->role == TXN_NONE)
		return say(out, EXPLAIN_PLAIN, NULL);
	for (i = 0; i < f->files; i++) {
		if (!has_sum(&f->file[i]) && f->file[i].type != 'd')
			continue;
		if (same_content(&f->file[i], c->now, f->md5)) {
			out->package = f->file[i].package;
			return content_is_theirs(&f->file[i], f, kind, c,
			    out);
		}
		/* A folder in place of a file, and the other way round. */
		foreign = &f->file[i];
	}
	if (foreign != NULL && (S_ISREG(c->now->mode) ||
	    S_ISLNK(c->now->mode))) {
		out->package = foreign->package;
		if (f->md5 != NULL || !S_ISREG(c->now->mode) ||
		    PACKAGES_WHOLE(foreign->say))
			return content_is_not(foreign, f, kind, c, out);
		return say(out, EXPLAIN_PLAIN, "could not be compared");
	}
	return by_transaction(kind, c, f, out);
}
