/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-network: the only process of the agent that talks to the outside.
 * Started by the parent (or, with --enrol, by the tool); it drops every
 * right before it reads a byte from the network.
 */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/settings.h"
#include "agent/network/enrol.h"
#include "agent/network/network.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/proc/rights.h"
#include "common/wire/frame.h"

#define BEGIN_S 5 /* the enforcer has spoken by then, if it lives */

/* Beyond what every process of ours has.  No capability at all. */
static const struct syscall_rule calls[] = {
	{"socket", "connections to the collector, witness tries, netlink"},
	{"connect", "connections to the collector, witness tries"},
	{"getsockopt", "how a connect ended"},
	{"setsockopt", "TCP_NODELAY"},
	{"getsockname", "getifaddrs(3) over netlink, libevent"},
	{"getpeername", "libevent"},
	{"bind", "getifaddrs(3) binds its netlink socket"},
	{"sendto", "getifaddrs(3), witness datagrams, TLS"},
	{"recvfrom", "witness answers, TLS"},
	{"pwrite64", "spool records"},
	{"ftruncate", "a torn record of the spool"},
	{"fallocate", "the spool's reserve"},
	{"fdatasync", "spool records are durable before they are sent"},
	{"fsync", "files that are replaced whole"},
	{"rename", "files that are replaced whole"},
	{"renameat", "files that are replaced whole"},
	{"renameat2", "files that are replaced whole"},
	{"link", "files that must be new"},
	{"linkat", "files that must be new"},
	{"unlink", "spool segments that are acknowledged"},
	{"unlinkat", "spool segments that are acknowledged"},
	{"mkdir", "the spool's folder"},
	{"mkdirat", "the spool's folder"},
	{"chmod", "the spool's folder"},
	{"fchmodat", "the spool's folder"},
	{"getdents64", "recovery lists the spool's folder"},
	{"fchmod", "mode of a file that is replaced"},
	{"umask", "mode of a file that is replaced"},
	{"access", "is a file there"},
	{"faccessat", "is a file there"},
	{"faccessat2", "is a file there"},
	{"fstatfs", "libc lists folders"},
	{"getrusage", "OpenSSL's entropy, own CPU time"},
	{"times", "OpenSSL"},
	{NULL, NULL},
};

struct options {
	struct rights rights;
	const char *state_dir;
	bool enrol;
	const char *collector[ENROL_ADDRS_MAX];
	size_t ncollectors;
	const char *token;
	const char *ca_sha256;
	int out_fd;
};

static int
usage(void)
{
	fprintf(stderr, "usage: agent-network --state DIR [--user USER]\n"
	    "       agent-network --enrol --state DIR [--user USER] "
	    "--collector HOST:PORT ...\n"
	    "           --token TOKEN|- --ca-sha256 HEX --out-fd FD\n"
	    "       agent-network --rights\n"
	    "Started by cordon-agent; not meant to be run by hand.\n");
	return 2;
}

/* 0, or the exit status + 1. */
static int
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"user", required_argument, NULL, 'u'},
		{"state", required_argument, NULL, 's'},
		{"enrol", no_argument, NULL, 'e'},
		{"collector", required_argument, NULL, 'c'},
		{"token", required_argument, NULL, 't'},
		{"ca-sha256", required_argument, NULL, 'a'},
		{"out-fd", required_argument, NULL, 'o'},
		{"rights", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'u': o->rights.user = optarg; break;
		case 's': o->state_dir = optarg; break;
		case 'e': o->enrol = true; break;
		case 't': o->token = optarg; break;
		case 'a': o->ca_sha256 = optarg; break;
		case 'o': o->out_fd = atoi(optarg); break;
		case 'c':
			if (o->ncollectors == ENROL_ADDRS_MAX)
				return usage() + 1;
			o->collector[o->ncollectors++] = optarg;
			break;
		case 'r':
			rights_print(&o->rights, calls);
			return 1;
		default:
			return usage() + 1;
		}
	}
	if (optind != argc || o->state_dir == NULL)
		return usage() + 1;
	if (o->enrol && (o->ncollectors == 0 || o->token == NULL ||
	    o->ca_sha256 == NULL || o->out_fd < 3))
		return usage() + 1;
	return 0;
}

/* -- as a process of the agent ----------------------------------------- */

static struct event_base *
new_base(struct why *why)
{
	struct event_base *base = event_base_new();

	if (base == NULL)
		why_set(why, ERR_NOMEM, "cannot make an event loop");
	return base;
}

static int
serve(const struct options *o, const Cordon__Settings *settings)
{
	struct network_options no = {.state_dir = o->state_dir,
	    .settings = settings, .parent_fd = IPC_FD_PARENT,
	    .begin_s = BEGIN_S};
	struct network *n = NULL;
	struct why why = {0};
	int status = 1;

	if ((no.base = new_base(&why)) == NULL ||
	    network_new(&no, &n, &why) != 0) {
		log_error("%s", why.text);
		goto done;
	}
	event_base_dispatch(no.base);
	status = network_status(n);
done:
	network_free(&n);
	if (no.base != NULL)
		event_base_free(no.base);
	return status;
}

/* -- enrolment --------------------------------------------------------- */

static int
read_token(char *out, size_t size, const char *given, struct why *why)
{
	if (strcmp(given, "-") == 0) {
		if (fgets(out, (int)size, stdin) == NULL)
			return why_set(why, ERR_SYNTAX, "no token on stdin");
		out[strcspn(out, "\r\n")] = '\0';
	} else if (strlen(given) < size) {
		strcpy(out, given);
	} else {
		out[0] = '\0';
	}
	if (out[0] == '\0')
		return why_set(why, ERR_SYNTAX, "the token has no good form");
	return 0;
}

/* Names are looked up before the filter: NSS modules call what they like. */
static int
prepare(const struct options *o, struct enrol_ask *a, char *token,
    struct why *why)
{
	size_t i;
	int rc;

	memset(a, 0, sizeof(*a));
	a->state_dir = o->state_dir;
	a->token = token;
	if (hex_decode(a->ca_sha256, sizeof(a->ca_sha256), o->ca_sha256) != 0)
		return why_set(why, ERR_SYNTAX, "--ca-sha256: 64 hex digits");
	if ((rc = read_token(token, ENROL_TOKEN_MAX, o->token, why)) != 0)
		return rc;
	for (i = 0; i < o->ncollectors; i++)
		if ((rc = enrol_resolve(a, o->collector[i], why)) != 0)
			return rc;
	return 0;
}

static int
enrol(const struct options *o, const struct enrol_ask *a, struct why *why)
{
	struct event_base *base;
	struct buf out;
	int rc;

	buf_init(&out, frame_max(FRAME_ENROLLED));
	if ((base = new_base(why)) == NULL) {
		rc = ERR_NOMEM;
		goto done;
	}
	if ((rc = enrol_run(base, a, &out, why)) != 0)
		goto done;
	if ((rc = file_write_all(o->out_fd, out.data, out.len)) != 0) {
		enrol_undo(o->state_dir);
		why_set(why, rc, "cannot hand over the identity");
	}
done:
	if (base != NULL)
		event_base_free(base);
	buf_done(&out);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.rights = {.user = AGENT_USER_NETWORK},
	    .out_fd = -1};
	Cordon__Settings *settings = NULL;
	char token[ENROL_TOKEN_MAX] = "";
	struct enrol_ask ask;
	struct why why = {0};
	int status;

	log_init("agent-network", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	if ((status = parse(argc, argv, &o)) != 0)
		return status - 1;
	if (!o.enrol && settings_wait(IPC_FD_PARENT, &settings, &why) != 0)
		goto fail;

	/* From here on: another user, no capability, no way back. */
	if (rights_drop(&o.rights, &why) != 0)
		goto fail;
	if (o.enrol && prepare(&o, &ask, token, &why) != 0)
		goto fail;
	if (sandbox_enter(calls, &why) != 0)
		goto fail;

	if (o.enrol) {
		status = enrol(&o, &ask, &why) == 0 ? 0 : 1;
		explicit_bzero(token, sizeof(token));
		if (status != 0)
			goto fail;
		return 0;
	}
	if (settings->log_level != 0)
		log_set_level((enum log_level)settings->log_level);
	status = serve(&o, settings);
	cordon__settings__free_unpacked(settings, NULL);
	return status;
fail:
	log_error("%s", why.text);
	if (settings != NULL)
		cordon__settings__free_unpacked(settings, NULL);
	return 1;
}
