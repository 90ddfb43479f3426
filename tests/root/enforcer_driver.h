/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The enforcer's driver: making an order of words, and printing what the
 * enforcer sends.  A test program, never installed.
 */
#ifndef TESTS_ROOT_ENFORCER_DRIVER_H
#define TESTS_ROOT_ENFORCER_DRIVER_H

#include "common/base/buf.h"
#include "common/base/sign.h"
#include "common/wire/agent.pb-c.h"

#define LIST_MAX 80

struct endpoints {
	Cordon__Endpoint list[LIST_MAX], *at[LIST_MAX];
	uint8_t address[LIST_MAX][16];
	size_t n;
};

/* [out/|in/][tcp/|udp/]ADDRESS[/PREFIX]:PORT, IPv6 in brackets, by commas */
void add_endpoints(struct endpoints *e, char *text);
/*
 * WORDS ("profile=strict epoch=1 ...") for HOST, signed by KEY into OUT.
 * False: it is not to be sent now.
 */
bool order_of(char *words, const char *host, struct sign_key *key,
    struct buf *out);
/* One message of the link, as a line; SENT_US: when the last order went. */
void print_event(const uint8_t *data, size_t len, int64_t sent_us);

#endif
