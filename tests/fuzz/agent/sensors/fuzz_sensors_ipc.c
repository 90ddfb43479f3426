/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the network process and the parent may send: kind, then payload. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/links/ask.h"
#include "agent/links/settings.h"
#include "agent/sensors/peer.h"
#include "common/wire/signed_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
check(void *arg, Cordon__CheckRun *msg)
{
	(void)arg;
	if (peer_check_run(msg, NULL) != 0)
		abort();
	cordon__check_run__free_unpacked(msg, NULL);
	return 0;
}

static int
manifest(void *arg, Cordon__ManifestAsk *msg)
{
	(void)arg;
	if (strchr(msg->manifest_id, '/') != NULL)
		abort();
	cordon__manifest_ask__free_unpacked(msg, NULL);
	return 0;
}

static int
snapshot(void *arg, Cordon__SnapshotAsk *msg)
{
	(void)arg;
	cordon__snapshot_ask__free_unpacked(msg, NULL);
	return 0;
}

static int
preview(void *arg, Cordon__PreviewAsk *msg)
{
	(void)arg;
	if (ask_preview_check(msg, NULL) != 0)
		abort();
	cordon__preview_ask__free_unpacked(msg, NULL);
	return 0;
}

static int
sweep(void *arg, Cordon__SweepAsk *msg)
{
	(void)arg;
	if (ask_sweep_check(msg, NULL) != 0)
		abort();
	cordon__sweep_ask__free_unpacked(msg, NULL);
	return 0;
}

static int
trees(void *arg, Cordon__TreeList *msg)
{
	static const uint8_t key[SIGN_KEY_LEN];
	const struct tree_reader r = {key, "H-1", "fin"};
	Cordon__TreeHead *head;
	struct why why;
	size_t i;

	(void)arg;
	for (i = 0; i < msg->n_trees; i++)
		if (tree_head_open(&r, msg->trees[i], &head, &why) == 0)
			abort(); /* nobody has that key */
	cordon__tree_list__free_unpacked(msg, NULL);
	return 0;
}

static int
part(void *arg, Cordon__ManifestChunk *msg)
{
	(void)arg;
	if (strchr(msg->manifest_id, '/') != NULL)
		abort();
	cordon__manifest_chunk__free_unpacked(msg, NULL);
	return 0;
}

static int
have(void *arg, Cordon__ListHave *msg)
{
	(void)arg;
	cordon__list_have__free_unpacked(msg, NULL);
	return 0;
}

static int
list(void *arg, Cordon__ListPart *msg)
{
	(void)arg;
	if (strchr(msg->name, '/') != NULL)
		abort();
	cordon__list_part__free_unpacked(msg, NULL);
	return 0;
}

static void
full(void *arg)
{
	(void)arg;
}

static void
taken(void *arg, uint64_t run, uint64_t serial)
{
	(void)arg, (void)run, (void)serial;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct peer_calls calls = {check, manifest, snapshot,
	    full, preview, taken, sweep, trees, part, have, list};
	struct peer peer = {&calls, NULL};
	const struct link_kind *row;
	Cordon__Settings *s;
	struct why why;

	if (len < 1)
		return 0;
	if (link_check(peer_network_table, &peer, data[0], len - 1, &row) ==
	    NULL)
		row->handle(&peer, NULL, data + 1, len - 1, -1, &why);
	if (settings_unpack(data + 1, len - 1, &s, &why) != 0)
		return 0;
	(void)peer_check_settings(s, &why);
	cordon__settings__free_unpacked(s, NULL);
	return 0;
}
