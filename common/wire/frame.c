/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames.  Runs in the agent's network process and the collector's
 * listeners; every byte that is decoded is foreign.
 */
#include "common/wire/frame.h"

#define KIB 1024

/* Every kind, by number, with the most that it may carry. */
static const struct {
	const char *name;
	size_t max;
} kinds[FRAME_KIND_MAX] = {
	[FRAME_HELLO] = {"hello", 16 * KIB},
	[FRAME_WELCOME] = {"welcome", 4 * KIB},
	[FRAME_HEARTBEAT] = {"heartbeat", 4 * KIB},
	[FRAME_HEARTBEAT_ACK] = {"heartbeat-ack", 64},
	[FRAME_SIGNALS] = {"signals", FRAME_MAX},
	[FRAME_SIGNALS_ACK] = {"signals-ack", 64},
	[FRAME_ORDER] = {"order", 32 * KIB},
	[FRAME_ORDER_ANSWER] = {"order-answer", 8 * KIB},
	[FRAME_CONFIRM] = {"confirm", 256},
	[FRAME_PROOF] = {"proof", 16 * KIB},
	[FRAME_CHECK_RUN] = {"check-run", 96 * KIB},
	[FRAME_CHECK_RESULT] = {"check-result", 128 * KIB},
	[FRAME_MANIFEST_ASK] = {"manifest-ask", 2 * KIB},
	[FRAME_MANIFEST] = {"manifest", 65 * KIB}, /* 64 KiB and its fields */
	[FRAME_SNAPSHOT] = {"snapshot", 65 * KIB},
	[FRAME_WITNESS_ASK] = {"witness-ask", 2 * KIB},
	[FRAME_WITNESS] = {"witness", 2 * KIB},
	[FRAME_CERT_REQUEST] = {"cert-request", 4 * KIB},
	[FRAME_CERT_ISSUED] = {"cert-issued", 8 * KIB},
	[FRAME_ENROL] = {"enrol", 8 * KIB},
	[FRAME_ENROLLED] = {"enrolled", 16 * KIB},
	[FRAME_REFUSED] = {"refused", 1 * KIB},
	[FRAME_RENEW_FIRST] = {"renew-first", 64},
	[FRAME_READINESS] = {"readiness", 16 * KIB},
	[FRAME_PREVIEW_ASK] = {"preview-ask", 8 * KIB},
	[FRAME_PREVIEW] = {"preview", 65 * KIB},
	[FRAME_TREES] = {"trees", 128 * KIB},
	[FRAME_TREE_ASK] = {"tree-ask", 256},
	[FRAME_TREE_PART] = {"tree-part", 65 * KIB},
	[FRAME_LIST_ASK] = {"list-ask", 64 * KIB},
	[FRAME_LIST_HAVE] = {"list-have", 64 * KIB},
	[FRAME_LIST_PART] = {"list-part", 66 * KIB},
	[FRAME_SIGNALS_AHEAD] = {"signals-ahead", FRAME_MAX},
	[FRAME_SWEEP_ASK] = {"sweep-ask", 8 * KIB},
	[FRAME_SWEEP] = {"sweep", 65 * KIB},
};

size_t
frame_max(uint16_t kind)
{
	return kind < FRAME_KIND_MAX ? kinds[kind].max : 0;
}

const char *
frame_name(uint16_t kind)
{
	return frame_max(kind) > 0 ? kinds[kind].name : "?";
}

int
frame_encode(struct buf *out, uint16_t kind, const void *payload, size_t len)
{
	size_t before = out->len;
	int rc;

	if (frame_max(kind) == 0 || len > frame_max(kind))
		return ERR_RANGE;
	if ((rc = buf_add_u32(out, (uint32_t)len)) != 0 ||
	    (rc = buf_add_u16(out, kind)) != 0 ||
	    (rc = buf_add_u16(out, 0)) != 0 ||
	    (rc = buf_add(out, payload, len)) != 0)
		out->len = before;
	return rc;
}

int
frame_decode(const void *data, size_t len, struct frame *frame, size_t *used,
    struct why *why)
{
	uint16_t kind, flags;
	struct reader r;
	size_t length;

	if (len < FRAME_HEADER)
		return ERR_AGAIN;
	reader_init(&r, data, len);
	length = reader_u32(&r);
	kind = reader_u16(&r);
	flags = reader_u16(&r);
	if (frame_max(kind) == 0)
		return why_set(why, ERR_PROTO, "frame of unknown kind %u",
		    (unsigned int)kind);
	if (flags != 0)
		return why_set(why, ERR_PROTO, "%s frame with flags 0x%04x",
		    frame_name(kind), (unsigned int)flags);
	if (length > frame_max(kind))
		return why_set(why, ERR_PROTO,
		    "%s frame of %zu bytes, at most %zu are allowed",
		    frame_name(kind), length, frame_max(kind));
	if (length > r.left)
		return ERR_AGAIN;
	*frame = (struct frame){.kind = kind, .payload = r.at, .len = length};
	*used = FRAME_HEADER + length;
	return 0;
}
