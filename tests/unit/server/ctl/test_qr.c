/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The picture holds the code that the library made, module by module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <qrencode.h>

#include "server/ctl/qr.h"

/* Modules of a drawn line: two rows at once; how many. */
static int
take(const char **at, uint8_t *upper, uint8_t *lower)
{
	static const struct {
		const char *text;
		uint8_t upper, lower;
	} block[] = {{" ", 0, 0}, {"▄", 0, 1}, {"▀", 1, 0}, {"█", 1, 1}};
	size_t i;
	int n = 0;

	for (; **at != '\n'; n++) {
		for (i = 0; i < 4; i++)
			if (strncmp(*at, block[i].text,
			    strlen(block[i].text)) == 0)
				break;
		assert_true(i < 4);
		upper[n] = block[i].upper;
		lower[n] = block[i].lower;
		*at += strlen(block[i].text);
	}
	(*at)++;
	return n;
}

static void
drawn_as_made(void **state)
{
	static const char *const texts[] = {"A", "1 E9JPRSB1EDJJ0J1/END 1 "
	    "N29VAW/", "01234567890123456789012345678901234567890123456789"};
	static uint8_t row[200][200];
	size_t t;

	(void)state;
	for (t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		QRcode *q = QRcode_encodeString(texts[t], 0, QR_ECLEVEL_L,
		    QR_MODE_8, 1);
		const char *at;
		struct buf b;
		int x, y, n = 0;

		assert_non_null(q);
		buf_init(&b, 65536);
		assert_int_equal(qr_draw(texts[t], &b), 0);
		at = buf_str(&b);
		for (; *at != '\0'; n += 2)
			assert_int_equal(take(&at, row[n], row[n + 1]),
			    q->width + 2 * QR_QUIET);
		for (y = 0; y < n; y++)
			for (x = 0; x < q->width + 2 * QR_QUIET; x++) {
				int i = x - QR_QUIET, k = y - QR_QUIET;
				int in = i >= 0 && k >= 0 && i < q->width &&
				    k < q->width;

				assert_int_equal(row[y][x], !in ||
				    !(q->data[k * q->width + i] & 1));
			}
		buf_done(&b);
		QRcode_free(q);
	}
}

static void
too_long(void **state)
{
	char *text = malloc(9000);
	struct buf b;

	(void)state;
	memset(text, 'A', 8999);
	text[8999] = '\0';
	buf_init(&b, 1 << 20);
	assert_int_equal(qr_draw(text, &b), ERR_LIMIT);
	text[4200] = '\0';
	assert_int_equal(qr_draw(text, &b), 0);
	buf_done(&b);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawn_as_made),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
