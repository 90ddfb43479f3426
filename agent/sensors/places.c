/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Persistence places.  Runs on the job thread; homes belong to users, so
 * links are recorded and never followed, and depth and count are bounded.
 */
#include "agent/sensors/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/content.h"
#include "agent/state/place_table.h"
#include "agent/sensors/entry.h"
#include "agent/sensors/path.h"
#include "common/base/digest.h"
#include "common/base/id.h"

struct place_walk {
	struct picture *p;
	struct inspect *inspect;
	const atomic_bool *stop;
	const char *prefix;
};

static void
add_entry(struct place_walk *w, const char *path, const struct entry *e)
{
	char hex[DIGEST_HEX_MAX] = "-";

	if (e->flags & ENTRY_UNREAD)
		picture_miss(w->p, path);
	if (S_ISREG(e->mode) || S_ISLNK(e->mode))
		hex_encode(hex, e->sha256, DIGEST_LEN);
	picture_addf(w->p, "place", path, "mode=%06o owner=%u:%u sha256=%s",
	    (unsigned int)e->mode, e->uid, e->gid, hex);
}

static void add_place(struct place_walk *w, int dirfd, const char *name,
    const char *path, unsigned int depth);

static void
add_folder(struct place_walk *w, int fd, const char *path,
    unsigned int depth)
{
	char child[PATH_LEN];
	const struct dirent *de;
	DIR *d = fdopendir(fd);

	if (d == NULL) {
		close(fd);
		return;
	}
	while ((de = readdir(d)) != NULL && !atomic_load(w->stop))
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    path_join(child, path, de->d_name) == 0)
			add_place(w, dirfd(d), de->d_name, child, depth + 1);
	closedir(d);
}

/* Recursion is bounded by PLACES_DEPTH_MAX. */
static void
add_place(struct place_walk *w, int at, const char *name, const char *path,
    unsigned int depth)
{
	struct entry e;
	int fd, r;

	if (place_is_volatile(path))
		return;
	r = inspect_at(w->inspect, at, name, NULL, &e);
	if (r == ERR_NOENT || r == ERR_CLOSED)
		return;
	if (r != 0 || depth > PLACES_DEPTH_MAX) {
		picture_miss(w->p, path);
		return;
	}
	add_entry(w, path, &e);
	if (!S_ISDIR(e.mode))
		return;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		picture_miss(w->p, path);
	else
		add_folder(w, fd, path, depth);
}

/* DIR may be reached through links (/lib, a moved /home): so do others. */
static void
add_path(struct place_walk *w, const char *dir, const char *place)
{
	char path[PATH_LEN], parent[PATH_LEN];
	const char *name;
	int fd;

	if (snprintf(path, sizeof(path), "%s%s%s", dir,
	    place[0] == '/' ? "" : "/", place) >= PATH_LEN ||
	    path_split(path, parent, &name) != 0)
		return;
	fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			picture_miss(w->p, path);
		return;
	}
	add_place(w, fd, name, path, 0);
	close(fd);
}

static int
add_home(void *arg, const char *home)
{
	size_t i;

	for (i = 0; home_places[i].path != NULL; i++)
		add_path(arg, home, home_places[i].path);
	return 0;
}

void
places_clean_cmdline(char *text)
{
	char *rest = text, *word, *out = text;
	size_t n;

	while ((word = strsep(&rest, " \n")) != NULL) {
		n = strlen(word);
		if (n == 0 || strncmp(word, "BOOT_IMAGE=", 11) == 0 ||
		    strncmp(word, "initrd=", 7) == 0)
			continue;
		if (out != text)
			*out++ = ' ';
		memmove(out, word, n);
		out += n;
	}
	*out = '\0';
}

static void
add_cmdline(struct place_walk *w)
{
	char path[PATH_LEN];
	struct buf text;

	snprintf(path, sizeof(path), "%s/proc/cmdline", w->prefix);
	buf_init(&text, 16384);
	if (content_read(path, &text) != 0 || buf_str(&text) == NULL) {
		picture_miss(w->p, path);
	} else {
		places_clean_cmdline((char *)text.data);
		picture_addf(w->p, "place", "boot command line", "%s",
		    (char *)text.data);
	}
	buf_done(&text);
}

int
places_picture(const char *prefix, const struct account_files *files,
    const atomic_bool *stop, struct picture *p)
{
	struct place_walk w = {p, inspect_new(NULL, stop), stop, prefix};
	size_t i;

	if (w.inspect == NULL)
		return ERR_NOMEM;
	for (i = 0; system_places[i].path != NULL; i++)
		add_path(&w, prefix, system_places[i].path);
	if (accounts_homes(files, add_home, &w) != 0)
		picture_miss(p, files->passwd);
	add_cmdline(&w);
	inspect_free(&w.inspect);
	picture_sort(p);
	return atomic_load(stop) ? ERR_CLOSED : 0;
}
