/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-collector init.  Makes secrets, so the umask is 0077 all along,
 * and whatever it made is taken away again if a later step fails.
 */
#include "server/init.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/net/x509.h"
#include "common/proc/rights.h"
#include "server/audit/audit.h"
#include "server/store/store.h"

#define MADE_MAX 16
#define CA_NAME "Cordon CA"
#define SQLITE "sqlite:"

/* What was made so far, in order. */
struct made {
	struct {
		char path[PATH_MAX];
		bool folder;
		bool ours; /* goes to the collector's user */
	} at[MADE_MAX];
	size_t n;
};

struct init {
	const struct settings *s;
	const struct init_ask *ask;
	struct made made;
	uid_t uid;
	gid_t gid;
	char out[PATH_MAX]; /* absolute */
	struct x509_ca *ca;
	struct x509_id operator_id, server_id;
	char ca_sha256[DIGEST_HEX_MAX];
};

/* -- what was made -------------------------------------------------------- */

static int
note_made(struct init *in, const char *path, bool folder, bool ours,
    struct why *why)
{
	struct made *m = &in->made;

	if (m->n == MADE_MAX || strlen(path) >= PATH_MAX)
		return why_set(why, ERR_LIMIT, "%s: the path is too long",
		    path);
	strcpy(m->at[m->n].path, path);
	m->at[m->n].folder = folder;
	m->at[m->n].ours = ours;
	m->n++;
	return 0;
}

static void
take_back(struct init *in)
{
	struct made *m = &in->made;

	while (m->n > 0) {
		m->n--;
		if (m->at[m->n].folder)
			(void)rmdir(m->at[m->n].path);
		else
			(void)unlink(m->at[m->n].path);
	}
}

static int
hand_over(struct init *in, struct why *why)
{
	size_t i;

	if (geteuid() != 0)
		return 0;
	for (i = 0; i < in->made.n; i++) {
		if (!in->made.at[i].ours)
			continue;
		if (lchown(in->made.at[i].path, in->uid, in->gid) != 0 &&
		    errno != ENOENT)
			return why_sys(why, ERR_IO, "cannot give %s to %s",
			    in->made.at[i].path, in->ask->user);
	}
	return 0;
}

/* DIR/NAME, which must not be there yet; noted as made. */
static int
new_path(struct init *in, const char *dir, const char *name, bool ours,
    char out[PATH_MAX], struct why *why)
{
	if (file_join(out, PATH_MAX, dir, name) != 0)
		return why_set(why, ERR_LIMIT, "%s/%s: the path is too long",
		    dir, name);
	if (file_exists(out))
		return why_set(why, ERR_EXIST, "%s is there already: this "
		    "collector was made before, and nothing is overwritten",
		    out);
	return note_made(in, out, false, ours, why);
}

/* -- where ---------------------------------------------------------------- */

static int
make_state_dir(struct init *in, struct why *why)
{
	struct stat st;
	int rc;

	if (lstat(in->s->state_dir, &st) == 0) {
		if (!S_ISDIR(st.st_mode) || st.st_uid != in->uid)
			return why_set(why, ERR_BADSTATE, "%s is no folder of "
			    "%s; chown it, or remove it",
			    in->s->state_dir, in->ask->user);
		return 0;
	}
	rc = file_mkdir(in->s->state_dir, 0700, why);
	if (rc == 0)
		rc = note_made(in, in->s->state_dir, true, true, why);
	return rc;
}

static int
make_out_dir(struct init *in, struct why *why)
{
	int rc;

	if (file_exists(in->ask->out))
		return why_set(why, ERR_EXIST, "%s is there already; name "
		    "another folder with --out", in->ask->out);
	rc = file_mkdir(in->ask->out, 0700, why);
	if (rc == 0 && realpath(in->ask->out, in->out) == NULL)
		rc = why_sys(why, ERR_IO, "%s", in->ask->out);
	return rc == 0 ? note_made(in, in->out, true, false, why) : rc;
}

int
init_path(const struct settings *s, const char *name, char *out,
    size_t size, struct why *why)
{
	if (file_join(out, size, s->state_dir, name) != 0)
		return why_set(why, ERR_LIMIT, "%s/%s: the path is too long",
		    s->state_dir, name);
	return 0;
}

/* -- certificates --------------------------------------------------------- */

static int
make_ca(struct init *in, struct why *why)
{
	char key[PATH_MAX], cert[PATH_MAX];
	uint8_t raw[DIGEST_LEN];
	struct buf der;
	int rc;

	rc = new_path(in, in->s->state_dir, INIT_CA_KEY, true, key, why);
	if (rc == 0)
		rc = new_path(in, in->s->state_dir, INIT_CA_CERT, true, cert,
		    why);
	if (rc == 0)
		rc = x509_ca_make(key, cert, CA_NAME, why);
	if (rc == 0)
		rc = x509_ca_load(key, cert, &in->ca, why);
	if (rc != 0)
		return rc;
	buf_init(&der, X509_DER_MAX);
	rc = x509_ca_der(in->ca, &der);
	if (rc == 0) {
		digest_of(der.data, der.len, raw);
		hex_encode(in->ca_sha256, raw, sizeof(raw));
	} else {
		(void)why_set(why, rc, "the CA cannot be read back");
	}
	buf_done(&der);
	return rc;
}

/* Issue a certificate for the key in KEY_PATH into CERT_PATH. */
static int
issue(const struct x509_ca *ca, const char *key_path, const char *cert_path,
    enum x509_role role, const char *name, int64_t seconds,
    struct x509_id *id, struct why *why)
{
	struct buf csr, der;
	int rc;

	buf_init(&csr, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	rc = x509_csr_make(key_path, name, &csr, why);
	if (rc == 0)
		rc = x509_issue(ca, csr.data, csr.len, role, name, seconds,
		    &der, id, why);
	if (rc == 0)
		rc = x509_save(cert_path, der.data, der.len, why);
	buf_done(&csr);
	buf_done(&der);
	return rc;
}

static int
make_server(struct init *in, struct why *why)
{
	char key[PATH_MAX], cert[PATH_MAX];
	int rc;

	rc = new_path(in, in->s->state_dir, INIT_SERVER_KEY, true, key, why);
	if (rc == 0)
		rc = new_path(in, in->s->state_dir, INIT_SERVER_CERT, true,
		    cert, why);
	if (rc == 0)
		rc = x509_key_make(key, why);
	if (rc == 0)
		rc = issue(in->ca, key, cert, X509_SERVER, INIT_SERVER_NAME,
		    in->s->server_cert, &in->server_id, why);
	return rc;
}

int
init_renew_server(const struct settings *s, struct why *why)
{
	char ca_key[PATH_MAX], ca_cert[PATH_MAX], key[PATH_MAX];
	char cert[PATH_MAX], until[CLOCK_TEXT_MAX];
	struct x509_ca *ca = NULL;
	struct x509_id id;
	int rc;

	rc = init_path(s, INIT_SERVER_CERT, cert, sizeof(cert), why);
	if (rc == 0)
		rc = x509_read_file(cert, &id, why);
	if (rc != 0 ||
	    id.not_after_ms - clock_wall_ms() > INIT_SERVER_RENEW_MS)
		return rc;
	rc = init_path(s, INIT_CA_KEY, ca_key, sizeof(ca_key), why);
	if (rc == 0)
		rc = init_path(s, INIT_CA_CERT, ca_cert, sizeof(ca_cert),
		    why);
	if (rc == 0)
		rc = init_path(s, INIT_SERVER_KEY, key, sizeof(key), why);
	if (rc == 0)
		rc = x509_ca_load(ca_key, ca_cert, &ca, why);
	if (rc == 0)
		rc = issue(ca, key, cert, X509_SERVER, INIT_SERVER_NAME,
		    s->server_cert, &id, why);
	if (rc == 0)
		log_info("renewed the server's certificate, good until %s",
		    clock_format(until, id.not_after_ms, true));
	x509_ca_free(&ca);
	return rc;
}

/* -- the operator's folder ------------------------------------------------ */

/* Where cordonctl finds the API: a wildcard becomes the first address that
 * agents are told. */
static void
api_address(const struct settings *s, char out[ADDR_TEXT_MAX])
{
	static const uint8_t zero[16];
	struct addr a = s->api.at[0];
	size_t i;

	if (memcmp(a.ip, zero, a.ip_len) == 0) {
		for (i = 0; i < s->orders.ncollectors; i++) {
			if (s->orders.collectors[i].ip_len != a.ip_len)
				continue;
			memcpy(a.ip, s->orders.collectors[i].ip, 16);
			break;
		}
	}
	addr_format(out, &a);
}

static int
write_ctl_conf(struct init *in, struct why *why)
{
	char path[PATH_MAX], api[ADDR_TEXT_MAX];
	struct buf b;
	int rc;

	rc = new_path(in, in->out, "cordonctl.conf", false, path, why);
	if (rc != 0)
		return rc;
	api_address(in->s, api);
	buf_init(&b, 4 * PATH_MAX + 1024);
	rc = buf_printf(&b, "# Settings of cordonctl for operator %s.\n"
	    "[cordonctl]\nurl = https://%s\nkey = %s/key.pem\n"
	    "cert = %s/cert.pem\nca = %s/ca.pem\n", in->ask->operator, api,
	    in->out, in->out, in->out);
	if (rc == 0)
		rc = file_write_new(path, b.data, b.len, 0600, why);
	else
		rc = why_set(why, rc, "cordonctl.conf is too long");
	buf_done(&b);
	return rc;
}

static int
make_operator(struct init *in, struct why *why)
{
	char key[PATH_MAX], cert[PATH_MAX], ca[PATH_MAX];
	struct buf der;
	int rc;

	buf_init(&der, X509_DER_MAX);
	rc = make_out_dir(in, why);
	if (rc == 0)
		rc = new_path(in, in->out, "key.pem", false, key, why);
	if (rc == 0)
		rc = new_path(in, in->out, "cert.pem", false, cert, why);
	if (rc == 0)
		rc = new_path(in, in->out, "ca.pem", false, ca, why);
	if (rc == 0)
		rc = x509_key_make(key, why);
	if (rc == 0)
		rc = issue(in->ca, key, cert, X509_OPERATOR,
		    in->ask->operator, in->s->operator_cert,
		    &in->operator_id, why);
	if (rc == 0)
		rc = x509_ca_der(in->ca, &der);
	if (rc == 0)
		rc = x509_save(ca, der.data, der.len, why);
	if (rc == 0)
		rc = write_ctl_conf(in, why);
	buf_done(&der);
	return rc;
}

/* -- the database --------------------------------------------------------- */

static int
add_cert(struct db *db, const struct x509_id *id, const char *kind)
{
	char hex[DIGEST_HEX_MAX];

	hex_encode(hex, id->sha256, sizeof(id->sha256));
	return db_run(db, NULL, "INSERT INTO certs (serial, owner, kind, "
	    "sha256, issued_at, not_after) VALUES ($1, $2, $3, $4, $5, $6)",
	    "ssssii", id->serial, id->name, kind, hex, db_now(db),
	    id->not_after_ms);
}

static int
first_records(struct db *db, void *arg)
{
	const struct init *in = arg;
	int rc;

	rc = db_run(db, NULL, "INSERT INTO operators (name, created_at, "
	    "created_by) VALUES ($1, $2, 'init')", "si", in->ask->operator,
	    db_now(db));
	if (rc == 0)
		rc = db_run(db, NULL, "INSERT INTO operator_roles (operator, "
		    "role, grp) VALUES ($1, $2, '*')", "si",
		    in->ask->operator, (int64_t)ROLE_ADMIN);
	if (rc == 0)
		rc = add_cert(db, &in->operator_id, "operator");
	if (rc == 0)
		rc = add_cert(db, &in->server_id, "server");
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){
		    .who = ACTOR_SYSTEM, .what = "collector.init",
		    .object = in->ask->operator },
		    "collector made, CA %s, first operator %s", in->ca_sha256,
		    in->ask->operator);
	return rc;
}

/* The file itself is made by the store; here it is only checked, noted. */
static int
note_database(struct init *in, struct why *why)
{
	const char *path = in->s->database + strlen(SQLITE);

	if (strncmp(in->s->database, SQLITE, strlen(SQLITE)) != 0)
		return 0;
	if (file_exists(path))
		return why_set(why, ERR_EXIST, "%s is there already: this "
		    "collector was made before, and nothing is overwritten",
		    path);
	return note_made(in, path, false, true, why);
}

static int
make_database(struct init *in, struct why *why)
{
	struct store_options o = { .url = in->s->database, .readers = 1 };
	struct store *store = NULL;
	int rc;

	rc = note_database(in, why);
	if (rc == 0)
		rc = store_open(&o, &store, why);
	if (rc != 0)
		return rc;
	rc = store_now(store, first_records, in);
	if (rc != 0)
		rc = why_set(why, rc, "%s: the first operator could not be "
		    "stored", in->s->database);
	store_close(&store);
	return rc;
}

/* -- the whole ------------------------------------------------------------ */

static void
say(const struct init *in)
{
	printf("The collector is made.\n"
	    "  its certificates   %s\n"
	    "  its database       %s\n"
	    "  first operator     %s (admin of all groups)\n"
	    "  the operator's key %s\n"
	    "  CA SHA-256         %s\n"
	    "\n", in->s->state_dir, in->s->database, in->ask->operator,
	    in->out, in->ca_sha256);
	printf("What to do next:\n"
	    "  1. Start the signer, then the collector:\n"
	    "       systemctl start cordon-signer cordon-collector\n"
	    "     The signer makes the order key and the audit key at its "
	    "first start.\n"
	    "  2. Give the folder %s to %s.  It holds a\n"
	    "     private key: move it, do not copy it.\n"
	    "  3. %s adds the others; an admin can neither isolate nor "
	    "approve:\n"
	    "       cordonctl -c %s/cordonctl.conf operator add ...\n"
	    "  4. Hosts are told the CA's SHA-256 above when they enrol.\n"
	    "  5. Keep a copy of %s offline.\n",
	    in->out, in->ask->operator, in->ask->operator, in->out,
	    in->s->state_dir);
}

int
init_run(const struct settings *s, const struct init_ask *ask,
    struct why *why)
{
	struct init *in = calloc(1, sizeof(*in));
	int rc;

	if (in == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	in->s = s;
	in->ask = ask;
	if (!name_valid(ask->operator) || actor_reserved(ask->operator))
		rc = why_set(why, ERR_RANGE, "operator: 1 to 63 letters, "
		    "digits, '.', '-', '_', and not policy, system or agent");
	else
		rc = rights_find_user(ask->user, &in->uid, &in->gid, why);
	if (rc == 0)
		rc = make_state_dir(in, why);
	if (rc == 0)
		rc = make_ca(in, why);
	if (rc == 0)
		rc = make_server(in, why);
	if (rc == 0)
		rc = make_operator(in, why);
	if (rc == 0)
		rc = make_database(in, why);
	if (rc == 0)
		rc = hand_over(in, why);
	if (rc == 0)
		say(in);
	else
		take_back(in);
	x509_ca_free(&in->ca);
	free(in);
	return rc;
}
