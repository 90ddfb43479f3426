/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration by table over inih.  Runs in the parent and the collector
 * before they drop anything, and in cordonctl.  The file is the
 * administrator's: not hostile, but every slip in it must be named exactly.
 * inih cuts long lines and section names and ignores what stands behind a
 * header, without a word; the reader below looks first.
 */
#include "common/conf/conf.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"

#define FILE_MAX (1024 * 1024)
#define SECTION_MAX 48 /* inih keeps 49 bytes of a name */
#define SHOWN_MAX 80   /* of a foreign text in an error */
#define BLANK " \t\r\n"

/* A variable in Debian's inih; where it is fixed, `room` below tells. */
extern int ini_max_line;
#pragma weak ini_max_line

struct parse {
	const char *path;
	const struct conf_key *table;
	void *settings;
	conf_other_fn *other;
	struct why *why;
	const char *at, *end; /* what was not read yet */
	int line;	      /* number of the line that was read last */
	int *seen;	      /* for each row, the line that gave it first */
	int rc;		      /* the first error; nothing is read after it */
};

/* -- values ---------------------------------------------------------------- */

static void *
field(const struct conf_key *k, void *settings)
{
	return (char *)settings + k->offset;
}

static int
in_bounds(const struct conf_key *k, int64_t v, struct why *why)
{
	if ((k->min == 0 && k->max == 0) || (v >= k->min && v <= k->max))
		return 0;
	return why_set(why, ERR_RANGE, "%lld is out of bounds; write %lld to "
	    "%lld%s", (long long)v, (long long)k->min, (long long)k->max,
	    k->type == CONF_SPAN ? " seconds, with a unit" :
	    k->type == CONF_SIZE ? " bytes" : "");
}

/* Digits with an optional '-', and where they end.  False: not a number. */
static bool
integer(const char *text, int64_t *v, const char **end)
{
	bool minus = *text == '-';
	int64_t n = 0;

	text += minus;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *text - '0', &n))
			return false;
	*v = minus ? -n : n;
	*end = text;
	return true;
}

static int
set_int(const struct conf_key *k, int64_t *to, const char *text,
    struct why *why)
{
	const char *end;
	int64_t v;
	int rc;

	if (!integer(text, &v, &end) || *end != '\0')
		return why_set(why, ERR_SYNTAX, "not a whole number");
	rc = in_bounds(k, v, why);
	if (rc == 0)
		*to = v;
	return rc;
}

static int
set_bool(bool *to, const char *text, struct why *why)
{
	static const char *const yes[] = {"yes", "true", "on"};
	static const char *const no[] = {"no", "false", "off"};
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*to = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return why_set(why, ERR_SYNTAX, "write yes or no");
}

static int
set_span(const struct conf_key *k, int64_t *to, const char *text,
    struct why *why)
{
	int64_t v;
	int rc;

	if (clock_parse_span(text, &v) != 0)
		return why_set(why, ERR_SYNTAX,
		    "not a span of time; write 90s, 15m, 1h or 7d");
	rc = in_bounds(k, v, why);
	if (rc == 0)
		*to = v;
	return rc;
}

static int
set_size(const struct conf_key *k, int64_t *to, const char *text,
    struct why *why)
{
	static const char units[] = "KMG";
	const char *end, *unit;
	int64_t v, factor = 1;
	int rc;

	if (!integer(text, &v, &end) || v < 0)
		goto bad;
	if (*end != '\0') {
		unit = strchr(units, *end);
		if (unit == NULL || end[1] != '\0')
			goto bad;
		factor <<= 10 * (unit - units + 1);
	}
	if (__builtin_mul_overflow(v, factor, &v))
		goto bad;
	rc = in_bounds(k, v, why);
	if (rc == 0)
		*to = v;
	return rc;
bad:
	return why_set(why, ERR_SYNTAX,
	    "not a size; write bytes, or 64K, 16M, 2G");
}

static int
set_string(char **to, const char *text, struct why *why)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	free(*to);
	*to = copy;
	return 0;
}

static void
list_free(struct conf_list *l)
{
	while (l->n > 0)
		free(l->item[--l->n]);
	free(l->item);
	l->item = NULL;
}

static int
list_add(struct conf_list *l, const char *text, struct why *why)
{
	char **item;

	if (l->n >= CONF_LIST_MAX)
		return why_set(why, ERR_LIMIT, "more than %d of them",
		    CONF_LIST_MAX);
	item = reallocarray(l->item, l->n + 1, sizeof(*item));
	if (item == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	l->item = item;
	item[l->n] = NULL;
	if (set_string(&item[l->n], text, why) != 0)
		return ERR_NOMEM;
	l->n++;
	return 0;
}

static int
set(const struct conf_key *k, void *settings, const char *text,
    struct why *why)
{
	void *to = field(k, settings);
	int rc;

	if (*text == '\0')
		return why_set(why, ERR_SYNTAX,
		    "no value; write one or leave the line out");
	rc = k->check != NULL ? k->check(text, why) : 0;
	if (rc != 0)
		return rc;
	switch (k->type) {
	case CONF_STRING:
		return set_string(to, text, why);
	case CONF_INT:
		return set_int(k, to, text, why);
	case CONF_BOOL:
		return set_bool(to, text, why);
	case CONF_SPAN:
		return set_span(k, to, text, why);
	case CONF_SIZE:
		return set_size(k, to, text, why);
	case CONF_LIST:
		return list_add(to, text, why);
	}
	return why_set(why, ERR_CONFIG, "type %d in the table", (int)k->type);
}

void
conf_free(const struct conf_key *table, void *settings)
{
	const struct conf_key *k;
	char **text;

	for (k = table; k->section != NULL; k++) {
		if (k->type == CONF_STRING) {
			text = field(k, settings);
			free(*text);
			*text = NULL;
		} else if (k->type == CONF_LIST) {
			list_free(field(k, settings));
		}
	}
}

int
conf_defaults(const struct conf_key *table, void *settings, struct why *why)
{
	const struct conf_key *k;
	int rc = 0;

	for (k = table; rc == 0 && k->section != NULL; k++) {
		if (k->standard == NULL)
			continue;
		rc = set(k, settings, k->standard, why);
		if (rc != 0)
			why_prefix(why, "[%s] %s: default: ", k->section,
			    k->key);
	}
	if (rc != 0)
		conf_free(table, settings);
	return rc;
}

/* -- lines ----------------------------------------------------------------- */

/* The first error stays: WHAT of the line read last. */
static void
fail(struct parse *p, const char *what)
{
	if (p->rc == 0)
		p->rc = why_set(p->why, ERR_CONFIG, "%s:%d: %s", p->path,
		    p->line, what);
}

/* "[name]" and nothing behind it but a comment; NULL if it is good. */
static const char *
header_wrong(const char *text, size_t len)
{
	const char *close = memchr(text, ']', len);
	const char *end = text + len;

	if (close == NULL)
		return "section without ']'; write [name]";
	if (close == text + 1)
		return "section without a name; write [name]";
	if (close - text - 1 > SECTION_MAX)
		return "name of the section is longer than 48 bytes";
	for (close++; close < end && strchr(BLANK, *close) != NULL;)
		close++;
	if (close < end && *close != ';' && *close != '#')
		return "text behind the section's ']'; put it on its own line";
	return NULL;
}

/* What is wrong with a line before inih sees it; NULL: nothing. */
static const char *
line_wrong(const char *text, size_t len)
{
	if (memchr(text, '\0', len) != NULL)
		return "a NUL byte in the line";
	if (!text_printable(text, len, true))
		return "control characters or not UTF-8 in the line";
	return len > 0 && text[0] == '[' ? header_wrong(text, len) : NULL;
}

/*
 * An ini_reader: the next line without the blanks around it, so that inih
 * never takes an indented line for the continuation of another one.
 */
static char *
next_line(char *out, int room, void *arg)
{
	struct parse *p = arg;
	const char *text = p->at, *wrong;
	size_t len;

	if (p->rc != 0 || text == p->end)
		return NULL;
	len = (size_t)(p->end - text);
	if (memchr(text, '\n', len) != NULL)
		len = (size_t)((char *)memchr(text, '\n', len) - text);
	p->at = text + len + (text + len < p->end);
	p->line++;
	if (p->line == 1 && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* byte order mark */
		len -= 3;
	}
	if (len > CONF_LINE_MAX || (int)len > room - 2) {
		fail(p, "line is too long; at most 1024 bytes");
		return NULL;
	}
	for (; len > 0 && *text != '\0' && strchr(BLANK, *text) != NULL; len--)
		text++;
	while (len > 0 && text[len - 1] != '\0' &&
	    strchr(BLANK, text[len - 1]) != NULL)
		len--;
	wrong = line_wrong(text, len);
	if (wrong != NULL) {
		fail(p, wrong);
		return NULL;
	}
	memcpy(out, text, len);
	out[len] = '\n';
	out[len + 1] = '\0';
	return out;
}

/* -- keys ------------------------------------------------------------------ */

/* An error with the key named; the reason stands in why already. */
static void
fail_key(struct parse *p, int rc, const char *section, const char *key)
{
	char shown[SHOWN_MAX];

	log_quote(shown, sizeof(shown), key, strlen(key));
	why_prefix(p->why, "%s:%d: [%s] %s: ", p->path, p->line, section,
	    shown);
	p->rc = rc == ERR_NOMEM ? rc : ERR_CONFIG;
}

/* " a b c": the keys of SECTION, or for NULL the names of all sections. */
static void
list_names(const struct conf_key *table, const char *section, char *out,
    size_t size)
{
	const struct conf_key *k;
	const char *name;
	size_t n = 0;

	out[0] = '\0';
	for (k = table; k->section != NULL; k++) {
		name = section != NULL ? k->key : k->section;
		if (section != NULL && strcmp(k->section, section) != 0)
			continue;
		if (section == NULL && k > table &&
		    strcmp(k[-1].section, k->section) == 0)
			continue;
		if (n + strlen(name) + 2 > size)
			return;
		n += (size_t)snprintf(out + n, size - n, " %s", name);
	}
}

/* Name what could have been meant. */
static int
unknown(const struct parse *p, const char *section)
{
	char names[WHY_MAX / 2];

	list_names(p->table, section, names, sizeof(names));
	if (names[0] != '\0')
		return why_set(p->why, ERR_CONFIG,
		    "unknown key; this section has:%s", names);
	if (p->other != NULL)
		return why_set(p->why, ERR_CONFIG, "unknown section or key");
	list_names(p->table, NULL, names, sizeof(names));
	return why_set(p->why, ERR_CONFIG, "unknown section; there are:%s",
	    names);
}

/* Not in the table: the other function's, or nobody's. */
static int
foreign(struct parse *p, const char *section, const char *key,
    const char *value)
{
	int rc = ERR_NOENT;

	if (p->other != NULL)
		rc = p->other(p->settings, section, key, value, p->line,
		    p->why);
	return rc == ERR_NOENT ? unknown(p, section) : rc;
}

static int
known(struct parse *p, const struct conf_key *k, const char *value)
{
	int *seen = &p->seen[k - p->table];

	if (*seen != 0 && k->type != CONF_LIST)
		return why_set(p->why, ERR_CONFIG,
		    "given a second time; line %d has it already", *seen);
	if (*seen == 0 && k->type == CONF_LIST)
		list_free(field(k, p->settings)); /* the default */
	if (*seen == 0)
		*seen = p->line;
	return set(k, p->settings, value, p->why);
}

/* An ini_handler: 1 goes on. */
static int
one_key(void *arg, const char *section, const char *key, const char *value)
{
	struct parse *p = arg;
	const struct conf_key *k;
	int rc;

	if (p->rc != 0)
		return 0;
	for (k = p->table; k->section != NULL; k++)
		if (strcmp(k->section, section) == 0 &&
		    strcmp(k->key, key) == 0)
			break;
	if (*section == '\0')
		rc = why_set(p->why, ERR_CONFIG, "key outside of a section; "
		    "write [section] above it");
	else if (k->section != NULL)
		rc = known(p, k, value);
	else
		rc = foreign(p, section, key, value);
	if (rc != 0)
		fail_key(p, rc, section, key);
	return rc == 0;
}

static int
all_there(struct parse *p)
{
	const struct conf_key *k;

	for (k = p->table; k->section != NULL; k++)
		if (k->must && k->standard == NULL &&
		    p->seen[k - p->table] == 0)
			return why_set(p->why, ERR_CONFIG,
			    "%s: [%s] %s: must be given", p->path, k->section,
			    k->key);
	return 0;
}

/* The whole text; the first error in it, by line. */
static int
parse(struct parse *p)
{
	int line;

	if (&ini_max_line != NULL)
		ini_max_line = CONF_LINE_MAX + 3;
	line = ini_parse_stream(next_line, p, one_key, p);
	/* inih goes on behind a line that it does not understand. */
	if (line > 0 && (p->rc == 0 || line < p->line)) {
		p->line = line;
		p->rc = 0;
		fail(p, "neither [section] nor key = value nor a comment");
	}
	if (p->rc == 0 && line < 0)
		p->rc = why_set(p->why, ERR_NOMEM, "out of memory");
	return p->rc != 0 ? p->rc : all_there(p);
}

int
conf_load(const char *path, const struct conf_key *table, void *settings,
    conf_other_fn *other, struct why *why)
{
	struct parse p = {.path = path, .table = table, .settings = settings,
	    .other = other, .why = why};
	const struct conf_key *k;
	struct buf text;
	int rc;

	rc = conf_defaults(table, settings, why);
	if (rc != 0)
		return rc;
	buf_init(&text, FILE_MAX);
	rc = file_read(path, &text, why);
	if (rc != 0)
		goto done;
	for (k = table; k->section != NULL;)
		k++;
	p.seen = calloc((size_t)(k - table) + 1, sizeof(*p.seen));
	p.at = buf_str(&text);
	if (p.seen == NULL || p.at == NULL) {
		rc = why_set(why, ERR_NOMEM, "%s: out of memory", path);
		goto done;
	}
	p.end = p.at + text.len;
	rc = parse(&p);
done:
	if (rc != 0)
		conf_free(table, settings);
	free(p.seen);
	buf_done_wipe(&text);
	return rc;
}
