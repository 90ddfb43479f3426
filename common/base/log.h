/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Logging for every process: one line a call, to standard error (which
 * systemd takes to the journal with the <N> priority prefix of
 * sd-daemon(3)).  Foreign text must go through log_quote first.
 */
#ifndef CORDON_BASE_LOG_H
#define CORDON_BASE_LOG_H

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR = 3, /* numbers as in syslog(3) */
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/*
 * NAME is lent for the life of the process and stands before each line.
 * Lines get a <N> prefix if JOURNAL_STREAM is in the environment.
 */
void log_init(const char *name, enum log_level level);
void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug" -> level; ERR_SYNTAX if none of them. */
int log_level_parse(const char *text, enum log_level *level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Write LEN bytes of foreign TEXT into OUT (SIZE bytes, always terminated):
 * printable UTF-8 is kept, everything else becomes \xNN, the end is cut
 * with "...".  Returns OUT.
 */
char *log_quote(char *out, size_t size, const void *text, size_t len);

#endif
