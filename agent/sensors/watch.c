/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fanotify and inotify.  Runs on its own thread of the sensors process, so
 * that who did it is read while the process still lives.  Names in events
 * are whatever an intruder called his files.
 */
#include "agent/sensors/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/sensors/fanotify_event.h"
#include "agent/sensors/marks.h"
#include "agent/sensors/path.h"
#include "agent/sensors/prompt.h"
#include "agent/sensors/who.h"

#define STACK_SIZE (256 * 1024)
/* Small: each event holds a pidfd until it was looked at. */
#define READ_SIZE (16 * 1024)
#define EVENT_SIZE_MIN 32 /* with a pidfd (fanotify(7)) */
#define INOTIFY_DIRS_MAX 65536

#define MASK_CONTENT (FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | \
	FAN_MOVED_FROM | FAN_MOVED_TO | FAN_RENAME)
#define MASK_MOVED (FAN_MOVED_FROM | FAN_MOVED_TO)

#define INOTIFY_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | \
	IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK)

struct watched_root {
	char *path;
	enum rung rung;
};

struct watch {
	struct pending *pending;
	const struct ignore *ignore;
	struct feed *feed; /* NULL: no data trees */
	struct tap *tap; /* NULL: nobody listens */
	int wake_fd, stop_fd, ino_fd;
	struct marks marks;
	bool running;
	bool news; /* of the watch thread: something was lost */
	pthread_t thread;
	pthread_mutex_t lock; /* roots and dirs: thread against watch_root */
	struct watched_root root[WATCH_ROOTS_MAX];
	size_t roots;
	struct who_cache *cache; /* lent */
	const char *own_dir; /* the agent's state; NULL: none */
	watch_own_fn *own_fn;
	void *own_arg;
	atomic_uint lost;
	pthread_mutex_t ino_lock;
	char **ino_path; /* by watch descriptor; owned */
	size_t ino_max;
	bool ino_full; /* told that there are too many */
	uint8_t data[READ_SIZE] __attribute__((aligned(8)));
};

const char *
rung_str(enum rung r)
{
	static const char *const text[] = {"fanotify",
	    "fanotify, folder by folder", "inotify", "scan only"};

	return text[r];
}

/* -- paths that matter ---------------------------- */

static bool
matters(const struct watch *w, const char *path)
{
	size_t i;

	for (i = 0; i < w->roots; i++)
		if (path_under(path, w->root[i].path))
			return !ignore_has(w->ignore, path);
	return false;
}

/* Could anything in DIR matter: inside a root, or on the way to one? */
static bool
near(const struct watch *w, const char *dir)
{
	size_t i;

	if (w->own_dir != NULL && path_under(dir, w->own_dir))
		return true;
	for (i = 0; i < w->roots; i++)
		if (path_under(dir, w->root[i].path) ||
		    path_under(w->root[i].path, dir))
			return true;
	return w->feed != NULL && feed_near(w->feed, dir);
}

static void
lose(struct watch *w, enum watch_loss what)
{
	w->news = true;
	atomic_fetch_or(&w->lost, (unsigned int)what);
	tap_lose(w->tap);
}

static void
note(struct watch *w, const char *path, const char *from, struct who *who,
    unsigned int what)
{
	size_t i;

	tap_put(w->tap, path, who);
	if (matters(w, path)) {
		if (pending_add(w->pending, path, from, who, what) != 0)
			lose(w, WATCH_LOST_OWN);
		return;
	}
	/* Something above a root came, went or moved: look at the root. */
	for (i = 0; (what & PENDING_CONTENT) && i < w->roots; i++)
		if (path_under(w->root[i].path, path) &&
		    pending_add(w->pending, w->root[i].path, NULL, who,
		    PENDING_CONTENT) != 0)
			lose(w, WATCH_LOST_OWN);
}

/* -- fanotify ---------------------------- */

/* The whole path of PLACE into OUT; false if it cannot matter. */
static bool
place_path(struct watch *w, const struct fan_place *p, bool any, char *out)
{
	const char *dir = dirs_path(w->marks.dirs, p);

	if (dir == NULL)
		return false;
	if (p->name[0] == '\0' || strcmp(p->name, ".") == 0) {
		if (snprintf(out, PATH_LEN, "%s", dir) >= PATH_LEN)
			return false;
	} else if (path_join(out, dir, p->name) != 0) {
		return false;
	}
	return any || near(w, dir) || tap_wants(w->tap, out);
}

static bool
heard(const struct watch *w, const char *path)
{
	return matters(w, path) || tap_wants(w->tap, path);
}

static bool
is_data(const struct watch *w, const char *path)
{
	return w->feed != NULL && feed_find(w->feed, path) >= 0;
}

/* AT and FROM: paths or NULL. */
static void
note_data(struct watch *w, const struct fan_event *ev, const char *at,
    const char *from, struct who *who)
{
	unsigned int what = 0;
	bool moved = at != NULL && from != NULL;

	if (ev->mask & FAN_ONDIR)
		what = (ev->mask & (FAN_DELETE | MASK_MOVED | FAN_RENAME)) ?
		    FEED_FOLDER : 0;
	else
		what = (ev->mask & FAN_CREATE ? FEED_MADE : 0u) |
		    (ev->mask & FAN_CLOSE_WRITE ? FEED_WRITTEN : 0u) |
		    (ev->mask & (FAN_DELETE | FAN_MOVED_FROM) ? FEED_GONE :
								0u) |
		    (ev->mask & (FAN_MOVED_TO | FAN_RENAME) ? FEED_MOVED :
							      0u);
	if (at == NULL && from != NULL) { /* out of the tree */
		at = from;
		from = NULL;
		what = what == FEED_FOLDER ? what : FEED_GONE;
	} else if (!moved && (what & FEED_MOVED)) {
		from = ""; /* from outside, or the kernel does not say */
	}
	if (what != 0 && feed_add(w->feed, at, from, what, who) != 0)
		lose(w, WATCH_LOST_OWN);
}

/* Set-uid, set-gid, capabilities; images of containers hold many. */
static bool
gives_rights(const char *path)
{
	static const char *const images[] = {"/var/lib/docker",
	    "/var/lib/containers", "/var/lib/containerd"};
	struct stat st;
	char caps[64];
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++)
		if (path_under(path, images[i]))
			return false;
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    ((st.st_mode & (S_ISUID | S_ISGID)) != 0 ||
	    getxattr(path, XATTR_NAME_CAPS, caps, sizeof(caps)) > 0);
}

/*
 * A mark takes a whole file system: a file that gained rights is looked at
 * wherever it lies, also outside the trees.
 */
static void
on_rights_elsewhere(struct watch *w, const struct fan_event *ev)
{
	char path[PATH_LEN];
	struct who *who;

	if (!place_path(w, &ev->at, true, path) || matters(w, path) ||
	    ignore_has(w->ignore, path) || !gives_rights(path))
		return;
	who = who_find(w->cache, ev->pid, ev->pidfd);
	if (pending_add(w->pending, path, NULL, who, 0) != 0)
		lose(w, WATCH_LOST_OWN);
	who_unref(&who);
}

static void
on_change(struct watch *w, const struct fan_event *ev)
{
	char at[PATH_LEN], from[PATH_LEN];
	bool has_at, has_from, content = (ev->mask & MASK_CONTENT) != 0;
	unsigned int what = (content ? PENDING_CONTENT : 0u) |
	    (ev->mask & FAN_CREATE ? PENDING_MADE : 0u);
	bool data_at, data_from;
	struct who *who;

	has_at = place_path(w, &ev->at, false, at);
	has_from = place_path(w, &ev->from, false, from);
	if ((ev->mask & FAN_ONDIR) &&
	    (ev->mask & (MASK_MOVED | FAN_RENAME)))
		dirs_forget(w->marks.dirs);
	if (!has_at && !has_from)
		return;
	if (content && w->own_dir != NULL &&
	    path_under(has_at ? at : from, w->own_dir)) {
		who = who_find(w->cache, ev->pid, ev->pidfd);
		w->own_fn(w->own_arg, has_at ? at : from, who);
		who_unref(&who);
		return;
	}
	data_at = has_at && is_data(w, at);
	data_from = has_from && is_data(w, from);
	if (!(has_at && heard(w, at)) && !(has_from && heard(w, from)) &&
	    !data_at && !data_from && !(ev->mask & FAN_ONDIR))
		return;
	who = who_find(w->cache, ev->pid, ev->pidfd);
	if (data_at || data_from)
		note_data(w, ev, data_at ? at : NULL, data_from ? from : NULL,
		    who);
	if (has_at)
		note(w, at, has_from && matters(w, from) ? from : NULL, who,
		    what);
	if (has_from)
		note(w, from, NULL, who, what);
	who_unref(&who);
}

/* Inode flags are set by an ioctl(2) that gives no event. */
static bool
is_chattr(const char *program)
{
	const char *name = strrchr(program, '/');

	return name != NULL && strcmp(name + 1, "chattr") == 0;
}

static void
on_exec(struct watch *w, const struct fan_event *ev, const char *path)
{
	who_started(w->cache, ev->pid, path);
	if (is_chattr(path))
		lose(w, WATCH_HINT);
}

static void
on_event(struct watch *w, const struct fan_event *ev)
{
	char path[PATH_LEN];

	if (ev->mask & FAN_Q_OVERFLOW) {
		lose(w, WATCH_LOST_KERNEL);
		return;
	}
	if (ev->pid == getpid())
		return;
	if ((ev->mask & FAN_OPEN_EXEC) && place_path(w, &ev->at, true, path))
		on_exec(w, ev, path);
	if ((ev->mask & FAN_ATTRIB) && !(ev->mask & FAN_ONDIR))
		on_rights_elsewhere(w, ev);
	if (ev->mask & ~(uint64_t)(FAN_OPEN_EXEC | FAN_ONDIR))
		on_change(w, ev);
}

/*
 * File systems that can only be marked without handles (overlayfs, a
 * subvolume of btrfs): programs that start there, files that were written.
 */
static void
on_plain(struct watch *w, const struct fan_event *ev)
{
	char path[PATH_LEN], link[64];
	struct who *who;
	ssize_t n;
	bool own;

	if (ev->mask & FAN_Q_OVERFLOW)
		lose(w, WATCH_LOST_KERNEL);
	if (ev->fd < 0 || ev->pid == getpid())
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", ev->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return;
	path[n] = '\0';
	if (ev->mask & FAN_OPEN_EXEC)
		on_exec(w, ev, path);
	own = w->own_dir != NULL && path_under(path, w->own_dir);
	if (!(ev->mask & FAN_CLOSE_WRITE) || !(own || heard(w, path)))
		return;
	who = who_find(w->cache, ev->pid, ev->pidfd);
	if (own)
		w->own_fn(w->own_arg, path, who);
	else
		note(w, path, NULL, who, PENDING_CONTENT);
	who_unref(&who);
}

/* All events of one group. */
static void
read_events(struct watch *w, int fd, void (*fn)(struct watch *w,
    const struct fan_event *ev))
{
	struct fan_event ev;
	size_t off;
	ssize_t n;
	int r;

	while ((n = read(fd, w->data, sizeof(w->data))) > 0) {
		off = 0;
		while ((r = fan_event_next(w->data, (size_t)n, &off,
		    &ev)) == 0) {
			fn(w, &ev);
			if (ev.pidfd >= 0)
				close(ev.pidfd);
			if (ev.fd >= 0)
				close(ev.fd);
		}
		if (r == ERR_SYNTAX)
			lose(w, WATCH_LOST_FORM);
		if (w->feed != NULL)
			feed_help(w->feed);
	}
}

/* -- inotify ---------------------------- */

static void
on_inotify(struct watch *w, const struct inotify_event *ev)
{
	char path[PATH_LEN];
	bool good = false;

	if (ev->mask & IN_Q_OVERFLOW) {
		lose(w, WATCH_LOST_KERNEL);
		return;
	}
	pthread_mutex_lock(&w->ino_lock);
	if (ev->wd >= 0 && (size_t)ev->wd < w->ino_max &&
	    w->ino_path[ev->wd] != NULL) {
		if (ev->mask & IN_IGNORED) {
			free(w->ino_path[ev->wd]);
			w->ino_path[ev->wd] = NULL;
		} else if (ev->len == 0) {
			snprintf(path, sizeof(path), "%s",
			    w->ino_path[ev->wd]);
			good = true;
		} else {
			good = path_join(path, w->ino_path[ev->wd],
			    ev->name) == 0;
		}
	}
	pthread_mutex_unlock(&w->ino_lock);
	if (good)
		note(w, path, NULL, NULL, (ev->mask & IN_ATTRIB ? 0u :
		    PENDING_CONTENT) | (ev->mask & IN_CREATE ? PENDING_MADE :
		    0u));
}

static void
read_inotify(struct watch *w)
{
	const struct inotify_event *ev;
	ssize_t n, at;

	while ((n = read(w->ino_fd, w->data, sizeof(w->data))) > 0)
		for (at = 0; at < n; at += (ssize_t)sizeof(*ev) + ev->len) {
			ev = (const void *)(w->data + at);
			on_inotify(w, ev);
		}
}

/* Remember which folder WD is. */
static int
keep_wd(struct watch *w, int wd, const char *path)
{
	char **more;
	size_t max;

	if ((size_t)wd >= w->ino_max) {
		max = ((size_t)wd + 1) * 2;
		if (wd >= INOTIFY_DIRS_MAX)
			return ERR_LIMIT;
		more = realloc(w->ino_path, max * sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		memset(more + w->ino_max, 0,
		    (max - w->ino_max) * sizeof(*more));
		w->ino_path = more;
		w->ino_max = max;
	}
	free(w->ino_path[wd]);
	w->ino_path[wd] = strdup(path);
	return w->ino_path[wd] == NULL ? ERR_NOMEM : 0;
}

void
watch_dir(struct watch *w, int fd, const char *path)
{
	char link[64];
	bool marked;
	size_t i;
	int wd;

	for (i = 0; i < w->roots; i++)
		if ((w->root[i].rung == RUNG_INOTIFY ||
		    w->root[i].rung == RUNG_FOLDERS) &&
		    path_under(path, w->root[i].path))
			break;
	if (i == w->roots)
		return;
	pthread_mutex_lock(&w->lock);
	marked = w->root[i].rung == RUNG_FOLDERS && marks_folder(&w->marks, fd,
	    path);
	pthread_mutex_unlock(&w->lock);
	if (marked)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	pthread_mutex_lock(&w->ino_lock);
	wd = inotify_add_watch(w->ino_fd, link, INOTIFY_MASK);
	if ((wd < 0 && errno != ENOENT) ||
	    (wd >= 0 && keep_wd(w, wd, path) != 0)) {
		if (!w->ino_full)
			atomic_fetch_or(&w->lost,
			    (unsigned int)WATCH_LOST_DIRS);
		w->ino_full = true;
	}
	pthread_mutex_unlock(&w->ino_lock);
}

/* -- setting up ---------------------------- */

/*
 * Room for the descriptors of one read from the beginning: a table that has
 * to grow waits for a grace period of the kernel's RCU, 10 ms and more, and
 * this thread must be prompt just then.
 */
static void
make_room(int any)
{
	int fd = fcntl(any, F_DUPFD_CLOEXEC, READ_SIZE / EVENT_SIZE_MIN);

	if (fd >= 0)
		close(fd);
}

int
watch_new(struct pending *pending, const struct ignore *ignore,
    struct who_cache *who, int wake_fd, struct watch **out, struct why *why)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r = ERR_NOMEM;

	if (w == NULL)
		return why_set(why, ERR_NOMEM, "watch");
	w->pending = pending;
	w->ignore = ignore;
	w->wake_fd = wake_fd;
	pending_wake(pending, wake_fd);
	w->ino_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->ino_lock, NULL);
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->cache = who;
	if (!marks_open(&w->marks) || w->stop_fd < 0) {
		why_set(why, r, "watch: cannot be set up");
		goto done;
	}
	make_room(w->stop_fd);
	w->ino_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	*out = w;
	w = NULL;
	r = 0;
done:
	watch_free(&w);
	return r;
}

void
watch_lineage(struct watch *w, struct lineage *l)
{
	who_cache_lineage(w->cache, l);
}

void
watch_own(struct watch *w, const char *dir, watch_own_fn *fn, void *arg)
{
	w->own_dir = dir;
	w->own_fn = fn;
	w->own_arg = arg;
}

/* Is PATH a root already?  Then the file system there now is marked. */
static bool
mark_again(struct watch *w, const char *path, struct why *why)
{
	size_t i;

	for (i = 0; i < w->roots; i++)
		if (strcmp(w->root[i].path, path) == 0)
			break;
	if (i == w->roots)
		return false;
	if (w->root[i].rung == RUNG_FANOTIFY && marks_tree(&w->marks, path,
	    true))
		dirs_add_mount(w->marks.dirs, path, why);
	return true;
}

int
watch_root(struct watch *w, const char *path, enum rung *rung,
    struct why *why)
{
	struct watched_root *root;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (mark_again(w, path, why)) {
		r = ERR_EXIST;
		goto done;
	}
	root = &w->root[w->roots];
	if (w->roots == WATCH_ROOTS_MAX) {
		r = why_set(why, ERR_LIMIT, "more than %d trees",
		    WATCH_ROOTS_MAX);
		goto done;
	}
	root->path = strdup(path);
	if (root->path == NULL) {
		r = why_set(why, ERR_NOMEM, "watch");
		goto done;
	}
	root->rung = RUNG_FANOTIFY;
	if (!marks_tree(&w->marks, path, true) ||
	    dirs_add_mount(w->marks.dirs, path, why) != 0) {
		why_sys(why, ERR_UNSUPP, "%s: no fanotify mark", path);
		root->rung = marks_one(&w->marks, path) ? RUNG_FOLDERS :
		    w->ino_fd >= 0 ? RUNG_INOTIFY : RUNG_SCAN;
	}
	*rung = root->rung;
	w->roots++;
done:
	pthread_mutex_unlock(&w->lock);
	return r;
}

void
watch_feed(struct watch *w, struct feed *feed)
{
	w->feed = feed;
}

bool
watch_data(struct watch *w, const char *path, struct why *why)
{
	bool ok;

	pthread_mutex_lock(&w->lock);
	ok = marks_tree(&w->marks, path, true);
	if (!ok)
		why_sys(why, ERR_UNSUPP, "%s: no fanotify mark", path);
	else if (dirs_add_mount(w->marks.dirs, path, why) != 0)
		ok = false;
	pthread_mutex_unlock(&w->lock);
	return ok;
}

/* File systems that hold what the tap wants and no tree lies on. */
void
watch_tap(struct watch *w, struct tap *tap)
{
	static const char *const places[] = {"/etc", "/home", "/root",
	    "/usr/local", "/var/spool", "/var/lib", "/var/log",
	    "/run/systemd", "/boot", NULL};
	dev_t seen[WATCH_ROOTS_MAX + 16];
	struct stat st;
	size_t i, k, n = 0;
	bool all = true;
	struct why why;

	w->tap = tap;
	if (tap_empty(tap))
		return;
	for (i = 0; i < w->roots; i++)
		if (w->root[i].rung == RUNG_FANOTIFY &&
		    lstat(w->root[i].path, &st) == 0)
			seen[n++] = st.st_dev;
		else
			all = false;
	for (i = 0; places[i] != NULL; i++) {
		if (lstat(places[i], &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		for (k = 0; k < n && seen[k] != st.st_dev; k++)
			;
		if (k < n)
			continue;
		/* Where it cannot be marked its writes are told, what comes
		 * and goes there itself; the rest is looked at now and
		 * then. */
		if (!marks_tree(&w->marks, places[i], true)) {
			(void)marks_one(&w->marks, places[i]);
			all = false;
			continue;
		}
		seen[n++] = st.st_dev;
		dirs_add_mount(w->marks.dirs, places[i], &why);
	}
	tap_see(tap, all);
}

/* -- the thread ---------------------------- */

static void *
run(void *arg)
{
	struct watch *w = arg;
	const uint64_t one = 1;
	struct pollfd p[4] = {
	    {.fd = w->stop_fd, .events = POLLIN},
	    {.fd = w->marks.fan_fd, .events = POLLIN},
	    {.fd = w->ino_fd, .events = POLLIN},
	    {.fd = w->marks.plain_fd, .events = POLLIN},
	};

	pthread_setname_np(pthread_self(), "watch");
	prompt_thread();
	while (poll(p, 4, -1) >= 0 || errno == EINTR) {
		if (p[0].revents != 0)
			break;
		pthread_mutex_lock(&w->lock);
		/* First who starts, then what they do. */
		if (p[3].revents & POLLIN)
			read_events(w, w->marks.plain_fd, on_plain);
		if (p[1].revents & POLLIN)
			read_events(w, w->marks.fan_fd, on_event);
		if (p[2].revents & POLLIN)
			read_inotify(w);
		pthread_mutex_unlock(&w->lock);
		if (!w->news)
			continue;
		w->news = false;
		if (write(w->wake_fd, &one, sizeof(one)) < 0 &&
		    errno != EAGAIN)
			break;
	}
	return NULL;
}

int
watch_start(struct watch *w, struct why *why)
{
	static const char *const programs[] = {"/", "/usr", "/tmp",
	    "/dev/shm", "/var", "/var/tmp", "/home", "/opt", "/srv", "/run",
	    NULL};
	pthread_attr_t attr;
	size_t i;

	/* Programs start from here, and files gain rights: the cache of who
	 * needs to see it. */
	for (i = 0; programs[i] != NULL; i++)
		if (marks_tree(&w->marks, programs[i], false) &&
		    dirs_add_mount(w->marks.dirs, programs[i], why) != 0 &&
		    i == 0)
			return ERR_IO;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	w->running = pthread_create(&w->thread, &attr, run, w) == 0;
	pthread_attr_destroy(&attr);
	return w->running ? 0 : why_set(why, ERR_IO, "watch: no thread");
}

unsigned int
watch_lost(struct watch *w)
{
	return atomic_exchange(&w->lost, 0);
}

const char *
watch_abilities(const struct watch *w)
{
	return w->marks.abilities;
}

void
watch_free(struct watch **wp)
{
	struct watch *w = *wp;
	const uint64_t one = 1;
	size_t i;

	if (w == NULL)
		return;
	if (w->running && write(w->stop_fd, &one, sizeof(one)) > 0)
		pthread_join(w->thread, NULL);
	for (i = 0; i < w->roots; i++)
		free(w->root[i].path);
	for (i = 0; i < w->ino_max; i++)
		free(w->ino_path[i]);
	free(w->ino_path);
	if (w->ino_fd >= 0)
		close(w->ino_fd);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	marks_close(&w->marks);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->ino_lock);
	free(w);
	*wp = NULL;
}
