/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Integrity of the agent's own files.  The package's list is MD5 (that is
 * what dpkg keeps); it only explains an upgrade, the digest taken at start
 * is SHA-256.
 */
#include "agent/sensors/own.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "common/base/file.h"
#include "common/base/id.h"

#define CHUNK 16384
#define LIST_MAX (256 * 1024)

struct own_file {
	const char *path;
	bool was;
	uint8_t sha256[DIGEST_LEN];
};

struct own {
	struct own_file file[ROOTS_OWN_MAX];
	size_t n;
};

const char *
own_state_str(enum own_state s)
{
	static const char *const text[] = {"as it was",
	    "changed since the agent started",
	    "not what the package says", "gone"};

	return text[s];
}

/* Digest of a regular file with algorithm NAME. */
static int
file_digest(const char *path, const char *name, uint8_t *out)
{
	uint8_t data[CHUNK];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = EVP_get_digestbyname(name);
	struct stat st;
	ssize_t n = -1;
	int fd, r = ERR_CRYPTO;

	fd = path_open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		r = ERR_NOENT;
		goto done;
	}
	if (ctx == NULL || md == NULL || EVP_DigestInit_ex(ctx, md, NULL) !=
	    1)
		goto done;
	while ((n = read(fd, data, sizeof(data))) > 0)
		if (EVP_DigestUpdate(ctx, data, (size_t)n) != 1)
			goto done;
	if (n == 0 && EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		r = 0;
done:
	if (fd >= 0)
		close(fd);
	EVP_MD_CTX_free(ctx);
	return r;
}

int
own_new(const struct roots *roots, struct own **out, struct why *why)
{
	struct own *o = calloc(1, sizeof(*o));
	size_t i;

	if (o == NULL)
		return why_set(why, ERR_NOMEM, "own files");
	for (i = roots->watched; i < roots->n; i++) {
		struct own_file *f = &o->file[o->n++];

		f->path = roots->path[i];
		f->was = file_digest(f->path, "SHA256", f->sha256) == 0;
	}
	*out = o;
	return 0;
}

void
own_free(struct own **o)
{
	free(*o);
	*o = NULL;
}

size_t
own_count(const struct own *o)
{
	return o->n;
}

bool
own_listed(const char *text, const char *path, char out[33])
{
	size_t len = strlen(path + 1);
	const char *line = text, *end;

	for (; *line != '\0'; line = *end == '\0' ? end : end + 1) {
		end = strchrnul(line, '\n');
		if ((size_t)(end - line) == 34 + len &&
		    memcmp(line + 32, "  ", 2) == 0 &&
		    memcmp(line + 34, path + 1, len) == 0) {
			memcpy(out, line, 32);
			out[32] = '\0';
			return true;
		}
	}
	return false;
}

/* 1: equal, 0: not equal, -1: the list does not name it. */
static int
as_listed(const char *path, const char *list)
{
	char want[33], have[33];
	uint8_t md5[16];
	struct buf text;
	int r = -1;

	buf_init(&text, LIST_MAX);
	if (path[0] == '/' && file_read(list, &text, NULL) == 0 &&
	    buf_str(&text) != NULL &&
	    own_listed(buf_str(&text), path, want))
		r = file_digest(path, "MD5", md5) == 0 &&
		    strcmp(hex_encode(have, md5, sizeof(md5)), want) == 0;
	buf_done(&text);
	return r;
}

bool
own_explained(const char *path, const char *list)
{
	return as_listed(path, list) == 1;
}

enum own_state
own_check(const struct own *o, size_t nr, const char **path)
{
	const struct own_file *f = &o->file[nr];
	uint8_t now[DIGEST_LEN];

	*path = f->path;
	if (file_digest(f->path, "SHA256", now) != 0)
		return f->was ? OWN_GONE : OWN_SAME;
	if (!f->was || memcmp(now, f->sha256, sizeof(now)) != 0)
		return OWN_CHANGED;
	return as_listed(f->path, OWN_PACKAGE_LIST) == 0 ? OWN_FOREIGN :
							   OWN_SAME;
}
