/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers and signals.  Runs in the enforcer.  Names of programs and the
 * evidence come from others and are quoted or cut.
 */
#include "agent/enforcer/tell.h"

#include <stdio.h>
#include <string.h>

#include "agent/links/ipc.h"
#include "common/base/clock.h"
#include "common/base/kinds.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/agent.pb-c.h"

int
tell_buf(struct link *l, uint32_t kind, struct buf *b)
{
	int rc = l == NULL ? ERR_CLOSED :
	    link_send(l, kind, b->data, b->len, -1);

	if (rc != 0 && l != NULL)
		log_warn("%s: message %u not sent: %s", link_name(l), kind,
		    err_str(rc));
	buf_done(b);
	return rc;
}

void
tell_done(struct tell *t)
{
	untaken_done(&t->signals);
}

/* -- now or later ---------------------------------------------------------- */

void
tell_answer(struct tell *t, const struct answer *a)
{
	struct buf b;

	buf_init(&b, LINK_PAYLOAD_MAX);
	if (t->network != NULL && answer_pack(a, &b) == 0 &&
	    tell_buf(t->network, IPC_ANSWER, &b) == 0)
		return;
	buf_done(&b);
	if (t->nlate == TELL_ANSWERS_MAX)
		memmove(t->late, t->late + 1,
		    sizeof(t->late[0]) * --t->nlate);
	t->late[t->nlate++] = *a;
}

void
tell_signal(struct tell *t, const uint8_t *data, size_t len)
{
	if (untaken_add(&t->signals, data, len) == 0)
		untaken_send(&t->signals, t->network, t->signals.n - 1);
	else if (t->network != NULL) /* a flood: the first ones are kept */
		(void)link_send(t->network, IPC_SIGNAL, data, len, -1);
}

void
tell_late(struct tell *t)
{
	struct answer late[TELL_ANSWERS_MAX];
	size_t i, n = t->nlate;

	untaken_send(&t->signals, t->network, 0);
	memcpy(late, t->late, sizeof(late));
	t->nlate = 0;
	for (i = 0; i < n; i++)
		tell_answer(t, &late[i]);
}

/* -- signals --------------------------------------------------------------- */

/* TEXT is for people, DETAIL the evidence, WHO may be nobody. */
static void
tamper(struct tell *t, const struct watch_who *who, const char *text,
    const char *detail)
{
	const struct signal_kind *k = signal_kind_find("agent.tamper");
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	Cordon__Pair pair = CORDON__PAIR__INIT, *pairs[] = {&pair};
	char program[WATCH_PROGRAM_MAX], quoted[512];
	uint8_t bytes[4096];

	snprintf(program, sizeof(program), "%s", who->program);
	log_quote(quoted, sizeof(quoted), detail, strlen(detail));
	pair.key = (char *)(uintptr_t)"difference";
	pair.value = quoted;
	cause.grade = who->pid != 0 ? CORDON__GRADE__GRADE_EXACT :
	    CORDON__GRADE__GRADE_UNKNOWN;
	cause.pid = who->pid;
	cause.program = program;
	cause.login_uid = UINT32_MAX;
	s.time_ms = clock_wall_ms();
	s.boot_ms = (uint64_t)clock_boot_ms();
	s.kind = (char *)(uintptr_t)"agent.tamper";
	s.severity = k != NULL ? k->severity :
	    CORDON__SEVERITY__SEVERITY_CRITICAL;
	s.object = (char *)(uintptr_t)"nftables table cordon";
	s.text = (char *)(uintptr_t)text;
	s.cause = &cause;
	s.evidence = pairs;
	s.n_evidence = 1;
	tell_signal(t, bytes, cordon__signal__pack(&s, bytes));
}

void
tell_tamper(struct tell *t, const struct watch_who *who,
    const char *what, bool repaired)
{
	const char *program = who->program[0] != '\0' ? who->program :
	    "an unknown program";
	char text[256];

	log_warn("rules touched by %s (pid %u): %s; %s", program, who->pid,
	    what, repaired ? "repaired" : "NOT repaired");
	snprintf(text, sizeof(text), "isolation rules touched by %s (pid %u)"
	    ", %s", program, who->pid, repaired ? "repaired" :
	    "not repaired");
	tamper(t, who, text, what);
}

void
tell_diverted(struct tell *t, const char *what)
{
	static const struct watch_who nobody;

	log_warn("%s", what);
	tamper(t, &nobody, what, what);
}

void
tell_others(struct tell *t, const struct watch_who *who)
{
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	const struct signal_kind *k = signal_kind_find("firewall.changed");
	int64_t now = clock_boot_ms();
	char text[256], program[WATCH_PROGRAM_MAX];
	uint8_t bytes[1024];

	if (who->pid == t->others_pid &&
	    now - t->others_ms < TELL_OTHERS_GAP_MS)
		return;
	t->others_pid = who->pid;
	t->others_ms = now;
	snprintf(program, sizeof(program), "%s", who->program);
	snprintf(text, sizeof(text), "other firewall rules changed by %s "
	    "(pid %u) while the host is isolated", program, who->pid);
	cause.grade = CORDON__GRADE__GRADE_EXACT;
	cause.pid = who->pid;
	cause.program = program;
	cause.login_uid = UINT32_MAX;
	s.time_ms = clock_wall_ms();
	s.boot_ms = (uint64_t)now;
	s.kind = (char *)(uintptr_t)"firewall.changed";
	s.severity = k != NULL ? k->severity :
	    CORDON__SEVERITY__SEVERITY_MEDIUM;
	s.object = (char *)(uintptr_t)"nftables";
	s.text = text;
	s.cause = &cause;
	tell_signal(t, bytes, cordon__signal__pack(&s, bytes));
}
