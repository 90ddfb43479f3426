/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From two entries to a signal.  Runs on the files sensor's thread.
 */
#include "agent/sensors/judge.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/own.h"
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

enum change
change_kind(const struct entry *old, const struct entry *now)
{
	if (now == NULL)
		return old == NULL ? CHANGE_NONE : CHANGE_DELETED;
	if (gained_setid(old, now))
		return CHANGE_SETUID;
	if (old == NULL)
		return CHANGE_CREATED;
	if (!entry_same_content(old, now))
		return CHANGE_CONTENT;
	return entry_same_meta(old, now) ? CHANGE_NONE : CHANGE_META;
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
	const char *sha, *size, *mode, *owner, *xattr;
};

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
}

static void
tell(struct outbox *out, const char *kind, const struct change_of *c)
{
	static const struct evidence_keys old_keys = {"sha256.old",
	    "size.old", "mode.old", "owner.old", "xattr.old"};
	static const struct evidence_keys new_keys = {"sha256.new",
	    "size.new", "mode.new", "owner.new", "xattr.new"};
	struct emit_signal s;

	emit_init(&s, kind, c->path);
	s.who = c->who;
	s.cause_id = c->cause_id;
	add_entry(&s, &old_keys, c->old);
	add_entry(&s, &new_keys, c->now);
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

int
judge(struct baseline *b, struct outbox *out, const struct roots *roots,
    enum change kind, const struct change_of *c)
{
	const char *signal = change_signal(kind);

	if (signal != NULL && roots_is_own(roots, c->path)) {
		signal = "agent.self-changed";
		if (c->now != NULL && own_explained(c->path,
		    OWN_PACKAGE_LIST))
			signal = NULL;
	}
	if (signal != NULL)
		tell(out, signal, c);
	remember(b, kind, c);
	return signal != NULL;
}
