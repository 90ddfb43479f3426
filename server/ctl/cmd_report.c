/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report and audit: documents.  `audit verify FILE --key` needs no
 * collector at all: the log proves itself against the key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/id.h"
#include "server/ctl/cmd.h"
#include "server/model/chain.h"

/* GET PATH into a new file NAME; what failed leaves no file behind. */
static int
fetch_file(struct ctl *c, const char *path, const char *name)
{
	FILE *f = fopen(name, "we");
	struct stat st;
	int rc;

	if (f == NULL)
		return usage(c, "", "cannot write %s", name);
	rc = fetch(c, path, f);
	if (rc == EXIT_DONE && fstat(fileno(f), &st) == 0)
		out_tell(&c->o, T_WROTE, name, out_num(&c->o, st.st_size),
		    NULL);
	if (fclose(f) != 0 && rc == EXIT_DONE)
		rc = usage(c, "", "cannot write %s", name);
	if (rc != EXIT_DONE)
		remove(name);
	return rc;
}

int
cmd_report(struct ctl *c)
{
	char path[1024] = "/v1/report";
	int rc;

	query_add(path, sizeof(path), "format", c->a.format != NULL ?
	    c->a.format : c->o.json ? "json" : "html");
	query_add(path, sizeof(path), "from", c->a.from);
	query_add(path, sizeof(path), "to", c->a.to);
	query_add(path, sizeof(path), "case", c->a.case_id);
	query_add(path, sizeof(path), "lang", c->o.lang == LANG_ZH ? "zh" :
	    "en");
	if (c->a.out != NULL)
		rc = fetch_file(c, path, c->a.out);
	else
		rc = fetch(c, path, c->o.out);
	if (rc == EXIT_DONE)
		out_next(&c->o, text_of(T_NEXT_STATUS, c->o.lang));
	return rc;
}

/* 64 hex digits, or a file that begins with them. */
static int
read_key(const char *text, uint8_t key[SIGN_KEY_LEN])
{
	struct buf b;
	struct why why;
	char *line;
	int rc;

	if (hex_decode(key, SIGN_KEY_LEN, text) == 0)
		return 0;
	buf_init(&b, 4096);
	rc = file_read(text, &b, &why);
	if (rc == 0)
		rc = buf_add_u8(&b, 0);
	if (rc == 0) {
		line = (char *)b.data;
		line[strcspn(line, " \r\n")] = '\0';
		rc = hex_decode(key, SIGN_KEY_LEN, line);
	}
	buf_done(&b);
	return rc;
}

static int
verify(struct ctl *c, FILE *in, const uint8_t key[SIGN_KEY_LEN])
{
	struct chain_result r = { .lines = 0 };
	json_t *v = json_object();
	struct why why = { "" };
	int rc;

	rc = chain_verify(in, key, &r, &why);
	json_object_set_new(v, "whole", json_boolean(rc == 0));
	json_object_set_new(v, "lines", json_integer((json_int_t)r.lines));
	json_object_set_new(v, "heads", json_integer((json_int_t)r.heads));
	if (rc != 0) {
		json_object_set_new(v, "bad_line",
		    json_integer((json_int_t)r.bad_line));
		json_object_set_new(v, "why", json_string(why.text));
	}
	if (c->o.json)
		out_json(&c->o, v);
	if (rc == 0)
		out_say(&c->o, T_AUDIT_GOOD, out_mark(&c->o, MARK_GOOD),
		    out_num(&c->o, (int64_t)r.lines), out_num(&c->o,
		    (int64_t)r.heads), NULL);
	else
		out_say(&c->o, T_AUDIT_BAD, out_mark(&c->o, MARK_BAD),
		    out_q(&c->o, v, "why"), NULL);
	json_decref(v);
	out_next(&c->o, text_of(rc == 0 ? T_NEXT_STATUS :
	    T_NEXT_REPORT_BROKEN, c->o.lang));
	return rc == 0 ? EXIT_DONE : EXIT_REFUSED;
}

/* Without a file: the log as it is now, with the collector's own key. */
static int
verify_live(struct ctl *c)
{
	uint8_t key[SIGN_KEY_LEN];
	json_t *keys = NULL;
	FILE *f = tmpfile();
	int rc;

	if (f == NULL)
		return usage(c, "audit verify", "no room for the log");
	rc = ask(c, "GET", "/v1/keys", NULL, &keys);
	if (rc == EXIT_DONE && c->a.key == NULL) {
		out_tell(&c->o, T_AUDIT_KEY_NOTE, NULL);
		if (hex_decode(key, sizeof(key), json_str(keys,
		    "audit_key")) != 0)
			rc = usage(c, "audit verify", "no key");
	} else if (rc == EXIT_DONE && read_key(c->a.key, key) != 0) {
		rc = usage(c, "audit verify", "--key: no such key");
	}
	if (rc == EXIT_DONE)
		rc = fetch(c, "/v1/audit", f);
	if (rc == EXIT_DONE) {
		rewind(f);
		rc = verify(c, f, key);
	}
	fclose(f);
	json_decref(keys);
	return rc;
}

int
cmd_audit_verify(struct ctl *c)
{
	uint8_t key[SIGN_KEY_LEN];
	FILE *f;
	int rc;

	if (c->a.npos == 0)
		return verify_live(c);
	if (c->a.key == NULL)
		return usage(c, "audit verify",
		    "--key must give the audit public key");
	if (read_key(c->a.key, key) != 0)
		return usage(c, "audit verify", "--key: no such key: %s",
		    c->a.key);
	f = fopen(c->a.pos[0], "re");
	if (f == NULL)
		return usage(c, "audit verify", "cannot read %s",
		    c->a.pos[0]);
	rc = verify(c, f, key);
	fclose(f);
	return rc;
}

int
cmd_audit_export(struct ctl *c)
{
	json_t *keys = NULL;
	int rc;

	rc = ask(c, "GET", "/v1/keys", NULL, &keys);
	if (rc == EXIT_DONE)
		rc = fetch_file(c, "/v1/audit", c->a.pos[0]);
	if (rc == EXIT_DONE && c->o.json)
		out_json(&c->o, keys);
	if (rc == EXIT_DONE)
		out_next(&c->o, out_text(&c->o, T_NEXT_KEEP_LOG, c->a.pos[0],
		    out_q(&c->o, keys, "audit_key"), NULL));
	json_decref(keys);
	return rc;
}
