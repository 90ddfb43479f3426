/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals about processes.  Runs on the thread of the process sensor.
 */
#include "agent/sensors/process_tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/process.h"
#include "common/base/clock.h"
#include "common/base/digest.h"

/* What was told: the same again is counted only. */
struct told {
	uint8_t sum[DIGEST_LEN];
	int64_t since_ms; /* 0: free */
	uint64_t folded;
};

struct process_tell {
	struct outbox *out;
	struct lineage *lineage;
	struct who_cache *who;
	struct told told[TELL_REMEMBER];
	struct emit_signal signal;
};

struct process_tell *
process_tell_new(struct outbox *out, struct lineage *lineage)
{
	struct process_tell *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->out = out;
	t->lineage = lineage;
	t->who = who_cache_new();
	if (t->who == NULL)
		process_tell_free(&t);
	else
		who_cache_lineage(t->who, lineage);
	return t;
}

void
process_tell_free(struct process_tell **t)
{
	if (*t == NULL)
		return;
	who_cache_free(&(*t)->who);
	free(*t);
	*t = NULL;
}

/* -- folding ----------------------------------------------------------- */

/*
 * What counts as the same: within one cause (a process and all that came
 * from it) the kind alone, else what is said of it, but for its number.
 */
static void
sum_of(const struct process_seen *s, const struct suspect *v,
    const char *cause, uint8_t out[DIGEST_LEN])
{
	const char *number = strstr(v->text, "(pid ");
	char text[3 * SEEN_PATH_MAX];
	int n;

	if (cause[0] != '\0')
		n = snprintf(text, sizeof(text), "%s|%s", v->kind, cause);
	else
		n = snprintf(text, sizeof(text), "%s|%.*s|%u|%s|%s", v->kind,
		    (int)(number != NULL ? number - v->text :
		    (ptrdiff_t)strlen(v->text)), v->text, s->euid,
		    s->ups > 0 ? s->up[0].exe : "", s->fd[0].peer);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	digest_of(text, (size_t)n, out);
}

/* Told lately?  *FOLDED: how often it was not, since it was. */
static bool
fold(struct process_tell *t, const uint8_t sum[DIGEST_LEN],
    uint64_t *folded)
{
	struct told *at = &t->told[0], *e;
	int64_t now = clock_boot_ms();

	*folded = 0;
	for (e = t->told; e < t->told + TELL_REMEMBER; e++) {
		if (e->since_ms != 0 &&
		    memcmp(e->sum, sum, DIGEST_LEN) == 0) {
			at = e;
			break;
		}
		if (e->since_ms < at->since_ms)
			at = e;
	}
	if (e < t->told + TELL_REMEMBER) {
		if (now - at->since_ms < PROCESS_FOLD_MS) {
			at->folded++;
			return true;
		}
		*folded = at->folded;
	}
	memcpy(at->sum, sum, DIGEST_LEN);
	at->since_ms = now > 0 ? now : 1;
	at->folded = 0;
	return false;
}

/* -- saying ------------------------------------------------------------ */

/* The arguments with a space between, as far as they are kept. */
static void
add_args(struct emit_signal *out, const struct seen_args *a)
{
	char text[SEEN_ARGS_MAX];
	size_t i;

	if (a->len == 0)
		return;
	memcpy(text, a->text, sizeof(text));
	for (i = 0; i + 1 < a->len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	emit_add(out, "args", text);
}

static void
add_seen(struct emit_signal *out, const struct process_seen *s)
{
	size_t i;

	emit_addf(out, "process", "%d", (int)s->pid);
	if (s->exe[0] != '\0')
		emit_add(out, "executable", s->exe);
	if (s->root[0] != '\0')
		emit_add(out, "root", s->root);
	add_args(out, &s->args);
	for (i = 0; i < 3; i++)
		if (s->fd[i].kind == SEEN_NET) {
			emit_add(out, "peer", s->fd[i].peer);
			break;
		}
	if (s->relay.pid != 0) {
		emit_add(out, "relay", s->relay.exe);
		emit_addf(out, "relay.pid", "%d", (int)s->relay.pid);
		emit_add(out, "peer", s->relay.peer);
	}
	if (s->preload[0] != '\0')
		emit_add(out, "preload", s->preload);
}

/* A new cause, for it and its children. */
static void
make_cause(struct process_tell *t, pid_t pid, const struct who *who,
    char cause[ID_MAX])
{
	if (who != NULL && who->pid > 0)
		who_cause_id(who, cause);
	else
		id_new(cause, "U", 10);
	lineage_cause(t->lineage, pid, cause);
}

static void
add_also(struct emit_signal *out, const struct suspect *v)
{
	char text[EMIT_VALUE_MAX] = "";
	size_t i, n = 0;

	for (i = 0; i < v->alsos && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i > 0 ? " " : "", v->also[i]);
	if (i > 0)
		emit_add(out, "also", text);
}

bool
process_tell(struct process_tell *t, const struct process_seen *s,
    pid_t actor, const struct suspect *v, const char *source)
{
	struct emit_signal *out = &t->signal;
	struct lineage_entry e;
	uint8_t sum[DIGEST_LEN], own[DIGEST_LEN];
	struct who *who;
	uint64_t folded, rest;
	int pidfd;

	if (!lineage_get(t->lineage, actor, &e))
		e.cause[0] = '\0';
	sum_of(s, v, e.cause, sum);
	if (fold(t, sum, &folded))
		return false;
	pidfd = (int)syscall(SYS_pidfd_open, actor, 0);
	who = who_find(t->who, actor, pidfd);
	if (pidfd >= 0)
		close(pidfd);
	if (e.cause[0] == '\0') {
		make_cause(t, actor, who, e.cause);
		sum_of(s, v, e.cause, own);
		fold(t, own, &rest);
	}
	emit_init(out, v->kind, v->object);
	out->text = v->text;
	out->severity = v->severity;
	out->who = who;
	out->cause_id = e.cause;
	add_seen(out, s);
	add_also(out, v);
	if (folded > 0)
		emit_addf(out, "folded", "%" PRIu64, folded);
	emit_add(out, "found-by", source);
	emit_send(t->out, out);
	who_unref(&who);
	return true;
}
