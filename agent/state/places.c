/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Persistence places: a fact a file, "place KIND<tab>PATH", with mode,
 * owner, digest and what it would run.  A file whose inode, size and times
 * are as before is not read again; links are told and not followed.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/content.h"
#include "agent/state/look.h"
#include "agent/state/meaning.h"
#include "agent/state/place_table.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/kinds.h"

struct place_walk {
	const struct state_env *env;
	struct facts *out;
	const char *kind;
	const char *home; /* NULL: not below one */
	unsigned int depth;
	struct buf text; /* of one file after the other */
};

/* -- reading ---------------------------- */

static void
signature(const struct stat *st, char *out, size_t size)
{
	snprintf(out, size, "%llx.%llx.%llx.%09ld",
	    (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
	    (unsigned long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* What each new home gets is no news there. */
static bool
is_skeleton(const struct place_walk *w, const char *path, const char *hex)
{
	char skel[PATH_MAX], full[PATH_MAX], is[DIGEST_HEX_MAX];
	uint8_t sum[DIGEST_LEN];
	struct buf text;
	bool same = false;

	if (w->home == NULL || snprintf(skel, sizeof(skel), "/etc/skel%s",
	    path + strlen(w->home)) >= (int)sizeof(skel) ||
	    look_path(w->env, skel, full) != 0)
		return false;
	buf_init(&text, LOOK_FILE_MAX);
	if (content_read(full, &text) == 0) {
		digest_of(text.data, text.len, sum);
		same = strcmp(hex, hex_encode(is, sum, sizeof(sum))) == 0;
	}
	buf_done(&text);
	return same;
}

static int
add_regular(struct place_walk *w, const char *key, const char *kind,
    const char *path, const struct stat *st)
{
	char sig[96], before[96], hex[DIGEST_HEX_MAX] = "large";
	char run[MEANING_MAX] = "", full[PATH_MAX], *text;
	uint8_t sum[DIGEST_LEN];
	const char *was = w->env->was == NULL ? NULL :
	    facts_get(w->env->was, key);
	int r;

	signature(st, sig, sizeof(sig));
	if (was != NULL && look_field(was, "sig", before, sizeof(before)) &&
	    strcmp(sig, before) == 0)
		return facts_add(w->out, key, was);
	buf_clear(&w->text);
	r = look_path(w->env, path, full);
	if (r == 0)
		r = content_read(full, &w->text);
	if (r == 0) {
		digest_of(w->text.data, w->text.len, sum);
		hex_encode(hex, sum, sizeof(sum));
		r = content_as_text(&w->text, &text);
	}
	if (r == 0) {
		meaning_of(kind, path, text, run);
	} else if (r != ERR_LIMIT) {
		return look_missed(w->out, r, key);
	}
	return facts_addf(w->out, key,
	    "sig=%s\tmode=%04o\towner=%u:%u\tsha256=%s%s\trun=%s", sig,
	    (unsigned int)st->st_mode & 07777, st->st_uid, st->st_gid, hex,
	    is_skeleton(w, path, hex) ? "\tskel=yes" : "", run);
}

static int
add_link(struct place_walk *w, const char *key, const char *full)
{
	char target[PATH_MAX], q[LOOK_FIELD_MAX];
	ssize_t n = readlink(full, target, sizeof(target) - 1);

	if (n < 0)
		return 0; /* gone */
	target[n] = '\0';
	return facts_addf(w->out, key, "link=%s",
	    look_quote(q, sizeof(q), target));
}

/* Of other sources' files these tell the meaning; not twice. */
static bool
told_elsewhere(const char *path)
{
	static const char *const others[] = {"/etc/pam.d", "/etc/pam.conf",
	    "/etc/polkit-1", "/usr/share/polkit-1/rules.d",
	    "/usr/share/polkit-1/actions", "/etc/ssh/sshd_config",
	    "/etc/ssh/sshd_config.d", "/etc/nsswitch.conf",
	    "/etc/rsyslog.conf", "/etc/rsyslog.d",
	    "/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d",
	    "/etc/systemd/resolved.conf", NULL};

	return look_one_of(path, others);
}

static int add_below(void *arg, const char *path, const char *name);

static int
add_path(struct place_walk *w, const char *path)
{
	char full[PATH_MAX], key[PATH_MAX + 64];
	const char *kind = place_kind(w->kind, path);
	struct stat st;
	int r;

	if (place_is_volatile(path) || told_elsewhere(path) ||
	    look_path(w->env, path, full) != 0 || lstat(full, &st) != 0)
		return 0;
	snprintf(key, sizeof(key), "place %s\t%s", kind, path);
	if (S_ISREG(st.st_mode))
		return add_regular(w, key, kind, path, &st);
	if (S_ISLNK(st.st_mode))
		return add_link(w, key, full);
	if (!S_ISDIR(st.st_mode) || w->depth >= PLACES_DEPTH_MAX)
		return 0;
	w->depth++;
	r = look_dir(w->env, path, add_below, w);
	w->depth--;
	return r == ERR_IO || r == ERR_PERM ?
	    look_missed(w->out, r, key) : r;
}

/* A place of its own in another place is met there only. */
static bool
own_place(const char *path, const char *kind)
{
	size_t i;

	for (i = 0; system_places[i].path != NULL; i++)
		if (strcmp(system_places[i].path, path) == 0)
			return strcmp(system_places[i].kind, kind) != 0;
	return false;
}

static int
add_below(void *arg, const char *path, const char *name)
{
	struct place_walk *w = arg;

	(void)name;
	return own_place(path, w->kind) ? 0 : add_path(w, path);
}

static int
add_home(void *arg, const char *user, const char *home)
{
	struct place_walk *w = arg;
	char path[PATH_MAX];
	size_t i;
	int r = 0;

	(void)user;
	w->home = home;
	for (i = 0; home_places[i].path != NULL && r == 0; i++) {
		w->kind = home_places[i].kind;
		if (file_join(path, sizeof(path), home,
		    home_places[i].path) == 0)
			r = add_path(w, path);
	}
	w->home = NULL;
	return r;
}

/* -- places found by name ---------------------------- */

static int
python_file(void *arg, const char *path, const char *name)
{
	size_t n = strlen(name);

	if (strcmp(name, "sitecustomize.py") == 0 ||
	    strcmp(name, "usercustomize.py") == 0 ||
	    (n > 4 && strcmp(name + n - 4, ".pth") == 0))
		return add_path(arg, path);
	return 0;
}

static int
python_version(void *arg, const char *path, const char *name)
{
	static const char *const below[] = {"dist-packages", "site-packages",
	    NULL};
	struct place_walk *w = arg;
	char dir[PATH_MAX];
	size_t i;
	int r;

	if (strncmp(name, "python", 6) != 0)
		return 0;
	r = look_dir(w->env, path, python_file, w);
	for (i = 0; below[i] != NULL && r == 0; i++)
		if (file_join(dir, sizeof(dir), path, below[i]) == 0)
			r = look_dir(w->env, dir, python_file, w);
	return r;
}

static int
python_home(void *arg, const char *user, const char *home)
{
	struct place_walk *w = arg;
	char dir[PATH_MAX];
	int r;

	(void)user;
	if (file_join(dir, sizeof(dir), home, ".local/lib") != 0)
		return 0;
	r = look_dir(w->env, dir, python_version, w);
	return r == ERR_NOMEM || r == ERR_LIMIT ? r : 0;
}

/* HOME/.mozilla/firefox/PROFILE/extensions */
static int
firefox_profile(void *arg, const char *path, const char *name)
{
	char dir[PATH_MAX];

	(void)name;
	return file_join(dir, sizeof(dir), path, "extensions") == 0 ?
	    add_path(arg, dir) : 0;
}

/* Each brings hundreds of files; this one says what they run. */
static int
editor_extension(void *arg, const char *path, const char *name)
{
	char file[PATH_MAX];

	(void)name;
	return snprintf(file, sizeof(file), "%s/package.json", path) <
	    (int)sizeof(file) ? add_path(arg, file) : 0;
}

static int
hook(void *arg, const char *path, const char *name)
{
	size_t n = strlen(name);

	return n > 7 && strcmp(name + n - 7, ".sample") == 0 ? 0 :
	    add_path(arg, path);
}

/* Of a work tree, or of a repository without one. */
static int
repository(void *arg, const char *path, const char *name)
{
	struct place_walk *w = arg;
	size_t n = strlen(name);
	bool bare = n > 4 && strcmp(name + n - 4, ".git") == 0;
	char dir[PATH_MAX];
	int r;

	if (file_join(dir, sizeof(dir), path, bare ? "hooks" :
	    ".git/hooks") != 0)
		return 0;
	r = look_dir(w->env, dir, hook, w);
	return r == ERR_NOMEM || r == ERR_LIMIT ? r : 0;
}

static int
found_in_home(void *arg, const char *user, const char *home)
{
	static const struct {
		const char *below;
		const char *kind;
		look_path_fn *fn;
	} t[] = {
	    {".mozilla/firefox", "persist.extension", firefox_profile},
	    {".vscode/extensions", "persist.extension", editor_extension},
	    {"", "persist.profile", repository},
	};
	struct place_walk *w = arg;
	char dir[PATH_MAX];
	size_t i;
	int r = 0;

	(void)user;
	for (i = 0; i < sizeof(t) / sizeof(t[0]) && r == 0; i++) {
		w->kind = t[i].kind;
		if (snprintf(dir, sizeof(dir), "%s%s%s", home,
		    t[i].below[0] != '\0' ? "/" : "", t[i].below) >=
		    (int)sizeof(dir))
			continue;
		r = look_dir(w->env, dir, t[i].fn, w);
		r = r == ERR_NOMEM || r == ERR_LIMIT ? r : 0;
	}
	return r;
}

/* /usr/lib/TRIPLET/security */
static int
pam_modules(void *arg, const char *path, const char *name)
{
	char dir[PATH_MAX];

	if (strstr(name, "-linux-") == NULL ||
	    file_join(dir, sizeof(dir), path, "security") != 0)
		return 0;
	return add_path(arg, dir);
}

static int
add_found(struct place_walk *w)
{
	static const char *const python[] = {"/usr/lib", "/usr/local/lib",
	    "/etc", NULL};
	static const char *const pam[] = {"/usr/lib64/security",
	    "/usr/lib/security", NULL};
	static const char *const work[] = {"/srv", "/srv/git", "/opt",
	    "/var/www", "/var/lib/git", NULL};
	size_t i;
	int r = 0;

	w->kind = "persist.python";
	for (i = 0; python[i] != NULL && r == 0; i++)
		r = look_dir(w->env, python[i], python_version, w);
	if (r == 0)
		r = look_homes(w->env, python_home, w);
	if (r == 0)
		r = look_homes(w->env, found_in_home, w);
	w->kind = "persist.profile";
	for (i = 0; work[i] != NULL && r == 0; i++)
		r = look_dir(w->env, work[i], repository, w);
	w->kind = "persist.pam-module";
	if (r == 0)
		r = look_dir(w->env, "/usr/lib", pam_modules, w);
	for (i = 0; pam[i] != NULL && r == 0; i++)
		r = add_path(w, pam[i]);
	return r;
}

static int
places_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct place_walk w = {.env = env, .out = out};
	size_t i;
	int r = 0;

	buf_init(&w.text, LOOK_FILE_MAX);
	for (i = 0; system_places[i].path != NULL && r == 0; i++) {
		w.kind = system_places[i].kind;
		r = add_path(&w, system_places[i].path);
	}
	if (r == 0)
		r = look_homes(env, add_home, &w);
	if (r == 0)
		r = add_found(&w);
	buf_done(&w.text);
	return r == 0 ? 0 : why_set(why, r, "places: %s", err_str(r));
}

/* -- telling ---------------------------- */

static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* A link in "x.wants" starts, one to /dev/null stops. */
static void
tell_link(const char *path, const char *target, struct state_told *out)
{
	const char *wants = strstr(path, ".wants/"), *unit;
	char q[256];

	if (wants == NULL)
		wants = strstr(path, ".requires/");
	look_quote(q, sizeof(q), name_of(path));
	if (strcmp(target, "/dev/null") == 0) {
		told_add(out, "%s is masked: it starts no more", q);
	} else if (wants != NULL) {
		for (unit = wants; unit > path && unit[-1] != '/'; unit--)
			;
		told_add(out, "%s starts with %.*s, as %s", q,
		    (int)(wants - unit), unit, target);
	} else {
		told_add(out, "%s is a link to %s", q, target);
	}
}

struct look_of {
	char link[LOOK_FIELD_MAX], sha[DIGEST_HEX_MAX], mode[16], owner[32];
	char run[MEANING_MAX];
};

static void
look_of(const char *value, struct look_of *l)
{
	look_field(value, "link", l->link, sizeof(l->link));
	look_field(value, "sha256", l->sha, sizeof(l->sha));
	look_field(value, "mode", l->mode, sizeof(l->mode));
	look_field(value, "owner", l->owner, sizeof(l->owner));
	look_field(value, "run", l->run, sizeof(l->run));
}

static bool
same_look(const struct look_of *a, const struct look_of *b)
{
	return strcmp(a->link, b->link) == 0 && strcmp(a->sha, b->sha) == 0 &&
	    strcmp(a->mode, b->mode) == 0 && strcmp(a->owner, b->owner) == 0 &&
	    strcmp(a->run, b->run) == 0;
}

static void
tell_file(const struct fact_change *c, const char *path,
    const struct look_of *was, const struct look_of *is,
    struct state_told *out)
{
	char q[256];

	look_quote(q, sizeof(q), name_of(path));
	if (c->how != FACT_CHANGED)
		told_add(out, "%s %s", q, c->how == FACT_FOUND ?
		    "is there" : "appeared");
	else if (strcmp(was->sha, is->sha) != 0)
		told_add(out, "%s was changed", q);
	else
		told_add(out, "%s has mode %s, owner %s (was %s, %s)", q,
		    is->mode, is->owner, was->mode, was->owner);
	if (is->run[0] != '\0' && strcmp(was->run, is->run) != 0)
		told_add(out, "%s%.400s", c->how == FACT_CHANGED ? "now: " :
		    "it says: ", is->run);
	if (was->run[0] != '\0' && strcmp(was->run, is->run) != 0)
		told_add(out, "was: %.250s", was->run);
	if (is->sha[0] != '\0' && strcmp(was->sha, is->sha) != 0)
		told_add(out, "sha256 %s", is->sha);
}

/* Bad in itself: a preloaded library, a command where anybody may write. */
static const char *
bad(const char *kind, const struct look_of *l)
{
	if (strcmp(kind, "persist.preload") == 0)
		return l->run[0] != '\0' ? "it loads a library into every "
		    "program" : NULL;
	return look_odd(l->run);
}

/* "place KIND<tab>": KIND as the table has it. */
static const char *
kind_of(const char *key, const char *tab)
{
	const struct signal_kind *k;
	char kind[64];

	key = look_behind(key, "place ");
	if (key == NULL || tab < key)
		return NULL;
	snprintf(kind, sizeof(kind), "%.*s", (int)(tab - key), key);
	k = signal_kind_find(kind);
	return k == NULL ? NULL : k->id;
}

/* At the first look: commands only, scripts of packages are their own. */
static bool
bad_in_itself(const char *kind, const struct look_of *l)
{
	static const char *const commands[] = {"persist.service",
	    "persist.timer", "persist.cron", "persist.at", "persist.udev",
	    "persist.autostart", "persist.dbus", NULL};
	static const char *const programs[] = {"=/tmp/", "=/var/tmp/",
	    "=/dev/shm/", "=-/tmp/", "=-/var/tmp/", "=-/dev/shm/",
	    "\"/tmp/", "\"/var/tmp/", "\"/dev/shm/", " root /tmp/",
	    " root /var/tmp/", " root /dev/shm/", "* /tmp/", "* /var/tmp/",
	    "* /dev/shm/", "/dev/tcp/", NULL};
	size_t i;

	if (strcmp(kind, "persist.preload") == 0)
		return l->run[0] != '\0';
	if (!look_one_of(kind, commands))
		return false;
	for (i = 0; programs[i] != NULL; i++)
		if (strstr(l->run, programs[i]) != NULL)
			return true;
	return false;
}

static bool
places_tell(const struct fact_change *c, struct state_told *out)
{
	const char *path = strchr(c->key, '\t'), *kind, *why;
	struct look_of was, is;
	char skel[8];

	kind = path == NULL ? NULL : kind_of(c->key, path);
	if (kind == NULL)
		return false;
	path++;
	look_of(c->was, &was);
	look_of(c->is, &is);
	why = bad(kind, &is);
	if ((c->how == FACT_FOUND && !bad_in_itself(kind, &is)) ||
	    (c->how == FACT_ADDED && look_field(c->is, "skel", skel,
	    sizeof(skel))) ||
	    (c->how == FACT_CHANGED && same_look(&was, &is)))
		return false;
	told_init(out, "persist.removed", path, path);
	if (c->how == FACT_REMOVED) {
		told_add(out, "%s is gone", path);
		if (was.run[0] != '\0')
			told_add(out, "was: %.250s", was.run);
		return true;
	}
	out->kind = kind;
	if (is.link[0] != '\0')
		tell_link(path, is.link, out);
	else
		tell_file(c, path, &was, &is, out);
	if (why != NULL && is.link[0] == '\0') {
		told_add(out, "%s", why);
		out->severity = CORDON__SEVERITY__SEVERITY_CRITICAL;
	}
	return true;
}

const struct state_source state_places = {"places", place_paths, 60,
    places_read, places_tell, true};
