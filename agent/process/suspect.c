/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The judgement over one process.  Pure; runs on the thread of the process
 * sensor.  Arguments and names are the process's own and only ever make
 * things worse, never better; what excuses is a path from the kernel.
 */
#include "agent/process/suspect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/process/deceit.h"
#include "agent/process/names.h"
#include "common/base/log.h"

#define SHOWN 160 /* bytes of a path in a text */

struct shown {
	char text[SHOWN];
};

static const char *
show(struct shown *out, const char *text)
{
	return log_quote(out->text, sizeof(out->text), text, strlen(text));
}

/* The first finding is the verdict; later ones stand beside it. */
static bool
find(struct suspect *out, const char *kind, Cordon__Severity severity,
    const char *object)
{
	if (out->kind != NULL) {
		if (out->alsos < SUSPECT_ALSO_MAX)
			out->also[out->alsos++] = kind;
		return false;
	}
	out->kind = kind;
	out->severity = severity;
	snprintf(out->object, sizeof(out->object), "%s", object);
	return true;
}

static void
begin(struct suspect *out)
{
	memset(out, 0, sizeof(*out));
}

/* -- what excuses ------------------------------------------------------ */

static bool
allowed(char *const *list, size_t n, const char *path)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strncmp(path, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

static bool
has_parent(const struct process_seen *s, bool (*is)(const char *path))
{
	size_t i;

	for (i = 0; i < s->ups; i++)
		if (is(s->up[i].exe))
			return true;
	return false;
}

/* Scripts of packages are run by dpkg or rpm, and before that by apt's own
 * way of asking questions; dnf is a script itself. */
static bool
by_packager(const struct process_seen *s)
{
	static const char *const scripts[] = {"/usr/sbin/dpkg-preconfigure",
	    "/usr/bin/dnf", "/usr/bin/dnf-3", "/usr/bin/yum"};
	struct seen_script script;
	bool named = false;
	size_t i, k;

	if (s->packager || has_parent(s, path_is_packager))
		return true;
	for (i = 0; i < s->ups; i++) {
		if (!name_is_interpreter(s->up[i].exe))
			continue;
		seen_script(s->up[i].exe, &s->up[i].args, &script);
		for (k = 0; script.path != NULL && k < 4; k++)
			named |= place_of(s->up[i].exe) == PLACE_SYSTEM &&
			    strcmp(script.path, scripts[k]) == 0 &&
			    s->up[i].uid == 0;
	}
	return named;
}

/* configure runs its programs by a shell. */
static bool
is_configure(const char *exe, const struct seen_args *args)
{
	struct seen_script script;

	if (!name_is_shell(exe))
		return false;
	seen_script(exe, args, &script);
	return script.path != NULL &&
	    strcmp(name_of(script.path), "configure") == 0;
}

static bool
by_configure(const struct process_seen *s)
{
	size_t i;

	for (i = 0; i < s->ups; i++)
		if (is_configure(s->up[i].exe, &s->up[i].args))
			return true;
	return false;
}

bool
suspect_is_builder(const struct process_seen *s)
{
	return path_is_builder(s->exe) || is_configure(s->exe, &s->args);
}

static bool
in_build(const struct process_seen *s)
{
	return !uid_is_service(s->euid) && (s->builder ||
	    has_parent(s, path_is_builder) || by_configure(s));
}

/* A build runs what it made: its own file, of one who is no service.  Of
 * a short test nothing is left to look at but its parents. */
static bool
by_builder(const struct process_seen *s)
{
	return (!s->file_known || s->file_owner == s->euid) &&
	    (s->dir_mode & S_IWOTH) == 0 && in_build(s);
}

/* Somebody who logged in, at a terminal, runs his own file. */
static bool
by_person(const struct process_seen *s)
{
	return s->login_uid != UINT32_MAX && s->fd[0].kind == SEEN_TTY &&
	    s->file_known && s->file_owner == s->euid && s->euid >= 1000;
}

/* -- remote shells ----------------------------------------------------- */

static bool
can_be_shell(const struct process_seen *s, struct seen_script *script)
{
	if (!name_is_shell(s->exe) && !name_is_interpreter(s->exe) &&
	    !name_is_loader(s->exe))
		return false;
	seen_script(s->exe, &s->args, script);
	return true;
}

/* A service of one connection, as inetd or systemd's Accept= starts it. */
static bool
by_init(const struct process_seen *s, const struct seen_script *script)
{
	return s->parent == 1 && script->path != NULL &&
	    place_of(script->path) == PLACE_SYSTEM;
}

static void
tell_remote(struct suspect *out, const struct process_seen *s,
    const char *by, const char *peer)
{
	struct shown a, b;

	if (!find(out, "process.remote-shell", CORDON__SEVERITY__SEVERITY_NONE,
	    s->exe))
		return;
	snprintf(out->text, sizeof(out->text), "%s is fed by %s%s%s",
	    show(&a, s->exe), peer, by[0] != '\0' ? " through " : "",
	    by[0] != '\0' ? show(&b, by) : "");
}

static void
judge_remote(const struct process_seen *s, struct suspect *out)
{
	const struct seen_relay *r = &s->relay;
	struct seen_script script;
	bool in, both;

	if (!can_be_shell(s, &script))
		return;
	in = s->fd[0].kind == SEEN_NET;
	both = in && (s->fd[1].kind == SEEN_NET ||
	    s->fd[2].kind == SEEN_NET);
	if (in && (script.path == NULL || both) && !by_init(s, &script)) {
		tell_remote(out, s, "", s->fd[0].peer);
		return;
	}
	if (script.interactive && s->fd[1].kind == SEEN_NET) {
		tell_remote(out, s, "", s->fd[1].peer);
		return;
	}
	if (r->pid == 0 || script.path != NULL || !name_is_shell(s->exe) ||
	    (script.code != NULL && !script.interactive && !r->standard))
		return;
	if (name_is_relay(r->exe) || (r->inline_code && !r->by_pipe) ||
	    (r->standard && !r->by_pipe))
		tell_remote(out, s, r->exe, r->peer);
}

bool
suspect_may_be_fed(const struct process_seen *s)
{
	struct seen_script script;

	if (!name_is_shell(s->exe))
		return false;
	seen_script(s->exe, &s->args, &script);
	return script.path == NULL &&
	    (script.code == NULL || script.interactive) &&
	    (s->fd[0].kind == SEEN_PIPE || s->fd[1].kind == SEEN_PIPE ||
	    s->fd[0].kind == SEEN_SOCKET || (s->ups > 0 &&
	    (name_is_relay(s->up[0].exe) ||
	    name_is_interpreter(s->up[0].exe))));
}

/* -- names ------------------------------------------------------------- */

static void
tell_pretends(struct suspect *out, const struct process_seen *s,
    const char *name, const char *what)
{
	struct shown a, b;

	if (find(out, "process.pretends", CORDON__SEVERITY__SEVERITY_NONE,
	    s->exe))
		snprintf(out->text, sizeof(out->text), "%s calls itself %s, "
		    "as %s does", show(&a, s->exe), show(&b, name), what);
}

/* The name that the process or its arguments give, without "-", ":", ... */
static bool
is_daemon(const char *text)
{
	char word[SEEN_NAME_MAX + 16];
	size_t n;

	text += *text == '-';
	text = text[0] == '/' ? name_of(text) : text;
	n = strcspn(text, ": ");
	if (n == 0 || n >= sizeof(word))
		return false;
	memcpy(word, text, n);
	word[n] = '\0';
	return name_is_daemon(word);
}

static void
judge_name(const struct process_seen *s, const char *name,
    struct suspect *out)
{
	const bool system = place_of(s->exe) == PLACE_SYSTEM;

	if (name_is_kernel(name) && !path_is_runtime(s->exe)) {
		tell_pretends(out, s, name, "a thread of the kernel");
		return;
	}
	if (is_daemon(name) && (!system || name_is_interpreter(s->exe) ||
	    (name_is_shell(s->exe) && strcmp(name_of(s->exe), "busybox") !=
	    0)))
		tell_pretends(out, s, name, "a daemon of the system");
}

static void
judge_names(const struct process_seen *s, struct suspect *out)
{
	const char *called = seen_arg(&s->args, 0);
	struct seen_script script;

	judge_name(s, name_of(s->exe), out);
	if (called != NULL && out->kind == NULL)
		judge_name(s, called, out);
	/* "/usr/sbin/x" that is another program, not of the system */
	if (called != NULL && out->kind == NULL && called[0] == '/' &&
	    strcmp(called, s->exe) != 0 && !s->memory &&
	    place_of(called) == PLACE_SYSTEM &&
	    place_of(s->exe) == PLACE_VOLATILE)
		tell_pretends(out, s, called, "a program of the system");
	if (out->kind != NULL || !can_be_shell(s, &script) ||
	    script.path == NULL || place_of(script.path) != PLACE_VOLATILE)
		return;
	if (name_is_daemon(name_of(script.path)))
		tell_pretends(out, s, script.path, "a daemon of the system");
}

static void
tell_deceit(struct suspect *out, const char *path, const char *how)
{
	struct shown a;

	if (find(out, "process.pretends", CORDON__SEVERITY__SEVERITY_NONE,
	    path))
		snprintf(out->text, sizeof(out->text), "\"%s\" runs: %s",
		    show(&a, path), how);
}

/* Python runs archives of modules as they are. */
static bool
is_zipapp(const struct process_seen *s)
{
	const size_t n = strlen(s->script);

	return strncmp(name_of(s->exe), "python", 6) == 0 && n > 4 &&
	    strcmp(s->script + n - 4, ".zip") == 0;
}

/*
 * A script counts if its file may be run: what somebody hands to a shell by
 * hand ("sh notes.txt") deceives nobody.  Tests of builds have any name.
 */
static void
judge_deceit(const struct process_seen *s, const struct suspect_rules *rules,
    struct suspect *out)
{
	char how[DECEIT_TEXT_MAX];

	if (in_build(s))
		return;
	if (!s->memory && !allowed(rules->exec_allow, rules->execs, s->exe) &&
	    deceit_name(s->exe, false, how))
		tell_deceit(out, s->exe, how);
	else if ((s->script_mode & 0111) != 0 && !is_zipapp(s) &&
	    !allowed(rules->exec_allow, rules->execs, s->script) &&
	    deceit_name(s->script, true, how))
		tell_deceit(out, s->script, how);
}

bool
suspect_name(const struct process_seen *s, struct suspect *out)
{
	begin(out);
	judge_name(s, s->name, out);
	return out->kind != NULL;
}

/* -- where programs are ------------------------------------------------ */

static void
judge_memory(const struct process_seen *s, struct suspect *out)
{
	struct shown a;

	if (s->memory) {
		/* Runtimes run a copy of themselves, so that no container
		 * can write into the program. */
		if (s->ups > 0 && path_is_runtime(s->up[0].exe))
			return;
		if (find(out, "process.memory-exec",
		    CORDON__SEVERITY__SEVERITY_NONE, s->exe))
			snprintf(out->text, sizeof(out->text),
			    "%s runs from memory; there is no file",
			    show(&a, s->exe));
		return;
	}
	/* Of an upgrade: there is a new one, or it ran before it. */
	if (!s->deleted || s->again ||
	    (s->walk && place_of(s->exe) == PLACE_SYSTEM) ||
	    (place_of(s->exe) == PLACE_SYSTEM && by_packager(s)) ||
	    by_builder(s))
		return;
	if (find(out, "process.deleted-exec", CORDON__SEVERITY__SEVERITY_NONE,
	    s->exe))
		snprintf(out->text, sizeof(out->text),
		    "%s runs, but its file was deleted", show(&a, s->exe));
}

static void
judge_preload(const struct process_seen *s, struct suspect *out)
{
	struct shown a, b;
	char first[SEEN_PATH_MAX];
	size_t n = strcspn(s->preload, ": ");

	if (n == 0 || n >= sizeof(first))
		return;
	memcpy(first, s->preload, n);
	first[n] = '\0';
	/* fakeroot and its like: by a name that the loader looks for */
	if (first[0] != '/' || place_of(first) == PLACE_SYSTEM ||
	    by_packager(s))
		return;
	if (place_of(first) == PLACE_VOLATILE || place_is_hidden(first) ||
	    uid_is_service(s->euid) || s->euid == 0) {
		if (find(out, "process.preload",
		    CORDON__SEVERITY__SEVERITY_NONE, s->exe))
			snprintf(out->text, sizeof(out->text), "%s is made "
			    "to load %s before its own libraries",
			    show(&a, s->exe), show(&b, first));
	}
}

static void
tell_place(struct suspect *out, const struct process_seen *s,
    const char *path, const char *what)
{
	Cordon__Severity severity = CORDON__SEVERITY__SEVERITY_NONE;
	struct shown a;

	if (place_is_hidden(path) || strncmp(path, "/dev/", 5) == 0 ||
	    uid_is_service(s->euid))
		severity = CORDON__SEVERITY__SEVERITY_HIGH;
	else if (by_person(s))
		severity = CORDON__SEVERITY__SEVERITY_LOW;
	if (find(out, "process.volatile-exec", severity, path))
		snprintf(out->text, sizeof(out->text), "%s runs from %s",
		    show(&a, path), what);
}

/* A person's own file; of one that is gone its user has to do. */
static bool
is_own(const struct process_seen *s, const char *path)
{
	uint32_t owner = s->file_known ? s->file_owner : SEEN_UID_UNKNOWN;

	if (path == s->script)
		owner = s->script_owner;
	return s->euid != SEEN_UID_UNKNOWN && s->euid >= 1000 &&
	    !uid_is_service(s->euid) &&
	    (owner == SEEN_UID_UNKNOWN || owner == s->euid);
}

static bool
judge_hidden(const struct process_seen *s, const char *path,
    struct suspect *out)
{
	const enum hidden hidden = deceit_hidden(path);

	if (hidden == HIDDEN_NOT || (hidden == HIDDEN_APP &&
	    is_own(s, path)) || (s->walk && deceit_removed(path)))
		return false;
	tell_place(out, s, path, name_of(path)[0] == '.' ?
	    "a hidden file outside of homes" :
	    "a hidden folder outside of homes");
	return true;
}

static void
judge_place(const struct process_seen *s, const struct suspect_rules *rules,
    struct suspect *out)
{
	struct seen_script script;
	const char *path = s->exe;

	if (s->memory)
		return;
	if (place_of(path) == PLACE_SYSTEM && can_be_shell(s, &script) &&
	    script.path != NULL && script.path[0] == '/')
		path = script.path;
	if (allowed(rules->exec_allow, rules->execs, path) ||
	    by_packager(s) || by_builder(s))
		return;
	if (place_of(path) == PLACE_VOLATILE)
		tell_place(out, s, path, "a place where anybody may write");
	else if (judge_hidden(s, s->exe, out) ||
	    (!allowed(rules->exec_allow, rules->execs, s->script) &&
	    judge_hidden(s, s->script, out)))
		return;
	else if (path != s->exe)
		return; /* of a script only its place is known */
	else if (s->file_known && (s->dir_mode & S_IWOTH) != 0)
		tell_place(out, s, path,
		    "a folder where anybody may write");
	else if (s->file_known && (s->file_mode & S_IWOTH) != 0)
		tell_place(out, s, path,
		    "a file that anybody may write");
	else if (uid_is_service(s->euid) && place_of(path) != PLACE_SYSTEM &&
	    (place_of(path) == PLACE_HOME ||
	    (s->file_known && s->file_owner == s->euid)))
		tell_place(out, s, path,
		    "a place where its own service may write");
}

/* -- services ---------------------------------------------------------- */

/* PostgreSQL runs the administrator's commands for its archive. */
static bool
is_archive_worker(const struct seen_parent *p)
{
	const char *title = p->args.text;

	return strcmp(name_of(p->exe), "postgres") == 0 &&
	    (strncmp(title, "postgres:", 9) != 0 ||
	    strstr(title, "archiver") != NULL ||
	    strstr(title, "startup") != NULL);
}

static bool
is_mail(const char *code)
{
	static const char *const mailers[] = {"/usr/sbin/sendmail ",
	    "/usr/lib/sendmail ", "sendmail "};
	size_t i;

	for (i = 0; i < 3; i++)
		if (strncmp(code, mailers[i], strlen(mailers[i])) == 0 &&
		    strpbrk(code, ";|&`$<>\n") == NULL)
			return true;
	return false;
}

static void
judge_service(const struct process_seen *s,
    const struct suspect_rules *rules, struct suspect *out)
{
	const struct seen_parent *p = &s->up[0];
	struct seen_script script;
	struct shown a, b;

	if (s->ups == 0 || !name_is_service(p->exe) ||
	    !uid_is_service(s->euid) || !can_be_shell(s, &script) ||
	    allowed(rules->shell_allow, rules->shells, p->exe) ||
	    is_archive_worker(p))
		return;
	/* A script of the system's is what the service was told to run. */
	if (script.path != NULL && place_of(script.path) == PLACE_SYSTEM)
		return;
	if (script.path != NULL && !name_is_shell(s->exe))
		return; /* its own program: PHP, Python */
	if (script.code != NULL && is_mail(script.code))
		return;
	if (find(out, "process.service-shell",
	    CORDON__SEVERITY__SEVERITY_NONE, p->exe))
		snprintf(out->text, sizeof(out->text), "the service %s "
		    "started %s%s%s", show(&a, p->exe), name_of(s->exe),
		    script.code != NULL ? " with " : "",
		    script.code != NULL ? show(&b, script.code) : "");
}

/* -- all of it --------------------------------------------------------- */

unsigned int
suspect_need(const struct process_seen *s)
{
	char how[DECEIT_TEXT_MAX];

	if (deceit_hidden(s->exe) != HIDDEN_NOT ||
	    deceit_name(s->exe, false, how))
		return NEED_ALL;
	if (name_is_shell(s->exe) || name_is_interpreter(s->exe) ||
	    name_is_loader(s->exe))
		return place_of(s->exe) != PLACE_SYSTEM ? NEED_ALL :
		    NEED_ARGS | NEED_FDS | NEED_PARENT | NEED_SCRIPT;
	if (place_of(s->exe) == PLACE_SYSTEM && !s->deleted && !s->memory)
		return NEED_NOTHING;
	return NEED_ALL;
}

bool
suspect_exec(const struct process_seen *s, const struct suspect_rules *rules,
    struct suspect *out)
{
	begin(out);
	judge_remote(s, out);
	judge_memory(s, out);
	if (!allowed(rules->exec_allow, rules->execs, s->exe))
		judge_names(s, out);
	judge_deceit(s, rules, out);
	judge_preload(s, out);
	judge_service(s, rules, out);
	judge_place(s, rules, out);
	return out->kind != NULL;
}

bool
suspect_script(const struct process_seen *s,
    const struct suspect_rules *rules, struct suspect *out)
{
	begin(out);
	judge_deceit(s, rules, out);
	if (!allowed(rules->exec_allow, rules->execs, s->script) &&
	    !by_packager(s) && !in_build(s))
		judge_hidden(s, s->script, out);
	return out->kind != NULL;
}

bool
suspect_trace(const struct process_seen *s,
    const struct process_seen *tracer, struct suspect *out)
{
	static const char *const debuggers[] = {"/usr/bin/strace",
	    "/usr/bin/gdb", "/usr/bin/ltrace", "/usr/bin/lldb",
	    "/usr/bin/perf", "/usr/bin/gcore"};
	struct shown a, b;
	bool known = false;
	size_t i;

	begin(out);
	if (s->parent == tracer->pid)
		return false;
	for (i = 0; i < sizeof(debuggers) / sizeof(debuggers[0]); i++)
		known |= strcmp(tracer->exe, debuggers[i]) == 0;
	/* A person looks at a program of his own, or the administrator. */
	known = known && tracer->login_uid != UINT32_MAX &&
	    !name_is_daemon(name_of(s->exe));
	if (!known && s->euid != 0 && s->euid == tracer->euid &&
	    place_of(tracer->exe) == PLACE_SYSTEM && !uid_is_service(s->euid))
		known = true;
	find(out, "process.traced", known ? CORDON__SEVERITY__SEVERITY_LOW :
	    CORDON__SEVERITY__SEVERITY_NONE, s->exe);
	snprintf(out->text, sizeof(out->text), "%s attached itself to %s "
	    "(pid %d)", show(&a, tracer->exe), show(&b, s->exe),
	    (int)s->pid);
	return true;
}

bool
suspect_root(const struct process_seen *s, uint32_t was,
    struct suspect *out)
{
	struct shown a;

	begin(out);
	if (s->euid != 0 || !s->file_known || s->file_caps ||
	    (s->file_mode & S_ISUID) != 0)
		return false;
	find(out, "process.became-root", CORDON__SEVERITY__SEVERITY_NONE,
	    s->exe);
	snprintf(out->text, sizeof(out->text), "%s (pid %d) became root "
	    "from user id %u without a set-uid program", show(&a, s->exe),
	    (int)s->pid, was);
	return true;
}
