/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every sensor is: a row of functions, run on a thread of its own
 * after rights were dropped.  A sensor says what it saw through emit_send
 * and nothing else; when it could not see it says so with blind_open, and
 * closes that only by looking again.  What it may use of the processor
 * stands in its budget.
 */
#ifndef CORDON_SENSORS_SENSOR_H
#define CORDON_SENSORS_SENSOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/links/ipc.pb-c.h"
#include "agent/process/lineage.h"
#include "agent/sensors/blind.h"
#include "agent/sensors/feed.h"
#include "agent/sensors/ignore.h"
#include "agent/sensors/outbox.h"
#include "agent/sensors/roots.h"
#include "agent/sensors/tap.h"
#include "agent/sensors/who.h"
#include "common/base/err.h"

struct explain;
struct held;

/* What main gives to every sensor; lent, lives longer than they do. */
struct sensor_env {
	const Cordon__Settings *settings;
	const struct roots *roots;
	const struct ignore *ignore;
	struct feed *feed; /* the data trees and what happens there */
	struct outbox *out;
	struct blind *blind;
	struct who_cache *who; /* of all sensors */
	struct held *held; /* what other threads may search; has its locks */
	struct tap *tap; /* changed paths, from files to state */
	struct explain *explain; /* what packages explain; has its lock */
	int64_t last_seen_ms; /* wall time, of the process before; 0: none */
	atomic_bool stop;     /* end long work soon */
	atomic_bool cut;      /* the enforcer says: this host is cut off */
	atomic_uint cuts;     /* how often that came to be */
	int cut_fd; /* an eventfd, written when the host is cut off */
	atomic_ullong watched; /* files, for the heartbeat */
	struct lineage *lineage; /* of all processes; has its own lock */
	int connector_fd; /* the kernel's process connector; -1: refused */
	int nft_fd;	  /* notices of nf_tables; -1: refused */
};

struct sensor;

struct sensor_kind {
	const char *name;
	/* On main's thread, before the others: what must be in place. */
	int (*start)(struct sensor *s, struct why *why);
	/* S->fd is readable.  On the sensor's thread, as all below. */
	void (*on_fd)(struct sensor *s);
	/* S->due_ms has come; set it anew. */
	void (*on_timer)(struct sensor *s);
	/* The last call; frees S->state.  Also after a start that failed. */
	void (*stop)(struct sensor *s);
	uint32_t stack; /* bytes */
};

struct sensor {
	const struct sensor_kind *kind;
	struct sensor_env *env;
	void *state;
	int fd;		/* watched for reading; -1: none */
	int64_t due_ms; /* boot time of the next on_timer; 0: none */
	uint32_t percent; /* budget: share of a core in the background */
	int stop_fd;
	bool running;
	pthread_t thread;
};

int sensor_start(struct sensor *s, const struct sensor_kind *kind,
    struct sensor_env *env, struct why *why);
/* After env->stop was set. */
void sensor_stop(struct sensor *s);

/* The table of sensors; ends with NULL. */
extern const struct sensor_kind *const sensor_kinds[];

#endif
