/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Groups: group(5), gshadow(5) and the first groups of passwd(5), by who is
 * in them.  Facts: "group NAME", "member GROUP USER", "group-password
 * NAME", "group-admin GROUP USER".
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/look.h"
#include "agent/state/passwd.h"

#define GROUP "/etc/group"
#define GSHADOW "/etc/gshadow"
#define GROUPS_MAX 4096
#define KEY_MAX 512

/* Who is in one of these can become root, or read what only root may. */
static const struct {
	const char *name, *can;
} strong[] = {
	{"root", "write what belongs to group root"},
	{"sudo", "run programs as root"},
	{"wheel", "run programs as root"},
	{"admin", "run programs as root"},
	{"docker", "become root through a container"},
	{"lxd", "become root through a container"},
	{"incus-admin", "become root through a container"},
	{"podman", "start containers"},
	{"disk", "read and write the disks past all permissions"},
	{"shadow", "read the hashes of passwords"},
	{"adm", "read the logs"},
	{"systemd-journal", "read the logs"},
	{"kmem", "read the kernel's memory"},
	{"kvm", "use virtual machines"},
	{"libvirt", "become root through a virtual machine"},
	{"netdev", "change the network"},
	{"lpadmin", "change printers"},
	{"staff", "write to /usr/local"},
	{"video", "see the screen"},
	{"input", "read the keyboard"},
};

static const char *
strong_can(const char *group)
{
	size_t i;

	for (i = 0; i < sizeof(strong) / sizeof(strong[0]); i++)
		if (strcmp(strong[i].name, group) == 0)
			return strong[i].can;
	return NULL;
}

/* -- reading ---------------------------- */

struct group_walk {
	struct facts *out;
	struct {
		char *name;
		uint32_t gid;
	} group[GROUPS_MAX];
	size_t n;
};

static int
add_members(struct facts *out, const char *class, const char *group,
    char *list, const char *value)
{
	char key[KEY_MAX], *one;
	int r = 0;

	while (r == 0 && (one = strsep(&list, ",")) != NULL) {
		one = look_trim(one);
		if (one[0] == '\0')
			continue;
		snprintf(key, sizeof(key), "%s %s %s", class, group, one);
		r = facts_add(out, key, value);
	}
	return r;
}

static int
group_line(void *arg, char *line)
{
	struct group_walk *w = arg;
	struct group_line g;
	char key[KEY_MAX];
	int r;

	if (group_parse(line, &g) != 0)
		return 0; /* what is not understood, libc does not take */
	if (w->n < GROUPS_MAX && (w->group[w->n].name = strdup(g.name)))
		w->group[w->n++].gid = g.gid;
	snprintf(key, sizeof(key), "group %s", g.name);
	r = facts_addf(w->out, key, "gid=%u", g.gid);
	return r != 0 ? r : add_members(w->out, "member", g.name, g.members,
	    "");
}

static int
gshadow_line(void *arg, char *line)
{
	struct group_walk *w = arg;
	char *name = strsep(&line, ":"), *password = strsep(&line, ":");
	char *admins = strsep(&line, ":"), key[KEY_MAX];
	int r = 0;

	if (admins == NULL || name[0] == '\0')
		return 0;
	snprintf(key, sizeof(key), "group-password %s", name);
	if (password_parse(password) == PASSWORD_SET)
		r = facts_add(w->out, key, password_hash(password));
	return r != 0 ? r : add_members(w->out, "group-admin", name, admins,
	    "");
}

/* The first group of an account. */
static int
first_group(void *arg, char *line)
{
	struct group_walk *w = arg;
	struct passwd_line p;
	char key[KEY_MAX];
	size_t i;
	int r = 0;

	if (passwd_parse(line, &p) != 0)
		return 0;
	for (i = 0; i < w->n && r == 0; i++)
		if (w->group[i].gid == p.gid) {
			snprintf(key, sizeof(key), "member %s %s",
			    w->group[i].name, p.name);
			r = facts_add(w->out, key, "first");
		}
	return r;
}

static int
groups_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct group_walk *w = calloc(1, sizeof(*w));
	size_t i;
	int r;

	if (w == NULL)
		return why_set(why, ERR_NOMEM, GROUP);
	w->out = out;
	r = look_file(env, GROUP, false, group_line, w);
	if (r == 0)
		r = look_file(env, "/etc/passwd", false, first_group, w);
	if (r == 0) {
		r = look_file(env, GSHADOW, false, gshadow_line, w);
		r = look_missed(out, r, "group-");
	}
	for (i = 0; i < w->n; i++)
		free(w->group[i].name);
	free(w);
	return r == 0 ? 0 : why_set(why, r, GROUP ": %s", err_str(r));
}

/* -- telling ---------------------------- */

static bool
tell_member(const struct fact_change *c, char *group, const char *user,
    struct state_told *out)
{
	const char *can = strong_can(group);
	char qg[128], qu[128];
	bool first;

	if (c->how == FACT_FOUND || c->how == FACT_CHANGED)
		return false;
	first = strcmp(c->is != NULL ? c->is : c->was, "first") == 0;
	/* One's own group is no news. */
	if (first && strcmp(group, user) == 0)
		return false;
	told_init(out, "group.member-added", user, first ? "/etc/passwd" :
	    GROUP);
	look_quote(qg, sizeof(qg), group);
	look_quote(qu, sizeof(qu), user);
	if (c->how == FACT_REMOVED) {
		out->kind = "group.member-removed";
		told_add(out, "user %s is no longer in group %s", qu, qg);
	} else if (can != NULL) {
		out->severity = CORDON__SEVERITY__SEVERITY_HIGH;
		told_add(out, "user %s is now in group %s and can %s", qu,
		    qg, can);
	} else {
		told_add(out, "user %s is now in group %s", qu, qg);
	}
	return true;
}

static bool
tell_group(const struct fact_change *c, const char *group,
    struct state_told *out)
{
	char q[128], was[32], is[32];

	look_quote(q, sizeof(q), group);
	look_field(c->was, "gid", was, sizeof(was));
	look_field(c->is, "gid", is, sizeof(is));
	told_init(out, c->how == FACT_ADDED ? "group.created" :
	    c->how == FACT_REMOVED ? "group.removed" : "group.changed",
	    group, GROUP);
	if (strcmp(is, "0") == 0 && strcmp(group, "root") != 0)
		out->severity = CORDON__SEVERITY__SEVERITY_HIGH;
	else if (c->how == FACT_FOUND)
		return false;
	if (c->how == FACT_REMOVED)
		told_add(out, "group %s (gid %s) was removed", q, was);
	else if (c->how == FACT_CHANGED)
		told_add(out, "group %s has gid %s (was %s)", q, is, was);
	else
		told_add(out, "group %s %s with gid %s", q, c->how ==
		    FACT_FOUND ? "is there" : "was added", is);
	return true;
}

static bool
tell_shadow(const struct fact_change *c, const char *group,
    const char *user, struct state_told *out)
{
	char qg[128], qu[128];

	if (c->how != FACT_ADDED && c->how != FACT_CHANGED)
		return false;
	told_init(out, "group.changed", group, GSHADOW);
	look_quote(qg, sizeof(qg), group);
	if (user != NULL)
		told_add(out, "user %s may now change group %s",
		    look_quote(qu, sizeof(qu), user), qg);
	else
		told_add(out, "whoever knows its password may now join "
		    "group %s", qg);
	return true;
}

static bool
groups_tell(const struct fact_change *c, struct state_told *out)
{
	char key[KEY_MAX], *rest = key, *class, *group;

	snprintf(key, sizeof(key), "%s", c->key);
	class = strsep(&rest, " ");
	group = strsep(&rest, " ");
	if (group == NULL)
		return false;
	if (strcmp(class, "group") == 0)
		return tell_group(c, group, out);
	if (strcmp(class, "member") == 0 && rest != NULL)
		return tell_member(c, group, rest, out);
	return tell_shadow(c, group, rest, out);
}

static const char *const paths[] = {GROUP, GSHADOW, "/etc/passwd", NULL};

const struct state_source state_groups = {"groups", paths, 60, groups_read,
    groups_tell, true};
