/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of packages from the collector: asked for, fetched, believed or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/packages/packages.h"
#include "agent/sensors/lists.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/wire/package_list.h"
#include "common/wire/signed_tree.h"

#define TEXT(x) ((char *)(uintptr_t)(x)) /* protobuf-c knows no const */
#define NAME "bash_5.2-1_amd64.sums"
#define STATUS \
	"Package: bash\nStatus: install ok installed\nVersion: 5.2-1\n" \
	"Architecture: amd64\n\n" \
	"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n" \
	"Architecture: all\n\n" \
	"Package: zip\nStatus: install ok installed\nVersion: 3\n" \
	"Architecture: all\n"

static char dir[64], *text;
static size_t text_len;
static struct sign_key *key;
static uint8_t public[SIGN_KEY_LEN];
static Cordon__Settings settings;
static struct outbox *out;
static int wake_fd;
static struct lists *lists;
static char asked[1024]; /* "n:NAME ..." or "NAME/SEQUENCE" */

static int
heard(void *arg, uint32_t kind, const void *data, size_t len)
{
	Cordon__ListAsk *a;
	size_t i, n = 0;

	(void)arg;
	assert_int_equal(kind, IPC_LIST_ASK);
	a = cordon__list_ask__unpack(NULL, len, data);
	assert_non_null(a);
	if (a->n_names == 0)
		snprintf(asked, sizeof(asked), "%s/%u", a->name,
		    a->sequence);
	for (i = 0; i < a->n_names; i++)
		n += (size_t)snprintf(asked + n, sizeof(asked) - n, "%s%s",
		    i > 0 ? " " : "n:", a->names[i]);
	cordon__list_ask__free_unpacked(a, NULL);
	return 0;
}

static void
listen_to(void)
{
	asked[0] = '\0';
	while (outbox_flush(out, heard, NULL))
		;
}

/* The collector has NAME (NULL: nothing of what was asked); ASK: begin. */
static void
have(const char *name, bool ask)
{
	Cordon__ListHave m = CORDON__LIST_HAVE__INIT;
	char *names[1] = {TEXT(name)};

	m.names = names;
	m.n_names = name != NULL;
	m.ask = ask;
	lists_have(lists, outbox_generation(out), &m);
	listen_to();
}

/* Piece SEQ of NAME; FORGED: signed for something else. */
static void
give(uint32_t seq, bool forged)
{
	Cordon__ListPart m = CORDON__LIST_PART__INIT;
	uint8_t digest[DIGEST_LEN], sig[SIGN_SIG_LEN],
	    bytes[ID_MAX + DIGEST_LEN];
	size_t at = (size_t)seq * PACKAGE_LIST_PART, left = text_len - at;

	digest_of(text, text_len, digest);
	assert_int_equal(sign_make(key, MANIFEST_CONTEXT, bytes,
	    manifest_signed_bytes(forged ? "M-1" : PACKAGE_LIST_ID, digest,
	    bytes), sig), 0);
	m.name = TEXT(NAME);
	m.sequence = seq;
	m.last = left <= PACKAGE_LIST_PART;
	m.data = (ProtobufCBinaryData){m.last ? left : PACKAGE_LIST_PART,
	    (uint8_t *)text + at};
	if (m.last)
		m.signature = (ProtobufCBinaryData){sizeof(sig), sig};
	lists_part(lists, outbox_generation(out), &m);
	listen_to();
}

static bool
kept(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/lists/%s", dir, name);
	return file_exists(path);
}

static bool
good(void *arg, const void *list, size_t len, const uint8_t sig[64])
{
	(void)arg;
	return package_list_good(public, list, len, sig);
}

/* What the packages say of PATH now. */
static enum packages_say
word_on(const char *path)
{
	struct packages_file file[PACKAGES_FILES_MAX];
	struct packages_from from = {.dpkg = dir, .lists = "",
	    .good = good};
	struct packages *p = NULL;
	enum packages_say say;
	char served[128];
	struct why why;

	snprintf(served, sizeof(served), "%s/lists", dir);
	from.served = served;
	assert_int_equal(packages_read(&from, &p, &why), 0);
	say = packages_find(p, path, file) == 0 ? PACKAGES_LISTED :
	    file[0].say;
	packages_free(&p);
	return say;
}

static void
test_fetched(void **state)
{
	(void)state;
	have(NAME, false); /* nobody asked */
	assert_string_equal(asked, "");
	have(NULL, true);
	assert_string_equal(asked, "n:" NAME " zip_3_all.sums");
	have(NAME, false);
	assert_string_equal(asked, NAME "/0");
	give(1, false); /* not that one */
	assert_string_equal(asked, "");
	give(0, false);
	assert_string_equal(asked, NAME "/1");
	assert_false(kept(NAME));
	give(1, false);
	assert_true(kept(NAME));
	assert_int_equal(word_on("/opt/file-000007"), PACKAGES_SIGNED);
	have(NULL, true); /* only what is not here */
	assert_string_equal(asked, "n:zip_3_all.sums");
	have("../../etc/passwd", false);
	assert_string_equal(asked, "");
}

static void
test_not_believed(void **state)
{
	(void)state;
	have(NULL, true);
	have(NAME, false);
	give(0, false);
	give(1, true);
	assert_false(kept(NAME));
	assert_int_equal(word_on("/opt/file-000007"), PACKAGES_LISTED);
}

/* Changed where it lies: the signature is looked at again. */
static void
test_changed_on_disk(void **state)
{
	char path[256], *at;
	struct why why;
	struct buf b;

	(void)state;
	have(NULL, true);
	have(NAME, false);
	give(0, false);
	give(1, false);
	snprintf(path, sizeof(path), "%s/lists/" NAME, dir);
	buf_init(&b, 1024 * 1024);
	assert_int_equal(file_read(path, &b, &why), 0);
	at = memmem(b.data, b.len, "file-000007", 11);
	assert_non_null(at);
	at[10] = '8';
	assert_int_equal(file_write(path, b.data, b.len, 0600, &why), 0);
	buf_done(&b);
	assert_int_equal(word_on("/opt/file-000007"), PACKAGES_LISTED);
	assert_int_equal(word_on("/opt/file-000009"), PACKAGES_LISTED);
}

static void
test_swept(void **state)
{
	char path[256];
	struct why why;

	(void)state;
	have(NULL, true);
	snprintf(path, sizeof(path), "%s/lists/old_1_all.sums", dir);
	assert_int_equal(file_write(path, "x", 1, 0600, &why), 0);
	have(NULL, true);
	assert_false(kept("old_1_all.sums"));
}

static void
test_names(void **state)
{
	static const char *const bad[] = {"", ".sums", "a", "a/b.sums",
	    "../a.sums", "..sums", "a b.sums", "a.sums.sig", "a\nb.sums"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (package_list_name(bad[i]))
			fail_msg("%s", bad[i]);
	assert_true(package_list_name("libc++1_1%3a14.0-1~x+b1_amd64.sums"));
}

/* -- around them ----------------------------------------------------------- */

static int
begin(void **state)
{
	char path[128], hex[DIGEST_HEX_MAX];
	uint8_t sum[DIGEST_LEN] = {1};
	struct why why;
	size_t used;
	int i;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/cordon-lists-XXXXXX");
	if (mkdtemp(dir) == NULL || sign_key_new(&key) != 0)
		return -1;
	sign_key_public(key, public);
	snprintf(path, sizeof(path), "%s/status", dir);
	if (file_write(path, STATUS, strlen(STATUS), 0600, &why) != 0)
		return -1;
	cordon__settings__init(&settings);
	settings.state_dir = dir;
	settings.package_database = dir;
	settings.order_key = (ProtobufCBinaryData){SIGN_KEY_LEN, public};
	text = malloc(200 * 1024);
	used = (size_t)sprintf(text, "cordon-package 1\nbash 5.2-1 amd64\n");
	hex_encode(hex, sum, sizeof(sum));
	for (i = 0; used < PACKAGE_LIST_PART + 1000; i++)
		used += (size_t)sprintf(text + used,
		    "f %s 644 0 0 opt/file-%06d\n", hex, i);
	text_len = used;
	wake_fd = eventfd(0, EFD_NONBLOCK);
	out = outbox_new(wake_fd);
	lists = lists_new(&settings, out);
	return out != NULL && lists != NULL ? 0 : -1;
}

static int
end(void **state)
{
	char command[128];

	(void)state;
	lists_free(&lists);
	outbox_free(&out);
	close(wake_fd);
	sign_key_free(&key);
	free(text);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

#define LISTS_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LISTS_TEST(test_fetched),
		LISTS_TEST(test_not_believed),
		LISTS_TEST(test_changed_on_disk),
		LISTS_TEST(test_swept),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
