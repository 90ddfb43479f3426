/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Firewall changes by others.  On a thread of its own; the kernel's notices
 * are believed, the names in them are quoted.
 */
#include "agent/sensors/firewall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/sensors/emit.h"
#include "agent/state/nftnote.h"
#include "common/base/clock.h"

#define STACK (256 * 1024)
#define READ_SIZE (64 * 1024)
#define ROUND_MAX 256 /* readings before the timer has its turn */
#define TEXT_MAX 900

/* What one program did, until it is told. */
struct change {
	size_t n, left_out;
	bool opens, lost;
	char table[2 * NFTNOTE_NAME_MAX]; /* the first */
	char text[TEXT_MAX];
};

struct firewall {
	struct change next; /* of a transaction that has not ended yet */
	struct change now;
	uint32_t pid;
	char program[16];
	struct who *who;
	int64_t first_ms, last_ms;
	char managed[64]; /* unit that was told last, and when */
	int64_t managed_ms;
	size_t folded;
	uint8_t data[READ_SIZE] __attribute__((aligned(8)));
};

static void
add_text(struct change *c, const char *text)
{
	size_t n = strlen(c->text);

	c->n++;
	if (n + strlen(text) + 3 > sizeof(c->text)) {
		c->left_out++;
		return;
	}
	if (strstr(c->text, text) == NULL)
		snprintf(c->text + n, sizeof(c->text) - n, "%s%s",
		    n > 0 ? "; " : "", text);
}

static void
add_note(struct change *c, const struct nftnote *note)
{
	if (c->table[0] == '\0')
		snprintf(c->table, sizeof(c->table), "%s", note->table);
	c->opens |= note->gone && note->opens;
	add_text(c, note->text);
}

/* Does the host's own firewall work here?  Its unit says so: a reason to
 * be calm, not to be silent. */
static bool
is_managed(const struct who *w)
{
	static const char *const units[] = {"docker.service",
	    "containerd.service", "firewalld.service", "ufw.service",
	    "nftables.service", "netfilter-persistent.service",
	    "fail2ban.service", "libvirtd.service", "kubelet.service",
	    "NetworkManager.service", "systemd-networkd.service",
	    "shorewall.service", "crowdsec-firewall-bouncer.service"};
	size_t i;

	for (i = 0; w != NULL && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(w->unit, units[i]) == 0)
			return true;
	return false;
}

/* The host's own firewall, once in a while. */
static bool
is_folded(struct firewall *f, const struct who *w)
{
	int64_t now = clock_boot_ms();

	if (strcmp(f->managed, w->unit) == 0 &&
	    now - f->managed_ms < FIREWALL_MANAGED_MS) {
		f->folded += f->now.n;
		return true;
	}
	snprintf(f->managed, sizeof(f->managed), "%s", w->unit);
	f->managed_ms = now;
	return false;
}

static void
say(struct sensor *s, bool managed)
{
	struct firewall *f = s->state;
	struct emit_signal out;

	emit_init(&out, "firewall.changed", f->now.table[0] != '\0' ?
	    f->now.table : "nftables");
	out.text = f->now.text;
	out.who = f->who;
	if (managed)
		out.severity = CORDON__SEVERITY__SEVERITY_LOW;
	else if (f->now.opens)
		out.severity = CORDON__SEVERITY__SEVERITY_HIGH;
	emit_addf(&out, "changes", "%zu", f->now.n);
	if (f->now.left_out > 0)
		emit_addf(&out, "not-shown", "%zu", f->now.left_out);
	if (f->now.lost)
		emit_add(&out, "lost", "the kernel's queue ran over");
	if (managed && f->folded > 0)
		emit_addf(&out, "folded", "%zu", f->folded);
	emit_add(&out, "task", f->program);
	emit_add(&out, "found-by", "event");
	emit_send(s->env->out, &out);
	if (managed)
		f->folded = 0;
}

static void
tell(struct sensor *s)
{
	struct firewall *f = s->state;
	bool managed;

	/* Its start may have been read later than what it did. */
	if (f->now.n > 0 && (f->who == NULL || f->who->program[0] == '\0')) {
		who_unref(&f->who);
		f->who = who_find_named(s->env->who, (pid_t)f->pid,
		    f->program);
	}
	managed = is_managed(f->who);
	if (f->now.n > 0 && !(managed && is_folded(f, f->who)))
		say(s, managed);
	who_unref(&f->who);
	memset(&f->now, 0, sizeof(f->now));
	s->due_ms = 0;
}

/* A transaction of NOTE's program ended. */
static void
take(struct sensor *s, const struct nftnote *note)
{
	struct firewall *f = s->state;
	int64_t now = clock_boot_ms();
	struct change *to = &f->now;

	if (f->next.n == 0)
		return;
	if (to->n > 0 && (f->pid != note->pid || strcmp(f->program,
	    note->program) != 0 || now - f->first_ms >= FIREWALL_LONGEST_MS))
		tell(s);
	if (to->n == 0) {
		*to = f->next;
		f->first_ms = now;
		f->pid = note->pid;
		memcpy(f->program, note->program, sizeof(f->program));
		f->who = who_find_named(s->env->who, (pid_t)note->pid,
		    note->program);
	} else {
		to->opens |= f->next.opens;
		to->left_out += f->next.left_out;
		add_text(to, f->next.text);
		to->n += f->next.n - 1;
	}
	memset(&f->next, 0, sizeof(f->next));
	s->due_ms = now + FIREWALL_QUIET_MS;
}

static void
lose(struct sensor *s)
{
	struct firewall *f = s->state;

	f->now.lost = true;
	if (f->now.n == 0)
		f->first_ms = clock_boot_ms();
	add_text(&f->now, "more changes than could be read");
	s->due_ms = clock_boot_ms() + FIREWALL_QUIET_MS;
}

static void
on_bytes(struct sensor *s, size_t len)
{
	struct firewall *f = s->state;
	const struct nlmsghdr *nlh = (const void *)f->data;
	struct nftnote note;
	size_t left = len;

	for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
		if (nftnote_parse(nlh, &note) != 0)
			continue;
		if (note.what == NFTNOTE_CHANGE)
			add_note(&f->next, &note);
		else if (note.what == NFTNOTE_END)
			take(s, &note);
	}
}

static void
on_fd(struct sensor *s)
{
	struct firewall *f = s->state;
	struct sockaddr_nl from = {0};
	struct iovec iov = {f->data, sizeof(f->data)};
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from),
	    .msg_iov = &iov, .msg_iovlen = 1};
	int left = ROUND_MAX;
	ssize_t n;

	while (left-- > 0 && (n = recvmsg(s->fd, &m, 0)) != 0) {
		if (n < 0 && errno == ENOBUFS)
			lose(s);
		else if (n < 0)
			break;
		else if (from.nl_pid == 0) /* only the kernel is heard */
			on_bytes(s, (size_t)n);
	}
}

static int
start(struct sensor *s, struct why *why)
{
	if (s->env->nft_fd < 0)
		return 0; /* main said why */
	s->state = calloc(1, sizeof(struct firewall));
	if (s->state == NULL)
		return why_set(why, ERR_NOMEM, "firewall sensor");
	s->fd = s->env->nft_fd;
	return 0;
}

static void
stop(struct sensor *s)
{
	struct firewall *f = s->state;

	if (f == NULL)
		return;
	who_unref(&f->who);
	free(f);
	s->state = NULL;
}

const struct sensor_kind firewall_sensor = {"firewall", start, on_fd, tell,
    stop, STACK};
