/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading, checking and comparing manifests.  Runs on the job thread of the
 * sensors process.  Even with the right digest a manifest is parsed as
 * foreign bytes: nothing before the whole of it was checked.
 */
#include "agent/sensors/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/id.h"

#define HEAD "cordon-manifest 1"
#define LINE_LEN (4 * PATH_LEN + 256)

struct manifest {
	const char *data;
	size_t len;
	bool mapped;
	char id[ID_MAX];
	size_t files, files_end;	 /* offsets */
	size_t accounts, accounts_end;
	size_t places, places_end;
};

int
manifest_path(char *out, const char *state_dir, const char *id)
{
	if (!id_valid(id))
		return ERR_RANGE;
	return snprintf(out, PATH_LEN, "%s/" MANIFEST_PREFIX "%s", state_dir, id) <
	    PATH_LEN ? 0 : ERR_RANGE;
}

/* -- lines ---------------------------- */

struct span {
	const char *at;
	size_t len;
};

/* The line at *AT; false when no newline is left. */
static bool
next_line(const struct manifest *m, size_t *at, struct span *line)
{
	const char *end;

	if (*at >= m->len)
		return false;
	end = memchr(m->data + *at, '\n', m->len - *at);
	if (end == NULL)
		return false;
	line->at = m->data + *at;
	line->len = (size_t)(end - line->at);
	*at += line->len + 1;
	return line->len < LINE_LEN;
}

/* Cut LINE at single spaces into exactly N words. */
static bool
split(const struct span *line, struct span *word, size_t n)
{
	const char *at = line->at, *end = line->at + line->len, *sp;
	size_t i;

	for (i = 0; i < n; i++) {
		sp = memchr(at, ' ', (size_t)(end - at));
		if ((sp == NULL) != (i == n - 1))
			return false;
		word[i].at = at;
		word[i].len = (size_t)((sp == NULL ? end : sp) - at);
		if (word[i].len == 0)
			return false;
		at = sp == NULL ? end : sp + 1;
	}
	return true;
}

static bool
number(const struct span *w, unsigned int base, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	unsigned int d;
	size_t i;

	if (w->len == 0 || w->len > 20)
		return false;
	for (i = 0; i < w->len; i++) {
		char c = w->at[i];

		d = c >= '0' && c <= '9' ? (unsigned int)(c - '0') :
		    c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 :
					   99;
		if (d >= base || v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	*out = v;
	return v <= max;
}

static bool
is_dash(const struct span *w)
{
	return w->len == 1 && w->at[0] == '-';
}

static int
parse_file(const struct span *line, struct manifest_file *f)
{
	struct span w[7];
	uint64_t mode, uid, gid;
	char hex[DIGEST_HEX_MAX];

	if (!split(line, w, 7) || !number(&w[0], 8, 0177777, &mode) ||
	    !number(&w[1], 10, UINT32_MAX, &uid) ||
	    !number(&w[2], 10, UINT32_MAX, &gid) ||
	    !number(&w[3], 10, UINT64_MAX, &f->size))
		return ERR_SYNTAX;
	f->mode = (uint32_t)mode;
	f->uid = (uint32_t)uid;
	f->gid = (uint32_t)gid;
	f->has_digest = !is_dash(&w[4]);
	memset(f->sha256, 0, sizeof(f->sha256));
	if (f->has_digest) {
		if (w[4].len != DIGEST_HEX_MAX - 1)
			return ERR_SYNTAX;
		memcpy(hex, w[4].at, w[4].len);
		hex[w[4].len] = '\0';
		if (hex_decode(f->sha256, DIGEST_LEN, hex) != 0)
			return ERR_SYNTAX;
	}
	f->xattr = 0;
	if (!is_dash(&w[5]) && !number(&w[5], 16, UINT64_MAX, &f->xattr))
		return ERR_SYNTAX;
	if (picture_unescape(f->path, sizeof(f->path), w[6].at, w[6].len) !=
	    0 || !path_clean(f->path) || f->path[1] == '\0')
		return ERR_SYNTAX;
	return 0;
}

static int
parse_line(const struct span *line, struct picture *p)
{
	char class[64], key[PICTURE_TEXT_MAX], value[PICTURE_TEXT_MAX];
	struct span w[3];

	if (!split(line, w, 3) ||
	    picture_unescape(class, sizeof(class), w[0].at, w[0].len) != 0 ||
	    picture_unescape(key, sizeof(key), w[1].at, w[1].len) != 0 ||
	    picture_unescape(value, sizeof(value), w[2].at, w[2].len) != 0)
		return ERR_SYNTAX;
	return p == NULL ? 0 : picture_add(p, class, key, value);
}

/* -- checking the whole ---------------------------- */

/* By folder, then name: the order of scans. */
static int
path_order(const char *a, const char *b)
{
	const char *sa = strrchr(a, '/'), *sb = strrchr(b, '/');
	size_t la = (size_t)(sa - a), lb = (size_t)(sb - b);
	size_t min = la < lb ? la : lb;
	int c;

	/* The folder of "/x" is "/", one byte: shorter than any other. */
	c = memcmp(a, b, min);
	if (c == 0 && la != lb)
		c = la < lb ? -1 : 1;
	return c != 0 ? c : strcmp(sa + 1, sb + 1);
}

static int
check_files(const struct manifest *m, size_t *at, uint64_t n)
{
	struct manifest_file *f = malloc(2 * sizeof(*f));
	struct span line;
	uint64_t i;
	int r = f == NULL ? ERR_NOMEM : 0;

	for (i = 0; i < n && r == 0; i++) {
		if (!next_line(m, at, &line))
			r = ERR_SYNTAX;
		else
			r = parse_file(&line, &f[i % 2]);
		if (r == 0 && i > 0 &&
		    path_order(f[(i + 1) % 2].path, f[i % 2].path) >= 0)
			r = ERR_SYNTAX;
	}
	free(f);
	return r;
}

static int
check_lines(const struct manifest *m, size_t *at, uint64_t n)
{
	struct span line;
	uint64_t i;

	for (i = 0; i < n; i++)
		if (!next_line(m, at, &line) || parse_line(&line, NULL) != 0)
			return ERR_SYNTAX;
	return 0;
}

/* "== NAME N" */
static bool
section(const struct manifest *m, size_t *at, const char *name, uint64_t max,
    uint64_t *n)
{
	struct span line, w[3];

	return next_line(m, at, &line) && split(&line, w, 3) &&
	    w[0].len == 2 && memcmp(w[0].at, "==", 2) == 0 &&
	    w[1].len == strlen(name) &&
	    memcmp(w[1].at, name, w[1].len) == 0 &&
	    number(&w[2], 10, max, n);
}

static bool
line_is(const struct manifest *m, size_t *at, const char *text)
{
	struct span line;

	return next_line(m, at, &line) && line.len == strlen(text) &&
	    memcmp(line.at, text, line.len) == 0;
}

static bool
header(struct manifest *m, size_t *at)
{
	struct span line, w[2];

	if (!line_is(m, at, HEAD) || !next_line(m, at, &line) ||
	    !split(&line, w, 2) || w[0].len != 2 ||
	    memcmp(w[0].at, "id", 2) != 0 || w[1].len >= sizeof(m->id))
		return false;
	memcpy(m->id, w[1].at, w[1].len);
	m->id[w[1].len] = '\0';
	return id_valid(m->id) && next_line(m, at, &line) && line.len > 5 &&
	    memcmp(line.at, "host ", 5) == 0 && next_line(m, at, &line) &&
	    line.len > 5 && memcmp(line.at, "made ", 5) == 0;
}

static int
check_all(struct manifest *m, struct why *why)
{
	size_t at = 0;
	uint64_t n;
	int r = ERR_SYNTAX;

	if (!header(m, &at) ||
	    !section(m, &at, "files", BASELINE_ENTRIES_MAX, &n))
		goto done;
	m->files = at;
	r = check_files(m, &at, n);
	m->files_end = at;
	if (r != 0)
		goto done;
	r = ERR_SYNTAX;
	if (!section(m, &at, "accounts", PICTURE_LINES_MAX, &n))
		goto done;
	m->accounts = at;
	if (check_lines(m, &at, n) != 0)
		goto done;
	m->accounts_end = at;
	if (!section(m, &at, "persistence", PICTURE_LINES_MAX, &n))
		goto done;
	m->places = at;
	if (check_lines(m, &at, n) != 0)
		goto done;
	m->places_end = at;
	if (line_is(m, &at, "== end") && at == m->len)
		r = 0;
done:
	if (r == ERR_NOMEM)
		return why_set(why, r, "manifest: out of memory");
	return r == 0 ? 0 :
			why_set(why, ERR_CORRUPT,
			    "manifest: not in form near byte %zu", at);
}

/* -- opening ---------------------------- */

int
manifest_from(const void *data, size_t len, struct manifest **out,
    struct why *why)
{
	struct manifest *m = calloc(1, sizeof(*m));
	int r;

	if (m == NULL)
		return why_set(why, ERR_NOMEM, "manifest");
	m->data = data;
	m->len = len;
	r = check_all(m, why);
	if (r == 0)
		*out = m;
	else
		manifest_free(&m);
	return r;
}

static int
map_file(const char *path, struct manifest *m, struct why *why)
{
	struct stat st;
	void *map;
	int fd, r = 0;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return why_sys(why, errno == ENOENT ? ERR_NOENT : ERR_IO,
		    "%s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
	    (uint64_t)st.st_size > MANIFEST_MAX) {
		r = why_set(why, ERR_CORRUPT, "%s: no manifest", path);
		goto done;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		r = why_sys(why, ERR_IO, "%s: mmap", path);
		goto done;
	}
	m->data = map;
	m->len = (size_t)st.st_size;
	m->mapped = true;
done:
	close(fd);
	return r;
}

int
manifest_open(const char *path, const uint8_t *want, struct manifest **out,
    struct why *why)
{
	struct manifest *m = calloc(1, sizeof(*m));
	uint8_t sum[DIGEST_LEN];
	int r;

	if (m == NULL)
		return why_set(why, ERR_NOMEM, "manifest");
	r = map_file(path, m, why);
	if (r != 0)
		goto done;
	digest_of(m->data, m->len, sum);
	if (want != NULL && !bytes_equal(sum, want, sizeof(sum)))
		r = why_set(why, ERR_CRYPTO,
		    "the manifest kept here is not the one that was signed");
	else
		r = check_all(m, why);
done:
	if (r == 0)
		*out = m;
	else
		manifest_free(&m);
	return r;
}

void
manifest_free(struct manifest **m)
{
	if (*m == NULL)
		return;
	if ((*m)->mapped)
		munmap((void *)(uintptr_t)(*m)->data, (*m)->len);
	free(*m);
	*m = NULL;
}

const char *
manifest_id(const struct manifest *m)
{
	return m->id;
}

void
manifest_digest(const struct manifest *m, uint8_t digest[DIGEST_LEN])
{
	digest_of(m->data, m->len, digest);
}

int
manifest_next(const struct manifest *m, size_t *at, struct manifest_file *f)
{
	struct span line;
	size_t pos = *at == 0 ? m->files : *at;

	if (pos >= m->files_end || !next_line(m, &pos, &line))
		return ERR_NOENT;
	if (parse_file(&line, f) != 0)
		return ERR_CORRUPT;
	*at = pos;
	return 0;
}

static int
read_picture(const struct manifest *m, size_t at, size_t end,
    struct picture *p)
{
	struct span line;
	int r = 0;

	while (r == 0 && at < end && next_line(m, &at, &line))
		r = parse_line(&line, p);
	picture_sort(p);
	return r;
}

int
manifest_accounts(const struct manifest *m, struct picture *p)
{
	return read_picture(m, m->accounts, m->accounts_end, p);
}

int
manifest_places(const struct manifest *m, struct picture *p)
{
	return read_picture(m, m->places, m->places_end, p);
}

/* -- comparing ---------------------------- */

static void
text_digest(char *out, const uint8_t *sha, bool has, uint32_t mode)
{
	if (!has)
		snprintf(out, DIGEST_HEX_MAX, "type %06o", mode & S_IFMT);
	else
		hex_encode(out, sha, DIGEST_LEN);
}

static bool
has_content(uint32_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode);
}

static void
add_numbers(struct findings *f, const char *code, const char *path,
    const char *was, const char *now)
{
	if (strcmp(was, now) != 0)
		findings_add(f, code, path, was, now);
}

static void
compare_one(const struct manifest_file *was, const struct entry *now,
    struct findings *f)
{
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	if (now->flags & ENTRY_UNREAD) {
		findings_add(f, "file.unreadable", was->path, "", "");
	} else {
		text_digest(a, was->sha256, was->has_digest, was->mode);
		text_digest(b, now->sha256, has_content(now->mode),
		    now->mode);
		add_numbers(f, "file.changed", was->path, a, b);
	}
	snprintf(a, sizeof(a), "%06o", was->mode);
	snprintf(b, sizeof(b), "%06o", (unsigned int)now->mode);
	add_numbers(f, "file.mode", was->path, a, b);
	snprintf(a, sizeof(a), "%u:%u", was->uid, was->gid);
	snprintf(b, sizeof(b), "%u:%u", now->uid, now->gid);
	add_numbers(f, "file.owner", was->path, a, b);
	snprintf(a, sizeof(a), "%016" PRIx64, was->xattr);
	snprintf(b, sizeof(b), "%016" PRIx64, now->xattr);
	add_numbers(f, "file.attributes", was->path, a, b);
}

int
manifest_compare(const struct manifest *m, const struct rec *now, size_t n,
    struct findings *f)
{
	struct manifest_file *was = malloc(sizeof(*was));
	char path[PATH_LEN], mode[16];
	size_t at = 0, i = 0;
	bool more;
	int c, r;

	if (was == NULL)
		return ERR_NOMEM;
	r = manifest_next(m, &at, was);
	more = r == 0;
	while ((r == 0 || r == ERR_NOENT) && (more || i < n)) {
		if (i < n &&
		    path_join(path, now[i].dir, now[i].name) != 0) {
			i++;
			continue;
		}
		c = !more ? 1 : i == n ? -1 : path_order(was->path, path);
		if (c < 0) {
			findings_add(f, "file.missing", was->path, "", "");
		} else if (c > 0) {
			snprintf(mode, sizeof(mode), "%06o",
			    (unsigned int)now[i].e->mode);
			findings_add(f, "file.extra", path, "", mode);
		} else {
			compare_one(was, now[i].e, f);
		}
		i += c >= 0;
		if (c <= 0) {
			r = manifest_next(m, &at, was);
			more = r == 0;
		}
	}
	free(was);
	return r == ERR_NOENT ? 0 : r;
}

/* -- keeping few ---------------------------- */

void
manifest_trim(const char *state_dir, const char *prefix, unsigned int keep)
{
	char path[PATH_LEN], oldest[PATH_LEN];
	const struct dirent *de;
	struct stat st;
	struct timespec first = {0, 0};
	unsigned int n;
	DIR *d;

	do {
		n = 0;
		d = opendir(state_dir);
		while (d != NULL && (de = readdir(d)) != NULL) {
			if (strncmp(de->d_name, prefix, strlen(prefix)) !=
			    0 || path_join(path, state_dir, de->d_name) !=
			    0 || lstat(path, &st) != 0)
				continue;
			if (n++ == 0 || st.st_mtim.tv_sec < first.tv_sec) {
				first = st.st_mtim;
				memcpy(oldest, path, sizeof(oldest));
			}
		}
		if (d != NULL)
			closedir(d);
	} while (n > keep && unlink(oldest) == 0);
}
