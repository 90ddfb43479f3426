/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From two entries to a signal.  Runs on the files sensor's thread.
 */
#include "agent/sensors/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sensors/effects.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/explain.h"
#include "agent/sensors/own.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"

#define SETID (S_ISUID | S_ISGID)

/* A set-gid folder only hands its group on; it gives nobody rights. */
static bool
gained_setid(const struct entry *old, const struct entry *now)
{
	unsigned int before = old == NULL ? 0 : old->mode & SETID;

	return S_ISREG(now->mode) && (now->mode & SETID & ~before) != 0;
}

/*
 * Set back while inode and content stayed: no copy, no restore, and no
 * editor does that.
 */
static bool
set_back(const struct entry *old, const struct entry *now)
{
	return S_ISREG(now->mode) && old->ino == now->ino &&
	    now->mtime_ns < old->mtime_ns;
}

enum change
change_kind(const struct entry *old, const struct entry *now)
{
	if (now == NULL)
		return old == NULL ? CHANGE_NONE : CHANGE_DELETED;
	if (gained_setid(old, now))
		return CHANGE_SETUID;
	if ((now->flags & ENTRY_CAPABLE) &&
	    (old == NULL || !(old->flags & ENTRY_CAPABLE)))
		return CHANGE_CAPABLE;
	if (old == NULL)
		return CHANGE_CREATED;
	if (!entry_same_content(old, now))
		return CHANGE_CONTENT;
	if (!entry_same_meta(old, now))
		return CHANGE_META;
	return set_back(old, now) ? CHANGE_TIMES : CHANGE_NONE;
}

const char *
change_signal(enum change kind)
{
	switch (kind) {
	case CHANGE_CREATED:
		return "files.created";
	case CHANGE_CONTENT:
		return "files.changed";
	case CHANGE_META:
		return "files.attributes";
	case CHANGE_SETUID:
		return "files.setuid";
	case CHANGE_CAPABLE:
		return "files.capability";
	case CHANGE_TIMES:
		return "files.timestomp";
	case CHANGE_DELETED:
		return "files.deleted";
	case CHANGE_MOVED:
		return "files.moved";
	case CHANGE_NONE:
		break;
	}
	return NULL;
}

struct evidence_keys {
	const char *sha, *size, *mode, *owner, *xattr, *flags;
};

/* What chattr and links do to a file, in words. */
static void
add_flags(struct emit_signal *s, const char *key, uint16_t flags)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s",
	    flags & ENTRY_IMMUTABLE ? " immutable" : "",
	    flags & ENTRY_APPEND ? " append-only" : "",
	    flags & ENTRY_CAPABLE ? " capabilities" : "",
	    flags & ENTRY_LINKED ? " linked" : "");
	if (text[0] != '\0')
		emit_add(s, key, text + 1);
}

static void
add_entry(struct emit_signal *s, const struct evidence_keys *k,
    const struct entry *e)
{
	char hex[DIGEST_HEX_MAX];

	if (e == NULL)
		return;
	if (S_ISREG(e->mode) || S_ISLNK(e->mode)) {
		emit_add(s, k->sha, e->flags & ENTRY_UNREAD ? "unreadable" :
		    hex_encode(hex, e->sha256, DIGEST_LEN));
		emit_addf(s, k->size, "%" PRIu64, e->size);
	}
	emit_addf(s, k->mode, "%06o", (unsigned int)e->mode);
	emit_addf(s, k->owner, "%u:%u", e->uid, e->gid);
	if (e->xattr != 0)
		emit_addf(s, k->xattr, "%016" PRIx64, e->xattr);
	add_flags(s, k->flags, e->flags);
}

static void
add_times(struct emit_signal *s, const struct change_of *c)
{
	char text[CLOCK_TEXT_MAX];

	if (c->old == NULL || c->now == NULL || !set_back(c->old, c->now))
		return;
	emit_add(s, "time.old", clock_format(text,
	    c->old->mtime_ns / 1000000, true));
	emit_add(s, "time.new", clock_format(text,
	    c->now->mtime_ns / 1000000, true));
}

static void
add_explanation(struct emit_signal *s, const struct explanation *ex)
{
	if (ex->package != NULL)
		emit_add(s, "package", ex->package);
	if (ex->word != NULL)
		emit_add(s, "package.says", ex->word);
}

/*
 * Low for what a transaction did, but new set-uid programs and capabilities
 * are told to people; a package's program that was replaced is worst.
 */
static Cordon__Severity
severity_of(const struct change_of *c, const struct explanation *ex)
{
	bool rights = c->now != NULL && (gained_setid(c->old, c->now) ||
	    (c->now->flags & ENTRY_CAPABLE));

	if (ex->verdict == EXPLAIN_QUIET)
		return rights ? CORDON__SEVERITY__SEVERITY_MEDIUM :
				CORDON__SEVERITY__SEVERITY_LOW;
	if (ex->verdict == EXPLAIN_LOUD && c->now != NULL &&
	    (c->now->mode & 0111))
		return CORDON__SEVERITY__SEVERITY_CRITICAL;
	return CORDON__SEVERITY__SEVERITY_NONE; /* the kind's own */
}

static void
tell(struct outbox *out, const char *kind, const struct change_of *c,
    const struct explanation *ex)
{
	static const struct evidence_keys old_keys = {"sha256.old",
	    "size.old", "mode.old", "owner.old", "xattr.old", "flags.old"};
	static const struct evidence_keys new_keys = {"sha256.new",
	    "size.new", "mode.new", "owner.new", "xattr.new", "flags.new"};
	struct emit_signal s;

	emit_init(&s, kind, c->path);
	s.who = c->who;
	s.cause_id = ex->cause != NULL ? ex->cause : c->cause_id;
	s.severity = severity_of(c, ex);
	add_explanation(&s, ex);
	add_entry(&s, &old_keys, c->old);
	add_entry(&s, &new_keys, c->now);
	add_times(&s, c);
	if (c->from != NULL)
		emit_add(&s, "path.old", c->from);
	if (c->events > 0)
		emit_addf(&s, "events", "%u", c->events);
	else
		emit_add(&s, "found-by", "scan");
	if (c->writers > 1)
		emit_addf(&s, "writers", "%u", c->writers);
	emit_send(out, &s);
}

static void
remember(struct baseline *b, enum change kind, const struct change_of *c)
{
	/* Of a folder only mode and owner count, not its times. */
	if (kind == CHANGE_NONE && c->now != NULL && S_ISDIR(c->now->mode))
		return;
	if (baseline_put(b, c->path, c->now) != 0)
		log_error("baseline: out of memory");
}

/* What the explanation makes of the signal; NULL: none is told. */
static const char *
weigh(const char *signal, const struct explanation *ex)
{
	switch (ex->verdict) {
	case EXPLAIN_SILENT:
		return NULL;
	case EXPLAIN_LOUD:
		return "files.package-modified";
	case EXPLAIN_COPY:
		return "files.masquerade";
	case EXPLAIN_PLAIN:
	case EXPLAIN_QUIET:
		break;
	}
	return signal;
}

/* What the change itself means is told by the state sensor. */
static bool
is_account_copy(enum change kind, const struct change_of *c)
{
	return c->who != NULL && (c->who->real & 1) != 0 &&
	    (kind == CHANGE_CREATED || kind == CHANGE_CONTENT) &&
	    (c->now->mode & (SETID | S_IWOTH)) == 0 &&
	    effects_account_copy(c->path, c->who->program);
}

int
judge(struct baseline *b, struct outbox *out, const struct roots *roots,
    enum change kind, const struct change_of *c)
{
	const char *signal = change_signal(kind);
	struct explanation ex = {.verdict = EXPLAIN_PLAIN};

	if (signal != NULL && roots_is_own(roots, c->path)) {
		signal = "agent.self-changed";
		if (c->now != NULL && own_explained(c->path,
		    OWN_PACKAGE_LIST))
			signal = NULL;
	} else if (signal != NULL && c->explain != NULL) {
		explain_change(c->explain, kind, c, &ex);
		signal = weigh(signal, &ex);
	}
	if (signal != NULL && is_account_copy(kind, c))
		signal = NULL;
	if (signal != NULL)
		tell(out, signal, c, &ex);
	remember(b, kind, c);
	return signal != NULL;
}
