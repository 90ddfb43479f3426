/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a client sends: JSON bodies and query strings, read strictly.  A
 * route lists its fields in a table; a field that is not in it, has another
 * type or is out of bounds is an error that names it.  Pure; trusts nothing.
 */
#ifndef CORDON_SERVER_HTTP_BODY_H
#define CORDON_SERVER_HTTP_BODY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "server/model/model.h"

#define BODY_MAX (256 * 1024) /* bytes of a body */
#define BODY_NAMES_MAX 1000   /* as PLAN_HOSTS_MAX */
#define BODY_ROLES_MAX 32
#define BODY_PEM_MAX 8192
#define QUERY_PAIRS_MAX 16
#define QUERY_VALUE_MAX 256

enum field_type {
	FIELD_TEXT, /* const char *, lent: no control characters, min..max bytes */
	FIELD_NAME, /* const char *, lent: name_valid() */
	FIELD_PEM,  /* const char *, lent: printable lines, at most max bytes */
	FIELD_INT,  /* struct body_int: min..max */
	FIELD_BOOL, /* enum body_bool */
	FIELD_NAMES, /* struct body_names: 1..BODY_NAMES_MAX names, none twice */
	FIELD_ROLES, /* struct body_roles: 1..BODY_ROLES_MAX of {role, group} */
};

struct field {
	const char *name; /* NULL ends the table */
	enum field_type type;
	bool must;
	size_t offset; /* of the value in the struct that is filled */
	int64_t min, max;
};

enum body_bool { BODY_ABSENT, BODY_FALSE, BODY_TRUE };

struct body_int {
	bool set;
	int64_t value;
};

struct body_names {
	size_t n;
	const char *item[BODY_NAMES_MAX]; /* lent */
};

struct body_roles {
	size_t n;
	struct {
		enum role role;
		const char *grp; /* lent; "*" all groups */
	} item[BODY_ROLES_MAX];
};

/*
 * LEN bytes as one JSON object, no key twice; no bytes are an empty object.
 * ERR_LIMIT past BODY_MAX, ERR_SYNTAX else; *BODY is the caller's.
 */
int body_parse(const void *data, size_t len, json_t **body, struct why *why);

/*
 * Fill OUT (zeroed by the caller) from BODY by TABLE; text is lent from
 * BODY.  ERR_SYNTAX with a WHY that names the field.
 */
int body_read(const json_t *body, const struct field *table, void *out,
    struct why *why);

/* The query of an URL, decoded. */
struct query {
	size_t n;
	struct {
		char name[32];
		char value[QUERY_VALUE_MAX];
	} pair[QUERY_PAIRS_MAX];
};

/*
 * RAW is what stands behind '?', or NULL.  ALLOWED lists the names with a
 * comma behind each ("host,after,"); NULL: none.  ERR_SYNTAX names what is
 * not known, stands twice or cannot be decoded (RFC 3986, 2.1).
 */
int query_parse(const char *raw, const char *allowed, struct query *q,
    struct why *why);
/* The value of NAME, or STANDARD. */
const char *query_get(const struct query *q, const char *name,
    const char *standard);
/* A number within MIN..MAX, or STANDARD if absent; ERR_SYNTAX, ERR_RANGE. */
int query_int(const struct query *q, const char *name, int64_t standard,
    int64_t min, int64_t max, int64_t *out, struct why *why);

#endif
