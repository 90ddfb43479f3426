/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-collector: reads the settings, drops its rights, wires the rooms
 * together and waits.  Who calls whom upward is handed in here: the
 * listener is the store's sink, the signer's client signs for orders, cases
 * and audit.
 */
#include <event2/event.h>
#include <event2/thread.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/tls.h"
#include "common/net/x509.h"
#include "common/proc/rights.h"
#include "server/audit/audit.h"
#include "server/flow/flow.h"
#include "server/http/http.h"
#include "server/init.h"
#include "server/lists/lists.h"
#include "server/links/signer_client.h"
#include "server/listener/listener.h"
#include "server/settings.h"
#include "server/store/store.h"

#define SIGNER_RETRY_S 1
#define DESCRIPTORS_OWN 1024

static const struct syscall_rule calls[] = {
	{ "socket", "the signer's unix socket" },
	{ "connect", "the signer's unix socket" },
	{ "accept4", "agents and operators" },
	{ "recvfrom", "answers of the signer, libevent" },
	{ "sendto", "libevent, systemd's notify socket" },
	{ "setsockopt", "TCP_NODELAY, keep-alive" },
	{ "getsockopt", "errors of a connection" },
	{ "getsockname", "addresses of a connection" },
	{ "getpeername", "who is connected" },
	{ "pwrite64", "SQLite: database and log" },
	{ "fdatasync", "SQLite: a commit is on disk" },
	{ "fsync", "SQLite: a new log file is on disk" },
	{ "ftruncate", "SQLite: log and shared memory" },
	{ "fallocate", "SQLite: shared memory" },
	{ "unlink", "SQLite: logs at the end" },
	{ "access", "SQLite: is there a log" },
	{ "faccessat2", "SQLite: is there a log" },
	{ "lstat", "SQLite: no symbolic link" },
	{ "stat", "SQLite: the database is still the same" },
	{ "readlink", "SQLite: full path" },
	{ "getcwd", "SQLite: full path" },
	{ "fchmod", "SQLite: mode of the logs" },
	{ "dup", "the file of an audit export that is sent" },
	{ "sendfile", "the file of an audit export that is sent" },
	{ "getdents64", "are there lists of packages" },
	{ NULL, NULL },
};

static const char usage_text[] =
"Usage: cordon-collector [run] [-n] [-c FILE] [--user NAME|N]\n"
"       cordon-collector init --operator NAME [-c FILE] [--out DIR]\n"
"                        [--user NAME|N]\n"
"       cordon-collector audit-export [-c FILE] [--user NAME|N] > FILE\n"
"       cordon-collector lists import FILE... [-c FILE] [--user NAME|N]\n"
"\n"
"run           Take agents and operators; this is what the unit starts.\n"
"init          Make CA, server certificate, database and first operator.\n"
"              Never overwrites anything.\n"
"audit-export  Write the audit log with its signed heads; the signer must\n"
"              be running.  cordonctl audit verify checks it.\n"
"lists import  Make signed lists of what is in packages (.deb, .rpm, folders\n"
"              of them) for agents to explain changes with.  Nothing in a\n"
"              package is run; the signer must be running.\n"
"\n"
"  -c, --config FILE  settings (" SETTINGS_FILE ")\n"
"  -n                 check the configuration and end\n"
"  --operator NAME    the first operator, an admin\n"
"  --out DIR          folder for that operator's key (./NAME-operator)\n"
"  --user NAME|N      become this user when started as root (from the\n"
"                     settings: cordon-collector)\n"
"  --rights           show the rights this process keeps, and why\n"
"  --help, --version\n";

enum { OPT_OPERATOR = 256, OPT_OUT, OPT_USER, OPT_RIGHTS, OPT_HELP,
	OPT_VERSION };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "operator", required_argument, NULL, OPT_OPERATOR },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "user", required_argument, NULL, OPT_USER },
	{ "rights", no_argument, NULL, OPT_RIGHTS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

struct options {
	const char *command;
	const char *config;
	const char *operator;
	const char *out;
	const char *user;
	bool check_only;
	bool rights;
	char *const *files; /* lists import */
	int nfiles;
};

/* All that runs; owned here, freed in one place. */
struct collector {
	struct settings *set; /* lent */
	struct event_base *base;
	struct x509_ca *ca;
	struct ssl_ctx_st *tls, *agents_tls; /* operators', agents' */
	struct signer_client *signer;
	struct audit_signer audit;
	struct flow flow;
	struct store *store;
	struct store_loop *loop;
	struct listener *listener;
	struct http *http;
	struct event *tick, *term, *intr;
	int lock; /* on the state folder */
	bool ticking; /* a tick is with the store */
	char lists[PATH_MAX];
	uint8_t ca_sha256[DIGEST_LEN];
	uint8_t order_key[SIGN_KEY_LEN], audit_key[SIGN_KEY_LEN];
};

/* -- options -------------------------------------------------------------- */

/* -1: go on; else the exit status. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:n", long_options, NULL)) !=
	    -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'n':
			o->check_only = true;
			break;
		case OPT_OPERATOR:
			o->operator = optarg;
			break;
		case OPT_OUT:
			o->out = optarg;
			break;
		case OPT_USER:
			o->user = optarg;
			break;
		case OPT_RIGHTS:
			o->rights = true;
			break;
		case OPT_HELP:
			fputs(usage_text, stdout);
			return 0;
		case OPT_VERSION:
			printf("cordon-collector %s\n", CORDON_VERSION);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 1;
		}
	}
	if (optind < argc)
		o->command = argv[optind++];
	if (strcmp(o->command, "lists") == 0 && optind + 1 < argc &&
	    strcmp(argv[optind], "import") == 0) {
		o->files = argv + optind + 1;
		o->nfiles = argc - optind - 1;
		return -1;
	}
	if (optind < argc) {
		fprintf(stderr, "\"%s\": what is that?\n", argv[optind]);
		return 1;
	}
	return -1;
}

/* -- parts of run --------------------------------------------------------- */

static int
load_certificates(struct collector *c, struct why *why)
{
	char key[PATH_MAX], cert[PATH_MAX], ca_key[PATH_MAX];
	char ca_cert[PATH_MAX];
	struct tls_files files = { .key = key, .cert = cert, .ca = ca_cert };
	struct buf der;
	int rc;

	buf_init(&der, X509_DER_MAX);
	rc = init_path(c->set, INIT_SERVER_KEY, key, sizeof(key), why);
	if (rc == 0)
		rc = init_path(c->set, INIT_SERVER_CERT, cert, sizeof(cert),
		    why);
	if (rc == 0)
		rc = init_path(c->set, INIT_CA_KEY, ca_key, sizeof(ca_key),
		    why);
	if (rc == 0)
		rc = init_path(c->set, INIT_CA_CERT, ca_cert,
		    sizeof(ca_cert), why);
	if (rc == 0 && !file_exists(ca_cert))
		rc = why_set(why, ERR_NOENT, "%s is not there; make the "
		    "collector first: cordon-collector init --operator NAME",
		    ca_cert);
	if (rc == 0)
		rc = init_renew_server(c->set, why);
	if (rc == 0)
		rc = x509_ca_load(ca_key, ca_cert, &c->ca, why);
	if (rc == 0)
		rc = x509_ca_der(c->ca, &der);
	if (rc == 0)
		digest_of(der.data, der.len, c->ca_sha256);
	/* Enrolment comes without a certificate: the rooms tell who may
	 * what by role. */
	if (rc == 0)
		rc = tls_server_ctx(&files, false, &c->tls, why);
	if (rc == 0)
		rc = tls_server_ctx(&files, false, &c->agents_tls, why);
	/* An agent may come back to renew; an operator gets a new token. */
	if (rc == 0)
		tls_server_take_stale(c->agents_tls);
	buf_done(&der);
	return rc;
}

/* The keys are shown to agents and operators, so there is no start without
 * the signer; it may just be a little later than we are. */
static int
wait_for_signer(struct collector *c, struct why *why)
{
	bool said = false;

	c->signer = signer_client_new(c->set->signer_socket);
	if (c->signer == NULL)
		return why_set(why, ERR_CONFIG, "[signer] socket: the path "
		    "is too long");
	while (signer_client_keys(c->signer, c->order_key, c->audit_key,
	    why) != 0) {
		if (!said)
			log_warn("waiting for the signer at %s",
			    c->set->signer_socket);
		said = true;
		sleep(SIGNER_RETRY_S);
	}
	c->audit.sign = signer_client_head;
	c->audit.arg = c->signer;
	return 0;
}

static void
fill_flow(struct collector *c)
{
	c->set->orders.sign = signer_client_order;
	c->set->orders.sign_arg = c->signer;
	c->set->cases.sign_manifest = signer_client_manifest;
	c->set->cases.sign_arg = c->signer;
	c->flow.orders = &c->set->orders;
	c->flow.cases = &c->set->cases;
	c->flow.policy = c->set->policy;
	if (file_join(c->lists, sizeof(c->lists), c->set->state_dir,
	    LISTS_FOLDER) == 0)
		c->flow.lists = c->lists;
	c->flow.heartbeat_seconds = (uint32_t)c->set->heartbeat;
	c->flow.cert_renew_before_ms = c->set->renew_before * 1000;
	c->flow.cert_stale_ms = c->set->stale_cert * 1000;
}

static int
start_job(struct db *db, void *arg)
{
	(void)arg;
	return flow_start(db);
}

static int
start_store(struct collector *c, struct why *why)
{
	struct store_options o = { .url = c->set->database,
		.readers = (int)c->set->readers };
	int rc;

	rc = store_open(&o, &c->store, why);
	if (rc != 0)
		return rc;
	store_set_closing(c->store, audit_closing, &c->audit);
	rc = store_now(c->store, start_job, NULL);
	if (rc != 0)
		return why_set(why, rc, "the database cannot be used: %s",
		    err_str(rc));
	c->loop = store_loop_new(c->store, c->base);
	return c->loop != NULL ? 0 :
	    why_set(why, ERR_NOMEM, "out of memory");
}

static int
start_listener(struct collector *c, char ca_cert[PATH_MAX], struct why *why)
{
	struct listener_settings l = {
		.loops = (int)c->set->loops,
		.nlisten = c->set->listen.n,
		.tls = c->agents_tls,
		.ca = c->ca,
		.agent_cert_seconds = c->set->agent_cert,
		.ca_cert_path = ca_cert,
		.flow = &c->flow,
		.connections_max = (uint32_t)c->set->connections_max,
	};

	memcpy(l.listen, c->set->listen.at, sizeof(l.listen));
	memcpy(l.order_key, c->order_key, sizeof(l.order_key));
	return listener_start(c->store, &l, &c->listener, why);
}

static int
start_http(struct collector *c, struct why *why)
{
	struct http_settings h = {
		.nlisten = c->set->api.n,
		.tls = c->tls,
		.ca = c->ca,
		.operator_cert_seconds = c->set->operator_cert,
		.flow = &c->flow,
		.audit = &c->audit,
	};

	memcpy(h.listen, c->set->api.at, sizeof(h.listen));
	memcpy(h.ca_sha256, c->ca_sha256, sizeof(h.ca_sha256));
	memcpy(h.audit_key, c->audit_key, sizeof(h.audit_key));
	memcpy(h.order_key, c->order_key, sizeof(h.order_key));
	return http_start(c->base, c->store, &h, &c->http, why);
}

/* -- the main loop -------------------------------------------------------- */

static int
tick_job(struct db *db, void *arg)
{
	struct collector *c = arg;

	return flow_tick(db, &c->flow);
}

static void
tick_done(void *arg, int result)
{
	struct collector *c = arg;

	c->ticking = false;
	if (result != 0)
		log_error("the clock's work failed: %s", err_str(result));
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct collector *c = arg;

	(void)fd;
	(void)what;
	/* Never two at once: a slow store must not pile them up. */
	if (!c->ticking)
		c->ticking = store_write(c->loop, tick_job, c, tick_done) ==
		    0;
}

static void
on_end_signal(evutil_socket_t sig, short what, void *arg)
{
	struct collector *c = arg;

	(void)what;
	log_info("ends on signal %d", (int)sig);
	event_base_loopbreak(c->base);
}

static int
start_events(struct collector *c, struct why *why)
{
	const struct timeval second = { .tv_sec = 1 };

	c->term = evsignal_new(c->base, SIGTERM, on_end_signal, c);
	c->intr = evsignal_new(c->base, SIGINT, on_end_signal, c);
	c->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
	if (c->term == NULL || c->intr == NULL || c->tick == NULL ||
	    event_add(c->term, NULL) != 0 || event_add(c->intr, NULL) != 0 ||
	    event_add(c->tick, &second) != 0)
		return why_set(why, ERR_NOMEM, "out of memory");
	return 0;
}

/* In the reverse order of the start; what waits is committed. */
static void
stop(struct collector *c)
{
	http_stop(&c->http);
	store_loop_free(&c->loop);
	listener_stop(&c->listener);
	store_close(&c->store);
	signer_client_free(&c->signer);
	tls_ctx_free(&c->tls);
	tls_ctx_free(&c->agents_tls);
	x509_ca_free(&c->ca);
	if (c->tick != NULL)
		event_free(c->tick);
	if (c->term != NULL)
		event_free(c->term);
	if (c->intr != NULL)
		event_free(c->intr);
	if (c->base != NULL)
		event_base_free(c->base);
	if (c->lock >= 0)
		close(c->lock);
}

/* Each connection is a descriptor; a few more are for files and loops. */
static void
raise_descriptors(int64_t connections)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0 ||
	    r.rlim_cur < (rlim_t)connections + DESCRIPTORS_OWN)
		log_warn("only %llu descriptors: connections_max = %lld "
		    "cannot be reached; raise LimitNOFILE of the unit",
		    (unsigned long long)r.rlim_cur, (long long)connections);
}

static int
start(struct collector *c, char ca_cert[PATH_MAX], struct why *why)
{
	int rc;

	c->base = event_base_new();
	if (c->base == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	rc = load_certificates(c, why);
	/* SO_REUSEPORT would let a second one in without a word. */
	if (rc == 0)
		rc = file_lock_dir(c->set->state_dir, &c->lock, why);
	if (rc == 0)
		rc = init_path(c->set, INIT_CA_CERT, ca_cert, PATH_MAX, why);
	if (rc == 0)
		rc = wait_for_signer(c, why);
	if (rc != 0)
		return rc;
	fill_flow(c);
	raise_descriptors(c->set->connections_max);
	rc = start_store(c, why);
	if (rc == 0)
		rc = start_events(c, why);
	/* The listener first: the store's writer needs its sink. */
	if (rc == 0)
		rc = start_listener(c, ca_cert, why);
	if (rc == 0) {
		store_set_sink(c->store, listener_sink, c->listener);
		rc = store_start(c->store, why);
		/* The listener's jobs would wait for ever: no clean stop. */
		if (rc != 0) {
			log_error("%s", why->text);
			_exit(1);
		}
	}
	if (rc == 0)
		rc = start_http(c, why);
	if (rc == 0)
		rc = sandbox_enter(calls, why);
	return rc;
}

static int
run(struct settings *set, struct why *why)
{
	struct collector c = { .set = set, .lock = -1 };
	char ca_cert[PATH_MAX];
	int rc;

	rc = start(&c, ca_cert, why);
	if (rc == 0) {
		log_info("ready: %zu addresses for agents, %zu for "
		    "operators, %lld loops", set->listen.n, set->api.n,
		    (long long)set->loops);
		sd_notify(0, "READY=1");
		event_base_dispatch(c.base);
		sd_notify(0, "STOPPING=1");
	}
	stop(&c);
	return rc;
}

/* -- audit-export --------------------------------------------------------- */

static int
export_job(struct db *db, void *arg)
{
	return audit_export(db, arg, stdout);
}

static int
export_audit(const struct settings *set, struct why *why)
{
	struct store_options o = { .url = set->database, .readers = 1 };
	struct audit_signer s = { .sign = signer_client_head };
	const char *path = strchr(set->database, '/');
	struct signer_client *client;
	struct store *store = NULL;
	int rc;

	if (path != NULL && !file_exists(path))
		return why_set(why, ERR_NOENT, "%s is not there", path);
	client = signer_client_new(set->signer_socket);
	if (client == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	s.arg = client;
	rc = store_open(&o, &store, why);
	if (rc == 0) {
		rc = store_now(store, export_job, &s);
		if (rc != 0)
			(void)why_set(why, rc, "the log could not be "
			    "written whole: %s", err_str(rc));
	}
	store_close(&store);
	signer_client_free(&client);
	return rc;
}

/* -- lists import --------------------------------------------------------- */

static int
import_lists(const struct settings *set, const struct options *o,
    struct why *why)
{
	struct lists_import im = { .sign = signer_client_manifest };
	char folder[PATH_MAX];
	int i, rc;

	if (o->nfiles == 0)
		return why_set(why, ERR_CONFIG, "name packages or folders of "
		    "them: lists import FILE...");
	rc = file_join(folder, sizeof(folder), set->state_dir, LISTS_FOLDER);
	if (rc != 0)
		return why_set(why, rc, "state_dir is too long");
	im.folder = folder;
	im.arg = signer_client_new(set->signer_socket);
	if (im.arg == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	for (i = 0; i < o->nfiles && rc == 0; i++)
		rc = lists_import(&im, o->files[i], why);
	signer_client_free((struct signer_client **)&im.arg);
	printf("%zu lists made and signed, %zu files were no packages\n",
	    im.made, im.bad);
	if (rc == 0 && im.bad > 0)
		rc = why_set(why, ERR_SYNTAX, "%zu files could not be read",
		    im.bad);
	return rc;
}

/* -- commands ------------------------------------------------------------- */

static int
make(const struct settings *set, const struct options *o, struct why *why)
{
	char out[PATH_MAX];
	struct init_ask ask = { .operator = o->operator, .out = o->out,
		.user = o->user };

	if (o->operator == NULL)
		return why_set(why, ERR_CONFIG,
		    "name the first operator: --operator NAME");
	if (ask.out == NULL) {
		snprintf(out, sizeof(out), "./%.200s-operator", o->operator);
		ask.out = out;
	}
	return init_run(set, &ask, why);
}

static int
command(const struct options *o, struct settings *set, struct why *why)
{
	struct rights rights = { 0 };
	int rc;

	if (strcmp(o->command, "init") == 0)
		return make(set, o, why);

	/* From here on: the collector's user, no capability, no way back. */
	if (geteuid() == 0)
		rights.user = o->user;
	rc = rights_drop(&rights, why);
	if (rc != 0)
		return rc;

	if (strcmp(o->command, "audit-export") == 0)
		return export_audit(set, why);
	if (strcmp(o->command, "lists") == 0)
		return import_lists(set, o, why);
	return run(set, why);
}

static bool
command_known(const char *name)
{
	return strcmp(name, "run") == 0 || strcmp(name, "init") == 0 ||
	    strcmp(name, "audit-export") == 0 || strcmp(name, "lists") == 0;
}

int
main(int argc, char **argv)
{
	struct options o = { .command = "run", .config = SETTINGS_FILE };
	struct settings *set = NULL;
	struct rights shown = { 0 };
	struct why why = { "" };
	int rc;

	rc = parse_options(argc, argv, &o);
	if (rc >= 0)
		return rc;
	if (!command_known(o.command)) {
		fprintf(stderr, "\"%s\" is no command\n%s", o.command,
		    usage_text);
		return 1;
	}
	log_init("cordon-collector", LOG_LEVEL_INFO);
	umask(0077);
	signal(SIGPIPE, SIG_IGN);
	if (o.rights) {
		shown.user = o.user != NULL ? o.user : "cordon-collector";
		rights_print(&shown, calls);
		return 0;
	}
	rc = settings_load(o.config, &set, &why);
	if (rc == 0 && o.check_only) {
		puts("configuration OK");
	} else if (rc == 0) {
		log_set_level(set->level);
		if (o.user == NULL)
			o.user = set->user;
		rc = evthread_use_pthreads() == 0 ? 0 :
		    why_set(&why, ERR_NOMEM, "libevent has no threads");
		if (rc == 0)
			rc = command(&o, set, &why);
	}
	settings_free(&set);
	if (rc != 0) {
		log_error("%s", why.text);
		return 1;
	}
	return 0;
}
