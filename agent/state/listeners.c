/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listening sockets and raw ones.  Key: "tcp 0.0.0.0:22 /usr/sbin/sshd";
 * value: "PORT INODE PID", empty when it was seen once and is not there.
 * The processes are walked only when there is a socket that the last look
 * did not have.
 */
#include "agent/state/listeners.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/holders.h"
#include "agent/state/netsock.h"
#include "agent/state/peek.h"
#include "agent/state/program.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 30
#define TABLE_MAX (256 * 1024)
#define KEY_MAX (PROGRAM_TEXT_MAX + 128)
#define UNSEEN "a program that is not to be seen"
#define UNSURE "?" /* unseen at one look: it may have just ended */

/* One socket before its program is known. */
struct seen {
	char place[96]; /* "tcp 0.0.0.0:22" */
	unsigned int port;
	uint64_t inode;
};

struct sightings {
	struct seen *at; /* owned */
	size_t n, max;
};

static struct seen *
see(struct sightings *s, uint64_t inode)
{
	size_t max = s->max == 0 ? 64 : s->max * 2;
	struct seen *more;

	if (s->n == s->max) {
		more = s->n >= NETSOCK_MAX ? NULL :
		    realloc(s->at, max * sizeof(*more));
		if (more == NULL)
			return NULL;
		s->at = more;
		s->max = max;
	}
	memset(&s->at[s->n], 0, sizeof(s->at[0]));
	s->at[s->n].inode = inode;
	return &s->at[s->n++];
}

/* Ports that the kernel gives to whoever asks for none. */
static void
given_ports(const struct state_env *env, unsigned int *from,
    unsigned int *to)
{
	char text[64];

	*from = 32768;
	*to = 60999;
	if (peek(env, "/proc/sys/net/ipv4/ip_local_port_range", text,
	    sizeof(text)) > 0)
		sscanf(text, "%u %u", from, to);
}

static int
see_listeners(const struct state_env *env, struct sightings *s)
{
	struct netsocks socks = {NULL, 0, 0};
	const struct netsock *k;
	char ip[NETSOCK_TEXT_MAX];
	unsigned int from, to;
	struct seen *new;
	size_t i;
	int r;

	r = netsocks_ask(env->diag_fd, IPPROTO_TCP, NETSOCK_LISTEN, &socks);
	if (r == 0)
		r = netsocks_ask(env->diag_fd, IPPROTO_UDP, NETSOCK_CLOSE,
		    &socks);
	given_ports(env, &from, &to);
	for (i = 0; i < socks.n && r == 0; i++) {
		k = &socks.at[i];
		if (k->local_port == 0 || (new = see(s, k->inode)) == NULL)
			continue;
		new->port = k->local_port;
		snprintf(new->place, sizeof(new->place), "%s %s:",
		    k->protocol == IPPROTO_TCP ? "tcp" : "udp",
		    netsock_ip(&k->local, ip));
		/* Ports that change with each start are one place. */
		if (k->local_port >= from && k->local_port <= to)
			strcat(new->place, "high");
		else
			snprintf(new->place + strlen(new->place), 8, "%u",
			    k->local_port);
	}
	netsocks_done(&socks);
	return r;
}

static void
see_table(const struct state_env *env, const char *path, struct sightings *s)
{
	char *text = peek_all(env, path, TABLE_MAX), *rest = text, *line;
	bool packet = strstr(path, "packet") != NULL;
	struct sock_line l = {.local_port = 0};
	uint32_t device;
	struct seen *new;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (packet ? !sock_line_packet(line, &device, &l.inode) :
		    !sock_line_inet(line, &l))
			continue;
		new = see(s, l.inode);
		if (new == NULL)
			break;
		if (packet)
			snprintf(new->place, sizeof(new->place), "packet -");
		else
			snprintf(new->place, sizeof(new->place), "raw %u",
			    l.local_port);
	}
	free(text);
}

/* The program that WAS names for INODE, and its pid. */
static bool
known_program(const struct facts *was, const struct seen *s,
    char program[PROGRAM_TEXT_MAX], long *pid)
{
	size_t i, n = was == NULL ? 0 : facts_count(was);
	size_t len = strlen(s->place);
	uint64_t inode;
	const char *v;

	for (i = 0; i < n; i++) {
		if (strncmp(facts_key(was, i), s->place, len) != 0 ||
		    facts_key(was, i)[len] != ' ')
			continue;
		for (v = facts_value(was, i); v != NULL; v = strchr(v, ';'),
		    v = v == NULL ? NULL : v + 1)
			if (sscanf(v, "%*u %" SCNu64 " %ld", &inode, pid) ==
			    2 && inode == s->inode) {
				snprintf(program, PROGRAM_TEXT_MAX, "%s",
				    facts_key(was, i) + len + 1);
				return true;
			}
	}
	return false;
}

/* One walk for all that are new. */
static void
ask_holders(const struct state_env *env, const struct sightings *s,
    struct holders *h)
{
	char program[PROGRAM_TEXT_MAX];
	size_t i;
	long pid;

	for (i = 0; i < s->n && h->n < HOLDERS_MAX; i++)
		if (!known_program(env->was, &s->at[i], program, &pid))
			h->ask[h->n++] = (struct holding){
			    .inode = s->at[i].inode};
	if (h->n > 0)
		holders_walk(h);
}

static void
find_program(const struct state_env *env, const struct seen *s,
    const struct holders *h, char program[PROGRAM_TEXT_MAX], long *pid)
{
	size_t i;

	*pid = 0;
	if (known_program(env->was, s, program, pid)) {
		if (strcmp(program, UNSURE) == 0)
			snprintf(program, PROGRAM_TEXT_MAX, UNSEEN);
		return;
	}
	snprintf(program, PROGRAM_TEXT_MAX, UNSURE);
	for (i = 0; i < h->n; i++)
		if (h->ask[i].inode == s->inode && h->ask[i].pid != 0) {
			*pid = h->ask[i].pid;
			if (!program_of((pid_t)*pid, program))
				*pid = 0;
			return;
		}
}

static int
add_all(const struct state_env *env, const struct sightings *s,
    struct facts *out)
{
	struct holders *h = calloc(1, sizeof(*h));
	char program[PROGRAM_TEXT_MAX], key[KEY_MAX];
	size_t i;
	long pid;
	int r = 0;

	if (h == NULL)
		return ERR_NOMEM;
	ask_holders(env, s, h);
	for (i = 0; i < s->n && r == 0; i++) {
		find_program(env, &s->at[i], h, program, &pid);
		snprintf(key, sizeof(key), "%s %s", s->at[i].place, program);
		r = facts_addf(out, key, "%u %" PRIu64 " %ld",
		    s->at[i].port, s->at[i].inode, pid);
	}
	free(h);
	return r;
}

static int
listeners_read(const struct state_env *env, struct facts *out,
    struct why *why)
{
	struct sightings s = {NULL, 0, 0};
	int r;

	if (env->diag_fd < 0)
		return 0;
	r = see_listeners(env, &s);
	if (r == 0) {
		see_table(env, "/proc/net/raw", &s);
		see_table(env, "/proc/net/raw6", &s);
		see_table(env, "/proc/net/packet", &s);
		r = add_all(env, &s, out);
	}
	if (r == 0)
		r = peek_learn(env->was, out, LISTENERS_KNOWN_MAX, "");
	free(s.at);
	return r == 0 ? 0 : why_set(why, r, "listeners");
}

/* -- telling ---------------------------- */

/* Programs whose work is raw frames. */
static bool
is_frame_program(const char *program)
{
	static const char *const names[] = {"/usr/sbin/dhclient",
	    "/sbin/dhclient", "/usr/sbin/dhcpcd", "/sbin/dhcpcd",
	    "/usr/sbin/NetworkManager", "/usr/sbin/wpa_supplicant",
	    "/usr/lib/systemd/systemd-networkd",
	    "/lib/systemd/systemd-networkd", "/usr/sbin/lldpd",
	    "/usr/sbin/keepalived", "/usr/bin/ping", "/bin/ping",
	    "/usr/sbin/arping", "/usr/bin/arping", "/usr/sbin/hostapd",
	    "/usr/sbin/radvd", "/usr/sbin/dnsmasq", "/usr/sbin/pppd",
	    "/usr/bin/traceroute.db", "/usr/bin/mtr-packet"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], program) == 0)
			return true;
	return false;
}

static bool
tell_raw(const char *place, const char *program, struct state_told *out)
{
	bool packet = strncmp(place, "packet", 6) == 0;
	char q[PEEK_QUOTED_MAX];

	return peek_tell(out, "net.raw-socket",
	    program_class(program) == PROGRAM_VOLATILE ? SEVERITY(HIGH) :
	    is_frame_program(program) ? SEVERITY(INFO) : SEVERITY(NONE),
	    program, packet ? "%s reads frames of the network as they come "
	    "(packet socket)" : "%s has a raw socket",
	    peek_quote(q, program));
}

static Cordon__Severity
listener_severity(const char *place, const char *program)
{
	bool local = strstr(place, " 127.") != NULL ||
	    strstr(place, " [::1]") != NULL;

	switch (program_class(program)) {
	case PROGRAM_VOLATILE:
		return SEVERITY(HIGH);
	case PROGRAM_SHELL:
		return local ? SEVERITY(MEDIUM) : SEVERITY(HIGH);
	case PROGRAM_SCRIPT:
	case PROGRAM_PLAIN:
		break;
	}
	if (strncmp(place, "udp", 3) == 0 && strstr(place, ":high") != NULL)
		return SEVERITY(INFO); /* it asked something, as DNS does */
	return local ? SEVERITY(LOW) : SEVERITY(NONE);
}

static bool
listeners_tell(const struct fact_change *c, struct state_told *out)
{
	char place[96], object[128], q[PEEK_QUOTED_MAX];
	const char *program, *colon;
	unsigned int port = 0;
	long pid = 0;

	if (c->is == NULL || c->is[0] == '\0' || c->how == FACT_CHANGED)
		return false;
	program = strchr(c->key, ' ');
	program = program == NULL ? NULL : strchr(program + 1, ' ');
	if (program == NULL)
		return false;
	snprintf(place, sizeof(place), "%.*s", (int)(program - c->key),
	    c->key);
	program++;
	if (strcmp(program, UNSURE) == 0)
		return false;
	sscanf(c->is, "%u %*u %ld", &port, &pid);
	if (c->how == FACT_FOUND && program_class(program) !=
	    PROGRAM_VOLATILE)
		return false;
	out->pid = (pid_t)pid;
	if (port == 0)
		return tell_raw(place, program, out);
	colon = strrchr(place, ':');
	snprintf(object, sizeof(object), "%.*s:%u", colon == NULL ? 0 :
	    (int)(colon - place), place, port);
	return peek_tell(out, "net.listener", listener_severity(place,
	    program), object, "%s (pid %ld) %s on %s", peek_quote(q,
	    program), pid, c->how == FACT_FOUND ? "listens" :
	    "now listens", object);
}

static const char *const listeners_paths[] = {LISTENERS_FILE, NULL};

const struct state_source listeners_source = {
	.name = "listeners",
	.paths = listeners_paths,
	.every_s = EVERY_S,
	.read = listeners_read,
	.tell = listeners_tell,
};
