/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking for sockets.  Runs on the thread of the state sensor.
 */
#include "agent/state/netsock.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/nl.h"

struct asking {
	struct netsocks *out;
	uint8_t protocol;
	int rc;
};

void
netsocks_done(struct netsocks *s)
{
	free(s->at);
	memset(s, 0, sizeof(*s));
}

static void
take_ip(struct sock_ip *ip, uint8_t family, const void *bytes)
{
	ip->len = family == AF_INET ? 4 : 16;
	memcpy(ip->byte, bytes, ip->len);
	sock_ip_plain(ip);
}

bool
netsock_parse(const struct nlmsghdr *nlh, uint8_t protocol,
    struct netsock *out)
{
	const struct inet_diag_msg *m = NLMSG_DATA(nlh);

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) ||
	    (m->idiag_family != AF_INET && m->idiag_family != AF_INET6))
		return false;
	memset(out, 0, sizeof(*out));
	take_ip(&out->local, m->idiag_family, m->id.idiag_src);
	take_ip(&out->peer, m->idiag_family, m->id.idiag_dst);
	out->local_port = ntohs(m->id.idiag_sport);
	out->peer_port = ntohs(m->id.idiag_dport);
	out->protocol = protocol;
	out->state = m->idiag_state;
	out->uid = m->idiag_uid;
	out->inode = m->idiag_inode;
	return true;
}

static void
on_socket(void *arg, const struct nlmsghdr *nlh)
{
	struct asking *a = arg;
	struct netsocks *s = a->out;
	size_t max = s->max == 0 ? 64 : s->max * 2;
	struct netsock *more;

	if (s->n == s->max && s->n < NETSOCK_MAX) {
		more = realloc(s->at, max * sizeof(*more));
		if (more == NULL) {
			a->rc = ERR_NOMEM;
			return;
		}
		s->at = more;
		s->max = max;
	}
	if (s->n < s->max && netsock_parse(nlh, a->protocol, &s->at[s->n]))
		s->n++;
}

int
netsocks_ask(int fd, uint8_t protocol, uint32_t states, struct netsocks *out)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct inet_diag_req_v2 req = {.sdiag_protocol = protocol,
	    .idiag_states = states};
	struct asking a = {out, protocol, 0};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(families) && r == 0; i++) {
		req.sdiag_family = families[i];
		r = nl_dump(fd, SOCK_DIAG_BY_FAMILY, &req, sizeof(req),
		    on_socket, &a);
		if (r == ERR_UNSUPP && families[i] == AF_INET6)
			r = 0; /* a kernel without IPv6 */
	}
	return r != 0 ? r : a.rc;
}

const char *
netsock_ip(const struct sock_ip *ip, char *out)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->byte, text,
	    sizeof(text)) == NULL)
		text[0] = '\0';
	snprintf(out, NETSOCK_TEXT_MAX, ip->len == 4 ? "%s" : "[%s]", text);
	return out;
}
