/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings of cordonctl (conf.h).  Their file is the user's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "server/ctl/conf.h"

static int
check_url(const char *value, struct why *why)
{
	if (strncmp(value, "https://", 8) == 0 && value[8] != '\0' &&
	    strpbrk(value + 8, "/?# @") == NULL)
		return 0;
	return why_set(why, ERR_CONFIG, "write https://HOST:PORT");
}

static int
check_lang(const char *value, struct why *why)
{
	if (strcmp(value, "en") == 0 || strcmp(value, "zh") == 0)
		return 0;
	return why_set(why, ERR_CONFIG, "write en or zh");
}

#define AT(field) offsetof(struct ctl_conf, field)
static const struct conf_key keys[] = {
{ "cordonctl", "url", CONF_LIST, AT(url), NULL, 0, 0, true, check_url },
{ "cordonctl", "key", CONF_STRING, AT(key), NULL, 0, 0, true, NULL },
{ "cordonctl", "cert", CONF_STRING, AT(cert), NULL, 0, 0, true, NULL },
{ "cordonctl", "ca", CONF_STRING, AT(ca), NULL, 0, 0, true, NULL },
{ "cordonctl", "lang", CONF_STRING, AT(lang), NULL, 0, 0, false,
  check_lang },
{ "cordonctl", "timeout", CONF_SPAN, AT(timeout), "30s", 1, 600, false,
  NULL },
{ .section = NULL },
};

static bool
first_there(char *out, size_t size)
{
	const char *env = getenv("CORDONCTL_CONF");
	const char *home = getenv("HOME");

	if (env != NULL && env[0] != '\0') {
		snprintf(out, size, "%s", env);
		return true;
	}
	if (home != NULL && home[0] != '\0') {
		snprintf(out, size, "%s/.config/cordon/cordonctl.conf", home);
		if (file_exists(out))
			return true;
	}
	snprintf(out, size, "/etc/cordon/cordonctl.conf");
	return file_exists(out);
}

int
ctl_conf_load(const char *path, struct ctl_conf *c, struct why *why)
{
	char found[4096];

	memset(c, 0, sizeof(*c));
	if (path == NULL) {
		if (!first_there(found, sizeof(found)))
			return why_set(why, ERR_NOENT, "no configuration: "
			    "neither ~/.config/cordon/cordonctl.conf nor "
			    "/etc/cordon/cordonctl.conf; make one with "
			    "cordonctl operator enrol");
		path = found;
	}
	return conf_load(path, keys, c, NULL, why);
}

void
ctl_conf_free(struct ctl_conf *c)
{
	conf_free(keys, c);
}
