/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded queue.  Runs in the network process of the agent. */
#include "agent/network/outbox.h"

#include <stdlib.h>
#include <string.h>

void
outbox_init(struct outbox *o, size_t n_max, size_t bytes_max)
{
	memset(o, 0, sizeof(*o));
	TAILQ_INIT(&o->list);
	o->n_max = n_max;
	o->bytes_max = bytes_max;
}

static void
drop(struct outbox *o, struct outbox_item *i)
{
	TAILQ_REMOVE(&o->list, i, link);
	o->n--;
	o->bytes -= i->len;
	free(i);
}

void
outbox_done(struct outbox *o)
{
	struct outbox_item *i;

	while ((i = TAILQ_FIRST(&o->list)) != NULL)
		drop(o, i);
}

static struct outbox_item *
find(struct outbox *o, uint32_t kind, const char *key)
{
	struct outbox_item *i;

	TAILQ_FOREACH(i, &o->list, link)
		if (i->kind == kind && strcmp(i->key, key) == 0)
			return i;
	return NULL;
}

int
outbox_put(struct outbox *o, uint32_t kind, const char *key,
    const void *data, size_t len)
{
	struct outbox_item *i, *old = NULL;

	if (key != NULL && key[0] != '\0')
		old = find(o, kind, key);
	if (o->n + (old == NULL) > o->n_max ||
	    o->bytes - (old != NULL ? old->len : 0) + len > o->bytes_max)
		return ERR_LIMIT;
	if ((i = calloc(1, sizeof(*i) + len)) == NULL)
		return ERR_NOMEM;
	i->kind = kind;
	if (key != NULL)
		strncpy(i->key, key, sizeof(i->key) - 1);
	i->len = len;
	if (len > 0)
		memcpy(i->data, data, len);
	if (old != NULL)
		drop(o, old);
	TAILQ_INSERT_TAIL(&o->list, i, link);
	o->n++;
	o->bytes += len;
	return 0;
}

const struct outbox_item *
outbox_first(const struct outbox *o)
{
	return TAILQ_FIRST(&o->list);
}

void
outbox_drop_first(struct outbox *o)
{
	struct outbox_item *i = TAILQ_FIRST(&o->list);

	if (i != NULL)
		drop(o, i);
}
