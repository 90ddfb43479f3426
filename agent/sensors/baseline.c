/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The baseline file and the changes beside it.  Runs in the sensors
 * process.  The file may have been changed by an attacker who became our
 * user: nothing in it is used before all of it was checked.
 */
#include "agent/sensors/baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"

#define MAGIC "CORDONB1"
#define SLOTS_MIN 64

struct header {
	char magic[8];
	uint32_t folders;
	uint32_t entries;
	uint64_t names; /* bytes */
	int64_t made_ms;
};

struct folder {
	uint32_t path_off;
	uint32_t first; /* entry */
	uint32_t count;
};

/* One change: PATH is E now, or gone. */
struct change {
	char *path;
	bool gone;
	struct entry e;
};

struct baseline {
	const uint8_t *map;
	size_t map_len;
	bool mapped; /* else lent */
	struct header h;
	const struct folder *folder;
	const struct entry *entry;
	const char *names;
	struct change **slot; /* open addressing, power of two */
	size_t slots, used;
	size_t count;
	pthread_mutex_t *lock; /* lent; NULL: nobody else searches */
};

static void
lock(const struct baseline *b)
{
	if (b->lock != NULL)
		pthread_mutex_lock(b->lock);
}

static void
unlock(const struct baseline *b)
{
	if (b->lock != NULL)
		pthread_mutex_unlock(b->lock);
}

void
baseline_share(struct baseline *b, pthread_mutex_t *with)
{
	b->lock = with;
}

int
rec_cmp(const void *va, const void *vb)
{
	const struct rec *a = va, *b = vb;
	int c = a->dir == b->dir ? 0 : strcmp(a->dir, b->dir);

	return c != 0 ? c : strcmp(a->name, b->name);
}

/* -- checking ---------------------------- */

static int
check_sizes(struct baseline *b, size_t len, struct why *why)
{
	uint64_t want;

	if (len < sizeof(b->h) + DIGEST_LEN)
		return why_set(why, ERR_CORRUPT, "baseline: too short");
	memcpy(&b->h, b->map, sizeof(b->h));
	if (memcmp(b->h.magic, MAGIC, sizeof(b->h.magic)) != 0)
		return why_set(why, ERR_CORRUPT, "baseline: not one of ours");
	if (b->h.entries > BASELINE_ENTRIES_MAX ||
	    b->h.folders > BASELINE_ENTRIES_MAX || b->h.names > UINT32_MAX)
		return why_set(why, ERR_CORRUPT, "baseline: counts too large");
	want = sizeof(b->h) + (uint64_t)b->h.entries * sizeof(struct entry) +
	    (uint64_t)b->h.folders * sizeof(struct folder) + b->h.names +
	    DIGEST_LEN;
	if (want != len)
		return why_set(why, ERR_CORRUPT,
		    "baseline: %zu bytes, header says %llu", len,
		    (unsigned long long)want);
	b->entry = (const void *)(b->map + sizeof(b->h));
	b->folder = (const void *)(b->entry + b->h.entries);
	b->names = (const char *)(b->folder + b->h.folders);
	if (b->h.names > 0 && b->names[b->h.names - 1] != '\0')
		return why_set(why, ERR_CORRUPT, "baseline: names not ended");
	return 0;
}

static int
check_entries(const struct baseline *b, const struct folder *f,
    struct why *why)
{
	const char *name, *last = NULL;
	uint32_t i;

	for (i = f->first; i < f->first + f->count; i++) {
		if (b->entry[i].name_off >= b->h.names)
			return why_set(why, ERR_CORRUPT,
			    "baseline: entry %u: name outside", i);
		name = b->names + b->entry[i].name_off;
		if (name[0] == '\0' || strchr(name, '/') != NULL ||
		    strlen(name) > NAME_MAX)
			return why_set(why, ERR_CORRUPT,
			    "baseline: entry %u: bad name", i);
		if (last != NULL && strcmp(last, name) >= 0)
			return why_set(why, ERR_CORRUPT,
			    "baseline: entry %u: not in order", i);
		last = name;
	}
	return 0;
}

static int
check_folders(const struct baseline *b, struct why *why)
{
	const struct folder *f;
	const char *path, *last = NULL;
	uint32_t i, next = 0;
	int r;

	for (i = 0; i < b->h.folders; i++) {
		f = &b->folder[i];
		if (f->path_off >= b->h.names || f->first != next ||
		    f->count == 0 || f->count > b->h.entries - next)
			return why_set(why, ERR_CORRUPT,
			    "baseline: folder %u: out of bounds", i);
		path = b->names + f->path_off;
		if (!path_clean(path) ||
		    (last != NULL && strcmp(last, path) >= 0))
			return why_set(why, ERR_CORRUPT,
			    "baseline: folder %u: bad path or order", i);
		r = check_entries(b, f, why);
		if (r != 0)
			return r;
		next += f->count;
		last = path;
	}
	if (next != b->h.entries)
		return why_set(why, ERR_CORRUPT,
		    "baseline: entries without a folder");
	return 0;
}

static int
check_all(struct baseline *b, struct why *why)
{
	uint8_t sum[DIGEST_LEN];
	int r;

	r = check_sizes(b, b->map_len, why);
	if (r != 0)
		return r;
	digest_of(b->map, b->map_len - DIGEST_LEN, sum);
	if (memcmp(sum, b->map + b->map_len - DIGEST_LEN, DIGEST_LEN) != 0)
		return why_set(why, ERR_CORRUPT,
		    "baseline: digest does not fit");
	r = check_folders(b, why);
	b->count = b->h.entries;
	return r;
}

/* -- opening, freeing ---------------------------- */

int
baseline_from(const void *data, size_t len, struct baseline **out,
    struct why *why)
{
	struct baseline *b = calloc(1, sizeof(*b));
	int r;

	if (b == NULL)
		return why_set(why, ERR_NOMEM, "baseline");
	b->map = data;
	b->map_len = len;
	r = check_all(b, why);
	if (r == 0)
		*out = b;
	else
		baseline_free(&b);
	return r;
}

static int
map_file(int fd, const char *path, struct baseline *b, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return why_sys(why, ERR_IO, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return why_set(why, ERR_CORRUPT, "%s: empty or no file",
		    path);
	b->map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
	    0);
	if (b->map == MAP_FAILED) {
		b->map = NULL;
		return why_sys(why, ERR_IO, "%s: mmap", path);
	}
	b->map_len = (size_t)st.st_size;
	b->mapped = true;
	return 0;
}

int
baseline_open(const char *path, struct baseline **out, struct why *why)
{
	struct baseline *b = NULL;
	int fd, r;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return why_sys(why, errno == ENOENT ? ERR_NOENT : ERR_IO,
		    "%s", path);
	r = ERR_NOMEM;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		goto done;
	r = map_file(fd, path, b, why);
	if (r == 0)
		r = check_all(b, why);
	if (r != 0)
		goto done;
	baseline_rest(b);
	*out = b;
	b = NULL;
done:
	close(fd);
	baseline_free(&b);
	return r;
}

void
baseline_free(struct baseline **bp)
{
	struct baseline *b = *bp;
	size_t i;

	if (b == NULL)
		return;
	for (i = 0; i < b->slots; i++)
		if (b->slot[i] != NULL) {
			free(b->slot[i]->path);
			free(b->slot[i]);
		}
	free(b->slot);
	if (b->mapped)
		munmap((void *)(uintptr_t)b->map, b->map_len);
	free(b);
	*bp = NULL;
}

void
baseline_rest(const struct baseline *b)
{
	if (b != NULL && b->mapped)
		madvise((void *)(uintptr_t)b->map, b->map_len,
		    MADV_DONTNEED);
}

/* -- writing ---------------------------- */

struct sizes {
	size_t folders, names;
};

static struct sizes
measure(const struct rec *rec, size_t n)
{
	struct sizes s = {0, 0};
	size_t i;

	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(rec[i].dir, rec[i - 1].dir) != 0) {
			s.folders++;
			s.names += strlen(rec[i].dir) + 1;
		}
		s.names += strlen(rec[i].name) + 1;
	}
	return s;
}

static void
fill(uint8_t *at, const struct header *h, const struct rec *rec, size_t n)
{
	struct entry *entry = (void *)(at + sizeof(*h));
	struct folder *folder = (void *)(entry + h->entries);
	char *names = (char *)(folder + h->folders);
	size_t i, len, off = 0;

	memcpy(at, h, sizeof(*h));
	folder--;
	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(rec[i].dir, rec[i - 1].dir) != 0) {
			folder++;
			folder->path_off = (uint32_t)off;
			folder->first = (uint32_t)i;
			len = strlen(rec[i].dir) + 1;
			memcpy(names + off, rec[i].dir, len);
			off += len;
		}
		folder->count++;
		entry[i] = *rec[i].e;
		entry[i].name_off = (uint32_t)off;
		len = strlen(rec[i].name) + 1;
		memcpy(names + off, rec[i].name, len);
		off += len;
	}
	digest_of(at, (size_t)((uint8_t *)names + off - at),
	    (uint8_t *)names + off);
}

int
baseline_write(const char *path, const struct rec *rec, size_t n,
    struct why *why)
{
	struct sizes s = measure(rec, n);
	struct header h = {
	    .magic = MAGIC,
	    .folders = (uint32_t)s.folders,
	    .entries = (uint32_t)n,
	    .names = s.names,
	    .made_ms = clock_wall_ms(),
	};
	size_t len;
	uint8_t *data;
	int r;

	if (n > BASELINE_ENTRIES_MAX || s.names > UINT32_MAX)
		return why_set(why, ERR_LIMIT, "baseline: too many files");
	len = sizeof(h) + n * sizeof(struct entry) +
	    s.folders * sizeof(struct folder) + s.names + DIGEST_LEN;
	data = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return why_sys(why, ERR_NOMEM, "baseline of %zu bytes", len);
	fill(data, &h, rec, n);
	r = file_write(path, data, len, 0600, why);
	munmap(data, len);
	return r;
}

/* -- searching the file ---------------------------- */

size_t
baseline_count(const struct baseline *b)
{
	return b->count;
}

size_t
baseline_filed(const struct baseline *b)
{
	return b->h.entries;
}

size_t
baseline_pending(const struct baseline *b)
{
	return b->used;
}

static const char *
folder_path(const struct baseline *b, size_t nr)
{
	return b->names + b->folder[nr].path_off;
}

/* First folder whose path is not below PATH in byte order. */
static size_t
folder_bound(const struct baseline *b, const char *path)
{
	size_t lo = 0, hi = b->h.folders, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(folder_path(b, mid), path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

long
baseline_folder(const struct baseline *b, const char *dir)
{
	size_t nr = folder_bound(b, dir);

	if (nr == b->h.folders || strcmp(folder_path(b, nr), dir) != 0)
		return -1;
	return (long)nr;
}

long
baseline_in(const struct baseline *b, long folder, const char *name,
    const struct entry **e)
{
	const struct folder *f;
	size_t lo, hi, mid;
	int c;

	if (folder < 0)
		return -1;
	f = &b->folder[folder];
	lo = f->first;
	hi = f->first + f->count;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(b->names + b->entry[mid].name_off, name);
		if (c == 0) {
			*e = &b->entry[mid];
			return (long)mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

void
baseline_at(const struct baseline *b, size_t nr, struct rec *r)
{
	size_t lo = 0, hi = b->h.folders, mid;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (b->folder[mid].first <= nr)
			lo = mid;
		else
			hi = mid;
	}
	r->dir = folder_path(b, lo);
	r->name = b->names + b->entry[nr].name_off;
	r->e = &b->entry[nr];
}

/* -- changes in memory ---------------------------- */

static size_t
hash_path(const char *path)
{
	uint64_t h = 1469598103934665603ULL; /* FNV-1a */

	for (; *path != '\0'; path++)
		h = (h ^ (uint8_t)*path) * 1099511628211ULL;
	return (size_t)(h ^ (h >> 32));
}

/* The slot that holds PATH, or the empty one where it would go. */
static struct change **
slot_of(struct change **slot, size_t slots, const char *path)
{
	size_t i = hash_path(path) & (slots - 1);

	while (slot[i] != NULL && strcmp(slot[i]->path, path) != 0)
		i = (i + 1) & (slots - 1);
	return &slot[i];
}

static int
grow(struct baseline *b)
{
	size_t i, n = b->slots == 0 ? SLOTS_MIN : b->slots * 2;
	struct change **slot = calloc(n, sizeof(struct change *));

	if (slot == NULL)
		return ERR_NOMEM;
	for (i = 0; i < b->slots; i++)
		if (b->slot[i] != NULL)
			*slot_of(slot, n, b->slot[i]->path) = b->slot[i];
	free(b->slot);
	b->slot = slot;
	b->slots = n;
	return 0;
}

static bool
get_filed(const struct baseline *b, const char *path,
    const struct entry **e)
{
	char dir[PATH_LEN];
	const char *name;

	return path_split(path, dir, &name) == 0 &&
	    baseline_in(b, baseline_folder(b, dir), name, e) >= 0;
}

bool
baseline_get(const struct baseline *b, const char *path, struct entry *out)
{
	const struct entry *e;
	struct change *c = NULL;

	if (b->slots > 0)
		c = *slot_of(b->slot, b->slots, path);
	if (c != NULL) {
		if (!c->gone)
			*out = c->e;
		return !c->gone;
	}
	if (!get_filed(b, path, &e))
		return false;
	*out = *e;
	return true;
}

static struct change *
change_new(struct baseline *b, const char *path)
{
	struct change *c;

	if ((b->used + 1) * 2 > b->slots && grow(b) != 0)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->path = strdup(path);
	if (c->path == NULL) {
		free(c);
		return NULL;
	}
	*slot_of(b->slot, b->slots, path) = c;
	b->used++;
	return c;
}

static int
put(struct baseline *b, const char *path, const struct entry *e)
{
	struct entry before;
	bool had = baseline_get(b, path, &before);
	struct change *c = NULL;

	if (!had && e == NULL)
		return 0;
	if (b->slots > 0)
		c = *slot_of(b->slot, b->slots, path);
	if (c == NULL)
		c = change_new(b, path);
	if (c == NULL)
		return ERR_NOMEM;
	c->gone = e == NULL;
	if (e != NULL)
		c->e = *e;
	if (had && e == NULL)
		b->count--;
	else if (!had)
		b->count++;
	return 0;
}

int
baseline_put(struct baseline *b, const char *path, const struct entry *e)
{
	int r;

	lock(b);
	r = put(b, path, e);
	unlock(b);
	return r;
}

static bool
overridden(const struct baseline *b, const char *dir, const char *name)
{
	char path[PATH_LEN];

	return b->slots > 0 && path_join(path, dir, name) == 0 &&
	    *slot_of(b->slot, b->slots, path) != NULL;
}

/* The entries of one folder that are at or below TOP and unchanged. */
static int
each_in(const struct baseline *b, size_t nr, const char *top,
    baseline_fn *fn, void *arg)
{
	const struct folder *f = &b->folder[nr];
	const char *dir = folder_path(b, nr), *name;
	char path[PATH_LEN];
	uint32_t i;
	int r = 0;

	for (i = f->first; i < f->first + f->count && r == 0; i++) {
		name = b->names + b->entry[i].name_off;
		if (path_join(path, dir, name) != 0 ||
		    !path_under(path, top) || overridden(b, dir, name))
			continue;
		r = fn(arg, path, &b->entry[i]);
	}
	return r;
}

int
baseline_each(const struct baseline *b, const char *top, baseline_fn *fn,
    void *arg)
{
	char dir[PATH_LEN];
	const char *name;
	const struct entry *e;
	size_t i;
	int r = 0;

	/* TOP itself, then its own folder, then all folders "TOP/...". */
	if (path_split(top, dir, &name) == 0 && !overridden(b, dir, name) &&
	    baseline_in(b, baseline_folder(b, dir), name, &e) >= 0)
		r = fn(arg, top, e);
	for (i = folder_bound(b, top); i < b->h.folders && r == 0; i++) {
		if (path_under(folder_path(b, i), top))
			r = each_in(b, i, top, fn, arg);
		else if (strncmp(folder_path(b, i), top, strlen(top)) != 0)
			break;
	}
	for (i = 0; i < b->slots && r == 0; i++)
		if (b->slot[i] != NULL && !b->slot[i]->gone &&
		    path_under(b->slot[i]->path, top))
			r = fn(arg, b->slot[i]->path, &b->slot[i]->e);
	return r;
}

/* -- commit ---------------------------- */

struct list {
	struct rec *rec;
	size_t n, max;
};

/* Splits the changed paths in place; join_changes mends them. */
static void
list_changes(struct baseline *b, struct list *l)
{
	char *slash;
	size_t i;

	for (i = 0; i < b->slots; i++) {
		struct change *c = b->slot[i];

		if (c == NULL || c->gone || l->n == l->max)
			continue;
		slash = strrchr(c->path, '/');
		*slash = '\0';
		l->rec[l->n].dir = slash == c->path ? "/" : c->path;
		l->rec[l->n].name = slash + 1;
		l->rec[l->n++].e = &c->e;
	}
}

static void
list_filed(const struct baseline *b, struct list *l)
{
	const char *dir, *name;
	size_t i, k;

	for (i = 0; i < b->h.folders; i++) {
		dir = folder_path(b, i);
		for (k = 0; k < b->folder[i].count; k++) {
			const struct entry *e =
			    &b->entry[b->folder[i].first + k];

			name = b->names + e->name_off;
			if (overridden(b, dir, name) || l->n == l->max)
				continue;
			l->rec[l->n++] = (struct rec){dir, name, e};
		}
	}
}

/* Undo list_changes. */
static void
join_changes(struct list *l, size_t from)
{
	size_t i;

	for (i = from; i < l->n; i++)
		((char *)(uintptr_t)l->rec[i].name)[-1] = '/';
}

static int
commit(struct baseline **b, const char *path, struct why *why)
{
	struct list l = {NULL, 0, (*b)->count};
	struct baseline *fresh = NULL;
	size_t bytes = (l.max + 1) * sizeof(struct rec), filed;
	struct rec *sorted;
	int r;

	if ((*b)->used == 0)
		return 0;
	l.rec = mmap(NULL, bytes * 2, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (l.rec == MAP_FAILED)
		return why_sys(why, ERR_NOMEM, "baseline");
	list_filed(*b, &l);
	filed = l.n;
	list_changes(*b, &l);
	sorted = l.rec + l.max + 1;
	memcpy(sorted, l.rec, l.n * sizeof(struct rec));
	qsort(sorted, l.n, sizeof(struct rec), rec_cmp);
	r = baseline_write(path, sorted, l.n, why);
	join_changes(&l, filed);
	munmap(l.rec, bytes * 2);
	if (r == 0)
		r = baseline_open(path, &fresh, why);
	if (r != 0)
		return r;
	fresh->lock = (*b)->lock;
	baseline_free(b);
	*b = fresh;
	return 0;
}

int
baseline_commit(struct baseline **b, const char *path, struct why *why)
{
	int r;

	lock(*b);
	r = commit(b, path, why);
	unlock(*b);
	return r;
}
