/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Findings that wait, and their judgement.  On the state sensor's thread;
 * texts are foreign and quoted by their source.
 */
#include "agent/sensors/findings.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/entry.h"
#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/kinds.h"
#include "common/base/log.h"

struct waiting {
	struct waiting *next;
	struct finding one; /* owns its texts and who */
	int64_t taken_ms;   /* boot */
	int64_t since_ms;   /* boot: when its transaction was last seen */
};

struct findings {
	struct sensor_env *env;
	struct inspect *inspect;
	struct waiting *first, **last;
	size_t n;
};

int
findings_new(struct sensor_env *env, struct findings **out, struct why *why)
{
	struct findings *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return why_set(why, ERR_NOMEM, "findings");
	f->env = env;
	f->last = &f->first;
	f->inspect = inspect_new(NULL, &env->stop);
	if (f->inspect == NULL) {
		free(f);
		return why_set(why, ERR_NOMEM, "findings");
	}
	*out = f;
	return 0;
}

static void
waiting_free(struct waiting *w)
{
	who_unref(&w->one.who);
	free((char *)w->one.object);
	free((char *)w->one.text);
	free((char *)w->one.path);
	free((char *)w->one.cause);
	free(w);
}

void
findings_free(struct findings **fp)
{
	struct findings *f = *fp;
	struct waiting *w;

	*fp = NULL;
	if (f == NULL)
		return;
	while ((w = f->first) != NULL) {
		f->first = w->next;
		waiting_free(w);
	}
	inspect_free(&f->inspect);
	free(f);
}

/* -- judgement ---------------------------- */

/* Who gets in and what they may do is told apart, whoever wrote it. */
static bool
is_of_people(const char *kind)
{
	static const char *const kinds[] = {"account.", "group.", "sudo.",
	    "doas.", "polkit.", "pam.weakened"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(kind, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

static Cordon__Severity
severity_of(const struct finding *one)
{
	const struct signal_kind *kind = signal_kind_find(one->kind);

	if (one->severity != CORDON__SEVERITY__SEVERITY_NONE || kind == NULL)
		return one->severity;
	return kind->severity;
}

bool
findings_weigh(const struct finding *one, const struct explanation *ex,
    Cordon__Severity *severity)
{
	const Cordon__Severity own = severity_of(one);
	bool people = is_of_people(one->kind);

	*severity = one->severity;
	if (ex->verdict == EXPLAIN_SILENT && !ex->by_role)
		return false;
	if (ex->verdict != EXPLAIN_QUIET && ex->verdict != EXPLAIN_SILENT)
		return true;
	/* A maintainer script that makes another root is told as ever. */
	if (own == CORDON__SEVERITY__SEVERITY_CRITICAL ||
	    (people && own > CORDON__SEVERITY__SEVERITY_MEDIUM))
		return true;
	if (own > CORDON__SEVERITY__SEVERITY_LOW)
		*severity = CORDON__SEVERITY__SEVERITY_LOW;
	return ex->verdict == EXPLAIN_QUIET || people;
}

static bool
may_be_explained(const struct finding *one)
{
	return one->source->of_files && !one->first && one->path[0] == '/';
}

static void
explain_it(struct findings *f, const struct finding *one,
    struct explanation *ex)
{
	struct entry now;
	int r;

	r = inspect_path(f->inspect, one->path, NULL, &now);
	if (r == 0 || r == ERR_NOENT)
		explain_state(f->env->explain, one->path,
		    r == 0 ? &now : NULL, one->who, ex);
}

static void
tell(struct findings *f, const struct finding *one, Cordon__Severity severity,
    const struct explanation *ex)
{
	struct emit_signal s;

	emit_init(&s, one->kind, one->object);
	s.text = one->text[0] != '\0' ? one->text : NULL;
	s.severity = severity;
	s.who = one->who;
	s.cause_id = ex->cause != NULL ? ex->cause :
	    one->who == NULL || one->who->pid <= 0 ? one->cause : NULL;
	emit_add(&s, "source", one->source->name);
	emit_add(&s, "found-by", one->found_by);
	if (one->path[0] != '\0')
		emit_add(&s, "path", one->path);
	if (one->writers > 1)
		emit_addf(&s, "writers", "%u", one->writers);
	if (ex->package != NULL)
		emit_add(&s, "package", ex->package);
	if (ex->word != NULL)
		emit_add(&s, "package.says", ex->word);
	if (emit_send(f->env->out, &s) == ERR_RANGE)
		log_error("state: no kind %s", one->kind);
}

static void
judge_one(struct findings *f, const struct finding *one, size_t max,
    size_t *told, size_t *more)
{
	struct explanation ex = {.verdict = EXPLAIN_PLAIN};
	Cordon__Severity severity;

	if (may_be_explained(one))
		explain_it(f, one, &ex);
	if (!findings_weigh(one, &ex, &severity))
		return;
	if (*told >= max) {
		(*more)++;
		return;
	}
	(*told)++;
	tell(f, one, severity, &ex);
}

/* -- waiting ---------------------------- */

/* A copy of ONE waits; false: no room, no memory. */
static bool
wait_for_end(struct findings *f, const struct finding *one)
{
	struct waiting *w;

	w = f->n < FINDINGS_WAIT_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (w == NULL)
		return false;
	w->one = *one;
	w->one.who = who_ref(one->who);
	w->one.object = strdup(one->object);
	w->one.text = strdup(one->text);
	w->one.path = strdup(one->path);
	w->one.cause = strdup(one->cause);
	w->taken_ms = w->since_ms = clock_boot_ms();
	if (w->one.object == NULL || w->one.text == NULL ||
	    w->one.path == NULL || w->one.cause == NULL) {
		waiting_free(w);
		return false;
	}
	*f->last = w;
	f->last = &w->next;
	f->n++;
	return true;
}

void
findings_take(struct findings *f, const struct finding *one, size_t max,
    size_t *told, size_t *more)
{
	if (may_be_explained(one) && txn_below(one->who) &&
	    wait_for_end(f, one))
		return;
	judge_one(f, one, max, told, more);
}

void
findings_changed(struct findings *f, const char *path, struct who *who)
{
	struct waiting *w;

	if (f->first == NULL || who == NULL || txn_below(who))
		return;
	for (w = f->first; w != NULL; w = w->next)
		if (path_under(w->one.path, path) && txn_below(w->one.who)) {
			who_unref(&w->one.who);
			w->one.who = who_ref(who);
		}
}

static bool
is_due(struct findings *f, struct waiting *w)
{
	int64_t now = clock_boot_ms();

	if (!txn_below(w->one.who))
		return true; /* another one changed it as well */
	if (now >= w->taken_ms + explain_wait_ms(f->env->explain))
		return true;
	if (explain_running(f->env->explain, w->one.who))
		w->since_ms = now;
	return now >= w->since_ms + FINDINGS_SETTLE_MS;
}

void
findings_turn(struct findings *f)
{
	struct waiting **at = &f->first, *w;
	size_t told = 0, more = 0;

	while ((w = *at) != NULL) {
		if (!is_due(f, w)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		f->n--;
		judge_one(f, &w->one, SIZE_MAX, &told, &more);
		waiting_free(w);
	}
	f->last = at;
}

bool
findings_wait(const struct findings *f)
{
	return f->first != NULL;
}
