/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Delivery.  Runs in agent-notice, forked for each user.  A user's terminal
 * may be stopped and a user's session bus may be anything: nothing is
 * waited for longer than DELIVER_SECONDS, and nothing is done with rights
 * that the user has not.
 */
#include "agent/notice/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/proc/rights.h"

#define BUS_USEC (2 * 1000 * 1000)
#define URGENCY_NORMAL 1 /* Desktop Notifications Specification, hints */
#define URGENCY_CRITICAL 2

static bool
to_terminal(const char *path, const struct message *m)
{
	size_t len = strlen(m->terminal);
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC |
	    O_NOFOLLOW);
	if (fd < 0)
		return false;
	/* One write, so that it is not mixed with others; a terminal that is
	 * stopped takes none of it. */
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && isatty(fd))
		n = write(fd, m->terminal, len);
	close(fd);
	return n == (ssize_t)len;
}

/* Notify of org.freedesktop.Notifications, its specification 1.2. */
static int
notify(sd_bus *bus, const struct message *m)
{
	sd_bus_message *call = NULL;
	int rc;

	rc = sd_bus_message_new_method_call(bus, &call,
	    "org.freedesktop.Notifications",
	    "/org/freedesktop/Notifications",
	    "org.freedesktop.Notifications", "Notify");
	if (rc >= 0)
		rc = sd_bus_message_append(call, "susssasa{sv}i", "Cordon",
		    0, "network-offline", m->title, m->text, 0, 1, "urgency",
		    "y", m->urgent ? URGENCY_CRITICAL : URGENCY_NORMAL,
		    m->urgent ? 0 : -1);
	if (rc >= 0)
		rc = sd_bus_call(bus, call, BUS_USEC, NULL, NULL);
	sd_bus_message_unref(call);
	return rc;
}

static bool
to_bus(const char *path, const struct message *m)
{
	char address[PLACE_MAX + 16];
	sd_bus *bus = NULL;
	int rc;

	snprintf(address, sizeof(address), "unix:path=%s", path);
	rc = sd_bus_new(&bus);
	if (rc >= 0)
		rc = sd_bus_set_address(bus, address);
	if (rc >= 0)
		rc = sd_bus_set_bus_client(bus, 1);
	if (rc >= 0)
		rc = sd_bus_start(bus);
	if (rc >= 0)
		rc = notify(bus, m);
	if (rc < 0)
		log_debug("%s: %s", path, strerror(-rc));
	sd_bus_close_unref(bus);
	return rc >= 0;
}

/* As the user: all places of theirs.  The exit status counts successes. */
static void __attribute__((noreturn))
tell_user(const struct people *p, uid_t uid, const struct message *m)
{
	char number[16];
	const struct rights none = {.user = number};
	struct why why;
	int told = 0;
	size_t i;

	snprintf(number, sizeof(number), "%u", (unsigned int)uid);
	alarm(DELIVER_SECONDS);
	if (rights_drop(&none, &why) != 0) {
		log_error("user %s: %s", number, why.text);
		_exit(0);
	}
	for (i = 0; i < p->n; i++) {
		const struct place *at = &p->place[i];

		if (at->uid != uid)
			continue;
		if (at->bus ? to_bus(at->path, m) : to_terminal(at->path, m))
			told++;
		else if (!at->bus) /* few have a desktop behind their bus */
			log_info("%s does not take the notice", at->path);
	}
	_exit(told < 255 ? told : 255);
}

/*
 * Forks ourselves, without exec: the child is told whom by its memory, gives
 * up all rights and becomes the user UID.  A process, because becoming a
 * user cannot be undone, the next one is another user, and a terminal or bus
 * that hangs shall cost its own user seconds and nobody else.
 */
static unsigned int
tell_one(const struct people *p, uid_t uid, const struct message *m)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		tell_user(p, uid, m);
	if (pid < 0) {
		log_warn("fork: %s", strerror(errno));
		return 0;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	if (WIFEXITED(status))
		return (unsigned int)WEXITSTATUS(status);
	log_warn("user %u could not be told in time", (unsigned int)uid);
	return 0;
}

unsigned int
deliver(const struct people *p, const struct message *m)
{
	unsigned int told = 0;
	size_t i, j;

	for (i = 0; i < p->n; i++) {
		for (j = 0; j < i; j++)
			if (p->place[j].uid == p->place[i].uid)
				break;
		if (j == i) /* the first place of that user */
			told += tell_one(p, p->place[i].uid, m);
	}
	return told;
}
