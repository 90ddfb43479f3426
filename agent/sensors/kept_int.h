/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to kept*.c. */
#ifndef CORDON_SENSORS_KEPT_INT_H
#define CORDON_SENSORS_KEPT_INT_H

#include "agent/sensors/kept.h"

#define KEPT_WANT_MAX (TREES_MAX + 1)

/* What is to be fetched: a tree's (HEAD, PACKED owned) or the host's OWN. */
struct want {
	Cordon__TreeHead *head;
	struct buf packed; /* SignedTree */
	char own[ID_MAX];
	uint8_t digest[DIGEST_LEN];
};

struct kept {
	const struct kept_place *place;
	struct outbox *out;
	struct want want[KEPT_WANT_MAX]; /* the first is being fetched */
	size_t nwant;
	int fd;		 /* its ".part"; -1: not begun */
	uint32_t next;	 /* the piece that is wanted */
	int64_t asked_ms; /* boot */
};

/* "STATE/kept-ID" into OUT; ERR_RANGE, ERR_LIMIT. */
int kept_path(const struct kept_place *p, const char *id,
    char out[PATH_LEN]);
int kept_commit(struct kept *k, const Cordon__TreeHead *head,
    const struct buf *packed);
/* Nothing is wanted any more; what is there in parts stays. */
void kept_forget(struct kept *k);
/* Go on with the first that is wanted. */
void kept_next(struct kept *k, uint32_t generation);

#endif
