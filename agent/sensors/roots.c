/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The trees of the sensors, from the settings.
 */
#include "agent/sensors/roots.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/path.h"
#include "common/base/log.h"

static int
add(struct roots *r, size_t max, const char *path)
{
	if (r->n == max)
		return ERR_LIMIT;
	r->path[r->n] = strdup(path);
	if (r->path[r->n] == NULL)
		return ERR_NOMEM;
	r->n++;
	return 0;
}

/* Add PATH unless it is covered; drop what it covers. */
static int
add_watched(struct roots *r, const char *path)
{
	size_t i = 0;

	while (i < r->n) {
		if (path_under(path, r->path[i]))
			return 0;
		if (path_under(r->path[i], path)) {
			free(r->path[i]);
			r->path[i] = r->path[--r->n];
		} else {
			i++;
		}
	}
	return add(r, ROOTS_MAX, path);
}

static bool
own_name(const char *name)
{
	return strncmp(name, "agent-", 6) == 0 ||
	    strcmp(name, "cordon-agent") == 0;
}

static int
add_own(struct roots *r, const char *own_dir, const char *conf_path)
{
	char path[PATH_LEN];
	const struct dirent *de;
	size_t max = r->n + ROOTS_OWN_MAX;
	DIR *d = own_dir[0] != '\0' ? opendir(own_dir) : NULL;

	while (d != NULL && (de = readdir(d)) != NULL)
		if (own_name(de->d_name) &&
		    path_join(path, own_dir, de->d_name) == 0 &&
		    add(r, max, path) != 0)
			break;
	if (d != NULL)
		closedir(d);
	if (path_clean(conf_path))
		return add(r, max, conf_path);
	return 0;
}

int
roots_init(struct roots *r, char *const *watch, size_t n,
    const char *own_dir, const char *conf_path, struct why *why)
{
	char real[PATH_MAX], quoted[256];
	size_t i;
	int e = 0;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < n && e == 0; i++) {
		if (watch[i][0] != '/') {
			e = why_set(why, ERR_CONFIG,
			    "watch \"%s\": write an absolute path",
			    watch[i]);
			goto done;
		}
		if (realpath(watch[i], real) == NULL) {
			log_warn("watch %s: not there, left out",
			    log_quote(quoted, sizeof(quoted), watch[i],
				strlen(watch[i])));
			continue;
		}
		e = add_watched(r, real);
	}
	r->watched = r->n;
	if (e == 0)
		e = add_own(r, own_dir, conf_path);
	if (e != 0)
		why_set(why, e, "watched trees: %s", err_str(e));
done:
	if (e != 0)
		roots_done(r);
	return e;
}

void
roots_done(struct roots *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		free(r->path[i]);
	memset(r, 0, sizeof(*r));
}

/* "X/cordon-agent*.service", or a file in "X/cordon-agent*.service.d". */
static bool
is_unit(const char *path)
{
	static const char *const dirs[] = {"/etc/systemd/system/",
	    "/run/systemd/system/", "/usr/lib/systemd/system/",
	    "/usr/local/lib/systemd/system/"};
	const char *rest, *end;
	size_t i, n;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		n = strlen(dirs[i]);
		if (strncmp(path, dirs[i], n) != 0)
			continue;
		rest = path + n;
		end = strstr(rest, ".service");
		/* What dpkg lays down beside it has another end. */
		return strncmp(rest, "cordon-agent", 12) == 0 &&
		    end != NULL && (end[8] == '\0' ||
		    strncmp(end + 8, ".d/", 3) == 0);
	}
	return false;
}

bool
roots_is_own(const struct roots *r, const char *path)
{
	size_t i;

	if (is_unit(path))
		return true;

	for (i = r->watched; i < r->n; i++)
		if (strcmp(r->path[i], path) == 0)
			return true;
	return false;
}

bool
roots_has(const struct roots *r, const char *path)
{
	size_t i;

	for (i = 0; i < r->watched; i++)
		if (path_under(path, r->path[i]))
			return true;
	return false;
}
