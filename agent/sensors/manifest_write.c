/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing a manifest: streamed, so that a large tree costs no memory.  Runs
 * on the job thread of the sensors process.
 */
#include "agent/sensors/manifest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"

#define FLUSH_AT (64 * 1024)
#define LINE_ROOM (8 * PATH_LEN)

struct writer {
	int fd;
	struct digest *digest;
	struct buf line; /* FLUSH_AT and one line */
	int failed;
};

static void
flush(struct writer *w)
{
	if (w->failed == 0 && w->line.len > 0) {
		digest_add(w->digest, w->line.data, w->line.len);
		w->failed = file_write_all(w->fd, w->line.data, w->line.len);
	}
	buf_clear(&w->line);
}

static void
done_line(struct writer *w, int r)
{
	if (r != 0 && w->failed == 0)
		w->failed = r;
	if (w->line.len >= FLUSH_AT)
		flush(w);
}

static bool
has_digest(const struct entry *e)
{
	return (S_ISREG(e->mode) || S_ISLNK(e->mode)) &&
	    !(e->flags & ENTRY_UNREAD);
}

static void
write_file(struct writer *w, const struct rec *rec)
{
	char path[PATH_LEN], hex[DIGEST_HEX_MAX] = "-", xattr[20] = "-";
	const struct entry *e = rec->e;
	int r;

	if (path_join(path, rec->dir, rec->name) != 0)
		return;
	if (has_digest(e))
		hex_encode(hex, e->sha256, DIGEST_LEN);
	if (e->xattr != 0)
		snprintf(xattr, sizeof(xattr), "%016" PRIx64, e->xattr);
	r = buf_printf(&w->line, "%06o %u %u %" PRIu64 " %s %s ",
	    (unsigned int)e->mode, e->uid, e->gid, e->size, hex, xattr);
	if (r == 0)
		r = picture_escape(&w->line, path);
	if (r == 0)
		r = buf_add_u8(&w->line, '\n');
	done_line(w, r);
}

static void
write_picture(struct writer *w, const char *name, const struct picture *p)
{
	size_t i;
	int r;

	done_line(w, buf_printf(&w->line, "== %s %zu\n", name, p->n));
	for (i = 0; i < p->n; i++) {
		r = picture_escape(&w->line, p->line[i].class);
		if (r == 0)
			r = buf_add_u8(&w->line, ' ');
		if (r == 0)
			r = picture_escape(&w->line, p->line[i].key);
		if (r == 0)
			r = buf_add_u8(&w->line, ' ');
		if (r == 0)
			r = picture_escape(&w->line, p->line[i].value);
		if (r == 0)
			r = buf_add_u8(&w->line, '\n');
		done_line(w, r);
	}
}

static void
write_all(struct writer *w, const struct manifest_source *src)
{
	char made[CLOCK_TEXT_MAX];
	size_t i;

	done_line(w, buf_printf(&w->line,
	    "cordon-manifest 1\nid %s\nhost %s\nmade %s\n== files %zu\n",
	    src->id, src->host_id[0] != '\0' ? src->host_id : "-",
	    clock_format(made, src->made_ms, true), src->files->n));
	for (i = 0; i < src->files->n; i++)
		write_file(w, &src->files->rec[i]);
	write_picture(w, "accounts", src->accounts);
	write_picture(w, "persistence", src->places);
	done_line(w, buf_add_str(&w->line, "== end\n"));
	flush(w);
}

static int
sync_folder(const char *path)
{
	char dir[PATH_LEN];
	const char *name;
	int fd, r;

	if (path_split(path, dir, &name) != 0)
		return ERR_RANGE;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	r = fsync(fd) == 0 ? 0 : ERR_IO;
	close(fd);
	return r;
}

int
manifest_write(const char *path, const struct manifest_source *src,
    uint8_t digest[DIGEST_LEN], struct why *why)
{
	struct writer w = {.fd = -1};
	char tmp[PATH_LEN];
	int r;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= PATH_LEN)
		return why_set(why, ERR_LIMIT, "%s: too long", path);
	buf_init(&w.line, FLUSH_AT + LINE_ROOM);
	w.digest = digest_new();
	unlink(tmp); /* of a run that was stopped */
	w.fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (w.fd < 0 || w.digest == NULL) {
		r = why_sys(why, ERR_IO, "%s", tmp);
		goto done;
	}
	digest_begin(w.digest);
	write_all(&w, src);
	r = w.failed;
	if (r == 0 && (fsync(w.fd) != 0 || rename(tmp, path) != 0 ||
	    sync_folder(path) != 0))
		r = ERR_IO;
	if (r != 0) {
		why_sys(why, r, "%s", path);
		unlink(tmp);
	} else {
		digest_end(w.digest, digest);
	}
done:
	if (w.fd >= 0)
		close(w.fd);
	digest_free(&w.digest);
	buf_done(&w.line);
	return r;
}
