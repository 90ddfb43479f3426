/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of programs to put back.  Runs in the guard. */
#include "agent/guard/displaced.h"

#include <unistd.h>

struct displaced *
displaced_find(struct displaced_list *l, uint32_t index, uint32_t program)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->at[i].index == index && l->at[i].program == program)
			return &l->at[i];
	return NULL;
}

struct displaced *
displaced_add(struct displaced_list *l, uint32_t index, uint32_t program,
    uint32_t flags)
{
	struct displaced *d = displaced_find(l, index, program);

	if (d != NULL)
		return d;
	if (l->n == DISPLACED_MAX)
		return NULL;
	d = &l->at[l->n++];
	*d = (struct displaced){index, program, flags, -1, false, false};
	return d;
}

void
displaced_drop(struct displaced_list *l, struct displaced *d)
{
	if (d->fd >= 0)
		close(d->fd);
	*d = l->at[--l->n];
}

void
displaced_clear(struct displaced_list *l)
{
	while (l->n > 0)
		displaced_drop(l, &l->at[l->n - 1]);
}
