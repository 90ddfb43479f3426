/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rate of unknown connections.  Runs on a loop of the listener. */
#include "server/listener/rate.h"

#include <string.h>

#include "common/base/id.h"

#define UNIT 1000u

void
rate_init(struct rate *r)
{
	memset(r, 0, sizeof(*r));
	random_bytes(&r->seed, sizeof(r->seed));
}

/* A keyed mix (splitmix64), so that nobody picks whose slot to share. */
static uint64_t
key_of(const struct rate *r, const struct addr *a)
{
	uint64_t v = 0;

	memcpy(&v, a->ip, a->ip_len == 4 ? 4 : 8);
	v ^= r->seed + a->ip_len;
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	v ^= v >> 31;
	return v != 0 ? v : 1;
}

static struct rate_slot *
find(struct rate *r, const struct addr *a, int64_t now)
{
	uint64_t key = key_of(r, a), gained;
	size_t i = key & (RATE_SLOTS - 1);
	struct rate_slot *s = &r->slot[i], *other = &r->slot[i ^ 1];

	if (s->key != key && (other->key == key || other->at < s->at))
		s = other;
	if (s->key != key) {
		s->key = key;
		s->left = RATE_BURST * UNIT;
		s->at = now;
	}
	gained = (uint64_t)(now - s->at) * RATE_SECOND;
	s->left = gained >= RATE_BURST * UNIT - s->left ?
	    RATE_BURST * UNIT : s->left + (uint32_t)gained;
	s->at = now;
	return s;
}

bool
rate_take(struct rate *r, const struct addr *a, int64_t now)
{
	struct rate_slot *s = find(r, a, now);

	if (s->left < UNIT)
		return false;
	s->left -= UNIT;
	return true;
}

void
rate_give_back(struct rate *r, const struct addr *a, int64_t now)
{
	struct rate_slot *s = find(r, a, now);

	s->left = s->left + UNIT > RATE_BURST * UNIT ? RATE_BURST * UNIT :
	    s->left + UNIT;
}
