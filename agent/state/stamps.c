/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk for stamps, on the state sensor's thread.  Names are foreign;
 * nothing is opened but folders, links are told and not followed.
 */
#include "agent/state/stamps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/look.h"
#include "common/base/file.h"

struct stamp_walk {
	const struct state_env *env;
	const struct stamp_row *row;
	struct facts *out;
	size_t left; /* names that may still be looked at */
};

bool
stamps_fits(const char *names, const char *name)
{
	char one[64];
	size_t n;

	for (; *names != '\0'; names += n + (names[n] == ';')) {
		n = strcspn(names, ";");
		snprintf(one, sizeof(one), "%.*s", (int)n, names);
		if (fnmatch(one, name, 0) == 0)
			return true;
	}
	return false;
}

/* -- reading ---------------------------- */

static int
add_stamp(struct stamp_walk *w, const char *path, int dir, const char *name,
    const struct stat *st)
{
	char key[PATH_MAX + 64], target[PATH_MAX], q[LOOK_FIELD_MAX];
	ssize_t n;

	snprintf(key, sizeof(key), "stamp %s\t%s", w->row->kind, path);
	if (!S_ISLNK(st->st_mode))
		return facts_addf(w->out, key, "%llx.%llx.%llx.%lx %04o %u:%u",
		    (unsigned long long)st->st_ino,
		    (unsigned long long)st->st_size,
		    (unsigned long long)st->st_ctim.tv_sec,
		    (unsigned long)st->st_ctim.tv_nsec,
		    (unsigned int)st->st_mode & 07777, st->st_uid,
		    st->st_gid);
	n = readlinkat(dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return 0; /* gone */
	target[n] = '\0';
	return facts_addf(w->out, key, "link=%s",
	    look_quote(q, sizeof(q), target));
}

static int walk_dir(struct stamp_walk *w, const char *path, unsigned int depth);

static int
walk_name(struct stamp_walk *w, int dir, const char *parent,
    const char *name, unsigned int depth)
{
	bool wanted = stamps_fits(w->row->names, name);
	char path[PATH_MAX];
	struct stat st;

	if (w->left-- == 0)
		return ERR_LIMIT;
	if ((!wanted && depth == 0) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    file_join(path, sizeof(path), parent, name) != 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return depth > 0 ? walk_dir(w, path, depth - 1) : 0;
	if (!wanted || (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)))
		return 0;
	return add_stamp(w, path, dir, name, &st);
}

static int
walk_dir(struct stamp_walk *w, const char *path, unsigned int depth)
{
	const struct dirent *de;
	char full[PATH_MAX];
	DIR *d = NULL;
	int r = 0, fd;

	if (look_path(w->env, path, full) != 0)
		return 0;
	fd = open(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (d = fdopendir(fd)) == NULL)
		close(fd);
	while (d != NULL && r == 0 && (de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			r = walk_name(w, dirfd(d), path, de->d_name, depth);
	if (d != NULL)
		closedir(d);
	return r;
}

static int
walk_fitting(void *arg, const char *path, const char *name)
{
	struct stamp_walk *w = arg;
	const char *last = strrchr(w->row->dir, '/') + 1;

	return fnmatch(last, name, 0) == 0 ?
	    walk_dir(w, path, w->row->depth) : 0;
}

static int
read_row(struct stamp_walk *w)
{
	char above[PATH_MAX];
	int r;

	if (strpbrk(w->row->dir, "*?[") == NULL)
		return walk_dir(w, w->row->dir, w->row->depth);
	snprintf(above, sizeof(above), "%s", w->row->dir);
	*strrchr(above, '/') = '\0';
	r = look_dir(w->env, above, walk_fitting, w);
	return r == ERR_PERM || r == ERR_IO ? 0 : r;
}

int
stamps_read(const struct state_env *env, const struct stamp_row *rows,
    struct facts *out)
{
	char prefix[128];
	struct stamp_walk w = {.env = env, .out = out};
	int r = 0;

	for (w.row = rows; w.row->dir != NULL && r == 0; w.row++) {
		w.left = STAMPS_NAMES_MAX;
		r = read_row(&w);
		if (r == ERR_LIMIT && w.left + 1 == 0) {
			snprintf(prefix, sizeof(prefix), "stamp %s\t%.*s",
			    w.row->kind, (int)strcspn(w.row->dir, "*?["),
			    w.row->dir);
			r = facts_miss(out, prefix);
		}
	}
	return r;
}

/* -- telling ---------------------------- */

/* The kinds of ROWS are static, those of facts are on disk. */
static const char *
kind_of(const struct stamp_row *rows, const char *key, const char *tab)
{
	key = look_behind(key, "stamp ");
	for (; key != NULL && rows->dir != NULL; rows++)
		if (strlen(rows->kind) == (size_t)(tab - key) &&
		    strncmp(rows->kind, key, (size_t)(tab - key)) == 0)
			return rows->kind;
	return NULL;
}

static bool
tell_stamp(const struct stamp_row *rows, const struct fact_change *c,
    struct state_told *out)
{
	const char *path = strchr(c->key, '\t'), *kind, *link;
	char q[512];

	kind = path == NULL ? NULL : kind_of(rows, c->key, path);
	if (kind == NULL || c->how == FACT_FOUND)
		return false;
	path++;
	told_init(out, c->how == FACT_REMOVED ? "persist.removed" : kind,
	    path, path);
	look_quote(q, sizeof(q), path);
	link = c->is == NULL ? NULL : look_behind(c->is, "link=");
	if (link != NULL)
		told_add(out, "%s is a link to %s", q, link);
	else
		told_add(out, "%s %s", q, c->how == FACT_REMOVED ? "is gone" :
		    c->how == FACT_ADDED ? "appeared" : "was changed");
	return true;
}

/* -- libraries, modules, images, scripts of packages ---------- */

#define SHARED "*.so;*.so.*"
#define PACKAGE_SCRIPTS "*.preinst;*.postinst;*.prerm;*.postrm;*.config;" \
	"*.triggers"

static const struct stamp_row library_rows[] = {
	{"/usr/lib/?*-linux-gnu*", SHARED, 0, "persist.library"},
	{"/usr/lib", SHARED, 0, "persist.library"},
	{"/usr/lib32", SHARED, 0, "persist.library"},
	{"/usr/lib64", SHARED, 0, "persist.library"},
	{"/usr/local/lib", SHARED, 3, "persist.library"},
	{"/usr/local/lib64", SHARED, 3, "persist.library"},
	{"/usr/lib/x86_64-linux-gnu/gconv", "*", 1, "persist.library"},
	{"/usr/lib/x86_64-linux-gnu/engines-3", "*", 0, "persist.library"},
	{"/usr/lib/x86_64-linux-gnu/ossl-modules", "*", 0, "persist.library"},
	{"/usr/lib/aarch64-linux-gnu/gconv", "*", 1, "persist.library"},
	{"/usr/lib64/gconv", "*", 1, "persist.library"},
	{"/usr/libexec/sudo", "*.so", 1, "persist.library"},
	{"/usr/lib/sudo", "*.so", 0, "persist.library"},
	{"/usr/lib/modules", "*.ko;*.ko.*;modules.dep;modules.softdep", 12,
	    "persist.module"},
	{"/boot", "initrd*;initramfs*", 0, "persist.initramfs"},
	{"/boot", "vmlinu*", 0, "persist.boot"},
	{"/usr/lib/python3*", "*.py", 0, "persist.python"},
	{"/var/lib/dpkg/info", PACKAGE_SCRIPTS, 0, "persist.package-hook"},
	{NULL, NULL, 0, NULL},
};

static int
libraries_read(const struct state_env *env, struct facts *out,
    struct why *why)
{
	int r = stamps_read(env, library_rows, out);

	return r == 0 ? 0 : why_set(why, r, "libraries: %s", err_str(r));
}

static bool
libraries_tell(const struct fact_change *c, struct state_told *out)
{
	return tell_stamp(library_rows, c, out);
}

static const char *const libraries_paths[] = {"/usr/lib/*.so",
    "/usr/lib/*.so.*", "/usr/lib32/*", "/usr/lib64/*.so*",
    "/usr/lib/*/gconv/*", "/usr/local/lib/*.so*", "/usr/local/lib64/*.so*",
    "/usr/libexec/sudo/*", "/usr/lib/modules/*", "/boot/initr*",
    "/boot/vmlinu*", "/usr/lib/python3*.py", "/var/lib/dpkg/info/*inst",
    "/var/lib/dpkg/info/*rm", "/var/lib/dpkg/info/*.config",
    "/var/lib/dpkg/info/*.triggers", NULL};

const struct state_source libraries_source = {"libraries", libraries_paths,
    600, libraries_read, libraries_tell, true};

/* -- what web servers run ---------- */

#define PAGES "*.php;*.php?;*.phtml;*.phar;*.jsp;*.jspx;*.war;*.asp;" \
	"*.aspx;*.ashx;*.cgi;*.pl;*.cfm;.htaccess;.user.ini;index.*;" \
	"login*;logon*;signin*"

static const struct stamp_row web_rows[] = {
	{"/var/www", PAGES, 10, "persist.web"},
	{"/srv/www", PAGES, 10, "persist.web"},
	{"/srv/http", PAGES, 10, "persist.web"},
	{"/usr/share/nginx/html", PAGES, 10, "persist.web"},
	{"/usr/lib/cgi-bin", "*", 4, "persist.web"},
	{"/var/lib/tomcat*", PAGES, 10, "persist.web"},
	{"/opt/tomcat/webapps", PAGES, 10, "persist.web"},
	{NULL, NULL, 0, NULL},
};

static int
web_read(const struct state_env *env, struct facts *out, struct why *why)
{
	int r = stamps_read(env, web_rows, out);

	return r == 0 ? 0 : why_set(why, r, "web pages: %s", err_str(r));
}

static bool
web_tell(const struct fact_change *c, struct state_told *out)
{
	bool told = tell_stamp(web_rows, c, out);

	/* A page is data to its owners: only what appears or changes. */
	return told && c->how != FACT_REMOVED;
}

#define BELOW(dir) dir "/*.php*", dir "/*.pht*", dir "/*.phar", \
	dir "/*.jsp*", dir "/*.war", dir "/*.asp*", dir "/*.cgi", \
	dir "/*.pl", dir "/*.htaccess", dir "/*.ini", dir "/*index.*", \
	dir "/*login*", dir "/*logon*", dir "/*signin*"

static const char *const web_paths[] = {BELOW("/var/www"),
    BELOW("/srv/www"), BELOW("/srv/http"), BELOW("/usr/share/nginx/html"),
    "/usr/lib/cgi-bin/*", "/var/lib/tomcat*.jsp", "/var/lib/tomcat*.war",
    "/opt/tomcat/webapps/*.jsp", "/opt/tomcat/webapps/*.war", NULL};

const struct state_source web_source = {"web", web_paths, 600, web_read,
    web_tell, true};
