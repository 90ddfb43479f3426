/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed manifests on a host: fetched in pieces, whole or not, never back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/sensors/kept.h"
#include "common/base/file.h"
#include "common/wire/pack.h"

#define TEXT(x) ((char *)(uintptr_t)(x)) /* protobuf-c knows no const */
#define TREE "/srv/ledger"
#define HEAD "cordon-manifest 1\nid M-1\nhost H-1\nmade now\n"
#define TAIL "== accounts 0\n== persistence 0\n== end\n"
#define LINES 4000 /* some 150 KiB: three pieces */

static char dir[64], *text;
static size_t text_len;
static struct sign_key *key;
static uint8_t public[SIGN_KEY_LEN];
static struct kept_place place;
static struct outbox *out;
static int wake_fd;
static struct kept *kept;
static char asked_id[ID_MAX];
static uint32_t asked_seq;
static unsigned int asked, refused;

/* -- what it says ---------------------------------------------------------- */

static int
heard(void *arg, uint32_t kind, const void *data, size_t len)
{
	Cordon__TreeAsk *a;
	Cordon__Signal *s;

	(void)arg;
	if (kind == IPC_TREE_ASK) {
		a = cordon__tree_ask__unpack(NULL, len, data);
		snprintf(asked_id, sizeof(asked_id), "%s", a->manifest_id);
		asked_seq = a->sequence;
		asked++;
		cordon__tree_ask__free_unpacked(a, NULL);
	} else if (kind == IPC_SIGNAL) {
		s = cordon__signal__unpack(NULL, len, data);
		assert_string_equal(s->kind, "data.manifest-refused");
		refused++;
		cordon__signal__free_unpacked(s, NULL);
	}
	return 0;
}

static void
listen_to(void)
{
	asked = refused = 0;
	while (outbox_flush(out, heard, NULL))
		;
}

/* -- what it is told ------------------------------------------------------- */

struct told {
	const char *id, *tree;
	uint64_t version;
	bool retired, forged;
};

static void
tell(const struct told *t)
{
	Cordon__TreeHead h = CORDON__TREE_HEAD__INIT;
	Cordon__SignedTree s = CORDON__SIGNED_TREE__INIT, *list = &s;
	Cordon__TreeList m = CORDON__TREE_LIST__INIT;
	uint8_t sum[DIGEST_LEN], digest[DIGEST_LEN], sig[SIGN_SIG_LEN],
	    bytes[ID_MAX + DIGEST_LEN];
	struct buf b;

	buf_init(&b, TREE_HEAD_MAX);
	digest_of(text, text_len, sum);
	h.manifest_id = TEXT(t->id);
	h.host_id = TEXT("H-1");
	h.tree = TEXT(t->tree);
	h.version = t->version;
	h.retired = t->retired;
	h.size = t->retired ? 0 : text_len;
	h.sha256 = (ProtobufCBinaryData){t->retired ? 0 : DIGEST_LEN, sum};
	assert_int_equal(tree_head_pack(&h, &b, digest), 0);
	sign_make(key, t->forged ? ORDER_CONTEXT : MANIFEST_CONTEXT, bytes,
	    manifest_signed_bytes(t->id, digest, bytes), sig);
	s.head = (ProtobufCBinaryData){b.len, b.data};
	s.signature = (ProtobufCBinaryData){sizeof(sig), sig};
	m.trees = &list;
	m.n_trees = 1;
	kept_list(kept, outbox_generation(out), &m);
	buf_done(&b);
	listen_to();
}

/* Piece SEQ as it is, or with a byte changed. */
static void
give(const char *id, uint32_t seq, bool spoilt)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	size_t at = (size_t)seq * TREE_PART;
	char *copy;

	c.manifest_id = TEXT(id);
	c.sequence = seq;
	c.data.len = text_len - at < TREE_PART ? text_len - at : TREE_PART;
	copy = malloc(c.data.len);
	memcpy(copy, text + at, c.data.len);
	if (spoilt)
		copy[c.data.len / 2] ^= 1;
	c.data.data = (uint8_t *)copy;
	c.last = at + TREE_PART >= text_len;
	kept_part(kept, outbox_generation(out), &c);
	free(copy);
	listen_to();
}

static void
give_all(const char *id)
{
	uint32_t seq;

	for (seq = 0; (size_t)seq * TREE_PART < text_len; seq++) {
		assert_string_equal(asked_id, id);
		assert_int_equal(asked_seq, seq);
		give(id, seq, false);
	}
}

/* The version that holds; 0: none. */
static uint64_t
holds(void)
{
	Cordon__TreeHead *h = NULL;
	struct manifest *m = NULL;
	struct why why;
	uint64_t v;

	if (kept_find(&place, TREE, &h, &why) != 0)
		return 0;
	v = h->version;
	assert_int_equal(kept_open(&place, h, &m, &why), 0);
	manifest_free(&m);
	cordon__tree_head__free_unpacked(h, NULL);
	return v;
}

static bool
there(const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return file_exists(path);
}

/* -- tests ----------------------------------------------------------------- */

static void
test_whole(void **state)
{
	(void)state;
	tell(&(struct told){"M-1", TREE, 1, false, false});
	assert_int_equal(asked, 1);
	assert_int_equal(holds(), 0);
	give("M-1", 1, false); /* not the one that is wanted */
	give("M-2", 0, false); /* not of it */
	assert_int_equal(asked, 0);
	give_all("M-1");
	assert_int_equal(holds(), 1);
	assert_false(kept_waiting(kept));
	assert_true(there("kept-M-1"));
	assert_false(there("kept-M-1.part"));
	tell(&(struct told){"M-1", TREE, 1, false, false});
	assert_int_equal(asked, 0); /* has it */
	kept_tick(kept, outbox_generation(out));
	listen_to();
	assert_int_equal(asked, 0);
}

/* What came before the line broke, or we were killed, is not fetched anew. */
static void
test_resumed(void **state)
{
	(void)state;
	tell(&(struct told){"M-1", TREE, 1, false, false});
	give("M-1", 0, false);
	assert_int_equal(asked_seq, 1);
	kept_free(&kept);
	kept = kept_new(&place, out);
	tell(&(struct told){"M-1", TREE, 1, false, false});
	assert_int_equal(asked_seq, 1);
	give("M-1", 1, false);
	give("M-1", 2, false);
	assert_int_equal(holds(), 1);
}

static void
test_spoilt(void **state)
{
	(void)state;
	tell(&(struct told){"M-1", TREE, 1, false, false});
	give("M-1", 0, true);
	give("M-1", 1, false);
	give("M-1", 2, false);
	assert_int_equal(holds(), 0);
	assert_false(there("kept-M-1"));
	assert_false(there("kept-M-1.part"));
	tell(&(struct told){"M-1", TREE, 1, false, false});
	give_all("M-1");
	assert_int_equal(holds(), 1);
}

static void
test_never_back(void **state)
{
	(void)state;
	tell(&(struct told){"M-2", TREE, 2, false, false});
	give_all("M-2");
	assert_int_equal(holds(), 2);
	tell(&(struct told){"M-1", TREE, 1, false, false});
	assert_int_equal(refused, 1);
	assert_int_equal(asked, 0);
	tell(&(struct told){"M-3", TREE, 3, false, true});
	assert_int_equal(refused, 1);
	assert_int_equal(asked, 0);
	tell(&(struct told){"M-3", TREE, 1, true, false});
	assert_int_equal(refused, 1);
	assert_int_equal(holds(), 2);
	tell(&(struct told){"M-3", TREE, 3, false, false});
	assert_int_equal(holds(), 2); /* until the newer one is whole */
	give_all("M-3");
	assert_int_equal(holds(), 3);
	assert_false(there("kept-M-2"));
	tell(&(struct told){"M-3", TREE, 4, true, false});
	assert_int_equal(holds(), 0);
	assert_false(there("kept-M-3"));
	tell(&(struct told){"M-3", TREE, 3, false, false});
	assert_int_equal(refused, 1); /* what was retired stays so */
}

/* Bytes changed where they lie are not believed. */
static void
test_changed_on_disk(void **state)
{
	Cordon__TreeHead *h = NULL;
	struct manifest *m = NULL;
	char path[PATH_LEN];
	struct why why;

	(void)state;
	tell(&(struct told){"M-1", TREE, 1, false, false});
	give_all("M-1");
	snprintf(path, sizeof(path), "%s/kept-M-1", dir);
	text[text_len / 2] ^= 1;
	assert_int_equal(file_write(path, text, text_len, 0600, &why), 0);
	text[text_len / 2] ^= 1;
	assert_int_equal(kept_find(&place, TREE, &h, &why), 0);
	assert_int_equal(kept_open(&place, h, &m, &why), ERR_CRYPTO);
	cordon__tree_head__free_unpacked(h, NULL);
}

/* -- around them ----------------------------------------------------------- */

static int
begin(void **state)
{
	size_t used;
	int i;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/cordon-kept-XXXXXX");
	if (mkdtemp(dir) == NULL || sign_key_new(&key) != 0)
		return -1;
	sign_key_public(key, public);
	place = (struct kept_place){dir, {public, "H-1", "fin"}};
	text = malloc(LINES * 64);
	used = (size_t)sprintf(text, HEAD "== files %d\n", LINES);
	for (i = 0; i < LINES; i++)
		used += (size_t)sprintf(text + used,
		    "100644 0 0 5 - - /some-name-%06d\n", i);
	text_len = used + (size_t)sprintf(text + used, TAIL);
	assert_true(text_len > 2 * TREE_PART && text_len < 3 * TREE_PART);
	wake_fd = eventfd(0, EFD_NONBLOCK);
	out = outbox_new(wake_fd);
	kept = kept_new(&place, out);
	return out != NULL && kept != NULL ? 0 : -1;
}

static int
end(void **state)
{
	char command[128];

	(void)state;
	kept_free(&kept);
	outbox_free(&out);
	close(wake_fd);
	sign_key_free(&key);
	free(text);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

#define KEPT_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT_TEST(test_whole),
		KEPT_TEST(test_resumed),
		KEPT_TEST(test_spoilt),
		KEPT_TEST(test_never_back),
		KEPT_TEST(test_changed_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
