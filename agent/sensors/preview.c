/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading /proc/net (proc(5)) against the endpoints of a request.  Runs on
 * the urgent job thread of the sensors process.  The request comes from the
 * network process, within the bounds of agent/links; names of programs are
 * quoted.
 */
#include "agent/sensors/preview.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/sockets.h"
#include "agent/state/sockline.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/wire/pack.h"

#define TABLE_ROOM (1024 * 1024) /* about 6,500 sockets */
#define FLOWS_MAX 8192
#define PROGRAM_MAX 256
#define TCP 6
#define UDP 17
#define TCP_TIME_WAIT 6 /* states of include/net/tcp_states.h */
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define PROFILE(x) CORDON__PROFILE__PROFILE_##x

struct flow {
	uint32_t protocol, uid;
	struct sock_ip local, peer;
	unsigned int local_port, peer_port;
	uint64_t inode;
	bool kept;
};

struct look {
	const char *proc;
	const Cordon__PreviewAsk *ask;
	uint32_t network_uid;
	int64_t until_ms;
	struct socket_owners owners;
	struct flow *flow; /* FLOWS_MAX */
	size_t n;
	bool partial;
};

/* What is told of one flow. */
struct told {
	Cordon__Flow msg;
	Cordon__Address local, peer;
	char program[PROGRAM_MAX];
};

/* -- kept or cut ---------------------------- */

static bool
fits(const Cordon__Endpoint *e, const struct flow *f)
{
	bool in = e->direction == CORDON__DIRECTION__DIRECTION_IN;

	return e->protocol == f->protocol && sock_ip_within(&f->peer,
	    e->address.data, e->address.len, e->prefix_len) &&
	    e->port == (in ? f->local_port : f->peer_port);
}

static bool
kept(const struct look *l, const struct flow *f)
{
	const Cordon__PreviewAsk *a = l->ask;
	size_t i;

	if (a->profile == PROFILE(OPEN))
		return true;
	for (i = 0; i < a->n_collectors; i++)
		if (f->uid == l->network_uid && fits(a->collectors[i], f))
			return true;
	if (a->profile == PROFILE(STRICT))
		return false;
	for (i = 0; i < a->n_allowed; i++)
		if (fits(a->allowed[i], f))
			return true;
	return false;
}

/* -- the tables of the kernel ---------------------------- */

/* Does it stay on this host? */
static bool
is_local(const struct flow *f)
{
	return sock_ip_is_loopback(&f->peer) ||
	    (f->peer.len == f->local.len &&
	    memcmp(f->peer.byte, f->local.byte, f->peer.len) == 0);
}

static bool
parse_line(const char *line, uint32_t protocol, struct flow *out)
{
	struct sock_line l;

	if (!sock_line_inet(line, &l) || l.peer_port == 0)
		return false;
	if (protocol == TCP && (l.state == TCP_TIME_WAIT ||
	    l.state == TCP_CLOSE || l.state == TCP_LISTEN))
		return false;
	*out = (struct flow){.protocol = protocol, .uid = l.uid,
	    .local = l.local, .peer = l.peer, .local_port = l.local_port,
	    .peer_port = l.peer_port, .inode = l.inode};
	return !is_local(out);
}

static void
read_table(struct look *l, const char *name, uint32_t protocol, char *text)
{
	char path[256], *rest = text, *line;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/net/%s", l->proc, name);
	len = file_text(path, text, TABLE_ROOM);
	if (len <= 0)
		return;
	if (len >= TABLE_ROOM - 1)
		l->partial = true;
	strsep(&rest, "\n"); /* names of the columns */
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!parse_line(line, protocol, &l->flow[l->n]))
			continue;
		l->flow[l->n].kept = kept(l, &l->flow[l->n]);
		if (l->n + 1 == FLOWS_MAX) {
			l->partial = true;
			return;
		}
		l->n++;
	}
}

/* -- who holds them ---------------------------- */

static void
fill_address(Cordon__Address *a, const struct sock_ip *ip)
{
	cordon__address__init(a);
	a->ip.data = (uint8_t *)(uintptr_t)ip->byte;
	a->ip.len = ip->len;
}

static void
fill_told(const struct look *l, const struct flow *f, struct told *t)
{
	const struct socket_owner *so = socket_owners_find(&l->owners,
	    f->inode);

	cordon__flow__init(&t->msg);
	fill_address(&t->local, &f->local);
	fill_address(&t->peer, &f->peer);
	t->msg.protocol = f->protocol;
	t->msg.local = &t->local;
	t->msg.local_port = f->local_port;
	t->msg.peer = &t->peer;
	t->msg.peer_port = f->peer_port;
	t->msg.kept = f->kept;
	t->program[0] = '\0';
	t->msg.program = t->program;
	if (so == NULL)
		return;
	t->msg.pid = (uint32_t)so->pid;
	socket_owner_program(so, l->proc, t->program, sizeof(t->program));
}

/* Those that are cut come first: they are what is asked for. */
static int
tell(const struct look *l, struct buf *out)
{
	Cordon__Preview p = CORDON__PREVIEW__INIT;
	struct told *told = calloc(PREVIEW_FLOWS_MAX, sizeof(*told));
	Cordon__Flow *list[PREVIEW_FLOWS_MAX];
	size_t i, turn;
	int rc = ERR_NOMEM;

	if (told == NULL)
		return rc;
	p.ask_id = l->ask->ask_id;
	p.partial = l->partial;
	p.flows = list;
	for (turn = 0; turn < 2; turn++)
		for (i = 0; i < l->n; i++) {
			if (l->flow[i].kept != (turn == 1))
				continue;
			p.cut += turn == 0;
			p.kept += turn == 1;
			if (p.n_flows == PREVIEW_FLOWS_MAX)
				continue;
			fill_told(l, &l->flow[i], &told[p.n_flows]);
			list[p.n_flows] = &told[p.n_flows].msg;
			p.n_flows++;
		}
	while (p.n_flows > 0 && cordon__preview__get_packed_size(&p) >
	    PREVIEW_PACKED_MAX)
		p.n_flows--;
	rc = pack(&p.base, out);
	free(told);
	return rc;
}

int
preview_make(const char *proc, const Cordon__PreviewAsk *ask,
    uint32_t network_uid, struct buf *out)
{
	struct look l = {.proc = proc, .ask = ask,
	    .network_uid = network_uid,
	    .until_ms = clock_boot_ms() + PREVIEW_MS};
	char *text = malloc(TABLE_ROOM);
	int rc;

	l.flow = calloc(FLOWS_MAX, sizeof(*l.flow));
	rc = socket_owners_init(&l.owners);
	if (text == NULL || l.flow == NULL || rc != 0) {
		rc = ERR_NOMEM;
		goto done;
	}
	read_table(&l, "tcp", TCP, text);
	read_table(&l, "tcp6", TCP, text);
	read_table(&l, "udp", UDP, text);
	read_table(&l, "udp6", UDP, text);
	if (!socket_owners_walk(&l.owners, proc, l.until_ms))
		l.partial = true;
	rc = tell(&l, out);
done:
	socket_owners_done(&l.owners);
	free(l.flow);
	free(text);
	return rc;
}
