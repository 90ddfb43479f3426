/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frame of the agent protocol: length (u32), kind (u16), flags (u16,
 * zero), then the payload, all big-endian.  Used on TLS connections and in
 * the spool.  Trusts nothing: a length is checked against the kind's own
 * maximum before a byte of it is stored.  See PROTOCOL.md.
 */
#ifndef CORDON_WIRE_FRAME_H
#define CORDON_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define FRAME_HEADER 8
#define FRAME_MAX (1024 * 1024) /* payload bytes, any kind */

enum frame_kind {
	FRAME_HELLO = 1,	 /* agent: who I am, what is in force */
	FRAME_WELCOME = 2,	 /* collector: what I have, how to behave */
	FRAME_HEARTBEAT = 3,	 /* agent */
	FRAME_HEARTBEAT_ACK = 4, /* collector: line is alive */
	FRAME_SIGNALS = 5,	 /* agent: SignalBatch */
	FRAME_SIGNALS_ACK = 6,	 /* collector: committed up to a number */
	FRAME_ORDER = 7,	 /* collector: SignedOrder, opaque bytes */
	FRAME_ORDER_ANSWER = 8,	 /* agent */
	FRAME_CONFIRM = 9,	 /* collector: the secret of commit-confirm */
	FRAME_PROOF = 10,	 /* agent */
	FRAME_CHECK_RUN = 11,	 /* collector: run these checks */
	FRAME_CHECK_RESULT = 12, /* agent: one check of a run */
	FRAME_MANIFEST_ASK = 13, /* collector: make a manifest */
	FRAME_MANIFEST = 14,	 /* agent: ManifestChunk */
	FRAME_SNAPSHOT = 15,	 /* agent: SnapshotChunk */
	FRAME_WITNESS_ASK = 16,	 /* collector: try to reach that host */
	FRAME_WITNESS = 17,	 /* agent: what came of it */
	FRAME_CERT_REQUEST = 18, /* agent: renew my certificate */
	FRAME_CERT_ISSUED = 19,	 /* collector */
	FRAME_ENROL = 20,	 /* host without certificate */
	FRAME_ENROLLED = 21,	 /* collector */
	FRAME_REFUSED = 22,	 /* collector: why, then it closes */
	FRAME_READINESS = 23,	 /* agent: Readiness, changed or a day old */
	FRAME_PREVIEW_ASK = 24,	 /* collector: which live flows would go? */
	FRAME_PREVIEW = 25,	 /* agent: Preview */
	FRAME_RENEW_FIRST = 30,	 /* collector: your certificate is too old */
	FRAME_TREES = 33,	 /* collector: signed manifests of trees */
	FRAME_TREE_ASK = 34,	 /* agent: a piece of one, please */
	FRAME_TREE_PART = 35,	 /* collector: ManifestChunk */
	FRAME_LIST_ASK = 36,	 /* agent: which lists of packages, a piece */
	FRAME_LIST_HAVE = 37,	 /* collector */
	FRAME_LIST_PART = 38,	 /* collector */
	FRAME_SIGNALS_AHEAD = 39, /* agent: SignalBatch, before its turn */
	FRAME_SWEEP_ASK = 40,	 /* collector: have you got that? */
	FRAME_SWEEP = 41,	 /* agent: Sweep */
	FRAME_KIND_MAX = 42,
};

struct frame {
	uint16_t kind;
	const uint8_t *payload; /* lent */
	size_t len;
};

/* Largest payload of KIND; 0 for a kind that does not exist. */
size_t frame_max(uint16_t kind);
const char *frame_name(uint16_t kind); /* "order"; "?" if unknown */

/* Append header and payload to OUT; ERR_RANGE past the kind's maximum. */
int frame_encode(struct buf *out, uint16_t kind, const void *payload,
    size_t len);

/*
 * Look at LEN bytes.  0 and *FRAME, *USED when a whole frame is there;
 * ERR_AGAIN when more bytes are needed; ERR_PROTO (WHY says) when it can
 * never become a frame.
 */
int frame_decode(const void *data, size_t len, struct frame *frame,
    size_t *used, struct why *why);

#endif
