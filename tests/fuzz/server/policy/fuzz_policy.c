/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules of random text: lines "section<TAB>key<TAB>value", then a decision
 * with the first line's parts as facts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
decide(const struct policy *p, const char *kind, const char *object,
    uint8_t bits)
{
	struct host host = {.tier = (enum tier)(bits & 3)};
	struct policy_facts f = {
		.kind = kind,
		.severity = (enum severity)(1 + bits % 5),
		.object = object,
		.program = "",
		.host = &host,
		.count = bits,
		.classes = bits & 7,
		.prevalence = bits >> 3,
		.window_seconds = policy_window(p, kind),
	};
	struct policy_decision d;

	policy_decide(p, &f, &d);
	must(d.score >= 0 && d.score <= 100);
	must(d.why[0] != '\0' && strlen(d.why) < 480);
	/* nothing in the text can make a rule isolate a critical host */
	must(host.tier >= TIER_T2 || d.what < POLICY_ISOLATE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct policy *p = policy_new();
	char *text = malloc(len + 1), *line, *next, *key, *value;
	struct why why = {""};
	int n = 0, rc = 0;

	must(p != NULL && text != NULL);
	memcpy(text, data, len);
	text[len] = '\0';
	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		key = strchr(line, '\t');
		if (key == NULL)
			continue;
		*key++ = '\0';
		value = strchr(key, '\t');
		if (value == NULL)
			continue;
		*value++ = '\0';
		if (policy_key(p, line, key, value, ++n, &why) != 0)
			rc = ERR_CONFIG;
	}
	if (rc == 0 && policy_check(p, &why) == 0)
		decide(p, text, "/etc/passwd", len > 0 ? data[len - 1] : 0);
	decide(p, "files.changed", "/etc/shadow", len > 0 ? data[0] : 0);
	free(text);
	policy_free(&p);
	return 0;
}
