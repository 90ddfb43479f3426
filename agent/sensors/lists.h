/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of packages that the collector serves: asked for when the collector
 * says that it has some and now and then, fetched one after the other, kept
 * in the state folder ("lists/NAME": signature, then list) as long as the
 * package is installed.  One thread.
 */
#ifndef CORDON_SENSORS_LISTS_H
#define CORDON_SENSORS_LISTS_H

#include <stdbool.h>

#include "agent/links/ipc.pb-c.h"
#include "agent/sensors/outbox.h"
#include "agent/sensors/path.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define LISTS_MAX 65536			  /* packages of a host */
#define LISTS_AGAIN_MS (60 * 60 * 1000LL) /* between two rounds */
#define LISTS_SILENT_MS 30000		  /* a piece is asked for again */

struct lists; /* opaque */

/* "STATE/lists" into OUT; ERR_LIMIT. */
int lists_folder(const Cordon__Settings *s, char out[PATH_LEN]);

/* S and OUT are lent. */
struct lists *lists_new(const Cordon__Settings *s, struct outbox *out);
void lists_free(struct lists **l);
/* The collector has some: a round begins; or its answer to a question. */
void lists_have(struct lists *l, uint32_t generation,
    const Cordon__ListHave *have);
void lists_part(struct lists *l, uint32_t generation,
    const Cordon__ListPart *part);
void lists_tick(struct lists *l, uint32_t generation);
/* Is a tick of use? */
bool lists_waiting(const struct lists *l);

#endif
