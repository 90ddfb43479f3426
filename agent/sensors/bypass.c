/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What nftables never sees: packet sockets that listen, AF_XDP sockets, XDP
 * and tc programs, filters behind netfilter.  Runs on a thread of its own.
 * It lives in the sensors, which may already read every process and BPF
 * program; neither enforcer nor guard needs those rights for it.
 */
#include "agent/sensors/bypass.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/hooks.h"
#include "agent/state/holders.h"
#include "agent/state/nl.h"
#include "agent/state/sockline.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define THINGS_MAX 1024
#define PACKET_TEXT_MAX (256 * 1024)
#define PROTOCOLS_TEXT_MAX (32 * 1024)
#define STACK (256 * 1024)

enum kind {
	KIND_PACKET, /* AF_PACKET socket */
	KIND_XSK,    /* AF_XDP socket */
	KIND_HOOK,
};

struct thing {
	enum kind kind;
	uint32_t device;
	uint64_t inode;	  /* of a socket */
	struct hook hook; /* KIND_HOOK */
	bool ours, known; /* the guard's; seen at the last look */
	pid_t pid;
};

struct bypass {
	int rtnetlink;
	unsigned int cuts; /* env's, at the last look */
	unsigned int looks;
	bool first;   /* nothing was looked at since the cut */
	uint64_t xsk; /* AF_XDP sockets at the last look */
	struct thing last[THINGS_MAX], now[THINGS_MAX];
	size_t nlast, nnow;
	struct hooks hooks;
	struct holders holders;
	char guard[PATH_MAX]; /* where our own guard's program is */
	char text[PACKET_TEXT_MAX];
};

/* -- what is there --------------------------------------------------------- */

static struct thing *
add(struct bypass *b, enum kind kind)
{
	struct thing *t;

	if (b->nnow == THINGS_MAX)
		return NULL;
	t = &b->now[b->nnow++];
	memset(t, 0, sizeof(*t));
	t->kind = kind;
	return t;
}

uint64_t
bypass_parse_protocols(const char *text, const char *protocol)
{
	const size_t len = strlen(protocol);
	unsigned long long n = 0;
	const char *line;

	for (line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line == '\0')
			break;
		/* protocol size sockets ... */
		if (strncmp(line, protocol, len) == 0 && line[len] == ' ' &&
		    sscanf(line + len, "%*u %llu", &n) == 1)
			return n;
	}
	return 0;
}

static void
list_packet(struct bypass *b)
{
	char *rest = b->text, *line;
	struct thing *t;
	uint64_t inode;
	uint32_t device;

	if (file_text("/proc/net/packet", b->text, sizeof(b->text)) < 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!sock_line_packet(line, &device, &inode) ||
		    (t = add(b, KIND_PACKET)) == NULL)
			continue;
		t->device = device;
		t->inode = inode;
	}
}

static void
list_hooks(struct bypass *b)
{
	struct thing *t;
	size_t i;

	if (hooks_list(b->rtnetlink, &b->hooks) != 0) {
		log_debug("XDP and tc programs could not be listed");
		return;
	}
	for (i = 0; i < b->hooks.n; i++) {
		t = add(b, KIND_HOOK);
		if (t == NULL)
			return;
		t->hook = b->hooks.at[i];
		t->device = t->hook.device;
	}
}

/*
 * No file lists AF_XDP sockets where the kernel has no diag for them.  It
 * counts them, and that is cheap: the processes are walked when the count
 * moved, and now and then, since one may have come for one that went.
 */
static void
list_xsk(struct bypass *b, bool *walk)
{
	uint64_t n;
	size_t i;

	if (file_text("/proc/net/protocols", b->text,
	    PROTOCOLS_TEXT_MAX) < 0)
		return;
	n = bypass_parse_protocols(b->text, "XDP");
	*walk = n > 0 && (n != b->xsk || b->looks % BYPASS_WALK == 0);
	b->xsk = n;
	for (i = 0; i < b->nlast && n > 0 && !*walk; i++)
		if (b->last[i].kind == KIND_XSK && b->nnow < THINGS_MAX)
			b->now[b->nnow++] = b->last[i];
}

static bool
same(const struct thing *a, const struct thing *b)
{
	return a->kind == b->kind && a->inode == b->inode &&
	    (a->kind != KIND_HOOK || (a->hook.kind == b->hook.kind &&
	    a->hook.device == b->hook.device &&
	    a->hook.program == b->hook.program &&
	    a->hook.place == b->hook.place));
}

/* -- whose it is ----------------------------------------------------------- */

/* Our guard, and not somebody who calls himself so: same program, same
 * parent as ours. */
static bool
is_guard(const struct bypass *b, pid_t pid)
{
	char path[64], exe[PATH_MAX], text[512];
	int parent = 0;
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (strcmp(exe, b->guard) != 0 ||
	    file_text(path, text, sizeof(text)) <= 0)
		return false;
	at = strrchr(text, ')');
	return at != NULL && sscanf(at + 1, " %*c %d", &parent) == 1 &&
	    parent == getppid();
}

/* What was taken off is also kept by our guard, as a program: its holder is
 * whoever has the link. */
static struct holding
holding_of(const struct thing *t)
{
	struct holding k = {.inode = t->inode};

	if (t->kind == KIND_HOOK && t->hook.kind == HOOK_LOST)
		k.link = (uint32_t)t->hook.place;
	else if (t->kind == KIND_HOOK)
		k.program = t->hook.program;
	return k;
}

static void
ask(struct holders *h, const struct thing *t)
{
	struct holding k = holding_of(t);

	if (h->n < HOLDERS_MAX && (k.inode != 0 || k.program != 0 ||
	    k.link != 0))
		h->ask[h->n++] = k;
}

static pid_t
answered(const struct holders *h, const struct thing *t)
{
	struct holding k = holding_of(t);
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->ask[i].inode == k.inode && h->ask[i].link == k.link &&
		    h->ask[i].program == k.program)
			return h->ask[i].pid;
	return 0;
}

/* Of all that was not there before: who holds it?  One walk. */
static void
find_holders(struct bypass *b, bool xsk)
{
	struct holders *h = &b->holders;
	struct thing *t;
	size_t i, k;

	h->n = 0;
	h->xdp = xsk;
	for (i = 0; i < b->nnow; i++) {
		t = &b->now[i];
		for (k = 0; k < b->nlast && !t->known; k++)
			if (same(t, &b->last[k])) {
				*t = b->last[k];
				t->known = true;
			}
		if (!t->known)
			ask(h, t);
	}
	if (h->n == 0 && !xsk)
		return;
	holders_walk(h);
	for (i = 0; xsk && i < h->nfound; i++) {
		struct thing *x = add(b, KIND_XSK);

		if (x == NULL)
			break;
		x->inode = h->found[i].inode;
		x->pid = h->found[i].pid;
		for (k = 0; k < b->nlast; k++)
			x->known |= same(x, &b->last[k]);
	}
	for (i = 0; i < b->nnow; i++) {
		t = &b->now[i];
		if (t->known)
			continue;
		if (t->pid == 0)
			t->pid = answered(h, t);
		t->ours = t->pid != 0 && is_guard(b, t->pid);
	}
}

/* -- telling --------------------------------------------------------------- */

static void
describe(const struct bypass *b, const struct thing *t, char *what,
    size_t size)
{
	static const char *const hooks[] = {
		[HOOK_XDP] = "XDP program",
		[HOOK_TC_IN] = "tc program where frames come in",
		[HOOK_TC_OUT] = "tc program where frames leave",
		[HOOK_FILTER] = "filter",
		[HOOK_LOST] = "XDP program that was taken off its device",
	};

	if (t->kind == KIND_XSK) {
		snprintf(what, size, "AF_XDP socket");
		return;
	}
	if (t->kind == KIND_HOOK) {
		snprintf(what, size, "%s%s%s%s%s",
		    t->hook.kind == HOOK_FILTER ? t->hook.filter : "",
		    t->hook.kind == HOOK_FILTER ? " " : "",
		    hooks[t->hook.kind], t->hook.name[0] != '\0' ? " on " :
		    "", t->hook.name);
		return;
	}
	snprintf(what, size, "packet socket on %s", t->device == 0 ?
	    "all devices" : hooks_device(&b->hooks, t->device));
}

static void
tell(struct sensor *s, const struct thing *t)
{
	struct bypass *b = s->state;
	char what[128], name[64], text[512], holder[256];
	struct emit_signal out;
	struct who *who;
	int pidfd;

	describe(b, t, what, sizeof(what));
	pidfd = t->pid != 0 ? (int)syscall(SYS_pidfd_open, t->pid, 0) : -1;
	who = who_find(s->env->who, t->pid, pidfd);
	if (pidfd >= 0)
		close(pidfd);
	if (who != NULL && t->pid != 0)
		snprintf(holder, sizeof(holder), "%s (pid %d)",
		    who->program[0] != '\0' ? who->program : "a program",
		    (int)t->pid);
	else
		snprintf(holder, sizeof(holder), "a program that is not to "
		    "be seen");
	snprintf(text, sizeof(text), "%s, held by %s, %s", what, holder,
	    b->first ? "was there when this host was cut off" :
	    "appeared while this host is cut off");
	emit_init(&out, "agent.tamper", what);
	out.text = text;
	out.who = who;
	if (b->first)
		out.severity = CORDON__SEVERITY__SEVERITY_HIGH;
	emit_add(&out, "thing", what);
	if (t->kind == KIND_HOOK && t->hook.program != 0) {
		hooks_program_name(t->hook.program, name, sizeof(name));
		emit_add(&out, "program", name);
		emit_addf(&out, "bpf-program", "%u", t->hook.program);
	}
	log_warn("%s", text);
	emit_send(s->env->out, &out);
	who_unref(&who);
}

static void
tell_rest(struct sensor *s, size_t n)
{
	struct emit_signal out;
	char text[64];

	snprintf(text, sizeof(text), "%zu more ways past the rules", n);
	emit_init(&out, "agent.tamper", "sockets and programs");
	out.text = text;
	emit_send(s->env->out, &out);
}

/* -- looking --------------------------------------------------------------- */

/* Nobody has it any more, or it is one that our guard is just closing. */
static bool
is_free(const struct thing *t)
{
	return t->kind == KIND_HOOK && t->hook.kind == HOOK_LOST &&
	    t->pid == 0;
}

static void
look(struct sensor *s)
{
	struct bypass *b = s->state;
	size_t i, told = 0, rest = 0;
	bool xsk = false;

	b->looks++;
	b->nnow = 0;
	list_packet(b);
	list_hooks(b);
	list_xsk(b, &xsk);
	find_holders(b, xsk);
	for (i = 0; i < b->nnow; i++) {
		if (b->now[i].known || b->now[i].ours ||
		    is_free(&b->now[i]))
			continue;
		if (told < BYPASS_ROUND_MAX)
			tell(s, &b->now[i]);
		else
			rest++;
		told++;
	}
	if (rest > 0)
		tell_rest(s, rest);
	memcpy(b->last, b->now, b->nnow * sizeof(b->now[0]));
	b->nlast = b->nnow;
	b->first = false;
}

static void
on_timer(struct sensor *s)
{
	struct bypass *b = s->state;
	bool cut = atomic_load(&s->env->cut);
	unsigned int cuts = atomic_load(&s->env->cuts);

	s->due_ms = cut ? clock_boot_ms() + BYPASS_EVERY_MS : 0;
	if (cut && cuts != b->cuts) {
		b->nlast = 0;
		b->xsk = 0;
		b->first = true;
		b->cuts = cuts;
	}
	if (cut)
		look(s);
}

/* The host was cut off: from now on it is looked at. */
static void
on_fd(struct sensor *s)
{
	uint64_t n;

	if (read(s->fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		s->due_ms = clock_boot_ms();
}

static int
start(struct sensor *s, struct why *why)
{
	struct bypass *b = calloc(1, sizeof(*b));
	char guard[PATH_MAX];

	if (b == NULL)
		return why_set(why, ERR_NOMEM, "bypass sensor");
	s->state = b;
	b->rtnetlink = nl_open(NETLINK_ROUTE, why);
	if (b->rtnetlink < 0)
		return ERR_IO;
	/* As /proc shows it: without links on the way. */
	if (file_join(guard, sizeof(guard), s->env->settings->own_dir,
	    "agent-guard") != 0 || realpath(guard, b->guard) == NULL)
		b->guard[0] = '\0';
	s->fd = s->env->cut_fd;
	return 0;
}

static void
stop(struct sensor *s)
{
	struct bypass *b = s->state;

	if (b == NULL)
		return;
	if (b->rtnetlink >= 0)
		close(b->rtnetlink);
	free(b);
	s->state = NULL;
	s->fd = -1;
}

const struct sensor_kind bypass_sensor = {"bypass", start, on_fd, on_timer,
    stop, STACK};
