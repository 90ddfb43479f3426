/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drawing what libqrencode made (qr.h).  Runs in cordonctl. */
#include "server/ctl/qr.h"

#include <qrencode.h>
#include <stdbool.h>

/* Outside of the code everything is light. */
static bool
light(const QRcode *q, int x, int y)
{
	x -= QR_QUIET;
	y -= QR_QUIET;
	return x < 0 || y < 0 || x >= q->width || y >= q->width ||
	    (q->data[y * q->width + x] & 1) == 0;
}

int
qr_draw(const char *text, struct buf *out)
{
	static const char *const block[] = {" ", "▄", "▀", "█"};
	QRcode *q = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	int x, y, size, rc = 0;

	if (q == NULL)
		return ERR_LIMIT;
	size = q->width + 2 * QR_QUIET;
	for (y = 0; y < size && rc == 0; y += 2) {
		for (x = 0; x < size && rc == 0; x++)
			rc = buf_add_str(out, block[light(q, x, y) << 1 |
			    light(q, x, y + 1)]);
		if (rc == 0)
			rc = buf_add_str(out, "\n");
	}
	QRcode_free(q);
	return rc;
}
