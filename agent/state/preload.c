/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded libraries, from /proc/PID/environ as it was at exec.  A walk,
 * so it is made seldom.  An environment is whatever the process says.
 */
#include "agent/state/preload.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/peek.h"
#include "agent/state/program.h"
#include "common/base/file.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 60
#define ENVIRON_MAX (32 * 1024)
#define PROCESSES_MAX 4096

bool
preload_parse(const char *text, size_t len, char *out, size_t size)
{
	static const char *const names[] = {"LD_PRELOAD=", "LD_AUDIT="};
	size_t at, n, i;

	for (at = 0; at < len; at += n + 1) {
		n = strnlen(text + at, len - at);
		for (i = 0; i < 2; i++) {
			size_t head = strlen(names[i]);

			if (n <= head || strncmp(text + at, names[i],
			    head) != 0)
				continue;
			snprintf(out, size, "%.*s", (int)(n - head),
			    text + at + head);
			return true;
		}
	}
	return false;
}

static int
look_at(const struct state_env *env, pid_t pid, char *text,
    struct facts *out)
{
	char path[64], full[PATH_MAX], program[PROGRAM_TEXT_MAX];
	char libs[512], key[PROGRAM_TEXT_MAX + 560];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (peek_path(env, path, full, sizeof(full)) != 0)
		return 0;
	n = file_text(full, text, ENVIRON_MAX);
	if (n <= 0 || !preload_parse(text, (size_t)n, libs, sizeof(libs)) ||
	    !program_of(pid, program))
		return 0;
	snprintf(key, sizeof(key), "%s preloads %s", program, libs);
	return facts_addf(out, key, "%d", (int)pid);
}

/* A known pair keeps its first process: many start, one fact. */
static int
read_all(const struct state_env *env, struct facts *now)
{
	char path[PATH_MAX], *text = malloc(ENVIRON_MAX);
	const struct dirent *de;
	DIR *d = NULL;
	int r = text == NULL ? ERR_NOMEM : 0, left = PROCESSES_MAX;
	pid_t pid;

	if (r == 0 && peek_path(env, "/proc", path, sizeof(path)) == 0)
		d = opendir(path);
	while (d != NULL && r == 0 && left > 0 && (de = readdir(d)) != NULL) {
		pid = (pid_t)strtol(de->d_name, NULL, 10);
		if (pid <= 0)
			continue;
		r = look_at(env, pid, text, now);
		left--;
	}
	if (d != NULL)
		closedir(d);
	free(text);
	return r;
}

static int
preload_read(const struct state_env *env, struct facts *out,
    struct why *why)
{
	struct facts *now = facts_new();
	int r = now == NULL ? ERR_NOMEM : read_all(env, now);

	if (r == 0)
		r = facts_seal(now);
	if (r == 0)
		r = peek_keep_first(env->was, now, out, 1024);
	facts_free(&now);
	return r == 0 ? 0 : why_set(why, r, "preloaded libraries");
}

/* Are all of LIBS below the folders of the system? */
static bool
all_of_system(const char *libs)
{
	static const char *const places[] = {"/usr/lib", "/lib",
	    "libeatmydata", "libfakeroot", "libjemalloc", "libtcmalloc"};
	size_t i, len;

	for (; *libs != '\0'; libs += len + (libs[len] != '\0')) {
		len = strcspn(libs, ": ");
		if (len == 0)
			continue;
		for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
			if (strncmp(libs, places[i], strlen(places[i])) == 0)
				break;
		if (i == sizeof(places) / sizeof(places[0]))
			return false;
	}
	return true;
}

static bool
preload_tell(const struct fact_change *c, struct state_told *out)
{
	char program[PEEK_QUOTED_MAX], libs[PEEK_QUOTED_MAX], cut[PATH_MAX];
	const char *at = strstr(c->key, " preloads ");
	bool usual;

	if ((c->how != FACT_ADDED && c->how != FACT_FOUND) || at == NULL)
		return false;
	usual = all_of_system(at + strlen(" preloads "));
	if (usual && c->how == FACT_FOUND)
		return false;
	snprintf(cut, sizeof(cut), "%.*s", (int)(at - c->key), c->key);
	return peek_tell(out, "loader.preload", usual ? SEVERITY(INFO) :
	    SEVERITY(NONE), cut, "%s (pid %s) runs with a library loaded "
	    "before all others: %s", peek_quote(program, cut), c->is,
	    peek_quote(libs, at + strlen(" preloads ")));
}

const struct state_source preload_source = {
	.name = "preload",
	.every_s = EVERY_S,
	.read = preload_read,
	.tell = preload_tell,
};
