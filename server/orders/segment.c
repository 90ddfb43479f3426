/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses of hosts as their agents told them ("10.1.2.3/24 ..."): who is
 * on whose segment.  Pure.  What an agent says here is a claim: it chooses
 * who is asked as a witness and keeps the collector from being isolated by
 * mistake, and decides nothing else.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/orders/own.h"

static bool
parse_one(const char *word, struct segment_address *a)
{
	char text[INET6_ADDRSTRLEN];
	const char *slash = strchr(word, '/');
	unsigned long bits, most;
	char *end;

	if (slash == NULL || (size_t)(slash - word) >= sizeof(text) ||
	    slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(text, word, (size_t)(slash - word));
	text[slash - word] = '\0';
	if (inet_pton(AF_INET, text, a->ip) == 1)
		a->ip_len = 4;
	else if (inet_pton(AF_INET6, text, a->ip) == 1)
		a->ip_len = 16;
	else
		return false;
	most = a->ip_len * 8UL;
	bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || bits < 1 || bits > most)
		return false;
	a->prefix_len = (uint8_t)bits;
	return true;
}

size_t
segment_parse(const char *text,
    struct segment_address out[SEGMENT_ADDRESSES_MAX])
{
	char copy[TEXT_MAX_LEN], *word, *save = NULL;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, " ", &save);
	    word != NULL && n < SEGMENT_ADDRESSES_MAX;
	    word = strtok_r(NULL, " ", &save))
		if (parse_one(word, &out[n]))
			n++;
	return n;
}

bool
host_has_address(const struct host *h, const uint8_t *ip, uint8_t ip_len)
{
	struct segment_address a[SEGMENT_ADDRESSES_MAX];
	size_t n = segment_parse(h->addresses, a), i;

	for (i = 0; i < n; i++)
		if (a[i].ip_len == ip_len && memcmp(a[i].ip, ip, ip_len) == 0)
			return true;
	return false;
}

/* Loopback and link-local say nothing about who is next to whom. */
static bool
is_local(const struct segment_address *a)
{
	if (a->ip_len == 4)
		return a->ip[0] == 127 || (a->ip[0] == 169 && a->ip[1] == 254);
	return (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80) ||
	    IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)a->ip);
}

static bool
same_prefix(const struct segment_address *a, const struct segment_address *b)
{
	size_t whole = a->prefix_len / 8;
	unsigned int rest = a->prefix_len % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (a->ip_len != b->ip_len || a->prefix_len != b->prefix_len ||
	    memcmp(a->ip, b->ip, whole) != 0)
		return false;
	return rest == 0 || (a->ip[whole] & mask) == (b->ip[whole] & mask);
}

bool
host_shares_segment(const struct host *a, const struct host *b)
{
	struct segment_address x[SEGMENT_ADDRESSES_MAX];
	struct segment_address y[SEGMENT_ADDRESSES_MAX];
	size_t n = segment_parse(a->addresses, x), i, k;
	size_t m = segment_parse(b->addresses, y);

	for (i = 0; i < n; i++)
		for (k = 0; !is_local(&x[i]) && k < m; k++)
			if (same_prefix(&x[i], &y[k]))
				return true;
	return false;
}
