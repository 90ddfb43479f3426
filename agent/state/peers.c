/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom this host talks to: for each program, each protocol and port of a
 * peer, the first address.  Key: "tcp 443 /usr/bin/curl"; value: the
 * address.  Only connections that live at a look are seen.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/holders.h"
#include "agent/state/listeners.h"
#include "agent/state/netsock.h"
#include "agent/state/peek.h"
#include "agent/state/program.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 3600 /* else when connections were made */

/* Came it in, to a port that listens here? */
static bool
is_inbound(const struct netsocks *all, const struct netsock *s)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->at[i].protocol == s->protocol &&
		    all->at[i].peer_port == 0 &&
		    all->at[i].local_port == s->local_port)
			return true;
	return false;
}

static bool
is_outbound(const struct netsocks *all, const struct netsock *s)
{
	return s->peer_port != 0 && s->inode != 0 &&
	    !sock_ip_is_loopback(&s->peer) &&
	    (s->peer.len != s->local.len || memcmp(s->peer.byte,
	    s->local.byte, s->peer.len) != 0) && !is_inbound(all, s);
}

/* Our own line to the collector is no news. */
static bool
is_ours(const struct state_env *env, const char *program)
{
	size_t n = env->own_dir != NULL ? strlen(env->own_dir) : 0;

	return n > 0 && strncmp(program, env->own_dir, n) == 0 &&
	    strcmp(program + n, "/agent-network") == 0;
}

static int
add_peers(const struct state_env *env, const struct netsocks *socks,
    struct holders *h, struct facts *out)
{
	char program[PROGRAM_TEXT_MAX], key[PROGRAM_TEXT_MAX + 32];
	char ip[NETSOCK_TEXT_MAX];
	const struct netsock *s;
	size_t i, k = 0;
	int r = 0;

	for (i = 0; i < socks->n && k < h->n && r == 0; i++) {
		s = &socks->at[i];
		if (s->inode != h->ask[k].inode)
			continue;
		if (h->ask[k].pid != 0 && program_of(h->ask[k].pid,
		    program) && !is_ours(env, program)) {
			snprintf(key, sizeof(key), "%s %u %s",
			    s->protocol == IPPROTO_TCP ? "tcp" : "udp",
			    s->peer_port, program);
			r = facts_addf(out, key, "%s %d",
			    netsock_ip(&s->peer, ip), (int)h->ask[k].pid);
		}
		k++;
	}
	return r;
}

static int
see_peers(const struct state_env *env, struct facts *now)
{
	struct netsocks socks = {NULL, 0, 0};
	struct holders *h = calloc(1, sizeof(*h));
	size_t i;
	int r = h == NULL ? ERR_NOMEM : 0;

	if (r == 0)
		r = netsocks_ask(env->diag_fd, IPPROTO_TCP, NETSOCK_LISTEN |
		    NETSOCK_ESTABLISHED | NETSOCK_SYN_SENT |
		    NETSOCK_CLOSE_WAIT, &socks);
	if (r == 0)
		r = netsocks_ask(env->diag_fd, IPPROTO_UDP, NETSOCK_CLOSE |
		    NETSOCK_ESTABLISHED, &socks);
	for (i = 0; i < socks.n && r == 0 && h->n < HOLDERS_MAX; i++)
		if (is_outbound(&socks, &socks.at[i]))
			h->ask[h->n++] = (struct holding){
			    .inode = socks.at[i].inode};
	if (r == 0 && h->n > 0) {
		holders_walk(h);
		r = add_peers(env, &socks, h, now);
	}
	netsocks_done(&socks);
	free(h);
	return r;
}

static int
peers_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct facts *now = facts_new();
	int r = now == NULL ? ERR_NOMEM : 0;

	if (r == 0 && env->diag_fd >= 0)
		r = see_peers(env, now);
	if (r == 0)
		r = facts_seal(now);
	if (r == 0)
		r = peek_keep_first(env->was, now, out,
		    PEERS_KNOWN_MAX);
	facts_free(&now);
	return r == 0 ? 0 : why_set(why, r, "peers");
}

static bool
peers_tell(const struct fact_change *c, struct state_told *out)
{
	char address[NETSOCK_TEXT_MAX], object[128], q[PEEK_QUOTED_MAX];
	enum program_class class;
	const char *program;
	unsigned int port;
	char protocol[8];
	int at = 0, pid = 0;

	if ((c->how != FACT_ADDED && c->how != FACT_FOUND) ||
	    sscanf(c->key, "%7s %u %n", protocol, &port, &at) != 2 ||
	    at == 0 || sscanf(c->is, "%63s %d", address, &pid) != 2)
		return false;
	program = c->key + at;
	class = program_class(program);
	if (c->how == FACT_FOUND && class != PROGRAM_VOLATILE)
		return false;
	out->pid = (pid_t)pid;
	snprintf(object, sizeof(object), "%s %s:%u", protocol, address,
	    port);
	return peek_tell(out, "net.peer", class == PROGRAM_VOLATILE ||
	    class == PROGRAM_SHELL ? SEVERITY(HIGH) : SEVERITY(NONE), object,
	    "%s (pid %d) talks to %s port %u (%s), which it did not before",
	    peek_quote(q, program), pid, address, port, protocol);
}

static const char *const peers_paths[] = {PEERS_FILE, NULL};

const struct state_source peers_source = {
	.name = "peers",
	.paths = peers_paths,
	.every_s = EVERY_S,
	.read = peers_read,
	.tell = peers_tell,
};
