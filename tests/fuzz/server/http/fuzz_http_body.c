/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bodies, queries, paths and PEM as a client may send them.  The first byte
 * chooses the parser, the rest is its input.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/body.h"
#include "server/http/route.h"
#include "server/http/token.h"

struct sample {
	const char *name, *text, *pem;
	struct body_int n;
	enum body_bool on;
	struct body_names hosts;
	struct body_roles roles;
};

static const struct field table[] = {
	{ "name", FIELD_NAME, true, offsetof(struct sample, name), 1, 63 },
	{ "text", FIELD_TEXT, false, offsetof(struct sample, text), 0, 511 },
	{ "csr", FIELD_PEM, false, offsetof(struct sample, pem), 1,
	  BODY_PEM_MAX },
	{ "n", FIELD_INT, false, offsetof(struct sample, n), -5, 1000 },
	{ "on", FIELD_BOOL, false, offsetof(struct sample, on), 0, 0 },
	{ "hosts", FIELD_NAMES, false, offsetof(struct sample, hosts), 0, 0 },
	{ "roles", FIELD_ROLES, false, offsetof(struct sample, roles), 0, 0 },
	{ .name = NULL },
};

/* What was taken must keep its promise. */
static void
check(const struct sample *s)
{
	if (s->name == NULL || strlen(s->name) < 1 || strlen(s->name) > 63)
		abort();
	if (s->text != NULL && strlen(s->text) > 511)
		abort();
	if (s->n.set && (s->n.value < -5 || s->n.value > 1000))
		abort();
	if (s->hosts.n > BODY_NAMES_MAX || s->roles.n > BODY_ROLES_MAX)
		abort();
}

static void
fuzz_body(const char *data, size_t len)
{
	static struct sample s;
	json_t *body = NULL;
	struct why why;
	struct buf der;

	if (body_parse(data, len, &body, &why) != 0)
		return;
	memset(&s, 0, sizeof(s));
	if (body_read(body, table, &s, &why) == 0) {
		check(&s);
		buf_init(&der, 4096);
		if (s.pem != NULL)
			pem_read(s.pem, "CERTIFICATE REQUEST", &der);
		buf_done(&der);
	}
	json_decref(body);
}

static void
fuzz_query(const char *text)
{
	static struct query q;
	struct why why;
	int64_t v = 5;

	if (query_parse(text, "host,after,limit,kind,", &q, &why) != 0)
		return;
	if (query_get(&q, "nothing", NULL) != NULL)
		abort();
	if (query_int(&q, "limit", 5, 1, 1000, &v, &why) == 0 &&
	    (v < 1 || v > 1000))
		abort();
}

static void
fuzz_path(const char *text)
{
	char param[ROUTE_PARAM_MAX];
	const struct route *r;
	bool other;

	r = route_find(METHOD_GET, text, param, &other);
	if (r != NULL && (strpbrk(param, "/%'\"\\ ") != NULL || r->fn ==
	    NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len < 1)
		return 0;
	text = malloc(len);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (data[0] == 'q')
		fuzz_query(text);
	else if (data[0] == 'p')
		fuzz_path(text);
	else
		fuzz_body(text, len - 1);
	free(text);
	return 0;
}
