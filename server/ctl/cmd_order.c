/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order export: a signed order for a host that no line reaches, as a file,
 * as text to be typed, as a QR code.  The bytes are what was approved; they
 * are looked at by the host alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/typed.h"
#include "server/ctl/cmd.h"
#include "server/ctl/qr.h"

#define ORDER_BYTES_MAX (32 * 1024)
#define TEXT_BYTES_MAX (256 * 1024)

/* The signed bytes out of the answer. */
static int
take_bytes(struct ctl *c, const json_t *got, struct buf *out)
{
	const char *hex = json_str(got, "signed");
	size_t len = strlen(hex) / 2;
	uint8_t *at;

	if (len == 0 || len > ORDER_BYTES_MAX ||
	    buf_reserve(out, len, &at) != 0 ||
	    hex_decode(at, len, hex) != 0) {
		out_tell(&c->o, T_BAD_ANSWER, "signed", NULL);
		return EXIT_UNREACHED;
	}
	buf_grow(out, len);
	return EXIT_DONE;
}

static int
write_file(struct ctl *c, const struct buf *b)
{
	struct why why;

	if (file_write(c->a.out, b->data, b->len, 0600, &why) != 0) {
		out_tell(&c->o, T_WRONG, why.text, NULL);
		return EXIT_USAGE;
	}
	out_say(&c->o, T_WROTE, c->a.out, out_num(&c->o, (int64_t)b->len),
	    NULL);
	return EXIT_DONE;
}

static int
print_text(struct ctl *c, const json_t *got, const struct buf *b)
{
	struct buf text;
	int rc;

	buf_init(&text, TEXT_BYTES_MAX);
	rc = typed_encode(b->data, b->len, TYPED_READ, &text);
	if (rc == 0 && buf_str(&text) != NULL)
		fprintf(c->o.out, "# %s  %s  %s\n%s", out_q(&c->o, got,
		    "order"), out_q(&c->o, got, "host"), out_q(&c->o, got,
		    "profile"), buf_str(&text));
	buf_done(&text);
	return rc == 0 ? EXIT_DONE : EXIT_UNREACHED;
}

static int
print_qr(struct ctl *c, const struct buf *b)
{
	struct buf text, picture;
	int rc;

	buf_init(&text, TEXT_BYTES_MAX);
	buf_init(&picture, TEXT_BYTES_MAX);
	rc = typed_encode(b->data, b->len, TYPED_SCAN, &text);
	if (rc == 0)
		rc = buf_str(&text) != NULL ? qr_draw(buf_str(&text),
		    &picture) : ERR_NOMEM;
	if (rc == 0)
		fwrite(picture.data, 1, picture.len, c->o.out);
	else
		out_tell(&c->o, T_QR_TOO_LONG, out_num(&c->o,
		    (int64_t)b->len), NULL);
	buf_done(&text);
	buf_done(&picture);
	return rc == 0 ? EXIT_DONE : EXIT_USAGE;
}

int
cmd_order_export(struct ctl *c)
{
	json_t *got = NULL;
	struct buf b;
	int rc;

	if (!c->a.offline)
		return usage(c, "order export", "say --offline: the order "
		    "leaves the collector in your hands");
	rc = ask_at(c, "POST", "/v1/orders/{}/export", c->a.pos[0], NULL,
	    &got);
	if (rc != EXIT_DONE)
		return rc;
	buf_init(&b, ORDER_BYTES_MAX);
	rc = take_bytes(c, got, &b);
	if (rc == EXIT_DONE && c->a.out != NULL)
		rc = write_file(c, &b);
	if (rc == EXIT_DONE && c->o.json)
		out_json(&c->o, got);
	else if (rc == EXIT_DONE && c->a.qr)
		rc = print_qr(c, &b);
	else if (rc == EXIT_DONE && (c->a.text || c->a.out == NULL))
		rc = print_text(c, got, &b);
	if (rc == EXIT_DONE)
		out_next(&c->o, out_text(&c->o, c->a.out != NULL ?
		    T_NEXT_ORDER_FILE : T_NEXT_ORDER_TYPED, out_q(&c->o, got,
		    "host"), c->a.out != NULL ? c->a.out : "-", NULL));
	buf_done(&b);
	json_decref(got);
	return rc;
}
