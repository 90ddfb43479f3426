/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of passwd, shadow and group; texts of /proc; package lists. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/own.h"
#include "agent/state/passwd.h"
#include "agent/sensors/path.h"
#include "agent/sensors/picture.h"
#include "agent/sensors/places.h"
#include "agent/sensors/who.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *
text_of(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct passwd_line p;
	struct shadow_line s;
	struct group_line g;
	char *text, out[256];
	uint32_t uid;
	pid_t parent;
	int i;

	if (len > 65536)
		return 0;
	for (i = 0; i < 4; i++) {
		text = text_of(data, len);
		if (i == 0 && passwd_parse(text, &p) == 0 &&
		    (strlen(p.name) == 0 || p.shell == NULL))
			abort();
		if (i == 1 && shadow_parse(text, &s) == 0)
			password_parse(s.password);
		if (i == 2 && group_parse(text, &g) == 0 &&
		    strchr(g.members, ':') != NULL)
			abort();
		if (i == 3)
			places_clean_cmdline(text);
		free(text);
	}
	text = text_of(data, len);
	who_parse_status(text, &uid, &parent);
	who_parse_stat(text);
	who_parse_cgroup(text, out, sizeof(out));
	own_listed(text, "/usr/bin/x", out);
	shell_is_login(text);
	path_clean(text);
	picture_unescape(out, sizeof(out), text, len);
	free(text);
	return 0;
}
