/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Waiting for the kernel to tell.  On its own thread, so that who did it is
 * asked while the process still lives.  Where the kernel names nobody, a
 * program made for such changes that has just been started is the best
 * guess, and graded as no more than that.
 */
#include "agent/sensors/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "agent/sensors/tap.h"
#include "agent/sensors/who.h"
#include "agent/state/devices.h"
#include "agent/state/listeners.h"
#include "agent/state/modules.h"
#include "agent/state/mounts.h"
#include "agent/state/nl.h"
#include "agent/state/routes.h"
#include "agent/state/sysctl.h"
#include "agent/state/walltime.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define STACK (128 * 1024)
#define PEERS_EVERY 8	      /* pulses */
#define REMARK_EVERY 150      /* pulses: programs get replaced */
#define LISTENERS_GAP_MS 4000 /* on a host that is never quiet */
#define LATER_MS 700	      /* a program needs so long for its work */
#define CATCH_UP_US 20000
#define FAR_S (1LL << 33)

/* What a program that is started may be about to change. */
enum about { ABOUT_MODULES, ABOUT_MOUNTS, ABOUT_CLOCK, ABOUT_DEVICES,
	ABOUT_GUARDS, ABOUT_ROUTES, ABOUTS };

static const struct {
	enum about about;
	const char *program;
} doers[] = {
	{ABOUT_MODULES, "/usr/bin/kmod"},
	{ABOUT_MODULES, "/bin/kmod"},
	{ABOUT_MODULES, "/usr/sbin/insmod"},
	{ABOUT_MODULES, "/usr/sbin/modprobe"},
	{ABOUT_MOUNTS, "/usr/bin/mount"},
	{ABOUT_MOUNTS, "/usr/bin/umount"},
	{ABOUT_MOUNTS, "/usr/bin/fusermount3"},
	{ABOUT_CLOCK, "/usr/bin/date"},
	{ABOUT_CLOCK, "/usr/sbin/hwclock"},
	{ABOUT_CLOCK, "/usr/bin/timedatectl"},
	{ABOUT_DEVICES, "/usr/bin/ip"},
	{ABOUT_DEVICES, "/usr/sbin/ifconfig"},
	{ABOUT_DEVICES, "/usr/sbin/route"},
	{ABOUT_DEVICES, "/usr/bin/tcpdump"},
	{ABOUT_DEVICES, "/usr/sbin/openvpn"},
	{ABOUT_GUARDS, "/usr/sbin/setenforce"},
	{ABOUT_GUARDS, "/usr/sbin/apparmor_parser"},
};
#define NDOERS (sizeof(doers) / sizeof(doers[0]))

/* What the state sensor is told of each. */
static const char *const about_paths[ABOUTS] = {
	[ABOUT_MODULES] = MODULES_FILE,
	[ABOUT_MOUNTS] = MOUNTS_FILE,
	[ABOUT_CLOCK] = WALLTIME_FILE,
	[ABOUT_DEVICES] = DEVICES_FILE,
	[ABOUT_GUARDS] = "/sys/kernel/security/apparmor/profiles",
	[ABOUT_ROUTES] = ROUTES_FILE,
};

struct doing {
	pid_t pid;  /* the last that was started; 0: none */
	int64_t ms; /* boot */
};

struct pulse {
	struct sensor *s;
	int fan_fd, mounts_fd, clock_fd, link_fd;
	int mark_fd[PULSE_MARKS_MAX]; /* keep the files of /proc as they are */
	size_t marks;
	char *real[NDOERS]; /* owned; their paths without links; or NULL */
	struct doing doing[ABOUTS];
	int64_t later_ms; /* boot: look once more after a program ran */
	bool later[ABOUTS];
	uint64_t sockets, opens;
	int64_t listeners_ms;
	unsigned int count;
	uint8_t data[4096] __attribute__((aligned(8)));
};

/* -- numbers ---------------------------- */

uint64_t
pulse_parse_sockstat(const char *text)
{
	uint64_t sum = 0, n;
	const char *at;

	for (at = strstr(text, " inuse "); at != NULL;
	    at = strstr(at + 1, " inuse "))
		if (sscanf(at, " inuse %" SCNu64, &n) == 1)
			sum = sum * 1000003 + n;
	return sum;
}

uint64_t
pulse_parse_opens(const char *text)
{
	const char *names = strstr(text, "\nTcp: "), *values, *name, *value;
	size_t n;

	values = names == NULL ? NULL : strstr(names + 1, "\nTcp: ");
	if (values == NULL)
		return 0;
	name = names + 6;
	value = values + 6;
	while (*name != '\n' && *name != '\0' && *value != '\n' &&
	    *value != '\0') {
		n = strcspn(name, " \n");
		if (n == strlen("ActiveOpens") &&
		    strncmp(name, "ActiveOpens", n) == 0)
			return strtoull(value, NULL, 10);
		name += n + (name[n] == ' ');
		value += strcspn(value, " \n");
		value += *value == ' ';
	}
	return 0;
}

/* -- telling the state sensor ---------------------------- */

static void
tap(struct pulse *p, const char *path, struct who *who)
{
	tap_put(p->s->env->tap, path, who);
}

/* Something of this kind changed: a program for it that has just run? */
static void
tap_about(struct pulse *p, enum about about)
{
	/* Routes are changed by the programs that change devices. */
	struct doing *d = &p->doing[about == ABOUT_ROUTES ? ABOUT_DEVICES :
	    about];
	struct who *who = NULL;

	/* Without a pidfd it is never more than cached: a guess. */
	if (d->pid != 0 && clock_boot_ms() - d->ms < PULSE_GUESS_MS)
		who = who_find(p->s->env->who, d->pid, -1);
	tap(p, about_paths[about], who);
	who_unref(&who);
}

/* -- fanotify ---------------------------- */

static void
mark(struct pulse *p, const char *path, uint64_t mask, bool keep)
{
	int fd;

	if (fanotify_mark(p->fan_fd, FAN_MARK_ADD, mask, AT_FDCWD, path) !=
	    0)
		return; /* not there, or not ours to read: it is polled */
	if (!keep || p->marks == PULSE_MARKS_MAX)
		return;
	/* A file of /proc may be made anew when nobody holds it. */
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		p->mark_fd[p->marks++] = fd;
}

static void
mark_programs(struct pulse *p)
{
	size_t i;

	for (i = 0; i < NDOERS; i++) {
		free(p->real[i]);
		p->real[i] = realpath(doers[i].program, NULL);
		if (p->real[i] != NULL)
			mark(p, p->real[i], FAN_OPEN_EXEC, false);
	}
}

static void
open_fanotify(struct pulse *p)
{
	static const char *const more[] = {
		"/proc/sys/fs/binfmt_misc/register",
		"/sys/fs/selinux/enforce",
		"/sys/kernel/security/lockdown",
	};
	size_t i;

	p->fan_fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC |
	    FAN_NONBLOCK | FAN_REPORT_PIDFD, O_RDONLY | O_CLOEXEC);
	if (p->fan_fd < 0)
		p->fan_fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC |
		    FAN_NONBLOCK, O_RDONLY | O_CLOEXEC);
	if (p->fan_fd < 0)
		return;
	for (i = 0; sysctl_path(i) != NULL; i++)
		mark(p, sysctl_path(i), FAN_CLOSE_WRITE, true);
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		mark(p, more[i], FAN_CLOSE_WRITE, true);
	mark_programs(p);
}

static void
on_program(struct pulse *p, pid_t pid, const char *path)
{
	struct doing *d;
	size_t i;

	for (i = 0; i < NDOERS; i++) {
		if (p->real[i] == NULL || strcmp(p->real[i], path) != 0)
			continue;
		d = &p->doing[doers[i].about];
		d->pid = pid;
		d->ms = clock_boot_ms();
		/* Of modules and profiles the kernel tells nothing. */
		if (doers[i].about == ABOUT_MODULES ||
		    doers[i].about == ABOUT_GUARDS) {
			p->later[doers[i].about] = true;
			p->later_ms = d->ms + LATER_MS;
			p->s->due_ms = p->later_ms;
		}
		return;
	}
}

static int
pidfd_of(const struct fanotify_event_metadata *m)
{
	const struct fanotify_event_info_header *h;
	const struct fanotify_event_info_pidfd *info;
	size_t at = m->metadata_len;

	while (at + sizeof(*h) <= m->event_len) {
		h = (const void *)((const uint8_t *)m + at);
		if (h->len < sizeof(*h) || at + h->len > m->event_len)
			break;
		info = (const void *)h;
		if (h->info_type == FAN_EVENT_INFO_TYPE_PIDFD &&
		    h->len >= sizeof(*info))
			return info->pidfd;
		at += h->len;
	}
	return -1;
}

/*
 * A process that is gone is known by its start, which the watch thread of
 * the files sensor may still have to read.
 */
static void
on_write(struct pulse *p, pid_t pid, int pidfd, const char *path)
{
	struct who *who = who_find(p->s->env->who, pid, pidfd);

	if (who != NULL && who->grade < CORDON__GRADE__GRADE_CACHED) {
		who_unref(&who);
		usleep(CATCH_UP_US);
		who = who_find(p->s->env->who, pid, pidfd);
	}
	tap(p, path, who);
	who_unref(&who);
}

static void
on_event(struct pulse *p, const struct fanotify_event_metadata *m)
{
	char link[64], path[PATH_MAX];
	int pidfd = pidfd_of(m);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", m->fd);
	n = m->fd < 0 ? -1 : readlink(link, path, sizeof(path) - 1);
	if (n > 0 && m->pid != getpid()) {
		path[n] = '\0';
		if (m->mask & FAN_OPEN_EXEC) {
			who_started(p->s->env->who, m->pid, path);
			on_program(p, m->pid, path);
		} else {
			on_write(p, m->pid, pidfd, path);
		}
	}
	if (m->fd >= 0)
		close(m->fd);
	if (pidfd >= 0)
		close(pidfd);
}

static void
read_fanotify(struct pulse *p)
{
	const struct fanotify_event_metadata *m;
	ssize_t n;

	while ((n = read(p->fan_fd, p->data, sizeof(p->data))) > 0)
		for (m = (const void *)p->data; FAN_EVENT_OK(m, n);
		    m = FAN_EVENT_NEXT(m, n))
			if (m->vers == FANOTIFY_METADATA_VERSION)
				on_event(p, m);
}

/* -- the others ---------------------------- */

/* Readable when the clock is set, else never (timerfd_create(2)). */
static void
arm_clock(struct pulse *p)
{
	const struct itimerspec far = {.it_value = {.tv_sec = FAR_S}};

	if (p->clock_fd < 0)
		p->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK |
		    TFD_CLOEXEC);
	if (p->clock_fd >= 0 && timerfd_settime(p->clock_fd,
	    TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) != 0)
		log_debug("clock timer: %s", strerror(errno));
}

static void
open_links(struct pulse *p)
{
	struct sockaddr_nl me = {.nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
	    RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE |
	    RTMGRP_IPV4_RULE | 1u << (RTNLGRP_IPV6_RULE - 1)};
	struct why why;

	p->link_fd = nl_open(NETLINK_ROUTE, &why);
	if (p->link_fd >= 0 && bind(p->link_fd, (const void *)&me,
	    sizeof(me)) != 0) {
		close(p->link_fd);
		p->link_fd = -1;
	}
}

/*
 * What was told matters only as far as somebody must look: on a router most
 * of it is about routes that are no facts.
 */
static void
read_links(struct pulse *p)
{
	struct iovec iov = {p->data, sizeof(p->data)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const struct nlmsghdr *m = (const void *)p->data;
	bool devices = false, routes = false;
	ssize_t n;
	int i;

	for (i = 0; i < 64; i++) {
		n = recvmsg(p->link_fd, &msg, MSG_DONTWAIT);
		if (n <= 0 && errno != ENOBUFS)
			break;
		if (n > 0 && !NLMSG_OK(m, (size_t)n))
			continue;
		/* The kernel sends each notice by itself. */
		devices |= n <= 0 || m->nlmsg_type == RTM_NEWLINK ||
		    m->nlmsg_type == RTM_DELLINK;
		routes |= n <= 0 || routes_concern(m);
	}
	if (devices)
		tap_about(p, ABOUT_DEVICES);
	if (routes)
		tap_about(p, ABOUT_ROUTES);
}

static void
add_fd(struct pulse *p, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (fd >= 0 && epoll_ctl(p->s->fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		log_debug("pulse: %s", strerror(errno));
}

static void
pulse_on_fd(struct sensor *s)
{
	struct pulse *p = s->state;
	struct epoll_event ev[8];
	int i, n = epoll_wait(s->fd, ev, 8, 0);

	for (i = 0; i < n; i++) {
		if (ev[i].data.fd == p->fan_fd) {
			read_fanotify(p);
		} else if (ev[i].data.fd == p->mounts_fd) {
			continue;
		} else if (ev[i].data.fd == p->clock_fd) {
			if (read(p->clock_fd, p->data, 8) < 0)
				arm_clock(p);
			tap_about(p, ABOUT_CLOCK);
		} else {
			read_links(p);
		}
	}
	/*
	 * The poll(2) that woke us has taken the event of mountinfo: the one
	 * that tells nothing more was it, and any other may have hidden it.
	 */
	if (p->mounts_fd >= 0)
		tap_about(p, ABOUT_MOUNTS);
}

static void
look_at_sockets(struct pulse *p)
{
	uint64_t sockets = p->sockets, opens = p->opens;
	int64_t now = clock_boot_ms();
	char text[4096];

	if (file_text("/proc/net/sockstat", text, sizeof(text)) > 0)
		sockets = pulse_parse_sockstat(text);
	if (sockets != p->sockets && now >= p->listeners_ms +
	    LISTENERS_GAP_MS) {
		p->sockets = sockets;
		p->listeners_ms = now;
		tap(p, LISTENERS_FILE, NULL);
	}
	if (p->count % PEERS_EVERY != 0)
		return;
	if (file_text("/proc/net/snmp", text, sizeof(text)) > 0)
		opens = pulse_parse_opens(text);
	if (opens != p->opens)
		tap(p, PEERS_FILE, NULL);
	p->opens = opens;
}

static void
pulse_on_timer(struct sensor *s)
{
	struct pulse *p = s->state;
	int64_t now = clock_boot_ms();
	size_t i;

	if (p->later_ms != 0 && now >= p->later_ms) {
		p->later_ms = 0;
		for (i = 0; i < ABOUTS; i++)
			if (p->later[i])
				tap_about(p, (enum about)i);
		memset(p->later, 0, sizeof(p->later));
	}
	look_at_sockets(p);
	if (++p->count % REMARK_EVERY == 0 && p->fan_fd >= 0)
		mark_programs(p);
	s->due_ms = p->later_ms != 0 ? p->later_ms : now + PULSE_EVERY_MS;
}

static int
pulse_start(struct sensor *s, struct why *why)
{
	struct pulse *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return why_set(why, ERR_NOMEM, "pulse sensor");
	s->state = p;
	p->s = s;
	p->fan_fd = p->mounts_fd = p->clock_fd = p->link_fd = -1;
	s->fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->fd < 0)
		return why_set(why, ERR_NOMEM, "pulse sensor");
	/* Whatever cannot be had here is seen by polling, later. */
	open_fanotify(p);
	p->mounts_fd = open(MOUNTS_FILE, O_RDONLY | O_CLOEXEC);
	if (p->mounts_fd < 0)
		p->mounts_fd = open("/proc/self/mountinfo", O_RDONLY |
		    O_CLOEXEC);
	arm_clock(p);
	open_links(p);
	add_fd(p, p->fan_fd, EPOLLIN);
	add_fd(p, p->mounts_fd, EPOLLPRI | EPOLLERR);
	add_fd(p, p->clock_fd, EPOLLIN);
	add_fd(p, p->link_fd, EPOLLIN);
	s->due_ms = clock_boot_ms() + PULSE_EVERY_MS;
	return 0;
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
pulse_stop(struct sensor *s)
{
	struct pulse *p = s->state;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->marks; i++)
		close(p->mark_fd[i]);
	for (i = 0; i < NDOERS; i++)
		free(p->real[i]);
	close_fd(p->fan_fd);
	close_fd(p->mounts_fd);
	close_fd(p->clock_fd);
	close_fd(p->link_fd);
	close_fd(s->fd);
	free(p);
	s->state = NULL;
	s->fd = -1;
}

const struct sensor_kind pulse_sensor = {
	.name = "pulse",
	.start = pulse_start,
	.on_fd = pulse_on_fd,
	.on_timer = pulse_on_timer,
	.stop = pulse_stop,
	.stack = STACK,
};
