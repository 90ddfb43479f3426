/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What others may ask of the sensors process: the tables of its two links
 * and the parsers behind them.
 */
#ifndef CORDON_SENSORS_PEER_H
#define CORDON_SENSORS_PEER_H

#include "agent/links/ipc.pb-c.h"
#include "agent/sensors/jobs.h"
#include "common/base/err.h"
#include "common/proc/link.h"
#include "common/wire/agent.pb-c.h"

#define PEER_CHECKS_MAX 64

/* What the handlers of the network link do; NULL functions are not called. */
struct peer_calls {
	int (*check_take)(void *arg, Cordon__CheckRun *msg);
	int (*manifest_take)(void *arg, Cordon__ManifestAsk *msg);
	int (*snapshot_take)(void *arg, Cordon__SnapshotAsk *msg);
	void (*spool_full)(void *arg);
	int (*preview_take)(void *arg, Cordon__PreviewAsk *msg);
	void (*taken)(void *arg, uint64_t run, uint64_t serial);
	int (*sweep_take)(void *arg, Cordon__SweepAsk *msg);
	int (*trees_take)(void *arg, Cordon__TreeList *msg);
	int (*tree_part_take)(void *arg, Cordon__ManifestChunk *msg);
	int (*list_have_take)(void *arg, Cordon__ListHave *msg);
	int (*list_part_take)(void *arg, Cordon__ListPart *msg);
};
struct peer {
	const struct peer_calls *calls;
	void *arg;
};

/* The table for the link to the network process; ARG is a struct peer. */
extern const struct link_kind peer_network_table[];

/* Bounds of the parent's settings that are ours: 0 or ERR_RANGE with WHY. */
int peer_check_settings(const Cordon__Settings *s, struct why *why);
/* Bounds of a request: 0 or ERR_RANGE with WHY. */
int peer_check_manifest(const Cordon__ManifestAsk *msg, struct why *why);
int peer_check_run(const Cordon__CheckRun *msg, struct why *why);

#endif
