/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The child that tells people.  Runs in the parent after it dropped
 * rights.  The notice is opaque here; it goes through a pipe that holds all
 * of it, so a child that does not read holds nobody up.
 */
#include "agent/parent/herald.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/spawn.h"

#define PROGRAM "agent-notice"

struct herald {
	const char *libexec;
	pid_t pid;	 /* 0: none is under way */
	struct buf told; /* the last one that was started */
	struct buf next; /* waits for its end; empty: nothing does */
	struct event killer;
};

static void
on_killer(evutil_socket_t fd, short what, void *arg)
{
	struct herald *h = arg;

	(void)fd, (void)what;
	if (h->pid > 0)
		kill(h->pid, SIGKILL);
}

int
herald_new(struct event_base *base, const char *libexec, struct herald **out,
    struct why *why)
{
	struct herald *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	h->libexec = libexec;
	buf_init(&h->told, HERALD_MAX);
	buf_init(&h->next, HERALD_MAX);
	evtimer_assign(&h->killer, base, on_killer, h);
	*out = h;
	return 0;
}

void
herald_free(struct herald **hp)
{
	struct herald *h = *hp;

	if (h == NULL)
		return;
	if (h->pid > 0) {
		kill(h->pid, SIGKILL);
		waitpid(h->pid, NULL, 0);
	}
	evtimer_del(&h->killer);
	buf_done(&h->told);
	buf_done(&h->next);
	free(h);
	*hp = NULL;
}

/*
 * Starts LIBEXEC/agent-notice, as root with the few capabilities that we
 * kept; it keeps those to become another user, and ends when all is told.
 * A process, because it writes to terminals and session buses of users: what
 * hangs there or breaks must not be the parent, and we may not lose our own
 * rights for it.
 */
static int
start(struct herald *h, struct why *why)
{
	char path[PATH_MAX];
	const char *argv[] = {PROGRAM, NULL};
	struct spawn s = {.path = path, .argv = argv, .nfd = 1};
	const struct timeval limit = {HERALD_SECONDS, 0};
	int p[2], err;

	if (file_join(path, sizeof(path), h->libexec, PROGRAM) != 0)
		return why_set(why, ERR_LIMIT, "path too long");
	if (pipe2(p, O_CLOEXEC) < 0)
		return why_sys(why, ERR_IO, "pipe");
	err = file_write_all(p[1], h->told.data, h->told.len);
	s.fd[0] = p[0];
	if (err == 0)
		err = spawn_start(&s, &h->pid, why);
	else
		why_set(why, err, "pipe: %s", err_str(err));
	close(p[0]);
	close(p[1]);
	if (err == 0)
		evtimer_add(&h->killer, &limit);
	else
		h->pid = 0;
	return err;
}

/* What waits is told now. */
static void
go_on(struct herald *h)
{
	struct why why;

	if (h->pid > 0 || h->next.len == 0)
		return;
	buf_clear(&h->told);
	if (buf_add(&h->told, h->next.data, h->next.len) != 0)
		return;
	buf_clear(&h->next);
	if (start(h, &why) != 0) {
		log_error("people at this machine are not told: %s",
		    why.text);
		buf_clear(&h->told); /* the same notice may try again */
	}
}

void
herald_tell(struct herald *h, const uint8_t *notice, size_t len)
{
	buf_clear(&h->next);
	if (h->told.len == len && memcmp(h->told.data, notice, len) == 0)
		return;
	if (buf_add(&h->next, notice, len) != 0) {
		log_error("a notice of %zu bytes is not shown: too long",
		    len);
		return;
	}
	go_on(h);
}

void
herald_reap(struct herald *h)
{
	char how[64];
	int status;

	if (h->pid <= 0 || waitpid(h->pid, &status, WNOHANG) != h->pid)
		return;
	h->pid = 0;
	evtimer_del(&h->killer);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_warn("people at this machine may not have been told: "
		    PROGRAM " ended: %s", spawn_status(status, how,
		    sizeof(how)));
	go_on(h);
}
