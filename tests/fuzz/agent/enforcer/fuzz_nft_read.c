/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Netlink bytes as a dump would bring them: into a ruleset, its text and
 * digest, the picture of foreign rules, and the notice of who changed it.
 */
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/foreign.h"
#include "agent/enforcer/nft_read.h"
#include "agent/enforcer/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one(struct nft_view *v, struct buf *picture, const struct nlmsghdr *m)
{
	struct watch_who who;

	nft_read_message(v, m);
	foreign_line(m, picture);
	watch_parse(m, &who);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nft_view v = {.rs = ruleset_new()};
	uint8_t digest[DIGEST_LEN];
	const struct nlmsghdr *m;
	char diff[256];
	struct buf picture;
	uint8_t *copy;
	int left = (int)size;

	copy = malloc(size + 1); /* aligned, and its end is guarded */
	if (copy == NULL || v.rs == NULL || size > 1 << 16)
		goto done;
	memcpy(copy, data, size);
	buf_init(&picture, 1 << 20);
	for (m = (const void *)copy; netlink_ok(m, left);
	    m = mnl_nlmsg_next(m, &left))
		one(&v, &picture, m);
	if (ruleset_digest(v.rs, digest) != 0 ||
	    ruleset_diff(v.rs, v.rs, diff, sizeof(diff)) != 0 ||
	    diff[0] != '\0')
		abort();
	foreign_compare(&picture, &picture, diff, sizeof(diff));
	if (diff[0] != '\0')
		abort();
	buf_done(&picture);
done:
	free(copy);
	nft_view_done(&v);
	return 0;
}
