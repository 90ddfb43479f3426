/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Folding floods.  Runs in the sensors process, under the lock of the
 * outbox.  The file holds one slot a cause; a slot is written whole by one
 * call, which a kill does not cut.
 */
#include "agent/sensors/fold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "common/base/crc.h"
#include "common/base/file.h"

#define SLOT 2048 /* bytes; half a page, so never in two of them */

struct slot {
	uint32_t crc, size; /* of what follows; SIZE: of the struct */
	struct fold_count c;
};
_Static_assert(sizeof(struct slot) <= SLOT, "a slot fits into its place");

struct cause {
	struct fold_count c; /* first: fold_told() */
	int64_t window_ms, used_ms; /* boot */
	int64_t told_ms, pause_ms;
	uint64_t seen; /* in this window */
	bool hot;      /* the window before was a flood */
};

struct fold {
	struct cause cause[FOLD_CAUSES];
	uint32_t after;
	int fd;
};

static int
save(struct fold *f, const struct cause *c)
{
	uint64_t at = (uint64_t)(c - f->cause) * SLOT;
	struct slot s;
	ssize_t n;

	memset(&s, 0, sizeof(s));
	s.size = sizeof(s);
	s.c = c->c;
	s.crc = crc32_of(&s.size, sizeof(s) - sizeof(s.crc));
	do
		n = pwrite(f->fd, &s, sizeof(s), (off_t)at);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(s) ? 0 : ERR_IO;
}

/* Texts of a file end; else it is not one of ours. */
static bool
ends(const struct fold_count *c)
{
	size_t i;

	for (i = 0; i < FOLD_KINDS; i++)
		if (memchr(c->kind[i].id, 0, sizeof(c->kind[i].id)) == NULL)
			return false;
	for (i = 0; i < FOLD_SAMPLES; i++)
		if (memchr(c->sample[i], 0, FOLD_TEXT) == NULL)
			return false;
	return memchr(c->key, 0, sizeof(c->key)) != NULL &&
	    memchr(c->cause_id, 0, sizeof(c->cause_id)) != NULL &&
	    memchr(c->program, 0, sizeof(c->program)) != NULL;
}

static void
load(struct fold *f, uint64_t next_serial)
{
	struct cause *c;
	struct slot s;

	for (c = f->cause; c < f->cause + FOLD_CAUSES; c++) {
		if (pread(f->fd, &s, sizeof(s), (off_t)(c - f->cause) *
		    SLOT) != (ssize_t)sizeof(s) || s.size != sizeof(s) ||
		    s.crc != crc32_of(&s.size, sizeof(s) - sizeof(s.crc)) ||
		    !ends(&s.c) || s.c.untold == 0)
			continue;
		c->c = s.c;
		c->pause_ms = FOLD_TELL_MS;
		if (c->c.telling > 0)
			fold_told(f, &c->c, c->c.serial < next_serial, 0);
	}
}

int
fold_open(const char *dir, uint32_t after, uint64_t next_serial,
    struct fold **out, struct why *why)
{
	struct fold *f = calloc(1, sizeof(*f));
	char path[PATH_LEN];

	if (f == NULL)
		return why_set(why, ERR_NOMEM, "folded signals");
	f->fd = -1;
	f->after = after;
	if (file_join(path, sizeof(path), dir, FOLD_NAME) != 0) {
		fold_free(&f);
		return why_set(why, ERR_LIMIT, "%s: too long", dir);
	}
	f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0) {
		fold_free(&f);
		return why_sys(why, ERR_IO, "%s", path);
	}
	load(f, next_serial);
	*out = f;
	return 0;
}

void
fold_free(struct fold **f)
{
	if (*f == NULL)
		return;
	if ((*f)->fd >= 0)
		close((*f)->fd);
	free(*f);
	*f = NULL;
}

/* -- counting ---------------------------- */

/* The cause of that key; a new one takes the place of an idle one. */
static struct cause *
find(struct fold *f, const struct fold_ask *a)
{
	struct cause *c, *idle = NULL;

	/* The first place is for what was lost. */
	for (c = f->cause + 1; c < f->cause + FOLD_CAUSES; c++) {
		if (strcmp(c->c.key, a->key) == 0)
			return c;
		if (c->c.untold == 0 &&
		    (idle == NULL || c->used_ms < idle->used_ms))
			idle = c;
	}
	if (idle == NULL || strlen(a->key) >= sizeof(idle->c.key))
		return NULL;
	memset(idle, 0, sizeof(*idle));
	strcpy(idle->c.key, a->key);
	idle->window_ms = a->boot_ms;
	return idle;
}

/* Is it one too many?  A flood that goes on over windows stays folded. */
static bool
is_flood(struct fold *f, struct cause *c, int64_t now)
{
	if (now - c->window_ms >= FOLD_WINDOW_MS) {
		c->hot = c->seen > f->after &&
		    now - c->window_ms < 2 * FOLD_WINDOW_MS;
		c->window_ms = now;
		c->seen = 0;
	}
	c->used_ms = now;
	c->seen++;
	return c->hot || c->seen > f->after;
}

static void
copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	/* Cut at the border of a UTF-8 character. */
	if (text[len] != '\0')
		while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
			len--;
	memcpy(out, text, len);
	out[len] = '\0';
}

static void
count_kind(struct fold_count *c, const char *kind)
{
	size_t i;

	for (i = 0; i < FOLD_KINDS; i++) {
		if (c->kind[i].n == 0)
			copy(c->kind[i].id, sizeof(c->kind[i].id), kind);
		if (strcmp(c->kind[i].id, kind) == 0) {
			c->kind[i].n++;
			return;
		}
	}
	c->other++;
}

static void
count(struct fold_count *c, const struct fold_ask *a)
{
	if (c->untold == 0 && c->severity != 0)
		c->severity = 0; /* of what is told next */
	if (c->total == 0) {
		copy(c->cause_id, sizeof(c->cause_id), a->cause_id);
		copy(c->program, sizeof(c->program), a->program);
		copy(c->sample[0], FOLD_TEXT, a->object);
		c->first_ms = a->wall_ms;
	}
	/* One from further and further on, and the last. */
	if ((c->total & (c->total - 1)) == 0)
		copy(c->sample[1], FOLD_TEXT, a->object);
	copy(c->sample[2], FOLD_TEXT, a->object);
	c->last_ms = a->wall_ms;
	c->total++;
	c->untold++;
	if (c->severity < a->severity)
		c->severity = a->severity;
	count_kind(c, a->kind);
}

bool
fold_add(struct fold *f, const struct fold_ask *a)
{
	struct fold_count was;
	struct cause *c;

	if (f->after == 0 || a->severity >= SEV_HIGH)
		return false;
	c = find(f, a);
	if (c == NULL || !is_flood(f, c, a->boot_ms))
		return false;
	was = c->c;
	if (was.untold == 0 && !c->hot && c->seen == (uint64_t)f->after + 1) {
		/* A new flood of somebody who had one before. */
		memset(&c->c, 0, sizeof(c->c));
		memcpy(c->c.key, was.key, sizeof(was.key));
		c->pause_ms = FOLD_TELL_MS;
	}
	if (c->c.untold == 0)
		c->told_ms = a->boot_ms;
	count(&c->c, a);
	if (save(f, c) == 0)
		return true;
	c->c = was; /* what is not safe is not folded */
	return false;
}

void
fold_lose(struct fold *f, const struct fold_ask *a)
{
	struct cause *c = &f->cause[0];

	strcpy(c->c.key, FOLD_LOST);
	if (c->c.untold == 0) {
		c->told_ms = a->boot_ms;
		c->pause_ms = FOLD_TELL_MS;
	}
	c->used_ms = a->boot_ms;
	count(&c->c, a);
	(void)save(f, c);
}

/* -- telling ---------------------------- */

const struct fold_count *
fold_due(struct fold *f, int64_t boot_ms, bool all)
{
	const struct cause *c;

	for (c = f->cause; c < f->cause + FOLD_CAUSES; c++)
		if (c->c.untold > 0 && c->c.telling == 0 && (all ||
		    boot_ms - c->told_ms >= c->pause_ms ||
		    boot_ms - c->used_ms >= 2 * FOLD_TELL_MS))
			return &c->c;
	return NULL;
}

void
fold_telling(struct fold *f, const struct fold_count *fc, uint64_t serial)
{
	struct cause *c = (struct cause *)(uintptr_t)fc;

	c->c.serial = serial;
	c->c.telling = c->c.untold;
	(void)save(f, c);
}

void
fold_told(struct fold *f, const struct fold_count *fc, bool sent,
    int64_t boot_ms)
{
	struct cause *c = (struct cause *)(uintptr_t)fc;

	if (sent) {
		c->c.untold -= c->c.telling;
		if (c->pause_ms < FOLD_TELL_MAX_MS)
			c->pause_ms *= 2;
	}
	c->c.telling = 0;
	c->told_ms = boot_ms;
	(void)save(f, c);
}
