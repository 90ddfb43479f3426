/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Folders, lock and control socket.  Runs in the parent as root, before it
 * drops rights.  The children own their folders and may put anything into
 * them, so nothing in there is followed or trusted here.
 */
#include "agent/parent/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "common/base/file.h"
#include "common/proc/rights.h"

#define LOCK_FILE "lock"
#define CONTROL_BACKLOG 4

int
folders_one(const char *path, const struct owner *o, mode_t mode,
    struct why *why)
{
	int err, fd;

	err = file_mkdir(path, mode, why);
	if (err != 0)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return why_sys(why, ERR_IO, "folder %s", path);
	if (fchown(fd, o->uid, o->gid) < 0 || fchmod(fd, mode) < 0)
		err = why_sys(why, ERR_IO, "owner and mode of folder %s",
		    path);
	close(fd);
	return err;
}

int
folders_make(const struct settings *s, struct why *why)
{
	const struct {
		const char *name, *user;
	} own[] = {
		{AGENT_DIR_NETWORK, s->network_user},
		{AGENT_DIR_ENFORCER, s->enforcer_user},
		{AGENT_DIR_SENSORS, s->sensors_user},
	};
	const struct owner root = {0, 0};
	char path[PATH_MAX];
	struct owner o;
	size_t i;
	int err;

	err = folders_one(s->state_dir, &root, 0755, why);
	if (err == 0)
		err = folders_one(s->run_dir, &root, 0755, why);
	for (i = 0; err == 0 && i < sizeof(own) / sizeof(own[0]); i++) {
		err = rights_find_user(own[i].user, &o.uid, &o.gid, why);
		if (err == 0 && file_join(path, sizeof(path), s->state_dir,
				    own[i].name) != 0)
			err = why_set(why, ERR_LIMIT, "path too long");
		if (err == 0)
			err = folders_one(path, &o, 0700, why);
	}
	return err;
}

int
folders_lock(const char *run_dir, int *out, struct why *why)
{
	char path[PATH_MAX];
	int fd;

	if (file_join(path, sizeof(path), run_dir, LOCK_FILE) != 0)
		return why_set(why, ERR_LIMIT, "path too long");
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return why_sys(why, ERR_IO, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return why_set(why, ERR_BADSTATE, "an agent is running already "
		    "(%s is locked)", path);
	}
	*out = fd;
	return 0;
}

int
folders_control(const char *run_dir, int *out, struct why *why)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t old;
	int fd, rc;

	if (file_join(un.sun_path, sizeof(un.sun_path), run_dir,
		AGENT_CONTROL_SOCKET) != 0)
		return why_set(why, ERR_LIMIT, "run_dir: path too long");
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd < 0)
		return why_sys(why, ERR_IO, "control socket");
	if (unlink(un.sun_path) < 0 && errno != ENOENT)
		goto fail;
	old = umask(0177);
	rc = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(old);
	if (rc < 0 || listen(fd, CONTROL_BACKLOG) < 0)
		goto fail;
	*out = fd;
	return 0;
fail:
	rc = why_sys(why, ERR_IO, "control socket %s", un.sun_path);
	close(fd);
	return rc;
}
