/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking the collector, and saying its refusals (cmd.h). */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "server/ctl/cmd.h"

int
exit_of(long status, const char *code)
{
	if (status == 200)
		return EXIT_DONE;
	if (strcmp(code, "approvals-missing") == 0)
		return EXIT_WAITS;
	if (strcmp(code, "gate") == 0)
		return EXIT_GATE;
	if (strcmp(code, "host-away") == 0)
		return EXIT_UNPROVEN;
	if (status == 400 || status == 405 || status == 413)
		return EXIT_USAGE;
	if (status == 404)
		return EXIT_NOTHING;
	if (status >= 500)
		return EXIT_UNREACHED;
	return EXIT_REFUSED;
}

/* What the collector said instead of doing it. */
static int
say_no(struct ctl *c, long status, const json_t *answer)
{
	const json_t *err = json_object_get(answer, "error");
	const char *code = json_str(err, "code");
	const char *next = out_q(&c->o, err, "next");

	if (c->o.json)
		out_json(&c->o, answer);
	out_tell(&c->o, c->o.lang == LANG_ZH && text_code_zh(code) != NULL ?
	    T_REFUSED_ZH : T_REFUSED, out_q(&c->o, err, "text"),
	    out_q(&c->o, err, "code"), text_code_zh(code), NULL);
	if (next[0] != '\0')
		out_next(&c->o, next);
	return exit_of(status, code);
}

/* No answer at all, or none that makes sense. */
static int
say_lost(struct ctl *c, int rc, const struct why *why)
{
	char text[WHY_MAX];

	log_quote(text, sizeof(text), why->text, strlen(why->text));
	out_tell(&c->o, rc == ERR_CLOSED ? T_UNREACHABLE : T_BAD_ANSWER, text,
	    NULL);
	out_next(&c->o, text_of(T_NEXT_CONF, c->o.lang));
	return EXIT_UNREACHED;
}

/* A command that can do without a collector was asked for one after all. */
static int
say_offline(struct ctl *c)
{
	out_tell(&c->o, T_WRONG, c->no_http.text, NULL);
	out_next(&c->o, text_of(T_NEXT_CONF, c->o.lang));
	return EXIT_USAGE;
}

int
ask(struct ctl *c, const char *method, const char *path, const json_t *body,
    json_t **answer)
{
	json_t *got = NULL;
	struct why why;
	long status = 0;
	int rc;

	if (c->http == NULL)
		return say_offline(c);
	rc = client_call(c->http, method, path, body, &status, &got, &why);
	if (rc != 0)
		return say_lost(c, rc, &why);
	if (status != 200) {
		rc = say_no(c, status, got);
		json_decref(got);
		return rc;
	}
	*answer = got;
	return EXIT_DONE;
}

int
ask_at(struct ctl *c, const char *method, const char *fmt, const char *id,
    const json_t *body, json_t **answer)
{
	const char *hole = strstr(fmt, "{}");
	char path[256];

	if (!name_valid(id))
		return usage(c, "", "not a name or id: %s", id);
	snprintf(path, sizeof(path), "%.*s%s%s", (int)(hole - fmt), fmt, id,
	    hole + 2);
	return ask(c, method, path, body, answer);
}

int
fetch(struct ctl *c, const char *path, FILE *out)
{
	json_t *got = NULL;
	struct why why;
	long status = 0;
	int rc;

	if (c->http == NULL)
		return say_offline(c);
	rc = client_fetch(c->http, path, out, &status, &got, &why);
	if (rc == ERR_IO) {
		out_tell(&c->o, T_WRONG, why.text, NULL);
		return EXIT_USAGE;
	}
	if (rc != 0)
		return say_lost(c, rc, &why);
	rc = EXIT_DONE;
	if (status != 200)
		rc = say_no(c, status, got);
	json_decref(got);
	return rc;
}

int
usage(struct ctl *c, const char *command, const char *fmt, ...)
{
	char text[512], shown[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_quote(shown, sizeof(shown), text, strlen(text));
	out_tell(&c->o, T_WRONG, shown, NULL);
	snprintf(text, sizeof(text), "%s%s", command, command[0] != '\0' ? " " :
	    "");
	out_next(&c->o, out_text(&c->o, T_NEXT_HELP, text, NULL));
	return EXIT_USAGE;
}

void
query_add(char *path, size_t size, const char *name, const char *value)
{
	size_t n = strlen(path);

	if (value == NULL)
		return;
	n += (size_t)snprintf(path + n, size - n, "%c%s=",
	    strchr(path, '?') != NULL ? '&' : '?', name);
	for (; *value != '\0' && n + 4 < size; value++) {
		unsigned char ch = (unsigned char)*value;

		if (isalnum(ch) || strchr("-._~", ch) != NULL)
			n += (size_t)snprintf(path + n, size - n, "%c", ch);
		else
			n += (size_t)snprintf(path + n, size - n, "%%%02x",
			    ch);
	}
}
