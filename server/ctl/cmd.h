/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One run of cordonctl: what was asked, how to say it, whom to ask.  Each
 * command is a function that returns the exit code (WORKFLOW 6).
 */
#ifndef CORDON_SERVER_CTL_CMD_H
#define CORDON_SERVER_CTL_CMD_H

#include <jansson.h>

#include "server/ctl/args.h"
#include "server/ctl/conf.h"
#include "server/ctl/http.h"
#include "server/ctl/out.h"

enum exit_code {
	EXIT_DONE = 0,	    /* done and proven */
	EXIT_USAGE = 1,
	EXIT_REFUSED = 2,   /* by policy or permission */
	EXIT_WAITS = 3,	    /* for approval */
	EXIT_NOTHING = 4,   /* the selector matched nothing */
	EXIT_UNPROVEN = 5,  /* sent, not proven in time */
	EXIT_PARTLY = 6,
	EXIT_UNREACHED = 7, /* no collector */
	EXIT_GATE = 8,	    /* gate not passed */
};

struct ctl {
	struct args a;
	struct ctl_conf conf;
	struct client *http; /* NULL: offline */
	struct why no_http;  /* why there is none */
	struct out o;
	FILE *in; /* typed confirmations */
};

/*
 * Ask the collector.  EXIT_DONE and *ANSWER (the caller's), or it was said
 * why not and what to do, and the exit code is returned.
 */
int ask(struct ctl *c, const char *method, const char *path,
    const json_t *body, json_t **answer);
/* ask() with a path made by FMT from ids and names, which are checked. */
int ask_at(struct ctl *c, const char *method, const char *fmt,
    const char *id, const json_t *body, json_t **answer);
/* GET a document into OUT. */
int fetch(struct ctl *c, const char *path, FILE *out);
/* The exit code for an answer's status and error code. */
int exit_of(long status, const char *code);
/* Wrong use: say it, name the help, EXIT_USAGE. */
int usage(struct ctl *c, const char *command, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Add "name=value" to a query in PATH, percent-encoded; NULL: nothing. */
void query_add(char *path, size_t size, const char *name,
    const char *value);

/* What a command wants planned for the hosts of the command line. */
struct plan_wish {
	const char *action, *command;
	const char *drill; /* NULL: none */
	int64_t minutes;
	int64_t ttl; /* seconds; 0: only restored by people */
};
/* Plan, show, confirm, apply, wait: exit code. */
int plan_and_apply(struct ctl *c, const struct plan_wish *w);
/* Show PLAN as text; from here on every line of a drill says so. */
void plan_print(struct out *o, const json_t *plan);
/* Wait until each host of the plan is done or failed; exit code. */
int plan_wait(struct ctl *c, const char *plan_id);
enum fate { FATE_OPEN, FATE_GOOD, FATE_BAD };
/*
 * A host of an applied plan, as /v1/plans/ID has it: done, failed, or still
 * under way?  OPENS: the plan restores, "applied" is enough.
 */
enum fate plan_fate(const json_t *host, bool opens);
/* "rules, collector, 4/4 probes fail (v4, v6)" of a proof's detail, and what
 * that host's kernel could not give: ", weaker: owner, persist". */
const char *proof_text(struct out *o, const json_t *detail);
/* "owner, persist"; "" when nothing is weaker. */
const char *proof_weak(struct out *o, const json_t *detail);

/* Ask the hosts of *PLAN what it would cut; *PLAN is fetched again then. */
int preview_plan(struct ctl *c, json_t **plan);
/* "2 live flows: 10.1.5.20:5432 psql, ..." of a PREVIEW that is done. */
const char *preview_cuts(struct out *o, const json_t *preview);
void preview_print(struct out *o, const json_t *preview);
/* --preview: ask the hosts of the command line; exit code. */
int preview_hosts(struct ctl *c, const char *profile);

int cmd_isolate(struct ctl *c);
int cmd_drill_dry(struct ctl *c);
int cmd_drill_count(struct ctl *c);
int cmd_drill_live(struct ctl *c);
int cmd_extend(struct ctl *c);
int cmd_limit(struct ctl *c);
int cmd_recover(struct ctl *c);
int cmd_restore(struct ctl *c);
int cmd_plan_show(struct ctl *c);
int cmd_plan_list(struct ctl *c);
int cmd_plan_apply(struct ctl *c);
int cmd_plan_cancel(struct ctl *c);
int cmd_approve(struct ctl *c);
int cmd_deny(struct ctl *c);
int cmd_verify(struct ctl *c);
int cmd_check(struct ctl *c);
int cmd_waive(struct ctl *c);
int cmd_host_list(struct ctl *c);
int cmd_host_show(struct ctl *c);
int cmd_host_readiness(struct ctl *c);
int cmd_host_tag(struct ctl *c);
int cmd_host_revoke(struct ctl *c);
int cmd_host_manifest(struct ctl *c);
int cmd_manifest_make(struct ctl *c);
int cmd_manifest_list(struct ctl *c);
int cmd_manifest_show(struct ctl *c);
int cmd_manifest_sign(struct ctl *c);
int cmd_manifest_retire(struct ctl *c);
int cmd_manifest_verify(struct ctl *c);
int cmd_signals(struct ctl *c);
int cmd_signal_kinds(struct ctl *c);
int cmd_sweep(struct ctl *c);
int cmd_sweep_show(struct ctl *c);
int cmd_sweep_list(struct ctl *c);
int cmd_why(struct ctl *c);
int cmd_case_open(struct ctl *c);
int cmd_case_show(struct ctl *c);
int cmd_case_list(struct ctl *c);
int cmd_case_close(struct ctl *c);
int cmd_case_waive(struct ctl *c);
int cmd_report(struct ctl *c);
int cmd_audit_verify(struct ctl *c);
int cmd_audit_export(struct ctl *c);
int cmd_enrol_token(struct ctl *c);
int cmd_operator_add(struct ctl *c);
int cmd_operator_list(struct ctl *c);
int cmd_operator_disable(struct ctl *c);
int cmd_operator_enrol(struct ctl *c);
int cmd_operator_explain(struct ctl *c);
int cmd_stop(struct ctl *c);
int cmd_status(struct ctl *c);
int cmd_whoami(struct ctl *c);
int cmd_collector_endpoints(struct ctl *c);
int cmd_order_show(struct ctl *c);
int cmd_order_export(struct ctl *c);

/* A list as the API gives it: a line each, and what to do next. */
struct listing {
	const char *key;  /* of the list in the answer */
	const char *name; /* of each one's id, for what is next */
	int columns;
	void (*row)(struct out *o, struct table *t, const json_t *one);
	enum text next; /* with the first one's id */
	enum text none; /* there is none */
};
/* GET PATH and print it, or with --json one object a line; the exit code. */
int listing_show(struct ctl *c, const char *path, const struct listing *l);

/* Wait until manifest ID is no longer under way; *GOT is the caller's. */
int manifest_wait(struct ctl *c, const char *id, json_t **got);
/* POST BODY to PATH of the first host named, show the run it starts. */
int run_checks(struct ctl *c, const char *path, const json_t *body,
    bool gate);

/* What a kind of signal means and what to do about it, in the language; ""
 * for a kind that this cordonctl does not know. */
const char *kind_text(const char *id, enum lang lang);
const char *kind_advice(const char *id, enum lang lang);
/* A line of signal; used by signals, host show, case show. */
void signal_print(struct out *o, const json_t *signal);
/* "files.changed (the content of ...)"; lives in O for a moment. */
const char *signal_kind_words(struct out *o, const json_t *signal);
/* A SWEEP as text, and its exit code: 0 found, 4 nowhere; while some hosts
 * did not say: 6 found, 5 not so far. */
void sweep_print(struct out *o, const json_t *sweep);
int sweep_code(const json_t *sweep);
/* The answer of /v1/why as text. */
void why_print(struct out *o, const json_t *got);

#endif
