/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a collector: CA, server certificate, database, first operator.
 * Runs once, as root or as the collector's user, before anything listens.
 */
#ifndef CORDON_SERVER_INIT_H
#define CORDON_SERVER_INIT_H

#include <stdint.h>

#include "common/base/err.h"
#include "server/settings.h"

/* In the state folder. */
#define INIT_CA_KEY "ca.key"
#define INIT_CA_CERT "ca.pem"
#define INIT_SERVER_KEY "server.key"
#define INIT_SERVER_CERT "server.pem"
#define INIT_SERVER_NAME "collector" /* common name */
/* The server's certificate is issued anew when it has less left. */
#define INIT_SERVER_RENEW_MS (30LL * 24 * 3600 * 1000)

struct init_ask {
	const char *operator; /* name of the first one, role admin */
	const char *out;      /* folder for the operator's key; made */
	const char *user;     /* who will own the state, name or number */
};

/*
 * Make all of it and say on standard output what was made and what to do
 * next.  ERR_EXIST if there is a part of it already: nothing is ever
 * overwritten.  On failure what was made is removed again.
 */
int init_run(const struct settings *s, const struct init_ask *ask,
    struct why *why);

/* Paths of the four files above. */
int init_path(const struct settings *s, const char *name, char *out,
    size_t size, struct why *why);

/* At start: a new server certificate if the old one ends soon. */
int init_renew_server(const struct settings *s, struct why *why);

#endif
