/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's side of the API, over libcurl: TLS 1.3, our CA only, our
 * certificate.  The host name in a collector's certificate is not looked
 * at: collectors are known by the CA, which issues serverAuth to nobody
 * else.  Answers are bounded and believed as little as any foreign text.
 */
#ifndef CORDON_SERVER_CTL_HTTP_H
#define CORDON_SERVER_CTL_HTTP_H

#include <jansson.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define CLIENT_JSON_MAX (32 * 1024 * 1024)
#define CLIENT_FILE_MAX (4LL * 1024 * 1024 * 1024)
#define CLIENT_PEM_MAX 16384

struct client;

struct client_settings {
	const char *const *url; /* tried in order until one answers */
	size_t nurl;
	const char *key, *cert; /* PEM files; NULL: no certificate */
	const char *ca;		/* PEM file; NULL with ca_pem */
	const char *ca_pem;	/* the CA itself; lent for the client's life */
	long timeout_seconds;
};

int client_new(const struct client_settings *s, struct client **c,
    struct why *why);
void client_free(struct client **c);

/*
 * One request.  *STATUS and *ANSWER (an object, the caller's) are set when
 * an answer came, whatever it says.  ERR_CLOSED: no collector answered;
 * ERR_PROTO: what came is no answer; ERR_LIMIT: it is too large.
 */
int client_call(struct client *c, const char *method, const char *path,
    const json_t *body, long *status, json_t **answer, struct why *why);
/* GET a document into OUT; on a status other than 200 *ANSWER is its JSON. */
int client_fetch(struct client *c, const char *path, FILE *out,
    long *status, json_t **answer, struct why *why);

/*
 * The CA certificate as the collector at URL sends it in its handshake, if
 * its SHA-256 is PIN; nothing else is sent or believed.  PEM into OUT.
 */
int client_fetch_ca(const char *url, const uint8_t pin[32], struct buf *out,
    struct why *why);

#endif
