/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Documents out of made-up figures.  Runs in the tool as root; opens and
 * believes nothing.  PDF: ISO 32000-1, 7.5; zip: APPNOTE.TXT 4.3, entries
 * stored; docx: the smallest that ECMA-376 allows.
 */
#include "agent/tool/canary_body.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/id.h"

#define LINES_MIN 80
#define LINES_MORE 200
#define TEXT_MAX (32 * 1024)
#define PARTS 3 /* files in a docx */

static uint32_t
upto(uint32_t n)
{
	uint32_t r;

	random_bytes(&r, sizeof(r));
	return r % n;
}

#define ANY(list) (list)[upto(sizeof(list) / sizeof((list)[0]))]

static const char *const whats[] = {
	"account-summary", "bank-details", "board-minutes", "payroll-final",
	"customer-list", "transfer-overview", "audit-notes", "tax-return",
	"contracts-signed", "ledger-closing", "loan-book", "invoices-open",
};

static const char *const words[] = {
	"account", "balance", "transfer", "customer", "supplier", "invoice",
	"reference", "approved", "pending", "closing", "opening", "quarter",
	"branch", "currency", "interest", "settled", "receipt", "adjusted",
};

/* -- names ---------------------------- */

static int
this_year(void)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	return gmtime_r(&now, &tm) != NULL ? tm.tm_year + 1900 : 2025;
}

void
canary_name(char out[CANARY_NAME_MAX], const char *ending, const char *first,
    const char *last)
{
	/* In the order in which they look usual; the last sort furthest. */
	static const char *const before[] = {"00 ", "0000 ", "!", "!!"};
	static const char *const after[] = {"zz-", "zzz-", ("\xe9\xbb\x91"
	    "\xe5\x90\x8d\xe5\x8d\x95-") /* "blacklist" */, "\xef\xbd\x9a-"};
	size_t i, n = sizeof(before) / sizeof(before[0]);

	for (i = 0; i < n; i++) {
		snprintf(out, CANARY_NAME_MAX, "%s%s-%d-%02u.%s",
		    last == NULL ? before[i] : after[i], ANY(whats),
		    this_year() - 1 - (int)upto(2), 1 + upto(12), ending);
		if (last == NULL ? first[0] == '\0' || strcmp(out, first) < 0 :
		    strcmp(out, last) > 0)
			return;
	}
}

/* -- text ---------------------------- */

static int
csv(struct buf *out)
{
	uint32_t n = LINES_MIN + upto(LINES_MORE), i;
	int r;

	r = buf_add_str(out, "date,reference,account,amount,currency,state\n");
	for (i = 0; i < n && r == 0; i++)
		r = buf_printf(out, "%d-%02u-%02u,%s-%05u,%08u,%u.%02u,EUR,"
		    "%s\n", this_year() - 1, 1 + upto(12), 1 + upto(28),
		    ANY(words), upto(100000), upto(100000000),
		    upto(100000), upto(100), ANY(words));
	return r;
}

/* Lines of words, each between BEFORE and AFTER. */
static int
lines(struct buf *out, const char *before, const char *after)
{
	uint32_t n = LINES_MIN + upto(LINES_MORE), i, k;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		r = buf_add_str(out, before);
		for (k = 0; k < 8 && r == 0; k++)
			r = buf_printf(out, "%s ", ANY(words));
		if (r == 0)
			r = buf_printf(out, "%u.%02u%s", upto(100000),
			    upto(100), after);
	}
	return r;
}

static int
text(struct buf *out)
{
	return lines(out, "", "\n");
}

static int
xml(struct buf *out)
{
	int r = buf_add_str(out, "<?xml version=\"1.0\"?>\n<entries>\n");

	if (r == 0)
		r = lines(out, "  <entry>", "</entry>\n");
	return r == 0 ? buf_add_str(out, "</entries>\n") : r;
}

/* -- pdf ---------------------------- */

/* One page of text in five objects and the table of where they begin. */
static int
pdf(struct buf *out)
{
	static const char *const object[] = {
	    "%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n",
	    "2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n",
	    ("3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents "
	    "4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj\n"),
	    "4 0 obj <</Length ",
	    "5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Courier>> endobj\n",
	};
	size_t at[5], start = out->len, table, i;
	struct buf page;
	int r;

	buf_init(&page, TEXT_MAX);
	r = buf_add_str(&page, "BT /F 9 Tf 40 800 Td 10 TL\n");
	if (r == 0)
		r = lines(&page, "(", ") '\n");
	if (r == 0)
		r = buf_add_str(&page, "ET\n");
	for (i = 0; i < 5 && r == 0; i++) {
		at[i] = out->len - start + (i == 0 ? 9 : 0);
		r = buf_add_str(out, object[i]);
		if (r == 0 && i == 3)
			r = buf_printf(out, "%zu>> stream\n%sendstream "
			    "endobj\n", page.len, buf_str(&page));
	}
	table = out->len - start;
	if (r == 0)
		r = buf_add_str(out, "xref\n0 6\n0000000000 65535 f \n");
	for (i = 0; i < 5 && r == 0; i++)
		r = buf_printf(out, "%010zu 00000 n \n", at[i]);
	if (r == 0)
		r = buf_printf(out, "trailer <</Size 6/Root 1 0 R>>\n"
		    "startxref\n%zu\n%%%%EOF\n", table);
	buf_done(&page);
	return r;
}

/* -- docx ---------------------------- */

static uint32_t
crc32_of(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;
	size_t i;
	int k;

	for (i = 0; i < len; i++) {
		crc ^= data[i];
		for (k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void
le(uint8_t *at, uint32_t value, int bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
}

struct part {
	const char *name;
	struct buf body;
	uint32_t at;
};

/* What local header and directory have in common, from "version" on. */
static void
fill_head(uint8_t *at, const struct part *p)
{
	le(at, 20, 2);	     /* version; no flags, stored */
	le(at + 8, 0x21, 2); /* 1 January 1980, as office programs write it */
	le(at + 10, crc32_of(p->body.data, p->body.len), 4);
	le(at + 14, (uint32_t)p->body.len, 4);
	le(at + 18, (uint32_t)p->body.len, 4);
	le(at + 22, (uint32_t)strlen(p->name), 2);
}

static int
zip(struct buf *out, struct part *part, size_t n)
{
	uint8_t local[30], entry[46], end[22];
	size_t start = out->len, i;
	uint32_t dir;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		memset(local, 0, sizeof(local));
		memcpy(local, "PK\3\4", 4);
		fill_head(local + 4, &part[i]);
		part[i].at = (uint32_t)(out->len - start);
		r = buf_add(out, local, sizeof(local));
		if (r == 0)
			r = buf_add_str(out, part[i].name);
		if (r == 0)
			r = buf_add(out, part[i].body.data,
			    part[i].body.len);
	}
	dir = (uint32_t)(out->len - start);
	for (i = 0; i < n && r == 0; i++) {
		memset(entry, 0, sizeof(entry));
		memcpy(entry, "PK\1\2", 4);
		le(entry + 4, 20, 2);
		fill_head(entry + 6, &part[i]);
		le(entry + 42, part[i].at, 4);
		r = buf_add(out, entry, sizeof(entry));
		if (r == 0)
			r = buf_add_str(out, part[i].name);
	}
	memset(end, 0, sizeof(end));
	memcpy(end, "PK\5\6", 4);
	le(end + 8, (uint32_t)n, 2);
	le(end + 10, (uint32_t)n, 2);
	le(end + 12, (uint32_t)(out->len - start) - dir, 4);
	le(end + 16, dir, 4);
	return r == 0 ? buf_add(out, end, sizeof(end)) : r;
}

static int
docx(struct buf *out)
{
	struct part p[PARTS] = {{.name = "[Content_Types].xml"},
	    {.name = "_rels/.rels"}, {.name = "word/document.xml"}};
	size_t i;
	int r;

	for (i = 0; i < PARTS; i++)
		buf_init(&p[i].body, TEXT_MAX);
	r = buf_add_str(&p[0].body, "<?xml version=\"1.0\"?><Types xmlns=\""
	    "http://schemas.openxmlformats.org/package/2006/content-types\">"
	    "<Default Extension=\"rels\" ContentType=\"application/"
	    "vnd.openxmlformats-package.relationships+xml\"/><Override "
	    "PartName=\"/word/document.xml\" ContentType=\"application/"
	    "vnd.openxmlformats-officedocument.wordprocessingml.document."
	    "main+xml\"/></Types>");
	if (r == 0)
		r = buf_add_str(&p[1].body, "<?xml version=\"1.0\"?>"
		    "<Relationships xmlns=\"http://schemas.openxmlformats.org/"
		    "package/2006/relationships\"><Relationship Id=\"r1\" "
		    "Type=\"http://schemas.openxmlformats.org/officeDocument/"
		    "2006/relationships/officeDocument\" Target=\"word/"
		    "document.xml\"/></Relationships>");
	if (r == 0)
		r = buf_add_str(&p[2].body, "<?xml version=\"1.0\"?>"
		    "<w:document xmlns:w=\"http://schemas.openxmlformats.org/"
		    "wordprocessingml/2006/main\"><w:body>");
	if (r == 0)
		r = lines(&p[2].body, "<w:p><w:r><w:t>",
		    "</w:t></w:r></w:p>");
	if (r == 0)
		r = buf_add_str(&p[2].body, "</w:body></w:document>");
	if (r == 0)
		r = zip(out, p, PARTS);
	for (i = 0; i < PARTS; i++)
		buf_done(&p[i].body);
	return r;
}

/* -- all ---------------------------- */

static const struct {
	const char *ending;
	int (*make)(struct buf *out);
} kinds[] = {
	{"docx", docx}, {"pdf", pdf}, {"csv", csv}, {"txt", text},
	{"xml", xml}, {"md", text}, {"log", text},
};

bool
canary_can(const char *ending)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].ending, ending) == 0)
			return true;
	return false;
}

int
canary_body(const char *ending, struct buf *out)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].ending, ending) == 0)
			return kinds[i].make(out);
	return ERR_RANGE;
}
