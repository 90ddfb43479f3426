/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's side: our netlink sockets, what the kernel holds and what it
 * should hold.  Every change is one batch and is read back before the call
 * returns; it is good only if both texts are equal.
 */
#ifndef CORDON_ENFORCER_CAGE_H
#define CORDON_ENFORCER_CAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/enforcer/flows.h"
#include "agent/enforcer/ground.h"
#include "agent/enforcer/readiness.h"
#include "agent/enforcer/ruleset.h"
#include "common/base/err.h"

struct cage;

struct cage_config {
	uint32_t network_uid;
	int owner_fd;	      /* the parked socket, taken; or -1 */
	unsigned int without; /* features not to be used */
	Cordon__Endpoint **collectors; /* to be watched while open; lent */
	size_t ncollectors;
};

/* Sockets, devices, features, and what is there under our name. */
int cage_open(const struct cage_config *config, struct cage **out,
    struct why *why);
/* The rules stay (persist); only the sockets go. */
void cage_close(struct cage **cage);

/* Of the last cage_set: how the line had been led elsewhere before; or "". */
const char *cage_diverted(const struct cage *c);

/*
 * Make it so, with the smallest batch: rules of BODY as PROFILE, or none if
 * PROFILE is open.  BODY is lent until the next cage_set.  *ACK_US (may be
 * NULL): boot time when the kernel had acknowledged.  On failure the kernel
 * holds what it held, except ERR_KERNEL with "read-back" in WHY.
 */
int cage_set(struct cage *c, const Cordon__OrderBody *body,
    Cordon__Profile profile, int64_t *ack_us, struct why *why);

/* The same up to the commit, which never comes; nothing changes. */
int cage_rehearse(struct cage *c, const Cordon__OrderBody *body,
    Cordon__Profile profile, struct why *why);

/*
 * Read back.  0: as it should be; ERR_BADSTATE: DIFF says what is not;
 * other: could not be read.
 */
int cage_verify(struct cage *c, char *diff, size_t size, struct why *why);
/* Put right what cage_verify found. */
int cage_repair(struct cage *c, struct why *why);
/*
 * Devices, addresses, routes or neighbours changed: follow where that is
 * right, hold where it is not.  *CHANGED: the rules had to.  TEXT: "" or how
 * somebody tried to lead the line elsewhere, or that it goes another way.
 */
int cage_follow(struct cage *c, bool *changed, char text[GROUND_TEXT_MAX],
    struct why *why);
/* Nothing was heard for long: ask anew who the first station is. */
int cage_relearn(struct cage *c, struct why *why);
/* The collector was heard: what leads to it now is the right way. */
void cage_heard(struct cage *c);
/* Is that the first station of the line? */
bool cage_is_hop(const struct cage *c, const uint8_t *ip, size_t len);
/* Link addresses that the line is held to, lent; how many ways. */
size_t cage_hops(const struct cage *c,
    ProtobufCBinaryData out[ORDER_COLLECTORS_MAX]);
/* Does the line live on a lease, or is it looking for a way? */
bool cage_leased(const struct cage *c);
/* The most that a device of the line needs. */
enum eapol cage_eapol(const struct cage *c);
/* The socket that owns the tables, to be parked with others. */
int cage_owner_fd(const struct cage *c);
/* End sockets and connections that the rules in force do not allow. */
int cage_cut_flows(struct cage *c, struct flows_cut *out, struct why *why);
/* Chains of others behind ours (foreign.h); "" if it is not closed. */
int cage_behind(struct cage *c, char *out, size_t size, struct why *why);
/* Picture of everybody else's rules (foreign.h). */
int cage_foreign(struct cage *c, struct buf *out, struct why *why);

/* Closed, and not by rules that only count what they would drop. */
bool cage_cuts(const struct cage *c);
bool cage_closed(const struct cage *c);	 /* it should hold rules */
bool cage_present(const struct cage *c); /* the kernel holds some */
uint64_t cage_dropped(const struct cage *c);
void cage_digests(const struct cage *c, uint8_t want[DIGEST_LEN],
    uint8_t have[DIGEST_LEN]);
const struct readiness *cage_readiness(const struct cage *c);
const struct devices *cage_device_list(const struct cage *c);
unsigned int cage_features(const struct cage *c);
/* Why the kernel took only the plain rules (no devices); "" it took all. */
const char *cage_plain(const struct cage *c);
/* Another process owns our tables: they can be watched, not changed. */
bool cage_stolen(const struct cage *c);

#endif
