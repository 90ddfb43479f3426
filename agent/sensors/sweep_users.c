/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sweep over the facts of accounts and groups.  On a job thread of the
 * sensors process.  What the facts keep of a password stays here: said is
 * only whether one is set and of which kind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/held.h"
#include "agent/sensors/sweep_int.h"
#include "agent/state/look.h"
#include "common/base/buf.h"
#include "common/base/text.h"

#define LINE_ROOM 2048 /* a field that does not fit is left out */

static uint32_t
number_of(const char *value, const char *field)
{
	char text[LOOK_FIELD_MAX];

	look_field(value, field, text, sizeof(text));
	return (uint32_t)strtoul(text, NULL, 10);
}

/* "password=set/yescrypt"; nothing when the facts do not tell. */
static void
add_password(const struct facts *accounts, const char *name,
    struct buf *line)
{
	char key[FACT_KEY_MAX], state[LOOK_FIELD_MAX], kind[LOOK_FIELD_MAX];
	const char *value;

	snprintf(key, sizeof(key), "password %s", name);
	value = facts_get(accounts, key);
	if (value == NULL)
		return;
	look_field(value, "state", state, sizeof(state));
	look_field(value, "kind", kind, sizeof(kind));
	buf_printf(line, " password=%s/%s", state, kind);
}

/* "groups=sudo,docker"; the facts have "member GROUP USER". */
static void
add_groups(const struct facts *groups, const char *name, struct buf *line)
{
	size_t i, count = groups != NULL ? facts_count(groups) : 0;
	const char *group, *user, *before = " groups=";

	for (i = 0; i < count; i++) {
		group = look_behind(facts_key(groups, i), "member ");
		user = group != NULL ? strchr(group, ' ') : NULL;
		if (user == NULL || strcmp(user + 1, name) != 0)
			continue;
		buf_printf(line, "%s%.*s", before, (int)(user - group),
		    group);
		before = ",";
	}
}

static void
add_user(struct sweep *s, const struct facts *accounts,
    const struct facts *groups, const char *name, const char *value)
{
	char home[LOOK_FIELD_MAX], shell[LOOK_FIELD_MAX];
	struct sweep_row *row = sweep_add(s);
	struct buf line;

	if (row == NULL)
		return;
	look_field(value, "home", home, sizeof(home));
	look_field(value, "shell", shell, sizeof(shell));
	buf_init(&line, LINE_ROOM);
	buf_printf(&line, "home=%s shell=%s", home, shell);
	add_password(accounts, name, &line);
	add_groups(groups, name, &line);
	row->msg.object = sweep_quote(s, name);
	row->msg.line = sweep_quote(s, buf_str(&line) != NULL ?
	    buf_str(&line) : "");
	buf_done(&line);
	row->msg.uid = number_of(value, "uid");
	row->msg.gid = number_of(value, "gid");
}

void
sweep_users(struct sweep *s)
{
	const struct facts *accounts, *groups;
	const char *name, *value, *want = s->ask->text;
	int64_t uid = -1, read_ms = 0;
	size_t i;

	(void)text_number(want, 0, UINT32_MAX, &uid);
	held_facts_begin(s->env->held);
	accounts = held_facts(s->env->held, "accounts", &s->answer.looked_ms);
	groups = held_facts(s->env->held, "groups", &read_ms);
	if (accounts == NULL)
		sweep_cannot(s, "the accounts of this host were not read "
		    "yet, or [state] leave_out names them");
	for (i = 0; accounts != NULL && i < facts_count(accounts); i++) {
		name = look_behind(facts_key(accounts, i), "account ");
		if (name == NULL)
			continue;
		s->answer.looked++;
		value = facts_value(accounts, i);
		if (text_glob(want, name) || number_of(value, "uid") == uid)
			add_user(s, accounts, groups, name, value);
	}
	held_facts_done(s->env->held);
}

char *
sweep_owner(struct sweep *s, uint32_t uid)
{
	const struct facts *accounts;
	char *owner = (char *)(uintptr_t)"";
	const char *name;
	int64_t read_ms;
	size_t i;

	/* Rows of one question have few owners. */
	for (i = 0; i < s->answer.n_rows; i++)
		if (s->row[i].msg.uid == uid && s->row[i].msg.owner[0] !=
		    '\0')
			return s->row[i].msg.owner;
	held_facts_begin(s->env->held);
	accounts = held_facts(s->env->held, "accounts", &read_ms);
	for (i = 0; accounts != NULL && i < facts_count(accounts); i++) {
		name = look_behind(facts_key(accounts, i), "account ");
		if (name == NULL || number_of(facts_value(accounts, i),
		    "uid") != uid)
			continue;
		owner = sweep_quote(s, name);
		break;
	}
	held_facts_done(s->env->held);
	return owner;
}
