/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sweep over sockets: those that live now, of the host's own network
 * namespace (/proc/net, proc(5)), and what the facts of listeners and peers
 * remember.  On a job thread of the sensors process.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/held.h"
#include "agent/sensors/sockets.h"
#include "agent/sensors/sweep_int.h"
#include "agent/state/listeners.h"
#include "common/base/clock.h"
#include "common/base/file.h"

#define TABLE_ROOM (1024 * 1024) /* about 6,500 sockets */
#define TCP 6
#define UDP 17
#define TCP_CLOSE 7 /* states of include/net/tcp_states.h */
#define TCP_LISTEN 10
#define PROGRAM_MAX 512

static bool
is_it(const Cordon__SweepAsk *ask, const struct sock_ip *ip,
    unsigned int port)
{
	const Cordon__Address *a = ask->address;

	if (ask->port != 0 && ask->port != port)
		return false;
	return a == NULL || a->ip.len == 0 ||
	    sock_ip_within(ip, a->ip.data, a->ip.len, a->prefix_len);
}

static void
set_address(Cordon__Address *a, struct sock_ip *copy, const struct sock_ip *ip)
{
	*copy = *ip;
	cordon__address__init(a);
	a->ip.data = copy->byte;
	a->ip.len = copy->len;
}

/* -- live ones ---------------------------- */

static void
add_socket(struct sweep *s, const struct sock_line *l, uint32_t protocol)
{
	struct sweep_row *row = sweep_add(s);

	if (row == NULL)
		return;
	row->inode = l->inode;
	row->msg.protocol = protocol;
	set_address(&row->local, &row->local_ip, &l->local);
	row->msg.local = &row->local;
	row->msg.local_port = l->local_port;
	row->msg.listens = protocol == TCP ? l->state == TCP_LISTEN :
	    l->peer_port == 0;
	row->msg.uid = l->uid;
	if (row->msg.listens)
		return;
	set_address(&row->peer, &row->peer_ip, &l->peer);
	row->msg.peer = &row->peer;
	row->msg.peer_port = l->peer_port;
}

static void
read_table(struct sweep *s, const char *name, uint32_t protocol, char *text)
{
	char path[256], *rest = text, *line;
	struct sock_line l;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/net/%s", s->proc, name);
	len = file_text(path, text, TABLE_ROOM);
	if (len <= 0)
		return;
	if (len >= TABLE_ROOM - 1)
		s->answer.partial = true;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!sock_line_inet(line, &l) ||
		    (protocol == TCP && l.state == TCP_CLOSE))
			continue;
		s->answer.looked++;
		if (is_it(s->ask, &l.local, l.local_port) ||
		    (l.peer_port != 0 && is_it(s->ask, &l.peer,
		    l.peer_port)))
			add_socket(s, &l, protocol);
	}
}

/* Only when there is something to name: it is a walk over /proc. */
static void
name_programs(struct sweep *s)
{
	struct socket_owners owners;
	const struct socket_owner *so;
	char program[PROGRAM_MAX];
	size_t i;

	if (s->answer.n_rows == 0 || socket_owners_init(&owners) != 0)
		return;
	if (!socket_owners_walk(&owners, s->proc, s->until_ms))
		s->answer.partial = true;
	for (i = 0; i < s->answer.n_rows; i++) {
		so = socket_owners_find(&owners, s->row[i].inode);
		if (so == NULL)
			continue;
		socket_owner_program(so, s->proc, program, sizeof(program));
		s->row[i].msg.object = sweep_quote(s, program);
		s->row[i].msg.pid = (uint32_t)so->pid;
	}
	socket_owners_done(&owners);
}

/* -- remembered ones ---------------------------- */

/* "10.1.2.3" or "[2001:db8::1]". */
static bool
parse_ip(const char *text, struct sock_ip *out)
{
	char plain[64];

	snprintf(plain, sizeof(plain), "%s", text[0] == '[' ? text + 1 : text);
	plain[strcspn(plain, "]")] = '\0';
	memset(out, 0, sizeof(*out));
	out->len = strchr(plain, ':') != NULL ? 16 : 4;
	return inet_pton(out->len == 4 ? AF_INET : AF_INET6, plain,
	    out->byte) == 1;
}

static void
add_before(struct sweep *s, const char *protocol, const struct sock_ip *ip,
    unsigned int port, bool listens, const char *program)
{
	struct sweep_row *row = sweep_add(s);

	if (row == NULL)
		return;
	row->msg.before = true;
	row->msg.object = sweep_quote(s, program);
	row->msg.protocol = strcmp(protocol, "udp") == 0 ? UDP : TCP;
	row->msg.listens = listens;
	if (listens) {
		set_address(&row->local, &row->local_ip, ip);
		row->msg.local = &row->local;
		row->msg.local_port = port;
	} else {
		set_address(&row->peer, &row->peer_ip, ip);
		row->msg.peer = &row->peer;
		row->msg.peer_port = port;
	}
}

/* Is the same peer among the live ones? */
static bool
lives(const struct sweep *s, const struct sock_ip *ip, unsigned int port)
{
	const struct sweep_row *row;
	size_t i;

	for (i = 0; i < s->answer.n_rows; i++) {
		row = &s->row[i];
		if (!row->msg.before && row->msg.peer != NULL &&
		    row->msg.peer_port == port && row->peer_ip.len == ip->len &&
		    memcmp(row->peer_ip.byte, ip->byte, ip->len) == 0)
			return true;
	}
	return false;
}

/* "tcp 443 /usr/bin/curl" -> "10.1.2.3 PID" (agent/state/peers.c). */
static void
look_at_peer(struct sweep *s, const char *key, const char *value)
{
	char protocol[8], address[64];
	struct sock_ip ip;
	unsigned int port;
	int at = 0;

	if (sscanf(key, "%7s %u %n", protocol, &port, &at) == 2 && at > 0 &&
	    sscanf(value, "%63s", address) == 1 && parse_ip(address, &ip) &&
	    is_it(s->ask, &ip, port) && !lives(s, &ip, port))
		add_before(s, protocol, &ip, port, false, key + at);
}

/* "tcp 0.0.0.0:22 /usr/sbin/sshd" -> "" when it is gone (listeners.c). */
static void
look_at_listener(struct sweep *s, const char *key, const char *value)
{
	char protocol[8], place[96], *colon;
	unsigned int port = 0;
	struct sock_ip ip;
	int at = 0;

	if (value[0] != '\0' || sscanf(key, "%7s %95s %n", protocol, place,
	    &at) != 2 || at == 0 || (strcmp(protocol, "tcp") != 0 &&
	    strcmp(protocol, "udp") != 0) ||
	    (colon = strrchr(place, ':')) == NULL)
		return;
	*colon = '\0';
	/* A port that changes with each start is kept as "high": 0 here. */
	(void)sscanf(colon + 1, "%u", &port);
	if (parse_ip(place, &ip) && is_it(s->ask, &ip, port))
		add_before(s, protocol, &ip, port, true, key + at);
}

static void
remembered(struct sweep *s, const char *source,
    void (*look)(struct sweep *s, const char *key, const char *value))
{
	const struct facts *f;
	int64_t read_ms;
	size_t i;

	held_facts_begin(s->env->held);
	f = held_facts(s->env->held, source, &read_ms);
	for (i = 0; f != NULL && i < facts_count(f); i++) {
		s->answer.looked++;
		look(s, facts_key(f, i), facts_value(f, i));
	}
	held_facts_done(s->env->held);
}

void
sweep_sockets(struct sweep *s)
{
	char *text = malloc(TABLE_ROOM);

	if (text == NULL) {
		sweep_cannot(s, "no memory");
		return;
	}
	read_table(s, "tcp", TCP, text);
	read_table(s, "tcp6", TCP, text);
	read_table(s, "udp", UDP, text);
	read_table(s, "udp6", UDP, text);
	free(text);
	name_programs(s);
	s->answer.looked_ms = clock_wall_ms();
	remembered(s, peers_source.name, look_at_peer);
	remembered(s, listeners_source.name, look_at_listener);
}
