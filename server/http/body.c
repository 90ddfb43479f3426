/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bodies and queries, read strictly by table (body.h).  In the collector,
 * on the main loop; every byte here is foreign.
 */
#include <string.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "server/http/body.h"

int
body_parse(const void *data, size_t len, json_t **body, struct why *why)
{
	json_error_t err;
	json_t *v;

	if (len > BODY_MAX)
		return why_set(why, ERR_LIMIT,
		    "the body is larger than %d bytes", BODY_MAX);
	if (len == 0)
		v = json_object();
	else
		v = json_loadb(data, len, JSON_REJECT_DUPLICATES, &err);
	if (v == NULL) {
		char text[160];

		if (len == 0)
			return why_set(why, ERR_NOMEM, "out of memory");
		log_quote(text, sizeof(text), err.text, strlen(err.text));
		return why_set(why, ERR_SYNTAX, "not JSON: line %d: %s",
		    err.line, text);
	}
	if (!json_is_object(v)) {
		json_decref(v);
		return why_set(why, ERR_SYNTAX,
		    "the body is not a JSON object");
	}
	*body = v;
	return 0;
}

static int
read_text(const struct field *f, const json_t *v, const char **out,
    struct why *why)
{
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);

	if (s == NULL)
		return why_set(why, ERR_SYNTAX, "field \"%s\" must be a string",
		    f->name);
	if ((int64_t)len < f->min || (int64_t)len > f->max)
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" must have %lld to %lld bytes", f->name,
		    (long long)f->min, (long long)f->max);
	if (f->type != FIELD_NAME &&
	    !text_printable(s, len, f->type == FIELD_PEM))
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" has control characters", f->name);
	if (f->type == FIELD_NAME && !name_valid(s))
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" must be a name: letters, digits, '.', '-', "
		    "'_', at most 63", f->name);
	*out = s;
	return 0;
}

static int
read_int(const struct field *f, const json_t *v, struct body_int *out,
    struct why *why)
{
	if (!json_is_integer(v))
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" must be a whole number", f->name);
	if (json_integer_value(v) < f->min || json_integer_value(v) > f->max)
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" must be within %lld..%lld", f->name,
		    (long long)f->min, (long long)f->max);
	out->set = true;
	out->value = json_integer_value(v);
	return 0;
}

static int
read_names(const struct field *f, const json_t *v, struct body_names *out,
    struct why *why)
{
	size_t i, j, n = json_array_size(v);

	if (!json_is_array(v) || n < 1 || n > BODY_NAMES_MAX)
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" must be a list of 1 to %d names", f->name,
		    BODY_NAMES_MAX);
	for (i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(v, i));

		if (s == NULL || !name_valid(s))
			return why_set(why, ERR_SYNTAX,
			    "field \"%s\": item %zu is not a name", f->name,
			    i + 1);
		for (j = 0; j < i; j++)
			if (strcmp(out->item[j], s) == 0)
				return why_set(why, ERR_SYNTAX,
				    "field \"%s\": \"%s\" stands twice",
				    f->name, s);
		out->item[i] = s;
	}
	out->n = n;
	return 0;
}

static int
read_role(const struct field *f, const json_t *v, struct body_roles *out,
    struct why *why)
{
	const char *role = json_string_value(json_object_get(v, "role"));
	const char *grp = json_string_value(json_object_get(v, "group"));
	int value;

	if (role == NULL || grp == NULL || json_object_size(v) != 2)
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\": each item is {\"role\", \"group\"}",
		    f->name);
	if (word_find(WORDS_ROLE, role, &value) != 0)
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\": no such role; see cordonctl operator "
		    "explain", f->name);
	if (strcmp(grp, "*") != 0 && !name_valid(grp))
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\": a group is a name or \"*\"", f->name);
	out->item[out->n].role = (enum role)value;
	out->item[out->n++].grp = grp;
	return 0;
}

static int
read_roles(const struct field *f, const json_t *v, struct body_roles *out,
    struct why *why)
{
	size_t i, n = json_array_size(v);
	int rc;

	if (!json_is_array(v) || n < 1 || n > BODY_ROLES_MAX)
		return why_set(why, ERR_SYNTAX,
		    "field \"%s\" must be a list of 1 to %d roles", f->name,
		    BODY_ROLES_MAX);
	for (i = 0; i < n; i++) {
		rc = read_role(f, json_array_get(v, i), out, why);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
read_field(const struct field *f, const json_t *v, void *at, struct why *why)
{
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_PEM:
		return read_text(f, v, at, why);
	case FIELD_INT:
		return read_int(f, v, at, why);
	case FIELD_NAMES:
		return read_names(f, v, at, why);
	case FIELD_ROLES:
		return read_roles(f, v, at, why);
	case FIELD_BOOL:
		if (!json_is_boolean(v))
			return why_set(why, ERR_SYNTAX,
			    "field \"%s\" must be true or false", f->name);
		*(enum body_bool *)at = json_is_true(v) ? BODY_TRUE :
							  BODY_FALSE;
		return 0;
	}
	return why_set(why, ERR_SYNTAX, "field \"%s\"", f->name);
}

static const struct field *
field_find(const struct field *table, const char *name)
{
	for (; table->name != NULL; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

int
body_read(const json_t *body, const struct field *table, void *out,
    struct why *why)
{
	const struct field *f;
	const char *key;
	json_t *v;
	int rc;

	/* iteration does not change the object; jansson has no const form */
	json_object_foreach((json_t *)(uintptr_t)body, key, v) {
		f = field_find(table, key);
		if (f == NULL) {
			char name[64];

			log_quote(name, sizeof(name), key, strlen(key));
			return why_set(why, ERR_SYNTAX,
			    "unknown field \"%s\"", name);
		}
		rc = read_field(f, v, (char *)out + f->offset, why);
		if (rc != 0)
			return rc;
	}
	for (f = table; f->name != NULL; f++)
		if (f->must && json_object_get(body, f->name) == NULL)
			return why_set(why, ERR_SYNTAX,
			    "field \"%s\" is missing", f->name);
	return 0;
}

/* One part of a query up to END, percent-decoded; -1: not possible. */
static int
decode(const char *s, const char *end, char *out, size_t size)
{
	size_t n = 0;
	uint8_t byte;
	char hex[3];

	for (; s < end; s++) {
		byte = (uint8_t)*s;
		if (*s == '+') {
			byte = ' ';
		} else if (*s == '%') {
			if (end - s < 3)
				return -1;
			hex[0] = s[1];
			hex[1] = s[2];
			hex[2] = '\0';
			if (hex_decode(&byte, 1, hex) != 0)
				return -1;
			s += 2;
		}
		if (byte < 0x20 || byte == 0x7f || n + 1 >= size)
			return -1;
		out[n++] = (char)byte;
	}
	out[n] = '\0';
	return 0;
}

static bool
listed(const char *allowed, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	if (allowed == NULL || len == 0 || strchr(name, ',') != NULL)
		return false;
	for (at = allowed; *at != '\0'; at = strchr(at, ',') + 1)
		if (strncmp(at, name, len) == 0 && at[len] == ',')
			return true;
	return false;
}

static int
query_pair(const char *s, const char *end, const char *allowed,
    struct query *q, struct why *why)
{
	const char *eq = memchr(s, '=', (size_t)(end - s));
	char name[32], shown[48];

	if (eq == NULL || decode(s, eq, name, sizeof(name)) != 0)
		return why_set(why, ERR_SYNTAX,
		    "the query is not name=value&...");
	if (!listed(allowed, name)) {
		log_quote(shown, sizeof(shown), name, strlen(name));
		return why_set(why, ERR_SYNTAX, "unknown query \"%s\"", shown);
	}
	if (query_get(q, name, NULL) != NULL)
		return why_set(why, ERR_SYNTAX, "query \"%s\" stands twice",
		    name);
	if (q->n == QUERY_PAIRS_MAX)
		return why_set(why, ERR_SYNTAX, "too many queries");
	if (decode(eq + 1, end, q->pair[q->n].value, QUERY_VALUE_MAX) != 0)
		return why_set(why, ERR_SYNTAX,
		    "query \"%s\" cannot be decoded or is too long", name);
	memcpy(q->pair[q->n++].name, name, sizeof(name));
	return 0;
}

int
query_parse(const char *raw, const char *allowed, struct query *q,
    struct why *why)
{
	const char *end;
	int rc;

	q->n = 0;
	if (raw == NULL || *raw == '\0')
		return 0;
	for (;; raw = end + 1) {
		end = strchrnul(raw, '&');
		rc = query_pair(raw, end, allowed, q, why);
		if (rc != 0 || *end == '\0')
			return rc;
	}
}

const char *
query_get(const struct query *q, const char *name, const char *standard)
{
	size_t i;

	for (i = 0; i < q->n; i++)
		if (strcmp(q->pair[i].name, name) == 0)
			return q->pair[i].value;
	return standard;
}

int
query_int(const struct query *q, const char *name, int64_t standard,
    int64_t min, int64_t max, int64_t *out, struct why *why)
{
	const char *text = query_get(q, name, NULL);
	int rc;

	if (text == NULL) {
		*out = standard;
		return 0;
	}
	rc = text_number(text, min, max, out);
	if (rc == ERR_SYNTAX)
		return why_set(why, rc,
		    "query \"%s\" must be a whole number", name);
	if (rc != 0)
		return why_set(why, rc,
		    "query \"%s\" must be within %lld..%lld", name,
		    (long long)min, (long long)max);
	return 0;
}
