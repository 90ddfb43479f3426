/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Accounts: passwd(5) and shadow(5).  A password's hash never leaves this
 * file: what is kept is a digest of it, what is told is that it changed.
 * Facts: "account NAME", "password NAME", "ageing NAME", "malformed FILE
 * DIGEST".
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/look.h"
#include "agent/state/passwd.h"
#include "common/base/digest.h"
#include "common/base/id.h"

#define PASSWD "/etc/passwd"
#define SHADOW "/etc/shadow"
#define HASH_BYTES 12 /* of the digest of a password's hash */

static void
digest_text(const char *text, char *out)
{
	uint8_t sum[DIGEST_LEN];

	digest_of(text, strlen(text), sum);
	hex_encode(out, sum, HASH_BYTES);
}

/* -- reading ---------------------------- */

struct account_walk {
	struct facts *out;
	bool shadow;
};

static int
add_malformed(struct facts *out, const char *file, const char *line)
{
	char key[96], hex[HASH_BYTES * 2 + 1], text[160];

	digest_text(line, hex);
	snprintf(key, sizeof(key), "malformed %s %s", file, hex);
	/* Of shadow not a word: it may be a hash. */
	return facts_add(out, key, strcmp(file, PASSWD) == 0 ?
	    look_quote(text, sizeof(text), line) : "");
}

static int
add_password(struct facts *out, const char *name, const char *field)
{
	char key[PASSWD_NAME_MAX * 4 + 16], hex[HASH_BYTES * 2 + 1];
	enum password state = password_parse(field);
	bool hash = strlen(field) > 4;

	snprintf(key, sizeof(key), "password %s", name);
	digest_text(field + strspn(field, "!*"), hex);
	return facts_addf(out, key, "state=%s\tkind=%s\tdigest=%s",
	    password_str(state), hash ? password_hash(field) : "none",
	    hash ? hex : "none");
}

static int
passwd_line(void *arg, char *line)
{
	const struct account_walk *w = arg;
	char key[PASSWD_NAME_MAX * 4 + 16], home[LOOK_FIELD_MAX];
	char shell[LOOK_FIELD_MAX], whole[LOOK_FIELD_MAX];
	struct passwd_line p;
	int r;

	if (line[0] == '\0')
		return 0;
	snprintf(whole, sizeof(whole), "%s", line);
	if (passwd_parse(line, &p) != 0)
		return add_malformed(w->out, PASSWD, whole);
	snprintf(key, sizeof(key), "account %s", p.name);
	r = facts_addf(w->out, key, "uid=%u\tgid=%u\thome=%s\tshell=%s",
	    p.uid, p.gid, look_quote(home, sizeof(home), p.home),
	    look_quote(shell, sizeof(shell), p.shell));
	if (r == 0 && strcmp(p.password, "x") != 0)
		r = add_password(w->out, p.name, p.password);
	return r;
}

static int
shadow_line(void *arg, char *line)
{
	const struct account_walk *w = arg;
	char key[PASSWD_NAME_MAX * 4 + 16], text[4][24];
	struct shadow_line s;
	int r;

	if (line[0] == '\0')
		return 0;
	if (shadow_parse(line, &s) != 0)
		return add_malformed(w->out, SHADOW, line);
	r = add_password(w->out, s.name, s.password);
	snprintf(key, sizeof(key), "ageing %s", s.name);
	if (r == 0)
		r = facts_addf(w->out, key,
		    "min=%s\tmax=%s\tinactive=%s\texpire=%s",
		    look_quote(text[0], sizeof(text[0]), s.min),
		    look_quote(text[1], sizeof(text[1]), s.max),
		    look_quote(text[2], sizeof(text[2]), s.inactive),
		    look_quote(text[3], sizeof(text[3]), s.expire));
	return r;
}

static int
accounts_read(const struct state_env *env, struct facts *out,
    struct why *why)
{
	struct account_walk w = {out, false};
	int r;

	r = look_file(env, PASSWD, false, passwd_line, &w);
	if (r != 0)
		return why_set(why, r, PASSWD ": %s", err_str(r));
	r = look_file(env, SHADOW, false, shadow_line, &w);
	if (r != 0 && (r = look_missed(out, r, "password ")) == 0 &&
	    (r = look_missed(out, ERR_IO, "ageing ")) == 0)
		r = look_missed(out, ERR_IO, "malformed " SHADOW);
	return r == 0 ? 0 : why_set(why, r, SHADOW ": %s", err_str(r));
}

/* -- telling ---------------------------- */

/* One field, before and after. */
struct field {
	char was[LOOK_FIELD_MAX], is[LOOK_FIELD_MAX];
};

static bool
differs(const struct fact_change *c, const char *name, struct field *f)
{
	look_field(c->was, name, f->was, sizeof(f->was));
	look_field(c->is, name, f->is, sizeof(f->is));
	return strcmp(f->was, f->is) != 0;
}

static bool
tell_new(const struct fact_change *c, const char *name,
    struct state_told *out)
{
	char uid[32], home[LOOK_FIELD_MAX], shell[LOOK_FIELD_MAX], q[128];
	bool zero;

	look_field(c->is, "uid", uid, sizeof(uid));
	look_field(c->is, "home", home, sizeof(home));
	look_field(c->is, "shell", shell, sizeof(shell));
	zero = strcmp(uid, "0") == 0 && strcmp(name, "root") != 0;
	if (c->how == FACT_FOUND && !zero)
		return false;
	told_init(out, zero ? "account.uid0" : "account.created", name,
	    PASSWD);
	told_add(out, "user %s %s with uid %s, home %s, shell %s",
	    look_quote(q, sizeof(q), name), c->how == FACT_FOUND ?
	    "is there" : "was added", uid, home,
	    shell[0] != '\0' ? shell : "/bin/sh (none named)");
	if (zero)
		told_add(out, "uid 0 is root under another name");
	return true;
}

static bool
tell_account(const struct fact_change *c, const char *name,
    struct state_told *out)
{
	char q[128];
	struct field f;

	if (c->how == FACT_ADDED || c->how == FACT_FOUND)
		return tell_new(c, name, out);
	look_quote(q, sizeof(q), name);
	told_init(out, c->how == FACT_REMOVED ? "account.removed" :
	    "account.changed", name, PASSWD);
	if (c->how == FACT_REMOVED) {
		differs(c, "uid", &f);
		told_add(out, "user %s (uid %s) was removed", q, f.was);
		return true;
	}
	if (differs(c, "shell", &f)) {
		told_add(out, "user %s got the shell %s (was %s)", q,
		    f.is, f.was);
		if (shell_is_login(f.is) && !shell_is_login(f.was))
			told_raise(out, "account.shell-granted",
			    CORDON__SEVERITY__SEVERITY_NONE);
	}
	if (differs(c, "uid", &f)) {
		told_add(out, "user %s has uid %s (was %s)", q, f.is, f.was);
		told_raise(out, strcmp(f.is, "0") == 0 ? "account.uid0" :
		    "account.changed", CORDON__SEVERITY__SEVERITY_NONE);
	}
	if (differs(c, "gid", &f))
		told_add(out, "user %s has the first group %s (was %s)", q,
		    f.is, f.was);
	if (differs(c, "home", &f)) {
		told_add(out, "user %s has the home %s (was %s)", q, f.is,
		    f.was);
		told_raise(out, "account.home-moved",
		    CORDON__SEVERITY__SEVERITY_NONE);
	}
	return out->text[0] != '\0';
}

/* From STATE and hash to STATE and hash, in words. */
static void
tell_password_change(const struct fact_change *c, const char *q,
    struct state_told *out)
{
	struct field state, digest, kind;
	bool other = differs(c, "digest", &digest);

	differs(c, "state", &state);
	differs(c, "kind", &kind);
	if (strcmp(state.is, "empty") == 0) {
		told_raise(out, "account.password-empty",
		    CORDON__SEVERITY__SEVERITY_NONE);
		told_add(out, "user %s needs no password any more (was %s)",
		    q, state.was);
	} else if (strcmp(state.was, state.is) != 0 &&
	    strcmp(state.is, "set") == 0 && !other) {
		told_raise(out, "account.unlocked",
		    CORDON__SEVERITY__SEVERITY_NONE);
		told_add(out, "the password of user %s was unlocked", q);
	} else if (strcmp(state.is, "locked") == 0 && !other) {
		told_add(out, "the password of user %s was locked (was %s)",
		    q, state.was);
	} else if (strcmp(state.is, "locked") == 0) {
		told_add(out, "the password of user %s was taken away or "
		    "replaced, and locked (was %s)", q, state.was);
	} else {
		told_raise(out, "account.password-set",
		    CORDON__SEVERITY__SEVERITY_NONE);
		told_add(out, "user %s has %s password (%s; was %s)", q,
		    strcmp(state.was, "set") == 0 ? "another" : "a",
		    kind.is, state.was);
	}
	if (strcmp(kind.is, "md5") == 0 || strcmp(kind.is, "des") == 0)
		told_add(out, "its hash is %s, which is soon guessed",
		    kind.is);
}

static bool
tell_password(const struct fact_change *c, const char *name,
    struct state_told *out)
{
	char q[128], state[32];

	look_quote(q, sizeof(q), name);
	look_field(c->is, "state", state, sizeof(state));
	told_init(out, "account.locked", name, SHADOW);
	if (c->how == FACT_CHANGED) {
		tell_password_change(c, q, out);
		return true;
	}
	if (c->how == FACT_REMOVED)
		return false; /* with its account */
	if (strcmp(state, "empty") == 0) {
		told_raise(out, "account.password-empty",
		    CORDON__SEVERITY__SEVERITY_NONE);
		told_add(out, "user %s needs no password", q);
		return true;
	}
	if (c->how == FACT_FOUND || strcmp(state, "set") != 0)
		return false;
	told_raise(out, "account.password-set",
	    CORDON__SEVERITY__SEVERITY_NONE);
	told_add(out, "user %s has a password (there was none)", q);
	return true;
}

static bool
tell_ageing(const struct fact_change *c, const char *name,
    struct state_told *out)
{
	static const struct {
		const char *field, *words;
	} rows[] = {
		{"max", "days until a password must be changed"},
		{"min", "days until it may be"},
		{"inactive", "days until an old one locks the account"},
		{"expire", "day the account ends"},
	};
	struct field f;
	char q[128];
	size_t i;

	if (c->how != FACT_CHANGED)
		return false;
	told_init(out, "account.ageing", name, SHADOW);
	look_quote(q, sizeof(q), name);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (differs(c, rows[i].field, &f))
			told_add(out, "user %s: %s: %s (was %s)", q,
			    rows[i].words, f.is[0] != '\0' ? f.is : "none",
			    f.was[0] != '\0' ? f.was : "none");
	return true;
}

static bool
accounts_tell(const struct fact_change *c, struct state_told *out)
{
	const char *name = strchr(c->key, ' ');

	if (name == NULL)
		return false;
	name++;
	if (strncmp(c->key, "account ", 8) == 0)
		return tell_account(c, name, out);
	if (strncmp(c->key, "password ", 9) == 0)
		return tell_password(c, name, out);
	if (strncmp(c->key, "ageing ", 7) == 0)
		return tell_ageing(c, name, out);
	if (c->how != FACT_ADDED)
		return false;
	told_init(out, "account.malformed", strncmp(name, PASSWD,
	    strlen(PASSWD)) == 0 ? PASSWD : SHADOW, "");
	snprintf(out->path, sizeof(out->path), "%.64s", out->object);
	told_add(out, "a line of %s is none: %s", out->object,
	    c->is[0] != '\0' ? c->is : "(not shown)");
	return true;
}

static const char *const paths[] = {PASSWD, SHADOW, NULL};

const struct state_source state_accounts = {"accounts", paths, 60,
    accounts_read, accounts_tell, true};
