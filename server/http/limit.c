/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tries without a certificate, counted by address (limit.h). */
#include <string.h>

#include "server/http/limit.h"

/* The slot of this address, or else the one that began longest ago. */
static struct limit_slot *
slot_of(struct limit *l, const uint8_t ip[8], uint8_t ip_len)
{
	struct limit_slot *oldest = &l->slot[0];
	size_t i;

	for (i = 0; i < LIMIT_SLOTS; i++) {
		struct limit_slot *s = &l->slot[i];

		if (s->since != 0 && s->ip_len == ip_len &&
		    memcmp(s->ip, ip, sizeof(s->ip)) == 0)
			return s;
		if (s->since < oldest->since)
			oldest = s;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->ip, ip, sizeof(oldest->ip));
	oldest->ip_len = ip_len;
	return oldest;
}

static bool
slot_try(struct limit_slot *s, uint32_t most, int64_t now)
{
	if (s->since == 0 || now - s->since >= LIMIT_WINDOW_MS) {
		s->since = now;
		s->tries = 0;
	}
	if (s->tries >= most)
		return false;
	s->tries++;
	return true;
}

bool
limit_try(struct limit *l, const struct addr *from, int64_t now)
{
	uint8_t ip[8] = { 0 };

	memcpy(ip, from->ip, from->ip_len == 4 ? 4 : 8);
	return slot_try(slot_of(l, ip, from->ip_len), LIMIT_TRIES, now) &&
	    slot_try(&l->all, LIMIT_TRIES_ALL, now);
}
