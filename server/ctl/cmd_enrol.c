/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * operator enrol: a key made here, a token, and a CA known by its SHA-256
 * only.  Nothing is sent before the collector has shown that very CA and a
 * certificate under it.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/id.h"
#include "server/ctl/cmd.h"
#include "server/ctl/csr.h"

struct enrolment {
	char dir[PATH_MAX];
	struct buf key, csr, ca;
	json_t *got; /* the collector's answer */
};

/* One file of the new identity. */
static int
save(const struct enrolment *e, const char *name, const void *data,
    size_t len, mode_t mode, struct why *why)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof(path), e->dir, name) != 0)
		return why_set(why, ERR_LIMIT, "path too long");
	return file_write(path, data, len, mode, why);
}

static int
save_conf(const struct enrolment *e, const char *url, struct why *why)
{
	struct buf b;
	int rc;

	buf_init(&b, 4 * PATH_MAX);
	rc = buf_printf(&b, "# Made by cordonctl operator enrol.\n"
	    "[cordonctl]\nurl = %s\nkey = %s/key.pem\n"
	    "cert = %s/cert.pem\nca = %s/ca.pem\n", url, e->dir, e->dir,
	    e->dir);
	if (rc == 0)
		rc = save(e, "cordonctl.conf", b.data, b.len, 0600, why);
	buf_done(&b);
	return rc;
}

static int
save_all(const struct enrolment *e, const char *url, struct why *why)
{
	const char *cert = json_str(e->got, "cert");
	int rc;

	if (cert[0] == '\0' || strlen(cert) > CLIENT_PEM_MAX)
		return why_set(why, ERR_PROTO, "the answer has no certificate");
	rc = save(e, "key.pem", e->key.data, e->key.len, 0600, why);
	if (rc == 0)
		rc = save(e, "cert.pem", cert, strlen(cert), 0644, why);
	/* the pinned CA, not what the answer calls one */
	if (rc == 0)
		rc = save(e, "ca.pem", e->ca.data, e->ca.len, 0644, why);
	if (rc == 0)
		rc = save_conf(e, url, why);
	return rc;
}

static int
send_request(struct ctl *c, struct enrolment *e)
{
	json_t *body = json_object();
	int rc;

	json_object_set_new(body, "token", json_string(c->a.token));
	json_object_set_new(body, "csr", json_stringn(
	    (const char *)e->csr.data, e->csr.len));
	rc = ask(c, "POST", "/v1/operator-enrol", body, &e->got);
	json_decref(body);
	return rc;
}

/* The CA by its pin, then a client that believes only that one. */
static int
connect_pinned(struct ctl *c, struct enrolment *e, const uint8_t pin[32],
    struct why *why)
{
	struct client_settings set = { .url = &c->a.url, .nurl = 1,
		.timeout_seconds = 30 };
	int rc;

	rc = client_fetch_ca(c->a.url, pin, &e->ca, why);
	if (rc != 0)
		return rc;
	set.ca_pem = buf_str(&e->ca);
	if (set.ca_pem == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	client_free(&c->http);
	return client_new(&set, &c->http, why);
}

static int
enrol(struct ctl *c, struct enrolment *e, const uint8_t pin[32])
{
	struct why why;
	int rc;

	rc = file_mkdir(c->a.out, 0700, &why);
	if (rc == 0 && realpath(c->a.out, e->dir) == NULL)
		rc = why_sys(&why, ERR_IO, "%s", c->a.out);
	if (rc == 0)
		rc = csr_make(&e->key, &e->csr, &why);
	if (rc != 0)
		return usage(c, "operator enrol", "%s", why.text);
	rc = connect_pinned(c, e, pin, &why);
	if (rc != 0) {
		out_tell(&c->o, T_UNREACHABLE, why.text, NULL);
		out_next(&c->o, out_text(&c->o, T_NEXT_HELP, "operator enrol ",
		    NULL));
		return rc == ERR_CRYPTO ? EXIT_REFUSED : EXIT_UNREACHED;
	}
	rc = send_request(c, e);
	if (rc == EXIT_DONE && save_all(e, c->a.url, &why) != 0)
		rc = usage(c, "operator enrol", "%s", why.text);
	return rc;
}

int
cmd_operator_enrol(struct ctl *c)
{
	struct enrolment e = { .dir = "" };
	char conf[PATH_MAX + 32];
	uint8_t pin[32];
	int rc;

	if (c->a.url == NULL || c->a.token == NULL || c->a.out == NULL ||
	    c->a.ca_sha256 == NULL)
		return usage(c, "operator enrol",
		    "--url, --ca-sha256, --token and --out must be given");
	if (strncmp(c->a.url, "https://", 8) != 0 ||
	    hex_decode(pin, sizeof(pin), c->a.ca_sha256) != 0)
		return usage(c, "operator enrol", "--url is https://HOST:PORT, "
		    "--ca-sha256 has 64 hex digits");
	buf_init(&e.key, CSR_MAX);
	buf_init(&e.csr, CSR_MAX);
	buf_init(&e.ca, CLIENT_PEM_MAX);
	rc = enrol(c, &e, pin);
	if (rc == EXIT_DONE) {
		if (c->o.json)
			out_json(&c->o, e.got);
		out_say(&c->o, T_OPERATOR_ENROLLED, out_q(&c->o, e.got,
		    "name"), e.dir, NULL);
		snprintf(conf, sizeof(conf), "%s/cordonctl.conf", e.dir);
		out_next(&c->o, out_text(&c->o, T_NEXT_USE_CONF, conf, NULL));
	}
	json_decref(e.got);
	client_free(&c->http); /* it borrows the CA below */
	buf_done_wipe(&e.key);
	buf_done(&e.csr);
	buf_done(&e.ca);
	return rc;
}
