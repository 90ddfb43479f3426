/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the facts of an explanation come from: the packages' lists, read
 * when they are first asked for and given back when nobody asks any more;
 * the MD5 of a file, believed only together with the SHA-256 that was seen;
 * and the transaction.  All that is not static takes the lock once.
 */
#include "agent/sensors/explain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/effects.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/lists.h"
#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/package_list.h"

#define READ_GAP_MS 2000 /* the lists are read again this often at most */
#define REST_MS 60000	 /* and given back when not asked for so long */
#define ABSENT_MS 60000	 /* no dpkg here: look again */
#define TELL_MS 60000	 /* counts outside transactions */
#define WAIT_S 600	 /* where the settings do not say */
#define CHUNK 16384
#define ALTERNATIVES "/etc/alternatives/"
#define UPDATE_ALTERNATIVES "/usr/bin/update-alternatives"

struct explain {
	pthread_mutex_t lock; /* of all below */
	struct sensor_env *env;
	struct packages_from from;
	char served[PATH_LEN];
	struct packages *packages;
	int64_t read_ms, used_ms, absent_ms, told_ms;
	int64_t wait_ms;
	struct txns txns;
	struct pending *held;
	bool was_running;
	uint64_t explained; /* outside transactions, since told */
};

static bool
switched_on(const struct explain *x)
{
	return x->from.dpkg[0] != '\0' || x->from.rpm[0] != '\0';
}

static bool
list_good(void *arg, const void *list, size_t len, const uint8_t sig[64])
{
	const struct explain *x = arg;

	return x->env->settings->order_key.len == SIGN_KEY_LEN &&
	    package_list_good(x->env->settings->order_key.data, list, len,
	    sig);
}

static bool
wanted(void *arg, const char *path)
{
	const struct explain *x = arg;

	return roots_has(x->env->roots, path) || tap_wants(x->env->tap, path);
}

int
explain_new(struct sensor_env *env, struct explain **out, struct why *why)
{
	struct explain *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return why_set(why, ERR_NOMEM, "explanation");
	x->env = env;
	x->from.dpkg = env->settings->package_database;
	x->from.lists = env->settings->package_lists;
	x->from.rpm = env->settings->rpm_database;
	if (lists_folder(env->settings, x->served) == 0)
		x->from.served = x->served;
	x->from.good = list_good;
	x->from.wanted = wanted;
	x->from.arg = x;
	x->wait_ms = (env->settings->package_wait > 0 ?
	    env->settings->package_wait : WAIT_S) * 1000LL;
	x->held = pending_new();
	if (x->held == NULL) {
		free(x);
		return why_set(why, ERR_NOMEM, "explanation");
	}
	pthread_mutex_init(&x->lock, NULL);
	*out = x;
	return 0;
}

void
explain_free(struct explain **xp)
{
	struct explain *x = *xp;

	if (x == NULL)
		return;
	packages_free(&x->packages);
	pending_free(&x->held);
	pthread_mutex_destroy(&x->lock);
	free(x);
	*xp = NULL;
}

/* -- the lists ---------------------------- */

/* NULL: there are none. */
static const struct packages *
lists(struct explain *x)
{
	int64_t now = clock_boot_ms();
	struct why why;
	int r;

	x->used_ms = now;
	if (!switched_on(x) || now < x->absent_ms ||
	    (x->packages != NULL && (now < x->read_ms + READ_GAP_MS ||
	    !packages_stale(x->packages))))
		return x->packages;
	packages_free(&x->packages);
	r = packages_read(&x->from, &x->packages, &why);
	x->read_ms = clock_boot_ms();
	if (r != 0) {
		x->absent_ms = now + ABSENT_MS;
		if (r != ERR_NOENT)
			log_warn("%s", why.text);
	}
	return x->packages;
}

/*
 * MD5 of PATH into MD5[16], if the same bytes have the SHA-256 of SEEN: the
 * file may be swapped between two looks.
 */
static bool
md5_of(const char *path, const struct entry *seen, uint8_t *md5)
{
	uint8_t data[CHUNK], sha256[DIGEST_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct digest *d = digest_new();
	struct stat st;
	bool good = false;
	ssize_t n = -1;
	int fd;

	fd = path_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    ctx == NULL || d == NULL ||
	    EVP_DigestInit_ex(ctx, EVP_md5(), NULL) != 1)
		goto done;
	digest_begin(d);
	while ((n = read(fd, data, sizeof(data))) > 0) {
		digest_add(d, data, (size_t)n);
		if (EVP_DigestUpdate(ctx, data, (size_t)n) != 1)
			goto done;
	}
	digest_end(d, sha256);
	good = n == 0 && EVP_DigestFinal_ex(ctx, md5, NULL) == 1 &&
	    memcmp(sha256, seen->sha256, sizeof(sha256)) == 0;
done:
	if (fd >= 0)
		close(fd);
	digest_free(&d);
	EVP_MD_CTX_free(ctx);
	return good;
}

static bool
needs_md5(const struct packages_file *f, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (f[i].say == PACKAGES_MD5 || f[i].say == PACKAGES_CONFFILE)
			return true;
	return false;
}

/* -- what no list says ---------------------------- */

static bool
is_program(const struct who *who, const char *path)
{
	return who != NULL && (who->real & 1) &&
	    strcmp(who->program, path) == 0;
}

/* An alternative that leads to a package's own program. */
static bool
good_alternative(const struct packages *p, const struct change_of *c)
{
	struct packages_file file[PACKAGES_FILES_MAX];
	char target[PATH_LEN];
	ssize_t n;

	if (c->now == NULL || !S_ISLNK(c->now->mode))
		return false;
	n = readlink(c->path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	if (strncmp(target, ALTERNATIVES, strlen(ALTERNATIVES)) == 0)
		return true; /* and that link is looked at by itself */
	return path_under(c->path, "/etc/alternatives") &&
	    packages_find(p, target, file) > 0;
}

/* The administrator's own known tools. */
static void
by_hand(const struct packages *p, enum change kind,
    const struct change_of *c, bool in_txn, struct explanation *out)
{
	const char *tool;

	if (kind == CHANGE_SETUID || kind == CHANGE_CAPABLE)
		return;
	if (in_txn && c->events > 0 && txn_loose(c->who) &&
	    effects_generated(c->path, c->now, &tool)) {
		out->verdict = EXPLAIN_QUIET;
		out->word = "made while packages were changed, by a program "
		    "that was gone";
	} else if (is_program(c->who, UPDATE_ALTERNATIVES) &&
	    good_alternative(p, c)) {
		out->verdict = EXPLAIN_SILENT;
		out->word = "an alternative that leads to a package's file";
	} else if (is_program(c->who, UPDATE_ALTERNATIVES) &&
	    c->now == NULL && c->old != NULL && S_ISLNK(c->old->mode)) {
		out->verdict = EXPLAIN_QUIET;
		out->word = "an alternative was taken away";
	} else if (effects_generated(c->path, c->now, &tool) &&
	    tool != NULL && is_program(c->who, tool)) {
		out->verdict = EXPLAIN_QUIET;
		out->word = "made by the tool that makes it";
	}
}

/* A version of a package's file that dpkg or ucf has beside it. */
static bool
is_left_beside(const struct packages *p, const struct change_of *c,
    enum txn_role role, struct explanation *out)
{
	struct packages_file file[PACKAGES_FILES_MAX];
	char base[PATH_LEN];

	if (role == TXN_NONE ||
	    !effects_base(c->path, base, sizeof(base)) ||
	    packages_find(p, base, file) == 0 || (c->now != NULL &&
	    (c->now->mode & (S_ISUID | S_ISGID)) != 0))
		return false;
	out->verdict = EXPLAIN_SILENT;
	out->package = file[0].package;
	out->word = "a new, old or refused version beside a package's file";
	return true;
}

/* A new program that nobody brought and that is one of a package. */
static void
is_copy(const struct packages *p, enum change kind,
    const struct change_of *c, const uint8_t *md5, struct explanation *out)
{
	const char *package;

	if (kind != CHANGE_CREATED || !S_ISREG(c->now->mode) ||
	    !(c->now->mode & 0111) || c->now->size == 0)
		return;
	package = packages_content(p, c->now->sha256, md5);
	if (package == NULL)
		return;
	out->verdict = EXPLAIN_COPY;
	out->word = "content of a program of this package";
	out->package = package;
}

/* -- one change ---------------------------- */

static void
count(struct explain *x, struct txn *txn, const struct explanation *ex,
    const struct change_of *c)
{
	const char *tool;

	if (txn == NULL) {
		x->explained += ex->verdict == EXPLAIN_SILENT;
		return;
	}
	if (ex->verdict == EXPLAIN_SILENT && c->now == NULL)
		txn->removed++;
	else if (ex->verdict == EXPLAIN_SILENT &&
	    ex->package == NULL && effects_generated(c->path, c->now, &tool))
		txn->generated++;
	else if (ex->verdict == EXPLAIN_SILENT)
		txn->explained++;
	else
		txn->scripts++;
	if (ex->package != NULL)
		txn_package(txn, ex->package);
}

/* What the answer points to is another thread's when the lock is gone. */
static void
own_texts(const struct txn *txn, struct explanation *out)
{
	if (txn != NULL) {
		memcpy(out->id, txn->cause, sizeof(out->id));
		out->cause = out->id;
	}
	if (out->package != NULL) {
		log_quote(out->name, sizeof(out->name), out->package,
		    strlen(out->package));
		out->package = out->name;
	}
}

static struct txn *
explain_one(struct explain *x, enum change kind, const struct change_of *c,
    struct explanation *out)
{
	struct packages_file file[PACKAGES_FILES_MAX];
	struct explain_facts f = {.file = file, .seen = c->who != NULL};
	const struct packages *p = lists(x);
	struct txn *txn = NULL;
	uint8_t md5[16];
	bool regular = c->now != NULL && S_ISREG(c->now->mode);

	memset(out, 0, sizeof(*out));
	if (p == NULL)
		return NULL;
	f.role = txns_role(&x->txns, c->who, &txn);
	f.files = packages_find(p, c->path, file);
	f.override = packages_override(p, c->path, &f.override_mode);
	if (regular && (needs_md5(file, f.files) ||
	    (f.files == 0 && kind == CHANGE_CREATED &&
	    (c->now->mode & 0111))) && md5_of(c->path, c->now, md5))
		f.md5 = md5;
	explain_rule(kind, c, &f, out);
	if (out->verdict == EXPLAIN_LOUD && packages_stale(p)) {
		x->read_ms = 0; /* dpkg may have written both since */
		p = lists(x);
		if (p == NULL)
			return txn;
		f.files = packages_find(p, c->path, file);
		if (f.md5 == NULL && regular && needs_md5(file, f.files) &&
		    md5_of(c->path, c->now, md5))
			f.md5 = md5; /* a better word went away */
		explain_rule(kind, c, &f, out);
	}
	if (out->verdict != EXPLAIN_LOUD && f.files == 0 &&
	    !is_left_beside(p, c, f.role, out) &&
	    out->verdict == EXPLAIN_PLAIN && f.role == TXN_NONE) {
		by_hand(p, kind, c, x->txns.n > 0, out);
		if (out->verdict == EXPLAIN_PLAIN && c->now != NULL)
			is_copy(p, kind, c, f.md5, out);
	}
	own_texts(txn, out);
	return txn;
}

void
explain_change(struct explain *x, enum change kind,
    const struct change_of *c, struct explanation *out)
{
	pthread_mutex_lock(&x->lock);
	count(x, explain_one(x, kind, c, out), out, c);
	pthread_mutex_unlock(&x->lock);
}

/* -- of the host's state ---------------------------- */

bool
explain_running(struct explain *x, const struct who *who)
{
	struct txn *txn;
	bool running;

	pthread_mutex_lock(&x->lock);
	running = switched_on(x) &&
	    txns_role(&x->txns, who, &txn) != TXN_NONE && txn_running(txn);
	pthread_mutex_unlock(&x->lock);
	return running;
}

int64_t
explain_wait_ms(const struct explain *x)
{
	return x->wait_ms; /* never changes */
}

void
explain_state(struct explain *x, const char *path, const struct entry *now,
    const struct who *who, struct explanation *out)
{
	const struct change_of c = {.path = path, .now = now, .who = who};
	struct txn *txn;

	pthread_mutex_lock(&x->lock);
	if (x->packages != NULL && packages_stale(x->packages))
		x->read_ms = 0; /* it is asked rarely, and when all is done */
	txn = explain_one(x, CHANGE_CONTENT, &c, out);
	out->by_role = out->package == NULL;
	if (out->verdict == EXPLAIN_SILENT && txn != NULL)
		txn->facts++;
	else if (out->verdict == EXPLAIN_SILENT)
		x->explained++;
	if (txn != NULL && out->package == NULL && txn->packages[0] != '\0') {
		snprintf(out->name, sizeof(out->name), "%s", txn->packages);
		out->package = out->name;
	}
	pthread_mutex_unlock(&x->lock);
}

/* -- waiting ---------------------------- */

/* Keep a copy of IT; false without memory or room. */
static bool
keep(struct explain *x, const struct pending_item *it)
{
	x->was_running = true;
	if ((it->who != NULL || it->meta_who == NULL) &&
	    pending_add(x->held, it->path, it->from, it->who,
	    it->content ? PENDING_CONTENT : 0) != 0)
		return false;
	return it->meta_who == NULL || pending_add(x->held, it->path,
	    it->from, it->meta_who, it->who == NULL && it->content ?
	    PENDING_CONTENT : 0) == 0;
}

static bool
hold(struct explain *x, const struct pending_item *it)
{
	const struct who *who = it->who != NULL ? it->who : it->meta_who;
	struct txn *txn;

	if (!switched_on(x))
		return false;
	if (txns_role(&x->txns, who, &txn) != TXN_NONE)
		return txn_running(txn) && keep(x, it);
	/* It may belong to the one that runs. */
	return txn_loose(who) && (txns_running(&x->txns, INT64_MAX) ||
	    txns_begin(&x->txns, x->env->who)) && keep(x, it);
}

bool
explain_hold(struct explain *x, const struct pending_item *it)
{
	bool held;

	pthread_mutex_lock(&x->lock);
	held = hold(x, it);
	pthread_mutex_unlock(&x->lock);
	return held;
}

static struct pending_item *
take(struct explain *x)
{
	int64_t now = clock_boot_ms();

	if (txns_running(&x->txns, INT64_MAX))
		return pending_take(x->held, now - x->wait_ms);
	if (x->was_running) {
		x->was_running = false;
		x->read_ms = 0; /* what dpkg wrote last counts */
	}
	return pending_take(x->held, INT64_MAX);
}

struct pending_item *
explain_take(struct explain *x)
{
	struct pending_item *it;

	pthread_mutex_lock(&x->lock);
	it = take(x);
	pthread_mutex_unlock(&x->lock);
	return it;
}

bool
explain_waits(struct explain *x, const char *path)
{
	bool waits;

	pthread_mutex_lock(&x->lock);
	waits = pending_has(x->held, path);
	pthread_mutex_unlock(&x->lock);
	return waits;
}

bool
explain_busy(struct explain *x)
{
	bool busy;

	pthread_mutex_lock(&x->lock);
	busy = txns_running(&x->txns, x->wait_ms);
	pthread_mutex_unlock(&x->lock);
	return busy;
}

static void
tell_counts(struct explain *x)
{
	struct emit_signal s;

	emit_init(&s, "files.explained", "/");
	emit_addf(&s, "explained", "%" PRIu64, x->explained);
	emit_send(x->env->out, &s);
	x->explained = 0;
}

void
explain_turn(struct explain *x)
{
	int64_t now = clock_boot_ms();

	pthread_mutex_lock(&x->lock);
	if (pending_wait(x->held, now) < 0)
		txns_close(&x->txns, x->env->out, false);
	if (x->explained > 0 && now >= x->told_ms + TELL_MS) {
		tell_counts(x);
		x->told_ms = now;
	}
	if (x->packages != NULL && now >= x->used_ms + REST_MS) {
		packages_free(&x->packages);
		malloc_trim(0);
	}
	pthread_mutex_unlock(&x->lock);
}
