/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network process as a whole: the line to the collector on one side, the
 * links to parent, enforcer and sensors on the other, the spool between.
 */
#ifndef CORDON_AGENT_NETWORK_NETWORK_H
#define CORDON_AGENT_NETWORK_NETWORK_H

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/err.h"
#include "common/proc/link.h"

#define NETWORK_DIR_SPOOL "spool" /* below the state folder */

struct event_base;
struct network;

struct network_options {
	struct event_base *base;
	const char *state_dir;		   /* lent */
	const Cordon__Settings *settings;  /* lent */
	int parent_fd;			   /* taken */
	unsigned int begin_s; /* so long hello waits for the first state */
};

/*
 * Opens the spool and the credential, tells the parent, begins to connect
 * when the enforcer has said what is in force, or after BEGIN_S.
 */
int network_new(const struct network_options *o, struct network **n,
    struct why *why);
void network_free(struct network **n);
/* For exit(3), after the loop ended: 0 if the parent said stop. */
int network_status(const struct network *n);

/* What may come in from whom (enum ipc_peer; 0: the parent). */
const struct link_kind *network_table(unsigned int peer);
/* The one row of frames of the collector (see line.h). */
struct line_row;
const struct line_row *network_rows(void);

#endif
