/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which host sits on which loop.  Written on the store's writer thread, in
 * the order of its jobs, so that of two connections of one host the newer
 * always wins; read from any thread.
 */
#ifndef CORDON_SERVER_LISTENER_ROSTER_H
#define CORDON_SERVER_LISTENER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct loop;
struct roster;

struct seat {
	struct loop *loop; /* NULL: nobody */
	uint64_t session;  /* number of it on that loop */
	bool stale;	   /* there with a certificate out of its dates */
};

/* For about HOSTS hosts (more are taken, but slower). */
struct roster *roster_new(size_t hosts);
void roster_free(struct roster **r);
/* HOST_ID sits here now; *BEFORE is where it sat (loop NULL: nowhere). */
int roster_claim(struct roster *r, const char *host_id,
    const struct seat *seat, struct seat *before);
/* Give the seat back; false if another one has it by now. */
bool roster_release(struct roster *r, const char *host_id,
    const struct seat *seat);
bool roster_find(struct roster *r, const char *host_id, struct seat *seat);
size_t roster_count(struct roster *r);

#endif
