/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The source of routes: asks rtnetlink(7) and says what a change means.
 * Runs on the thread of the state sensor.
 */
#include "agent/state/routes.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/state/nl.h"
#include "agent/state/peek.h"
#include "common/base/clock.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 300 /* else at an event */
/* So long after a boot the network may not be as it was before. */
#define BOOT_MS (5 * 60 * 1000)

/* -- asking ---------------------------- */

struct asking {
	struct facts *out;
	struct routes_links links;
	bool torn; /* something changed while the kernel told */
	int rc;
};

static void
on_message(void *arg, const struct nlmsghdr *nlh)
{
	struct asking *a = arg;

	a->torn |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	if (a->rc == 0)
		a->rc = routes_take_link(nlh, &a->links);
	if (a->rc == 0)
		a->rc = routes_parse(nlh, &a->links, a->out);
}

/* Names of devices first.  Each header begins with the family. */
static int
ask_all(int fd, struct asking *a)
{
	static const struct {
		uint16_t type;
		uint8_t family;
		size_t head;
	} asks[] = {
		{RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg)},
		{RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg)},
		{RTM_GETROUTE, AF_INET, sizeof(struct rtmsg)},
		{RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg)},
		{RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr)},
		{RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr)},
	};
	uint8_t head[sizeof(struct ifinfomsg)] = {0};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(asks) / sizeof(asks[0]) && r == 0; i++) {
		head[0] = asks[i].family;
		r = nl_dump(fd, asks[i].type, head, asks[i].head, on_message,
		    a);
		if (r == ERR_UNSUPP && (asks[i].type == RTM_GETRULE ||
		    asks[i].family == AF_INET6))
			r = 0; /* a kernel without them */
	}
	return r != 0 ? r : a->rc;
}

static int
routes_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct asking a = {.out = out};
	int r;

	if (env->route_fd < 0)
		return 0;
	r = ask_all(env->route_fd, &a);
	routes_links_done(&a.links);
	if (r == 0 && (a.torn || clock_boot_ms() < BOOT_MS))
		r = peek_learn(env->was, out, FACTS_MAX, NULL);
	return r == 0 ? 0 : why_set(why, r, "routes");
}

/* -- telling ---------------------------- */

static Cordon__Severity
severity_of(const struct fact_change *c)
{
	if (c->was != NULL && routes_rule_is_first(c->key, c->was))
		return SEVERITY(NONE);
	if (c->how == FACT_REMOVED)
		return SEVERITY(INFO);
	return routes_rejects(c->is) ? SEVERITY(NONE) : SEVERITY(LOW);
}

static bool
routes_tell(const struct fact_change *c, struct state_told *out)
{
	char head[PEEK_QUOTED_MAX], tail[32] = "", to[64], table[16];
	char is[PEEK_QUOTED_MAX], was[PEEK_QUOTED_MAX];
	const char *between = " ";

	if (c->how == FACT_FOUND || (c->how == FACT_ADDED &&
	    routes_rule_is_first(c->key, c->is)))
		return false;
	peek_quote(head, c->key);
	peek_quote(is, c->is);
	peek_quote(was, c->was);
	if (sscanf(head, "route %63s table %15s", to, table) == 2) {
		snprintf(head, sizeof(head), "route to %s", to);
		snprintf(tail, sizeof(tail), ", table %s", table);
	} else if (strstr(head, "rule ") != NULL) {
		between = ": ";
	}
	if (c->how == FACT_REMOVED)
		return peek_tell(out, "net.route", severity_of(c), c->key,
		    "%s%s is gone; before: %s", head, tail, was);
	return peek_tell(out, "net.route", severity_of(c), c->key,
	    "%s%s%s%s%s%s", head, between, is, tail,
	    c->was != NULL ? "; before: " : "", c->was != NULL ? was : "");
}

static const char *const routes_paths[] = {ROUTES_FILE, NULL};

const struct state_source routes_source = {
	.name = "routes",
	.paths = routes_paths,
	.every_s = EVERY_S,
	.read = routes_read,
	.tell = routes_tell,
};
