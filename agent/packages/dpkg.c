/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readers of dpkg's files.  Root can write anything there, so nothing in
 * them is trusted to be well formed.
 */
#include "agent/packages/dpkg.h"

#include <string.h>

#include "common/base/id.h"

#define DIGITS (2 * DPKG_MD5_LEN)

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && slice_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && slice_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

static bool
md5_of(struct slice word, uint8_t out[DPKG_MD5_LEN])
{
	char text[DIGITS + 1];

	return slice_copy(word, text, sizeof(text)) &&
	    hex_decode(out, DPKG_MD5_LEN, text) == 0;
}

/* Of the three words of "Status:", does the last say that files are there? */
static bool
is_on_disk(struct slice value)
{
	static const char *const states[] = {"installed", "half-installed",
	    "unpacked", "half-configured", "triggers-awaited",
	    "triggers-pending"};
	struct slice word = {NULL, 0}, next;
	size_t i;

	while (slice_word(&value, &next))
		word = next;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (word.len > 0 && slice_is(word, states[i]))
			return true;
	return false;
}

static void
field(struct dpkg_package *p, struct slice name, struct slice value)
{
	if (slice_is(name, "Package"))
		p->name = value;
	else if (slice_is(name, "Version"))
		p->version = value;
	else if (slice_is(name, "Architecture"))
		p->arch = value;
	else if (slice_is(name, "Multi-Arch"))
		p->same = slice_is(value, "same");
	else if (slice_is(name, "Status"))
		p->on_disk = is_on_disk(value);
}

/* Lines behind "Conffiles:" that belong to it. */
static struct slice
continued(const struct slice *text)
{
	struct slice rest = *text, line, all = {text->at, 0};

	while (slice_line(&rest, &line) && line.len > 0 &&
	    slice_blank(line.at[0]))
		all.len = (size_t)(rest.at - all.at);
	return all;
}

bool
dpkg_package_next(struct slice *text, struct dpkg_package *p)
{
	struct slice line, name, value;
	const char *colon;

	memset(p, 0, sizeof(*p));
	while (slice_line(text, &line)) {
		if (line.len == 0) {
			if (p->name.len > 0)
				return true;
			memset(p, 0, sizeof(*p));
			continue;
		}
		colon = slice_blank(line.at[0]) ? NULL :
		    memchr(line.at, ':', line.len);
		if (colon == NULL)
			continue;
		name = (struct slice){line.at, (size_t)(colon - line.at)};
		value = trim((struct slice){colon + 1,
		    line.len - name.len - 1});
		if (slice_is(name, "Conffiles"))
			p->conffiles = continued(text);
		else
			field(p, name, value);
	}
	return p->name.len > 0;
}

bool
dpkg_conffile_next(struct slice *lines, struct dpkg_sum *s)
{
	struct slice line, word, more;

	while (slice_line(lines, &line)) {
		if (!slice_word(&line, &s->path) || s->path.at[0] != '/' ||
		    !slice_word(&line, &word) || !md5_of(word, s->md5))
			continue;
		if (slice_word(&line, &more) &&
		    slice_is(more, "remove-on-upgrade"))
			continue;
		return true;
	}
	return false;
}

bool
dpkg_sum_next(struct slice *text, struct dpkg_sum *s)
{
	struct slice line, word;

	while (slice_line(text, &line)) {
		if (line.len <= DIGITS + 2)
			continue;
		word = (struct slice){line.at, DIGITS};
		if (!md5_of(word, s->md5) || line.at[DIGITS] != ' ' ||
		    (line.at[DIGITS + 1] != ' ' && line.at[DIGITS + 1] != '*'))
			continue;
		s->path = (struct slice){line.at + DIGITS + 2,
		    line.len - DIGITS - 2};
		return true;
	}
	return false;
}

bool
dpkg_path_next(struct slice *text, struct slice *path)
{
	while (slice_line(text, path))
		if (path->len > 1 && path->at[0] == '/')
			return true;
	return false;
}

bool
dpkg_diversion_next(struct slice *text, struct dpkg_diversion *d)
{
	while (slice_line(text, &d->from)) {
		if (!slice_line(text, &d->to) ||
		    !slice_line(text, &d->package))
			return false;
		if (d->from.len > 1 && d->from.at[0] == '/' &&
		    d->to.len > 1 && d->to.at[0] == '/' && d->package.len > 0)
			return true;
	}
	return false;
}

static bool
octal(struct slice word, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;

	if (word.len == 0 || word.len > 5)
		return false;
	for (i = 0; i < word.len; i++) {
		if (word.at[i] < '0' || word.at[i] > '7')
			return false;
		v = v << 3 | (uint32_t)(word.at[i] - '0');
	}
	*out = v;
	return v <= 07777;
}

bool
dpkg_override_next(struct slice *text, struct dpkg_override *o)
{
	struct slice line, mode;

	while (slice_line(text, &line)) {
		if (!slice_word(&line, &o->user) ||
		    !slice_word(&line, &o->group) ||
		    !slice_word(&line, &mode) || !octal(mode, &o->mode))
			continue;
		o->path = trim(line);
		if (o->path.len > 1 && o->path.at[0] == '/')
			return true;
	}
	return false;
}
