/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The identity file.  Read in parent, network and enforcer, written by the
 * tool as root.  A message from the network is checked before it is
 * written, and the file again whenever it is read.
 */
#include "agent/links/identity.h"

#include <limits.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define DER_MAX 4096 /* one certificate */

static bool
tier_valid(const char *t)
{
	return t[0] == 'T' && t[1] >= '0' && t[1] <= '3' && t[2] == '\0';
}

int
identity_check(const Cordon__Enrolled *id, struct why *why)
{
	if (!id_valid(id->host_id))
		return why_set(why, ERR_RANGE, "host id is none");
	if (!name_valid(id->name))
		return why_set(why, ERR_RANGE, "name of the host is none");
	if (!name_valid(id->group))
		return why_set(why, ERR_RANGE, "group is no name");
	if (!tier_valid(id->tier))
		return why_set(why, ERR_RANGE, "tier is not T0 to T3");
	if (id->cert_der.len < 1 || id->cert_der.len > DER_MAX)
		return why_set(why, ERR_RANGE, "certificate: %zu bytes",
		    id->cert_der.len);
	if (id->ca_der.len < 1 || id->ca_der.len > DER_MAX)
		return why_set(why, ERR_RANGE, "certificate of the CA: "
		    "%zu bytes", id->ca_der.len);
	if (id->order_key.len != SIGN_KEY_LEN)
		return why_set(why, ERR_RANGE, "order key: %zu bytes, not %d",
		    id->order_key.len, SIGN_KEY_LEN);
	return order_check_collectors(id->collectors, id->n_collectors, why);
}

static int
path_of(char path[PATH_MAX], const char *state_dir, struct why *why)
{
	if (file_join(path, PATH_MAX, state_dir, IDENTITY_FILE) != 0)
		return why_set(why, ERR_LIMIT, "state folder: path too long");
	return 0;
}

int
identity_load(const char *state_dir, Cordon__Enrolled **id, struct why *why)
{
	Cordon__Enrolled *e = NULL;
	char path[PATH_MAX];
	struct buf b;
	int rc;

	buf_init(&b, frame_max(FRAME_ENROLLED));
	rc = path_of(path, state_dir, why);
	if (rc == 0)
		rc = file_read(path, &b, why);
	if (rc != 0)
		goto done;
	e = unpack(&cordon__enrolled__descriptor, b.data, b.len);
	if (e == NULL) {
		rc = why_set(why, ERR_CORRUPT,
		    "%s: damaged; enrol this host again", path);
		goto done;
	}
	if (identity_check(e, why) != 0) {
		why_prefix(why, "%s: damaged; enrol this host again: ", path);
		rc = ERR_CORRUPT;
		goto done;
	}
	*id = e;
	e = NULL;
done:
	if (e != NULL)
		cordon__enrolled__free_unpacked(e, NULL);
	buf_done(&b);
	return rc;
}

int
identity_save(const char *state_dir, const Cordon__Enrolled *id,
    struct why *why)
{
	char path[PATH_MAX];
	struct buf b;
	int rc;

	buf_init(&b, frame_max(FRAME_ENROLLED));
	rc = identity_check(id, why);
	if (rc == 0)
		rc = path_of(path, state_dir, why);
	if (rc != 0)
		goto done;
	rc = pack(&id->base, &b);
	if (rc == 0)
		rc = file_write(path, b.data, b.len, 0644, why);
	else
		why_set(why, rc, "identity: %s", err_str(rc));
done:
	buf_done(&b);
	return rc;
}
