/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys and files that let somebody in without a password: authorized_keys
 * of every account (wherever sshd looks for them), .rhosts and the like,
 * and the host's own keys.  Facts: "key USER<tab>FILE<tab>PRINT", "trust
 * FILE<tab>LINE", "hostkey FILE".
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/authorized.h"
#include "agent/state/look.h"
#include "agent/state/passwd.h"
#include "agent/state/sshd_config.h"
#include "common/base/digest.h"
#include "common/base/id.h"

#define PATTERNS_MAX 16

struct key_walk {
	const struct state_env *env;
	struct facts *out;
	const char *user, *file;
	char pattern[PATTERNS_MAX][256]; /* of AuthorizedKeysFile */
	size_t patterns;
};

/* -- reading ---------------------------- */

static int
key_line(void *arg, char *line)
{
	const struct key_walk *w = arg;
	char key[FACT_KEY_MAX], options[LOOK_FIELD_MAX], comment[160];
	char copy[512], hex[DIGEST_HEX_MAX];
	struct authorized_key k;
	uint8_t sum[DIGEST_LEN];
	int r;

	snprintf(copy, sizeof(copy), "%s", line);
	r = authorized_parse(line, &k);
	if (r == ERR_NOENT)
		return 0;
	if (r != 0) { /* by its digest: it may be any file's line */
		digest_of(copy, strlen(copy), sum);
		hex_encode(hex, sum, 8);
		snprintf(key, sizeof(key), "key %s\t%s\tunknown-%s",
		    w->user, w->file, hex);
		return facts_add(w->out, key, "type=unknown");
	}
	snprintf(key, sizeof(key), "key %s\t%s\t%s", w->user, w->file,
	    k.print);
	return facts_addf(w->out, key, "type=%.64s\tcomment=%s\toptions=%s",
	    k.type, look_quote(comment, sizeof(comment), k.comment),
	    look_quote(options, sizeof(options), k.options));
}

static int
key_file(struct key_walk *w, const char *path)
{
	char prefix[FACT_KEY_MAX];
	int r;

	w->file = path;
	r = look_file(w->env, path, false, key_line, w);
	snprintf(prefix, sizeof(prefix), "key %s\t%s\t", w->user, path);
	return look_missed(w->out, r, prefix);
}

/* PATTERN with %h, %u and %% for USER, below HOME if it is relative. */
static bool
expand(const char *pattern, const char *user, const char *home, char *out)
{
	size_t n = 0;
	const char *put;

	if (pattern[0] != '/' && pattern[0] != '%')
		n = (size_t)snprintf(out, PATH_MAX, "%s/", home);
	for (; *pattern != '\0' && n < PATH_MAX - 1; pattern++) {
		if (*pattern != '%') {
			out[n++] = *pattern;
			continue;
		}
		pattern++;
		put = *pattern == 'h' ? home : *pattern == 'u' ? user :
		    *pattern == '%' ? "%" : NULL;
		if (put == NULL)
			return false;
		n += (size_t)snprintf(out + n, PATH_MAX - n, "%s", put);
	}
	if (n >= PATH_MAX)
		return false;
	out[n] = '\0';
	return strstr(out, "/../") == NULL;
}

static int
trust_line(void *arg, char *line)
{
	const struct key_walk *w = arg;
	char key[FACT_KEY_MAX], hex[DIGEST_HEX_MAX];
	uint8_t sum[DIGEST_LEN];

	line = look_squeeze(line);
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	/* A user's file may be a link to one that nobody may see. */
	if (strlen(line) >= 128 || line[strspn(line, "+-._@/ "
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    )] != '\0') {
		digest_of(line, strlen(line), sum);
		snprintf(key, sizeof(key), "trust %s\tnot shown, %s",
		    w->file, hex_encode(hex, sum, 8));
	} else {
		snprintf(key, sizeof(key), "trust %s\t%s", w->file, line);
	}
	return facts_add(w->out, key, "");
}

static int
trust_file(struct key_walk *w, const char *path)
{
	char prefix[FACT_KEY_MAX];
	int r;

	w->file = path;
	r = look_file(w->env, path, false, trust_line, w);
	snprintf(prefix, sizeof(prefix), "trust %s\t", path);
	return look_missed(w->out, r, prefix);
}

/* A link may lead anywhere: only what a key file holds is kept of it. */
static int
account(void *arg, const char *user, const char *home)
{
	static const char *const trusting[] = {".rhosts", ".shosts",
	    ".k5login", NULL};
	struct key_walk *w = arg;
	char path[PATH_MAX];
	size_t i;
	int r = 0;

	w->user = user;
	for (i = 0; i < w->patterns && r == 0; i++)
		if (expand(w->pattern[i], user, home, path))
			r = key_file(w, path);
	for (i = 0; trusting[i] != NULL && r == 0; i++)
		if (snprintf(path, sizeof(path), "%s/%s", home,
		    trusting[i]) < PATH_MAX)
			r = trust_file(w, path);
	return r;
}

static int
passwd_account(void *arg, char *line)
{
	struct passwd_line p;

	if (passwd_parse(line, &p) != 0 || p.home[0] != '/' ||
	    p.home[1] == '\0' || strstr(p.home, "/..") != NULL)
		return 0;
	return account(arg, p.name, p.home);
}

static int
host_key(void *arg, const char *path, const char *name)
{
	struct key_walk *w = arg;
	size_t n = strlen(name);
	struct authorized_key k;
	char key[PATH_MAX + 16], *text, *rest;
	struct buf b;
	int r;

	if (n < 5 || strncmp(name, "ssh_host_", 9) != 0 ||
	    strcmp(name + n - 4, ".pub") != 0)
		return 0;
	buf_init(&b, LOOK_FILE_MAX);
	r = look_text(w->env, path, &b, &text);
	snprintf(key, sizeof(key), "hostkey %s", path);
	if (r != 0) {
		r = look_missed(w->out, r, key);
	} else {
		rest = text;
		if (authorized_parse(strsep(&rest, "\n"), &k) == 0)
			r = facts_add(w->out, key, k.print);
	}
	buf_done(&b);
	return r;
}

static int
key_files_setting(void *arg, const char *file, const char *match,
    const char *key, const char *value)
{
	struct key_walk *w = arg;
	char copy[1024], *rest = copy, *word;

	(void)file;
	(void)match;
	if (strcmp(key, "authorizedkeysfile") != 0)
		return 0;
	snprintf(copy, sizeof(copy), "%s", value);
	while ((word = strsep(&rest, " ")) != NULL &&
	    w->patterns < PATTERNS_MAX) {
		word += strspn(word, "\"");
		word[strcspn(word, "\"")] = '\0';
		if (word[0] != '\0' && strcmp(word, "none") != 0)
			snprintf(w->pattern[w->patterns++],
			    sizeof(w->pattern[0]), "%s", word);
	}
	return 0;
}

static int
keys_read(const struct state_env *env, struct facts *out, struct why *why)
{
	static const char *const hosts[] = {"/etc/hosts.equiv",
	    "/etc/ssh/shosts.equiv", "/etc/shosts.equiv", NULL};
	struct key_walk w = {.env = env, .out = out};
	size_t i;
	int r;

	/* The usual ones are watched whatever the setting says now. */
	snprintf(w.pattern[0], sizeof(w.pattern[0]), ".ssh/authorized_keys");
	snprintf(w.pattern[1], sizeof(w.pattern[1]), ".ssh/authorized_keys2");
	w.patterns = 2;
	r = sshd_each(env, key_files_setting, &w);
	if (r == 0 || r == ERR_IO || r == ERR_PERM)
		r = look_file(env, "/etc/passwd", false, passwd_account, &w);
	for (i = 0; hosts[i] != NULL && r == 0; i++)
		r = trust_file(&w, hosts[i]);
	if (r == 0)
		r = look_dir(env, "/etc/ssh", host_key, &w);
	return r == 0 ? 0 : why_set(why, r, "keys: %s", err_str(r));
}

/* -- telling ---------------------------- */

static void
options_words(const char *options, struct state_told *out)
{
	static const struct {
		const char *option, *words;
	} rows[] = {
		{"command=", "it runs a program of its own"},
		{"cert-authority", "it makes other keys good"},
		{"environment=", "it sets the environment"},
		{"tunnel=", "it may carry a network"},
	};
	const char *odd = look_odd(options);
	size_t i;

	if (options[0] == '\0')
		return;
	told_add(out, "options %.300s", options);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(options, rows[i].option) != NULL)
			told_add(out, "%s", rows[i].words);
	if (odd != NULL)
		told_add(out, "it %s", odd);
}

static bool
tell_key(const struct fact_change *c, char *user, struct state_told *out)
{
	char *file = strchr(user, '\t'), *print, q[128];
	char type[96], comment[160], options[LOOK_FIELD_MAX];
	const char *now = c->is != NULL ? c->is : c->was;

	print = file == NULL ? NULL : strchr(file + 1, '\t');
	if (print == NULL || c->how == FACT_FOUND)
		return false;
	*file++ = '\0';
	*print++ = '\0';
	look_field(now, "type", type, sizeof(type));
	look_field(now, "comment", comment, sizeof(comment));
	look_field(now, "options", options, sizeof(options));
	told_init(out, c->how == FACT_REMOVED ? "key.removed" :
	    c->how == FACT_ADDED ? "key.added" : "key.changed", file, file);
	look_quote(q, sizeof(q), user);
	if (strncmp(print, "unknown-", 8) == 0) {
		told_add(out, "a line that is no key %s the keys of user %s",
		    c->how == FACT_REMOVED ? "left" : "came into", q);
		out->severity = CORDON__SEVERITY__SEVERITY_LOW;
		return true;
	}
	told_add(out, "key %s (%s%s%s) %s log in as user %s", print, type,
	    comment[0] != '\0' ? ", " : "", comment,
	    c->how == FACT_REMOVED ? "may no longer" : "may", q);
	if (c->how == FACT_CHANGED)
		told_add(out, "its options changed");
	if (c->how != FACT_REMOVED)
		options_words(options, out);
	return true;
}

static bool
tell_trust(const struct fact_change *c, char *file, struct state_told *out)
{
	char *line = strchr(file, '\t');

	if (line == NULL || c->how == FACT_CHANGED)
		return false;
	*line++ = '\0';
	/* "+" believes every host. */
	if (c->how == FACT_FOUND && line[0] != '+')
		return false;
	told_init(out, c->how == FACT_REMOVED ? "key.removed" :
	    "key.trust-added", file, file);
	told_add(out, "%s from elsewhere without a password: \"%s\"",
	    c->how == FACT_REMOVED ? "no longer let in" : "let in", line);
	return true;
}

static bool
keys_tell(const struct fact_change *c, struct state_told *out)
{
	char key[FACT_KEY_MAX];

	snprintf(key, sizeof(key), "%s", c->key);
	if (strncmp(key, "key ", 4) == 0)
		return tell_key(c, key + 4, out);
	if (strncmp(key, "trust ", 6) == 0)
		return tell_trust(c, key + 6, out);
	if (strncmp(key, "hostkey ", 8) != 0 || c->how == FACT_FOUND)
		return false;
	told_init(out, "key.host-changed", key + 8, key + 8);
	told_add(out, "a key of this host %s: %s (was %s)",
	    c->how == FACT_ADDED ? "is new" : c->how == FACT_REMOVED ?
	    "is gone" : "was replaced", c->is != NULL ? c->is : "none",
	    c->was != NULL ? c->was : "none");
	return true;
}

static const char *const paths[] = {"*/.ssh/authorized_keys",
    "*/.ssh/authorized_keys2", "*/.rhosts", "*/.shosts", "*/.k5login",
    "/etc/hosts.equiv", "/etc/shosts.equiv", "/etc/ssh/*", "/etc/passwd",
    NULL};

const struct state_source state_keys = {"keys", paths, 60, keys_read,
    keys_tell, true};
