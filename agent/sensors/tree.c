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

static const atomic_bool never; /* a command is ended by a signal */

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
int
tree_find_id(const char *state_dir, const char *id, char out[PATH_LEN])
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

/* The order by folder and name stays. */
int
tree_read(char *top, const atomic_bool *stop, struct scan_result **out,
    uint64_t *bytes, struct why *why)
{
	struct scan_opts o = {.root = &top, .nroot = 1, .threads = THREADS,
	    .stop = stop};
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
tree_write(const char *state_dir, const char *host_id, const char *id,
    char *top, const atomic_bool *stop, char path[PATH_LEN],
    struct scan_result **res, uint64_t *bytes, uint8_t digest[DIGEST_LEN],
    struct why *why)
{
	struct picture none, nowhere;
	struct manifest_source src = {.id = id, .host_id = host_id,
	    .made_ms = clock_wall_ms(), .accounts = &none,
	    .places = &nowhere};
	char prefix[64];
	int r;

	picture_init(&none);
	picture_init(&nowhere);
	prefix_of(prefix, top);
	if (snprintf(path, PATH_LEN, "%s/%s%s", state_dir, prefix, id) >=
	    PATH_LEN)
		return why_set(why, ERR_LIMIT, "state folder: path too long");
	r = tree_read(top, stop, res, bytes, why);
	if (r != 0)
		return r;
	src.files = *res;
	r = manifest_write(path, &src, digest, why);
	if (r == 0)
		manifest_trim(state_dir, prefix, TREE_KEEP);
	else
		scan_free(res);
	return r;
}

int
tree_make(const struct tree_job *j, struct why *why)
{
	char top[PATH_MAX], path[PATH_LEN], id[ID_MAX];
	char hex[DIGEST_HEX_MAX], files[NUMBER_MAX], size[NUMBER_MAX];
	const struct note_pair pair[] = {{"manifest", id}, {"sha256", hex},
	    {"files", files}, {"bytes", size}};
	struct scan_result *res = NULL;
	uint8_t digest[DIGEST_LEN];
	uint64_t bytes;
	int r;

	id_new(id, "M", 10);
	r = real_path(j->tree, top, why);
	if (r == 0)
		r = tree_write(j->state_dir, j->host_id, id, top, &never,
		    path, &res, &bytes, digest, why);
	if (r != 0)
		return r;
	hex_encode(hex, digest, DIGEST_LEN);
	snprintf(files, sizeof(files), "%zu", res->n);
	snprintf(size, sizeof(size), "%" PRIu64, bytes);
	r = notes_leave(j->state_dir, "data.manifest-made", top, pair, 4,
	    why);
	if (r == 0)
		printf("%s  sha256 %s  %s files, %s bytes\n", id, hex, files,
		    size);
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
    const char *by, struct why *why)
{
	struct findings *f = calloc(1, sizeof(*f));
	struct scan_result *res = NULL;
	char differ[NUMBER_MAX], files[NUMBER_MAX];
	struct note_pair pair[] = {{"manifest", manifest_id(m)},
	    {"files", files}, {"differences", differ}, {"signed", by},
	    {"first", ""}};
	uint64_t bytes;
	int r = f == NULL ? why_set(why, ERR_NOMEM, "verify") :
	    tree_read(top, &never, &res, &bytes, why);

	if (r == 0 && manifest_compare(m, res->rec, res->n, f) != 0)
		r = why_set(why, ERR_IO, "the manifest cannot be compared");
	if (r != 0)
		goto done;
	snprintf(files, sizeof(files), "%zu", res->n);
	snprintf(differ, sizeof(differ), "%zu", f->total);
	if (f->total > 0)
		pair[4].value = f->item[0].object;
	print_differences(f);
	r = notes_leave(j->state_dir, f->total == 0 ? "data.verified" :
	    "data.verify-failed", top, pair, f->total > 0 ? 5 : 4, why);
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

struct by_id {
	const char *id;
	const struct kept_place *place;
	struct manifest **m;
	char *by;
	size_t size;
	struct why *why;
	int rc;
};

static int
signed_by_id(void *arg, const Cordon__TreeHead *head, const struct why *bad)
{
	struct by_id *q = arg;

	(void)bad;
	if (head == NULL || strcmp(head->manifest_id, q->id) != 0)
		return 0;
	q->rc = kept_open(q->place, head, q->m, q->why);
	snprintf(q->by, q->size, "version %" PRIu64 " of %s, signed by %s",
	    head->version, head->tree, head->signed_by);
	return 0;
}

/* The manifest to hold TOP against; BY says what it is worth. */
static int
open_for(const struct tree_job *j, const char *top, struct manifest **m,
    char *by, size_t size, struct why *why)
{
	Cordon__TreeHead *head = NULL;
	struct kept_place place;
	char path[PATH_LEN];
	int r = ERR_NOENT;

	snprintf(by, size, "no");
	if (j->reader != NULL && j->manifest == NULL) {
		place = (struct kept_place){j->state_dir, *j->reader};
		r = kept_find(&place, top, &head, why);
	} else if (j->reader != NULL) {
		struct by_id q = {j->manifest, &place, m, by, size, why,
		    ERR_NOENT};

		place = (struct kept_place){j->state_dir, *j->reader};
		if (kept_each(&place, signed_by_id, &q) == 0 &&
		    q.rc != ERR_NOENT)
			return q.rc;
	}
	if (r == 0) {
		r = kept_open(&place, head, m, why);
		snprintf(by, size, "version %" PRIu64 ", signed by %s",
		    head->version, head->signed_by);
		cordon__tree_head__free_unpacked(head, NULL);
		return r;
	}
	if (r != ERR_NOENT)
		return r; /* what is not to be believed is not passed over */
	r = j->manifest != NULL ?
	    tree_find_id(j->state_dir, j->manifest, path) :
	    tree_newest(j->state_dir, top, path);
	if (r != 0)
		return why_set(why, ERR_NOENT, "%s: no manifest%s%s on this "
		    "host; make one with cordon-agent manifest make", top,
		    j->manifest != NULL ? " " : " of it",
		    j->manifest != NULL ? j->manifest : "");
	return manifest_open(path, NULL, m, why);
}

int
tree_verify(const struct tree_job *j, struct why *why)
{
	char top[PATH_MAX], hex[DIGEST_HEX_MAX], by[256];
	struct manifest *m = NULL;
	uint8_t sum[DIGEST_LEN];
	int r = real_path(j->tree, top, why);

	if (r == 0)
		r = open_for(j, top, &m, by, sizeof(by), why);
	if (r != 0)
		return r;
	manifest_digest(m, sum);
	printf("manifest %s  sha256 %s  %s\n", manifest_id(m),
	    hex_encode(hex, sum, DIGEST_LEN), strcmp(by, "no") == 0 ?
	    "not signed: only this host says so" : by);
	r = compare(j, m, top, by, why);
	manifest_free(&m);
	return r;
}
