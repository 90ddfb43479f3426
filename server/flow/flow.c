/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an agent says, frame by frame: unpacked, bounded, handed to the room
 * it belongs to.  Runs on the writer thread as the body of a store job.  The
 * host id is the certificate's; nothing in a frame can name another host.
 */
#include "server/flow/flow.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/cases/sweep.h"
#include "server/cases/tree.h"
#include "server/flow/readiness.h"
#include "server/flow/signals.h"
#include "server/lists/lists.h"
#include "server/orders/preview.h"
#include "server/store/hosts.h"

#define SILENT_S 30 /* an enforcer that has not spoken for so long */

static int
send_welcome(struct db *db, const struct flow *f, const struct host *h)
{
	Cordon__Welcome w = CORDON__WELCOME__INIT;
	Cordon__Endpoint ep[16], *list[16];
	uint8_t packed[4096];
	size_t i;

	for (i = 0; i < f->orders->ncollectors; i++) {
		const struct orders_endpoint *c = &f->orders->collectors[i];

		cordon__endpoint__init(&ep[i]);
		ep[i].address.data = (uint8_t *)(uintptr_t)c->ip;
		ep[i].address.len = c->ip_len;
		ep[i].prefix_len = c->ip_len * 8u;
		ep[i].protocol = IPPROTO_TCP;
		ep[i].port = c->port;
		ep[i].direction = CORDON__DIRECTION__DIRECTION_OUT;
		list[i] = &ep[i];
	}
	w.server_time_ms = db_now(db);
	w.heartbeat_seconds = f->heartbeat_seconds;
	w.signals_committed = h->signals_committed;
	w.collectors = list;
	w.n_collectors = f->orders->ncollectors;
	w.overtake = true;
	w.package_lists = f->lists != NULL && lists_any(f->lists);
	w.renew_certificate = h->cert_not_after != 0 &&
	    h->cert_not_after - db_now(db) < f->cert_renew_before_ms;
	if (cordon__welcome__get_packed_size(&w) > sizeof(packed))
		return ERR_LIMIT;
	return db_send(db, h->host_id, FRAME_WELCOME, packed,
	    cordon__welcome__pack(&w, packed));
}

/* "10.1.2.3/24 2001:db8::5/64", what fits. */
static void
addresses_text(const Cordon__Hello *hello, char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN];
	size_t i, used = 0;
	int n;

	out[0] = '\0';
	for (i = 0; i < hello->n_addresses; i++) {
		const Cordon__Address *a = hello->addresses[i];
		int family = a->ip.len == 4 ? AF_INET : AF_INET6;

		if ((a->ip.len != 4 && a->ip.len != 16) ||
		    a->prefix_len > a->ip.len * 8)
			continue;
		if (inet_ntop(family, a->ip.data, ip, sizeof(ip)) == NULL)
			continue;
		n = snprintf(out + used, size - used, "%s%s/%u",
		    used > 0 ? " " : "", ip, a->prefix_len);
		if (n < 0 || (size_t)n >= size - used) {
			out[used] = '\0';
			return;
		}
		used += (size_t)n;
	}
}

/* Names of what it may be asked, a space between; what fits. */
static void
answers_text(const Cordon__Hello *hello, char *out, size_t size)
{
	size_t i, used = 0, len;

	out[0] = '\0';
	for (i = 0; i < hello->n_answers; i++) {
		len = strlen(hello->answers[i]);
		if (!name_valid(hello->answers[i]) || used + len + 2 > size)
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s",
		    used > 0 ? " " : "", hello->answers[i]);
	}
}

/* What the store remembers of the boot; audited when it changed. */
static int
note_boot(struct db *db, const struct host *h, const Cordon__Hello *hello)
{
	int64_t same = 0;
	int rc;

	rc = db_one_int(db, &same,
	    "SELECT count(*) FROM hosts WHERE host_id = $1 "
	    "AND (boot_id = $2 OR boot_id = '')", "ss", h->host_id,
	    hello->boot_id);
	if (rc != 0 || same > 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = "agent", .what = "host.rebooted",
	    .host = h->name, .case_id = h->case_id},
	    "the host has booted since it was last here");
}

/* The host restored itself, as its plan said: it is watched from now on. */
static int
after_restore(struct db *db, const struct flow *f, const char *host_id)
{
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0 || h.stage != STAGE_CONTAINED ||
	    h.desired != PROFILE_OPEN)
		return rc;
	rc = stage_set(db, h.host_id, STAGE_PROBATION, ACTOR_SYSTEM,
	    h.desired_order);
	return rc == 0 ? probation_start(db, f->cases, h.host_id) : rc;
}

int
flow_hello(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__Hello *hello)
{
	char addresses[TEXT_MAX_LEN], answers[NAME_MAX_LEN];
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	if (h.revoked)
		return ERR_PERM;
	addresses_text(hello, addresses, sizeof(addresses));
	answers_text(hello, answers, sizeof(answers));
	rc = note_boot(db, &h, hello);
	if (rc == 0)
		rc = db_run(db, NULL,
		    "UPDATE hosts SET online = 1, last_seen = $1, "
		    "agent_version = $2, kernel = $3, boot_id = $4, "
		    "addresses = $5, answers = $6 WHERE host_id = $7",
		    "issssss", db_now(db), hello->agent_version,
		    hello->kernel, hello->boot_id, addresses, answers,
		    h.host_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = "agent",
		    .what = "host.online", .host = h.name,
		    .case_id = h.case_id}, "connected, agent %s",
		    hello->agent_version);
	if (rc == 0)
		rc = readiness_store(db, &h, hello->readiness,
		    hello->n_readiness);
	if (rc == 0)
		rc = send_welcome(db, f, &h);
	if (rc == 0)
		rc = orders_hello(db, h.host_id, hello);
	if (rc == 0)
		rc = sweep_hello(db, h.host_id);
	if (rc == 0)
		rc = hosts_get(db, host_id, &h); /* its row is new */
	if (rc == 0)
		rc = tree_hello(db, &h);
	return rc == 0 ? after_restore(db, f, h.host_id) : rc;
}

int
flow_gone(struct db *db, const struct flow *f, const char *host_id,
    const char *reason)
{
	struct host h;
	int rc;

	(void)f;
	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	rc = db_run(db, NULL,
	    "UPDATE hosts SET online = 0 WHERE host_id = $1", "s", h.host_id);
	if (rc == 0)
		rc = sweep_gone(db, h.host_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = "agent",
		    .what = "host.offline", .host = h.name,
		    .case_id = h.case_id}, "connection ended: %s", reason);
	return rc;
}

int
flow_start(struct db *db)
{
	int rc = db_run(db, NULL, "UPDATE hosts SET online = 0", "");

	return rc == 0 ? sweep_gone(db, NULL) : rc;
}

/* -- frames ------------------------------------------------------------- */

static char *
heartbeat_json(const Cordon__Heartbeat *hb)
{
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "spool_depth",
	    json_integer((json_int_t)hb->spool_depth));
	json_object_set_new(o, "spool_dropped",
	    json_integer((json_int_t)hb->spool_dropped));
	json_object_set_new(o, "blind_open", json_integer(hb->blind_open));
	json_object_set_new(o, "files_watched",
	    json_integer((json_int_t)hb->files_watched));
	json_object_set_new(o, "cpu_ms", json_integer((json_int_t)hb->cpu_ms));
	json_object_set_new(o, "rss_kib",
	    json_integer((json_int_t)hb->rss_kib));
	if (hb->state != NULL) {
		json_object_set_new(o, "dropped_packets",
		    json_integer((json_int_t)hb->state->dropped_packets));
		json_object_set_new(o, "tampers",
		    json_integer((json_int_t)hb->state->tampers));
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static int
on_heartbeat(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	const Cordon__Heartbeat *hb = msg;
	Cordon__HeartbeatAck ack = CORDON__HEARTBEAT_ACK__INIT;
	uint8_t packed[64];
	char *json;
	int rc;

	json = heartbeat_json(hb);
	if (json == NULL)
		return ERR_NOMEM;
	rc = db_run(db, NULL,
	    "UPDATE hosts SET online = 1, last_seen = $1, heartbeat = $2 "
	    "WHERE host_id = $3", "iss", db_now(db), json, host_id);
	free(json);
	/* an enforcer may be slow to start, but not silent for long */
	if (rc == 0 && (hb->state != NULL ||
	    hb->sequence >= SILENT_S / f->heartbeat_seconds))
		rc = orders_state(db, host_id, hb->state);
	if (rc == 0)
		rc = after_restore(db, f, host_id);
	if (rc != 0)
		return rc;
	ack.sequence = hb->sequence;
	ack.server_time_ms = db_now(db);
	return db_send(db, host_id, FRAME_HEARTBEAT_ACK, packed,
	    cordon__heartbeat_ack__pack(&ack, packed));
}

static int
on_signals(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	return signals_store(db, f, host_id, msg);
}

static int
on_signals_ahead(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	return signals_store_ahead(db, f, host_id, msg);
}

static int
on_answer(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	struct host h;
	int rc;

	(void)f;
	rc = orders_answer(db, host_id, msg);
	if (rc == 0)
		rc = hosts_get(db, host_id, &h);
	return rc == 0 ? case_derive(db, h.case_id) : rc;
}

static int
on_proof(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	struct host h;
	int rc;

	(void)f;
	if (((const Cordon__Proof *)msg)->order_id[0] == '\0')
		return 0; /* open and never ordered anything: proves nothing */
	rc = orders_proof(db, host_id, msg);
	if (rc == 0)
		rc = hosts_get(db, host_id, &h);
	return rc == 0 ? case_derive(db, h.case_id) : rc;
}

static int
on_check_result(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	bool relapse = false;
	int rc;

	rc = check_result(db, f->cases, host_id, msg, &relapse);
	if (rc == 0 && relapse)
		rc = flow_relapse(db, f, host_id);
	return rc;
}

static int
on_manifest(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	return manifest_chunk(db, f->cases, host_id, msg);
}

static int
on_snapshot(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	(void)f;
	return snapshot_chunk(db, host_id, msg);
}

static int
on_witness(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	(void)f;
	return orders_witness(db, host_id, msg);
}

static int
on_readiness(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	const Cordon__Readiness *r = msg;
	struct host h;
	int rc;

	(void)f;
	rc = hosts_get(db, host_id, &h);
	return rc != 0 ? rc : readiness_store(db, &h, r->items, r->n_items);
}

static int
on_preview(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	(void)f;
	return preview_take(db, host_id, msg);
}

static int
on_sweep(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	(void)f;
	return sweep_take(db, host_id, msg);
}

static int
on_tree_ask(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	(void)f;
	return tree_part(db, host_id, msg);
}

/* Which lists of packages are there, or a piece of one. */
static int
on_list_ask(struct db *db, const struct flow *f, const char *host_id,
    const void *msg)
{
	const Cordon__ListAsk *ask = msg;
	uint16_t kind = ask->n_names > 0 ? FRAME_LIST_HAVE : FRAME_LIST_PART;
	struct buf out;
	int rc;

	if (f->lists == NULL)
		return ERR_PROTO;
	buf_init(&out, frame_max(kind));
	rc = kind == FRAME_LIST_HAVE ? lists_have(f->lists, ask, &out) :
	    lists_part(f->lists, ask, &out);
	if (rc == 0)
		rc = db_send(db, host_id, kind, out.data, out.len);
	buf_done(&out);
	return rc;
}

/* What may come on a live connection, and who takes it. */
static const struct {
	uint16_t kind;
	const ProtobufCMessageDescriptor *type;
	int (*take)(struct db *db, const struct flow *f, const char *host_id,
	    const void *msg);
} frames[] = {
	{FRAME_HEARTBEAT, &cordon__heartbeat__descriptor, on_heartbeat},
	{FRAME_SIGNALS, &cordon__signal_batch__descriptor, on_signals},
	{FRAME_SIGNALS_AHEAD, &cordon__signal_batch__descriptor,
	    on_signals_ahead},
	{FRAME_ORDER_ANSWER, &cordon__order_answer__descriptor, on_answer},
	{FRAME_PROOF, &cordon__proof__descriptor, on_proof},
	{FRAME_CHECK_RESULT, &cordon__check_result__descriptor,
	    on_check_result},
	{FRAME_MANIFEST, &cordon__manifest_chunk__descriptor, on_manifest},
	{FRAME_SNAPSHOT, &cordon__snapshot_chunk__descriptor, on_snapshot},
	{FRAME_WITNESS, &cordon__witness_result__descriptor, on_witness},
	{FRAME_READINESS, &cordon__readiness__descriptor, on_readiness},
	{FRAME_PREVIEW, &cordon__preview__descriptor, on_preview},
	{FRAME_SWEEP, &cordon__sweep__descriptor, on_sweep},
	{FRAME_TREE_ASK, &cordon__tree_ask__descriptor, on_tree_ask},
	{FRAME_LIST_ASK, &cordon__list_ask__descriptor, on_list_ask},
};

int
flow_frame(struct db *db, const struct flow *f, const char *host_id,
    uint16_t kind, const void *payload, size_t len, struct why *why)
{
	ProtobufCMessage *msg;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		if (frames[i].kind == kind)
			break;
	if (i == sizeof(frames) / sizeof(frames[0]))
		return why_set(why, ERR_PROTO,
		    "frame %s does not belong on a live connection",
		    frame_name(kind));
	msg = protobuf_c_message_unpack(frames[i].type, NULL, len, payload);
	if (msg == NULL)
		return why_set(why, ERR_PROTO, "frame %s cannot be read",
		    frame_name(kind));
	rc = frames[i].take(db, f, host_id, msg);
	protobuf_c_message_free_unpacked(msg, NULL);
	if (rc != 0)
		why_set(why, rc, "frame %s: %s", frame_name(kind),
		    err_str(rc));
	return rc;
}
