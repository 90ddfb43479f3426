/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Error texts and reasons.  Runs in every process.  A reason may quote
 * foreign text; whoever quotes sends it through log_quote first.
 */
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
	[-ERR_OK] = "no error",
	[-ERR_NOMEM] = "out of memory",
	[-ERR_IO] = "input or output failed",
	[-ERR_SYNTAX] = "not in the form it must have",
	[-ERR_RANGE] = "value out of bounds",
	[-ERR_LIMIT] = "too large",
	[-ERR_NOENT] = "not found",
	[-ERR_EXIST] = "exists already",
	[-ERR_PERM] = "not allowed",
	[-ERR_BADSTATE] = "not possible in this state",
	[-ERR_TIMEOUT] = "not in time",
	[-ERR_CLOSED] = "closed by the other side",
	[-ERR_CRYPTO] = "key, signature or certificate is not good",
	[-ERR_PROTO] = "protocol broken by the peer",
	[-ERR_UNSUPP] = "not supported here",
	[-ERR_AGAIN] = "not now, try again",
	[-ERR_KERNEL] = "refused by the kernel",
	[-ERR_CORRUPT] = "stored data is damaged",
	[-ERR_CONFIG] = "configuration is wrong",
};

const char *
err_str(int code)
{
	/* The enum is 0 and negative; -code of INT_MIN would overflow. */
	if (code > 0 || code <= -(int)(sizeof(texts) / sizeof(texts[0])))
		return "unknown error";
	return texts[-code];
}

/* Length of TEXT cut to at most MAX bytes, not inside a UTF-8 character. */
static size_t
cut(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

/* TEXT may be longer than fits; it never lies inside why->text. */
static void
store(struct why *why, const char *text)
{
	size_t n = cut(text, WHY_MAX - 1);

	memcpy(why->text, text, n);
	why->text[n] = '\0';
}

int
why_set(struct why *why, int code, const char *fmt, ...)
{
	/* By way of a copy: an argument may be the reason before. */
	char text[WHY_MAX + 4];
	va_list ap;

	if (why == NULL)
		return code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	store(why, text);
	return code;
}

int
why_sys(struct why *why, int code, const char *fmt, ...)
{
	int saved = errno;
	char text[WHY_MAX + 4];
	char name[128];
	va_list ap;
	size_t n;

	if (why == NULL)
		return code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s",
	    strerror_r(saved, name, sizeof(name)));
	store(why, text);
	errno = saved;
	return code;
}

void
why_prefix(struct why *why, const char *fmt, ...)
{
	char text[2 * WHY_MAX];
	va_list ap;
	size_t n;

	if (why == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, WHY_MAX, fmt, ap);
	va_end(ap);
	n = strlen(text);
	memcpy(text + n, why->text, strnlen(why->text, WHY_MAX - 1));
	text[n + strnlen(why->text, WHY_MAX - 1)] = '\0';
	store(why, text);
}
