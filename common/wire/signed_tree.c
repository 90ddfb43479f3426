/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signed manifests of trees.  Runs in the sensors process, which believes
 * no byte of a head before its signature is good, and in the collector,
 * which makes them.
 */
#include "common/wire/signed_tree.h"

#include <string.h>

#include "common/wire/pack.h"
#include "common/wire/unpack.h"

size_t
manifest_signed_bytes(const char *id, const uint8_t digest[DIGEST_LEN],
    uint8_t *out)
{
	size_t n = strlen(id) + 1;

	memcpy(out, id, n);
	memcpy(out + n, digest, DIGEST_LEN);
	return n + DIGEST_LEN;
}

bool
tree_path_good(const char *path)
{
	size_t len = strlen(path);
	const char *at;

	if (len < 2 || len > TREE_PATH_MAX || path[0] != '/' ||
	    path[len - 1] == '/')
		return false;
	for (at = path; at != NULL; at = strchr(at + 1, '/'))
		if (strncmp(at, "//", 2) == 0 ||
		    strncmp(at, "/./", 3) == 0 || strcmp(at, "/.") == 0 ||
		    strncmp(at, "/../", 4) == 0 || strcmp(at, "/..") == 0)
			return false;
	return true;
}

int
tree_head_pack(const Cordon__TreeHead *head, struct buf *out,
    uint8_t digest[DIGEST_LEN])
{
	int rc;

	buf_clear(out);
	rc = pack(&head->base, out);
	if (rc == 0 && out->len > TREE_HEAD_MAX)
		rc = ERR_LIMIT;
	if (rc == 0)
		digest_of(out->data, out->len, digest);
	return rc;
}

static bool
form_good(const Cordon__TreeHead *h)
{
	return id_valid(h->manifest_id) && tree_path_good(h->tree) &&
	    h->version > 0 && h->version < (1ULL << 62) &&
	    h->sha256.len == (h->retired ? 0 : DIGEST_LEN) &&
	    h->size <= (uint64_t)TREE_PART * TREE_PARTS_MAX;
}

/* Of this host by its id, else by its group; never of nobody. */
static bool
meant_for(const struct tree_reader *r, const Cordon__TreeHead *h)
{
	if (h->host_id[0] != '\0')
		return strcmp(h->host_id, r->host_id) == 0;
	return h->group[0] != '\0' && strcmp(h->group, r->group) == 0;
}

int
tree_head_open(const struct tree_reader *r, const Cordon__SignedTree *s,
    Cordon__TreeHead **head, struct why *why)
{
	uint8_t digest[DIGEST_LEN], bytes[ID_MAX + DIGEST_LEN];
	Cordon__TreeHead *h;
	size_t len;
	int rc = ERR_PROTO;

	if (s->head.len > TREE_HEAD_MAX ||
	    s->signature.len != SIGN_SIG_LEN ||
	    (h = unpack(&cordon__tree_head__descriptor, s->head.data,
	    s->head.len)) == NULL)
		return why_set(why, ERR_PROTO, "a signed manifest of a tree "
		    "cannot be read");
	/* The id is needed for the signature, nothing else before it. */
	if (!id_valid(h->manifest_id)) {
		why_set(why, rc, "the manifest of a tree has no id");
		goto done;
	}
	digest_of(s->head.data, s->head.len, digest);
	len = manifest_signed_bytes(h->manifest_id, digest, bytes);
	if (!sign_good(r->key, MANIFEST_CONTEXT, bytes, len,
	    s->signature.data))
		rc = why_set(why, ERR_CRYPTO, "manifest %s: the signature is "
		    "not by the order key", h->manifest_id);
	else if (!form_good(h))
		why_set(why, rc, "manifest %s: not in form",
		    h->manifest_id);
	else if (!meant_for(r, h))
		rc = why_set(why, ERR_PERM, "manifest %s is for another "
		    "host", h->manifest_id);
	else
		rc = 0;
done:
	if (rc == 0)
		*head = h;
	else
		cordon__tree_head__free_unpacked(h, NULL);
	return rc;
}
