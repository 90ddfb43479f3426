/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTPS API: evhttp over mutual TLS on the main loop.  Who asks is
 * known by client certificate.  Routes are a table: method, path, roles,
 * function (route.c); resources are api_*.c.  See API.md.
 */
#ifndef CORDON_SERVER_HTTP_HTTP_H
#define CORDON_SERVER_HTTP_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/addr.h"
#include "common/net/x509.h"
#include "server/audit/audit.h"
#include "server/flow/flow.h"

struct event_base;
struct ssl_ctx_st;
struct store;
struct http;

struct http_settings {
	struct addr listen[16];
	size_t nlisten;
	struct ssl_ctx_st *tls;
	const struct x509_ca *ca; /* issues operators' certificates */
	int64_t operator_cert_seconds;
	const struct flow *flow;
	const struct audit_signer *audit;
	uint8_t ca_sha256[32];
	uint8_t audit_key[32];
	uint8_t order_key[32];
};

int http_start(struct event_base *base, struct store *s,
    const struct http_settings *set, struct http **h, struct why *why);
void http_stop(struct http **h);

#endif
