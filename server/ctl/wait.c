/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Waiting for the proof: the plan is looked at again and again, what is new
 * is said on standard error, and the result is one line a host.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/ctl/cmd.h"

#define WAIT_SECONDS 60
#define TURN_FAST_US 100000 /* during the first seconds */
#define TURN_SLOW_US 500000
#define FAST_MS 5000

/* What was said so far: steps of one host, or counts of many. */
struct told {
	bool sent, applied, any;
	size_t good;
};

static bool
state_in(const char *state, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(state, *list) == 0)
			return true;
	return false;
}

enum fate
plan_fate(const json_t *host, bool opens)
{
	static const char *const bad[] = { "refused", "failed", "reverted",
		"superseded", "cancelled", "expired", NULL };
	const char *state = json_str(host, "order_state");

	/* first what went wrong: a bad proof may follow a good one */
	if (state_in(state, bad) ||
	    strcmp(json_str(host, "isolation"), "failed") == 0)
		return FATE_BAD;
	/* a dry drill is told with its flows, if they come in time */
	if (strcmp(state, "drilled") == 0)
		return strcmp(json_str(json_object_get(host, "preview"),
		    "state"), "asked") == 0 ? FATE_OPEN : FATE_GOOD;
	if (strcmp(state, "proven") == 0 ||
	    (opens && strcmp(state, "applied") == 0))
		return FATE_GOOD;
	return FATE_OPEN;
}

const char *
proof_weak(struct out *o, const json_t *detail)
{
	const json_t *all = json_object_get(detail, "weak"), *one;
	char *text = out_buf(o), *id = out_buf(o);
	const char *line;
	size_t i, len = 0;

	text[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)all, i, one) {
		line = json_is_string(one) ? json_string_value(one) : "";
		log_quote(id, OUT_TEXT_MAX, line, strcspn(line, ":"));
		if (len + strlen(id) + 3 > OUT_TEXT_MAX)
			break;
		len += (size_t)snprintf(text + len, OUT_TEXT_MAX - len,
		    "%s%s", i > 0 ? ", " : "", id);
	}
	return text;
}

const char *
proof_text(struct out *o, const json_t *detail)
{
	const json_t *probes = json_object_get(detail, "probes"), *one;
	size_t i, blocked = 0, n = json_array_size(probes);
	bool v4 = false, v6 = false, v, rules;
	char *text = out_buf(o);
	const char *weak;
	size_t len;

	json_array_foreach((json_t *)(uintptr_t)probes, i, one) {
		blocked += strcmp(json_str(one, "outcome"), "blocked") == 0;
		v = strchr(json_str(one, "address"), ':') != NULL;
		v6 = v6 || v;
		v4 = v4 || !v;
	}
	rules = json_str(detail, "digest_kernel")[0] != '\0' &&
	    strcmp(json_str(detail, "digest_kernel"), json_str(detail,
	    "digest_expected")) == 0;
	len = (size_t)snprintf(text, OUT_TEXT_MAX, "%s%s%s", rules ?
	    text_of(T_PROOF_RULES, o->lang) : "", rules ? ", " : "",
	    text_of(T_PROOF_COLLECTOR, o->lang));
	if (n > 0)
		snprintf(text + len, OUT_TEXT_MAX - len, ", %s", out_text(o,
		    T_PROOF_PROBES, out_num(o, (int64_t)blocked), out_num(o,
		    (int64_t)n), v4 && v6 ? "v4, v6" : v6 ? "v6" : "v4",
		    NULL));
	len = strlen(text);
	weak = proof_weak(o, detail);
	if (weak[0] != '\0')
		snprintf(text + len, OUT_TEXT_MAX - len, ", %s", out_text(o,
		    T_PROOF_WEAKER, weak, NULL));
	return text;
}

/* The newest proof of this host for that order, in words. */
static const char *
host_proof(struct ctl *c, const json_t *host)
{
	json_t *got = NULL, *one;
	const char *text = "";
	size_t i;

	if (ask_at(c, "GET", "/v1/hosts/{}", json_str(host, "name"), NULL,
	    &got) != EXIT_DONE)
		return text;
	json_array_foreach(json_object_get(got, "proofs"), i, one)
		if (strcmp(json_str(one, "order"), json_str(host, "order")) ==
		    0) {
			text = proof_text(&c->o, json_object_get(one,
			    "detail"));
			break;
		}
	json_decref(got);
	return text;
}

static void
step(struct ctl *c, struct told *t, int64_t at, enum text what,
    const char *more)
{
	fprintf(c->o.err, "%s%s %s%s%s", t->any ? "   " : c->o.mark,
	    out_clock(&c->o, at), text_of(what, c->o.lang),
	    more[0] != '\0' ? ": " : "", more);
	fflush(c->o.err);
	t->any = true;
}

/* One host: "14:49:12 sent   14:49:12 applied   14:49:13 proven: ..." */
static void
tell_one(struct ctl *c, struct told *t, const json_t *host)
{
	int64_t sent = json_time(host, "sent_at");
	int64_t applied = json_time(host, "applied_at");
	const char *state = json_str(host, "order_state");
	bool proven = strcmp(state, "proven") == 0;

	if (sent > 0 && !t->sent)
		step(c, t, sent, T_STEP_SENT, "");
	t->sent = t->sent || sent > 0;
	if (applied > 0 && !t->applied &&
	    (proven || strcmp(state, "applied") == 0)) {
		step(c, t, applied, T_STEP_APPLIED, "");
		t->applied = true;
	}
	if (strcmp(state, "drilled") == 0 && t->good == 0 &&
	    json_time(host, "applied_at") == 0) {
		step(c, t, c->o.now, T_STEP_DRILLED, "");
		t->good = 1;
	}
	if (proven && t->good == 0) {
		step(c, t, json_time(host, "proven_at"), T_STEP_PROVEN,
		    host_proof(c, host));
		t->good = 1;
	}
}

static void
tell_many(struct ctl *c, struct told *t, size_t good, size_t n)
{
	if (good == t->good && t->any)
		return;
	out_tell(&c->o, T_STEP_COUNT, text_of(T_STEP_PROVEN, c->o.lang),
	    out_num(&c->o, (int64_t)good), out_num(&c->o, (int64_t)n), NULL);
	t->good = good;
	t->any = true;
}

/* Count the fates; true when no host is under way any more. */
static bool
look(struct ctl *c, const json_t *plan, struct told *t, size_t count[3])
{
	const json_t *hosts = json_object_get(plan, "hosts"), *one;
	bool opens = strcmp(json_str(plan, "action"), "restore") == 0;
	size_t i, n = json_array_size(hosts);

	memset(count, 0, 3 * sizeof(count[0]));
	json_array_foreach((json_t *)(uintptr_t)hosts, i, one)
		count[plan_fate(one, opens)]++;
	if (n == 1)
		tell_one(c, t, json_array_get(hosts, 0));
	else
		tell_many(c, t, count[FATE_GOOD], n);
	return count[FATE_OPEN] == 0;
}

static const char *
fail_text(struct out *o, const json_t *host)
{
	const char *why = json_str(host, "proven_why")[0] != '\0' ?
	    out_q(o, host, "proven_why") : out_q(o, host, "order_why");
	const char *state = out_word(o, WORDS_ORDER_STATE, json_str(host,
	    "order_state"));
	char *text = out_buf(o);

	snprintf(text, OUT_TEXT_MAX, "%s%s%s", state, why[0] != '\0' ? ": " :
	    "", why);
	return text;
}

static void
say_drilled(struct ctl *c, const json_t *host, bool counts)
{
	const json_t *flows = json_object_get(host, "preview");
	const char *name = out_q(&c->o, host, "name");
	bool live = json_time(host, "drill_until") > 0;

	if (live && strcmp(json_str(host, "order_state"), "drilled") != 0)
		out_say(&c->o, counts ? T_DONE_COUNT : T_DONE_LIVE,
		    out_mark(&c->o, MARK_GOOD), name,
		    out_when(&c->o, json_time(host, "drill_until")), NULL);
	else if (live)
		out_say(&c->o, T_DONE_OVER, out_mark(&c->o, MARK_GOOD), name,
		    NULL);
	else
		out_say(&c->o, T_DONE_DRY, out_mark(&c->o, MARK_GOOD), name,
		    strcmp(json_str(flows, "state"), "done") == 0 ?
		    preview_cuts(&c->o, flows) : out_text(&c->o,
		    T_CUTS_UNKNOWN, text_of(T_CUTS_LATE, c->o.lang), NULL),
		    NULL);
}

static void
say_results(struct ctl *c, const json_t *plan)
{
	const char *action = json_str(plan, "action");
	const json_t *hosts = json_object_get(plan, "hosts"), *one;
	enum text done = strcmp(action, "restore") == 0 ? T_DONE_RESTORE :
	    strcmp(action, "recover") == 0 ? T_DONE_RECOVER :
	    strcmp(action, "limit") == 0 ? T_DONE_LIMIT : T_DONE_ISOLATE;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)hosts, i, one) {
		const char *name = out_q(&c->o, one, "name");

		switch (plan_fate(one, done == T_DONE_RESTORE)) {
		case FATE_GOOD:
			if (json_str(plan, "drill")[0] != '\0')
				say_drilled(c, one, strcmp(json_str(plan,
				    "drill"), "count") == 0);
			else
				out_say(&c->o, done, out_mark(&c->o, MARK_GOOD),
				    name, NULL);
			break;
		case FATE_BAD:
			out_say(&c->o, T_FAILED_HOST, out_mark(&c->o,
			    MARK_BAD), name, fail_text(&c->o, one), NULL);
			break;
		case FATE_OPEN:
			out_say(&c->o, T_LATE_HOST, out_mark(&c->o,
			    MARK_OPEN), name, fail_text(&c->o, one), NULL);
			break;
		}
	}
}

static void
say_next(struct ctl *c, const json_t *plan, int code)
{
	const char *action = json_str(plan, "action");
	const json_t *first = json_array_get(json_object_get(plan, "hosts"),
	    0);
	const char *host = out_q(&c->o, first, "name");
	enum text id = json_str(plan, "drill")[0] != '\0' ? T_NEXT_DRILLED :
	    strcmp(action, "restore") == 0 ? T_NEXT_PROBATION :
	    strcmp(action, "recover") == 0 ? T_NEXT_VERIFY : T_NEXT_RECOVER;

	if (code != EXIT_DONE) {
		out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_HOST, host,
		    NULL));
		if (strcmp(action, "restore") != 0 &&
		    json_str(plan, "drill")[0] == '\0')
			out_next(&c->o, text_of(T_NEXT_MANUAL, c->o.lang));
		return;
	}
	out_next(&c->o, out_text(&c->o, id, host, NULL));
}

int
plan_wait(struct ctl *c, const char *plan_id)
{
	int64_t start = clock_boot_ms(), late;
	struct told t = { .any = false };
	json_t *plan = NULL;
	size_t count[3];
	bool done = false;
	int rc;

	late = start + 1000 * (c->a.timeout > 0 ? c->a.timeout :
	    WAIT_SECONDS);
	for (;;) {
		json_decref(plan);
		plan = NULL;
		rc = ask_at(c, "GET", "/v1/plans/{}", plan_id, NULL, &plan);
		if (rc != EXIT_DONE)
			return rc;
		done = look(c, plan, &t, count);
		if (done || clock_boot_ms() >= late)
			break;
		usleep(clock_boot_ms() - start < FAST_MS ? TURN_FAST_US :
							   TURN_SLOW_US);
	}
	if (t.any && json_array_size(json_object_get(plan, "hosts")) == 1)
		fprintf(c->o.err, "\n");
	rc = count[FATE_GOOD] == 0 ? EXIT_UNPROVEN :
	    count[FATE_BAD] + count[FATE_OPEN] > 0 ? EXIT_PARTLY : EXIT_DONE;
	if (c->o.json)
		out_json(&c->o, plan);
	say_results(c, plan);
	say_next(c, plan, rc);
	json_decref(plan);
	return rc;
}
