/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Naming the process behind an event.  Runs on the watch thread of the
 * sensors process and must be prompt.  A process chooses its own name and
 * arguments, so all text is quoted; only the executable's path, the ids and
 * the cgroup come from the kernel.
 */
#include "agent/sensors/who.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/state/passwd.h"
#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"

#define NO_LOGIN UINT32_MAX
#define NO_UID UINT32_MAX /* not known */
#define FRESH_MS 1000 /* an exact answer is good for so long */
#define PROC_TEXT 4096
#define WAIT_US 2000
#define WAITS_MAX 50 /* a second: a tenth of the watch thread's time */

/* One process as the cache knows it. */
struct slot {
	pid_t pid; /* 0: free */
	pid_t parent;
	uint64_t start;
	uint32_t uid, login_uid;
	bool known; /* the fields above were read */
	bool told;  /* by the connector: login_uid and unit are not read */
	bool real;  /* as in struct who */
	char *program, *unit;
	struct who *who; /* last exact answer */
	int64_t who_ms;
	/* As a parent of others, at CHAIN_MS (0: never looked at). */
	char *chain;
	bool chain_real;
	pid_t chain_up;
	int64_t chain_ms;
	uint64_t used; /* for putting out the oldest */
};

struct who_cache {
	pthread_mutex_t lock;
	struct slot slot[WHO_CACHE_MAX];
	uint64_t clock;
	struct lineage *lineage; /* NULL: none */
	int64_t second_ms;
	unsigned int waits; /* in this second */
};

#define WAYS 8

/* -- reading /proc ---------------------------- */

/* Text of /proc/PID/NAME, cut at SIZE - 1; its length or an error. */
static ssize_t
proc_read(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return file_text(path, out, size);
}

bool
who_parse_status(const char *text, uint32_t *uid, pid_t *parent)
{
	const char *u = strstr(text, "\nUid:"), *p = strstr(text, "\nPPid:");
	unsigned int uid_v, parent_v;

	if (u == NULL || p == NULL || sscanf(u + 5, "%u", &uid_v) != 1 ||
	    sscanf(p + 6, "%u", &parent_v) != 1)
		return false;
	*uid = uid_v;
	*parent = (pid_t)parent_v;
	return true;
}

uint64_t
who_parse_stat(const char *text)
{
	const char *at = strrchr(text, ')'); /* the name may hold anything */
	uint64_t start = 0;
	int field;

	if (at == NULL)
		return 0;
	for (field = 2; field < 22; field++) {
		at = strchr(at + 1, ' ');
		if (at == NULL)
			return 0;
	}
	return sscanf(at + 1, "%" SCNu64, &start) == 1 ? start : 0;
}

void
who_parse_cgroup(const char *text, char *out, size_t size)
{
	const char *line = strstr(text, "0::"), *end, *last;

	out[0] = '\0';
	if (line == NULL)
		return;
	line += 3;
	end = strchrnul(line, '\n');
	for (last = end; last > line && last[-1] != '/'; last--)
		;
	log_quote(out, size, last, (size_t)(end - last));
}

uint64_t
who_start(pid_t pid)
{
	char text[PROC_TEXT];

	return proc_read(pid, "stat", text, sizeof(text)) > 0 ?
	    who_parse_stat(text) : 0;
}

static void
read_unit(pid_t pid, char *out, size_t size)
{
	char text[PROC_TEXT];

	out[0] = '\0';
	if (proc_read(pid, "cgroup", text, sizeof(text)) > 0)
		who_parse_cgroup(text, out, size);
}

static uint32_t
read_login(pid_t pid)
{
	char text[32];

	return proc_read(pid, "loginuid", text, sizeof(text)) > 0 ?
	    (uint32_t)strtoul(text, NULL, 10) : NO_LOGIN;
}

/* The executable, quoted; "[name]" for a kernel thread; "" if gone. */
static void
read_program(pid_t pid, char *out, size_t size)
{
	char path[64], target[PATH_LEN];
	ssize_t n;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, target, sizeof(target));
	if (n > 0)
		log_quote(out, size, target, (size_t)n);
}

/* Is the executable of PID the file that PROGRAM names here? */
static bool
is_real(pid_t pid, const char *program)
{
	struct stat exe, file;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return program[0] == '/' && stat(path, &exe) == 0 &&
	    stat(program, &file) == 0 && exe.st_dev == file.st_dev &&
	    exe.st_ino == file.st_ino;
}

static void
read_command(pid_t pid, char *out, size_t size)
{
	char text[WHO_TEXT_MAX];
	ssize_t n, i;

	out[0] = '\0';
	n = proc_read(pid, "cmdline", text, sizeof(text));
	while (n > 0 && text[n - 1] == '\0')
		n--;
	for (i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	if (n > 0)
		log_quote(out, size, text, (size_t)n);
}

/* -- struct who ---------------------------- */

struct who *
who_ref(struct who *w)
{
	if (w != NULL)
		atomic_fetch_add(&w->refs, 1);
	return w;
}

void
who_unref(struct who **wp)
{
	struct who *w = *wp;
	size_t i;

	*wp = NULL;
	if (w == NULL || atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	free(w->program);
	free(w->command);
	free(w->user);
	free(w->unit);
	for (i = 0; i < w->parents; i++)
		free(w->parent[i]);
	free(w);
}

void
who_cause_id(const struct who *w, char *out)
{
	uint8_t sum[DIGEST_LEN];
	uint64_t key[2] = {(uint64_t)w->pid, w->start};

	digest_of(key, sizeof(key), sum);
	memcpy(out, "U-", 2);
	hex_encode(out + 2, sum, 8);
}

static struct who *
who_new(pid_t pid, const char *program, const char *command,
    const char *unit)
{
	struct who *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	atomic_init(&w->refs, 1);
	w->pid = pid;
	w->uid = NO_UID;
	w->login_uid = NO_LOGIN;
	w->program = strdup(program);
	w->command = strdup(command);
	w->unit = strdup(unit);
	w->user = strdup("");
	if (w->program == NULL || w->command == NULL || w->unit == NULL ||
	    w->user == NULL)
		who_unref(&w);
	return w;
}

static void
set_user(struct who *w)
{
	char name[PASSWD_NAME_MAX];

	if (passwd_name("/etc/passwd", w->uid, name, sizeof(name))) {
		free(w->user);
		w->user = strdup(name);
	}
	if (w->user == NULL)
		w->user = calloc(1, 1);
}

/* -- the cache ---------------------------- */

struct who_cache *
who_cache_new(void)
{
	struct who_cache *c = calloc(1, sizeof(*c));

	if (c != NULL)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void
who_cache_lineage(struct who_cache *c, struct lineage *l)
{
	c->lineage = l;
}

static void
slot_clear(struct slot *s)
{
	free(s->program);
	free(s->unit);
	free(s->chain);
	who_unref(&s->who);
	memset(s, 0, sizeof(*s));
}

void
who_cache_free(struct who_cache **c)
{
	size_t i;

	if (*c == NULL)
		return;
	for (i = 0; i < WHO_CACHE_MAX; i++)
		slot_clear(&(*c)->slot[i]);
	pthread_mutex_destroy(&(*c)->lock);
	free(*c);
	*c = NULL;
}

static struct slot *
slot_find(struct who_cache *c, pid_t pid)
{
	struct slot *set = &c->slot[((size_t)pid * WAYS) % WHO_CACHE_MAX];
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (set[i].pid == pid) {
			set[i].used = ++c->clock;
			return &set[i];
		}
	return NULL;
}

/* The slot of PID, made empty in place of the oldest if there was none. */
static struct slot *
slot_get(struct who_cache *c, pid_t pid)
{
	struct slot *set = &c->slot[((size_t)pid * WAYS) % WHO_CACHE_MAX];
	struct slot *s = slot_find(c, pid), *old = set;
	size_t i;

	if (s != NULL)
		return s;
	for (i = 0; i < WAYS; i++)
		if (set[i].used < old->used)
			old = &set[i];
	slot_clear(old);
	old->pid = pid;
	old->used = ++c->clock;
	return old;
}

/* What can be read now of a process that has just started or still lives. */
static void
slot_fill(struct slot *s)
{
	char text[PROC_TEXT], unit[128];

	if (proc_read(s->pid, "status", text, sizeof(text)) <= 0 ||
	    !who_parse_status(text, &s->uid, &s->parent))
		return;
	s->start = who_start(s->pid);
	s->login_uid = read_login(s->pid);
	read_unit(s->pid, unit, sizeof(unit));
	free(s->unit);
	s->unit = strdup(unit);
	s->known = true;
}

/*
 * What the kernel's connector told of S already; the rest is what its
 * parent has, if it is ever asked for.
 */
static bool
slot_told(struct who_cache *c, struct slot *s)
{
	struct lineage_entry e;

	if (c->lineage == NULL || !lineage_get(c->lineage, s->pid, &e) ||
	    e.parent <= 0 || !e.ids_known)
		return false;
	s->start = who_start(s->pid);
	if (s->start == 0)
		return false;
	s->parent = e.parent;
	s->uid = e.uid;
	s->known = s->told = true;
	return true;
}

/* Login and unit of a slot that was told: its own, or else its parent's. */
static void
slot_complete(struct slot *s)
{
	char unit[128];

	if (!s->told)
		return;
	s->told = false;
	s->login_uid = read_login(s->pid);
	if (s->login_uid == NO_LOGIN)
		s->login_uid = read_login(s->parent);
	read_unit(s->pid, unit, sizeof(unit));
	if (unit[0] == '\0')
		read_unit(s->parent, unit, sizeof(unit));
	free(s->unit);
	s->unit = strdup(unit);
}

/* ld.so is opened for execution too, after the program itself. */
static bool
is_loader(const char *program)
{
	const char *name = strrchr(program, '/');

	name = name == NULL ? program : name + 1;
	return strncmp(name, "ld-", 3) == 0 && strstr(name, ".so") != NULL;
}

void
who_started(struct who_cache *c, pid_t pid, const char *program)
{
	char quoted[WHO_TEXT_MAX];
	struct slot *s;

	if (pid > 0 && is_loader(program) && c->lineage != NULL)
		lineage_loaded(c->lineage, pid);
	if (pid <= 0 || is_loader(program))
		return;
	if (c->lineage != NULL)
		lineage_seen(c->lineage, pid, program);
	pthread_mutex_lock(&c->lock);
	s = slot_get(c, pid);
	who_unref(&s->who);
	free(s->program);
	log_quote(quoted, sizeof(quoted), program, strlen(program));
	s->program = strdup(quoted);
	s->known = s->told = false;
	s->chain_ms = 0;
	s->real = true; /* the event's path is of this host */
	if (!slot_told(c, s))
		slot_fill(s);
	pthread_mutex_unlock(&c->lock);
}

/*
 * Was PROGRAM seen to start there, and is it the same process still?  Its
 * file may have been replaced meanwhile: dpkg upgrades itself.
 */
static bool
slot_real(const struct slot *s, const char *program)
{
	uint64_t start;
	size_t n;

	if (s == NULL || !s->real || !s->known || s->program == NULL)
		return false;
	n = strlen(s->program);
	if (strncmp(program, s->program, n) != 0 ||
	    (program[n] != '\0' && strcmp(program + n, " (deleted)") != 0))
		return false;
	start = who_start(s->pid);
	return start == 0 || start == s->start;
}

/*
 * What the kernel told of a process that was never asked about: a child
 * that started no program of its own runs its parent's.
 */
static void
ask_lineage(struct who_cache *c, pid_t pid)
{
	char quoted[WHO_TEXT_MAX];
	struct lineage_entry e;
	struct slot *s;

	if (c->lineage == NULL || !lineage_get(c->lineage, pid, &e) ||
	    e.program[0] == '\0')
		return;
	log_quote(quoted, sizeof(quoted), e.program, strlen(e.program));
	s = slot_get(c, pid);
	if (s->program != NULL && strcmp(s->program, quoted) == 0)
		return;
	free(s->program);
	s->program = strdup(quoted);
	s->start = 0;
	s->parent = e.parent;
	s->uid = e.ids_known ? e.uid : NO_UID;
	s->login_uid = e.parent > 0 ? read_login(e.parent) : NO_LOGIN;
	s->known = e.parent > 0;
	s->told = false;
}

/*
 * The kernel told of a fork before the child did anything, but another
 * thread has to read it: give it a moment, now and then.
 */
static bool
wait_for_lineage(struct who_cache *c, pid_t pid)
{
	int64_t now = clock_boot_ms();
	struct lineage_entry e;

	if (c->lineage == NULL || lineage_get(c->lineage, pid, &e))
		return false;
	if (now - c->second_ms >= 1000) {
		c->second_ms = now;
		c->waits = 0;
	}
	if (c->waits++ >= WAITS_MAX)
		return false;
	usleep(WAIT_US);
	return true;
}

/* PID as it is now, of the live process table; name from the cache if gone. */
static void
read_parent(struct who_cache *c, pid_t pid)
{
	char program[WHO_TEXT_MAX], text[PROC_TEXT];
	struct slot *s;
	pid_t up = 0;
	uint32_t uid;

	read_program(pid, program, sizeof(program));
	if (program[0] == '\0')
		ask_lineage(c, pid);
	s = slot_get(c, pid);
	if (program[0] == '\0' && s->program != NULL)
		snprintf(program, sizeof(program), "%s", s->program);
	s->chain_real = is_real(pid, program) || slot_real(s, program);
	if (proc_read(pid, "status", text, sizeof(text)) <= 0 ||
	    !who_parse_status(text, &uid, &up))
		up = s->known ? s->parent : 0;
	free(s->chain);
	s->chain = strdup(program[0] != '\0' ? program : "?");
	s->chain_up = up;
	s->chain_ms = clock_boot_ms();
}

/* Parents are those of many: each is read once in a while. */
static void
add_parents(struct who_cache *c, struct who *w, pid_t parent)
{
	char line[WHO_TEXT_MAX + 16];
	const struct slot *s;

	while (parent > 0 && w->parents < WHO_PARENTS_MAX) {
		s = slot_find(c, parent);
		if (s == NULL || s->chain_ms == 0 ||
		    clock_boot_ms() - s->chain_ms >= FRESH_MS) {
			read_parent(c, parent);
			s = slot_find(c, parent);
		}
		if (s == NULL || s->chain == NULL)
			return;
		if (s->chain_real)
			w->real |= 2u << w->parents;
		snprintf(line, sizeof(line), "%d %s", (int)parent, s->chain);
		w->parent[w->parents] = strdup(line);
		if (w->parent[w->parents] == NULL)
			return;
		w->parents++;
		parent = s->chain_up;
	}
}

/* Is the process of PIDFD still the one we read about? */
static bool
still_there(int pidfd)
{
	return pidfd >= 0 && (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL,
	    0) == 0 || errno == EPERM);
}

static struct who *
from_live(struct who_cache *c, pid_t pid, int pidfd)
{
	char program[WHO_TEXT_MAX], command[WHO_TEXT_MAX], unit[128];
	char text[PROC_TEXT];
	struct who *w;
	uint32_t uid;
	pid_t parent;

	read_program(pid, program, sizeof(program));
	if (program[0] == '\0' ||
	    proc_read(pid, "status", text, sizeof(text)) <= 0 ||
	    !who_parse_status(text, &uid, &parent))
		return NULL;
	read_command(pid, command, sizeof(command));
	read_unit(pid, unit, sizeof(unit));
	w = who_new(pid, program, command, unit);
	if (w == NULL)
		return NULL;
	w->uid = uid;
	w->login_uid = read_login(pid);
	w->start = who_start(pid);
	if (!still_there(pidfd)) {
		who_unref(&w);
		return NULL;
	}
	if (is_real(pid, program) || slot_real(slot_find(c, pid),
	    program))
		w->real = 1;
	w->grade = CORDON__GRADE__GRADE_EXACT;
	set_user(w);
	add_parents(c, w, parent);
	return w;
}

static struct who *
from_cache(struct who_cache *c, pid_t pid)
{
	struct slot *s;
	struct who *w;

	ask_lineage(c, pid);
	s = slot_find(c, pid);
	if ((s == NULL || s->program == NULL) && wait_for_lineage(c, pid))
		ask_lineage(c, pid);
	s = slot_find(c, pid);
	if (s == NULL || s->program == NULL) {
		w = who_new(pid, "", "", "");
		if (w != NULL && s != NULL && s->known && s->parent > 0) {
			w->grade = CORDON__GRADE__GRADE_PARENT;
			add_parents(c, w, s->parent);
		}
		return w;
	}
	slot_complete(s);
	w = who_new(pid, s->program, "", s->unit != NULL ? s->unit : "");
	if (w == NULL)
		return NULL;
	w->real = slot_real(s, s->program);
	w->grade = CORDON__GRADE__GRADE_CACHED;
	w->start = s->start;
	if (s->known) {
		w->uid = s->uid;
		w->login_uid = s->login_uid;
		set_user(w);
		add_parents(c, w, s->parent);
	}
	return w;
}

static struct who *
find(struct who_cache *c, pid_t pid, int pidfd)
{
	struct slot *s;
	struct who *w;

	s = slot_find(c, pid);
	if (s != NULL && s->who != NULL &&
	    clock_boot_ms() - s->who_ms < FRESH_MS)
		return who_ref(s->who);
	w = from_live(c, pid, pidfd);
	if (w == NULL)
		return from_cache(c, pid);
	s = slot_get(c, pid);
	who_unref(&s->who);
	s->who = who_ref(w);
	s->who_ms = clock_boot_ms();
	if (s->program == NULL) {
		s->program = strdup(w->program);
		s->real = w->real & 1;
	}
	if (!s->known)
		slot_fill(s);
	return w;
}

struct who *
who_find(struct who_cache *c, pid_t pid, int pidfd)
{
	struct who *w;

	if (pid <= 0)
		return who_new(0, "", "", "");
	pthread_mutex_lock(&c->lock);
	w = find(c, pid, pidfd);
	pthread_mutex_unlock(&c->lock);
	return w;
}

/* A task's name is that of the file it was started by: a link, it may be. */
static bool
is_called(const char *program, const char *name)
{
	const char *base = strrchr(program, '/');

	base = base == NULL ? program : base + 1;
	return strncmp(base, name, 15) == 0 ||
	    (strncmp(base, "xtables-", 8) == 0 &&
	    strstr(name, "tables") != NULL);
}

static pid_t
last_called(const struct who_cache *c, const char *name)
{
	const struct slot *s, *last = NULL;

	for (s = c->slot; s < c->slot + WHO_CACHE_MAX; s++)
		if (s->program != NULL && is_called(s->program, name) &&
		    (last == NULL || s->used > last->used))
			last = s;
	return last == NULL ? 0 : last->pid;
}

struct who *
who_find_named(struct who_cache *c, pid_t pid, const char *name)
{
	struct who *w = who_find(c, pid, -1);

	if (w == NULL || is_called(w->program, name))
		return w;
	who_unref(&w);
	pthread_mutex_lock(&c->lock);
	pid = last_called(c, name);
	pthread_mutex_unlock(&c->lock);
	return who_find(c, pid, -1);
}
