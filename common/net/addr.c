/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses as text and as the kernel wants them.  Runs in every process
 * that talks over a network; the text may come from a person or from a
 * configuration file and is not trusted to have any form.
 */
#include "common/net/addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HOST_MAX 256 /* a DNS name has at most 253 bytes (RFC 1035) */

static int
parse_port(const char *text, uint16_t *port)
{
	unsigned int v = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && p - text < 5; p++)
		v = v * 10 + (unsigned int)(*p - '0');
	if (p == text || *p != '\0' || v < 1 || v > 65535)
		return ERR_RANGE;
	*port = (uint16_t)v;
	return 0;
}

/*
 * Split "host:port", "[host]:port", "host" or a bare IPv6 address into HOST
 * and PORT, which is the default unless the text has one.
 */
static int
split(const char *text, char host[HOST_MAX], uint16_t *port, struct why *why)
{
	const char *from = text, *end, *p = NULL;
	size_t len;

	if (*text == '[') {
		from = text + 1;
		end = strchr(from, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return why_set(why, ERR_SYNTAX,
			    "address: write [IPv6]:PORT");
		if (end[1] == ':')
			p = end + 2;
	} else {
		end = strrchr(from, ':');
		if (end != NULL && strchr(from, ':') == end)
			p = end + 1;
		else
			end = from + strlen(from); /* none or bare IPv6 */
	}
	len = (size_t)(end - from);
	if (len == 0 || len >= HOST_MAX)
		return why_set(why, ERR_SYNTAX,
		    "address: no host; write HOST:PORT");
	if (p != NULL && parse_port(p, port) != 0)
		return why_set(why, ERR_RANGE,
		    "address: the port must be 1 to 65535");
	if (*port == 0)
		return why_set(why, ERR_SYNTAX,
		    "address: no port; write HOST:PORT or [IPv6]:PORT");
	memcpy(host, from, len);
	host[len] = '\0';
	return 0;
}

static bool
from_numeric(const char *host, uint16_t port, struct addr *a)
{
	struct addr out = {.port = port};

	if (inet_pton(AF_INET, host, out.ip) == 1)
		out.ip_len = 4;
	else if (inet_pton(AF_INET6, host, out.ip) == 1)
		out.ip_len = 16;
	else
		return false;
	*a = out;
	return true;
}

int
addr_parse(const char *text, uint16_t port, struct addr *a, struct why *why)
{
	char host[HOST_MAX];
	int err;

	err = split(text, host, &port, why);
	if (err != 0)
		return err;
	if (!from_numeric(host, port, a))
		return why_set(why, ERR_SYNTAX, "address: neither IPv4 nor "
		    "IPv6; a name is not looked up here");
	return 0;
}

static bool
has(const struct addr *a, size_t n, const struct addr *x)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (a[i].ip_len == x->ip_len && a[i].port == x->port &&
		    memcmp(a[i].ip, x->ip, x->ip_len) == 0)
			return true;
	return false;
}

int
addr_resolve(const char *text, uint16_t port, struct addr *a, size_t max,
    size_t *n, struct why *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL, *ai;
	struct sockaddr_storage ss;
	char host[HOST_MAX];
	struct addr one;
	size_t got = 0;
	int err, rc;

	err = split(text, host, &port, why);
	if (err != 0)
		return err;
	if (max > 0 && from_numeric(host, port, &a[0])) {
		*n = 1;
		return 0;
	}
	rc = getaddrinfo(host, NULL, &hints, &list);
	if (rc != 0)
		return why_set(why, ERR_NOENT, "cannot look up %s: %s", host,
		    gai_strerror(rc));
	for (ai = list; ai != NULL && got < max; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(ss))
			continue;
		memset(&ss, 0, sizeof(ss));
		memcpy(&ss, ai->ai_addr, ai->ai_addrlen);
		if (addr_from_sockaddr(&ss, &one) != 0)
			continue;
		one.port = port;
		if (!has(a, got, &one))
			a[got++] = one;
	}
	freeaddrinfo(list);
	if (got == 0)
		return why_set(why, ERR_NOENT, "%s has no address", host);
	*n = got;
	return 0;
}

char *
addr_format(char out[ADDR_TEXT_MAX], const struct addr *a)
{
	char ip[INET6_ADDRSTRLEN];
	bool v6 = a->ip_len == 16;

	if (inet_ntop(v6 ? AF_INET6 : AF_INET, a->ip, ip, sizeof(ip)) == NULL)
		ip[0] = '\0';
	snprintf(out, ADDR_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", ip,
	    (unsigned int)a->port);
	return out;
}

socklen_t
addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (a->ip_len == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

int
addr_from_sockaddr(const struct sockaddr_storage *ss, struct addr *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	struct addr out = {0};

	if (ss->ss_family == AF_INET) {
		out.ip_len = 4;
		out.port = ntohs(in->sin_port);
		memcpy(out.ip, &in->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		/* What a socket for both families shows of an IPv4 peer. */
		out.ip_len = 4;
		out.port = ntohs(in6->sin6_port);
		memcpy(out.ip, &in6->sin6_addr.s6_addr[12], 4);
	} else if (ss->ss_family == AF_INET6) {
		out.ip_len = 16;
		out.port = ntohs(in6->sin6_port);
		memcpy(out.ip, &in6->sin6_addr, 16);
	} else {
		return ERR_UNSUPP;
	}
	*a = out;
	return 0;
}
