/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Long work on request of the collector: gate runs, manifests, snapshots,
 * previews, sweeps.  One thread takes one job after the other from a short
 * queue; snapshots and previews, for which someone waits, have a queue and
 * thread of their own, and so have sweeps, which take milliseconds.  Answers
 * go to the outbox.
 */
#ifndef CORDON_SENSORS_JOBS_H
#define CORDON_SENSORS_JOBS_H

#include "agent/links/ipc.pb-c.h"
#include "agent/sensors/gate.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define JOBS_WAITING_MAX 4
#define JOBS_SWEEPS_MAX 16

struct jobs; /* opaque */

/* GATE is lent, and what it points to. */
int jobs_start(const struct gate_env *gate, struct jobs **j,
    struct why *why);
/* Set env->stop and close the outbox before. */
void jobs_stop(struct jobs **j);

/*
 * Each takes the message.  ERR_LIMIT: too many wait, this one is dropped
 * (and logged); whoever asked asks again.
 */
int jobs_check_take(struct jobs *j, Cordon__CheckRun *msg);
int jobs_manifest_take(struct jobs *j, Cordon__ManifestAsk *msg);
int jobs_snapshot_take(struct jobs *j, Cordon__SnapshotAsk *msg);
int jobs_preview_take(struct jobs *j, Cordon__PreviewAsk *msg);
int jobs_sweep_take(struct jobs *j, Cordon__SweepAsk *msg);
int jobs_trees_take(struct jobs *j, Cordon__TreeList *msg);
int jobs_tree_part_take(struct jobs *j, Cordon__ManifestChunk *msg);
int jobs_list_have_take(struct jobs *j, Cordon__ListHave *msg);
int jobs_list_part_take(struct jobs *j, Cordon__ListPart *msg);
/* Every few seconds: what is waited for in vain is asked for again. */
void jobs_beat(struct jobs *j);

#endif
