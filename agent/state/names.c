/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where names lead: resolver, hosts file, name service switch.  Facts:
 * "resolver KEY", "host NAME", "nsswitch DATABASE".
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"

#define RESOLV "/etc/resolv.conf"
#define HOSTS "/etc/hosts"
#define NSSWITCH "/etc/nsswitch.conf"
#define RESOLVED "/etc/systemd/resolved.conf"

/* -- reading ---------------------------- */

struct names_walk {
	const struct state_env *env;
	struct facts *out;
};

static int
resolv_line(void *arg, char *line)
{
	char key[LOOK_FIELD_MAX], q[LOOK_FIELD_MAX], *word;

	line[strcspn(line, "#;")] = '\0';
	line = look_squeeze(line);
	word = strsep(&line, " ");
	if (word[0] == '\0')
		return 0;
	snprintf(key, sizeof(key), "resolver %.200s", word);
	return facts_add(arg, key, look_quote(q, sizeof(q),
	    line != NULL ? line : ""));
}

/* "DNS=192.0.2.1" in resolved.conf */
static int
resolved_line(void *arg, char *line)
{
	char key[LOOK_FIELD_MAX], q[LOOK_FIELD_MAX], *word;

	line = look_squeeze(line);
	word = strsep(&line, "=");
	if (word[0] == '\0' || strchr("#;[", word[0]) != NULL || line == NULL)
		return 0;
	snprintf(key, sizeof(key), "resolver resolved-%.200s",
	    look_trim(word));
	return facts_add(arg, key, look_quote(q, sizeof(q),
	    look_trim(line)));
}

static int
hosts_line(void *arg, char *line)
{
	char key[LOOK_FIELD_MAX], q[128], *address, *name;
	int r = 0;

	line[strcspn(line, "#")] = '\0';
	line = look_squeeze(line);
	address = strsep(&line, " ");
	look_quote(q, sizeof(q), address);
	while (r == 0 && line != NULL && (name = strsep(&line, " ")) != NULL) {
		snprintf(key, sizeof(key), "host %.400s", name);
		r = facts_add(arg, key, q);
	}
	return r;
}

static int
nsswitch_line(void *arg, char *line)
{
	char key[LOOK_FIELD_MAX], q[LOOK_FIELD_MAX], *database;

	line[strcspn(line, "#")] = '\0';
	line = look_squeeze(line);
	database = strsep(&line, ":");
	if (line == NULL || database[0] == '\0')
		return 0;
	snprintf(key, sizeof(key), "nsswitch %.200s", look_trim(database));
	return facts_add(arg, key, look_quote(q, sizeof(q),
	    look_trim(line)));
}

static int
resolved_file(void *arg, const char *path, const char *name)
{
	const struct names_walk *w = arg;

	(void)name;
	return look_file(w->env, path, false, resolved_line, w->out);
}

static int
names_read(const struct state_env *env, struct facts *out, struct why *why)
{
	static const struct {
		const char *path, *prefix;
		look_line_fn *fn;
	} files[] = {
		{RESOLV, "resolver ", resolv_line},
		{RESOLVED, "resolver resolved-", resolved_line},
		{HOSTS, "host ", hosts_line},
		{NSSWITCH, "nsswitch ", nsswitch_line},
	};
	struct names_walk w = {env, out};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(files) / sizeof(files[0]) && r == 0; i++) {
		r = look_file(env, files[i].path, false, files[i].fn, out);
		r = look_missed(out, r, files[i].prefix);
	}
	if (r == 0)
		r = look_dir(env, RESOLVED ".d", resolved_file, &w);
	return r == 0 ? 0 : why_set(why, r, "names: %s", err_str(r));
}

/* -- telling ---------------------------- */

static bool
nowhere(const char *address)
{
	return strncmp(address, "127.", 4) == 0 ||
	    strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::1") == 0 ||
	    strcmp(address, "::") == 0;
}

/* Names that this host itself has. */
static bool
is_own_name(const char *name)
{
	return strncmp(name, "localhost", 9) == 0 ||
	    strncmp(name, "ip6-", 4) == 0 || strchr(name, '.') == NULL;
}

static void
tell_host(const struct fact_change *c, struct state_told *out)
{
	char q[256];

	told_init(out, "hosts.changed", c->key + 5, HOSTS);
	told_add(out, "name %s leads to %s (was %s)",
	    look_quote(q, sizeof(q), c->key + 5),
	    c->is != NULL ? c->is : "what the resolver says",
	    c->was != NULL ? c->was : "what the resolver says");
	if (c->is != NULL && nowhere(c->is) && !is_own_name(c->key + 5)) {
		told_add(out, "it cannot be reached any more");
		out->severity = CORDON__SEVERITY__SEVERITY_HIGH;
	}
}

static bool
names_tell(const struct fact_change *c, struct state_told *out)
{
	char q[256];

	if (c->how == FACT_FOUND)
		return false;
	if (strncmp(c->key, "host ", 5) == 0) {
		tell_host(c, out);
		return true;
	}
	if (strncmp(c->key, "nsswitch ", 9) == 0) {
		told_init(out, "nsswitch.changed", NSSWITCH, NSSWITCH);
		told_add(out, "%s come from \"%.300s\" (was \"%.300s\")",
		    look_quote(q, sizeof(q), c->key + 9),
		    c->is != NULL ? c->is : "", c->was != NULL ? c->was : "");
		return true;
	}
	if (strncmp(c->key, "resolver ", 9) != 0)
		return false;
	told_init(out, "resolver.changed", RESOLV, RESOLV);
	if (strncmp(c->key + 9, "resolved-", 9) == 0)
		told_init(out, "resolver.changed", RESOLVED, RESOLVED);
	told_add(out, "%s: %.300s (was %.300s)",
	    look_quote(q, sizeof(q), c->key + 9),
	    c->is != NULL ? c->is : "none", c->was != NULL ? c->was : "none");
	return true;
}

static const char *const paths[] = {RESOLV, HOSTS, NSSWITCH, RESOLVED,
    RESOLVED ".d/*", NULL};

const struct state_source state_names = {"names", paths, 60, names_read,
    names_tell, true};
