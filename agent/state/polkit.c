/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * polkit(8): rules (JavaScript), local authority files and actions, by how
 * often they answer yes without asking.  A fact a file.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"
#include "common/base/digest.h"
#include "common/base/id.h"

static const char *const folders[] = {"/etc/polkit-1/rules.d",
    "/run/polkit-1/rules.d", "/usr/local/share/polkit-1/rules.d",
    "/usr/share/polkit-1/rules.d", "/etc/polkit-1/actions",
    "/usr/share/polkit-1/actions", NULL};
/* The local authority has folders in folders. */
static const char *const authority[] = {
    "/etc/polkit-1/localauthority/10-vendor.d",
    "/etc/polkit-1/localauthority/20-org.d",
    "/etc/polkit-1/localauthority/30-site.d",
    "/etc/polkit-1/localauthority/50-local.d",
    "/etc/polkit-1/localauthority/90-mandatory.d",
    "/etc/polkit-1/localauthority.conf.d",
    "/var/lib/polkit-1/localauthority/50-local.d", NULL};

struct polkit_walk {
	const struct state_env *env;
	struct facts *out;
};

static unsigned int
count(const char *text, const char *what)
{
	unsigned int n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text += strlen(what);
	}
	return n;
}

/* Answers that ask nobody, in all three forms. */
static unsigned int
answers_yes(const char *text)
{
	return count(text, "Result.YES") + count(text, "ResultAny=yes") +
	    count(text, "ResultActive=yes") +
	    count(text, "ResultInactive=yes") + count(text, ">yes<");
}

static int
polkit_file(void *arg, const char *path, const char *name)
{
	struct polkit_walk *w = arg;
	char key[PATH_MAX + 16], hex[DIGEST_HEX_MAX], *text;
	uint8_t sum[DIGEST_LEN];
	struct buf b;
	int r;

	(void)name;
	snprintf(key, sizeof(key), "polkit %s", path);
	buf_init(&b, LOOK_FILE_MAX);
	r = look_text(w->env, path, &b, &text);
	if (r == 0) {
		digest_of(b.data, b.len, sum);
		r = facts_addf(w->out, key,
		    "sha256=%s\tyes=%u\tspawn=%u\tadmin=%u",
		    hex_encode(hex, sum, sizeof(sum)), answers_yes(text),
		    count(text, "polkit.spawn"),
		    count(text, "addAdminRule") +
		    count(text, "AdminIdentities"));
	} else if (r == ERR_IO) {
		r = 0; /* a folder */
	} else {
		r = look_missed(w->out, r, key);
	}
	buf_done(&b);
	return r;
}

static int
polkit_read(const struct state_env *env, struct facts *out, struct why *why)
{
	const char *const *const lists[] = {folders, authority};
	struct polkit_walk w = {env, out};
	char key[PATH_MAX + 16];
	size_t i, k;
	int r = 0;

	for (i = 0; i < 2; i++)
		for (k = 0; r == 0 && lists[i][k] != NULL; k++) {
			r = look_dir(env, lists[i][k], polkit_file, &w);
			snprintf(key, sizeof(key), "polkit %s/", lists[i][k]);
			r = look_missed(out, r, key);
		}
	return r == 0 ? 0 : why_set(why, r, "polkit: %s", err_str(r));
}

static bool
polkit_tell(const struct fact_change *c, struct state_told *out)
{
	static const struct {
		const char *field, *words;
	} rows[] = {
		{"yes", "answers yes without asking anybody"},
		{"spawn", "starts a program"},
		{"admin", "says who counts as administrator"},
	};
	char was[24], is[24];
	size_t i;

	if (c->how == FACT_FOUND || look_behind(c->key, "polkit ") == NULL)
		return false;
	told_init(out, c->how == FACT_REMOVED ? "polkit.removed" :
	    "polkit.changed", c->key + 7, c->key + 7);
	told_add(out, "polkit: these rules %s", c->how == FACT_ADDED ?
	    "are new" : c->how == FACT_REMOVED ? "are gone" : "changed");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		look_field(c->was, rows[i].field, was, sizeof(was));
		look_field(c->is, rows[i].field, is, sizeof(is));
		if (is[0] == '\0' || strcmp(is, "0") == 0 ||
		    strcmp(was, is) == 0)
			continue;
		told_add(out, "%s in %s places (was %s)", rows[i].words, is,
		    was[0] != '\0' ? was : "none");
		told_raise(out, "polkit.granted",
		    CORDON__SEVERITY__SEVERITY_NONE);
	}
	return true;
}

static const char *const paths[] = {"/etc/polkit-1/*",
    "/run/polkit-1/rules.d/*", "/usr/share/polkit-1/*",
    "/usr/local/share/polkit-1/*", "/var/lib/polkit-1/*", NULL};

const struct state_source state_polkit = {"polkit", paths, 60, polkit_read,
    polkit_tell, true};
