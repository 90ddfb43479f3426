/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Building and packing signals.  Runs on any thread of the sensors process.
 */
#include "agent/sensors/emit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/kinds.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/pack.h"

_Static_assert((int)SEV_INFO == CORDON__SEVERITY__SEVERITY_INFO &&
    (int)SEV_CRITICAL == CORDON__SEVERITY__SEVERITY_CRITICAL,
    "the table of kinds has the numbers of the wire");

void
emit_init(struct emit_signal *s, const char *kind, const char *object)
{
	memset(s, 0, offsetof(struct emit_signal, pair));
	s->pairs = 0;
	s->kind = kind;
	s->object = object;
}

void
emit_add(struct emit_signal *s, const char *key, const char *value)
{
	struct emit_pair *p;

	if (s->pairs == EMIT_EVIDENCE_MAX)
		return;
	p = &s->pair[s->pairs++];
	p->key = key;
	log_quote(p->value, sizeof(p->value), value, strlen(value));
}

void
emit_addf(struct emit_signal *s, const char *key, const char *fmt, ...)
{
	char text[EMIT_VALUE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emit_add(s, key, text);
}

static void
fill_cause(Cordon__Cause *c, const struct who *w)
{
	c->grade = w->grade;
	c->pid = (uint32_t)w->pid;
	c->program = w->program;
	c->command = w->command;
	c->uid = w->uid;
	c->user = w->user;
	c->login_uid = w->login_uid;
	c->unit = w->unit;
	c->n_parents = w->parents;
	c->parents = (char **)(uintptr_t)w->parent;
}

/* What may be folded: by its cause, or where nobody is known by its kind. */
static void
fill_ask(struct fold_ask *a, const Cordon__Signal *msg, bool known)
{
	a->key = known ? msg->cause_id : msg->kind;
	a->cause_id = msg->cause_id;
	a->program = msg->cause != NULL ? msg->cause->program : "";
	a->kind = msg->kind;
	a->object = msg->object;
	a->severity = (int)msg->severity;
	a->wall_ms = msg->time_ms;
	a->boot_ms = (int64_t)msg->boot_ms;
}

static int
send_or_fold(struct outbox *o, const Cordon__Signal *msg, bool known)
{
	bool severe = msg->severity >= CORDON__SEVERITY__SEVERITY_HIGH;
	struct fold_ask ask;
	struct buf b;
	int r;

	fill_ask(&ask, msg, known);
	if (!severe && outbox_fold(o, &ask))
		return 0;
	buf_init(&b, LINK_PAYLOAD_MAX);
	r = pack(&msg->base, &b);
	if (r == 0)
		r = outbox_signal(o, b.data, b.len, severe);
	buf_done(&b);
	if (r != 0)
		outbox_lose(o, &ask);
	return r;
}

int
emit_send(struct outbox *o, const struct emit_signal *s)
{
	const struct signal_kind *kind = signal_kind_find(s->kind);
	Cordon__Signal msg = CORDON__SIGNAL__INIT;
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	Cordon__Pair pair[EMIT_EVIDENCE_MAX], *pairs[EMIT_EVIDENCE_MAX];
	char object[EMIT_OBJECT_MAX], cause_id[ID_MAX];
	bool known = s->cause_id != NULL;
	size_t i;

	if (kind == NULL)
		return ERR_RANGE;
	log_quote(object, sizeof(object), s->object, strlen(s->object));
	id_new(cause_id, "U", 10);
	if (s->who != NULL) {
		fill_cause(&cause, s->who);
		msg.cause = &cause;
		if (s->who->pid > 0) {
			who_cause_id(s->who, cause_id);
			known = true;
		}
	}
	for (i = 0; i < s->pairs; i++) {
		cordon__pair__init(&pair[i]);
		pair[i].key = (char *)(uintptr_t)s->pair[i].key;
		pair[i].value = (char *)(uintptr_t)s->pair[i].value;
		pairs[i] = &pair[i];
	}
	msg.time_ms = clock_wall_ms();
	msg.boot_ms = (uint64_t)clock_boot_ms();
	msg.kind = (char *)(uintptr_t)kind->id;
	msg.severity = s->severity != CORDON__SEVERITY__SEVERITY_NONE ?
	    s->severity : (Cordon__Severity)kind->severity;
	msg.object = object;
	msg.text = (char *)(uintptr_t)(s->text != NULL ? s->text : kind->en);
	msg.cause_id = s->cause_id != NULL ?
	    (char *)(uintptr_t)s->cause_id : cause_id;
	msg.evidence = pairs;
	msg.n_evidence = s->pairs;
	return send_or_fold(o, &msg, known);
}

/* -- what was folded ---------------------------- */

#define FOLD_PAIRS 7

struct fold_text {
	char value[FOLD_PAIRS][EMIT_VALUE_MAX];
	Cordon__Pair pair[FOLD_PAIRS], *pairs[FOLD_PAIRS];
	size_t n;
};

static char *
add_pair(struct fold_text *t, const char *key)
{
	Cordon__Pair *p = &t->pair[t->n];

	cordon__pair__init(p);
	p->key = (char *)(uintptr_t)key;
	p->value = t->value[t->n];
	p->value[0] = '\0';
	t->pairs[t->n++] = p;
	return p->value;
}

/* "files.created 4000, files.moved 20, others 3" */
static void
list_kinds(const struct fold_count *c, char *out)
{
	size_t i, at = 0;

	for (i = 0; i < FOLD_KINDS && c->kind[i].n > 0; i++)
		at += (size_t)snprintf(out + at, EMIT_VALUE_MAX - at,
		    "%s%s %" PRIu64, i > 0 ? ", " : "", c->kind[i].id,
		    c->kind[i].n);
	if (c->other > 0)
		snprintf(out + at, EMIT_VALUE_MAX - at, ", others %" PRIu64,
		    c->other);
}

static void
fill_folded(const struct fold_count *c, bool lost, struct fold_text *t)
{
	size_t i;

	snprintf(add_pair(t, lost ? "not-taken" : "folded"), EMIT_VALUE_MAX,
	    "%" PRIu64, c->telling);
	snprintf(add_pair(t, "folded.total"), EMIT_VALUE_MAX, "%" PRIu64,
	    c->total);
	(void)clock_format(add_pair(t, "folded.first"), c->first_ms, true);
	(void)clock_format(add_pair(t, "folded.last"), c->last_ms, true);
	list_kinds(c, add_pair(t, "folded.kinds"));
	for (i = 1; i < FOLD_SAMPLES; i++)
		snprintf(add_pair(t, i == 1 ? "folded.sample" :
		    "folded.newest"), EMIT_VALUE_MAX, "%s", c->sample[i]);
}

static int
pack_folded(const struct fold_count *c, struct buf *out)
{
	bool lost = strcmp(c->key, FOLD_LOST) == 0;
	const struct signal_kind *kind = signal_kind_find(lost ?
	    "agent.spool-dropped" : "agent.folded");
	Cordon__Signal msg = CORDON__SIGNAL__INIT;
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	struct fold_text t = {.n = 0};
	char text[128];

	fill_folded(c, lost, &t);
	snprintf(text, sizeof(text), lost ?
	    "%" PRIu64 " signals were dropped: the spool did not take them" :
	    "%" PRIu64 " more signals of this cause, folded into one",
	    c->telling);
	cause.program = (char *)(uintptr_t)c->program;
	cause.login_uid = UINT32_MAX;
	cause.grade = CORDON__GRADE__GRADE_CACHED;
	if (c->program[0] != '\0' && !lost)
		msg.cause = &cause;
	msg.time_ms = clock_wall_ms();
	msg.boot_ms = (uint64_t)clock_boot_ms();
	msg.kind = (char *)(uintptr_t)kind->id;
	msg.severity = (Cordon__Severity)(lost ? kind->severity :
	    (int)c->severity);
	msg.object = (char *)(uintptr_t)(lost ? "sensors" : c->sample[0]);
	msg.text = text;
	msg.cause_id = (char *)(uintptr_t)(lost ? "" : c->cause_id);
	msg.evidence = t.pairs;
	msg.n_evidence = t.n;
	return pack(&msg.base, out);
}

void
emit_folded(struct outbox *o, bool all)
{
	outbox_tell(o, pack_folded, all);
}
