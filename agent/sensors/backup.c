/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backup sets.  Runs on a thread of its own of the sensors process.  The
 * sets belong to a backup program; names and times in them are its word.
 */
#include "agent/sensors/backup.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/budget.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/notes.h"
#include "agent/sensors/path.h"
#include "agent/sensors/tree.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define DEPTH_MAX 64

struct set {
	char name[NAME_MAX + 1];
	int64_t mtime_s;
};

struct folder {
	const char *path; /* of the settings */
	enum backup_fault fault; /* as last told */
	struct set newest, before;
	uint64_t size_before; /* of BEFORE; walked once */
	char size_of[NAME_MAX + 1];
};

struct backup {
	struct sensor *s;
	struct folder folder[BACKUP_FOLDERS_MAX];
	size_t folders;
	int64_t look_ms; /* boot: next look at the folders */
	struct timespec notes; /* change of the state folder, last seen */
	int64_t every_ms;
	struct budget budget;
	struct manifest_file file;
};

enum backup_fault
backup_judge(const struct backup_state *s, uint32_t max_age_s,
    uint32_t drop_percent)
{
	if (!s->any || s->age_s > (int64_t)max_age_s)
		return BACKUP_OLD;
	if (!s->settled)
		return BACKUP_GOOD;
	if (s->missing > 0)
		return BACKUP_INCOMPLETE;
	if (s->size_before > 0 && s->size < s->size_before / 100 *
	    (100 - drop_percent))
		return BACKUP_SMALL;
	return BACKUP_GOOD;
}

/* -- looking ---------------------------- */

/* The two newest entries of the folder. */
static void
find_sets(struct backup *b, struct folder *f)
{
	struct set one, none = {"", 0};
	const struct dirent *de;
	struct stat st;
	DIR *d = NULL;
	int fd = path_open(f->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);

	f->newest = f->before = none;
	if (fd >= 0)
		d = fdopendir(fd);
	while (d != NULL && (de = readdir(d)) != NULL) {
		budget_pace(&b->budget);
		if (de->d_name[0] == '.' || fstatat(fd, de->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) != 0 ||
		    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			continue;
		strcpy(one.name, de->d_name);
		one.mtime_s = st.st_mtim.tv_sec;
		if (f->newest.name[0] == '\0' ||
		    one.mtime_s > f->newest.mtime_s) {
			f->before = f->newest;
			f->newest = one;
		} else if (f->before.name[0] == '\0' ||
		    one.mtime_s > f->before.mtime_s) {
			f->before = one;
		}
	}
	if (d != NULL)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

/* Bytes of regular files at NAME in DIRFD and below it. */
static uint64_t
size_at(struct backup *b, int dirfd, const char *name, int depth)
{
	const struct dirent *de;
	struct stat st;
	uint64_t sum = 0;
	DIR *d;
	int fd;

	budget_pace(&b->budget);
	if (atomic_load(&b->s->env->stop) || depth > DEPTH_MAX ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return (uint64_t)st.st_size;
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			sum += size_at(b, fd, de->d_name, depth + 1);
	closedir(d);
	return sum;
}

static uint64_t
size_of(struct backup *b, const char *folder, const char *name)
{
	uint64_t size;
	int fd = path_open(folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK);

	if (fd < 0)
		return 0;
	size = size_at(b, fd, name, 0);
	close(fd);
	return size;
}

/* Is FILE of the manifest there, of the size that it had? */
static bool
is_there(const char *set, const struct manifest_file *file)
{
	char path[PATH_LEN];
	struct stat st;
	const char *name;
	int fd, r;

	if (strlen(set) + strlen(file->path) >= sizeof(path))
		return false;
	strcpy(path, set);
	strcat(path, file->path);
	fd = path_open_parent(path, &name);
	r = fd < 0 ? -1 : fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW);
	if (fd >= 0)
		close(fd);
	return r == 0 && (st.st_mode & S_IFMT) == (file->mode & S_IFMT) &&
	    (!S_ISREG(st.st_mode) || (uint64_t)st.st_size == file->size);
}

/* Files that the newest manifest of this set has and the set has not. */
static uint64_t
missing_of(struct backup *b, const char *set)
{
	struct manifest *m = NULL;
	char path[PATH_LEN];
	uint64_t missing = 0;
	struct why why;
	size_t at = 0;

	if (tree_newest(b->s->env->settings->state_dir, set, path) != 0)
		return 0;
	if (manifest_open(path, NULL, &m, &why) != 0) {
		log_warn("%s", why.text);
		return 0;
	}
	while (manifest_next(m, &at, &b->file) == 0 &&
	    !atomic_load(&b->s->env->stop)) {
		budget_pace(&b->budget);
		missing += !is_there(set, &b->file);
	}
	manifest_free(&m);
	return missing;
}

static void
look_at(struct backup *b, struct folder *f, struct backup_state *st)
{
	int64_t now = clock_wall_ms() / 1000;
	char set[PATH_LEN];

	memset(st, 0, sizeof(*st));
	find_sets(b, f);
	if (f->newest.name[0] == '\0' ||
	    path_join(set, f->path, f->newest.name) != 0)
		return;
	st->any = true;
	st->age_s = now > f->newest.mtime_s ? now - f->newest.mtime_s : 0;
	st->settled = st->age_s >= BACKUP_SETTLED_S;
	if (!st->settled)
		return;
	st->size = size_of(b, f->path, f->newest.name);
	if (f->before.name[0] != '\0' &&
	    strcmp(f->before.name, f->size_of) != 0) {
		f->size_before = size_of(b, f->path, f->before.name);
		strcpy(f->size_of, f->before.name);
	}
	st->size_before = f->before.name[0] != '\0' ? f->size_before : 0;
	st->missing = missing_of(b, set);
}

/* -- telling ---------------------------- */

static void
tell(struct backup *b, struct folder *f, const struct backup_state *st,
    enum backup_fault fault)
{
	static const char *const kind[] = {"data.backup-good",
	    "data.backup-old", "data.backup-incomplete", "data.backup-small"};
	struct emit_signal s;

	emit_init(&s, kind[fault], f->path);
	if (st->any) {
		emit_add(&s, "set", f->newest.name);
		emit_addf(&s, "age.hours", "%" PRId64, st->age_s / 3600);
	} else {
		emit_add(&s, "set", "none is there");
	}
	emit_addf(&s, "size", "%" PRIu64, st->size);
	if (st->size_before > 0) {
		emit_add(&s, "set.before", f->before.name);
		emit_addf(&s, "size.before", "%" PRIu64, st->size_before);
	}
	if (st->missing > 0)
		emit_addf(&s, "missing", "%" PRIu64, st->missing);
	emit_send(b->s->env->out, &s);
}

static void
look(struct backup *b, struct folder *f)
{
	const Cordon__Settings *set = b->s->env->settings;
	struct backup_state st;
	enum backup_fault fault;

	look_at(b, f, &st);
	if (atomic_load(&b->s->env->stop))
		return;
	fault = backup_judge(&st, set->backup_age_s, set->backup_drop);
	if (fault == f->fault)
		return;
	/* One in the making cannot yet excuse what the last one was. */
	if (fault == BACKUP_GOOD && st.any && !st.settled)
		return;
	f->fault = fault;
	tell(b, f, &st, fault);
}

/* -- the sensor ---------------------------- */

/* A folder that is as it was holds no new ones. */
static void
look_for_notes(struct backup *b)
{
	const char *dir = b->s->env->settings->state_dir;
	struct stat st;

	if (stat(dir, &st) != 0 || (st.st_mtim.tv_sec == b->notes.tv_sec &&
	    st.st_mtim.tv_nsec == b->notes.tv_nsec))
		return;
	b->notes = st.st_mtim;
	notes_tell(dir, b->s->env->out);
}

static void
backup_on_timer(struct sensor *s)
{
	struct backup *b = s->state;
	int64_t now = clock_boot_ms();
	size_t i;

	look_for_notes(b);
	if (now >= b->look_ms) {
		for (i = 0; i < b->folders; i++)
			look(b, &b->folder[i]);
		b->look_ms = now + b->every_ms;
	}
	s->due_ms = clock_boot_ms() + BACKUP_NOTES_MS;
}

static void
backup_on_fd(struct sensor *s)
{
	(void)s; /* it has none */
}

static int
backup_start(struct sensor *s, struct why *why)
{
	const Cordon__Settings *set = s->env->settings;
	struct backup *b = calloc(1, sizeof(*b));
	size_t i;

	if (b == NULL)
		return why_set(why, ERR_NOMEM, "backup sensor");
	s->state = b;
	b->s = s;
	if (set->n_backup > BACKUP_FOLDERS_MAX)
		return why_set(why, ERR_LIMIT, "more than %d folders of "
		    "backups", BACKUP_FOLDERS_MAX);
	for (i = 0; i < set->n_backup; i++) {
		if (!path_clean(set->backup[i]))
			return why_set(why, ERR_CONFIG, "backup \"%s\": write "
			    "an absolute path", set->backup[i]);
		b->folder[b->folders++].path = set->backup[i];
	}
	b->every_ms = set->backup_age_s * 100LL; /* a tenth of it */
	if (b->every_ms > BACKUP_EVERY_MAX_MS)
		b->every_ms = BACKUP_EVERY_MAX_MS;
	if (b->every_ms < BACKUP_EVERY_MIN_MS)
		b->every_ms = BACKUP_EVERY_MIN_MS;
	budget_init(&b->budget, s->percent);
	s->due_ms = clock_boot_ms();
	return 0;
}

static void
backup_stop(struct sensor *s)
{
	free(s->state);
	s->state = NULL;
}

const struct sensor_kind backup_sensor = {
	.name = "backup",
	.start = backup_start,
	.on_fd = backup_on_fd,
	.on_timer = backup_on_timer,
	.stop = backup_stop,
	.stack = 256 * 1024,
};
