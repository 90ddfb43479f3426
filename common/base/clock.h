/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time.  Wall time is for people and records; whatever must not be moved by
 * a stepped clock (deadlines, dead-man, commit-confirm) uses boot time
 * (CLOCK_BOOTTIME, clock_gettime(2)), which also counts suspend.
 */
#ifndef CORDON_BASE_CLOCK_H
#define CORDON_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_MAX 40

int64_t clock_wall_ms(void); /* since 1970-01-01 UTC */
int64_t clock_boot_ms(void); /* since boot, never steps */
int64_t clock_boot_us(void);

/* For tests: from now on both clocks give what is set; NULL ends it. */
struct clock_fake {
	int64_t wall_ms;
	int64_t boot_ms;
};
void clock_use_fake(const struct clock_fake *fake); /* lent */

/* RFC 3339, "2026-11-22T14:49:12.123+08:00" local or "...Z". Returns OUT. */
char *clock_format(char out[CLOCK_TEXT_MAX], int64_t wall_ms, bool utc);
/* RFC 3339 with zone -> ms; ERR_SYNTAX or ERR_RANGE. */
int clock_parse(const char *text, int64_t *wall_ms);
/* "90s", "15m", "1h", "7d" -> seconds, 1 .. 10 years; else ERR_SYNTAX. */
int clock_parse_span(const char *text, int64_t *seconds);
/* A span for a person: "12 s", "3 min", "2 h", "5 d". Returns OUT. */
char *clock_format_span(char *out, size_t size, int64_t seconds);

#endif
