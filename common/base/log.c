/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line a call to standard error, in one write(2), so that lines of
 * several threads and processes do not mix.  Runs in every process.  What
 * is left of control characters in a line is made visible here, so that no
 * foreign text can forge a second line.
 */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/file.h"
#include "common/base/text.h"

#define LINE_MAX_BYTES 2048

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warn", LOG_LEVEL_WARN},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};

#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))

static struct {
	const char *name;
	bool journal;
	atomic_int level;
} self = {.name = "cordon", .level = LOG_LEVEL_INFO};

void
log_init(const char *name, enum log_level level)
{
	self.name = name;
	self.journal = getenv("JOURNAL_STREAM") != NULL;
	log_set_level(level);
}

void
log_set_level(enum log_level level)
{
	atomic_store(&self.level, (int)level);
}

int
log_level_parse(const char *text, enum log_level *level)
{
	size_t i;

	for (i = 0; i < N_LEVELS; i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*level = levels[i].level;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

static const char *
level_name(enum log_level level)
{
	size_t i;

	for (i = 0; i < N_LEVELS - 1 && levels[i].level != level; i++)
		continue;
	return levels[i].name;
}

__attribute__((format(printf, 2, 0))) static void
line(enum log_level level, const char *fmt, va_list ap)
{
	char out[LINE_MAX_BYTES];
	int saved = errno;
	size_t n, i;

	if ((int)level > atomic_load(&self.level))
		return;
	if (self.journal)
		snprintf(out, sizeof(out), "<%d>%s: ", (int)level, self.name);
	else
		snprintf(out, sizeof(out), "%s: %s: ", self.name,
		    level_name(level));
	n = strlen(out);
	vsnprintf(out + n, sizeof(out) - n, fmt, ap);
	n = strlen(out);
	for (i = 0; i < n; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			out[i] = '?';
	out[n] = '\n'; /* where the terminator stood */
	/* Nowhere to report that the log itself is gone. */
	(void)file_write_all(STDERR_FILENO, out, n + 1);
	errno = saved;
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

/* The form of what stands at P, into UNIT; *USED input bytes. */
static size_t
quote_unit(char unit[5], const unsigned char *p, size_t left, size_t *used)
{
	size_t n = text_char(p, left);

	if (n > 0) {
		memcpy(unit, p, n);
		*used = n;
		return n;
	}
	snprintf(unit, 5, "\\x%02x", p[0]);
	*used = 1;
	return 4;
}

char *
log_quote(char *out, size_t size, const void *text, size_t len)
{
	const unsigned char *p = text;
	size_t at = 0, safe = 0, used, n;
	char unit[5];

	if (size == 0)
		return out;
	for (; len > 0; p += used, len -= used) {
		n = quote_unit(unit, p, len, &used);
		if (at + n > size - 1) {
			/* SAFE is the last place with room for the dots. */
			for (at = safe; at < safe + 3 && at < size - 1; at++)
				out[at] = '.';
			break;
		}
		memcpy(out + at, unit, n);
		at += n;
		if (at + 3 <= size - 1)
			safe = at;
	}
	out[at] = '\0';
	return out;
}
