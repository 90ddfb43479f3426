/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sweep, sweep show, sweep list: one question to the whole fleet.  What
 * hosts say is quoted before it reaches the terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/ctl/cmd.h"

#define WAIT_SECONDS 30
#define TURN_FAST_US 20000 /* during the first second */
#define TURN_SLOW_US 250000
#define ROWS_SHOWN 10
#define NAMES_SHOWN 12

/* In the order in which they are told. */
static const char *const states[] = { "found", "absent", "uncovered",
	"failed", "asked", "late", "away", "too-old" };
#define STATES (sizeof(states) / sizeof(states[0]))

static int64_t
count_of(const json_t *sweep, const char *state)
{
	return json_num(json_object_get(sweep, "count"), state);
}

int
sweep_code(const json_t *sweep)
{
	bool found = count_of(sweep, "found") > 0;

	if (json_yes(sweep, "complete"))
		return found ? EXIT_DONE : EXIT_NOTHING;
	return found ? EXIT_PARTLY : EXIT_UNPROVEN;
}

/* -- rows ---------------------------- */

/* "100755" -> "-rwxr-xr-x" (inode(7), as ls(1) writes it). */
static const char *
mode_text(struct out *o, const char *octal)
{
	static const char types[16] = { '?', 'p', 'c', '?', 'd', '?', 'b',
		'?', '-', '?', 'l', '?', 's', '?', '?', '?' };
	static const char bits[] = "rwxrwxrwx";
	unsigned long mode = strtoul(octal, NULL, 8);
	char *text = out_buf(o);
	int i;

	text[0] = types[mode >> 12 & 15];
	for (i = 0; i < 9; i++)
		text[i + 1] = mode >> (8 - i) & 1 ? bits[i] : '-';
	if (mode & 04000)
		text[3] = mode & 0100 ? 's' : 'S';
	if (mode & 02000)
		text[6] = mode & 010 ? 's' : 'S';
	if (mode & 01000)
		text[9] = mode & 1 ? 't' : 'T';
	text[10] = '\0';
	return text;
}

/* "li(1000)"; only the number when no account has it. */
static const char *
owner_text(struct out *o, const json_t *row)
{
	char *text = out_buf(o);

	if (json_str(row, "owner")[0] == '\0')
		return out_num(o, json_num(row, "uid"));
	snprintf(text, OUT_TEXT_MAX, "%.200s(%lld)", out_q(o, row, "owner"),
	    (long long)json_num(row, "uid"));
	return text;
}

static void
print_file(struct out *o, const json_t *row)
{
	const char *sum = out_q(o, row, "sha256");

	fprintf(o->out, "      %s\n        %s %s %lld B  %s\n",
	    out_q(o, row, "path"), mode_text(o, json_str(row, "mode")),
	    owner_text(o, row), (long long)json_num(row, "size"),
	    out_stamp(o, json_time(row, "modified")));
	if (sum[0] != '\0')
		fprintf(o->out, "        SHA-256 %s%s\n", sum,
		    json_yes(row, "sha256_of_ends") ?
		    text_of(T_SWEEP_ENDS, o->lang) : "");
	else
		out_say(o, T_SWEEP_UNREAD, NULL);
}

static void
print_user(struct out *o, const json_t *row)
{
	fprintf(o->out, "      %s  uid=%lld gid=%lld %s\n", out_q(o, row,
	    "user"), (long long)json_num(row, "uid"),
	    (long long)json_num(row, "gid"), out_q(o, row, "line"));
}

static void
print_socket(struct out *o, const json_t *row)
{
	const char *state = json_str(row, "state");
	const char *local = out_q(o, row, "local");
	const char *peer = out_q(o, row, "peer");

	fprintf(o->out, "      %s %s%s%s  %s", out_q(o, row, "protocol"),
	    local, local[0] != '\0' && peer[0] != '\0' ? " -> " :
	    peer[0] != '\0' ? "-> " : "", peer,
	    text_of(strcmp(state, "before") == 0 ? T_SWEEP_BEFORE :
	    strcmp(state, "listens") == 0 ? T_SWEEP_LISTENS :
	    T_SWEEP_CONNECTED, o->lang));
	fprintf(o->out, "  %s", out_q(o, row, "program"));
	if (json_num(row, "pid") > 0)
		fprintf(o->out, " %s", out_text(o, T_FLOW_PID, out_num(o,
		    json_num(row, "pid")), NULL));
	fprintf(o->out, "\n");
}

static void
print_process(struct out *o, const json_t *row)
{
	fprintf(o->out, "      %s  %s  argv0 %s  %s  %s\n", out_text(o,
	    T_FLOW_PID, out_num(o, json_num(row, "pid")), NULL),
	    out_q(o, row, "exe"), out_q(o, row, "argv0"), owner_text(o, row),
	    out_stamp(o, json_time(row, "started")));
}

static void
print_row(struct out *o, const char *kind, const json_t *row)
{
	if (strcmp(kind, "user") == 0)
		print_user(o, row);
	else if (strcmp(kind, "address") == 0)
		print_socket(o, row);
	else if (strcmp(kind, "process") == 0)
		print_process(o, row);
	else
		print_file(o, row);
}

/* -- hosts ---------------------------- */

static void
print_found(struct out *o, const json_t *sweep)
{
	const json_t *hosts = json_object_get(sweep, "hosts"), *one, *row;
	const char *kind = json_str(sweep, "kind");
	size_t i, k;

	json_array_foreach((json_t *)(uintptr_t)hosts, i, one) {
		if (strcmp(json_str(one, "state"), "found") != 0)
			continue;
		out_say(o, T_SWEEP_HOST, out_mark(o, MARK_BAD), out_q(o, one,
		    "host"), out_q(o, one, "group"), out_q(o, one, "tier"),
		    out_num(o, json_num(one, "total")), NULL);
		json_array_foreach(json_object_get(one, "rows"), k, row)
			print_row(o, kind, row);
		if (json_yes(one, "truncated"))
			out_say(o, T_SWEEP_MORE, out_num(o, json_num(one,
			    "total") - (int64_t)k), NULL);
	}
}

/* Add KEY of ONE, quoted, to TEXT; the ring of out_q is too short here. */
static size_t
add_quoted(char *text, size_t len, const json_t *one, const char *key,
    const char *before, const char *behind)
{
	char quoted[200];
	const char *raw = json_str(one, key);

	if (raw[0] == '\0' || len >= OUT_TEXT_MAX - 300)
		return len;
	log_quote(quoted, sizeof(quoted), raw, strlen(raw));
	return len + (size_t)snprintf(text + len, OUT_TEXT_MAX - len,
	    "%s%s%s", before, quoted, behind);
}

/* "fin-1, fin-2 and 3 more"; with its own words where it gave some. */
static const char *
names_in(struct out *o, const json_t *sweep, const char *state)
{
	const json_t *hosts = json_object_get(sweep, "hosts"), *one;
	char *text = out_buf(o);
	size_t i, len = 0;
	int64_t n = 0;

	text[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)hosts, i, one) {
		if (strcmp(json_str(one, "state"), state) != 0 ||
		    n++ >= NAMES_SHOWN)
			continue;
		len = add_quoted(text, len, one, "host", len > 0 ? ", " : "",
		    "");
		len = add_quoted(text, len, one, "why", " (", ")");
	}
	if (n > NAMES_SHOWN)
		snprintf(text + len, OUT_TEXT_MAX - len, ", %s", out_text(o,
		    T_CUTS_MORE, out_num(o, n - NAMES_SHOWN), NULL));
	return text;
}

static void
print_counts(struct out *o, const json_t *sweep)
{
	struct table t;
	size_t i;

	table_init(&t, 4);
	for (i = 0; i < STATES; i++)
		if (count_of(sweep, states[i]) > 0)
			table_add(&t, (const char *const[]){ "", out_word(o,
			    WORDS_SWEEP_STATE, states[i]), out_num(o,
			    count_of(sweep, states[i])), names_in(o, sweep,
			    states[i]) });
	table_print(o, &t);
	table_done(&t);
}

/* What the answers rest on: the oldest look, and what none covers. */
static void
print_cover(struct out *o, const json_t *sweep)
{
	const json_t *hosts = json_object_get(sweep, "hosts"), *one, *cover;
	int64_t at, oldest = 0, looked = 0, unhashed = 0, part = 0, blind = 0;
	const char *kind = json_str(sweep, "kind");
	const json_t *of = NULL;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)hosts, i, one) {
		cover = json_object_get(one, "cover");
		if (cover == NULL || json_str(one, "why")[0] != '\0')
			continue;
		looked += json_num(cover, "looked");
		unhashed += json_num(cover, "unhashed");
		blind += json_num(cover, "blind") > 0;
		part += strcmp(json_str(cover, "reach"), "all") != 0;
		at = json_time(cover, "looked_at");
		if (at > 0 && (oldest == 0 || at < oldest)) {
			oldest = at;
			of = one;
		}
	}
	if (oldest == 0)
		return;
	if (strcmp(kind, "address") == 0 || strcmp(kind, "process") == 0) {
		out_say(o, strcmp(kind, "address") == 0 ? T_SWEEP_SOCKETS :
		    T_SWEEP_PROCESSES, out_num(o, looked), NULL);
		return;
	}
	out_say(o, strcmp(kind, "user") == 0 ? T_SWEEP_ACCOUNTS :
	    T_SWEEP_INDEX, out_num(o, looked), out_ago(o, oldest), out_q(o,
	    of, "host"), NULL);
	if (strcmp(kind, "sha256") == 0 && unhashed > 0)
		out_say(o, T_SWEEP_UNHASHED, out_num(o, unhashed), NULL);
	if (blind > 0)
		out_say(o, T_SWEEP_BLIND, out_num(o, blind), NULL);
	if (part > 0)
		out_say(o, T_SWEEP_TREES, out_num(o, part), NULL);
}

void
sweep_print(struct out *o, const json_t *sweep)
{
	out_say(o, T_SWEEP_HEAD, out_q(o, sweep, "sweep"), out_word(o,
	    WORDS_SWEEP_KIND, json_str(sweep, "kind")), out_q(o, sweep,
	    "what"), out_num(o, json_num(sweep, "hosts_asked")), out_q(o,
	    sweep, "selector"), NULL);
	print_found(o, sweep);
	print_counts(o, sweep);
	print_cover(o, sweep);
}

static void
say_next(struct ctl *c, const json_t *sweep)
{
	struct out *o = &c->o;

	if (json_yes(sweep, "open"))
		out_next(o, out_text(o, T_NEXT_SWEEP_OPEN, out_q(o, sweep,
		    "sweep"), out_when(o, json_time(sweep, "until")), NULL));
	else if (count_of(sweep, "found") > 0)
		out_next(o, out_text(o, T_NEXT_ISOLATE, out_q(o,
		    json_array_get(json_object_get(sweep, "hosts"), 0),
		    "host"), NULL));
	else if (!json_yes(sweep, "complete"))
		out_next(o, text_of(T_NEXT_SWEEP_FOR, o->lang));
	else
		out_next(o, text_of(T_NEXT_STATUS, o->lang));
}

/* -- asking ---------------------------- */

static int
get_sweep(struct ctl *c, const char *id, int64_t rows, json_t **out)
{
	char path[128];

	snprintf(path, sizeof(path), "/v1/sweeps/{}?rows=%lld",
	    (long long)rows);
	json_decref(*out);
	*out = NULL;
	return ask_at(c, "GET", path, id, NULL, out);
}

static int64_t
rows_wanted(const struct ctl *c)
{
	return c->a.limit > 100 ? 100 : c->a.limit > 0 ? c->a.limit :
	    ROWS_SHOWN;
}

static int
show(struct ctl *c, const char *id)
{
	json_t *sweep = NULL;
	int rc;

	rc = get_sweep(c, id, rows_wanted(c), &sweep);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, sweep);
	else
		sweep_print(&c->o, sweep);
	say_next(c, sweep);
	rc = sweep_code(sweep);
	json_decref(sweep);
	return rc;
}

/* Until every host that is here has answered, or time is up. */
static int
wait_answers(struct ctl *c, const char *id)
{
	int64_t start = clock_boot_ms(), now, waits;
	int64_t late = start + 1000 * (c->a.wait > 0 ? c->a.wait :
	    WAIT_SECONDS);
	json_t *sweep = NULL;
	int rc;

	for (;;) {
		rc = get_sweep(c, id, 0, &sweep);
		if (rc != EXIT_DONE)
			return rc;
		now = clock_boot_ms();
		waits = count_of(sweep, "asked");
		if (waits == 0 || now >= late)
			break;
		usleep(now - start < 1000 ? TURN_FAST_US : TURN_SLOW_US);
	}
	out_tell(&c->o, T_SWEEP_TOOK, out_num(&c->o, count_of(sweep,
	    "found") + count_of(sweep, "absent") + count_of(sweep,
	    "uncovered") + count_of(sweep, "failed")), out_num(&c->o,
	    json_num(sweep, "hosts_asked")), out_num(&c->o, now - start),
	    NULL);
	json_decref(sweep);
	return EXIT_DONE;
}

static void
put(json_t *body, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(body, key, json_string(text));
}

static json_t *
make_body(const struct args *a)
{
	int64_t wait = a->wait > 0 ? a->wait : WAIT_SECONDS;
	json_t *body = json_object(), *hosts;
	size_t i;

	put(body, "sha256", a->sha256);
	put(body, "path", a->path);
	put(body, "user", a->user);
	put(body, "address", a->address);
	put(body, "process", a->process);
	put(body, "group", a->group);
	put(body, "tier", a->tier);
	put(body, "reason", a->reason);
	put(body, "case", a->case_id);
	json_object_set_new(body, "for_seconds", json_integer(a->stay > 0 ?
	    a->stay : wait));
	if (a->hosts.n == 0)
		return body;
	hosts = json_array();
	for (i = 0; i < a->hosts.n; i++)
		json_array_append_new(hosts, json_string(a->hosts.item[i]));
	json_object_set_new(body, "hosts", hosts);
	return body;
}

int
cmd_sweep(struct ctl *c)
{
	const struct args *a = &c->a;
	json_t *body, *got = NULL;
	int rc;

	if ((a->sha256 != NULL) + (a->path != NULL) + (a->user != NULL) +
	    (a->address != NULL) + (a->process != NULL) != 1)
		return usage(c, "sweep", "give one of --sha256, --path, "
		    "--user, --address, --process");
	if (a->reason == NULL && a->case_id == NULL)
		return usage(c, "sweep", "--reason must say why, or --case "
		    "name the case");
	body = make_body(a);
	rc = ask(c, "POST", "/v1/sweeps", body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	rc = wait_answers(c, json_str(got, "sweep"));
	if (rc == EXIT_DONE)
		rc = show(c, json_str(got, "sweep"));
	json_decref(got);
	return rc;
}

int
cmd_sweep_show(struct ctl *c)
{
	return show(c, c->a.pos[0]);
}

static void
add_sweep(struct out *o, struct table *t, const json_t *one)
{
	table_add(t, (const char *const[]){ out_q(o, one, "sweep"),
	    out_when(o, json_time(one, "asked_at")), out_q(o, one,
	    "asked_by"), out_word(o, WORDS_SWEEP_KIND, json_str(one,
	    "kind")), out_q(o, one, "what"), out_text(o, T_SWEEP_TALLY,
	    out_num(o, count_of(one, "found")), out_num(o, count_of(one,
	    "absent")), out_num(o, json_num(one, "hosts_asked")), NULL) });
}

int
cmd_sweep_list(struct ctl *c)
{
	static const struct listing of = { "sweeps", "sweep", 6, add_sweep,
	    T_NEXT_SWEEP_SHOW, T_NEXT_STATUS };
	char path[128] = "/v1/sweeps";

	if (c->a.limit > 0)
		query_add(path, sizeof(path), "limit", out_num(&c->o,
		    c->a.limit > 200 ? 200 : c->a.limit));
	return listing_show(c, path, &of);
}
