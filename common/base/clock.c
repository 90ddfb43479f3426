/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clocks and texts of time.  Runs in every process; the texts that are
 * parsed are foreign.
 */
#include "common/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/err.h"

#define SPAN_MAX (10LL * 365 * 86400)

static _Atomic(const struct clock_fake *) faked;

void
clock_use_fake(const struct clock_fake *fake)
{
	atomic_store(&faked, fake);
}

static int64_t
now_us(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		abort(); /* EINVAL only: both clocks are older than 5.12 */
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	const struct clock_fake *f = atomic_load(&faked);

	return f != NULL ? f->wall_ms : now_us(CLOCK_REALTIME) / 1000;
}

int64_t
clock_boot_us(void)
{
	const struct clock_fake *f = atomic_load(&faked);

	return f != NULL ? f->boot_ms * 1000 : now_us(CLOCK_BOOTTIME);
}

int64_t
clock_boot_ms(void)
{
	return clock_boot_us() / 1000;
}

char *
clock_format(char out[CLOCK_TEXT_MAX], int64_t wall_ms, bool utc)
{
	/* Downwards also before 1970, so that the fraction is 0..999. */
	bool below = wall_ms % 1000 < 0;
	int ms = (int)(wall_ms % 1000) + (below ? 1000 : 0);
	time_t t = (time_t)(wall_ms / 1000 - below);
	char zone[24] = "Z";
	struct tm tm;
	size_t n;
	int off;

	if ((utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) == NULL ||
	    tm.tm_year < -900 || tm.tm_year > 8099) {
		snprintf(out, CLOCK_TEXT_MAX, "@%" PRId64, wall_ms);
		return out;
	}
	if (!utc) {
		off = abs((int)tm.tm_gmtoff) / 60;
		snprintf(zone, sizeof(zone), "%c%02d:%02d",
		    tm.tm_gmtoff < 0 ? '-' : '+', off / 60 % 100, off % 60);
	}
	n = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT_MAX - n, ".%03d%s", ms, zone);
	return out;
}

/* Exactly N digits at *P; -1 if there are not so many. */
static int
digits(const char **p, int n)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static bool
take(const char **p, const char *any)
{
	if (**p == '\0' || strchr(any, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

/* ".123456" to ms; nothing there is 0.  -1: a dot without digits. */
static int
fraction(const char **p)
{
	int ms = 0, unit = 100;

	if (!take(p, "."))
		return 0;
	if (**p < '0' || **p > '9')
		return -1;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		ms += (**p - '0') * unit;
	return ms;
}

/* "Z" or "+08:00" to minutes, and the end of the text. */
static int
zone_parse(const char *p, int *minutes)
{
	int sign = *p == '-' ? -1 : 1, hour, minute;

	*minutes = 0;
	if (take(&p, "Zz"))
		return *p == '\0' ? 0 : ERR_SYNTAX;
	if (!take(&p, "+-") || (hour = digits(&p, 2)) < 0 || !take(&p, ":") ||
	    (minute = digits(&p, 2)) < 0 || *p != '\0')
		return ERR_SYNTAX;
	if (hour > 23 || minute > 59)
		return ERR_RANGE;
	*minutes = sign * (hour * 60 + minute);
	return 0;
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
	    31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

int
clock_parse(const char *text, int64_t *wall_ms)
{
	const char *p = text;
	struct tm tm = {0};
	int year, month, ms, zone, rc;

	if ((year = digits(&p, 4)) < 0 || !take(&p, "-") ||
	    (month = digits(&p, 2)) < 0 || !take(&p, "-") ||
	    (tm.tm_mday = digits(&p, 2)) < 0 || !take(&p, "Tt") ||
	    (tm.tm_hour = digits(&p, 2)) < 0 || !take(&p, ":") ||
	    (tm.tm_min = digits(&p, 2)) < 0 || !take(&p, ":") ||
	    (tm.tm_sec = digits(&p, 2)) < 0 || (ms = fraction(&p)) < 0)
		return ERR_SYNTAX;
	rc = zone_parse(p, &zone);
	if (rc != 0)
		return rc;
	/* 60 is a leap second (RFC 3339, 5.6): the next minute begins. */
	if (year < 1970 || month < 1 || month > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > month_days(year, month) || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return ERR_RANGE;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*wall_ms = ((int64_t)timegm(&tm) - zone * 60) * 1000 + ms;
	return 0;
}

int
clock_parse_span(const char *text, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	int64_t v = 0;
	size_t i;

	if (*text < '0' || *text > '9')
		return ERR_SYNTAX;
	for (; *text >= '0' && *text <= '9'; text++) {
		v = v * 10 + (*text - '0');
		if (v > SPAN_MAX)
			return ERR_SYNTAX;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text[0] != units[i].unit || text[1] != '\0')
			continue;
		v *= units[i].seconds;
		if (v < 1 || v > SPAN_MAX)
			return ERR_SYNTAX;
		*seconds = v;
		return 0;
	}
	return ERR_SYNTAX;
}

char *
clock_format_span(char *out, size_t size, int64_t seconds)
{
	/* Cut, not rounded, and never less exact than one part in two. */
	if (seconds < 120)
		snprintf(out, size, "%" PRId64 " s", seconds);
	else if (seconds < 2 * 3600)
		snprintf(out, size, "%" PRId64 " min", seconds / 60);
	else if (seconds < 2 * 86400)
		snprintf(out, size, "%" PRId64 " h", seconds / 3600);
	else
		snprintf(out, size, "%" PRId64 " d", seconds / 86400);
	return out;
}
