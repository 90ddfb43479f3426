/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manifests: written and read back, malformed ones refused, compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/gate.h"
#include "agent/sensors/manifest.h"
#include "agent/sensors/places.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/sign.h"

#define TEXT(x) ((char *)(uintptr_t)(x)) /* protobuf-c knows no const */
#define DIGEST_A \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD "cordon-manifest 1\nid M-1234\nhost H-1\nmade now\n"
#define TAIL "== accounts 0\n== persistence 0\n== end\n"

static void
test_form(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{HEAD "== files 0\n" TAIL, 0},
		{HEAD "== files 1\n100644 0 0 5 " DIGEST_A " - /a\n" TAIL, 0},
		{HEAD "== files 2\n040755 0 0 0 - - /a\n"
		    "100644 0 0 5 " DIGEST_A " 00ff /a/b\n" TAIL, 0},
		{HEAD "== files 1\n100644 0 0 5 - - /a\\x0ab\n" TAIL, 0},
		{HEAD "== files 0\n== accounts 1\naccount root \\e\n"
		    "== persistence 0\n== end\n", 0},
		{"", ERR_CORRUPT},
		{"cordon-manifest 2\n", ERR_CORRUPT},
		{HEAD, ERR_CORRUPT},
		{HEAD "== files 0\n== accounts 0\n== end\n", ERR_CORRUPT},
		{HEAD "== files 0\n" TAIL "more\n", ERR_CORRUPT},
		{HEAD "== files 0\n== accounts 0\n== persistence 0\n== end",
		    ERR_CORRUPT},
		{HEAD "== files 1\n" TAIL, ERR_CORRUPT},
		{HEAD "== files 0\n100644 0 0 5 - - /a\n" TAIL, ERR_CORRUPT},
		{HEAD "== files 99999999999999999999\n" TAIL, ERR_CORRUPT},
		{HEAD "== files 2\n100644 0 0 5 - - /b\n"
		    "100644 0 0 5 - - /a\n" TAIL, ERR_CORRUPT}, /* order */
		{HEAD "== files 2\n100644 0 0 5 - - /a\n"
		    "100644 0 0 5 - - /a\n" TAIL, ERR_CORRUPT}, /* twice */
		{HEAD "== files 1\n100648 0 0 5 - - /a\n" TAIL, ERR_CORRUPT},
		{HEAD "== files 1\n100644 -1 0 5 - - /a\n" TAIL,
		    ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 4294967296 5 - - /a\n" TAIL,
		    ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 0 5 abcd - /a\n" TAIL,
		    ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 0 5 - - a\n" TAIL, ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 0 5 - - /a/../b\n" TAIL,
		    ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 0 5 - - /a\\x00b\n" TAIL,
		    ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 0 5 - - /a\\n\n" TAIL,
		    ERR_CORRUPT},
		{HEAD "== files 1\n100644 0 0 5 -  /a\n" TAIL, ERR_CORRUPT},
		{HEAD "== files 0\n== accounts 1\naccount root\n"
		    "== persistence 0\n== end\n", ERR_CORRUPT},
		{"cordon-manifest 1\nid ../../x\nhost H-1\nmade now\n"
		    "== files 0\n" TAIL, ERR_CORRUPT},
	};
	struct manifest *m = NULL;
	struct why why;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = manifest_from(rows[i].text, strlen(rows[i].text), &m,
		    &why);
		if (r != rows[i].want)
			fail_msg("row %zu: %d", i, r);
		manifest_free(&m);
	}
}

static void
test_escape(void **state)
{
	static const char *const rows[] = {"", "plain", "a b", "a\nb",
	    "back\\slash", "\x01\x7f", "\xff\xfe", "\xe4\xb8\xad"};
	struct buf b;
	char back[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 256);
		assert_int_equal(picture_escape(&b, rows[i]), 0);
		assert_null(memchr(b.data, ' ', b.len));
		assert_null(memchr(b.data, '\n', b.len));
		assert_int_equal(picture_unescape(back, sizeof(back),
		    (char *)b.data, b.len), 0);
		assert_string_equal(back, rows[i]);
		buf_done(&b);
	}
	assert_int_equal(picture_unescape(back, 4, "abcd", 4), ERR_LIMIT);
	assert_int_equal(picture_unescape(back, 64, "\\x4", 3), ERR_SYNTAX);
	assert_int_equal(picture_unescape(back, 64, "\\xZZ", 4), ERR_SYNTAX);
	assert_int_equal(picture_unescape(back, 64, "\\x00", 4), ERR_SYNTAX);
}

/* -- comparing ------------------------------------------------------------- */

#define FILES 4
static struct entry entry[FILES];
static struct rec rec[FILES];

static void
sample(void)
{
	static const char *const names[FILES][2] = {{"/", "t"},
	    {"/t", "a"}, {"/t", "b c"}, {"/t/d", "x"}};
	size_t i;

	memset(entry, 0, sizeof(entry));
	for (i = 0; i < FILES; i++) {
		entry[i].mode = i == 0 ? S_IFDIR | 0755 : S_IFREG | 0644;
		entry[i].size = i;
		entry[i].sha256[0] = i == 0 ? 0 : (uint8_t)i;
		rec[i] = (struct rec){names[i][0], names[i][1], &entry[i]};
	}
}

static char dir[] = "/tmp/cordon-manifest-XXXXXX";
static char path[PATH_LEN];

static struct manifest *
written(uint8_t digest[DIGEST_LEN])
{
	struct picture accounts, places;
	struct scan_result files = {.rec = rec, .n = FILES};
	struct manifest_source src = {"M-1234", "H-1", 0, &files, &accounts,
	    &places};
	struct manifest *m = NULL;
	struct why why;

	picture_init(&accounts);
	picture_init(&places);
	picture_add(&accounts, "account", "ro ot", "uid=0 \\ x");
	picture_sort(&accounts);
	assert_int_equal(manifest_write(path, &src, digest, &why), 0);
	assert_int_equal(manifest_open(path, digest, &m, &why), 0);
	picture_done(&accounts);
	return m;
}

static void
test_written_and_read(void **state)
{
	uint8_t digest[DIGEST_LEN];
	struct manifest *m;
	struct picture p;
	struct findings f;
	struct why why;

	(void)state;
	sample();
	m = written(digest);
	memset(&f, 0, sizeof(f));
	assert_int_equal(manifest_compare(m, rec, FILES, &f), 0);
	assert_int_equal(f.total, 0);
	picture_init(&p);
	assert_int_equal(manifest_accounts(m, &p), 0);
	assert_string_equal(picture_get(&p, "account", "ro ot"),
	    "uid=0 \\ x");
	picture_done(&p);
	manifest_free(&m);
	digest[0] ^= 1;
	assert_int_equal(manifest_open(path, digest, &m, &why), ERR_CRYPTO);
}

static void
test_differences(void **state)
{
	uint8_t digest[DIGEST_LEN];
	struct manifest *m;
	struct findings f;
	struct rec fewer[FILES + 1];
	struct entry extra = {.mode = S_IFREG | 0600};
	size_t i;

	(void)state;
	sample();
	m = written(digest);
	memset(&f, 0, sizeof(f));
	entry[1].sha256[5] ^= 1;
	entry[2].mode = S_IFREG | 0666;
	entry[2].uid = 7;
	entry[3].xattr = 5;
	manifest_compare(m, rec, FILES, &f);
	assert_int_equal(f.total, 4);
	assert_string_equal(f.item[0].code, "file.changed");
	assert_string_equal(f.item[0].object, "/t/a");
	assert_string_equal(f.item[1].code, "file.mode");
	assert_string_equal(f.item[1].was, "100644");
	assert_string_equal(f.item[2].code, "file.owner");
	assert_string_equal(f.item[2].now, "7:0");
	assert_string_equal(f.item[3].code, "file.attributes");
	findings_done(&f);

	sample();
	for (i = 0; i < 2; i++)
		fewer[i] = rec[i];
	fewer[2] = (struct rec){"/t", "z", &extra};
	fewer[3] = (struct rec){"/u", "new", &extra};
	manifest_compare(m, fewer, 4, &f);
	assert_int_equal(f.total, 4);
	assert_string_equal(f.item[0].code, "file.missing");
	assert_string_equal(f.item[0].object, "/t/b c");
	assert_string_equal(f.item[1].code, "file.extra");
	assert_string_equal(f.item[2].code, "file.missing");
	assert_string_equal(f.item[2].object, "/t/d/x");
	assert_string_equal(f.item[3].object, "/u/new");
	findings_done(&f);

	/* A file that became a folder, and one that cannot be read. */
	entry[1].mode = S_IFDIR | 0644;
	entry[2].flags = ENTRY_UNREAD;
	manifest_compare(m, rec, FILES, &f);
	assert_string_equal(f.item[0].code, "file.changed");
	assert_string_equal(f.item[f.n - 1].code, "file.unreadable");
	findings_done(&f);
	manifest_free(&m);
}

static void
test_many_findings_are_counted(void **state)
{
	struct findings f;
	size_t i;

	(void)state;
	memset(&f, 0, sizeof(f));
	for (i = 0; i < 1000; i++)
		findings_add(&f, "file.extra", "/some/path", "", "x");
	assert_int_equal(f.n, FINDINGS_MAX);
	assert_int_equal(f.total, 1000);
	findings_done(&f);
}

static void
test_signature(void **state)
{
	Cordon__Settings s = CORDON__SETTINGS__INIT;
	Cordon__CheckRun run = CORDON__CHECK_RUN__INIT;
	uint8_t key[SIGN_KEY_LEN], digest[DIGEST_LEN] = {1},
	    sig[SIGN_SIG_LEN], bytes[ID_MAX + DIGEST_LEN];
	struct sign_key *k;
	size_t n;

	(void)state;
	assert_int_equal(sign_key_new(&k), 0);
	sign_key_public(k, key);
	n = manifest_signed_bytes("M-1234", digest, bytes);
	assert_int_equal(n, 7 + DIGEST_LEN);
	sign_make(k, MANIFEST_CONTEXT, bytes, n, sig);
	s.order_key = (ProtobufCBinaryData){sizeof(key), key};
	run.manifest_id = TEXT("M-1234");
	run.manifest_digest = (ProtobufCBinaryData){sizeof(digest), digest};
	run.manifest_signature = (ProtobufCBinaryData){sizeof(sig), sig};
	assert_true(gate_signed(&s, &run));
	run.manifest_id = TEXT("M-1235");
	assert_false(gate_signed(&s, &run));
	run.manifest_id = TEXT("M-1234");
	digest[0] = 2;
	assert_false(gate_signed(&s, &run));
	digest[0] = 1;
	run.manifest_signature.len = 0;
	assert_false(gate_signed(&s, &run));
	run.manifest_signature.len = sizeof(sig);
	sign_make(k, ORDER_CONTEXT, bytes, n, sig);
	assert_false(gate_signed(&s, &run)); /* made for another purpose */
	s.order_key.len = 0;
	assert_false(gate_signed(&s, &run));
	sign_key_free(&k);
}

static void
test_cmdline(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"BOOT_IMAGE=/vmlinuz-6.1 root=/dev/vda ro quiet\n",
		    "root=/dev/vda ro quiet"},
		{"initrd=\\i  a  b", "a b"}, {"", ""}, {"init=/x", "init=/x"},
	};
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s", rows[i].text);
		places_clean_cmdline(text);
		assert_string_equal(text, rows[i].want);
	}
}

static int
make_dir(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(manifest_path(path, dir, "M-1234"), 0);
	assert_int_equal(manifest_path(path, dir, "../x"), ERR_RANGE);
	assert_int_equal(manifest_path(path, dir, "M-1234"), 0);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_written_and_read),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_many_findings_are_counted),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_cmdline),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
