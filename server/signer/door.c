/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may ask the signer, and what: accepts, looks at the peer's user, and
 * hands each request to the keeper.  Runs in cordon-signer.  Trusts nobody
 * who connects; the kernel says who that is.
 */
#include "server/signer/door.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/order.h"
#include "server/links/signer.h"
#include "server/signer/keeper.h"

#define BACKLOG 16

struct door {
	struct event_base *base; /* lent */
	struct event *event;
	int fd;
	uid_t allowed;
	struct keeper *keeper; /* lent */
	struct link *asker[DOOR_ASKERS_MAX];
};

static int
set_address(struct sockaddr_un *sun, const char *path, struct why *why)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun->sun_path))
		return why_set(why, ERR_LIMIT, "socket %s: longer than %zu "
		    "bytes", path, sizeof(sun->sun_path) - 1);
	strcpy(sun->sun_path, path);
	return 0;
}

/* SO_PEERCRED decides who is let in; this keeps others off the doorstep. */
static int
set_owner(const char *path, uid_t allowed, struct why *why)
{
	mode_t mode = 0660;

	if (geteuid() == 0) {
		if (chown(path, allowed, (gid_t)-1) != 0)
			return why_sys(why, ERR_PERM, "cannot give %s to uid "
			    "%u", path, allowed);
	} else if (allowed != geteuid()) {
		mode = 0666;
	}
	if (chmod(path, mode) != 0)
		return why_sys(why, ERR_IO, "cannot set the mode of %s", path);
	return 0;
}

int
door_bind(const char *path, uid_t allowed, int *out, struct why *why)
{
	struct sockaddr_un sun;
	struct stat st;
	int fd, rc;

	rc = set_address(&sun, path, why);
	if (rc != 0)
		return rc;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return why_set(why, ERR_EXIST,
			    "%s is there and is no socket", path);
		unlink(path);
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd < 0)
		return why_sys(why, ERR_IO, "socket");
	/* Nobody can connect before listen(2), so the mode is in time. */
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		rc = why_sys(why, ERR_IO, "cannot bind %s", path);
	else
		rc = set_owner(path, allowed, why);
	if (rc == 0 && listen(fd, BACKLOG) != 0)
		rc = why_sys(why, ERR_IO, "cannot listen at %s", path);
	if (rc != 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

static int
answer(struct door *d, struct link *l, uint32_t kind, const uint8_t *payload,
    size_t len, struct why *why)
{
	struct buf out;
	uint32_t answer_kind;
	int rc;

	buf_init(&out, KEEPER_ANSWER_MAX);
	rc = keeper_answer(d->keeper, kind, payload, len, &answer_kind, &out,
	    why);
	if (rc == 0)
		rc = link_send(l, answer_kind, out.data, out.len, -1);
	buf_done(&out);
	return rc;
}

static int
on_order(void *arg, struct link *l, const uint8_t *p, size_t len, int fd,
    struct why *why)
{
	(void)fd;
	return answer(arg, l, SIGNER_SIGN_ORDER, p, len, why);
}

static int
on_manifest(void *arg, struct link *l, const uint8_t *p, size_t len, int fd,
    struct why *why)
{
	(void)fd;
	return answer(arg, l, SIGNER_SIGN_MANIFEST, p, len, why);
}

static int
on_head(void *arg, struct link *l, const uint8_t *p, size_t len, int fd,
    struct why *why)
{
	(void)fd;
	return answer(arg, l, SIGNER_SIGN_HEAD, p, len, why);
}

static int
on_keys(void *arg, struct link *l, const uint8_t *p, size_t len, int fd,
    struct why *why)
{
	(void)fd;
	return answer(arg, l, SIGNER_KEYS_ASK, p, len, why);
}

static const struct link_kind requests[] = {
	{ SIGNER_SIGN_ORDER, "sign-order", 4, ORDER_MAX, NULL,
	    on_order, false },
	{ SIGNER_SIGN_MANIFEST, "sign-manifest", 4, 256, NULL,
	    on_manifest, false },
	{ SIGNER_SIGN_HEAD, "sign-head", 4, 128, NULL, on_head, false },
	{ SIGNER_KEYS_ASK, "keys-ask", 0, 0, NULL, on_keys, false },
	{ 0, NULL, 0, 0, NULL, NULL, false },
};

static void
asker_ended(void *arg, struct link *l, const char *reason)
{
	struct door *d = arg;
	size_t i;

	log_info("asker has gone: %s", reason);
	for (i = 0; i < DOOR_ASKERS_MAX; i++)
		if (d->asker[i] == l)
			link_free(&d->asker[i]);
}

static void
let_in(struct door *d, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	size_t i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
	    who.uid != d->allowed) {
		log_warn("turned away pid %d, uid %u: only uid %u may ask",
		    who.pid, who.uid, d->allowed);
		close(fd);
		return;
	}
	for (i = 0; i < DOOR_ASKERS_MAX; i++)
		if (d->asker[i] == NULL)
			break;
	if (i == DOOR_ASKERS_MAX) {
		log_warn("turned away pid %d: %d askers are connected",
		    who.pid, DOOR_ASKERS_MAX);
		close(fd);
		return;
	}
	d->asker[i] = link_new(d->base, fd, "asker", requests, d,
	    asker_ended);
	if (d->asker[i] == NULL)
		log_error("out of memory for pid %d", who.pid);
	else
		log_info("pid %d, uid %u is connected", who.pid, who.uid);
}

static void
acceptable(evutil_socket_t lfd, short what, void *arg)
{
	int fd;

	(void)what;
	fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		let_in(arg, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_error("accept: %s", strerror(errno));
}

struct door *
door_open_take(struct event_base *base, int fd, uid_t allowed,
    struct keeper *keeper)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		close(fd);
		return NULL;
	}
	d->base = base;
	d->fd = fd;
	d->allowed = allowed;
	d->keeper = keeper;
	d->event = event_new(base, fd, EV_READ | EV_PERSIST, acceptable, d);
	if (d->event == NULL || event_add(d->event, NULL) != 0)
		door_close(&d);
	return d;
}

void
door_close(struct door **dp)
{
	struct door *d = *dp;
	size_t i;

	if (d == NULL)
		return;
	for (i = 0; i < DOOR_ASKERS_MAX; i++)
		link_free(&d->asker[i]);
	if (d->event != NULL)
		event_free(d->event);
	close(d->fd);
	free(d);
	*dp = NULL;
}
