/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The account files as a picture.  Runs on the job thread.  Every line may
 * be malformed; a malformed line is itself part of the picture, so that it
 * cannot hide.
 */
#include "agent/sensors/accounts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/content.h"
#include "agent/state/look.h"
#include "agent/state/passwd.h"
#include "agent/sensors/path.h"
#include "common/base/digest.h"
#include "common/base/id.h"

#define SYSTEM_UID_MAX 999
#define SMALL_FILE_MAX (1024 * 1024)

const struct account_files account_files_host = {
	"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers",
	"/etc/sudoers.d", "",
};

/* -- lines ---------------------------- */

typedef int line_fn(void *arg, char *line, size_t nr);

/* The lines of PATH; a NUL inside ends its line, as for the libc. */
static int
each_line(const char *path, line_fn *fn, void *arg)
{
	struct buf text;
	char *rest = NULL, *line;
	size_t nr = 0;
	int r;

	buf_init(&text, PASSWD_FILE_MAX);
	r = content_text(path, &text, &rest);
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
		nr++;
		if (line[0] != '\0')
			r = fn(arg, line, nr);
	}
	buf_done(&text);
	return r;
}

static void
digest_hex(const void *data, size_t len, char out[DIGEST_HEX_MAX])
{
	uint8_t sum[DIGEST_LEN];

	digest_of(data, len, sum);
	hex_encode(out, sum, sizeof(sum));
}

static int
add_malformed(struct picture *p, const char *class, const char *line,
    size_t nr)
{
	char key[32], hex[DIGEST_HEX_MAX];

	snprintf(key, sizeof(key), "malformed-line-%zu", nr);
	digest_hex(line, strlen(line), hex);
	return picture_add(p, class, key, hex);
}

/* -- passwd and shadow ---------------------------- */

static int
shadow_line_add(void *arg, char *line, size_t nr)
{
	struct shadow_line s;

	(void)nr;
	if (shadow_parse(line, &s) != 0)
		return 0;
	return picture_add(arg, "shadow", s.name,
	    password_str(password_parse(s.password)));
}

struct passwd_walk {
	struct picture *p;
	const struct picture *shadow;
	bool shadow_read;
};

static const char *
password_state(const struct passwd_walk *w, const struct passwd_line *l)
{
	const char *state;

	if (strcmp(l->password, "x") != 0)
		return password_str(password_parse(l->password));
	state = picture_get(w->shadow, "shadow", l->name);
	if (state != NULL)
		return state;
	return w->shadow_read ? "locked" : "unknown";
}

static int
passwd_line_add(void *arg, char *line, size_t nr)
{
	struct passwd_walk *w = arg;
	struct passwd_line l;
	char *copy = strdup(line);
	int r;

	if (copy == NULL)
		return ERR_NOMEM;
	if (passwd_parse(copy, &l) != 0)
		r = add_malformed(w->p, "account", line, nr);
	else
		r = picture_addf(w->p, "account", l.name,
		    "uid=%u gid=%u password=%s shell=%s home=%s", l.uid,
		    l.gid, password_state(w, &l), l.shell, l.home);
	free(copy);
	return r;
}

static int
add_accounts(const struct account_files *files, struct picture *p)
{
	struct picture shadow;
	struct passwd_walk w = {p, &shadow, true};
	int r;

	picture_init(&shadow);
	if (each_line(files->shadow, shadow_line_add, &shadow) != 0) {
		picture_miss(p, files->shadow);
		w.shadow_read = false;
	}
	picture_sort(&shadow);
	r = each_line(files->passwd, passwd_line_add, &w);
	if (r != 0)
		picture_miss(p, files->passwd);
	picture_done(&shadow);
	return r == ERR_NOMEM ? r : 0;
}

/* -- group ---------------------------- */

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "b,a" -> "a,b": the order of members says nothing. */
static void
sort_members(char *members, char *out, size_t size)
{
	char *name[1024], *one;
	size_t n = 0, i, at = 0;

	out[0] = '\0';
	while (n < 1024 && (one = strsep(&members, ",")) != NULL)
		if (one[0] != '\0')
			name[n++] = one;
	qsort(name, n, sizeof(name[0]), name_cmp);
	for (i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i == 0 ? "" : ",", name[i]);
}

static int
group_line_add(void *arg, char *line, size_t nr)
{
	struct picture *p = arg;
	struct group_line g;
	char members[1600], hex[DIGEST_HEX_MAX], *copy = strdup(line);
	int r;

	if (copy == NULL)
		return ERR_NOMEM;
	if (group_parse(copy, &g) != 0) {
		r = add_malformed(p, "group", line, nr);
	} else {
		/* The digest stands for what a long list loses. */
		digest_hex(g.members, strlen(g.members), hex);
		if (strlen(g.members) < sizeof(members))
			hex[0] = '\0';
		sort_members(g.members, members, sizeof(members));
		r = picture_addf(p, "group", g.name, "gid=%u members=%s%s",
		    g.gid, members, hex);
	}
	free(copy);
	return r;
}

/* -- sudoers and keys ---------------------------- */

static void
add_file(struct picture *p, const char *class, const char *path)
{
	char hex[DIGEST_HEX_MAX];
	struct buf text;
	int r;

	buf_init(&text, SMALL_FILE_MAX);
	r = content_read(path, &text);
	if (r == 0) {
		digest_hex(text.data != NULL ? text.data :
		    (const uint8_t *)"", text.len, hex);
		picture_add(p, class, path, hex);
	} else if (r != ERR_NOENT) {
		picture_miss(p, path);
	}
	buf_done(&text);
}

static void
add_sudoers(const struct account_files *files, struct picture *p)
{
	char path[PATH_LEN];
	const struct dirent *de;
	DIR *d;

	add_file(p, "sudoers", files->sudoers);
	d = opendir(files->sudoers_d);
	while (d != NULL && (de = readdir(d)) != NULL)
		if (de->d_type != DT_DIR &&
		    path_join(path, files->sudoers_d, de->d_name) == 0)
			add_file(p, "sudoers", path);
	if (d != NULL)
		closedir(d);
}

struct key_walk {
	struct picture *p;
	const char *path;
};

static int
key_line_add(void *arg, char *line, size_t nr)
{
	struct key_walk *w = arg;
	char hex[DIGEST_HEX_MAX], key[PATH_LEN + DIGEST_HEX_MAX + 2];
	const char *at = line + strspn(line, " \t\r");

	(void)nr;
	if (*at == '\0' || *at == '#')
		return 0;
	digest_hex(at, strlen(at), hex);
	snprintf(key, sizeof(key), "%s %s", w->path, hex);
	return picture_addf(w->p, "key", key, "%.40s", at);
}

static int
add_keys(void *arg, const char *home)
{
	static const char *const names[] = {".ssh/authorized_keys",
	    ".ssh/authorized_keys2", NULL};
	char path[PATH_LEN];
	struct key_walk w = {arg, path};
	size_t i;
	int r;

	for (i = 0; names[i] != NULL; i++) {
		if (path_join(path, home, names[i]) != 0)
			continue;
		r = each_line(path, key_line_add, &w);
		if (r != 0 && r != ERR_NOENT)
			picture_miss(arg, path);
	}
	return 0;
}

/* -- homes ---------------------------- */

struct home_walk {
	const char *root;
	home_fn *fn;
	void *arg;
};

static int
one_home(void *arg, const char *user, const char *home)
{
	const struct home_walk *w = arg;
	char path[PATH_LEN];

	(void)user;
	if (!path_clean(home) || snprintf(path, sizeof(path), "%s%s",
	    w->root, home) >= PATH_LEN)
		return 0;
	return w->fn(w->arg, path);
}

int
accounts_homes(const struct account_files *files, home_fn *fn, void *arg)
{
	struct home_walk w = {files->root, fn, arg};

	return look_homes_of(files->passwd, one_home, &w);
}

/* -- all together ---------------------------- */

int
accounts_picture(const struct account_files *files, struct picture *p)
{
	int r;

	r = add_accounts(files, p);
	if (r == 0 && each_line(files->group, group_line_add, p) != 0)
		picture_miss(p, files->group);
	add_sudoers(files, p);
	if (accounts_homes(files, add_keys, p) != 0)
		picture_miss(p, files->passwd);
	picture_sort(p);
	return r;
}

struct rule_walk {
	const struct picture *was, *now;
	struct findings *f;
};

static int
rule_line(void *arg, char *line, size_t nr)
{
	struct rule_walk *w = arg;
	const char *before, *line_now;
	struct passwd_line l;
	bool set, system;

	(void)nr;
	if (passwd_parse(line, &l) != 0)
		return 0;
	line_now = picture_get(w->now, "account", l.name);
	if (line_now == NULL)
		return 0;
	if (l.uid == 0 && strcmp(l.name, "root") != 0)
		findings_add(w->f, "account.uid0", l.name, "", line_now);
	if (strstr(line_now, "password=empty ") != NULL)
		findings_add(w->f, "account.empty-password", l.name, "",
		    line_now);
	set = strstr(line_now, "password=set ") != NULL;
	system = l.uid > 0 && l.uid <= SYSTEM_UID_MAX;
	if (!system || w->was == NULL)
		return 0;
	before = picture_get(w->was, "account", l.name);
	if (before != NULL && strcmp(before, line_now) == 0)
		return 0;
	if (shell_is_login(l.shell))
		findings_add(w->f, "account.system-shell", l.name,
		    before != NULL ? before : "", line_now);
	if (set)
		findings_add(w->f, "account.system-password", l.name,
		    before != NULL ? before : "", line_now);
	return 0;
}

void
accounts_rules(const struct account_files *files, const struct picture *was,
    const struct picture *now, struct findings *f)
{
	struct rule_walk w = {was, now, f};

	if (each_line(files->passwd, rule_line, &w) != 0)
		findings_add(f, "account.unreadable", files->passwd, "", "");
}
