/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows and the answer of a sweep.  Runs on a job thread of the sensors
 * process.  The question is bounded, but a name in it is anybody's; names
 * of files, accounts and programs are the host's and go out quoted.
 */
#include "agent/sensors/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/sweep_int.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/pack.h"

#define KIND(x) CORDON__SWEEP_KIND__SWEEP_##x

struct sweep_row *
sweep_add(struct sweep *s)
{
	struct sweep_row *row;

	s->answer.total++;
	if (s->answer.n_rows == SWEEP_ROWS_MAX)
		return NULL;
	row = &s->row[s->answer.n_rows];
	cordon__sweep_row__init(&row->msg);
	s->answer.rows[s->answer.n_rows++] = &row->msg;
	return row;
}

char *
sweep_quote(struct sweep *s, const char *text)
{
	size_t len = strlen(text), size = 4 * len + 1;
	char *out;

	if (s->texts == SWEEP_TEXTS_MAX)
		return (char *)(uintptr_t)"";
	if (size > SWEEP_TEXT_MAX)
		size = SWEEP_TEXT_MAX;
	out = malloc(size);
	if (out == NULL)
		return (char *)(uintptr_t)"";
	s->text[s->texts++] = out;
	return log_quote(out, size, text, len);
}

void
sweep_cannot(struct sweep *s, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	s->answer.why = s->why;
}

static int
tell(struct sweep *s, struct buf *out)
{
	/* Half the rows at a time: a size costs a walk over all of them. */
	while (s->answer.n_rows > 0 &&
	    cordon__sweep__get_packed_size(&s->answer) > SWEEP_PACKED_MAX)
		s->answer.n_rows -= (s->answer.n_rows + 7) / 8;
	return pack(&s->answer.base, out);
}

int
sweep_make(const struct sensor_env *env, const char *proc,
    const Cordon__SweepAsk *ask, struct buf *out)
{
	Cordon__SweepRow *list[SWEEP_ROWS_MAX];
	struct sweep *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return ERR_NOMEM;
	s->env = env;
	s->proc = proc;
	s->ask = ask;
	s->until_ms = clock_boot_ms() + SWEEP_MS;
	cordon__sweep__init(&s->answer);
	s->answer.sweep_id = ask->sweep_id;
	s->answer.rows = list;
	switch (ask->kind) {
	case KIND(SHA256):
	case KIND(PATH):
		sweep_files(s);
		break;
	case KIND(USER):
		sweep_users(s);
		break;
	case KIND(ADDRESS):
		sweep_sockets(s);
		break;
	case KIND(PROCESS):
		sweep_processes(s);
		break;
	default:
		sweep_cannot(s, "this agent does not know the question");
	}
	rc = tell(s, out);
	while (s->texts > 0)
		free(s->text[--s->texts]);
	free(s);
	return rc;
}
