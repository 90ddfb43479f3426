/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person asks a sweep for, in one form.  Pure; the text comes from an
 * operator's tool and goes to agents, which check it again.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "server/cases/sweep.h"

#define NAME_LEN_MAX 512 /* as ASK_NAME_MAX of the agents */

static int
parse_sha256(const char *text, struct sweep_question *q, struct why *why)
{
	if (hex_decode(q->sha256, sizeof(q->sha256), text) != 0)
		return why_set(why, ERR_SYNTAX, "sha256: 64 hex digits");
	hex_encode(q->what, q->sha256, sizeof(q->sha256));
	return 0;
}

static int
parse_path(const char *text, struct sweep_question *q, struct why *why)
{
	size_t len = strlen(text);

	if (text[0] != '/' || len >= sizeof(q->what))
		return why_set(why, ERR_SYNTAX,
		    "path: an absolute path; * and ? may stand for bytes");
	if (strstr(text, "//") != NULL || strstr(text, "/./") != NULL ||
	    strstr(text, "/../") != NULL)
		return why_set(why, ERR_SYNTAX,
		    "path: write it without //, /./ and /../");
	strcpy(q->what, text);
	return 0;
}

static int
parse_name(const char *text, struct sweep_question *q, struct why *why)
{
	size_t len = strlen(text);

	if (len < 1 || len > NAME_LEN_MAX)
		return why_set(why, ERR_SYNTAX,
		    "a name: 1 to %d bytes; * and ? may stand for bytes",
		    NAME_LEN_MAX);
	strcpy(q->what, text);
	return 0;
}

/* -- addresses ---------------------------- */

static int
bad_address(struct why *why)
{
	return why_set(why, ERR_SYNTAX, "address: write 10.1.2.3, "
	    "10.1.0.0/16, 10.1.2.3:443, 2001:db8::1, [2001:db8::1]:443 or "
	    ":443");
}

/* IP with an optional /PREFIX. */
static bool
parse_net(char *text, struct sweep_question *q)
{
	char *slash = strchr(text, '/');
	int64_t prefix;

	if (slash != NULL)
		*slash++ = '\0';
	q->ip_len = strchr(text, ':') != NULL ? 16 : 4;
	if (inet_pton(q->ip_len == 4 ? AF_INET : AF_INET6, text, q->ip) != 1)
		return false;
	prefix = q->ip_len * 8;
	if (slash != NULL && text_number(slash, 0, prefix, &prefix) != 0)
		return false;
	q->prefix_len = (uint8_t)prefix;
	return true;
}

/* Agents hold IPv4 in IPv6 form as IPv4. */
static void
plain(struct sweep_question *q)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (q->ip_len != 16 || q->prefix_len < 96 ||
	    memcmp(q->ip, mapped, sizeof(mapped)) != 0)
		return;
	memmove(q->ip, q->ip + 12, 4);
	memset(q->ip + 4, 0, 12);
	q->ip_len = 4;
	q->prefix_len = (uint8_t)(q->prefix_len - 96);
}

static void
write_address(struct sweep_question *q)
{
	char ip[INET6_ADDRSTRLEN] = "", net[8] = "", port[8] = "";
	bool v6 = q->ip_len == 16;

	if (q->ip_len != 0)
		inet_ntop(v6 ? AF_INET6 : AF_INET, q->ip, ip, sizeof(ip));
	if (q->prefix_len < q->ip_len * 8)
		snprintf(net, sizeof(net), "/%u", q->prefix_len);
	if (q->port != 0)
		snprintf(port, sizeof(port), ":%u", q->port);
	snprintf(q->what, sizeof(q->what), v6 && q->port != 0 ?
	    "[%s%s]%s" : "%s%s%s", ip, net, port);
}

static int
parse_address(const char *text, struct sweep_question *q, struct why *why)
{
	char copy[96], *ip = copy, *port = NULL;
	int64_t n;

	if (strlen(text) >= sizeof(copy))
		return bad_address(why);
	strcpy(copy, text);
	if (copy[0] == '[') {
		ip = copy + 1;
		port = strchr(ip, ']');
		if (port == NULL)
			return bad_address(why);
		*port++ = '\0';
		if (*port != '\0' && *port++ != ':')
			return bad_address(why);
		if (*port == '\0')
			port = NULL;
	} else if (strchr(copy, ':') != NULL &&
	    strchr(copy, ':') == strrchr(copy, ':')) {
		port = strchr(copy, ':');
		*port++ = '\0';
	}
	if (port != NULL && text_number(port, 1, 65535, &n) != 0)
		return bad_address(why);
	q->port = port != NULL ? (uint16_t)n : 0;
	if (*ip == '\0' ? port == NULL || copy[0] == '[' : !parse_net(ip, q))
		return bad_address(why);
	plain(q);
	write_address(q);
	return 0;
}

int
sweep_parse(enum sweep_kind kind, const char *text, struct sweep_question *q,
    struct why *why)
{
	memset(q, 0, sizeof(*q));
	q->kind = kind;
	if (!text_printable(text, strlen(text), false))
		return why_set(why, ERR_SYNTAX, "control characters");
	switch (kind) {
	case SWEEP_SHA256:
		return parse_sha256(text, q, why);
	case SWEEP_PATH:
		return parse_path(text, q, why);
	case SWEEP_USER:
	case SWEEP_PROCESS:
		return parse_name(text, q, why);
	case SWEEP_ADDRESS:
		return parse_address(text, q, why);
	}
	return why_set(why, ERR_SYNTAX, "no such kind of sweep");
}
