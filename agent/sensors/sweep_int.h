/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of a sweep, shared by sweep.c (rows, answer) and sweep_*.c (one
 * kind each).  Nobody else includes it.
 */
#ifndef CORDON_SENSORS_SWEEP_INT_H
#define CORDON_SENSORS_SWEEP_INT_H

#include "agent/sensors/sweep.h"
#include "agent/state/sockline.h"
#include "common/base/digest.h"

#define SWEEP_TEXTS_MAX (SWEEP_ROWS_MAX * 3 + SWEEP_TREES_MAX)
#define SWEEP_TEXT_MAX 4096 /* bytes of one, quoted */

/* One row and what it points at. */
struct sweep_row {
	Cordon__SweepRow msg;
	Cordon__Address local, peer;
	struct sock_ip local_ip, peer_ip;
	uint64_t inode; /* of a socket */
	uint8_t sha256[DIGEST_LEN];
};

struct sweep {
	const struct sensor_env *env;
	const char *proc;
	const Cordon__SweepAsk *ask;
	int64_t until_ms; /* boot */
	Cordon__Sweep answer;
	struct sweep_row row[SWEEP_ROWS_MAX];
	char *tree[SWEEP_TREES_MAX];
	char *text[SWEEP_TEXTS_MAX]; /* owned */
	size_t texts;
	char why[128];
};

/* One more fits: its row, or NULL when it is only counted. */
struct sweep_row *sweep_add(struct sweep *s);
/* Foreign TEXT quoted, kept until the end; "" when there is no room. */
char *sweep_quote(struct sweep *s, const char *text);
/* It cannot be answered. */
void sweep_cannot(struct sweep *s, const char *why);

/* Each looks at what it is for and adds what fits. */
void sweep_files(struct sweep *s);
void sweep_users(struct sweep *s);
void sweep_sockets(struct sweep *s);
void sweep_processes(struct sweep *s);

/* The account that has UID, quoted; "": none is known. */
char *sweep_owner(struct sweep *s, uint32_t uid);

#endif
