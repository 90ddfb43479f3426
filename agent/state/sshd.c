/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the ssh daemon lets happen.  Facts: "sshd KEYWORD" and "sshd match
 * CONDITION<tab>KEYWORD", the value that counts, and the file that says it.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/look.h"
#include "agent/state/sshd_config.h"

#define SEEN_MAX 512

/* Keywords that may stand more than once: all of them count. */
static const char *const lists[] = {"acceptenv", "allowgroups", "allowusers",
    "denygroups", "denyusers", "hostkey", "hostcertificate", "include",
    "listenaddress", "port", "permitlisten", "permitopen", "setenv",
    "subsystem", NULL};

/* What the daemon does where nothing is written. */
static const struct {
	const char *key, *value;
} usual[] = {
	{"permitrootlogin", "prohibit-password"},
	{"passwordauthentication", "yes"}, {"permitemptypasswords", "no"},
	{"pubkeyauthentication", "yes"}, {"usepam", "no"},
	{"authorizedkeysfile", ".ssh/authorized_keys .ssh/authorized_keys2"},
	{"authorizedkeyscommand", "none"}, {"strictmodes", "yes"},
	{"permituserenvironment", "no"}, {"gatewayports", "no"},
	{"allowtcpforwarding", "yes"}, {"permittunnel", "no"},
	{"x11forwarding", "no"}, {"forcecommand", "none"},
	{"trustedusercakeys", "none"}, {"hostbasedauthentication", "no"},
	{"ignorerhosts", "yes"}, {"loglevel", "INFO"}, {"port", "22"},
	{"maxauthtries", "6"}, {"authorizedprincipalscommand", "none"},
};

/* Values that open a door: pattern of the value, NULL: any but "none". */
static const struct {
	const char *key, *value, *words;
	Cordon__Severity severity;
} doors[] = {
	{"permitrootlogin", "yes", "root may log in with a password",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"permitemptypasswords", "yes",
	    "accounts without a password may log in",
	    CORDON__SEVERITY__SEVERITY_CRITICAL},
	{"passwordauthentication", "yes", "passwords are good for a login",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"authorizedkeyscommand", NULL, "a program says which keys fit",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"authorizedprincipalscommand", NULL,
	    "a program says which certificates fit",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"authorizedkeysfile", NULL, "keys are read from other files",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"trustedusercakeys", NULL, "whoever holds this authority's key may "
	    "make logins", CORDON__SEVERITY__SEVERITY_HIGH},
	{"strictmodes", "no", "key files that others may write to are taken",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"permituserenvironment", "yes", "users may set the environment of "
	    "their login", CORDON__SEVERITY__SEVERITY_HIGH},
	{"hostbasedauthentication", "yes", "other hosts are believed",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"ignorerhosts", "no", "other hosts are believed",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"permittunnel", "yes", "a login may carry a network",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"gatewayports", "yes", "forwarded ports are open to others",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"forcecommand", NULL, "a program runs at each login",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"subsystem", NULL, "a program runs for who asks for it",
	    CORDON__SEVERITY__SEVERITY_NONE},
	{"loglevel", "QUIET", "logins are no longer in the log",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"loglevel", "FATAL", "logins are no longer in the log",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"loglevel", "ERROR", "logins are no longer in the log",
	    CORDON__SEVERITY__SEVERITY_HIGH},
	{"usepam", "no", "PAM no longer has a say",
	    CORDON__SEVERITY__SEVERITY_NONE},
	{"permitrootlogin", "without-password", "root may log in with a key",
	    CORDON__SEVERITY__SEVERITY_NONE},
	{"permitrootlogin", "prohibit-password", "root may log in with a key",
	    CORDON__SEVERITY__SEVERITY_NONE},
};

struct sshd_facts {
	struct facts *out;
	char *seen[SEEN_MAX];
	size_t n;
};

static int
add(void *arg, const char *file, const char *match, const char *keyword,
    const char *value)
{
	struct sshd_facts *s = arg;
	char key[LOOK_FIELD_MAX + SSHD_WORD_MAX + 16], q[LOOK_FIELD_MAX];
	size_t i;

	if (match[0] != '\0')
		snprintf(key, sizeof(key), "sshd match %s\t%s", match,
		    keyword);
	else
		snprintf(key, sizeof(key), "sshd %s", keyword);
	for (i = 0; !look_one_of(keyword, lists) && i < s->n; i++)
		if (strcmp(s->seen[i], key) == 0)
			return 0;
	if (s->n < SEEN_MAX && (s->seen[s->n] = strdup(key)) != NULL)
		s->n++;
	return facts_addf(s->out, key, "%s\t%s",
	    look_quote(q, sizeof(q), value), file);
}

static int
sshd_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct sshd_facts *s = calloc(1, sizeof(*s));
	size_t i;
	int r;

	if (s == NULL)
		return why_set(why, ERR_NOMEM, SSHD_CONFIG);
	s->out = out;
	r = sshd_each(env, add, s);
	for (i = 0; i < s->n; i++)
		free(s->seen[i]);
	free(s);
	return r == 0 ? 0 : why_set(why, r, SSHD_CONFIG ": %s", err_str(r));
}

/* -- telling ---------------------------- */

/* "yes<tab>FILE; no<tab>FILE2" without the files; the first file. */
static void
values_of(const char *fact, char *out, size_t size, char *file)
{
	size_t n, at = 0;

	out[0] = '\0';
	while (fact != NULL && *fact != '\0') {
		n = strcspn(fact, "\t");
		if (at < size)
			at += (size_t)snprintf(out + at, size - at, "%s%.*s",
			    at > 0 ? ", " : "", (int)n, fact);
		fact += n + (fact[n] == '\t');
		n = strcspn(fact, ";");
		if (file != NULL && file[0] == '\0')
			snprintf(file, PATH_MAX, "%.*s", (int)n, fact);
		fact += n + (fact[n] == ';' ? 1 + (fact[n + 1] == ' ') : 0);
	}
}

static const char *
usual_of(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strcmp(usual[i].key, key) == 0)
			return usual[i].value;
	return "not set";
}

static bool
is_value(const char *pattern, const char *value, const char *key)
{
	if (pattern != NULL)
		return strcasecmp(pattern, value) == 0;
	return strcasecmp(value, "none") != 0 &&
	    strcmp(value, usual_of(key)) != 0;
}

static void
tell_door(const char *key, const char *was, const char *is,
    struct state_told *out)
{
	const char *odd = look_odd(is);
	size_t i;

	for (i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
		if (strcmp(doors[i].key, key) == 0 &&
		    is_value(doors[i].value, is, key) &&
		    strcasecmp(was, is) != 0) {
			told_add(out, "%s", doors[i].words);
			if (doors[i].severity !=
			    CORDON__SEVERITY__SEVERITY_NONE)
				told_raise(out, "sshd.weakened",
				    doors[i].severity);
			break;
		}
	if (odd != NULL) {
		told_add(out, "it %s", odd);
		told_raise(out, "sshd.weakened",
		    CORDON__SEVERITY__SEVERITY_CRITICAL);
	}
}

static bool
sshd_tell(const struct fact_change *c, struct state_told *out)
{
	char was[LOOK_FIELD_MAX], is[LOOK_FIELD_MAX], file[PATH_MAX] = "";
	char q[LOOK_FIELD_MAX], condition[LOOK_FIELD_MAX] = "";
	const char *key = look_behind(c->key, "sshd "), *tab;
	bool match;

	if (key == NULL)
		return false;
	tab = strchr(key, '\t');
	match = tab != NULL && strncmp(key, "match ", 6) == 0;
	if (match) {
		snprintf(condition, sizeof(condition), "%.*s",
		    (int)(tab - key - 6), key + 6);
		key = tab + 1;
	}
	values_of(c->is != NULL ? c->is : c->was, is, sizeof(is), file);
	values_of(c->was, was, sizeof(was), NULL);
	if (c->was == NULL)
		snprintf(was, sizeof(was), "%s", match ? "as for all" :
		    usual_of(key));
	if (c->is == NULL)
		snprintf(is, sizeof(is), "%s", match ? "as for all" :
		    usual_of(key));
	if (c->how == FACT_FOUND && (strcmp(key, "permitemptypasswords") !=
	    0 || strcasecmp(is, "yes") != 0))
		return false;
	if (strcmp(was, is) == 0)
		return false; /* said elsewhere, or as it is anyway */
	told_init(out, "sshd.changed", file, file);
	told_add(out, "sshd: %.64s%s%.200s is %.300s (was %.300s)", key,
	    match ? " for " : "", look_quote(q, sizeof(q), condition), is,
	    was);
	tell_door(key, was, is, out);
	return true;
}

static const char *const paths[] = {SSHD_CONFIG, "/etc/ssh/sshd_config.d/*",
    "/usr/share/openssh/sshd_config.d/*", NULL};

const struct state_source state_sshd = {"sshd", paths, 60, sshd_read,
    sshd_tell, true};
