/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordonctl: the security team's tool on the command line.  Runs as the
 * person who types, holds that person's key, and believes the collector's
 * words only as text.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/base/log.h"
#include "server/ctl/cmd.h"

/* --lang, then the configuration, then LC_ALL, LC_MESSAGES, LANG. */
static enum lang
language(const struct args *a, const struct ctl_conf *conf)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES",
		"LANG" };
	const char *value;
	size_t i;

	if (a->lang != NULL)
		return text_lang(a->lang);
	if (conf->lang != NULL)
		return text_lang(conf->lang);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value != NULL && value[0] != '\0')
			return text_lang(value);
	}
	return LANG_EN;
}

static const char *
full_name(char *out, size_t size, const struct command *cmd)
{
	out[0] = '\0';
	if (cmd != NULL)
		snprintf(out, size, "%s%s%s", cmd->name, cmd->sub != NULL ?
		    " " : "", cmd->sub != NULL ? cmd->sub : "");
	return out;
}

static void
set_manner(struct ctl *c)
{
	c->o.lang = language(&c->a, &c->conf);
	c->o.json = c->a.json;
	c->o.utc = c->a.utc;
}

/* Configuration and client; a command that can do without goes on. */
static int
set_up(struct ctl *c, const struct command *cmd)
{
	struct client_settings set = { .url = NULL };
	struct why why;
	int rc;

	rc = ctl_conf_load(c->a.conf, &c->conf, &why);
	set_manner(c);
	if (rc == 0) {
		set.url = (const char *const *)c->conf.url.item;
		set.nurl = c->conf.url.n;
		set.key = c->conf.key;
		set.cert = c->conf.cert;
		set.ca = c->conf.ca;
		set.timeout_seconds = (long)c->conf.timeout;
		rc = client_new(&set, &c->http, &why);
	}
	if (rc == 0 || (cmd->offline && c->a.conf == NULL)) {
		c->no_http = why;
		return 0;
	}
	out_tell(&c->o, T_WRONG, why.text, NULL);
	out_next(&c->o, text_of(T_NEXT_CONF, c->o.lang));
	return rc;
}

int
main(int argc, char **argv)
{
	static struct ctl c; /* static: its buffers are large */
	const struct command *cmd;
	struct why why;
	char name[64];
	int rc;

	setlocale(LC_TIME, "");
	log_init("cordonctl", LOG_LEVEL_WARN);
	out_init(&c.o, stdout, stderr, LANG_EN);
	c.in = stdin;
	rc = args_parse(argc, argv, &c.a, &cmd, &why);
	set_manner(&c);
	if (rc != 0)
		return usage(&c, full_name(name, sizeof(name), cmd), "%s",
		    why.text);
	if (c.a.lang != NULL && strcmp(c.a.lang, "en") != 0 &&
	    strcmp(c.a.lang, "zh") != 0)
		return usage(&c, "", "--lang is en or zh");
	if (c.a.version) {
		printf("cordonctl %s\n", CORDON_VERSION);
		return EXIT_DONE;
	}
	if (c.a.help) {
		args_help(stdout, cmd, c.o.lang);
		return EXIT_DONE;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return usage(&c, "", "libcurl does not start");
	rc = set_up(&c, cmd) == 0 ? cmd->fn(&c) : EXIT_USAGE;
	client_free(&c.http);
	ctl_conf_free(&c.conf);
	curl_global_cleanup();
	if (fflush(stdout) != 0 && rc == EXIT_DONE)
		rc = EXIT_USAGE;
	return rc;
}
