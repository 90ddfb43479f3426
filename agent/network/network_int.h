/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of the network process, shared by network.c (life, timers, what
 * the line asks), peers.c (what comes from our own processes) and relay.c
 * (what comes from the collector).  Nobody else includes it.
 */
#ifndef CORDON_AGENT_NETWORK_NETWORK_INT_H
#define CORDON_AGENT_NETWORK_NETWORK_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/network/collectors.h"
#include "agent/network/feed.h"
#include "agent/network/line.h"
#include "agent/network/network.h"
#include "agent/network/outbox.h"
#include "agent/network/renew.h"
#include "agent/network/runs.h"
#include "agent/network/spool.h"
#include "agent/network/witness.h"
#include "common/wire/agent.pb-c.h"

#define READINESS_MAX 48
#define READINESS_ID_MAX 40
#define READINESS_TEXT_MAX 160

enum network_peer { FROM_PARENT, FROM_ENFORCER, FROM_SENSORS, NETWORK_PEERS };

struct readiness {
	char id[READINESS_ID_MAX];
	char text[READINESS_TEXT_MAX];
	bool ok;
	Cordon__ReadinessLevel level;
};

struct network {
	struct event_base *base;
	const char *state_dir;		  /* lent */
	const Cordon__Settings *settings; /* lent */
	struct link *parent, *enforcer, *sensors;
	bool enforcer_up, sensors_up; /* the link has not ended */
	bool sensors_paused; /* the line is slower than what they send */
	struct network_taken { /* the last signal of each process */
		uint64_t run, serial;
		bool new; /* it was not told that this is safe */
	} taken[NETWORK_PEERS];
	struct spool *spool;
	struct feed feed;
	struct line *line;
	struct outbox up;     /* to the collector, sent when live */
	struct outbox orders; /* to the enforcer, while it is away */
	struct runs runs;
	struct witness *witness;
	struct renew renew;
	/* Where the rules in force let us go; none: anywhere. */
	struct addr pinned[LINE_ADDRS_MAX];
	size_t npinned;
	/* Of enrolment, then of the last Welcome. */
	struct addr known_at[LINE_ADDRS_MAX];
	struct collectors known;
	/* What the others said last. */
	Cordon__State *state; /* NULL: not yet */
	struct readiness readiness[READINESS_MAX];
	size_t nreadiness;
	bool readiness_new;	 /* not told since it changed */
	bool readiness_unsaved;	 /* the file for root is older */
	int64_t readiness_told, readiness_looked; /* boot ms */
	bool clock_known, clock_ok; /* of the last look */
	Cordon__Watch *watch; /* NULL: not yet */
	int64_t heard_told, full_told, renew_looked; /* boot ms */
	int64_t server_ms, server_at; /* the collector's time; boot ms then */
	bool clock_told; /* that ours is off, on this connection */
	char snapshot_order[ID_MAX];  /* snapshot was asked for, for it */
	char broken_manifest[ID_MAX]; /* a part of it was lost */
	struct buf trees;	/* TreeList: for sensors that come later */
	bool lists;		/* the collector has lists of packages */
	struct event *flush, *tick;
	struct event *begin; /* the line, even without a state */
	bool begun;
	int64_t flushed; /* boot: last write to disk */
	int status;
};

/* -- network.c */
/* Is the host cut off, as far as the enforcer told? */
bool network_isolated(const struct network *n);
/*
 * Tell the line whom to try: while cut off the pinned ones alone, since a
 * try elsewhere only costs time; else those of enrolment and Welcome.
 */
void network_addresses(struct network *n);
/* The collector has said what time it is. */
void network_server_time(struct network *n, int64_t ms);
/* Renew the certificate, if it is time to. */
void network_renew(struct network *n);
/* Send what can be sent now: results first, then signals. */
void network_pump(struct network *n);
/* Connect, unless begun: the enforcer has spoken, or was given its time. */
void network_begin(struct network *n);
/* Make signals durable and send them: at once, or in a moment. */
void network_flush_now(struct network *n);
void network_flush_soon(struct network *n);
void network_stop(struct network *n, int status);

/* -- relay.c */
/* A result for the collector: now, or after the next Hello. */
void relay_up(struct network *n, uint16_t kind, const char *key,
    const void *payload, size_t len);
void relay_check_result(struct network *n, Cordon__CheckResult *r,
    enum run_owner owner);
void relay_chunk(struct network *n, uint16_t kind, const uint8_t *payload,
    size_t len);
void relay_witness(void *arg, const Cordon__WitnessResult *r);
/* A runs_unknown_fn. */
void relay_unknown(void *arg, const char *run_id, const char *check_id,
    bool last, const char *why);
/* The enforcer is (again) there: what waited for it. */
void relay_orders(struct network *n);
/* The sensors are (again) there: what holds, told once a connection. */
void relay_sensors(struct network *n);

#endif
