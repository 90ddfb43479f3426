/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Authorities whose certificates programs of this host believe.  Facts:
 * "authority FINGERPRINT" with subject and file.  Nothing is parsed again
 * while inode, size and times of all files are as before ("signature").
 */
#include "agent/state/sources.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/authority.h"
#include "agent/state/look.h"
#include "common/base/digest.h"
#include "common/base/id.h"

#define SIGNATURE "signature"

static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem", "/var/lib/ca-certificates/ca-bundle.pem",
    NULL};
static const char *const folders[] = {"/usr/local/share/ca-certificates",
    "/etc/ssl/certs", "/etc/pki/ca-trust/source/anchors",
    "/etc/pki/trust/anchors", "/usr/share/pki/trust/anchors",
    "/etc/ca-certificates/trust-source/anchors", NULL};

struct authority_walk {
	const struct state_env *env;
	struct facts *out;
	struct digest *sum; /* not NULL: only the signature is made */
	unsigned int depth;
	const char *file;
};

static int
add_authority(void *arg, const char *print, const char *subject)
{
	struct authority_walk *w = arg;
	char key[DIGEST_HEX_MAX + 16], q[LOOK_FIELD_MAX];

	snprintf(key, sizeof(key), "authority %s", print);
	return facts_addf(w->out, key, "subject=%s\tfile=%s",
	    look_quote(q, sizeof(q), subject), w->file);
}

static int
read_file(struct authority_walk *w, const char *path)
{
	struct buf b;
	char *text;
	int r;

	w->file = path;
	buf_init(&b, 4 * LOOK_FILE_MAX);
	r = look_text(w->env, path, &b, &text);
	if (r == 0)
		r = authority_each(text, b.len, add_authority, w);
	buf_done(&b);
	return r == ERR_NOMEM || r == ERR_LIMIT ? r : 0;
}

static int walk_folder(struct authority_walk *w, const char *dir);

static int
walk_path(void *arg, const char *path, const char *name)
{
	struct authority_walk *w = arg;
	char full[PATH_MAX], target[64], line[PATH_MAX + 128];
	struct stat st;
	ssize_t n;

	(void)name;
	if (look_path(w->env, path, full) != 0 || lstat(full, &st) != 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return walk_folder(w, path);
	/* "abcd.0 -> Name.pem" in the same folder is met there. */
	n = S_ISLNK(st.st_mode) ? readlink(full, target, sizeof(target)) : -1;
	if (n > 0 && n < (ssize_t)sizeof(target) &&
	    memchr(target, '/', (size_t)n) == NULL)
		return 0;
	if (w->sum == NULL)
		return read_file(w, path);
	if (stat(full, &st) != 0)
		return 0;
	snprintf(line, sizeof(line), "%s %llu %lld %lld.%ld\n", path,
	    (unsigned long long)st.st_ino, (long long)st.st_size,
	    (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	digest_add(w->sum, line, strlen(line));
	return 0;
}

static int
walk_folder(struct authority_walk *w, const char *dir)
{
	int r;

	if (w->depth >= 4)
		return 0;
	w->depth++;
	r = look_dir(w->env, dir, walk_path, w);
	w->depth--;
	return r;
}

static int
walk_all(struct authority_walk *w)
{
	size_t i;
	int r = 0;

	for (i = 0; bundles[i] != NULL && r == 0; i++)
		r = walk_path(w, bundles[i], "");
	for (i = 0; folders[i] != NULL && r == 0; i++)
		r = walk_folder(w, folders[i]);
	return r;
}

static int
signature(const struct state_env *env, char hex[DIGEST_HEX_MAX])
{
	struct authority_walk w = {.env = env, .sum = digest_new()};
	uint8_t sum[DIGEST_LEN];
	int r;

	if (w.sum == NULL)
		return ERR_NOMEM;
	digest_begin(w.sum);
	r = walk_all(&w);
	digest_end(w.sum, sum);
	digest_free(&w.sum);
	hex_encode(hex, sum, sizeof(sum));
	return r;
}

static int
all_as_before(const struct facts *was, struct facts *out)
{
	size_t i;
	int r = 0;

	for (i = 0; i < facts_count(was) && r == 0; i++)
		r = facts_add(out, facts_key(was, i), facts_value(was, i));
	return r;
}

static int
authorities_read(const struct state_env *env, struct facts *out,
    struct why *why)
{
	struct authority_walk w = {.env = env, .out = out};
	char hex[DIGEST_HEX_MAX];
	const char *before;
	int r;

	r = signature(env, hex);
	before = env->was == NULL ? NULL : facts_get(env->was, SIGNATURE);
	if (r == 0 && before != NULL && strcmp(before, hex) == 0) {
		r = all_as_before(env->was, out);
		goto done;
	}
	if (r == 0)
		r = facts_add(out, SIGNATURE, hex);
	if (r == 0)
		r = walk_all(&w);
done:
	return r == 0 ? 0 : why_set(why, r, "authorities: %s", err_str(r));
}

static bool
authorities_tell(const struct fact_change *c, struct state_told *out)
{
	char subject[LOOK_FIELD_MAX], file[PATH_MAX], *more;
	const char *value = c->is != NULL ? c->is : c->was;

	/* That it lies in one more file is no news. */
	if (strncmp(c->key, "authority ", 10) != 0 ||
	    c->how == FACT_FOUND || c->how == FACT_CHANGED)
		return false;
	look_field(value, "subject", subject, sizeof(subject));
	look_field(value, "file", file, sizeof(file));
	more = strstr(file, "; ");
	if (more != NULL)
		*more = '\0';
	told_init(out, c->how == FACT_ADDED ? "authority.added" :
	    "authority.removed", file, file);
	told_add(out, "%s %s", subject, c->how == FACT_ADDED ?
	    "is believed now" : "is believed no longer");
	told_add(out, "sha256 fingerprint %s", c->key + 10);
	return true;
}

static const char *const paths[] = {"/etc/ssl/*", "/etc/pki/*",
    "/usr/local/share/ca-certificates/*", "/etc/ca-certificates/*",
    "/usr/share/pki/trust/*", "/var/lib/ca-certificates/*", NULL};

const struct state_source state_authorities = {"authorities", paths, 120,
    authorities_read, authorities_tell, true};
