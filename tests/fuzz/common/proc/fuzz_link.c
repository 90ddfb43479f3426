/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages of a process that was taken over: the rule itself, and whole
 * messages through a real link.  Input: a byte of flags, then messages of
 * {length u8, bytes}.  A handler may only ever be called within its row.
 */
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/proc/link.h"

struct seen {
	bool open;
	unsigned int handled, ended;
};

static bool
is_open(void *arg)
{
	return ((struct seen *)arg)->open;
}

static void
must(bool good)
{
	if (!good)
		abort();
}

static int
on_small(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct seen *s = arg;

	(void)l, (void)payload, (void)why;
	must(len >= 1 && len <= 8 && fd == -1 && s->ended == 0);
	s->handled++;
	return 0;
}

static int
on_open(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct seen *s = arg;

	(void)l, (void)payload;
	must(s->open && len <= 64 && fd == -1 && s->ended == 0);
	s->handled++;
	s->open = len < 32;
	return len == 13 ? why_set(why, ERR_RANGE, "13") : 0;
}

static const struct link_kind table[] = {
	{1, "small", 1, 8, NULL, on_small, false},
	{2, "open", 0, 64, is_open, on_open, false},
	{0x01000000, "high", 1, 8, NULL, on_small, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_end(void *arg, struct link *l, const char *reason)
{
	struct seen *s = arg;

	(void)l;
	must(reason[0] != '\0' && s->ended == 0);
	s->ended++;
}

static void
check_rule(const uint8_t *data, size_t size)
{
	const struct link_kind *row = NULL;
	struct seen s = {.open = data[0] & 1};
	uint32_t kind = 0;
	size_t len = size;

	memcpy(&kind, data, size < 4 ? size : 4);
	if (size >= 8)
		memcpy(&len, data, sizeof(len));
	if (link_check(table, &s, kind, len, &row) == NULL)
		must(row != NULL && row->kind == kind && len >= row->min &&
		    len <= row->max && (row->when == NULL || s.open));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	struct seen s = {0};
	struct link *l;
	size_t at = 1;
	int fd[2], i;

	if (size < 2)
		return 0;
	if (base == NULL)
		base = event_base_new();
	check_rule(data, size);
	must(link_pair(fd, NULL) == 0);
	s.open = data[0] & 1;
	l = link_new(base, fd[0], "fuzz", table, &s, on_end);
	must(l != NULL);
	while (at < size) {
		size_t len = data[at++];

		if (len > size - at)
			len = size - at;
		if (len > 0 &&
		    send(fd[1], data + at, len, MSG_NOSIGNAL) < 0)
			break;
		at += len;
	}
	for (i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	close(fd[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	must(s.ended == 1);
	link_free(&l);
	return 0;
}
