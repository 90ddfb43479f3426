/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates and certificate requests of strangers.  The first byte says
 * which; the rest is DER.  What is taken must be whole: a certificate reads
 * the same again, and what is issued is for the role that was asked for.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/net/x509.h"

static struct x509_ca *ca;

static void
start(void)
{
	char dir[] = "/tmp/cordon-fuzz-XXXXXX", key[64], cert[64];

	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(key, sizeof(key), "%s/key", dir);
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	if (x509_ca_make(key, cert, "Fuzz", NULL) != 0 ||
	    x509_ca_load(key, cert, &ca, NULL) != 0)
		abort();
	unlink(key);
	unlink(cert);
	rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x509_id id, again;
	struct why why = {0};
	struct buf der;

	if (ca == NULL)
		start();
	if (size == 0)
		return 0;
	if (data[0] == 'c') {
		if (x509_read(data + 1, size - 1, &id, &why) != 0) {
			if (why.text[0] == '\0')
				abort(); /* refused without a reason */
			return 0;
		}
		if (id.role < X509_AGENT || id.role > X509_CA ||
		    id.name[0] == '\0' ||
		    strnlen(id.serial, sizeof(id.serial)) > 40)
			abort();
		return 0;
	}
	buf_init(&der, X509_DER_MAX);
	if (x509_issue(ca, data + 1, size - 1, X509_AGENT, "H-FUZZ", 60, &der,
		&id, &why) == 0) {
		if (id.role != X509_AGENT || strcmp(id.name, "H-FUZZ") != 0 ||
		    x509_read(der.data, der.len, &again, NULL) != 0 ||
		    memcmp(again.sha256, id.sha256, 32) != 0)
			abort();
	} else if (der.len != 0 || why.text[0] == '\0') {
		abort();
	}
	buf_done(&der);
	return 0;
}
