/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of /proc that a process may choose, through parsers and judgement. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/process/suspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct process_seen s;
	static const struct suspect_rules rules;
	struct seen_script script;
	struct suspect out;
	char peer[SEEN_PEER_MAX], *text = malloc(len + 1);
	const char *bytes = (const char *)data;
	size_t half = len / 2;

	memset(&s, 0, sizeof(s));
	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	seen_take_exe(&s, bytes, half);
	seen_take_status(&s, text);
	seen_take_args(&s.args, bytes + half, len - half);
	seen_take_preload(&s, bytes, len);
	seen_peer(text, len % 2 == 0, 12, peer);
	seen_script(s.exe, &s.args, &script);
	s.ups = 1;
	seen_take_args(&s.up[0].args, bytes, half);
	memcpy(s.up[0].exe, s.exe, sizeof(s.exe));
	suspect_exec(&s, &rules, &out);
	suspect_name(&s, &out);
	suspect_may_be_fed(&s);
	free(text);
	return 0;
}
