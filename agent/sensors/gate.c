/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running the gate.  On the job thread of the sensors process.  The run
 * comes from the collector through the network process, which may have
 * been taken over: a manifest counts only with a signature by the order
 * key, and the most that a forged run can do is to make us read.
 */
#include "agent/sensors/gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/accounts.h"
#include "agent/sensors/baseline.h"
#include "agent/sensors/manifest.h"
#include "agent/sensors/places.h"
#include "agent/sensors/scan.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "common/wire/signed_tree.h"

/* One run: the manifest is opened once. */
struct run {
	const struct gate_env *g;
	const Cordon__CheckRun *msg;
	struct manifest *manifest; /* NULL: WHY says why */
	struct why why;
};

#define PASS CORDON__CHECK_OUTCOME__CHECK_PASS
#define FAIL CORDON__CHECK_OUTCOME__CHECK_FAIL
#define UNKNOWN CORDON__CHECK_OUTCOME__CHECK_UNKNOWN

#define say gate_say
#define say_findings gate_say_findings

void
gate_say(struct gate_result *res, Cordon__CheckOutcome outcome, const char *fmt,
    ...)
{
	va_list ap;

	res->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(res->text, sizeof(res->text), fmt, ap);
	va_end(ap);
}

void
gate_say_findings(struct gate_result *res, const char *what, const char *good)
{
	const struct findings *f = &res->findings;

	if (f->total == 0)
		say(res, PASS, "%s", good);
	else if (f->total > f->n)
		say(res, FAIL, "%zu %s, %zu of them listed", f->total, what,
		    f->n);
	else
		say(res, FAIL, "%zu %s", f->total, what);
}

/* -- the manifest ---------------------------- */

bool
gate_signed(const Cordon__Settings *s, const Cordon__CheckRun *run)
{
	uint8_t bytes[ID_MAX + DIGEST_LEN];
	size_t len;

	if (s->order_key.len != SIGN_KEY_LEN ||
	    run->manifest_digest.len != DIGEST_LEN ||
	    run->manifest_signature.len != SIGN_SIG_LEN ||
	    !id_valid(run->manifest_id))
		return false;
	len = manifest_signed_bytes(run->manifest_id,
	    run->manifest_digest.data, bytes);
	return sign_good(s->order_key.data, MANIFEST_CONTEXT, bytes, len,
	    run->manifest_signature.data);
}

static void
open_manifest(struct run *run)
{
	const Cordon__Settings *s = run->g->env->settings;
	char path[PATH_LEN];
	int r;

	if (run->msg->manifest_id[0] == '\0') {
		why_set(&run->why, ERR_NOENT,
		    "no signed manifest was named for this host");
		return;
	}
	if (!gate_signed(s, run->msg)) {
		why_set(&run->why, ERR_CRYPTO,
		    "the manifest's signature is not by the order key");
		return;
	}
	if (manifest_path(path, s->state_dir, run->msg->manifest_id) != 0) {
		why_set(&run->why, ERR_RANGE, "bad manifest id");
		return;
	}
	r = manifest_open(path, run->msg->manifest_digest.data,
	    &run->manifest, &run->why);
	if (r == ERR_NOENT)
		why_set(&run->why, r,
		    "the manifest is not on this host; make a new one");
	else if (r == 0 && strcmp(manifest_id(run->manifest),
	    run->msg->manifest_id) != 0)
		manifest_free(&run->manifest);
	if (r == 0 && run->manifest == NULL)
		why_set(&run->why, ERR_CRYPTO,
		    "the manifest kept here carries another id");
}

/* -- G01: the agent itself ---------------------------- */

static void
check_baseline_file(const struct run *run, struct findings *f)
{
	char path[PATH_LEN];
	struct baseline *b = NULL;
	struct why why;

	if (file_join(path, sizeof(path),
	    run->g->env->settings->state_dir, BASELINE_FILE) != 0)
		return;
	if (baseline_open(path, &b, &why) != 0)
		findings_add(f, "agent.baseline", path, "", why.text);
	baseline_free(&b);
}

static void
check_self(const struct run *run, struct gate_result *res)
{
	const struct own *own = run->g->own;
	enum own_state state;
	const char *path;
	char text[64];
	unsigned int blind;
	size_t i;

	for (i = 0; i < own_count(own); i++) {
		state = own_check(own, i, &path);
		if (state != OWN_SAME)
			findings_add(&res->findings, "agent.file", path, "",
			    own_state_str(state));
	}
	check_baseline_file(run, &res->findings);
	blind = blind_count(run->g->env->blind);
	if (blind > 0) {
		snprintf(text, sizeof(text), "%u open", blind);
		findings_add(&res->findings, "agent.blind",
		    "blind intervals", "", text);
	}
	snprintf(text, sizeof(text),
	    "%zu own files, baseline and sight are in order", own_count(own));
	say_findings(res, "faults of the agent itself", text);
	if (res->outcome == PASS && own_count(own) == 0)
		say(res, UNKNOWN, "the agent does not know its own files");
}

/* -- G02: watched trees ---------------------------- */

int
gate_scan(const struct gate_env *g, struct scan_result **res,
    struct why *why)
{
	struct scan_opts o = {
	    .root = g->env->roots->path,
	    .nroot = g->env->roots->watched,
	    .ignore = g->env->ignore,
	    .threads = g->env->settings->scan_threads,
	    .stop = &g->env->stop,
	};

	return scan_run(&o, res, why);
}

static void
check_trees(const struct run *run, struct gate_result *res)
{
	struct scan_result *now = NULL;
	char text[128];
	struct why why;

	if (run->manifest == NULL) {
		say(res, UNKNOWN, "%s", run->why.text);
		return;
	}
	if (gate_scan(run->g, &now, &why) != 0) {
		say(res, UNKNOWN, "%s", why.text);
		return;
	}
	if (manifest_compare(run->manifest, now->rec, now->n,
	    &res->findings) != 0) {
		say(res, UNKNOWN, "the manifest could not be compared");
	} else {
		snprintf(text, sizeof(text),
		    "%zu files equal the signed manifest", now->n);
		say_findings(res, "differences to the signed manifest",
		    text);
		if (res->outcome == PASS && now->unread > 0)
			say(res, UNKNOWN, "%llu files could not be read",
			    (unsigned long long)now->unread);
	}
	scan_free(&now);
}

/* -- G06, G07: pictures ---------------------------- */

static void
say_picture(const struct run *run, const struct picture *now,
    struct gate_result *res, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "%zu %s equal the signed manifest",
	    now->n, what);
	say_findings(res, "differences", text);
	if (res->outcome == FAIL)
		return;
	if (now->partial)
		say(res, UNKNOWN, "%s could not be read", now->what);
	else if (run->manifest == NULL)
		say(res, UNKNOWN, "%s", run->why.text);
}

static void
check_accounts(const struct run *run, struct gate_result *res)
{
	struct picture was, now;
	int r = 0;

	picture_init(&was);
	picture_init(&now);
	if (run->manifest != NULL)
		r = manifest_accounts(run->manifest, &was);
	if (r == 0)
		r = accounts_picture(&account_files_host, &now);
	if (r != 0) {
		say(res, UNKNOWN, "accounts: %s", err_str(r));
		goto done;
	}
	accounts_rules(&account_files_host,
	    run->manifest != NULL ? &was : NULL, &now, &res->findings);
	if (run->manifest != NULL)
		picture_compare(&was, &now, &res->findings);
	say_picture(run, &now, res, "accounts, groups, sudoers and keys");
done:
	picture_done(&was);
	picture_done(&now);
}

static void
check_places(const struct run *run, struct gate_result *res)
{
	struct picture was, now;
	int r;

	if (run->manifest == NULL) {
		say(res, UNKNOWN, "%s", run->why.text);
		return;
	}
	picture_init(&was);
	picture_init(&now);
	r = manifest_places(run->manifest, &was);
	if (r == 0)
		r = places_picture("", &account_files_host,
		    &run->g->env->stop, &now);
	if (r != 0) {
		say(res, UNKNOWN, "persistence places: %s", err_str(r));
	} else {
		picture_compare(&was, &now, &res->findings);
		say_picture(run, &now, res, "persistence places");
	}
	picture_done(&was);
	picture_done(&now);
}

/* -- all ---------------------------- */

static void
check_backups(const struct run *run, struct gate_result *res)
{
	gate_trees(run->g, run->msg, true, res);
}

static void
check_restored(const struct run *run, struct gate_result *res)
{
	gate_trees(run->g, run->msg, false, res);
}

static const struct {
	const char *id;
	void (*run)(const struct run *run, struct gate_result *res);
} checks[] = {
	{"G01", check_self},
	{"G02", check_trees},
	{"G03", check_backups},
	{"G04", check_restored},
	{"G06", check_accounts},
	{"G07", check_places},
};

static void
run_one(const struct run *run, const char *id, struct gate_result *res)
{
	size_t i;

	memset(res, 0, sizeof(*res));
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(checks[i].id, id) == 0) {
			checks[i].run(run, res);
			return;
		}
	say(res, UNKNOWN, "this agent's sensors do not answer this check");
}

int
gate_run(const struct gate_env *g, const Cordon__CheckRun *msg, gate_fn *fn,
    void *arg)
{
	struct run run = {.g = g, .msg = msg};
	struct gate_result *res = malloc(sizeof(*res));
	size_t i;
	int r = 0;

	if (res == NULL)
		return ERR_NOMEM;
	open_manifest(&run);
	for (i = 0; i < msg->n_checks && r == 0; i++) {
		run_one(&run, msg->checks[i], res);
		r = fn(arg, msg->checks[i], i + 1 == msg->n_checks, res);
		findings_done(&res->findings);
	}
	manifest_free(&run.manifest);
	free(res);
	return r;
}
