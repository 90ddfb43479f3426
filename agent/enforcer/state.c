/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file.  Runs in the enforcer.  A file that was torn or changed is
 * refused as a whole: behind it stands the SHA-256 of all of it.  That tells
 * damage, not an attacker with root; the order inside keeps its signature.
 */
#include "agent/enforcer/state.h"

#include <string.h>

#include "common/base/file.h"
#include "common/wire/order.pb-c.h"

static const char magic[8] = "CRDNST01";

void
state_init(struct state *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->current.order, ORDER_MAX);
	buf_init(&s->previous.order, ORDER_MAX);
	buf_init(&s->answer, STATE_ANSWER_MAX);
	s->current.profile = CORDON__PROFILE__PROFILE_OPEN;
	s->previous.profile = CORDON__PROFILE__PROFILE_OPEN;
}

void
state_done(struct state *s)
{
	buf_done(&s->current.order);
	buf_done(&s->previous.order);
	buf_done(&s->answer);
}

int
desired_set(struct desired *d, const void *order, size_t len, uint8_t profile)
{
	struct buf fresh;
	int rc;

	buf_init(&fresh, ORDER_MAX);
	rc = buf_add(&fresh, order, len);
	if (rc != 0) {
		buf_done(&fresh);
		return rc;
	}
	buf_done(&d->order);
	d->order = fresh;
	d->profile = profile;
	return 0;
}

int
state_copy(struct state *to, const struct state *from)
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, STATE_MAX);
	rc = state_encode(from, &bytes);
	if (rc == 0)
		rc = state_decode(bytes.data, bytes.len, to, NULL);
	buf_done(&bytes);
	return rc;
}

/* -- encoding ------------------------------------------------------------- */

static int
add_blob(struct buf *out, const struct buf *b)
{
	int rc = buf_add_u32(out, (uint32_t)b->len);

	return rc != 0 ? rc : buf_add(out, b->data, b->len);
}

static int
add_desired(struct buf *out, const struct desired *d)
{
	int rc = buf_add_u8(out, d->profile);

	return rc != 0 ? rc : add_blob(out, &d->order);
}

int
state_encode(const struct state *s, struct buf *out)
{
	uint8_t sum[DIGEST_LEN];
	size_t start = out->len;
	int rc;

	if ((rc = buf_add(out, magic, sizeof(magic))) != 0 ||
	    (rc = buf_add_u64(out, s->epoch)) != 0 ||
	    (rc = add_desired(out, &s->current)) != 0 ||
	    (rc = add_desired(out, &s->previous)) != 0 ||
	    (rc = buf_add_u64(out, (uint64_t)s->since_ms)) != 0 ||
	    (rc = buf_add(out, s->boot_id, STATE_BOOT_ID_LEN)) != 0 ||
	    (rc = buf_add_u64(out, (uint64_t)s->confirm_boot_ms)) != 0 ||
	    (rc = buf_add_u64(out, (uint64_t)s->restore_boot_ms)) != 0 ||
	    (rc = buf_add_u64(out, s->tampers)) != 0 ||
	    (rc = buf_add(out, s->answered, DIGEST_LEN)) != 0 ||
	    (rc = add_blob(out, &s->answer)) != 0)
		return rc;
	digest_of(out->data + start, out->len - start, sum);
	return buf_add(out, sum, sizeof(sum));
}

static int
read_blob(struct reader *r, struct buf *out)
{
	uint32_t len = reader_u32(r);
	const uint8_t *at;

	if (r->bad || len > out->max)
		return ERR_CORRUPT;
	at = reader_bytes(r, len);
	return at == NULL && len > 0 ? ERR_CORRUPT : buf_add(out, at, len);
}

static int
read_desired(struct reader *r, struct desired *d)
{
	d->profile = reader_u8(r);
	if (d->profile < CORDON__PROFILE__PROFILE_OPEN ||
	    d->profile > CORDON__PROFILE__PROFILE_LIMITED)
		return ERR_CORRUPT;
	return read_blob(r, &d->order);
}

static int
read_all(struct reader *r, struct state *s)
{
	const uint8_t *at;
	int rc;

	at = reader_bytes(r, sizeof(magic));
	if (at == NULL || memcmp(at, magic, sizeof(magic)) != 0)
		return ERR_CORRUPT;
	s->epoch = reader_u64(r);
	if ((rc = read_desired(r, &s->current)) != 0 ||
	    (rc = read_desired(r, &s->previous)) != 0)
		return rc;
	s->since_ms = (int64_t)reader_u64(r);
	at = reader_bytes(r, STATE_BOOT_ID_LEN);
	if (at != NULL)
		memcpy(s->boot_id, at, STATE_BOOT_ID_LEN);
	s->confirm_boot_ms = (int64_t)reader_u64(r);
	s->restore_boot_ms = (int64_t)reader_u64(r);
	s->tampers = reader_u64(r);
	at = reader_bytes(r, DIGEST_LEN);
	if (at != NULL)
		memcpy(s->answered, at, DIGEST_LEN);
	rc = read_blob(r, &s->answer);
	if (rc != 0)
		return rc;
	return r->bad ? ERR_CORRUPT : 0;
}

/* The checksum of what was read stands behind it, then only zeros. */
static bool
sum_fits(struct reader *r, const uint8_t *data, size_t len)
{
	uint8_t sum[DIGEST_LEN];
	const uint8_t *at, *end = data + len;

	digest_of(data, len - r->left, sum);
	at = reader_bytes(r, DIGEST_LEN);
	if (at == NULL || memcmp(sum, at, DIGEST_LEN) != 0)
		return false;
	for (at += DIGEST_LEN; at < end && *at == 0; at++)
		continue;
	return at == end;
}

int
state_decode(const void *data, size_t len, struct state *s, struct why *why)
{
	struct reader r;
	struct state fresh;
	int rc;

	state_init(&fresh);
	reader_init(&r, data, len);
	rc = read_all(&r, &fresh);
	if (rc != 0) {
		why_set(why, rc, "state file: %s", err_str(rc));
	} else if (!sum_fits(&r, data, len)) {
		rc = why_set(why, ERR_CORRUPT,
		    "state file: its checksum does not fit");
	} else {
		state_done(s);
		*s = fresh;
		return 0;
	}
	state_done(&fresh);
	return rc;
}

int
state_load(const char *dir, struct state *s, struct why *why)
{
	struct buf bytes;
	char path[4096];
	int rc;

	rc = file_join(path, sizeof(path), dir, STATE_FILE);
	if (rc != 0)
		return why_set(why, rc, "state folder: name too long");
	buf_init(&bytes, STATE_MAX);
	rc = file_read(path, &bytes, why);
	if (rc == ERR_LIMIT)
		rc = why_set(why, ERR_CORRUPT, "state file: too long");
	if (rc == 0)
		rc = state_decode(bytes.data, bytes.len, s, why);
	buf_done(&bytes);
	return rc;
}

int
state_save(const char *dir, const struct state *s, struct why *why)
{
	struct buf bytes;
	char path[4096];
	int rc;

	rc = file_join(path, sizeof(path), dir, STATE_FILE);
	if (rc != 0)
		return why_set(why, rc, "state folder: name too long");
	buf_init(&bytes, STATE_MAX);
	rc = state_encode(s, &bytes);
	if (rc != 0)
		why_set(why, rc, "state: %s", err_str(rc));
	else if (file_write_spare(path, bytes.data, bytes.len, STATE_MAX,
	    NULL) != 0)
		rc = file_write(path, bytes.data, bytes.len, 0600, why);
	/* Lost if the one before was written without: for the next time. */
	if (rc == 0)
		(void)file_spare(path, STATE_MAX, NULL);
	buf_done(&bytes);
	return rc;
}

int
state_reserve(const char *dir, struct why *why)
{
	char path[4096];
	int rc;

	rc = file_join(path, sizeof(path), dir, STATE_FILE);
	return rc != 0 ? why_set(why, rc, "state folder: name too long") :
	    file_spare(path, STATE_MAX, why);
}

int
state_boot_id(char out[STATE_BOOT_ID_LEN + 1])
{
	return file_text("/proc/sys/kernel/random/boot_id", out,
	    STATE_BOOT_ID_LEN + 1) == STATE_BOOT_ID_LEN ? 0 : ERR_IO;
}
