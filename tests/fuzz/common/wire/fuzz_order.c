/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders and protocol messages from random bytes.  The first byte chooses:
 * the bytes as a signed order, as a body under a good signature, or as one
 * of the messages of agent.proto.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "common/wire/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const ProtobufCMessageDescriptor *const types[] = {
	&cordon__hello__descriptor,
	&cordon__welcome__descriptor,
	&cordon__heartbeat__descriptor,
	&cordon__heartbeat_ack__descriptor,
	&cordon__signal_batch__descriptor,
	&cordon__signals_ack__descriptor,
	&cordon__order_answer__descriptor,
	&cordon__confirm__descriptor,
	&cordon__proof__descriptor,
	&cordon__check_run__descriptor,
	&cordon__check_result__descriptor,
	&cordon__manifest_ask__descriptor,
	&cordon__manifest_chunk__descriptor,
	&cordon__snapshot_chunk__descriptor,
	&cordon__witness_ask__descriptor,
	&cordon__witness_result__descriptor,
	&cordon__cert_request__descriptor,
	&cordon__cert_issued__descriptor,
	&cordon__enrol__descriptor,
	&cordon__enrolled__descriptor,
	&cordon__refused__descriptor,
	&cordon__tree_head__descriptor,
	&cordon__tree_list__descriptor,
	&cordon__tree_ask__descriptor,
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

static struct sign_key *key;
static uint8_t public[SIGN_KEY_LEN];

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
verify(const uint8_t *data, size_t len)
{
	struct order_expect e = {.host_id = "H-1", .last_epoch = 6,
	    .now_ms = 1795330152123, .key = public};
	Cordon__OrderBody *body = NULL;
	enum verdict v;
	struct why why;

	v = order_verify(data, len, &e, &body, &why);
	must((body != NULL) == (v == VERDICT_GOOD || v == VERDICT_STALE_EPOCH));
	if (body == NULL)
		return;
	must(strcmp(body->host_id, "H-1") == 0);
	must((v == VERDICT_GOOD) == (body->epoch > 6));
	must(order_check(body, &why) == 0);
	cordon__order_body__free_unpacked(body, NULL);
}

/* Past the signature: the body is what is random. */
static void
verify_signed(const uint8_t *data, size_t len)
{
	struct buf b;

	buf_init(&b, ORDER_MAX);
	if (order_sign(key, data, len, &b) == 0)
		verify(b.data, b.len);
	buf_done(&b);
}

/* As the signer does it, without a signature's cost. */
static void
check(const uint8_t *data, size_t len)
{
	Cordon__OrderBody *b;
	struct why why;

	b = unpack(&cordon__order_body__descriptor, data, len);
	if (b == NULL)
		return;
	if (order_check(b, &why) == 0)
		must(b->n_collectors > 0 && b->epoch > 0 &&
		    id_valid(b->host_id));
	cordon__order_body__free_unpacked(b, NULL);
}

/*
 * What unpacks can be packed.  That it then unpacks again cannot be asked:
 * protobuf-c keeps an unknown field of number 0 if its tag is overlong, and
 * packs it in the short form that it does not take.
 */
static void
message(const ProtobufCMessageDescriptor *type, const uint8_t *data,
    size_t len)
{
	ProtobufCMessage *m = unpack(type, data, len);
	uint8_t *out;
	size_t n;

	if (m == NULL)
		return;
	n = protobuf_c_message_get_packed_size(m);
	out = malloc(n + 1);
	must(out != NULL);
	must(protobuf_c_message_pack(m, out) == n);
	protobuf_c_message_free_unpacked(m, NULL);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (key == NULL) {
		must(sign_key_new(&key) == 0);
		sign_key_public(key, public);
	}
	if (len == 0)
		return 0;
	if (data[0] == 'o')
		verify(data + 1, len - 1);
	else if (data[0] == 's')
		verify_signed(data + 1, len - 1);
	else if (data[0] == 'b')
		check(data + 1, len - 1);
	else
		message(types[data[0] % N_TYPES], data + 1, len - 1);
	return 0;
}
