/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding signed manifests, and taking the list of them.  In the sensors
 * process, which gets them through the network process: that one may have
 * been taken over, so each head is verified here, and a version never goes
 * back.
 */
#include "agent/sensors/kept.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/before.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/kept_int.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define SIGNED_PREFIX "signed-"
#define SIGNED_MAX (TREE_HEAD_MAX + 256)

static int
signed_path(const struct kept_place *p, const char *tree, char out[PATH_LEN])
{
	return snprintf(out, PATH_LEN, "%s/" SIGNED_PREFIX "%016" PRIx64,
	    p->state_dir, before_hash(tree)) < PATH_LEN ? 0 : ERR_LIMIT;
}

int
kept_path(const struct kept_place *p, const char *id, char out[PATH_LEN])
{
	if (!id_valid(id))
		return ERR_RANGE;
	return snprintf(out, PATH_LEN, "%s/kept-%s", p->state_dir, id) <
	    PATH_LEN ? 0 : ERR_LIMIT;
}

/* The head in the file at PATH. */
static int
load(const struct kept_place *p, const char *path, Cordon__TreeHead **head,
    struct why *why)
{
	Cordon__SignedTree *s = NULL;
	struct buf b;
	int r;

	buf_init(&b, SIGNED_MAX);
	r = file_read(path, &b, why);
	if (r == 0)
		s = unpack(&cordon__signed_tree__descriptor, b.data, b.len);
	if (r == 0)
		r = s == NULL ? why_set(why, ERR_CORRUPT, "%s: cannot be "
		    "read", path) : tree_head_open(&p->reader, s, head, why);
	if (s != NULL)
		cordon__signed_tree__free_unpacked(s, NULL);
	buf_done(&b);
	return r;
}

/* The same, retired or not. */
static int
find_any(const struct kept_place *p, const char *tree,
    Cordon__TreeHead **head, struct why *why)
{
	char path[PATH_LEN];
	int r;

	if (signed_path(p, tree, path) != 0)
		return why_set(why, ERR_LIMIT, "state folder: path too long");
	r = load(p, path, head, why);
	if (r == 0 && strcmp((*head)->tree, tree) != 0) {
		cordon__tree_head__free_unpacked(*head, NULL);
		*head = NULL;
		r = why_set(why, ERR_NOENT, "%s: another tree's manifest "
		    "lies in its place", tree);
	}
	return r;
}

int
kept_find(const struct kept_place *p, const char *tree,
    Cordon__TreeHead **head, struct why *why)
{
	Cordon__TreeHead *h = NULL;
	int r = find_any(p, tree, &h, why);

	if (r == 0 && h->retired) {
		cordon__tree_head__free_unpacked(h, NULL);
		return why_set(why, ERR_NOENT, "%s: its manifest was retired",
		    tree);
	}
	if (r == 0)
		*head = h;
	return r;
}

int
kept_open(const struct kept_place *p, const Cordon__TreeHead *head,
    struct manifest **m, struct why *why)
{
	char path[PATH_LEN];
	int r = kept_path(p, head->manifest_id, path);

	if (r != 0)
		return why_set(why, r, "bad manifest id");
	r = manifest_open(path, head->sha256.data, m, why);
	if (r == ERR_NOENT)
		why_set(why, r, "%s: manifest %s is not whole on this host "
		    "yet; it comes from the collector", head->tree,
		    head->manifest_id);
	return r;
}

int
kept_each(const struct kept_place *p, kept_fn *fn, void *arg)
{
	Cordon__TreeHead *h;
	const struct dirent *de;
	char path[PATH_LEN];
	struct why why;
	DIR *d = opendir(p->state_dir);
	int r = 0, got;

	while (r == 0 && d != NULL && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, SIGNED_PREFIX,
		    strlen(SIGNED_PREFIX)) != 0 ||
		    path_join(path, p->state_dir, de->d_name) != 0)
			continue;
		h = NULL;
		got = load(p, path, &h, &why);
		if (got != 0)
			r = fn(arg, NULL, &why);
		else if (!h->retired)
			r = fn(arg, h, NULL);
		if (h != NULL)
			cordon__tree_head__free_unpacked(h, NULL);
	}
	if (d == NULL)
		return ERR_IO;
	closedir(d);
	return r;
}

/* -- taking ---------------------------- */

/* Somebody sent what is not to be believed: told, with the reason. */
static void
refuse(const struct kept *k, const char *object, const struct why *why)
{
	struct emit_signal s;

	log_warn("signed manifests: %s", why->text);
	emit_init(&s, "data.manifest-refused", object);
	emit_add(&s, "why", why->text);
	emit_send(k->out, &s);
}

/* HEAD is in force from now on; what it takes the place of goes. */
int
kept_commit(struct kept *k, const Cordon__TreeHead *head,
    const struct buf *packed)
{
	Cordon__TreeHead *old = NULL;
	char path[PATH_LEN], gone[PATH_LEN];
	struct why why;
	int r;

	if (signed_path(k->place, head->tree, path) != 0)
		return ERR_LIMIT;
	if (load(k->place, path, &old, &why) != 0)
		old = NULL;
	r = file_write(path, packed->data, packed->len, 0600, &why);
	if (r != 0) {
		log_error("%s", why.text);
	} else {
		log_info("tree %s: %s version %" PRIu64 " of %s",
		    head->tree, head->retired ? "retired by" : "holds now",
		    head->version, head->manifest_id);
		if (old != NULL && strcmp(old->manifest_id,
		    head->manifest_id) != 0 && kept_path(k->place,
		    old->manifest_id, gone) == 0)
			unlink(gone);
		if (head->retired && kept_path(k->place, head->manifest_id,
		    gone) == 0)
			unlink(gone);
	}
	if (old != NULL)
		cordon__tree_head__free_unpacked(old, NULL);
	return r;
}

/* Is the manifest of HEAD here, by its size?  Its digest is looked at when
 * it is used. */
static bool
is_here(const struct kept *k, const Cordon__TreeHead *head)
{
	char path[PATH_LEN];
	struct stat st;

	return kept_path(k->place, head->manifest_id, path) == 0 &&
	    lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == head->size;
}

/* One head of the list. */
static void
take(struct kept *k, const Cordon__SignedTree *s)
{
	Cordon__TreeHead *head = NULL, *have = NULL;
	struct why why, none;
	struct buf packed;

	buf_init(&packed, SIGNED_MAX);
	if (tree_head_open(&k->place->reader, s, &head, &why) != 0) {
		refuse(k, "signed manifest", &why);
		goto done;
	}
	if (find_any(k->place, head->tree, &have, &none) == 0 &&
	    have->version > head->version) {
		why_set(&why, ERR_PERM, "version %" PRIu64 " came, version %"
		    PRIu64 " holds here: an older manifest is not taken",
		    head->version, have->version);
		refuse(k, head->tree, &why);
		goto done;
	}
	if (have != NULL && have->version == head->version &&
	    (head->retired || is_here(k, head)))
		goto done;
	if (pack(&s->base, &packed) != 0)
		goto done;
	if (head->retired || is_here(k, head)) {
		kept_commit(k, head, &packed);
	} else if (k->nwant < KEPT_WANT_MAX) {
		k->want[k->nwant++] = (struct want){.head = head,
		    .packed = packed};
		head = NULL;
		buf_init(&packed, SIGNED_MAX);
	}
done:
	if (head != NULL)
		cordon__tree_head__free_unpacked(head, NULL);
	if (have != NULL)
		cordon__tree_head__free_unpacked(have, NULL);
	buf_done(&packed);
}

/* The host's own manifest, if it is not here as it was signed. */
static void
take_own(struct kept *k, const Cordon__TreeList *list)
{
	uint8_t bytes[ID_MAX + DIGEST_LEN];
	struct manifest *m = NULL;
	char path[PATH_LEN];
	struct why why;
	size_t len;

	if (list->manifest_id[0] == '\0')
		return;
	if (!id_valid(list->manifest_id) ||
	    list->manifest_digest.len != DIGEST_LEN ||
	    list->manifest_signature.len != SIGN_SIG_LEN ||
	    manifest_path(path, k->place->state_dir, list->manifest_id) != 0)
		return;
	len = manifest_signed_bytes(list->manifest_id,
	    list->manifest_digest.data, bytes);
	if (!sign_good(k->place->reader.key, MANIFEST_CONTEXT, bytes, len,
	    list->manifest_signature.data)) {
		why_set(&why, ERR_CRYPTO, "the host's manifest: the "
		    "signature is not by the order key");
		refuse(k, list->manifest_id, &why);
		return;
	}
	if (manifest_open(path, list->manifest_digest.data, &m, &why) != 0 &&
	    k->nwant < KEPT_WANT_MAX) {
		struct want *w = &k->want[k->nwant++];

		memset(w, 0, sizeof(*w));
		strcpy(w->own, list->manifest_id);
		memcpy(w->digest, list->manifest_digest.data, DIGEST_LEN);
	}
	manifest_free(&m);
}

void
kept_list(struct kept *k, uint32_t generation, const Cordon__TreeList *list)
{
	size_t i;

	kept_forget(k);
	for (i = 0; i < list->n_trees && i < TREES_MAX; i++)
		take(k, list->trees[i]);
	take_own(k, list);
	if (k->nwant > 0)
		kept_next(k, generation);
}
