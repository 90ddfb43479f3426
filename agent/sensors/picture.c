/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pictures and findings.  Runs on the job thread of the sensors process;
 * keys and values hold foreign bytes.
 */
#include "agent/sensors/picture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

#define OBJECT_MAX 400
#define VALUE_MAX 200

void
picture_init(struct picture *p)
{
	memset(p, 0, sizeof(*p));
}

static void
line_free(struct picture_line *l)
{
	free(l->class);
	free(l->key);
	free(l->value);
}

void
picture_done(struct picture *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		line_free(&p->line[i]);
	free(p->line);
	picture_init(p);
}

int
picture_add(struct picture *p, const char *class, const char *key,
    const char *value)
{
	struct picture_line *more, *l;
	size_t max;

	if (p->n == PICTURE_LINES_MAX) {
		picture_miss(p, "too many entries");
		return ERR_LIMIT;
	}
	if (p->n == p->max) {
		max = p->max == 0 ? 256 : p->max * 2;
		more = realloc(p->line, max * sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		p->line = more;
		p->max = max;
	}
	l = &p->line[p->n];
	l->class = strdup(class);
	l->key = strdup(key);
	l->value = strdup(value);
	if (l->class == NULL || l->key == NULL || l->value == NULL) {
		line_free(l);
		return ERR_NOMEM;
	}
	p->n++;
	return 0;
}

int
picture_addf(struct picture *p, const char *class, const char *key,
    const char *fmt, ...)
{
	char value[PICTURE_TEXT_MAX / 4];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	return picture_add(p, class, key, value);
}

void
picture_miss(struct picture *p, const char *what)
{
	if (!p->partial)
		log_quote(p->what, sizeof(p->what), what, strlen(what));
	p->partial = true;
}

static int
line_cmp(const void *va, const void *vb)
{
	const struct picture_line *a = va, *b = vb;
	int c = strcmp(a->class, b->class);

	return c != 0 ? c : strcmp(a->key, b->key);
}

static int
whole_cmp(const void *va, const void *vb)
{
	const struct picture_line *a = va, *b = vb;
	int c = line_cmp(a, b);

	return c != 0 ? c : strcmp(a->value, b->value);
}

void
picture_sort(struct picture *p)
{
	size_t i, n = 0;

	if (p->n > 1)
		qsort(p->line, p->n, sizeof(p->line[0]), whole_cmp);
	for (i = 0; i < p->n; i++)
		if (n > 0 && whole_cmp(&p->line[n - 1], &p->line[i]) == 0)
			line_free(&p->line[i]);
		else
			p->line[n++] = p->line[i];
	p->n = n;
}

const char *
picture_get(const struct picture *p, const char *class, const char *key)
{
	struct picture_line want = {(char *)(uintptr_t)class,
	    (char *)(uintptr_t)key, NULL};
	const struct picture_line *l;

	if (p->n == 0)
		return NULL;
	l = bsearch(&want, p->line, p->n, sizeof(want), line_cmp);
	return l == NULL ? NULL : l->value;
}

int
picture_escape(struct buf *out, const char *raw)
{
	const unsigned char *at = (const unsigned char *)raw;
	int r = 0;

	if (*at == '\0')
		return buf_add_str(out, "\\e"); /* empty */
	for (; *at != '\0' && r == 0; at++) {
		if (*at <= ' ' || *at == '\\' || *at == 0x7f)
			r = buf_printf(out, "\\x%02x", *at);
		else
			r = buf_add_u8(out, *at);
	}
	return r;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
picture_unescape(char *out, size_t size, const char *text, size_t len)
{
	size_t i = 0, o = 0;
	int hi, lo;

	if (len == 2 && memcmp(text, "\\e", 2) == 0)
		len = 0;
	while (i < len) {
		if (o + 1 >= size)
			return ERR_LIMIT;
		if (text[i] != '\\') {
			if ((unsigned char)text[i] <= ' ')
				return ERR_SYNTAX;
			out[o++] = text[i++];
			continue;
		}
		if (len - i < 4 || text[i + 1] != 'x')
			return ERR_SYNTAX;
		hi = hex_digit(text[i + 2]);
		lo = hex_digit(text[i + 3]);
		if (hi < 0 || lo < 0 || hi * 16 + lo == 0)
			return ERR_SYNTAX;
		out[o++] = (char)(hi * 16 + lo);
		i += 4;
	}
	out[o] = '\0';
	return 0;
}

void
findings_done(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		free(f->item[i].code);
		free(f->item[i].object);
		free(f->item[i].was);
		free(f->item[i].now);
	}
	memset(f, 0, sizeof(*f));
}

static char *
quoted(const char *raw, size_t max)
{
	char text[OBJECT_MAX];

	return strdup(log_quote(text, max, raw, strlen(raw)));
}

void
findings_add(struct findings *f, const char *code, const char *object,
    const char *was, const char *now)
{
	struct finding *it;

	f->total++;
	if (f->n == FINDINGS_MAX || f->bytes > FINDINGS_BYTES_MAX)
		return;
	it = &f->item[f->n];
	it->code = strdup(code);
	it->object = quoted(object, OBJECT_MAX);
	it->was = quoted(was, VALUE_MAX);
	it->now = quoted(now, VALUE_MAX);
	f->n++;
	if (it->code == NULL || it->object == NULL || it->was == NULL ||
	    it->now == NULL) {
		f->n--; /* still counted in total */
		free(it->code);
		free(it->object);
		free(it->was);
		free(it->now);
		return;
	}
	f->bytes += strlen(it->code) + strlen(it->object) +
	    strlen(it->was) + strlen(it->now) + 16;
}

static void
differ(struct findings *f, const struct picture_line *l, const char *how,
    const char *was, const char *now)
{
	char code[96];

	snprintf(code, sizeof(code), "%.64s.%s", l->class, how);
	findings_add(f, code, l->key, was, now);
}

void
picture_compare(const struct picture *was, const struct picture *now,
    struct findings *f)
{
	const struct picture_line *a, *b;
	size_t i = 0, k = 0;
	int c;

	while (i < was->n || k < now->n) {
		a = i < was->n ? &was->line[i] : NULL;
		b = k < now->n ? &now->line[k] : NULL;
		c = a == NULL ? 1 : b == NULL ? -1 : line_cmp(a, b);
		if (c < 0)
			differ(f, a, "removed", a->value, "");
		else if (c > 0)
			differ(f, b, "added", "", b->value);
		else if (strcmp(a->value, b->value) != 0)
			differ(f, a, "changed", a->value, b->value);
		i += c <= 0;
		k += c >= 0;
	}
}
