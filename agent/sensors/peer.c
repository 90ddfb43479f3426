/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests to the sensors process.  The network process may have been taken
 * over: every field is bounded, ids are plain text, and none of them names
 * a path that is opened, a command or anything that is changed.
 */
#include "agent/sensors/peer.h"

#include <string.h>

#include "agent/links/ask.h"
#include "agent/links/ipc.h"
#include "agent/sensors/path.h"
#include "agent/sensors/roots.h"
#include "agent/sensors/scan.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "common/wire/package_list.h"
#include "common/wire/signed_tree.h"
#include "common/wire/unpack.h"

#define CHECK_ID_MAX 15

static bool
length_is(const ProtobufCBinaryData *b, size_t len)
{
	return b->len == 0 || b->len == len;
}

int
peer_check_run(const Cordon__CheckRun *msg, struct why *why)
{
	size_t i;

	if (!id_valid(msg->run_id))
		return why_set(why, ERR_RANGE, "check run: bad id");
	if (msg->n_checks < 1 || msg->n_checks > PEER_CHECKS_MAX)
		return why_set(why, ERR_RANGE, "check run: %zu checks",
		    msg->n_checks);
	for (i = 0; i < msg->n_checks; i++)
		if (strlen(msg->checks[i]) > CHECK_ID_MAX ||
		    !id_valid(msg->checks[i]))
			return why_set(why, ERR_RANGE,
			    "check run: bad check id");
	if (msg->manifest_id[0] != '\0' && !id_valid(msg->manifest_id))
		return why_set(why, ERR_RANGE, "check run: bad manifest id");
	if (!length_is(&msg->manifest_digest, DIGEST_LEN) ||
	    !length_is(&msg->manifest_signature, SIGN_SIG_LEN))
		return why_set(why, ERR_RANGE,
		    "check run: digest or signature of a wrong length");
	if (msg->n_trees > TREES_MAX)
		return why_set(why, ERR_RANGE, "check run: %zu trees",
		    msg->n_trees);
	for (i = 0; i < msg->n_trees; i++)
		if (!tree_path_good(msg->trees[i]->tree))
			return why_set(why, ERR_RANGE,
			    "check run: bad path of a tree");
	return 0;
}

int
peer_check_manifest(const Cordon__ManifestAsk *msg, struct why *why)
{
	if (!id_valid(msg->manifest_id))
		return why_set(why, ERR_RANGE, "manifest: bad id");
	if (msg->tree[0] != '\0' && (!tree_path_good(msg->tree) ||
	    msg->from >= TREE_PARTS_MAX))
		return why_set(why, ERR_RANGE, "manifest: bad tree or piece");
	return 0;
}

static int
on_check_run(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__CheckRun *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__check_run__descriptor, payload, len);
	if (msg == NULL)
		return why_set(why, ERR_PROTO, "check run cannot be read");
	if (peer_check_run(msg, why) != 0) {
		cordon__check_run__free_unpacked(msg, NULL);
		return ERR_PROTO;
	}
	p->calls->check_take(p->arg, msg);
	return 0;
}

static int
on_manifest_ask(void *arg, struct link *l, const uint8_t *payload,
    size_t len, int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__ManifestAsk *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__manifest_ask__descriptor, payload, len);
	if (msg == NULL || peer_check_manifest(msg, why) != 0) {
		if (msg != NULL)
			cordon__manifest_ask__free_unpacked(msg, NULL);
		return why_set(why, ERR_PROTO, "bad request for a manifest");
	}
	p->calls->manifest_take(p->arg, msg);
	return 0;
}

static int
on_snapshot_ask(void *arg, struct link *l, const uint8_t *payload,
    size_t len, int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__SnapshotAsk *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__snapshot_ask__descriptor, payload, len);
	if (msg == NULL || !id_valid(msg->order_id)) {
		if (msg != NULL)
			cordon__snapshot_ask__free_unpacked(msg, NULL);
		return why_set(why, ERR_PROTO, "bad request for a snapshot");
	}
	p->calls->snapshot_take(p->arg, msg);
	return 0;
}

static int
on_preview_ask(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__PreviewAsk *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__preview_ask__descriptor, payload, len);
	if (msg == NULL)
		return why_set(why, ERR_PROTO, "bad request for a preview");
	if (ask_preview_check(msg, why) != 0) {
		cordon__preview_ask__free_unpacked(msg, NULL);
		return ERR_PROTO;
	}
	p->calls->preview_take(p->arg, msg);
	return 0;
}

/* What the heads in it are worth is looked at where they are kept. */
static int
on_trees(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__TreeList *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__tree_list__descriptor, payload, len);
	if (msg == NULL || msg->n_trees > TREES_MAX) {
		if (msg != NULL)
			cordon__tree_list__free_unpacked(msg, NULL);
		return why_set(why, ERR_PROTO, "bad list of trees");
	}
	p->calls->trees_take(p->arg, msg);
	return 0;
}

static int
on_tree_part(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__ManifestChunk *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__manifest_chunk__descriptor, payload, len);
	if (msg == NULL || !id_valid(msg->manifest_id)) {
		if (msg != NULL)
			cordon__manifest_chunk__free_unpacked(msg, NULL);
		return why_set(why, ERR_PROTO, "bad piece of a manifest");
	}
	p->calls->tree_part_take(p->arg, msg);
	return 0;
}

static int
on_sweep_ask(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__SweepAsk *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__sweep_ask__descriptor, payload, len);
	if (msg == NULL)
		return why_set(why, ERR_PROTO, "bad request for a sweep");
	if (ask_sweep_check(msg, why) != 0) {
		cordon__sweep_ask__free_unpacked(msg, NULL);
		return ERR_PROTO;
	}
	p->calls->sweep_take(p->arg, msg);
	return 0;
}

static int
on_list_have(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__ListHave *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__list_have__descriptor, payload, len);
	if (msg == NULL || msg->n_names > PACKAGE_LISTS_ASK_MAX) {
		if (msg != NULL)
			cordon__list_have__free_unpacked(msg, NULL);
		return why_set(why, ERR_PROTO, "bad answer on lists");
	}
	p->calls->list_have_take(p->arg, msg);
	return 0;
}

static int
on_list_part(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__ListPart *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__list_part__descriptor, payload, len);
	if (msg == NULL || !package_list_name(msg->name)) {
		if (msg != NULL)
			cordon__list_part__free_unpacked(msg, NULL);
		return why_set(why, ERR_PROTO, "bad piece of a list");
	}
	p->calls->list_part_take(p->arg, msg);
	return 0;
}

static int
on_spool_full(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;

	(void)l, (void)payload, (void)len, (void)fd, (void)why;
	p->calls->spool_full(p->arg);
	return 0;
}

static int
on_taken(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	const struct peer *p = arg;
	Cordon__Taken *msg;

	(void)l, (void)fd;
	msg = unpack(&cordon__taken__descriptor, payload, len);
	if (msg == NULL)
		return why_set(why, ERR_PROTO, "taken cannot be read");
	p->calls->taken(p->arg, msg->run, msg->serial);
	cordon__taken__free_unpacked(msg, NULL);
	return 0;
}

const struct link_kind peer_network_table[] = {
	{IPC_CHECK_RUN, "check-run", 1, 96 * 1024, NULL, on_check_run, false},
	{IPC_MANIFEST_ASK, "manifest-ask", 1, 2048, NULL,
	    on_manifest_ask, false},
	{IPC_SNAPSHOT_ASK, "snapshot-ask", 1, 256, NULL,
	    on_snapshot_ask, false},
	{IPC_PREVIEW_ASK, "preview-ask", 1, 8192, NULL, on_preview_ask,
	    false},
	{IPC_SWEEP_ASK, "sweep-ask", 1, 8192, NULL, on_sweep_ask, false},
	{IPC_TREES, "trees", 0, LINK_PAYLOAD_MAX, NULL, on_trees, false},
	{IPC_TREE_PART, "tree-part", 1, 65 * 1024, NULL, on_tree_part,
	    false},
	{IPC_LIST_HAVE, "list-have", 0, 64 * 1024, NULL, on_list_have,
	    false},
	{IPC_LIST_PART, "list-part", 1, 66 * 1024, NULL, on_list_part,
	    false},
	{IPC_SPOOL_FULL, "spool-full", 0, 0, NULL, on_spool_full, false},
	{IPC_TAKEN, "taken", 1, 32, NULL, on_taken, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

/* -- settings ---------------------------- */

int
peer_check_settings(const Cordon__Settings *s, struct why *why)
{
	if (!path_clean(s->state_dir) || s->state_dir[1] == '\0')
		return why_set(why, ERR_RANGE, "settings: bad state folder");
	if (s->n_watch > ROOTS_MAX)
		return why_set(why, ERR_RANGE,
		    "settings: more than %d watched trees", ROOTS_MAX);
	if (s->n_ignore >= IGNORE_MAX)
		return why_set(why, ERR_RANGE,
		    "settings: more than %d ignore rules", IGNORE_MAX - 1);
	if ((s->package_database[0] != '\0' &&
	    !path_clean(s->package_database)) ||
	    (s->rpm_database[0] != '\0' && !path_clean(s->rpm_database)) ||
	    (s->package_lists[0] != '\0' && !path_clean(s->package_lists)))
		return why_set(why, ERR_RANGE,
		    "settings: bad path of package lists");
	if (s->scan_threads > SCAN_THREADS_MAX || s->cpu_percent > 100)
		return why_set(why, ERR_RANGE,
		    "settings: scan threads or processor share too large");
	return 0;
}
