/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may become whom: sudoers(5) with all it includes, and doas.conf(5).
 * Facts: "sudo FILE<tab>LINE", and so "doas" and "conf", so that what
 * matters is a line that is new or gone, not where it stands.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"
#include "agent/state/sudoers.h"

#define SUDOERS "/etc/sudoers"
#define SUDOERS_D "/etc/sudoers.d"
#define DOAS "/etc/doas.conf"
#define CONF "/etc/sudo.conf"
#define INCLUDES_MAX 64
#define INCLUDE_DEPTH_MAX 8

struct sudo_walk {
	const struct state_env *env;
	struct facts *out;
	const char *file; /* being read */
	unsigned int depth, includes;
	bool dir_read; /* SUDOERS_D */
};

static int sudo_file(struct sudo_walk *w, const char *path);

/* Names that sudo leaves out: with a dot, or with a tilde at the end. */
static int
sudo_dir_file(void *arg, const char *path, const char *name)
{
	if (strchr(name, '.') != NULL || name[strlen(name) - 1] == '~')
		return 0;
	return sudo_file(arg, path);
}

static int
follow(struct sudo_walk *w, const struct sudo_rule *rule)
{
	const char *path = rule->commands;

	if (path[0] != '/' || w->includes >= INCLUDES_MAX ||
	    w->depth >= INCLUDE_DEPTH_MAX)
		return 0; /* the line itself is a fact */
	w->includes++;
	if (rule->kind == SUDO_INCLUDE)
		return sudo_file(w, path);
	w->dir_read |= strcmp(path, SUDOERS_D) == 0;
	return look_dir(w->env, path, sudo_dir_file, w);
}

static int
add_line(struct sudo_walk *w, const char *class, char *line)
{
	char key[FACT_KEY_MAX];

	snprintf(key, sizeof(key), "%s %s\t%.2000s", class, w->file,
	    look_squeeze(line));
	return facts_add(w->out, key, "");
}

static int
sudo_line(void *arg, char *line)
{
	struct sudo_walk *w = arg;
	struct sudo_rule rule;
	int r = 0;

	sudoers_parse(line, &rule);
	if (rule.kind == SUDO_NOTHING)
		return 0;
	/* The folder that is always read is no news. */
	if (rule.kind != SUDO_INCLUDE_DIR ||
	    strcmp(rule.commands, SUDOERS_D) != 0)
		r = add_line(w, "sudo", line);
	if (r == 0 && (rule.kind == SUDO_INCLUDE ||
	    rule.kind == SUDO_INCLUDE_DIR))
		r = follow(w, &rule);
	return r;
}

static int
sudo_file(struct sudo_walk *w, const char *path)
{
	const char *before = w->file;
	char copy[PATH_MAX], prefix[PATH_MAX + 8];
	int r;

	snprintf(copy, sizeof(copy), "%s", path);
	w->file = copy;
	w->depth++;
	r = look_file(w->env, copy, true, sudo_line, w);
	snprintf(prefix, sizeof(prefix), "sudo %s\t", copy);
	r = look_missed(w->out, r, prefix);
	w->depth--;
	w->file = before;
	return r;
}

static int
doas_line(void *arg, char *line)
{
	struct sudo_rule rule;

	doas_parse(line, &rule);
	return rule.kind == SUDO_NOTHING ? 0 : add_line(arg, "doas", line);
}

/* sudo.conf(5): what is loaded into sudo itself. */
static int
conf_line(void *arg, char *line)
{
	line = look_trim(line);
	return line[0] == '#' || line[0] == '\0' ? 0 :
	    add_line(arg, "conf", line);
}

static int
sudo_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct sudo_walk w = {.env = env, .out = out};
	int r;

	r = sudo_file(&w, SUDOERS);
	w.file = DOAS;
	if (r == 0) {
		r = look_file(env, DOAS, true, doas_line, &w);
		r = look_missed(out, r, "doas ");
	}
	w.file = CONF;
	if (r == 0) {
		r = look_file(env, CONF, false, conf_line, &w);
		r = look_missed(out, r, "conf ");
	}
	return r == 0 ? 0 : why_set(why, r, SUDOERS ": %s", err_str(r));
}

/* -- telling ---------------------------- */

static const char *
kind_of(const struct sudo_rule *rule, bool gone)
{
	if (rule->kind != SUDO_RULE)
		return sudoers_weak(rule) != NULL && !gone ?
		    "sudo.weakened" : "sudo.changed";
	return gone ? "sudo.removed" : "sudo.granted";
}

/* Bad in itself: all may do all, or nobody is asked for a password. */
static bool
bad_in_itself(const struct sudo_rule *rule)
{
	if (rule->kind == SUDO_DEFAULTS)
		return strstr(rule->commands, "!authenticate") != NULL;
	return rule->kind == SUDO_RULE && rule->nopasswd && rule->all &&
	    strcmp(rule->who, "ALL") == 0;
}

static bool
tell_conf(const struct fact_change *c, const char *line,
    struct state_told *out)
{
	bool gone = c->how == FACT_REMOVED;
	char q[256];

	if (c->how == FACT_FOUND)
		return false;
	told_init(out, !gone && strncmp(line, "Plugin", 6) == 0 ?
	    "sudo.weakened" : "sudo.changed", CONF, CONF);
	told_add(out, "sudo itself %s %s", gone ? "no longer has" :
	    "is told", look_quote(q, sizeof(q), line));
	return true;
}

static bool
sudo_tell(const struct fact_change *c, struct state_told *out)
{
	bool doas = strncmp(c->key, "doas ", 5) == 0;
	bool gone = c->how == FACT_REMOVED;
	const char *line = strchr(c->key, '\t'), *weak;
	char path[PATH_MAX], words[STATE_TEXT_MAX / 2], q[256];
	struct sudo_rule rule;

	if (line != NULL && look_behind(c->key, "conf ") != NULL)
		return tell_conf(c, line + 1, out);
	if (line == NULL || (!doas && look_behind(c->key, "sudo ") == NULL))
		return false;
	snprintf(path, sizeof(path), "%.*s", (int)(line - c->key - 5),
	    c->key + 5);
	if (doas)
		doas_parse(line + 1, &rule);
	else
		sudoers_parse(line + 1, &rule);
	if (c->how == FACT_FOUND && !bad_in_itself(&rule))
		return false;
	told_init(out, kind_of(&rule, gone), path, path);
	sudoers_words(&rule, words, sizeof(words));
	told_add(out, "%s: %s%s", doas ? "doas" : "sudo",
	    gone ? "no longer so: " : "", words);
	weak = gone ? NULL : sudoers_weak(&rule);
	if (weak != NULL && rule.kind != SUDO_RULE)
		told_add(out, "%s", weak);
	if (weak != NULL && rule.kind == SUDO_RULE)
		out->severity = CORDON__SEVERITY__SEVERITY_CRITICAL;
	told_add(out, "line: %s", look_quote(q, sizeof(q), line + 1));
	return true;
}

static const char *const paths[] = {SUDOERS, SUDOERS_D "/*", DOAS,
    CONF, NULL};

const struct state_source state_sudo = {"sudo", paths, 60, sudo_read,
    sudo_tell, true};
