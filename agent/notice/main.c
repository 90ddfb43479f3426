/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-notice: tells the people at this machine what happened to its
 * network, and ends.  Started by the parent for each change with a Notice,
 * which the enforcer made of a verified order, on descriptor 3.  It sees no
 * order, no key and no network, and can write to /run and, as the user
 * whose it is, to a terminal or a session bus.
 */
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/options.h"
#include "agent/notice/deliver.h"
#include "agent/notice/files.h"
#include "agent/notice/people.h"
#include "agent/notice/text.h"
#include "common/base/log.h"
#include "common/proc/rights.h"

static const struct right keep[] = {
	{CAP_SETUID, "a child becomes the user whose terminal or session it "
	    "tells"},
	{CAP_SETGID, "the same for the group"},
	{-1, NULL},
};

static const struct syscall_rule calls[] = {
	{"clone", "a child for each user"},
	{"fork", "the same in another libc"},
	{"wait4", "its end"},
	{"alarm", "a child has seconds, not more"},
	{"setgroups", "the child drops its rights"},
	{"setresgid", "the child drops its rights"},
	{"setresuid", "the child drops its rights"},
	{"getresuid", "the child reads its rights back"},
	{"getresgid", "the child reads its rights back"},
	{"capget", "the child reads its rights back"},
	{"capset", "the child drops its rights"},
	{"prctl", "the child drops its rights"},
	{"mkdir", "folders of the two files"},
	{"mkdirat", "the same where there is no mkdir"},
	{"chmod", "mode of those folders"},
	{"rename", "a file: new for old"},
	{"renameat", "the same, from within its folder"},
	{"unlink", "a file goes at release"},
	{"unlinkat", "the same, from within its folder"},
	{"fsync", "files are written whole or not at all"},
	{"fchmod", "mode of a file"},
	{"access", "is a file there"},
	{"faccessat", "the same in newer libc"},
	{"faccessat2", "the same in newer libc"},
	{"utimensat", "agetty looks at the time of a file"},
	{"getdents64", "sessions and users in /run"},
	{"socket", "a user's session bus"},
	{"connect", "a user's session bus"},
	{"setsockopt", "a user's session bus: buffers"},
	{"getsockopt", "a user's session bus: who it is"},
	{"getsockname", "a user's session bus"},
	{"getpeername", "a user's session bus"},
	{"sendto", "a user's session bus"},
	{"recvfrom", "a user's session bus"},
	{"memfd_create", "libsystemd asks if it can"},
	{"readlinkat", "libsystemd: is this a namespace"},
	{"readlink", "libsystemd: is this a namespace"},
	{"gettid", "libsystemd"},
	{NULL, NULL},
};

static const char help[] =
"usage: agent-notice [--run DIR] [--dev DIR]\n"
"       agent-notice --rights | --version | --help\n"
"Started by agent-parent with a notice on descriptor 3; see\n"
"cordon-agent(8).\n";

struct options {
	const char *run, *dev;
};

static void
parse(int argc, char **argv, struct options *o)
{
	static const struct options_of of = {"agent-notice", help, NULL, keep,
	    calls};
	const struct option_row own[] = {
		{"run", &o->run, NULL, 0},
		{"dev", &o->dev, NULL, 0},
		{NULL, NULL, NULL, 0},
	};

	options_parse(argc, argv, &of, own);
}

/* All that the parent wrote: it closes its end behind it. */
static Cordon__Notice *
read_notice(int fd, struct why *why)
{
	static uint8_t bytes[NOTICE_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(bytes) &&
	    (n = read(fd, bytes + len, sizeof(bytes) - len)) > 0)
		len += (size_t)n;
	close(fd);
	return notice_unpack(bytes, len, why);
}

static int
show(const Cordon__Notice *n, const struct options *o, struct why *why)
{
	static struct people people;
	struct buf title, text, terminal;
	struct message m = {.urgent = notice_stays(n)};
	unsigned int told;
	bool news = false;
	int rc;

	buf_init(&title, NOTICE_TEXT_MAX);
	buf_init(&text, NOTICE_TEXT_MAX);
	buf_init(&terminal, NOTICE_TEXT_MAX);
	rc = notice_title(n, &title);
	if (rc == 0)
		rc = notice_text(n, &text);
	m.title = buf_str(&title);
	m.text = buf_str(&text);
	if (rc == 0 && m.text != NULL)
		rc = notice_terminal(m.text, &terminal);
	m.terminal = buf_str(&terminal);
	if (rc != 0 || m.title == NULL || m.text == NULL ||
	    m.terminal == NULL) {
		rc = why_set(why, rc != 0 ? rc : ERR_NOMEM, "notice: %s",
		    err_str(rc != 0 ? rc : ERR_NOMEM));
		goto done;
	}
	rc = files_show(o->run, notice_stays(n) ? m.text : NULL, &news, why);
	if (!news)
		goto done; /* the agent started again; nothing is new */
	people_find(o->run, o->dev, &people);
	told = deliver(&people, &m);
	log_info("notice of order %s shown in %u of %zu places",
	    n->order_id[0] != '\0' ? n->order_id : "none", told, people.n);
done:
	buf_done(&title);
	buf_done(&text);
	buf_done(&terminal);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.run = "/run", .dev = "/dev"};
	const struct rights rights = {.keep = keep};
	Cordon__Notice *n = NULL;
	struct why why = {""};
	int rc;

	parse(argc, argv, &o);
	log_init("agent-notice", LOG_LEVEL_INFO);

	/* Rights: from here on only to become somebody else. */
	rc = rights_drop(&rights, &why);
	if (rc == 0)
		rc = sandbox_enter(calls, &why);
	if (rc != 0)
		goto done;
	n = read_notice(IPC_FD_PARENT, &why);
	rc = n == NULL ? ERR_PROTO : show(n, &o, &why);
done:
	if (rc != 0)
		log_error("%s", why.text);
	if (n != NULL)
		cordon__notice__free_unpacked(n, NULL);
	return rc != 0;
}
