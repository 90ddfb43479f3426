/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list of blind intervals of the sensors process.
 */
#include "agent/sensors/blind.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

struct interval {
	uint64_t number;
	char *scope;
	int64_t since_ms, opened_ms;
	bool lasting;
};

struct blind {
	struct outbox *out;
	char path[PATH_LEN];
	uint64_t next;
	struct interval open[BLIND_MAX];
	atomic_uint n;
	pthread_mutex_t lock; /* over next and open */
};

static void
save(struct blind *b)
{
	char text[32];
	struct why why;

	snprintf(text, sizeof(text), "%" PRIu64 "\n", b->next);
	if (file_write(b->path, text, strlen(text), 0600, &why) != 0)
		log_warn("blind intervals: %s", why.text);
}

int
blind_new(const char *state_dir, struct outbox *out, struct blind **bp,
    int64_t *last_seen_ms, struct why *why)
{
	struct blind *b = calloc(1, sizeof(*b));
	struct stat st;
	struct buf text;

	if (b == NULL)
		return why_set(why, ERR_NOMEM, "blind intervals");
	pthread_mutex_init(&b->lock, NULL);
	b->out = out;
	b->next = 1;
	if (file_join(b->path, sizeof(b->path), state_dir, BLIND_FILE) != 0) {
		free(b);
		return why_set(why, ERR_LIMIT, "%s: too long", state_dir);
	}
	*last_seen_ms = 0;
	buf_init(&text, 64);
	if (file_read(b->path, &text, NULL) == 0 && buf_str(&text) != NULL &&
	    stat(b->path, &st) == 0) {
		b->next = strtoull(buf_str(&text), NULL, 10);
		*last_seen_ms = st.st_mtim.tv_sec * 1000LL +
		    st.st_mtim.tv_nsec / 1000000;
	}
	buf_done(&text);
	if (b->next == 0)
		b->next = 1;
	if (*last_seen_ms == 0)
		save(b);
	*bp = b;
	return 0;
}

void
blind_free(struct blind **b)
{
	unsigned int i;

	if (*b == NULL)
		return;
	for (i = 0; i < (*b)->n; i++)
		free((*b)->open[i].scope);
	pthread_mutex_destroy(&(*b)->lock);
	free(*b);
	*b = NULL;
}

void
blind_alive(struct blind *b)
{
	if (utimensat(AT_FDCWD, b->path, NULL, AT_SYMLINK_NOFOLLOW) != 0)
		log_warn("%s: %s", b->path, strerror(errno));
}

static void
add_time(struct emit_signal *s, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	emit_add(s, key, clock_format(text, ms, true));
}

static uint64_t
open_one(struct blind *b, const char *scope, int64_t since_ms,
    const char *reason, bool lasting)
{
	struct emit_signal s;
	struct interval *it;
	unsigned int i;

	for (i = 0; i < b->n; i++)
		if (strcmp(b->open[i].scope, scope) == 0 &&
		    b->open[i].lasting == lasting) {
			/* What came later needs a rescan that is later. */
			b->open[i].opened_ms = clock_wall_ms();
			return b->open[i].number;
		}
	if (b->n == BLIND_MAX)
		return b->open[BLIND_MAX - 1].number;
	it = &b->open[b->n];
	it->scope = strdup(scope);
	if (it->scope == NULL)
		return 0;
	it->number = b->next++;
	it->since_ms = since_ms;
	it->opened_ms = clock_wall_ms();
	it->lasting = lasting;
	atomic_fetch_add(&b->n, 1);
	save(b);
	emit_init(&s, "agent.blind", scope);
	emit_addf(&s, "blind.number", "%" PRIu64, it->number);
	emit_add(&s, "blind.reason", reason);
	add_time(&s, "blind.since", since_ms);
	emit_send(b->out, &s);
	return it->number;
}

static uint64_t
open_locked(struct blind *b, const char *scope, int64_t since_ms,
    const char *reason, bool lasting)
{
	uint64_t number;

	pthread_mutex_lock(&b->lock);
	number = open_one(b, scope, since_ms, reason, lasting);
	pthread_mutex_unlock(&b->lock);
	return number;
}

uint64_t
blind_open(struct blind *b, const char *scope, int64_t since_ms,
    const char *reason)
{
	return open_locked(b, scope, since_ms, reason, false);
}

uint64_t
blind_open_lasting(struct blind *b, const char *scope, const char *reason)
{
	return open_locked(b, scope, clock_wall_ms(), reason, true);
}

static void
tell_closed(struct blind *b, const struct interval *it, uint64_t differences)
{
	struct emit_signal s;

	emit_init(&s, "agent.blind-closed", it->scope);
	emit_addf(&s, "blind.number", "%" PRIu64, it->number);
	add_time(&s, "blind.since", it->since_ms);
	add_time(&s, "blind.until", clock_wall_ms());
	emit_addf(&s, "blind.differences", "%" PRIu64, differences);
	emit_send(b->out, &s);
}

void
blind_close(struct blind *b, const char *scope, int64_t started_ms,
    uint64_t differences)
{
	unsigned int i = 0;

	pthread_mutex_lock(&b->lock);
	while (i < b->n) {
		struct interval *it = &b->open[i];

		if (it->lasting || !path_under(it->scope, scope) ||
		    it->opened_ms > started_ms) {
			i++;
			continue;
		}
		tell_closed(b, it, differences);
		free(it->scope);
		*it = b->open[b->n - 1];
		atomic_fetch_sub(&b->n, 1);
	}
	pthread_mutex_unlock(&b->lock);
}

unsigned int
blind_count(const struct blind *b)
{
	return atomic_load(&b->n);
}
