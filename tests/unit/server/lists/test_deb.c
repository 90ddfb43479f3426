/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packages into lists: good ones of each packing, and files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "server/lists/deb.h"

#define BLOCK 512

/* -- making one ------------------------------------------------------------ */

static uint8_t tarball[64 * 1024], packed[64 * 1024], file[128 * 1024];
static size_t tar_len, file_len;

static void
tar_add(const char *name, char type, unsigned int mode, const char *text)
{
	uint8_t *h = tarball + tar_len;
	unsigned int sum = 0, i;
	size_t len = strlen(text);

	memset(h, 0, BLOCK);
	snprintf((char *)h, 100, "%s", name);
	snprintf((char *)h + 100, 8, "%07o", mode);
	snprintf((char *)h + 108, 8, "%07o", 0);
	snprintf((char *)h + 116, 8, "%07o", 0);
	snprintf((char *)h + 124, 12, "%011o",
	    type == '0' ? (unsigned int)len : 0);
	snprintf((char *)h + 136, 12, "%011o", 0);
	memset(h + 148, ' ', 8);
	h[156] = (uint8_t)type;
	if (type == '2')
		snprintf((char *)h + 157, 100, "%s", text);
	memcpy(h + 257, "ustar  ", 8);
	for (i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	tar_len += BLOCK;
	if (type != '0')
		return;
	memset(tarball + tar_len, 0, (len + BLOCK - 1) / BLOCK * BLOCK);
	memcpy(tarball + tar_len, text, len);
	tar_len += (len + BLOCK - 1) / BLOCK * BLOCK;
}

static void
tar_end(void)
{
	memset(tarball + tar_len, 0, 2 * BLOCK);
	tar_len += 2 * BLOCK;
}

static void
ar_begin(void)
{
	memcpy(file, "!<arch>\n", 8);
	file_len = 8;
}

static void
ar_add(const char *name, const void *data, size_t len)
{
	file_len += (size_t)sprintf((char *)file + file_len,
	    "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", len);
	memcpy(file + file_len, data, len);
	file_len += len;
	if (len % 2 != 0)
		file[file_len++] = '\n';
}

/* What ENDING stands for, of the tarball; its length. */
static size_t
pack_as(const char *ending)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	z_stream gz = {0};
	size_t n = tar_len;

	if (strcmp(ending, ".gz") == 0) {
		deflateInit2(&gz, 1, Z_DEFLATED, 31, 8, 0);
		gz.next_in = tarball;
		gz.avail_in = (unsigned int)tar_len;
		gz.next_out = packed;
		gz.avail_out = sizeof(packed);
		assert_int_equal(deflate(&gz, Z_FINISH), Z_STREAM_END);
		n = sizeof(packed) - gz.avail_out;
		deflateEnd(&gz);
	} else if (strcmp(ending, ".xz") == 0) {
		assert_int_equal(lzma_easy_encoder(&xz, 1, LZMA_CHECK_CRC32),
		    LZMA_OK);
		xz.next_in = tarball;
		xz.avail_in = tar_len;
		xz.next_out = packed;
		xz.avail_out = sizeof(packed);
		assert_int_equal(lzma_code(&xz, LZMA_FINISH),
		    LZMA_STREAM_END);
		n = sizeof(packed) - xz.avail_out;
		lzma_end(&xz);
	} else if (strcmp(ending, ".zst") == 0) {
		n = ZSTD_compress(packed, sizeof(packed), tarball, tar_len,
		    1);
		assert_false(ZSTD_isError(n));
	} else {
		memcpy(packed, tarball, tar_len);
	}
	return n;
}

static void
control(const char *text)
{
	tar_len = 0;
	tar_add("./", '5', 0755, "");
	tar_add("./control", '0', 0644, text);
	tar_end();
}

static void
data_tar(void)
{
	tar_len = 0;
	tar_add("./", '5', 0755, "");
	tar_add("./usr/bin/x", '0', 04755, "hello\n");
	tar_add("./usr/bin/y", '2', 0777, "x");
	tar_end();
}

#define CONTROL "Package: tools\nVersion: 1:2-3\nArchitecture: amd64\n"

static void
whole(const char *ending)
{
	char name[32];

	ar_begin();
	ar_add("debian-binary", "2.0\n", 4);
	control(CONTROL);
	snprintf(name, sizeof(name), "control.tar%s", ending);
	ar_add(name, packed, pack_as(ending));
	data_tar();
	snprintf(name, sizeof(name), "data.tar%s", ending);
	ar_add(name, packed, pack_as(ending));
}

/* The list of the first LEN bytes of FILE; NULL: refused. */
static const char *
list_of(size_t len, char name[SUMS_NAME_MAX])
{
	static char text[8192];
	struct why why;
	struct buf out;
	int fd = memfd_create("package", MFD_CLOEXEC), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, len), (ssize_t)len);
	lseek(fd, 0, SEEK_SET);
	buf_init(&out, sizeof(text) - 1);
	rc = deb_list(fd, &out, name, &why);
	close(fd);
	if (rc == 0) {
		memcpy(text, out.data, out.len);
		text[out.len] = '\0';
	} else {
		assert_true(why.text[0] != '\0');
	}
	buf_done(&out);
	return rc == 0 ? text : NULL;
}

/* -- tests ----------------------------------------------------------------- */

static void
test_each_packing(void **state)
{
	static const char *const endings[] = {"", ".gz", ".xz", ".zst"};
	char name[SUMS_NAME_MAX];
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		whole(endings[i]);
		text = list_of(file_len, name);
		assert_non_null(text);
		assert_string_equal(name, "tools_1%3a2-3_amd64.sums");
		assert_string_equal(text, "cordon-package 1\n"
		    "tools 1:2-3 amd64\n"
		    "f 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286"
		    "a2e846f6be03 4755 0 0 usr/bin/x\n"
		    "l 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db0225"
		    "8717921a4881 777 0 0 usr/bin/y\n");
	}
}

/* A list with holes would call the package's own files foreign. */
static void
test_cut_off(void **state)
{
	static const char *const endings[] = {"", ".gz", ".xz", ".zst"};
	char name[SUMS_NAME_MAX];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		whole(endings[i]);
		for (len = 0; len + 4 < file_len; len += 7)
			if (list_of(len, name) != NULL)
				fail_msg("%s: %zu of %zu bytes are enough",
				    endings[i], len, file_len);
	}
}

static void
test_changed(void **state)
{
	char name[SUMS_NAME_MAX];
	size_t i;

	(void)state;
	whole(".xz");
	for (i = 0; i < file_len; i += 3) {
		file[i] ^= 0x55;
		(void)list_of(file_len, name); /* no crash, no leak */
		file[i] ^= 0x55;
	}
}

static void
test_no_package(void **state)
{
	static const char *const bad[] = {"", "Package: tools\n",
	    "Package: a b\nVersion: 1\nArchitecture: all\n",
	    "Package: ../x\nVersion: 1\nArchitecture: all\n",
	    "Package: x\nVersion: 1/2\nArchitecture: all\n"};
	char name[SUMS_NAME_MAX];
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ar_begin();
		control(bad[i]);
		ar_add("control.tar", tarball, tar_len);
		data_tar();
		ar_add("data.tar", tarball, tar_len);
		text = list_of(file_len, name);
		if (text != NULL && strchr(name, '/') != NULL)
			fail_msg("row %zu: %s", i, name);
		if (i != 2) /* there the first word is the name */
			assert_null(text);
	}
	ar_begin(); /* what is in it before whose it is */
	data_tar();
	ar_add("data.tar", tarball, tar_len);
	control(CONTROL);
	ar_add("control.tar", tarball, tar_len);
	assert_null(list_of(file_len, name));
	memcpy(file, "no archive", 10);
	assert_null(list_of(10, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_packing),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_no_package),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
