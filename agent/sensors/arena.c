/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scan memory in blocks of mmap(2).  Runs in the sensors process, one arena
 * a thread.
 */
#include "agent/sensors/arena.h"

#include <string.h>
#include <sys/mman.h>

struct arena_block {
	struct arena_block *next;
};

void
arena_init(struct arena *a)
{
	a->first = NULL;
	a->used = ARENA_BLOCK;
}

void
arena_done(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->first; b != NULL; b = next) {
		next = b->next;
		munmap(b, ARENA_BLOCK);
	}
	arena_init(a);
}

void *
arena_get(struct arena *a, size_t len)
{
	struct arena_block *b;
	void *at;

	if (len > ARENA_BLOCK / 2)
		return NULL;
	len = (len + 7) & ~(size_t)7;
	if (a->used + len > ARENA_BLOCK) {
		b = mmap(NULL, ARENA_BLOCK, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (b == MAP_FAILED)
			return NULL;
		b->next = a->first;
		a->first = b;
		a->used = sizeof(*b);
	}
	at = (char *)a->first + a->used;
	a->used += len;
	return at;
}

char *
arena_str(struct arena *a, const char *text)
{
	size_t len = strlen(text) + 1;
	char *s = arena_get(a, len);

	return s == NULL ? NULL : memcpy(s, text, len);
}
