/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making and verifying the manifest of a tree.  Runs in a process of its
 * own that root started, as the sensors' user, able to read everything.
 */
#include "agent/sensors/tree.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/before.h"
#include "agent/sensors/notes.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define THREADS 2
#define NUMBER_MAX 24

static void
prefix_of(char out[64], const char *path)
{
	snprintf(out, 64, "tree-%016" PRIx64 "-", before_hash(path));
}

int
tree_newest(const char *state_dir, const char *path, char out[PATH_LEN])
{
	char prefix[64], one[PATH_LEN];
	struct timespec last = {0, 0};
	const struct dirent *de;
	struct stat st;
	DIR *d = opendir(state_dir);
	bool found = false;

	prefix_of(prefix, path);
	while (d != NULL && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, prefix, strlen(prefix)) != 0 ||
		    !id_valid(de->d_name + strlen(prefix)) ||
		    path_join(one, state_dir, de->d_name) != 0 ||
		    lstat(one, &st) != 0)
			continue;
		if (!found || st.st_mtim.tv_sec > last.tv_sec ||
		    (st.st_mtim.tv_sec == last.tv_sec &&
		    st.st_mtim.tv_nsec > last.tv_nsec)) {
			last = st.st_mtim;
			memcpy(out, one, PATH_LEN);
			found = true;
		}
	}
	if (d != NULL)
		closedir(d);
	return found ? 0 : ERR_NOENT;
}

/* The one with this ID, of whatever tree. */
static int
find_id(const char *state_dir, const char *id, char out[PATH_LEN])
{
	const size_t head = strlen("tree-") + 16 + 1;
	const struct dirent *de;
	DIR *d = opendir(state_dir);
	int r = ERR_NOENT;

	while (r != 0 && d != NULL && (de = readdir(d)) != NULL)
		if (strncmp(de->d_name, "tree-", 5) == 0 &&
		    strlen(de->d_name) > head &&
		    strcmp(de->d_name + head, id) == 0)
			r = path_join(out, state_dir, de->d_name);
	if (d != NULL)
		closedir(d);
	return r;
}

/*
 * Everything below TOP, paths made relative to it; the top itself is left
 * out.  The order by folder and name stays.
 */
static int
read_tree(char *top, struct scan_result **out, uint64_t *bytes,
    struct why *why)
{
	static const atomic_bool stop;
	struct scan_opts o = {.root = &top, .nroot = 1, .threads = THREADS,
	    .stop = &stop};
	struct scan_result *res;
	size_t len = strlen(top), i, n = 0;
	int r = scan_run(&o, &res, why);

	if (r != 0)
		return r;
	*bytes = 0;
	for (i = 0; i < res->n; i++) {
		if (!path_under(res->rec[i].dir, top))
			continue;
		res->rec[n] = res->rec[i];
		res->rec[n].dir += len;
		if (res->rec[n].dir[0] == '\0')
			res->rec[n].dir = "/";
		if (S_ISREG(res->rec[n].e->mode))
			*bytes += res->rec[n].e->size;
		n++;
	}
	res->n = n;
	if (res->unread > 0) {
		r = why_set(why, ERR_IO, "%" PRIu64 " files could not be "
		    "read", res->unread);
		scan_free(&res);
		return r;
	}
	*out = res;
	return 0;
}

static int
real_path(const char *tree, char out[PATH_MAX], struct why *why)
{
	struct stat st;

	if (realpath(tree, out) == NULL || stat(out, &st) != 0)
		return why_sys(why, ERR_NOENT, "%s", tree);
	if (!S_ISDIR(st.st_mode) || strcmp(out, "/") == 0)
		return why_set(why, ERR_RANGE, "%s: write the path of a "
		    "folder below /", tree);
	return 0;
}

int
tree_make(const struct tree_job *j, struct why *why)
{
	struct picture none, nowhere;
	char top[PATH_MAX], path[PATH_LEN], prefix[64], id[ID_MAX];
	char hex[DIGEST_HEX_MAX], files[NUMBER_MAX], size[NUMBER_MAX];
	struct manifest_source src = {.id = id, .host_id = j->host_id,
	    .made_ms = clock_wall_ms(), .accounts = &none,
	    .places = &nowhere};
	const struct note_pair pair[] = {{"manifest", id}, {"sha256", hex},
	    {"files", files}, {"bytes", size}};
	struct scan_result *res = NULL;
	uint8_t digest[DIGEST_LEN];
	uint64_t bytes;
	int r;

	picture_init(&none);
	picture_init(&nowhere);
	id_new(id, "M", 10);
	r = real_path(j->tree, top, why);
	if (r == 0)
		r = read_tree(top, &res, &bytes, why);
	if (r != 0)
		return r;
	prefix_of(prefix, top);
	src.files = res;
	if (snprintf(path, sizeof(path), "%s/%s%s", j->state_dir, prefix,
	    id) >= PATH_LEN)
		r = why_set(why, ERR_LIMIT, "state folder: path too long");
	if (r == 0)
		r = manifest_write(path, &src, digest, why);
	if (r == 0) {
		hex_encode(hex, digest, DIGEST_LEN);
		snprintf(files, sizeof(files), "%zu", res->n);
		snprintf(size, sizeof(size), "%" PRIu64, bytes);
		r = notes_leave(j->state_dir, "data.manifest-made", top, pair,
		    4, why);
	}
	if (r == 0) {
		manifest_trim(j->state_dir, prefix, TREE_KEEP);
		printf("%s  sha256 %s  %s files, %s bytes\n", id, hex, files,
		    size);
	}
	scan_free(&res);
	return r;
}

static void
print_differences(const struct findings *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		printf("%-14s %s%s%s%s%s\n", f->item[i].code,
		    f->item[i].object, f->item[i].was[0] != '\0' ? "  was " :
		    "", f->item[i].was, f->item[i].now[0] != '\0' ? "  is " :
		    "", f->item[i].now);
	if (f->total > f->n)
		printf("... and %zu more\n", f->total - f->n);
}

static int
compare(const struct tree_job *j, const struct manifest *m, char *top,
    struct why *why)
{
	struct findings *f = calloc(1, sizeof(*f));
	struct scan_result *res = NULL;
	char differ[NUMBER_MAX], files[NUMBER_MAX];
	struct note_pair pair[] = {{"manifest", manifest_id(m)},
	    {"files", files}, {"differences", differ}, {"first", ""}};
	uint64_t bytes;
	int r = f == NULL ? why_set(why, ERR_NOMEM, "verify") :
	    read_tree(top, &res, &bytes, why);

	if (r == 0 && manifest_compare(m, res->rec, res->n, f) != 0)
		r = why_set(why, ERR_IO, "the manifest cannot be compared");
	if (r != 0)
		goto done;
	snprintf(files, sizeof(files), "%zu", res->n);
	snprintf(differ, sizeof(differ), "%zu", f->total);
	if (f->total > 0)
		pair[3].value = f->item[0].object;
	print_differences(f);
	r = notes_leave(j->state_dir, f->total == 0 ? "data.verified" :
	    "data.verify-failed", top, pair, f->total > 0 ? 4 : 3, why);
	if (r == 0 && f->total > 0)
		r = why_set(why, ERR_CRYPTO, "%s: %zu differences to %s", top,
		    f->total, manifest_id(m));
	if (r == 0)
		printf("%s equals %s: %s files\n", top, manifest_id(m),
		    files);
done:
	if (f != NULL)
		findings_done(f);
	free(f);
	scan_free(&res);
	return r;
}

int
tree_verify(const struct tree_job *j, struct why *why)
{
	char top[PATH_MAX], path[PATH_LEN], hex[DIGEST_HEX_MAX];
	struct manifest *m = NULL;
	uint8_t sum[DIGEST_LEN];
	int r = real_path(j->tree, top, why);

	if (r != 0)
		return r;
	r = j->manifest != NULL ? find_id(j->state_dir, j->manifest, path) :
	    tree_newest(j->state_dir, top, path);
	if (r != 0)
		return why_set(why, ERR_NOENT, "%s: no manifest%s%s on this "
		    "host; make one with cordon-agent manifest make", top,
		    j->manifest != NULL ? " " : " of it",
		    j->manifest != NULL ? j->manifest : "");
	r = manifest_open(path, NULL, &m, why);
	if (r == 0) {
		manifest_digest(m, sum);
		printf("manifest %s  sha256 %s\n", manifest_id(m),
		    hex_encode(hex, sum, DIGEST_LEN));
		r = compare(j, m, top, why);
	}
	manifest_free(&m);
	return r;
}
