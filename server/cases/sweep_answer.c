/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What hosts answer to a sweep.  Runs on the collector's writer thread.  The
 * host may be in an attacker's hand: numbers are taken as they are, text is
 * bounded and quoted, and all of it stays marked as that host's word.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/cases/sweep.h"
#include "server/orders/facts.h"
#include "server/store/hosts.h"

#define TREES_MAX 16
#define PATH_ROOM 4200
#define FOUND_MAX (56 * 1024) /* bytes of JSON kept; within one part */
#define ADDRESS_ROOM 64

/* -- as JSON ---------------------------- */

static void
put_quoted(json_t *o, const char *key, const char *text)
{
	char out[PATH_ROOM];

	log_quote(out, sizeof(out), text, strnlen(text, sizeof(out)));
	json_object_set_new(o, key, json_string(out));
}

static void
put_number(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer(n > INT64_MAX ? INT64_MAX :
	    (json_int_t)n));
}

/* Only times that can be written: the host's clock may say anything. */
static void
put_when(json_t *o, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	if (ms > 0 && ms < 253402300800000) /* the year 10000 */
		json_object_set_new(o, key, json_string(clock_format(text, ms,
		    true)));
}

/* "10.1.2.3:443"; "?" for what is no address. */
static void
put_socket(json_t *o, const char *key, const Cordon__Address *a,
    uint32_t port)
{
	char ip[INET6_ADDRSTRLEN] = "?", text[ADDRESS_ROOM];

	if (a == NULL)
		return;
	if (a->ip.len == 4 || a->ip.len == 16)
		inet_ntop(a->ip.len == 4 ? AF_INET : AF_INET6, a->ip.data,
		    ip, sizeof(ip));
	snprintf(text, sizeof(text), strchr(ip, ':') != NULL ? "[%s]:%u" :
	    "%s:%u", ip, port & 0xffff);
	json_object_set_new(o, key, json_string(text));
}

static void
file_json(json_t *o, const Cordon__SweepRow *r)
{
	char hex[DIGEST_HEX_MAX], mode[16];

	put_quoted(o, "path", r->object);
	if (r->sha256.len == DIGEST_LEN)
		json_object_set_new(o, "sha256", json_string(hex_encode(hex,
		    r->sha256.data, DIGEST_LEN)));
	if (r->ends)
		json_object_set_new(o, "sha256_of_ends", json_true());
	snprintf(mode, sizeof(mode), "%06o", r->mode & 0177777);
	json_object_set_new(o, "mode", json_string(mode));
	put_number(o, "uid", r->uid);
	put_number(o, "gid", r->gid);
	put_quoted(o, "owner", r->owner);
	put_number(o, "size", r->size);
	put_when(o, "modified", r->changed_ms);
}

static void
user_json(json_t *o, const Cordon__SweepRow *r)
{
	put_quoted(o, "user", r->object);
	put_number(o, "uid", r->uid);
	put_number(o, "gid", r->gid);
	put_quoted(o, "line", r->line);
}

static void
socket_json(json_t *o, const Cordon__SweepRow *r)
{
	json_object_set_new(o, "protocol", json_string(r->protocol == 17 ?
	    "udp" : "tcp"));
	json_object_set_new(o, "state", json_string(r->before ? "before" :
	    r->listens ? "listens" : "connected"));
	put_socket(o, "local", r->local, r->local_port);
	put_socket(o, "peer", r->peer, r->peer_port);
	put_quoted(o, "program", r->object);
	put_number(o, "pid", r->pid);
	put_number(o, "uid", r->uid);
}

static void
process_json(json_t *o, const Cordon__SweepRow *r)
{
	put_number(o, "pid", r->pid);
	put_quoted(o, "exe", r->object);
	put_quoted(o, "argv0", r->argv0);
	put_number(o, "uid", r->uid);
	put_quoted(o, "owner", r->owner);
	put_when(o, "started", r->changed_ms);
}

static json_t *
row_json(enum sweep_kind kind, const Cordon__SweepRow *r)
{
	json_t *o = json_object();

	switch (kind) {
	case SWEEP_SHA256:
	case SWEEP_PATH:
		file_json(o, r);
		break;
	case SWEEP_USER:
		user_json(o, r);
		break;
	case SWEEP_ADDRESS:
		socket_json(o, r);
		break;
	case SWEEP_PROCESS:
		process_json(o, r);
		break;
	}
	return o;
}

/* As many rows as FOUND_MAX holds; the total tells of the rest. */
static char *
found_json(enum sweep_kind kind, const Cordon__Sweep *s)
{
	json_t *list = json_array(), *one;
	size_t i, len, used = 0;
	char *text;

	for (i = 0; i < s->n_rows && i < SWEEP_ROWS_MAX; i++) {
		one = row_json(kind, s->rows[i]);
		text = json_dumps(one, JSON_COMPACT);
		len = text != NULL ? strlen(text) + 1 : 0;
		free(text);
		if (len == 0 || used + len > FOUND_MAX) {
			json_decref(one);
			break;
		}
		used += len;
		json_array_append_new(list, one);
	}
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

static const char *
reach_name(Cordon__SweepReach reach)
{
	switch (reach) {
	case CORDON__SWEEP_REACH__SWEEP_REACH_ALL:
		return "all";
	case CORDON__SWEEP_REACH__SWEEP_REACH_NONE:
		return "none";
	default:
		return "part";
	}
}

static char *
cover_json(const Cordon__Sweep *s)
{
	json_t *o = json_object(), *trees = json_array();
	char text[TEXT_MAX_LEN], *out;
	size_t i;

	put_number(o, "looked", s->looked);
	put_when(o, "looked_at", s->looked_ms);
	json_object_set_new(o, "reach", json_string(reach_name(s->reach)));
	put_number(o, "unhashed", s->unhashed);
	put_number(o, "blind", s->blind);
	json_object_set_new(o, "partial", json_boolean(s->partial));
	for (i = 0; i < s->n_trees && i < TREES_MAX; i++)
		json_array_append_new(trees, json_string(facts_text(text,
		    s->trees[i])));
	json_object_set_new(o, "trees", trees);
	out = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return out;
}

/* -- keeping ---------------------------- */

static enum sweep_state
state_of(const Cordon__Sweep *s, uint64_t total)
{
	if (s->why[0] != '\0')
		return SWEEP_FAILED;
	if (total > 0)
		return SWEEP_FOUND;
	/* A look that did not end is no "no" either. */
	return s->partial || s->reach ==
	    CORDON__SWEEP_REACH__SWEEP_REACH_NONE ? SWEEP_UNCOVERED :
	    SWEEP_ABSENT;
}

/*
 * The host comes into the case, and what it said becomes evidence.  A host
 * that stands in another open case stays there: its recovery hangs on that
 * one, and an answer of a host decides nothing.
 */
static int
into_case(struct db *db, const struct sweep_row *sweep, const struct host *h,
    uint64_t total, const char *found)
{
	char text[TEXT_MAX_LEN];
	struct case_row c;
	bool other = h->case_id[0] != '\0' &&
	    strcmp(h->case_id, sweep->case_id) != 0;
	int rc;

	rc = case_get(db, sweep->case_id, &c);
	if (rc != 0 || c.state == CASE_CLOSED || c.state == CASE_DISMISSED)
		return rc == ERR_NOENT ? 0 : rc;
	snprintf(text, sizeof(text), "%s: %llu fit %s %.200s, as the host "
	    "says%s%s", sweep->sweep_id, (unsigned long long)total,
	    word_name(WORDS_SWEEP_KIND, (int)sweep->kind), sweep->what,
	    other ? "; it stays in case " : "", other ? h->case_id : "");
	if (!other)
		rc = case_add_host(db, sweep->case_id, h->host_id,
		    sweep->asked_by);
	if (rc == 0)
		rc = evidence_add(db, sweep->case_id, h->host_id, "sweep",
		    found, strlen(found), sweep->asked_by, text);
	return rc == 0 ? case_derive(db, sweep->case_id) : rc;
}

static int
tell_found(struct db *db, const struct sweep_row *sweep,
    const struct host *h, uint64_t total, const char *found)
{
	int rc;

	rc = audit_add(db,
	    &(struct audit_entry){.who = ACTOR_AGENT, .what = "sweep.found",
	    .host = h->name, .object = sweep->sweep_id,
	    .case_id = sweep->case_id[0] != '\0' ? sweep->case_id : NULL},
	    "says that %llu fit %s %.200s", (unsigned long long)total,
	    word_name(WORDS_SWEEP_KIND, (int)sweep->kind), sweep->what);
	return rc == 0 && sweep->case_id[0] != '\0' ?
	    into_case(db, sweep, h, total, found) : rc;
}

/* Was this host asked that, and is the answer still waited for? */
static int
find_asked(struct db *db, const char *host_id, const Cordon__Sweep *s,
    struct sweep_row *sweep)
{
	int64_t n = 0;
	int rc;

	if (!id_valid(s->sweep_id))
		return ERR_PROTO;
	rc = sweep_get(db, s->sweep_id, sweep);
	if (rc == 0)
		rc = db_one_int(db, &n, "SELECT count(*) FROM sweep_hosts "
		    "WHERE sweep_id = $1 AND host_id = $2 AND done_at = 0 "
		    "AND sent_at > 0", "ss", s->sweep_id, host_id);
	if (rc == 0 && (n == 0 || sweep->until <= db_now(db)))
		rc = ERR_NOENT;
	return rc;
}

int
sweep_take(struct db *db, const char *host_id, const Cordon__Sweep *s)
{
	char why[TEXT_MAX_LEN], *found = NULL, *cover = NULL;
	uint64_t total = s->total < s->n_rows ? s->n_rows : s->total;
	enum sweep_state state = state_of(s, total);
	struct sweep_row sweep;
	struct host h;
	int rc;

	rc = find_asked(db, host_id, s, &sweep);
	if (rc == ERR_NOENT)
		log_debug("host %s: sweep %s is not waited for", host_id,
		    s->sweep_id);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	found = found_json(sweep.kind, s);
	cover = cover_json(s);
	rc = found == NULL || cover == NULL ? ERR_NOMEM :
	    hosts_get(db, host_id, &h);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE sweep_hosts SET state = $1, done_at = $2, "
		    "total = $3, found = $4, cover = $5, why = $6 "
		    "WHERE sweep_id = $7 AND host_id = $8", "iiisssss",
		    (int64_t)state, db_now(db), total > INT64_MAX ?
		    INT64_MAX : (int64_t)total, found, cover,
		    facts_text(why, s->why), sweep.sweep_id, h.host_id);
	if (rc == 0 && state == SWEEP_FOUND)
		rc = tell_found(db, &sweep, &h, total, found);
	if (rc == 0)
		rc = sweep_hello(db, host_id); /* what still waits for it */
	free(found);
	free(cover);
	return rc;
}
