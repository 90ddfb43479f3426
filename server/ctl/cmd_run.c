/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify, check, waive: checks on a host, waited for and shown. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "server/ctl/cmd.h"

#define RUN_SECONDS 300
#define RUN_TURN_US 250000
#define FINDINGS_SHOWN 20

static enum mark
mark_of(const char *outcome)
{
	if (strcmp(outcome, "pass") == 0 || strcmp(outcome, "waived") == 0)
		return MARK_GOOD;
	return strcmp(outcome, "fail") == 0 ? MARK_BAD : MARK_OPEN;
}

static void
show_findings(struct out *o, const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, one) {
		if (i == FINDINGS_SHOWN) {
			fprintf(o->out, "      ... %zu\n",
			    json_array_size(list));
			break;
		}
		fprintf(o->out, "      %s\n", out_text(o, T_FINDING,
		    out_q(o, one, "code"), out_q(o, one, "object"),
		    out_q(o, one, "was"), out_q(o, one, "now"), NULL));
	}
}

static void
show_run(struct out *o, const json_t *run)
{
	const json_t *one;
	size_t i;

	out_say(o, T_RUN_HEAD, out_q(o, run, "run"), out_q(o, run, "kind"),
	    out_q(o, run, "host"), NULL);
	json_array_foreach(json_object_get(run, "checks"), i, one) {
		fprintf(o->out, "  %s %s  %s\n", out_mark(o,
		    mark_of(json_str(one, "outcome"))), out_q(o, one, "id"),
		    out_q(o, one, "text"));
		show_findings(o, json_object_get(one, "findings"));
	}
}

static size_t
checks_done(const json_t *run)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(json_object_get(run, "checks"), i, one)
		n += strcmp(json_str(one, "outcome"), "none") != 0;
	return n;
}

/* Until the run is done or time is up; says each step forward. */
static int
wait_run(struct ctl *c, const char *id, json_t **run)
{
	int64_t late = clock_boot_ms() + 1000 * (c->a.timeout > 0 ?
	    c->a.timeout : RUN_SECONDS);
	size_t told = SIZE_MAX, n;
	int rc;

	for (;;) {
		json_decref(*run);
		*run = NULL;
		rc = ask_at(c, "GET", "/v1/runs/{}", id, NULL, run);
		if (rc != EXIT_DONE)
			return rc;
		n = checks_done(*run);
		if (n != told)
			out_tell(&c->o, T_RUN_RUNNING, out_num(&c->o,
			    (int64_t)n), out_num(&c->o,
			    (int64_t)json_array_size(json_object_get(*run,
			    "checks"))), NULL);
		told = n;
		if (strcmp(json_str(*run, "state"), "done") == 0 ||
		    clock_boot_ms() >= late)
			return EXIT_DONE;
		usleep(RUN_TURN_US);
	}
}

static int
say_run(struct ctl *c, const json_t *run, bool gate)
{
	char host[128]; /* out_q's texts last only a few calls */
	bool done = strcmp(json_str(run, "state"), "done") == 0;
	bool good = done && mark_of(json_str(run, "outcome")) == MARK_GOOD;

	if (c->o.json)
		out_json(&c->o, run);
	else
		show_run(&c->o, run);
	snprintf(host, sizeof(host), "%s", out_q(&c->o, run, "host"));
	out_say(&c->o, gate ? (good ? T_GATE_PASSED : T_GATE_NOT) :
	    (good ? T_CHECK_PASSED : T_CHECK_NOT), out_mark(&c->o, good ?
	    MARK_GOOD : done ? MARK_BAD : MARK_OPEN), host, NULL);
	out_next(&c->o, out_text(&c->o, !done ? T_NEXT_RUN : !good ?
	    T_NEXT_MEND : gate ? T_NEXT_RESTORE : T_NEXT_SHOW_HOST, host,
	    NULL));
	return good ? EXIT_DONE : EXIT_GATE;
}

int
run_checks(struct ctl *c, const char *path, const json_t *body, bool gate)
{
	json_t *got = NULL, *run = NULL;
	int rc;

	rc = ask_at(c, "POST", path, c->a.pos[0], body, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->a.no_wait) {
		if (c->o.json)
			out_json(&c->o, got);
		out_say(&c->o, T_RUN_HEAD, out_q(&c->o, got, "run"), "",
		    c->a.pos[0], NULL);
		out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_HOST,
		    c->a.pos[0], NULL));
		json_decref(got);
		return EXIT_GATE; /* not passed yet */
	}
	rc = wait_run(c, json_str(got, "run"), &run);
	if (rc == EXIT_DONE)
		rc = say_run(c, run, gate);
	json_decref(run);
	json_decref(got);
	return rc;
}

int
cmd_verify(struct ctl *c)
{
	return run_checks(c, "/v1/hosts/{}/verify", NULL, true);
}

int
cmd_check(struct ctl *c)
{
	return run_checks(c, "/v1/hosts/{}/check", NULL, false);
}

int
cmd_waive(struct ctl *c)
{
	json_t *body, *got = NULL;
	int rc;

	if (c->a.reason == NULL)
		return usage(c, "waive", "--reason must say why");
	body = json_object();
	json_object_set_new(body, "check", json_string(c->a.pos[1]));
	json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask_at(c, "POST", "/v1/runs/{}/waive", c->a.pos[0], body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_WAIVED_CHECK, c->a.pos[1], c->a.pos[0], NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_HOST, out_q(&c->o, got,
	    "host"), NULL));
	json_decref(got);
	return EXIT_DONE;
}
