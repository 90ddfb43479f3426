/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The enforcer's side of the guard: what it is told, what it answered last,
 * and what that is worth in proofs and readiness.  Isolation never depends
 * on it, and a release never waits for it.
 */
#ifndef CORDON_ENFORCER_GUARD_H
#define CORDON_ENFORCER_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/enforcer/isolation.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/err.h"

/*
 * For its answer; then it is taken for stopped or hanging, and ended: its
 * programs go with it.  Opening is short and urgent.
 */
#define GUARD_OPEN_MS 5000
#define GUARD_CLOSE_MS 20000
#define GUARD_LET_GO_MS 300 /* of them waited for, before the rules go */
#define GUARD_TAMPERS_MAX 64 /* signals a minute; more are only logged */
#define GUARD_ITEMS 3	     /* of readiness */

struct event_base;
struct guard;

struct guard_calls {
	/* A packed Signal (agent.tamper) has to go out. */
	void (*signal)(void *arg, const uint8_t *data, size_t len);
	/* Readiness or what is covered changed: prove it anew. */
	void (*changed)(void *arg);
	/* It does not answer: end it. */
	void (*stuck)(void *arg);
};

int guard_new(struct event_base *base, Cordon__GuardMode mode,
    uint32_t network_uid, const struct guard_calls *calls, void *arg,
    struct guard **out, struct why *why);
void guard_free(struct guard **g);

/* Takes FD, the link to a guard that was started (again). */
int guard_join(struct guard *g, int fd, struct why *why);

/*
 * Make it agree with I, which was just brought into force; nothing is sent
 * if it does.  Where rules of ours stand that no order explains, it is left
 * as it is.
 */
void guard_follow(struct guard *g, struct isolation *i);
/*
 * The host is about to be opened: it lets go first.  Waits for that at most
 * GUARD_LET_GO_MS, and not at all for a guard that is gone.
 */
void guard_open(struct guard *g);

/*
 * For each part whether it works, or what is lost; how many (0: whoever
 * started us knows of no guard, or it has only just been started).  The texts
 * live until the next call.
 */
size_t guard_readiness(const struct guard *g,
    Cordon__ReadinessItem out[GUARD_ITEMS]);

/*
 * Lines for a proof: "guard-in:eth0"; "guard on eth0: ...", and why it holds
 * nothing at all where it should.
 */
typedef void guard_line_fn(void *arg, const char *text);
void guard_layers(const struct guard *g, guard_line_fn *fn, void *arg);
void guard_weak(const struct guard *g, guard_line_fn *fn, void *arg);

/* Unpacked and within bounds, or NULL.  For the link and its fuzzer. */
Cordon__GuardState *guard_state_unpack(const uint8_t *data, size_t len,
    struct why *why);

#endif
