/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting agent-notice for each change, one at a time.  Runs in the
 * parent, which hands the enforcer's bytes on and does not read them.
 */
#ifndef CORDON_PARENT_HERALD_H
#define CORDON_PARENT_HERALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define HERALD_MAX 4096		/* bytes of a notice */
#define HERALD_SECONDS 60	/* then agent-notice is killed */

struct event_base;
struct herald;

/* LIBEXEC is lent: the folder of agent-notice. */
int herald_new(struct event_base *base, const char *libexec,
    struct herald **out, struct why *why);
/* Kills agent-notice if it runs. */
void herald_free(struct herald **h);

/*
 * Have people told.  What was told last is not told again; while one is
 * under way, the newest waits and those between are left out.
 */
void herald_tell(struct herald *h, const uint8_t *notice, size_t len);

/* To be called at SIGCHLD: looks after its own child. */
void herald_reap(struct herald *h);

#endif
