/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Others at work: devices and routes that change, programs that touch our
 * rules or theirs.  Runs in the enforcer, and trusts none of them.
 */
#include "agent/enforcer/isolation_int.h"

#include <stdio.h>
#include <string.h>

#include "agent/enforcer/foreign.h"
#include "common/base/log.h"

/* -- their rules --------------------------------------------------------- */

void
isolation_take_picture(struct isolation *i)
{
	struct why why;

	if (i->disk.current.profile != OPEN)
		return;
	buf_clear(&i->picture);
	i->pictured = cage_foreign(i->cage, &i->picture, &why) == 0;
	if (!i->pictured)
		log_warn("%s", why.text);
}

void
isolation_keep_picture(struct isolation *i)
{
	struct why why;

	if (i->pictured &&
	    foreign_save(i->config.state_dir, &i->picture, &why) != 0)
		log_warn("picture of the other rules not stored: %s",
		    why.text);
}

int
isolation_foreign(struct isolation *i, char *out, size_t size,
    struct why *why)
{
	struct buf now;
	int rc;

	if (!i->pictured)
		return why_set(why, ERR_NOENT,
		    "no picture of the other rules was taken");
	buf_init(&now, FOREIGN_MAX);
	rc = cage_foreign(i->cage, &now, why);
	if (rc == 0)
		foreign_compare(&i->picture, &now, out, size);
	buf_done(&now);
	return rc;
}

/* -- devices and routes -------------------------------------------------- */

void
isolation_tell_diverted(struct isolation *i, const char *text)
{
	if (!cage_closed(i->cage))
		text = "";
	if (strcmp(text, i->diverted) != 0 && text[0] != '\0')
		i->calls->diverted(i->arg, text);
	snprintf(i->diverted, sizeof(i->diverted), "%s", text);
}

void
isolation_ground(struct isolation *i)
{
	char text[GROUND_TEXT_MAX];
	bool changed;
	struct why why;
	int rc;

	if (i->blind)
		return;
	rc = cage_follow(i->cage, &changed, text, &why);
	if (rc != 0) {
		log_error("following devices and routes: %s", why.text);
		isolation_settle(i, false);
		return;
	}
	if (!cage_closed(i->cage))
		return;
	isolation_tell_diverted(i, text);
	if (changed)
		i->calls->changed(i->arg);
}

/* -- our rules ----------------------------------------------------------- */

/* Somebody changed our tables: count, repair, tell. */
static int
mend(struct isolation *i, const struct watch_who *who, const char *diff)
{
	struct why why = {""};
	int rc;

	rc = cage_repair(i->cage, &why);
	i->disk.tampers++;
	i->unsaved = true;
	if (rc != 0)
		log_error("rules touched and not repaired: %s", why.text);
	i->calls->tamper(i->arg, who, diff, rc == 0);
	isolation_settle(i, rc == 0);
	isolation_answered(i);
	return rc;
}

void
isolation_ruleset_touched(struct isolation *i, const struct watch_who *who)
{
	char diff[256] = "";
	struct why why;

	if (i->blind)
		return;
	if (cage_verify(i->cage, diff, sizeof(diff), &why) != ERR_BADSTATE) {
		if (cage_closed(i->cage) && who->pid != 0)
			i->calls->others(i->arg, who);
		return;
	}
	mend(i, who, diff);
	i->calls->changed(i->arg);
}

int
isolation_check(struct isolation *i, struct why *why)
{
	static const struct watch_who nobody;
	char diff[256] = "";
	int rc;

	if (i->blind)
		return why_set(why, ERR_BADSTATE, "what is on disk could not be "
		    "believed; the rules found are kept");
	rc = cage_verify(i->cage, diff, sizeof(diff), why);
	if (rc == ERR_BADSTATE) {
		why_set(why, ERR_BADSTATE, "rules differed: %s", diff);
		rc = mend(i, &nobody, diff);
	}
	return rc;
}
