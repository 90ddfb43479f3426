/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Building and packing signals.  Runs on any thread of the sensors process.
 */
#include "agent/sensors/emit.h"

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

static int
send_packed(struct outbox *o, const Cordon__Signal *msg)
{
	struct buf b;
	int r;

	buf_init(&b, LINK_PAYLOAD_MAX);
	r = pack(&msg->base, &b);
	if (r == 0)
		r = outbox_signal(o, b.data, b.len);
	buf_done(&b);
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
	size_t i;

	if (kind == NULL)
		return ERR_RANGE;
	log_quote(object, sizeof(object), s->object, strlen(s->object));
	id_new(cause_id, "U", 10);
	if (s->who != NULL) {
		fill_cause(&cause, s->who);
		msg.cause = &cause;
		if (s->who->pid > 0)
			who_cause_id(s->who, cause_id);
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
	return send_packed(o, &msg);
}
