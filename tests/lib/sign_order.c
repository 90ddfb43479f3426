/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signs an order with a key file, for tests that must order faster than
 * people approve: sign-order KEY HOST-ID EPOCH strict|open OUT ADDR:PORT...
 * The addresses are the pinned collectors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "common/net/addr.h"
#include "common/wire/order.h"

static int
fail(const char *what, const struct why *why)
{
	fprintf(stderr, "sign-order: %s: %s\n", what, why->text);
	return 1;
}

static void
fill(Cordon__OrderBody *b, char **argv, char *order_id)
{
	bool open = strcmp(argv[4], "open") == 0;

	snprintf(order_id, ID_MAX, "O-TEST%s", argv[3]);
	b->version = 1;
	b->host_id = argv[2];
	b->epoch = strtoull(argv[3], NULL, 10);
	b->order_id = order_id;
	b->plan_id = (char *)(uintptr_t)"P-TEST";
	b->profile = open ? CORDON__PROFILE__PROFILE_OPEN :
	    CORDON__PROFILE__PROFILE_STRICT;
	b->issued_at_ms = clock_wall_ms();
	b->mode = CORDON__MODE__MODE_ENFORCE;
	b->reason = (char *)(uintptr_t)"made by a test";
	if (!open) {
		b->review_by_ms = b->issued_at_ms + 3600 * 1000;
		b->review_then = CORDON__REVIEW_THEN__REVIEW_REMIND;
	}
}

int
main(int argc, char **argv)
{
	Cordon__OrderBody b = CORDON__ORDER_BODY__INIT;
	Cordon__Endpoint ep[ORDER_COLLECTORS_MAX], *list[ORDER_COLLECTORS_MAX];
	struct addr addr[ORDER_COLLECTORS_MAX];
	struct sign_key *key = NULL;
	struct why why = {""};
	char order_id[ID_MAX];
	struct buf out;
	uint8_t *packed;
	size_t i, n = (size_t)argc - 6, len;

	if (argc < 7 || n > ORDER_COLLECTORS_MAX) {
		fprintf(stderr, "usage: sign-order KEY HOST EPOCH "
		    "strict|open OUT ADDR:PORT...\n");
		return 2;
	}
	fill(&b, argv, order_id);
	for (i = 0; i < n; i++) {
		if (addr_parse(argv[6 + i], 0, &addr[i], &why) != 0)
			return fail(argv[6 + i], &why);
		cordon__endpoint__init(&ep[i]);
		ep[i].address.data = addr[i].ip;
		ep[i].address.len = addr[i].ip_len;
		ep[i].prefix_len = addr[i].ip_len * 8u;
		ep[i].protocol = 6;
		ep[i].port = addr[i].port;
		ep[i].direction = CORDON__DIRECTION__DIRECTION_OUT;
		list[i] = &ep[i];
	}
	b.collectors = list;
	b.n_collectors = n;
	if (order_check(&b, &why) != 0)
		return fail("order", &why);
	if (sign_key_load(argv[1], &key, &why) != 0)
		return fail(argv[1], &why);
	len = cordon__order_body__get_packed_size(&b);
	packed = malloc(len);
	if (packed == NULL)
		return fail("order", &why);
	cordon__order_body__pack(&b, packed);
	buf_init(&out, ORDER_MAX);
	if (order_sign(key, packed, len, &out) != 0 ||
	    file_write(argv[5], out.data, out.len, 0600, &why) != 0)
		return fail(argv[5], &why);
	free(packed);
	buf_done(&out);
	sign_key_free(&key);
	return 0;
}
