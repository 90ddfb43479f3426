/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The children: who talks to whom, starting, restarting, stopping.  Runs in
 * the parent after it dropped rights.  A child may be taken over: IPC_READY
 * is taken from one, from the enforcer a descriptor to keep, IPC_NOTICE and
 * that the guard hangs, from the guard the number of an XDP program; whatever
 * else one says ends it.
 */
#ifndef CORDON_PARENT_FAMILY_H
#define CORDON_PARENT_FAMILY_H

#include "agent/links/ipc.pb-c.h"
#include "agent/parent/settings.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define FAMILY_STOP_MS 5000 /* between IPC_STOP and SIGKILL */

struct event_base;
struct family;

struct family_options {
	struct event_base *base;
	const struct settings *settings;  /* lent */
	const Cordon__Enrolled *identity; /* lent */
	const char *conf_path, *libexec;  /* lent */
	int control_fd; /* listening socket for the enforcer; lent */
	int owner_fd;	/* parked by an earlier enforcer, taken; or -1 */
	Cordon__GuardMode guard; /* only if ON there is a guard process */
};

/* Starts all of them.  They become ready, or are restarted, on the loop. */
int family_start(const struct family_options *o, struct family **f,
    struct why *why);
/* IPC_STOP to all, SIGKILL later; the loop ends when they are gone. */
void family_stop(struct family *f);
/* Kills what is left and waits for it. */
void family_free(struct family **f);

#endif
