/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Renewal.  Runs in the network process of the agent.  The certificate that
 * comes back is installed only if it fits our key, our name and our CA.
 */
#include "agent/network/renew.h"

#include <limits.h>
#include <string.h>

#include "agent/network/credential.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/x509.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

static int
read_dates(struct renew *r, struct why *why)
{
	char path[PATH_MAX];
	struct x509_id id;
	int rc;

	if ((rc = file_join(path, sizeof(path), r->state_dir,
	    CREDENTIAL_FILE)) != 0 ||
	    (rc = x509_read_file(path, &id, why)) != 0)
		return rc;
	r->not_before_ms = id.not_before_ms;
	r->not_after_ms = id.not_after_ms;
	return 0;
}

int
renew_init(struct renew *r, const char *state_dir, const char *host_id,
    struct why *why)
{
	memset(r, 0, sizeof(*r));
	r->state_dir = state_dir;
	r->host_id = host_id;
	return read_dates(r, why);
}

bool
renew_due(const struct renew *r, int64_t now_ms)
{
	int64_t life = r->not_after_ms - r->not_before_ms;

	if (r->asked)
		return false;
	if (r->wanted)
		return true;
	if (r->asked_at != 0 && clock_boot_ms() - r->asked_at < RENEW_AGAIN_MS)
		return false;
	return r->not_after_ms - now_ms < life / 3;
}

int
renew_request(struct renew *r, struct buf *out, struct why *why)
{
	Cordon__CertRequest q = CORDON__CERT_REQUEST__INIT;
	char key[PATH_MAX];
	struct buf csr;
	int rc;

	buf_init(&csr, X509_DER_MAX);
	r->wanted = false;
	r->asked_at = clock_boot_ms();
	if ((rc = file_join(key, sizeof(key), r->state_dir,
	    CREDENTIAL_NEXT)) != 0 || (rc = x509_key_make(key, why)) != 0 ||
	    (rc = x509_csr_make(key, r->host_id, &csr, why)) != 0)
		goto done;
	q.csr_der.data = csr.data;
	q.csr_der.len = csr.len;
	rc = pack(&q.base, out);
	r->asked = rc == 0;
done:
	buf_done(&csr);
	return rc;
}

void
renew_forget(struct renew *r)
{
	r->asked = false;
}

static int
install(struct renew *r, const Cordon__CertIssued *c, struct why *why)
{
	char key[PATH_MAX];
	uint8_t ca[X509_DER_MAX];
	size_t ca_len;
	int rc;

	if ((rc = file_join(key, sizeof(key), r->state_dir,
	    CREDENTIAL_NEXT)) != 0 ||
	    (rc = credential_ca_der(r->state_dir, ca, sizeof(ca), &ca_len,
	    why)) != 0 ||
	    (rc = credential_check(key, c->cert_der.data, c->cert_der.len, ca,
	    ca_len, r->host_id, why)) != 0 ||
	    (rc = credential_install(r->state_dir, c->cert_der.data,
	    c->cert_der.len, why)) != 0)
		return rc;
	return read_dates(r, why);
}

int
renew_issued(struct renew *r, const uint8_t *payload, size_t len,
    bool *installed, struct why *why)
{
	Cordon__CertIssued *c;
	char quoted[256];
	int rc = 0;

	if (!r->asked)
		return why_set(why, ERR_PROTO, "none was asked for");
	c = unpack(&cordon__cert_issued__descriptor, payload, len);
	if (c == NULL)
		return why_set(why, ERR_PROTO, "cannot be read");
	r->asked = false;
	*installed = false;
	if (c->why[0] != '\0') {
		log_warn("certificate not renewed: %s",
		    log_quote(quoted, sizeof(quoted), c->why, strlen(c->why)));
	} else if ((rc = install(r, c, why)) == 0) {
		log_info("certificate of %s renewed", r->host_id);
		*installed = true;
		r->stale = false;
	}
	cordon__cert_issued__free_unpacked(c, NULL);
	return rc;
}
