/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the signer, blocking, with a time limit.  Runs in the collector on
 * the store's threads.  The answer's size and form are checked; what is
 * signed is checked by those who use it.
 */
#include "server/links/signer_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"
#include "server/links/signer.h"
#include "server/links/signer.pb-c.h"

#define REQUEST_MAX (64 * 1024)
#define ANSWER_MAX (96 * 1024)

struct signer_client {
	pthread_mutex_t lock;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd; /* -1: not connected */
	bool away; /* said in the log once */
	int64_t pause_until; /* boot ms; for heads */
	uint8_t in[ANSWER_MAX];
};

struct signer_client *
signer_client_new(const char *socket_path)
{
	struct signer_client *c;

	if (strlen(socket_path) >= sizeof(c->path))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	strcpy(c->path, socket_path);
	c->fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void
signer_client_free(struct signer_client **c)
{
	if (*c == NULL)
		return;
	if ((*c)->fd >= 0)
		close((*c)->fd);
	pthread_mutex_destroy(&(*c)->lock);
	free(*c);
	*c = NULL;
}

static void
hang_up(struct signer_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int
connect_now(struct signer_client *c, struct why *why)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	strcpy(sun.sun_path, c->path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd < 0)
		return why_sys(why, ERR_IO, "socket");
	/* A unix socket connects at once, or its queue is full (EAGAIN). */
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		(void)why_sys(why, ERR_CLOSED, "the signer is away: %s",
		    c->path);
		close(fd);
		return ERR_CLOSED;
	}
	c->fd = fd;
	return 0;
}

/* Wait for EVENTS until END (boot ms). */
static int
wait_for(struct signer_client *c, short events, int64_t end, struct why *why)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int64_t left;
	int n;

	do {
		left = end - clock_boot_ms();
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	return why_set(why, ERR_TIMEOUT, "the signer did not answer within "
	    "%d ms", SIGNER_CLIENT_MS);
}

static int
send_request(struct signer_client *c, uint32_t kind, const void *data,
    size_t len, int64_t end, struct why *why)
{
	struct iovec iov[2] = {
		{ .iov_base = &kind, .iov_len = sizeof(kind) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int rc;

	while (sendmsg(c->fd, &msg, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return why_sys(why, ERR_CLOSED,
			    "the signer has gone");
		rc = wait_for(c, POLLOUT, end, why);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The answer's payload, in C's buffer. */
static int
receive_answer(struct signer_client *c, uint32_t kind, int64_t end,
    size_t *len, struct why *why)
{
	uint32_t got;
	ssize_t n;
	int rc;

	do {
		rc = wait_for(c, POLLIN, end, why);
		if (rc != 0)
			return rc;
		n = recv(c->fd, c->in, sizeof(c->in), MSG_TRUNC);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n == 0)
		return why_set(why, ERR_CLOSED, "the signer hung up");
	if (n < 0)
		return why_sys(why, ERR_CLOSED, "the signer has gone");
	if (n < (ssize_t)sizeof(got) || n > (ssize_t)sizeof(c->in))
		return why_set(why, ERR_PROTO, "malformed answer");
	memcpy(&got, c->in, sizeof(got));
	if (got != kind)
		return why_set(why, ERR_PROTO, "answer of kind %u", got);
	*len = (size_t)n - sizeof(got);
	return 0;
}

static int
one_try(struct signer_client *c, uint32_t kind, const struct buf *request,
    uint32_t answer_kind, size_t *len, struct why *why)
{
	int64_t end = clock_boot_ms() + SIGNER_CLIENT_MS;
	int rc = 0;

	if (c->fd < 0)
		rc = connect_now(c, why);
	if (rc == 0)
		rc = send_request(c, kind, request->data, request->len, end,
		    why);
	if (rc == 0)
		rc = receive_answer(c, answer_kind, end, len, why);
	/* A late answer must not be taken for that of the next question. */
	if (rc != 0)
		hang_up(c);
	return rc;
}

/* Ask; once more over a fresh line when the old one was dead already. */
static int
ask(struct signer_client *c, uint32_t kind, const struct buf *request,
    uint32_t answer_kind, size_t *len, struct why *why)
{
	bool was_up = c->fd >= 0;
	int rc;

	rc = one_try(c, kind, request, answer_kind, len, why);
	if (rc == ERR_CLOSED && was_up)
		rc = one_try(c, kind, request, answer_kind, len, why);
	if (rc != 0 && !c->away)
		log_error("signer: %s", why->text);
	else if (rc == 0 && c->away)
		log_info("signer: it answers again");
	c->away = rc != 0;
	c->pause_until = rc != 0 ?
	    clock_boot_ms() + SIGNER_CLIENT_PAUSE_MS : 0;
	return rc;
}

/*
 * Pack M, ask, and append the signed bytes to OUT.  EXACT: how many there
 * must be; 0: any.
 */
static int
ask_signed(struct signer_client *c, uint32_t kind, const ProtobufCMessage *m,
    size_t exact, struct buf *out, struct why *why)
{
	Cordon__Signed *s = NULL;
	struct buf request;
	size_t len;
	int rc;

	buf_init(&request, REQUEST_MAX);
	pthread_mutex_lock(&c->lock);
	rc = pack(m, &request);
	if (rc != 0)
		(void)why_set(why, rc, "the request is too large");
	else
		rc = ask(c, kind, &request, SIGNER_SIGNED, &len, why);
	if (rc != 0)
		goto done;
	s = unpack(&cordon__signed__descriptor, c->in + sizeof(uint32_t),
	    len);
	if (s == NULL)
		rc = why_set(why, ERR_PROTO, "malformed answer of the signer");
	else if (s->why[0] != '\0')
		rc = why_set(why, ERR_PERM, "the signer refused: %s", s->why);
	else if (s->data.len == 0 || (exact != 0 && s->data.len != exact))
		rc = why_set(why, ERR_PROTO, "the signer's answer has %zu "
		    "bytes", s->data.len);
	else
		rc = buf_add(out, s->data.data, s->data.len);
done:
	pthread_mutex_unlock(&c->lock);
	if (s != NULL)
		cordon__signed__free_unpacked(s, NULL);
	buf_done(&request);
	return rc;
}

int
signer_client_keys(struct signer_client *c, uint8_t order_key[SIGN_KEY_LEN],
    uint8_t audit_key[SIGN_KEY_LEN], struct why *why)
{
	Cordon__Keys *k = NULL;
	struct buf request;
	size_t len;
	int rc;

	buf_init(&request, REQUEST_MAX); /* KeysAsk has no bytes */
	pthread_mutex_lock(&c->lock);
	rc = ask(c, SIGNER_KEYS_ASK, &request, SIGNER_KEYS, &len, why);
	if (rc == 0) {
		k = unpack(&cordon__keys__descriptor,
		    c->in + sizeof(uint32_t), len);
		if (k == NULL || k->order_key.len != SIGN_KEY_LEN ||
		    k->audit_key.len != SIGN_KEY_LEN)
			rc = why_set(why, ERR_PROTO,
			    "malformed keys from the signer");
	}
	pthread_mutex_unlock(&c->lock);
	if (rc == 0) {
		memcpy(order_key, k->order_key.data, SIGN_KEY_LEN);
		memcpy(audit_key, k->audit_key.data, SIGN_KEY_LEN);
	}
	if (k != NULL)
		cordon__keys__free_unpacked(k, NULL);
	buf_done(&request);
	return rc;
}

int
signer_client_order(void *arg, const void *body, size_t len,
    struct buf *out, struct why *why)
{
	Cordon__SignOrder m = CORDON__SIGN_ORDER__INIT;

	m.body.data = (uint8_t *)(uintptr_t)body;
	m.body.len = len;
	return ask_signed(arg, SIGNER_SIGN_ORDER, &m.base, 0, out, why);
}

/* Ask for exactly one signature. */
static int
ask_signature(struct signer_client *c, uint32_t kind,
    const ProtobufCMessage *m, uint8_t sig[SIGN_SIG_LEN], struct why *why)
{
	struct buf out;
	int rc;

	buf_init(&out, SIGN_SIG_LEN);
	rc = ask_signed(c, kind, m, SIGN_SIG_LEN, &out, why);
	if (rc == 0)
		memcpy(sig, out.data, SIGN_SIG_LEN);
	buf_done(&out);
	return rc;
}

int
signer_client_manifest(void *arg, const char *manifest_id,
    const uint8_t digest[32], uint8_t sig[64], struct why *why)
{
	Cordon__SignManifest m = CORDON__SIGN_MANIFEST__INIT;

	m.manifest_id = (char *)(uintptr_t)manifest_id;
	m.digest.data = (uint8_t *)(uintptr_t)digest;
	m.digest.len = 32;
	return ask_signature(arg, SIGNER_SIGN_MANIFEST, &m.base, sig, why);
}

int
signer_client_head(void *arg, const char *what, uint64_t number,
    const char *hash, uint8_t sig[SIGN_SIG_LEN])
{
	struct signer_client *c = arg;
	Cordon__SignHead m = CORDON__SIGN_HEAD__INIT;
	uint8_t raw[32];
	struct why why;
	int64_t until;
	int rc;

	pthread_mutex_lock(&c->lock);
	until = c->pause_until;
	pthread_mutex_unlock(&c->lock);
	/* An export is asked for by a person: it always tries. */
	if (strcmp(what, "head") == 0 && clock_boot_ms() < until)
		return ERR_AGAIN;
	if (hex_decode(raw, sizeof(raw), hash) != 0)
		return ERR_SYNTAX;
	m.what = (char *)(uintptr_t)what;
	m.number = number;
	m.hash.data = raw;
	m.hash.len = sizeof(raw);
	rc = ask_signature(c, SIGNER_SIGN_HEAD, &m.base, sig, &why);
	if (rc == ERR_PERM) {
		log_error("audit: %s", why.text);
		pthread_mutex_lock(&c->lock);
		c->pause_until = clock_boot_ms() + SIGNER_CLIENT_PAUSE_MS;
		pthread_mutex_unlock(&c->lock);
	}
	return rc;
}
