/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing and reading our lists.  Written by the tool as root, read by the
 * sensors process, which takes no byte of them on trust.
 */
#include "common/packages/sums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"

static bool
is_part(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > 128 || s.at[0] == '.')
		return false;
	for (i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr(".+-~:_^", c) != NULL) ||
		    c == '\0')
			return false;
	}
	return true;
}

/* Returns where it ended. */
static char *
put_part(char *to, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.at[i] == ':') {
			memcpy(to, "%3a", 3);
			to += 3;
		} else {
			*to++ = s.at[i];
		}
	}
	return to;
}

int
sums_name(char out[SUMS_NAME_MAX], struct slice name, struct slice version,
    struct slice arch)
{
	char text[3 * 3 * 128 + 16], *at;

	if (!is_part(name) || !is_part(version) || !is_part(arch))
		return ERR_RANGE;
	at = put_part(text, name);
	*at++ = '_';
	at = put_part(at, version);
	*at++ = '_';
	at = put_part(at, arch);
	strcpy(at, ".sums");
	if (strlen(text) >= SUMS_NAME_MAX)
		return ERR_RANGE;
	strcpy(out, text);
	return 0;
}

static int
add_slice(struct buf *out, struct slice s, char end)
{
	int r = buf_add(out, s.at, s.len);

	return r == 0 ? buf_add(out, &end, 1) : r;
}

int
sums_begin(struct buf *out, struct slice name, struct slice version,
    struct slice arch)
{
	int r;

	if (!is_part(name) || !is_part(version) || !is_part(arch))
		return ERR_RANGE;
	r = buf_add_str(out, SUMS_HEAD);
	if (r == 0)
		r = add_slice(out, name, ' ');
	if (r == 0)
		r = add_slice(out, version, ' ');
	return r == 0 ? add_slice(out, arch, '\n') : r;
}

int
sums_add(struct buf *out, const struct sums_row *row)
{
	char hex[DIGEST_HEX_MAX] = "-";
	int r;

	if (row->path.len == 0 || row->path.len >= DPKG_PATH_MAX ||
	    memchr(row->path.at, '\n', row->path.len) != NULL ||
	    memchr(row->path.at, '\0', row->path.len) != NULL)
		return ERR_RANGE;
	if (row->type != 'd')
		hex_encode(hex, row->sha256, DIGEST_LEN);
	r = buf_printf(out, "%c %s %o %u %u ", row->type, hex, row->mode,
	    row->uid, row->gid);
	return r == 0 ? add_slice(out, row->path, '\n') : r;
}

bool
sums_open(struct slice *text, struct slice name, struct slice version,
    struct slice arch)
{
	struct slice line, a, b, c;

	return slice_line(text, &line) && line.len == strlen(SUMS_HEAD) - 1 &&
	    memcmp(line.at, SUMS_HEAD, line.len) == 0 &&
	    slice_line(text, &line) && slice_word(&line, &a) &&
	    slice_word(&line, &b) && slice_word(&line, &c) &&
	    a.len == name.len && memcmp(a.at, name.at, a.len) == 0 &&
	    b.len == version.len && memcmp(b.at, version.at, b.len) == 0 &&
	    c.len == arch.len && memcmp(c.at, arch.at, c.len) == 0;
}

static bool
number(struct slice word, int base, uint32_t *out)
{
	char text[16], *end;
	unsigned long v;

	if (!slice_copy(word, text, sizeof(text)) || text[0] < '0' ||
	    text[0] > '9')
		return false;
	v = strtoul(text, &end, base);
	*out = (uint32_t)v;
	return *end == '\0' && v <= UINT32_MAX;
}

static bool
parse_row(struct slice line, struct sums_row *row)
{
	struct slice type, sum, word;
	char hex[DIGEST_HEX_MAX];

	if (!slice_word(&line, &type) || type.len != 1 ||
	    strchr("fld", type.at[0]) == NULL || type.at[0] == '\0' ||
	    !slice_word(&line, &sum))
		return false;
	row->type = type.at[0];
	memset(row->sha256, 0, sizeof(row->sha256));
	if (row->type == 'd' ? !slice_is(sum, "-") :
	    !slice_copy(sum, hex, sizeof(hex)) ||
	    hex_decode(row->sha256, DIGEST_LEN, hex) != 0)
		return false;
	if (!slice_word(&line, &word) || !number(word, 8, &row->mode) ||
	    row->mode > 07777 || !slice_word(&line, &word) ||
	    !number(word, 10, &row->uid) || !slice_word(&line, &word) ||
	    !number(word, 10, &row->gid) || line.len < 2)
		return false;
	row->path = (struct slice){line.at + 1, line.len - 1};
	return true;
}

bool
sums_next(struct slice *text, struct sums_row *row)
{
	struct slice line;

	while (slice_line(text, &line))
		if (parse_row(line, row))
			return true;
	return false;
}
