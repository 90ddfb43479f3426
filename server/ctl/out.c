/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output of cordonctl (out.h). */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/ctl/out.h"

#define LABEL_WIDTH 11

void
out_init(struct out *o, FILE *out, FILE *err, enum lang lang)
{
	const char *term = getenv("TERM");
	const char *no = getenv("NO_COLOR");

	memset(o, 0, sizeof(*o));
	o->out = out;
	o->err = err;
	o->lang = lang;
	o->mark = "";
	o->now = clock_wall_ms();
	o->colour = isatty(fileno(out)) == 1 && (no == NULL || *no == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0;
}

char *
out_buf(struct out *o)
{
	return o->ring[o->next++ % OUT_RING];
}

static const char *
fill(struct out *o, enum text id, va_list ap)
{
	const char *args[9];
	size_t n = 0;

	while (n < 9 && (args[n] = va_arg(ap, const char *)) != NULL)
		n++;
	return text_fill(out_buf(o), OUT_TEXT_MAX, text_of(id, o->lang), args,
	    n);
}

const char *
out_text(struct out *o, enum text id, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, id);
	text = fill(o, id, ap);
	va_end(ap);
	return text;
}

void
out_say(struct out *o, enum text id, ...)
{
	va_list ap;

	if (o->json)
		return;
	va_start(ap, id);
	fprintf(o->out, "%s%s\n", o->mark, fill(o, id, ap));
	va_end(ap);
}

void
out_tell(struct out *o, enum text id, ...)
{
	va_list ap;

	va_start(ap, id);
	fprintf(o->err, "%s%s\n", o->mark, fill(o, id, ap));
	va_end(ap);
}

void
out_next(struct out *o, const char *what)
{
	/* results first, also when both go to one file */
	fflush(o->out);
	out_tell(o, T_NEXT, what, NULL);
}

void
out_row(struct out *o, enum text label, const char *text)
{
	const char *name = text_of(label, o->lang);
	int pad = LABEL_WIDTH - out_width(name);

	fprintf(o->out, "%s  %s%*s%s\n", o->mark, name, pad > 1 ? pad : 1,
	    "", text);
}

void
out_json(struct out *o, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT);

	/* JSON escapes control characters by itself */
	if (text != NULL)
		fprintf(o->out, "%s\n", text);
	free(text);
	fflush(o->out);
}

const char *
json_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

int64_t
json_num(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool
json_yes(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

int64_t
json_time(const json_t *object, const char *key)
{
	int64_t ms = 0;

	if (clock_parse(json_str(object, key), &ms) != 0)
		return 0;
	return ms;
}

const char *
out_q(struct out *o, const json_t *object, const char *key)
{
	const char *s = json_str(object, key);

	return log_quote(out_buf(o), OUT_TEXT_MAX, s, strlen(s));
}

const char *
out_num(struct out *o, int64_t v)
{
	char *text = out_buf(o);

	snprintf(text, OUT_TEXT_MAX, "%lld", (long long)v);
	return text;
}

const char *
out_word(struct out *o, enum words w, const char *name)
{
	int value;

	if (word_find(w, name, &value) == 0)
		return word_text(w, value, o->lang);
	return log_quote(out_buf(o), OUT_TEXT_MAX, name, strlen(name));
}

static void
split(const struct out *o, int64_t wall_ms, struct tm *tm)
{
	time_t t = (time_t)(wall_ms / 1000);

	if (o->utc) {
		gmtime_r(&t, tm);
		tm->tm_zone = "UTC"; /* glibc says GMT */
	} else {
		localtime_r(&t, tm);
	}
}

static bool
same_day(const struct tm *a, const struct tm *b)
{
	return a->tm_year == b->tm_year && a->tm_yday == b->tm_yday;
}

const char *
out_when(struct out *o, int64_t wall_ms)
{
	char *text = out_buf(o);
	struct tm tm, today, tomorrow;

	if (wall_ms <= 0)
		return "-";
	split(o, wall_ms, &tm);
	split(o, o->now, &today);
	split(o, o->now + 86400000, &tomorrow);
	strftime(text, OUT_TEXT_MAX, same_day(&tm, &today) ||
	    same_day(&tm, &tomorrow) ? "%H:%M %Z" : "%Y-%m-%d %H:%M %Z", &tm);
	if (same_day(&tm, &tomorrow))
		return out_text(o, T_TOMORROW, text, NULL);
	return text;
}

const char *
out_fact(struct out *o, const char *what, int64_t wall_ms)
{
	if (wall_ms <= 0)
		return what;
	return out_text(o, T_FACT_AT, what, out_ago(o, wall_ms), NULL);
}

const char *
out_stamp(struct out *o, int64_t wall_ms)
{
	char *text = out_buf(o);
	struct tm tm;

	if (wall_ms <= 0)
		return "-";
	split(o, wall_ms, &tm);
	strftime(text, OUT_TEXT_MAX, "%Y-%m-%d %H:%M:%S %Z", &tm);
	return text;
}

const char *
out_clock(struct out *o, int64_t wall_ms)
{
	char *text = out_buf(o);
	struct tm tm;

	split(o, wall_ms, &tm);
	strftime(text, OUT_TEXT_MAX, "%H:%M:%S", &tm);
	return text;
}

const char *
out_ago(struct out *o, int64_t wall_ms)
{
	int64_t n = (o->now - wall_ms) / 1000;

	if (wall_ms <= 0)
		return "-";
	if (n < 60)
		return out_text(o, T_SPAN_S, out_num(o, n > 0 ? n : 0), NULL);
	if (n < 3600)
		return out_text(o, T_SPAN_MIN, out_num(o, n / 60), NULL);
	if (n < 2 * 86400)
		return out_text(o, T_SPAN_H, out_num(o, n / 3600), NULL);
	return out_text(o, T_SPAN_D, out_num(o, n / 86400), NULL);
}

const char *
out_mark(struct out *o, enum mark m)
{
	static const char *const plain[] = { "✓", "✗", "?" };
	static const char *const bright[] = { "\033[32m✓\033[0m",
		"\033[31m✗\033[0m", "\033[33m?\033[0m" };

	return (o->colour ? bright : plain)[m];
}

/* Code points that East Asian Width (UAX 11) calls wide, in broad strokes. */
static bool
wide(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0x20000 && c <= 0x3fffd);
}

int
out_width(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int width = 0;
	uint32_t c;

	while (*s != '\0') {
		if (*s == 033) { /* our own colours: to the 'm' */
			while (*s != '\0' && *s++ != 'm')
				;
			continue;
		}
		c = *s < 0x80 ? *s : *s < 0xe0 ? *s & 0x1fu :
		    *s < 0xf0 ? *s & 0x0fu : *s & 0x07u;
		while ((*++s & 0xc0) == 0x80)
			c = c << 6 | (*s & 0x3fu);
		width += wide(c) ? 2 : 1;
	}
	return width;
}

/* -- tables -------------------------------------------------------------- */

void
table_init(struct table *t, int columns)
{
	memset(t, 0, sizeof(*t));
	t->columns = columns;
}

void
table_add(struct table *t, const char *const *text)
{
	size_t n = (size_t)t->columns, i;
	char **more;

	if ((t->rows + 1) * n > t->room) {
		more = realloc(t->cell, (t->room * 2 + n * 16) *
		    sizeof(*more));
		if (more == NULL)
			abort(); /* as malloc failing in a small tool */
		t->cell = more;
		t->room = t->room * 2 + n * 16;
	}
	for (i = 0; i < n; i++)
		t->cell[t->rows * n + i] = strdup(text[i]);
	t->rows++;
}

void
table_print(struct out *o, const struct table *t)
{
	int width[OUT_COLUMNS] = { 0 }, i, w;
	size_t row;

	for (row = 0; row < t->rows; row++)
		for (i = 0; i < t->columns; i++) {
			w = out_width(t->cell[row * (size_t)t->columns +
			    (size_t)i]);
			width[i] = w > width[i] ? w : width[i];
		}
	for (row = 0; row < t->rows; row++)
		for (i = 0; i < t->columns; i++) {
			const char *text = t->cell[row * (size_t)t->columns +
			    (size_t)i];

			if (i == 0)
				fputs(o->mark, o->out);
			if (i + 1 == t->columns)
				fprintf(o->out, "%s\n", text);
			else
				fprintf(o->out, "%s%*s", text,
				    width[i] - out_width(text) + 2, "");
		}
}

void
table_done(struct table *t)
{
	size_t i;

	for (i = 0; i < t->rows * (size_t)t->columns; i++)
		free(t->cell[i]);
	free(t->cell);
	table_init(t, t->columns);
}
