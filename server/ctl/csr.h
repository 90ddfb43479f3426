/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An operator's own key and certificate request: P-256, made here, and the
 * private key goes nowhere else.
 */
#ifndef CORDON_SERVER_CTL_CSR_H
#define CORDON_SERVER_CTL_CSR_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define CSR_MAX 8192

/* KEY: PKCS#8 PEM; CSR: PKCS#10 PEM (RFC 2986), CN "operator". */
int csr_make(struct buf *key, struct buf *csr, struct why *why);

#endif
