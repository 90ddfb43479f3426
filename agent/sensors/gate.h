/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks of the gate that the agent can answer by itself: G01 to G04,
 * G06, G07.  Whatever it cannot answer is "unknown", which blocks like a
 * failure.
 */
#ifndef CORDON_SENSORS_GATE_H
#define CORDON_SENSORS_GATE_H

#include "agent/sensors/kept.h"
#include "agent/sensors/own.h"
#include "agent/sensors/picture.h"
#include "agent/sensors/scan.h"
#include "agent/sensors/sensor.h"
#include "common/wire/agent.pb-c.h"

struct gate_env {
	struct sensor_env *env;
	const struct own *own;
};

/* What one check gave. */
struct gate_result {
	Cordon__CheckOutcome outcome;
	char text[512];
	struct findings findings;
};

/*
 * Run all checks of RUN and hand each result, in order, to FN; the last one
 * is told.  FN's error ends the run.
 */
typedef int gate_fn(void *arg, const char *check, bool last,
    const struct gate_result *res);
int gate_run(const struct gate_env *g, const Cordon__CheckRun *run,
    gate_fn *fn, void *arg);

/* A fresh look at all watched trees, contents read. */
int gate_scan(const struct gate_env *g, struct scan_result **res,
    struct why *why);

/* Where signed manifests of trees are kept; lends from S. */
struct kept_place gate_place(const Cordon__Settings *s);

/* G03 (BACKUPS) and G04: trees against their signed manifests. */
void gate_trees(const struct gate_env *g, const Cordon__CheckRun *run,
    bool backups, struct gate_result *res);

void gate_say(struct gate_result *res, Cordon__CheckOutcome outcome,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Fail with the findings, else pass with GOOD. */
void gate_say_findings(struct gate_result *res, const char *what,
    const char *good);

/* May this manifest be believed?  Signature by the order key. */
bool gate_signed(const Cordon__Settings *s, const Cordon__CheckRun *run);

#endif
