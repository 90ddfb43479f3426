/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The signer's memory: a text file that only grows, one line a fact, and is
 * written anew when it is long.  Runs in cordon-signer.
 *
 *   cut H-7F3A9K2M 1763800000000
 *   open H-7F3A9K2M 1763803600000
 *   drill H-7F3A9K2M 1763803600000
 *   head 17
 */
#include "server/signer/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"

#define COMPACT_BYTES (1024 * 1024)
#define LINE_MAX_LEN 80
#define PATH_LEN 4096

struct counted {
	char host_id[ID_MAX];
	int64_t at;
};

struct side {
	struct counted *list; /* limit entries */
	size_t n;
};

struct journal {
	char path[PATH_LEN];
	int fd; /* O_APPEND; -1 after a failure: tried again */
	size_t bytes;
	int64_t limit;
	struct side side[JOURNAL_SIDES];
	uint64_t head;
	/* The mark as it was at the start of this and the last minute. */
	uint64_t floor_now, floor_before;
	int64_t floor_at;
};

static const char *const side_names[] = { "cut", "open",
	"drill" };

/* -- counting ------------------------------------------------------------- */

static void
forget_old(struct side *s, int64_t now)
{
	size_t i, kept = 0;

	for (i = 0; i < s->n; i++) {
		/* From a clock that was ahead: it counts from now on. */
		if (s->list[i].at > now)
			s->list[i].at = now;
		if (now - s->list[i].at < JOURNAL_WINDOW_MS)
			s->list[kept++] = s->list[i];
	}
	s->n = kept;
}

static struct counted *
find_host(struct side *s, const char *host_id)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->list[i].host_id, host_id) == 0)
			return &s->list[i];
	return NULL;
}

/* ERR_PERM when LIMIT hosts are there already and this is another one. */
static int
count_host(struct journal *j, enum journal_side side, const char *host_id,
    int64_t at)
{
	struct side *s = &j->side[side];
	struct counted *c = find_host(s, host_id);

	if (c == NULL) {
		if ((int64_t)s->n >= j->limit)
			return ERR_PERM;
		c = &s->list[s->n++];
		snprintf(c->host_id, sizeof(c->host_id), "%s", host_id);
	}
	c->at = at;
	return 0;
}

/* -- the file ------------------------------------------------------------- */

static int
parse_line(struct journal *j, const char *line)
{
	char word[8], host[ID_MAX], tail;
	uint64_t head;
	int64_t at;
	int i;

	if (sscanf(line, "head %" SCNu64 "%c", &head, &tail) == 1) {
		if (head > j->head)
			j->head = head;
		return 0;
	}
	if (sscanf(line, "%7s %31s %" SCNd64 "%c", word, host, &at,
	    &tail) != 3 || !id_valid(host) || at < 0)
		return ERR_CORRUPT;
	for (i = 0; i < JOURNAL_SIDES; i++) {
		if (strcmp(word, side_names[i]) != 0)
			continue;
		/* Above a limit that was lowered: the budget is used up. */
		if (j->limit > 0)
			(void)count_host(j, (enum journal_side)i, host, at);
		return 0;
	}
	return ERR_CORRUPT;
}

static int
parse(struct journal *j, struct buf *b, struct why *why)
{
	char *text, *end;
	size_t line = 0;

	if (buf_str(b) == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	text = (char *)b->data;
	/* What stands behind the last newline was cut by a power cut. */
	for (; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		line++;
		if (parse_line(j, text) != 0)
			return why_set(why, ERR_CORRUPT,
			    "%s:%zu: not a line of the journal; move the "
			    "file away if the last hour's budget may be "
			    "forgotten", j->path, line);
	}
	return 0;
}

/* Write what still counts as a fresh file and open that for appending. */
static int
rewrite(struct journal *j, struct why *why)
{
	struct buf b;
	size_t i;
	int k, rc;

	buf_init(&b, JOURNAL_FILE_MAX);
	rc = buf_printf(&b, "head %" PRIu64 "\n", j->head);
	for (k = 0; k < JOURNAL_SIDES; k++)
		for (i = 0; i < j->side[k].n && rc == 0; i++)
			rc = buf_printf(&b, "%s %s %" PRId64 "\n",
			    side_names[k], j->side[k].list[i].host_id,
			    j->side[k].list[i].at);
	if (rc == 0)
		rc = file_write(j->path, b.data, b.len, 0600, why);
	if (rc == 0) {
		if (j->fd >= 0)
			close(j->fd);
		j->fd = open(j->path, O_WRONLY | O_APPEND | O_CLOEXEC |
		    O_NOFOLLOW);
		if (j->fd < 0)
			rc = why_sys(why, ERR_IO, "cannot open %s", j->path);
		j->bytes = b.len;
	}
	buf_done(&b);
	return rc;
}

static int
append(struct journal *j, const char *line, bool sync)
{
	size_t len = strlen(line);
	struct why why;

	if (j->fd < 0 || j->bytes > COMPACT_BYTES) {
		if (rewrite(j, &why) != 0)
			log_error("%s", why.text);
		if (j->fd < 0)
			return ERR_IO;
	}
	j->bytes += len;
	if (file_write_all(j->fd, line, len) == 0 &&
	    (!sync || fdatasync(j->fd) == 0))
		return 0;
	log_error("cannot write %s: %s", j->path, strerror(errno));
	/* Half a line may stand there now: the next one starts afresh. */
	close(j->fd);
	j->fd = -1;
	return ERR_IO;
}

int
journal_open(const char *dir, int64_t limit, int64_t now,
    struct journal **out, struct why *why)
{
	struct journal *j;
	struct buf b;
	int rc, i;

	if (limit < 0 || limit > JOURNAL_BUDGET_MAX)
		return why_set(why, ERR_RANGE, "budget: 0 to %d hosts an "
		    "hour", JOURNAL_BUDGET_MAX);
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	j->fd = -1;
	j->limit = limit;
	buf_init(&b, JOURNAL_FILE_MAX);
	rc = file_join(j->path, sizeof(j->path), dir, JOURNAL_FILE);
	if (rc != 0)
		rc = why_set(why, rc, "the path is too long");
	for (i = 0; i < JOURNAL_SIDES && rc == 0 && limit > 0; i++) {
		j->side[i].list = calloc((size_t)limit,
		    sizeof(*j->side[i].list));
		if (j->side[i].list == NULL)
			rc = why_set(why, ERR_NOMEM, "out of memory");
	}
	if (rc == 0) {
		rc = file_read(j->path, &b, why);
		if (rc == 0)
			rc = parse(j, &b, why);
		else if (rc == ERR_NOENT)
			rc = 0;
	}
	buf_done(&b);
	if (rc == 0) {
		for (i = 0; i < JOURNAL_SIDES; i++)
			forget_old(&j->side[i], now);
		j->floor_now = j->floor_before = j->head;
		j->floor_at = now;
		rc = rewrite(j, why);
	}
	if (rc != 0)
		journal_close(&j);
	else
		*out = j;
	return rc;
}

void
journal_close(struct journal **jp)
{
	struct journal *j = *jp;
	int i;

	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	for (i = 0; i < JOURNAL_SIDES; i++)
		free(j->side[i].list);
	free(j);
	*jp = NULL;
}

/* -- questions ------------------------------------------------------------ */

int
journal_host(struct journal *j, enum journal_side side, const char *host_id,
    int64_t now, struct why *why)
{
	static const char *const said[] = { "cut off", "opened", "drilled" };
	char line[LINE_MAX_LEN];

	if (!id_valid(host_id))
		return why_set(why, ERR_RANGE, "the host id is malformed");
	if (j->limit == 0)
		return 0;
	forget_old(&j->side[side], now);
	if (count_host(j, side, host_id, now) != 0)
		return why_set(why, ERR_PERM, "the signer's budget is used "
		    "up: %" PRId64 " hosts were %s within an hour", j->limit,
		    said[side]);
	snprintf(line, sizeof(line), "%s %s %" PRId64 "\n", side_names[side],
	    host_id, now);
	/* No sync: a restart of ours must remember, a power cut need not. */
	(void)append(j, line, false);
	return 0;
}

int64_t
journal_count(struct journal *j, enum journal_side side, int64_t now)
{
	forget_old(&j->side[side], now);
	return (int64_t)j->side[side].n;
}

int
journal_head(struct journal *j, uint64_t number, int64_t now,
    struct why *why)
{
	char line[LINE_MAX_LEN];

	if (number < j->head)
		return why_set(why, ERR_PERM, "the audit log was signed up "
		    "to %" PRIu64 ", a head at %" PRIu64 " would be older",
		    j->head, number);
	if (now - j->floor_at >= JOURNAL_END_SLACK_MS || now < j->floor_at) {
		j->floor_before = now - j->floor_at >=
		    2 * JOURNAL_END_SLACK_MS ? j->head : j->floor_now;
		j->floor_now = j->head;
		j->floor_at = now;
	}
	j->head = number;
	snprintf(line, sizeof(line), "head %" PRIu64 "\n", number);
	(void)append(j, line, true);
	return 0;
}

int
journal_end(struct journal *j, uint64_t number, int64_t now,
    struct why *why)
{
	uint64_t floor = j->floor_before;

	/* No head for a minute: nothing can have moved under the export. */
	if (now - j->floor_at >= 2 * JOURNAL_END_SLACK_MS)
		floor = j->head;
	if (number < floor)
		return why_set(why, ERR_PERM, "the audit log was signed up "
		    "to %" PRIu64 ", this export ends at %" PRIu64
		    ": lines are missing", j->head, number);
	return 0;
}
