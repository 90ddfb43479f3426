/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading for sources.  On the thread of the state sensor; every file may
 * be an intruder's, every name any bytes.
 */
#include "agent/state/look.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/state/content.h"
#include "agent/state/passwd.h"
#include "common/base/file.h"
#include "common/base/kinds.h"
#include "common/base/log.h"

/* -- files ---------------------------- */

int
look_path(const struct state_env *env, const char *path, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s%s", env->root, path) < PATH_MAX ?
	    0 : ERR_LIMIT;
}

int
look_text(const struct state_env *env, const char *path, struct buf *b,
    char **text)
{
	char full[PATH_MAX];
	int r = look_path(env, path, full);

	return r != 0 ? r : content_text(full, b, text);
}

/* Does LINE end with an odd number of backslashes?  Cut the last one. */
static bool
goes_on(char *line)
{
	size_t n = strlen(line), slashes = 0;

	while (slashes < n && line[n - 1 - slashes] == '\\')
		slashes++;
	if (slashes % 2 == 0)
		return false;
	line[n - 1] = '\0';
	return true;
}

int
look_lines(char *text, bool join, look_line_fn *fn, void *arg)
{
	char *line, *more;
	size_t n;
	int r = 0;

	while (r == 0 && (line = strsep(&text, "\n")) != NULL) {
		while (join && text != NULL && goes_on(line)) {
			more = strsep(&text, "\n");
			n = strlen(line);
			memmove(line + n, more, strlen(more) + 1);
		}
		r = fn(arg, line);
	}
	return r;
}

static bool
is_folder(const struct state_env *env, const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	return look_path(env, path, full) == 0 && stat(full, &st) == 0 &&
	    S_ISDIR(st.st_mode);
}

int
look_file(const struct state_env *env, const char *path, bool join,
    look_line_fn *fn, void *arg)
{
	struct buf b;
	char *text;
	int r;

	buf_init(&b, LOOK_FILE_MAX);
	r = look_text(env, path, &b, &text);
	if (r == 0)
		r = look_lines(text, join, fn, arg);
	buf_done(&b);
	if (r == ERR_IO && is_folder(env, path))
		return 0;
	return r == ERR_NOENT ? 0 : r;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **at;
	size_t n, max;
};

static int
names_read(struct names *l, DIR *d)
{
	const struct dirent *de;
	char **more;

	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (l->n == LOOK_NAMES_MAX)
			return ERR_LIMIT;
		if (l->n == l->max) {
			l->max = l->max * 2 + 32;
			more = realloc(l->at, l->max * sizeof(*more));
			if (more == NULL)
				return ERR_NOMEM;
			l->at = more;
		}
		l->at[l->n] = strdup(de->d_name);
		if (l->at[l->n] == NULL)
			return ERR_NOMEM;
		l->n++;
	}
	return 0;
}

int
look_dir(const struct state_env *env, const char *dir, look_path_fn *fn,
    void *arg)
{
	struct names l = {NULL, 0, 0};
	char path[PATH_MAX];
	size_t i;
	DIR *d;
	int r;

	if (look_path(env, dir, path) != 0)
		return ERR_LIMIT;
	d = opendir(path);
	if (d == NULL)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
		    errno == EACCES ? ERR_PERM : ERR_IO;
	r = names_read(&l, d);
	closedir(d);
	if (l.n > 1)
		qsort(l.at, l.n, sizeof(l.at[0]), name_cmp);
	for (i = 0; i < l.n && r == 0; i++) {
		r = file_join(path, sizeof(path), dir, l.at[i]);
		if (r == 0)
			r = fn(arg, path, l.at[i]);
	}
	for (i = 0; i < l.n; i++)
		free(l.at[i]);
	free(l.at);
	return r;
}

struct home_walk {
	look_home_fn *fn;
	void *arg;
	char *seen[LOOK_HOMES_MAX];
	size_t n;
};

static int
home_line(void *arg, char *line)
{
	struct home_walk *w = arg;
	struct passwd_line p;
	size_t i;

	if (passwd_parse(line, &p) != 0 || p.home[0] != '/' ||
	    p.home[1] == '\0' || strstr(p.home, "/..") != NULL)
		return 0;
	for (i = 0; i < w->n; i++)
		if (strcmp(w->seen[i], p.home) == 0)
			return 0;
	if (w->n == LOOK_HOMES_MAX)
		return ERR_LIMIT;
	w->seen[w->n] = strdup(p.home);
	if (w->seen[w->n] == NULL)
		return ERR_NOMEM;
	w->n++;
	return w->fn(w->arg, p.name, p.home);
}

int
look_homes_of(const char *passwd, look_home_fn *fn, void *arg)
{
	struct home_walk *w = calloc(1, sizeof(*w));
	struct buf b;
	char *text;
	size_t i;
	int r;

	if (w == NULL)
		return ERR_NOMEM;
	w->fn = fn;
	w->arg = arg;
	buf_init(&b, PASSWD_FILE_MAX);
	r = content_text(passwd, &b, &text);
	if (r == 0)
		r = look_lines(text, false, home_line, w);
	buf_done(&b);
	for (i = 0; i < w->n; i++)
		free(w->seen[i]);
	free(w);
	return r;
}

int
look_homes(const struct state_env *env, look_home_fn *fn, void *arg)
{
	char path[PATH_MAX];
	int r = look_path(env, "/etc/passwd", path);

	if (r == 0)
		r = look_homes_of(path, fn, arg);
	return r == ERR_NOENT ? 0 : r;
}

int
look_missed(struct facts *f, int code, const char *prefix)
{
	if (code == 0 || code == ERR_NOENT)
		return 0;
	return code == ERR_NOMEM ? code : facts_miss(f, prefix);
}

/* -- words ---------------------------- */

char *
look_trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	for (n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]) != NULL;
	    n--)
		text[n - 1] = '\0';
	return text;
}

const char *
look_behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

char *
look_squeeze(char *text)
{
	char *at, *out;

	text = look_trim(text);
	for (at = out = text; *at != '\0'; at++) {
		if ((*at == ' ' || *at == '\t') &&
		    (at[1] == ' ' || at[1] == '\t'))
			continue;
		*out++ = *at == '\t' ? ' ' : *at;
	}
	*out = '\0';
	return text;
}

bool
look_one_of(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

bool
look_field(const char *value, const char *name, char *out, size_t size)
{
	size_t n = strlen(name), len;

	out[0] = '\0';
	while (value != NULL && *value != '\0') {
		len = strcspn(value, "\t");
		if (len > n && strncmp(value, name, n) == 0 &&
		    value[n] == '=') {
			snprintf(out, size, "%.*s", (int)(len - n - 1),
			    value + n + 1);
			return true;
		}
		value += len + (value[len] == '\t');
	}
	return false;
}

char *
look_quote(char *out, size_t size, const char *text)
{
	return log_quote(out, size, text, strlen(text));
}

/* Is one of these in TEXT as the beginning of a path? */
static bool
names_path(const char *text, const char *dir)
{
	const char *at = text;

	while ((at = strstr(at, dir)) != NULL) {
		if (at == text || strchr(" \t\"'=;|&(<>`:-+@!,\n", at[-1]))
			return true;
		at++;
	}
	return false;
}

/* WORDS, and no letter or digit behind them if they end with one. */
static bool
has_words(const char *text, const char *words)
{
	size_t n = strlen(words);
	const char *at = text;

	while ((at = strstr(at, words)) != NULL) {
		if (!isalnum((unsigned char)words[n - 1]) ||
		    (!isalnum((unsigned char)at[n]) && at[n] != '_'))
			return true;
		at++;
	}
	return false;
}

const char *
look_odd(const char *text)
{
	static const char *const anybody[] = {"/tmp/", "/var/tmp/",
	    "/dev/shm/", "/run/user/", "/var/lock/", NULL};
	static const struct {
		const char *words, *why;
	} rows[] = {
		{"/dev/tcp/", "opens a network connection from a shell"},
		{"/dev/udp/", "opens a network connection from a shell"},
		{"base64 -d", "decodes hidden text"},
		{"base64 --decode", "decodes hidden text"},
		{"xxd -r", "decodes hidden text"},
		{"| sh", "hands text to a shell"},
		{"|sh", "hands text to a shell"},
		{"| bash", "hands text to a shell"},
		{"|bash", "hands text to a shell"},
		{"nc -e", "binds a shell to the network"},
		{"ncat -e", "binds a shell to the network"},
		{"LD_PRELOAD=", "loads a library into programs"},
		{"HISTFILE=/dev/null", "switches the command history off"},
		{"unset HISTFILE", "switches the command history off"},
		{"HISTSIZE=0", "switches the command history off"},
		{"HISTCONTROL=ignoreboth:erase", "thins the command history"},
		{"alias sudo=", "puts something before sudo"},
		{"alias su=", "puts something before su"},
		{"chattr +i", "makes files immutable"},
	};
	size_t i;

	for (i = 0; anybody[i] != NULL; i++)
		if (names_path(text, anybody[i]))
			return "names a file where anybody may write";
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (has_words(text, rows[i].words))
			return rows[i].why;
	return NULL;
}

/* -- telling ---------------------------- */

void
told_init(struct state_told *t, const char *kind, const char *object,
    const char *path)
{
	memset(t, 0, sizeof(*t));
	t->kind = kind;
	snprintf(t->object, sizeof(t->object), "%s", object);
	snprintf(t->path, sizeof(t->path), "%s", path);
}

void
told_add(struct state_told *t, const char *fmt, ...)
{
	size_t n = strlen(t->text);
	va_list ap;

	if (n > 0 && n + 3 < sizeof(t->text)) {
		memcpy(t->text + n, "; ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	if (vsnprintf(t->text + n, sizeof(t->text) - n, fmt, ap) >=
	    (int)(sizeof(t->text) - n)) /* no half character at the end */
		for (n = sizeof(t->text) - 1; n > 0 &&
		    (unsigned char)t->text[n - 1] >= 0x80; n--)
			t->text[n - 1] = '\0';
	va_end(ap);
}

static Cordon__Severity
severity_of(const char *kind, Cordon__Severity severity)
{
	const struct signal_kind *k = signal_kind_find(kind);

	if (severity != CORDON__SEVERITY__SEVERITY_NONE || k == NULL)
		return severity;
	return k->severity;
}

void
told_raise(struct state_told *t, const char *kind, Cordon__Severity severity)
{
	if (t->kind != NULL && severity_of(t->kind, t->severity) >
	    severity_of(kind, severity))
		return;
	t->kind = kind;
	t->severity = severity;
}
