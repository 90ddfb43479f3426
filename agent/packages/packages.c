/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One sorted table of hashes of paths.  Runs in the sensors process; the
 * files behind it are root's, so an intruder's: the caller decides what a
 * list or database of this host is worth.
 */
#include "agent/packages/packages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/dpkg.h"
#include "agent/packages/packages_int.h"
#include "agent/packages/rpmdb.h"
#include "common/packages/rpm.h"
#include "common/packages/sums.h"
#include "common/base/buf.h"
#include "common/base/file.h"

#define STATUS_MAX (128u * 1024 * 1024)
#define LIST_MAX (32u * 1024 * 1024)
#define JOURNAL_MAX 1024 /* dpkg folds them into status after 250 */

static const char *const top[] = {"/bin", "/sbin", "/lib", "/lib32",
    "/lib64", "/libx32"};

/* -- paths ---------------------------- */

static uint64_t
key_of(const char *path)
{
	uint8_t sum[DIGEST_LEN];
	uint64_t key;

	digest_of(path, strlen(path), sum);
	memcpy(&key, sum, sizeof(key));
	return key;
}

static void
look_merged(struct reading *rd)
{
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		rd->merged[i] = lstat(top[i], &st) == 0 &&
		    S_ISLNK(st.st_mode);
}

/* The path on the disk of what a package calls PATH. */
static bool
place(const struct reading *rd, struct slice path, char out[DPKG_PATH_MAX])
{
	char text[DPKG_PATH_MAX];
	const char *usr = "", *slash;
	size_t i, n;

	if (!slice_copy(path, text, sizeof(text)) || text[0] == '\0')
		return false;
	slash = text[0] == '/' ? "" : "/";
	for (i = 0; i < sizeof(top) / sizeof(top[0]); i++) {
		n = strlen(top[i]) - (slash[0] == '/');
		if (rd->merged[i] && strncmp(text, top[i] +
		    (slash[0] == '/'), n) == 0 && text[n] == '/')
			usr = "/usr";
	}
	return (size_t)snprintf(out, DPKG_PATH_MAX, "%s%s%s", usr, slash,
	    text) < DPKG_PATH_MAX;
}

/* -- growing ---------------------------- */

static void
fail(struct reading *rd, int code)
{
	if (rd->failed == 0)
		rd->failed = code;
}

struct row *
packages_row(struct reading *rd, struct slice path)
{
	struct packages *p = rd->p;
	char at[DPKG_PATH_MAX];
	struct row *more;
	size_t max;

	if (rd->failed != 0 || !place(rd, path, at) ||
	    (rd->from->wanted != NULL &&
	    !rd->from->wanted(rd->from->arg, at)))
		return NULL;
	if (p->n == p->max) {
		max = p->max == 0 ? 1024 : p->max * 2;
		more = p->n >= PACKAGES_PATHS_MAX ? NULL :
		    realloc(p->row, max * sizeof(*more));
		if (more == NULL) {
			fail(rd, p->n >= PACKAGES_PATHS_MAX ? ERR_LIMIT :
							      ERR_NOMEM);
			return NULL;
		}
		p->row = more;
		p->max = max;
	}
	more = &p->row[p->n++];
	memset(more, 0, sizeof(*more));
	more->key = key_of(at);
	more->package = rd->package;
	return more;
}

bool
packages_add(struct reading *rd, struct slice name, struct slice version,
    struct slice arch)
{
	struct packages *p = rd->p;
	char **more;
	size_t max;

	if (p->names == p->names_max) {
		max = p->names_max == 0 ? 256 : p->names_max * 2;
		more = p->names >= PACKAGES_MAX ? NULL :
		    realloc(p->name, max * sizeof(*more));
		if (more == NULL) {
			fail(rd, ERR_LIMIT);
			return false;
		}
		p->name = more;
		p->names_max = max;
	}
	if (asprintf(&p->name[p->names], "%.*s %.*s %.*s", (int)name.len,
	    name.at, (int)version.len, version.at, (int)arch.len,
	    arch.at) < 0) {
		fail(rd, ERR_NOMEM);
		return false;
	}
	rd->package = (uint32_t)p->names++;
	return true;
}

/* -- one package ---------------------------- */

/* The content of DPKG/info/NAME[:ARCH].SUFFIX; false: there is none. */
static bool
info(struct reading *rd, const struct dpkg_package *d, const char *suffix,
    struct slice *text)
{
	char path[DPKG_PATH_MAX];
	int i, r = ERR_NOENT;

	for (i = d->same ? 0 : 1; i < 2 && r == ERR_NOENT; i++) {
		buf_clear(&rd->text);
		if ((size_t)snprintf(path, sizeof(path),
		    "%s/info/%.*s%s%.*s.%s", rd->from->dpkg,
		    (int)d->name.len, d->name.at, i == 0 ? ":" : "",
		    i == 0 ? (int)d->arch.len : 0, d->arch.at != NULL ?
		    d->arch.at : "", suffix) >= sizeof(path))
			return false;
		r = file_read(path, &rd->text, NULL);
	}
	*text = (struct slice){(const char *)rd->text.data, rd->text.len};
	return r == 0;
}

static void
add_sum(struct reading *rd, const struct dpkg_sum *s, enum packages_say say)
{
	struct row *row = packages_row(rd, s->path);

	if (row == NULL)
		return;
	row->say = (uint8_t)say;
	row->conffile = say == PACKAGES_CONFFILE;
	memcpy(row->sum, s->md5, DPKG_MD5_LEN);
}

/* A list of ours is root's alone, or it is not there for us. */
static bool
only_roots(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_uid == 0 &&
	    (st.st_mode & 022) == 0;
}

/* Rows of a list that was read, if it is that package's. */
static void
add_list(struct reading *rd, struct slice text, enum packages_say say,
    struct slice pkg, struct slice version, struct slice arch)
{
	struct sums_row s;
	struct row *row;

	if (!sums_open(&text, pkg, version, arch))
		return;
	while (sums_next(&text, &s)) {
		row = packages_row(rd, s.path);
		if (row == NULL)
			continue;
		row->say = (uint8_t)say;
		row->type = (uint8_t)s.type;
		row->mode = (uint16_t)s.mode;
		row->uid = s.uid;
		row->gid = s.gid;
		memcpy(row->sum, s.sha256, DIGEST_LEN);
	}
}

/* NAME in FOLDER into rd->text. */
static bool
read_list(struct reading *rd, const char *folder, const char *name,
    bool roots)
{
	char path[DPKG_PATH_MAX];

	buf_clear(&rd->text);
	return file_join(path, sizeof(path), folder, name) == 0 &&
	    (!roots || only_roots(path)) &&
	    file_read(path, &rd->text, NULL) == 0;
}

void
packages_ours(struct reading *rd, struct slice pkg, struct slice version,
    struct slice arch)
{
	const struct packages_from *from = rd->from;
	char name[SUMS_NAME_MAX];
	const char *text;

	if (sums_name(name, pkg, version, arch) != 0)
		return;
	if (rd->lists && read_list(rd, from->lists, name, true))
		add_list(rd, (struct slice){(const char *)rd->text.data,
		    rd->text.len}, PACKAGES_SHA256, pkg, version, arch);
	if (from->served == NULL || from->good == NULL ||
	    !read_list(rd, from->served, name, false) ||
	    rd->text.len <= PACKAGES_SIG_LEN)
		return;
	text = (const char *)rd->text.data + PACKAGES_SIG_LEN;
	if (from->good(from->arg, text, rd->text.len - PACKAGES_SIG_LEN,
	    rd->text.data))
		add_list(rd, (struct slice){text, rd->text.len -
		    PACKAGES_SIG_LEN}, PACKAGES_SIGNED, pkg, version, arch);
}

static void
read_package(struct reading *rd, const struct dpkg_package *d)
{
	struct slice text = d->conffiles, path;
	struct dpkg_sum s;
	struct row *row;

	if (!packages_add(rd, d->name, d->version, d->arch))
		return;
	while (dpkg_conffile_next(&text, &s))
		add_sum(rd, &s, PACKAGES_CONFFILE);
	if (!d->on_disk)
		return;
	if (info(rd, d, "md5sums", &text))
		while (dpkg_sum_next(&text, &s))
			add_sum(rd, &s, PACKAGES_MD5);
	if (info(rd, d, "list", &text))
		while (dpkg_path_next(&text, &path))
			if ((row = packages_row(rd, path)) != NULL)
				row->say = PACKAGES_LISTED;
	packages_ours(rd, d->name, d->version, d->arch);
}

/* -- the rest of dpkg's folder ---------------------------- */

static void
stamp(struct packages *p, const char *dir, const char *name)
{
	struct stamp *s = &p->stamp[p->stamps];
	struct stat st;

	if ((size_t)snprintf(s->path, sizeof(s->path), "%s%s", dir, name) >=
	    sizeof(s->path))
		return;
	if (stat(s->path, &st) == 0) {
		s->mtime = st.st_mtim;
		s->ino = st.st_ino;
		s->size = st.st_size;
	}
	p->stamps++;
}

bool
packages_stale(const struct packages *p)
{
	struct stat st;
	size_t i;

	for (i = 0; i < p->stamps; i++) {
		const struct stamp *s = &p->stamp[i];

		if (stat(s->path, &st) != 0)
			memset(&st, 0, sizeof(st));
		if (st.st_mtim.tv_sec != s->mtime.tv_sec ||
		    st.st_mtim.tv_nsec != s->mtime.tv_nsec ||
		    st.st_ino != s->ino || st.st_size != s->size)
			return true;
	}
	return false;
}

static bool
top_file(struct reading *rd, const char *name, struct buf *b,
    struct slice *text)
{
	char path[DPKG_PATH_MAX];
	bool good;

	buf_clear(b);
	good = file_join(path, sizeof(path), rd->from->dpkg, name) == 0 &&
	    file_read(path, b, NULL) == 0;
	*text = (struct slice){(const char *)b->data, b->len};
	return good;
}

static void
read_diversions(struct reading *rd)
{
	struct packages *p = rd->p;
	char from[DPKG_PATH_MAX], to[DPKG_PATH_MAX];
	struct dpkg_diversion d;
	struct diversion *more;
	struct slice text;

	if (!top_file(rd, "diversions", &rd->text, &text))
		return;
	while (p->divs < PACKAGES_DIVERSIONS_MAX &&
	    dpkg_diversion_next(&text, &d)) {
		if (!place(rd, d.from, from) || !place(rd, d.to, to))
			continue;
		more = realloc(p->div, (p->divs + 1) * sizeof(*more));
		if (more == NULL) {
			fail(rd, ERR_NOMEM);
			return;
		}
		p->div = more;
		more[p->divs].from = key_of(from);
		more[p->divs].to = key_of(to);
		more[p->divs].package = strndup(d.package.at, d.package.len);
		if (more[p->divs++].package == NULL)
			fail(rd, ERR_NOMEM);
	}
}

static void
read_overrides(struct reading *rd)
{
	struct packages *p = rd->p;
	char path[DPKG_PATH_MAX];
	struct dpkg_override o;
	struct override *more;
	struct slice text;

	if (!top_file(rd, "statoverride", &rd->text, &text))
		return;
	while (p->overs < PACKAGES_DIVERSIONS_MAX &&
	    dpkg_override_next(&text, &o)) {
		if (!place(rd, o.path, path))
			continue;
		more = realloc(p->over, (p->overs + 1) * sizeof(*more));
		if (more == NULL) {
			fail(rd, ERR_NOMEM);
			return;
		}
		p->over = more;
		more[p->overs].key = key_of(path);
		more[p->overs++].mode = o.mode;
	}
}

/*
 * What dpkg has not yet folded into status: updates/0000 and so on, each a
 * paragraph that replaces the one before (lib/dpkg/dbmodify.c).
 */
static size_t
read_journal(struct reading *rd, struct buf *text, struct dpkg_package *j)
{
	char name[32], path[DPKG_PATH_MAX];
	struct slice all;
	size_t i, n = 0;

	for (i = 0; i < JOURNAL_MAX; i++) {
		snprintf(name, sizeof(name), "updates/%04zu", i);
		if (file_join(path, sizeof(path), rd->from->dpkg, name) != 0 ||
		    file_read(path, text, NULL) != 0 ||
		    buf_add(text, "\n\n", 2) != 0)
			break;
	}
	all = (struct slice){(const char *)text->data, text->len};
	while (n < JOURNAL_MAX && dpkg_package_next(&all, &j[n]))
		n++;
	return n;
}

static bool
same_slice(struct slice a, struct slice b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Is D said again in J from FIRST on? */
static bool
said_again(const struct dpkg_package *d, const struct dpkg_package *j,
    size_t first, size_t n)
{
	size_t i;

	for (i = first; i < n; i++)
		if (same_slice(d->name, j[i].name) &&
		    same_slice(d->arch, j[i].arch))
			return true;
	return false;
}

static void
read_packages(struct reading *rd, struct slice status)
{
	struct dpkg_package d, *j = calloc(JOURNAL_MAX, sizeof(*j));
	struct buf text;
	size_t i, n;

	if (j == NULL) {
		fail(rd, ERR_NOMEM);
		return;
	}
	buf_init(&text, LIST_MAX);
	n = read_journal(rd, &text, j);
	while (rd->failed == 0 && dpkg_package_next(&status, &d))
		if (!said_again(&d, j, 0, n))
			read_package(rd, &d);
	for (i = 0; i < n && rd->failed == 0; i++)
		if (!said_again(&j[i], j, i + 1, n))
			read_package(rd, &j[i]);
	buf_done(&text);
	free(j);
}

static int
row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->package != y->package)
		return x->package < y->package ? -1 : 1;
	return (int)y->say - (int)x->say; /* the best word first */
}

/* One row a package and path: the best, which knows a conffile as such. */
static void
settle(struct packages *p)
{
	size_t i, n = 0;

	if (p->n > 0)
		qsort(p->row, p->n, sizeof(*p->row), row_cmp);
	for (i = 0; i < p->n; i++) {
		if (n > 0 && p->row[n - 1].key == p->row[i].key &&
		    p->row[n - 1].package == p->row[i].package)
			p->row[n - 1].conffile |= p->row[i].conffile;
		else
			p->row[n++] = p->row[i];
	}
	p->n = n;
}

int
packages_read(const struct packages_from *from, struct packages **out,
    struct why *why)
{
	struct reading rd = {.from = from};
	struct slice text;
	struct buf status;
	struct why no;
	bool found = false;

	rd.p = calloc(1, sizeof(*rd.p));
	if (rd.p == NULL)
		return why_set(why, ERR_NOMEM, "packages");
	buf_init(&status, STATUS_MAX);
	buf_init(&rd.text, LIST_MAX);
	buf_init(&rd.users, PACKAGES_USERS_MAX);
	buf_init(&rd.groups, PACKAGES_USERS_MAX);
	stamp(rd.p, from->dpkg, "/status");
	stamp(rd.p, from->dpkg, "/diversions");
	stamp(rd.p, from->dpkg, "/statoverride");
	stamp(rd.p, from->dpkg, "/info");
	stamp(rd.p, from->dpkg, "/updates");
	if (from->lists[0] != '\0')
		stamp(rd.p, from->lists, "");
	if (from->served != NULL)
		stamp(rd.p, from->served, "");
	rd.lists = from->lists[0] != '\0' && only_roots(from->lists);
	look_merged(&rd);
	if (from->dpkg[0] != '\0' && top_file(&rd, "status", &status, &text)) {
		found = true;
		read_diversions(&rd);
		read_overrides(&rd);
		read_packages(&rd, text);
	}
	if (from->rpm != NULL && from->rpm[0] != '\0') {
		stamp(rd.p, from->rpm, "/" RPMDB_FILE);
		stamp(rd.p, from->rpm, "/" RPMDB_FILE "-wal");
		found |= packages_read_rpm(&rd, &no) == 0;
	}
	if (!found)
		fail(&rd, ERR_NOENT);
	settle(rd.p);
	buf_done(&status);
	buf_done(&rd.text);
	buf_done(&rd.users);
	buf_done(&rd.groups);
	if (rd.failed != 0) {
		packages_free(&rd.p);
		return why_set(why, rd.failed, "packages in %s: %s",
		    from->dpkg, err_str(rd.failed));
	}
	*out = rd.p;
	return 0;
}

/* -- names ---------------------------- */

struct naming {
	int (*fn)(void *arg, const char *list);
	void *arg;
};

static int
name_rpm(void *arg, const void *data, size_t len)
{
	const struct naming *n = arg;
	char name[SUMS_NAME_MAX];
	struct rpm_package is;
	struct rpm_header h;
	size_t used;

	if (rpm_header_open(data, len, &h, &used) != 0 ||
	    rpm_package(&h, &is) != 0 || slice_is(is.arch, "none") ||
	    sums_name(name, is.name, is.version, is.arch) != 0)
		return 0;
	return n->fn(n->arg, name);
}

static int
name_debs(const struct packages_from *from, struct naming *n, bool *found)
{
	struct reading rd = {.from = from};
	char name[SUMS_NAME_MAX];
	struct dpkg_package d;
	struct slice status;
	struct buf b;
	int r = 0;

	buf_init(&b, STATUS_MAX);
	*found = from->dpkg[0] != '\0' &&
	    top_file(&rd, "status", &b, &status);
	while (*found && r == 0 && dpkg_package_next(&status, &d))
		if (d.on_disk && sums_name(name, d.name, d.version,
		    d.arch) == 0)
			r = n->fn(n->arg, name);
	buf_done(&b);
	return r;
}

int
packages_each(const struct packages_from *from,
    int (*fn)(void *arg, const char *list), void *arg, struct why *why)
{
	struct naming n = {fn, arg};
	bool debs, rpms = false;
	int r = name_debs(from, &n, &debs);

	if (r == 0 && from->rpm != NULL && from->rpm[0] != '\0') {
		r = rpmdb_each(from->rpm, name_rpm, &n, why);
		rpms = r == 0;
		if (r == ERR_NOENT)
			r = 0;
	}
	return r != 0 || debs || rpms ? r : why_set(why, ERR_NOENT,
	    "neither dpkg nor rpm here");
}

void
packages_free(struct packages **pp)
{
	struct packages *p = *pp;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->names; i++)
		free(p->name[i]);
	for (i = 0; i < p->divs; i++)
		free(p->div[i].package);
	free(p->name);
	free(p->div);
	free(p->over);
	free(p->row);
	free(p);
	*pp = NULL;
}

size_t
packages_count(const struct packages *p)
{
	return p->names;
}

/* -- asking ---------------------------- */

static size_t
first_of(const struct packages *p, uint64_t key)
{
	size_t lo = 0, hi = p->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->row[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Is NAME the first word of "name version arch"? */
static bool
is_named(const char *full, const char *name)
{
	size_t n = strlen(name);

	return strncmp(full, name, n) == 0 && full[n] == ' ';
}

/*
 * Rows of KEY: all of them (ONLY and BUT NULL), those of package ONLY, or
 * those of all packages but BUT.
 */
static size_t
gather(const struct packages *p, uint64_t key, const char *only,
    const char *but, struct packages_file *out, size_t n)
{
	size_t i;

	for (i = first_of(p, key); i < p->n && p->row[i].key == key &&
	    n < PACKAGES_FILES_MAX; i++) {
		const struct row *r = &p->row[i];
		const char *name = p->name[r->package];

		if ((only != NULL && !is_named(name, only)) ||
		    (but != NULL && is_named(name, but)))
			continue;
		out[n++] = (struct packages_file){
		    .say = (enum packages_say)r->say,
		    .type = (char)r->type,
		    .conffile = r->conffile != 0,
		    .package = name,
		    .sum = r->say == PACKAGES_LISTED || r->type == 'd' ?
			NULL : r->sum,
		    .mode = r->mode, .uid = r->uid, .gid = r->gid};
	}
	return n;
}

size_t
packages_find(const struct packages *p, const char *path,
    struct packages_file out[PACKAGES_FILES_MAX])
{
	uint64_t key = key_of(path);
	size_t i;

	for (i = 0; i < p->divs; i++) {
		const struct diversion *d = &p->div[i];

		/* What others put at FROM is at TO; FROM is the diverter's. */
		if (d->to == key)
			return gather(p, d->from, NULL, d->package, out, 0);
		if (d->from == key)
			return gather(p, key, d->package, NULL, out, 0);
	}
	return gather(p, key, NULL, NULL, out, 0);
}

bool
packages_override(const struct packages *p, const char *path, uint32_t *mode)
{
	uint64_t key = key_of(path);
	size_t i;

	for (i = 0; i < p->overs; i++)
		if (p->over[i].key == key) {
			*mode = p->over[i].mode;
			return true;
		}
	return false;
}

const char *
packages_content(const struct packages *p, const uint8_t *sha256,
    const uint8_t *md5)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		const struct row *r = &p->row[i];

		if ((PACKAGES_WHOLE(r->say) && r->type == 'f' &&
		    sha256 != NULL &&
		    memcmp(r->sum, sha256, DIGEST_LEN) == 0) ||
		    (r->say == PACKAGES_MD5 && md5 != NULL &&
		    memcmp(r->sum, md5, DPKG_MD5_LEN) == 0))
			return p->name[r->package];
	}
	return NULL;
}
