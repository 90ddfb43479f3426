/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ignore rules of the sensors, from agent.conf by way of the parent.
 */
#include "agent/sensors/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sensors/path.h"

struct rule {
	char *text;
	size_t len;
	bool suffix;
};

struct ignore {
	struct rule rule[IGNORE_MAX];
	size_t n;
};

static int
rule_add(struct ignore *ig, const char *text, bool suffix)
{
	struct rule *r;

	if (ig->n == IGNORE_MAX)
		return ERR_LIMIT;
	r = &ig->rule[ig->n];
	r->text = strdup(text);
	if (r->text == NULL)
		return ERR_NOMEM;
	r->len = strlen(text);
	r->suffix = suffix;
	ig->n++;
	return 0;
}

static int
rule_parse(struct ignore *ig, const char *text, struct why *why)
{
	int r;

	if (text[0] == '*' && text[1] != '\0' &&
	    strpbrk(text + 1, "*?[/") == NULL)
		r = rule_add(ig, text + 1, true);
	else if (path_clean(text) && text[1] != '\0')
		r = rule_add(ig, text, false);
	else
		return why_set(why, ERR_CONFIG,
		    "ignore \"%s\": write an absolute path or *.suffix", text);
	return r == 0 ? 0 : why_set(why, r, "too many ignore rules");
}

int
ignore_new(char *const *rules, size_t n, struct ignore **out, struct why *why)
{
	struct ignore *ig = calloc(1, sizeof(*ig));
	size_t i;
	int r = 0;

	if (ig == NULL)
		return why_set(why, ERR_NOMEM, "ignore rules");
	for (i = 0; i < n && r == 0; i++)
		r = rule_parse(ig, rules[i], why);
	if (r == 0)
		*out = ig;
	else
		ignore_free(&ig);
	return r;
}

void
ignore_free(struct ignore **igp)
{
	struct ignore *ig = *igp;
	size_t i;

	if (ig == NULL)
		return;
	for (i = 0; i < ig->n; i++)
		free(ig->rule[i].text);
	free(ig);
	*igp = NULL;
}

int
ignore_add_path(struct ignore *ig, const char *path)
{
	return path_clean(path) ? rule_add(ig, path, false) : ERR_RANGE;
}

bool
ignore_has(const struct ignore *ig, const char *path)
{
	size_t i, len;

	if (ig == NULL || ig->n == 0)
		return false;
	len = strlen(path);
	for (i = 0; i < ig->n; i++) {
		const struct rule *r = &ig->rule[i];

		if (r->suffix ? len >= r->len && memcmp(path + len - r->len,
		    r->text, r->len) == 0 : path_under(path, r->text))
			return true;
	}
	return false;
}
