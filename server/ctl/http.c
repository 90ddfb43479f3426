/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to the collector through libcurl (http.h). */
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "server/ctl/http.h"

#define CONNECT_SECONDS 5L
#define ERROR_MAX (64 * 1024) /* of an answer that says no to a document */

struct client {
	CURL *curl;
	struct client_settings set;
	size_t now; /* url that answered last */
	char error[CURL_ERROR_SIZE];
};

/* Where an answer goes. */
struct sink {
	struct client *c;
	struct buf text; /* JSON */
	FILE *file;	 /* a document, if the status is 200 */
	int64_t written;
	bool over;
};

static size_t
take(char *data, size_t one, size_t n, void *arg)
{
	struct sink *s = arg;
	long status = 0;

	n *= one;
	curl_easy_getinfo(s->c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (s->file != NULL && status == 200) {
		s->written += (int64_t)n;
		s->over = s->written > CLIENT_FILE_MAX;
		return s->over ? 0 : fwrite(data, 1, n, s->file);
	}
	s->over = buf_add(&s->text, data, n) != 0;
	return s->over ? 0 : n;
}

static int
set_tls(CURL *curl, const struct client_settings *s)
{
	struct curl_blob pem;
	CURLcode rc = CURLE_OK;

	curl_easy_setopt(curl, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	/* no CA but ours: neither the system's folder */
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	if (s->ca_pem != NULL) {
		pem.data = (char *)(uintptr_t)s->ca_pem;
		pem.len = strlen(s->ca_pem);
		pem.flags = CURL_BLOB_COPY;
		rc = curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB,
			    &pem);
	} else {
		rc = curl_easy_setopt(curl, CURLOPT_CAINFO, s->ca);
	}
	if (s->cert != NULL) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, s->cert);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, s->key);
	}
	return rc == CURLE_OK ? 0 : ERR_UNSUPP;
}

static void
set_manner(CURL *curl, long timeout_seconds, char *error)
{
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_seconds);
	curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(curl, CURLOPT_USERAGENT,
	    "cordonctl/" CORDON_VERSION);
}

int
client_new(const struct client_settings *s, struct client **out,
    struct why *why)
{
	struct client *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (c == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	c->set = *s;
	c->curl = curl_easy_init();
	if (c->curl == NULL) {
		free(c);
		return why_set(why, ERR_NOMEM, "libcurl does not start");
	}
	set_manner(c->curl, s->timeout_seconds, c->error);
	rc = set_tls(c->curl, s);
	if (rc != 0) {
		client_free(&c);
		return why_set(why, rc, "this libcurl cannot do TLS as needed");
	}
	*out = c;
	return 0;
}

void
client_free(struct client **c)
{
	if (*c == NULL)
		return;
	curl_easy_cleanup((*c)->curl);
	free(*c);
	*c = NULL;
}

static bool
not_connected(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT ||
	    code == CURLE_COULDNT_RESOLVE_HOST ||
	    code == CURLE_SSL_CONNECT_ERROR;
}

/* One try a URL, beginning with the one that answered last. */
static int
perform(struct client *c, const char *path, struct sink *sink,
    struct why *why)
{
	CURLcode code = CURLE_COULDNT_CONNECT;
	char url[1024];
	size_t i;

	for (i = 0; i < c->set.nurl && not_connected(code); i++) {
		size_t at = (c->now + i) % c->set.nurl;

		snprintf(url, sizeof(url), "%s%s", c->set.url[at], path);
		curl_easy_setopt(c->curl, CURLOPT_URL, url);
		c->error[0] = '\0';
		code = curl_easy_perform(c->curl);
		if (code == CURLE_OK) {
			c->now = at;
			return 0;
		}
	}
	if (sink->over)
		return why_set(why, ERR_LIMIT, "the answer is too large");
	return why_set(why, ERR_CLOSED, "%s", c->error[0] != '\0' ? c->error :
	    curl_easy_strerror(code));
}

static int
answer_of(struct sink *s, json_t **answer, struct why *why)
{
	json_t *v = json_loadb((const char *)s->text.data, s->text.len,
	    JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(v)) {
		json_decref(v);
		return why_set(why, ERR_PROTO, "no JSON object");
	}
	*answer = v;
	return 0;
}

static int
request(struct client *c, const char *path, const char *body,
    struct sink *s, long *status, struct why *why)
{
	struct curl_slist *head = NULL;
	int rc;

	head = curl_slist_append(NULL, "Accept: application/json");
	if (body != NULL)
		head = curl_slist_append(head,
		    "Content-Type: application/json");
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, head);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, s);
	if (body != NULL) {
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)strlen(body));
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
	} else {
		curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	}
	rc = perform(c, path, s, why);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, status);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(head);
	return rc;
}

int
client_call(struct client *c, const char *method, const char *path,
    const json_t *body, long *status, json_t **answer, struct why *why)
{
	struct sink s = { .c = c };
	char *text = NULL;
	int rc;

	buf_init(&s.text, CLIENT_JSON_MAX);
	if (strcmp(method, "POST") == 0) {
		text = body != NULL ? json_dumps(body, JSON_COMPACT) :
				      strdup("{}");
		if (text == NULL)
			return why_set(why, ERR_NOMEM, "out of memory");
	}
	rc = request(c, path, text, &s, status, why);
	if (rc == 0)
		rc = answer_of(&s, answer, why);
	free(text);
	buf_done(&s.text);
	return rc;
}

int
client_fetch(struct client *c, const char *path, FILE *out, long *status,
    json_t **answer, struct why *why)
{
	struct sink s = { .c = c, .file = out };
	int rc;

	buf_init(&s.text, ERROR_MAX);
	rc = request(c, path, NULL, &s, status, why);
	if (rc == 0 && *status != 200)
		rc = answer_of(&s, answer, why);
	if (rc == 0 && fflush(out) != 0)
		rc = why_sys(why, ERR_IO, "cannot write");
	buf_done(&s.text);
	return rc;
}

/* -- the CA by its fingerprint ------------------------------------------- */

/* Is this PEM certificate the one that was pinned? */
static bool
pem_is(const char *pem, const uint8_t pin[32])
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) :
				   NULL;
	unsigned char *der = NULL;
	uint8_t sum[DIGEST_LEN];
	bool same = false;
	int len;

	len = cert != NULL ? i2d_X509(cert, &der) : -1;
	if (len > 0) {
		digest_of(der, (size_t)len, sum);
		same = bytes_equal(sum, pin, sizeof(sum));
	}
	OPENSSL_free(der);
	X509_free(cert);
	BIO_free(bio);
	return same;
}

static int
pick_ca(CURL *curl, const uint8_t pin[32], struct buf *out, struct why *why)
{
	struct curl_certinfo *info = NULL;
	struct curl_slist *line;
	int i;

	curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info);
	for (i = 0; info != NULL && i < info->num_of_certs; i++)
		for (line = info->certinfo[i]; line != NULL;
		     line = line->next)
			if (strncmp(line->data, "Cert:", 5) == 0 &&
			    pem_is(line->data + 5, pin))
				return buf_add_str(out, line->data + 5);
	return why_set(why, ERR_CRYPTO, "the collector does not show a CA "
	    "certificate with that SHA-256");
}

int
client_fetch_ca(const char *url, const uint8_t pin[32], struct buf *out,
    struct why *why)
{
	char error[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	CURLcode code;
	int rc;

	if (curl == NULL)
		return why_set(why, ERR_NOMEM, "libcurl does not start");
	set_manner(curl, 30, error);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_3);
	/* nothing is sent on this connection: it only shows its chain, and
	 * only the certificate that was pinned is taken from it */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		rc = why_set(why, ERR_CLOSED, "%s", error[0] != '\0' ? error :
		    curl_easy_strerror(code));
	else
		rc = pick_ca(curl, pin, out, why);
	curl_easy_cleanup(curl);
	return rc;
}
