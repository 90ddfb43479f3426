/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `cordon-agent enrol`: the network program talks to the collector, as its
 * own user and with nothing else to lose; here, as root, what it brought
 * back is checked again and written down.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/identity.h"
#include "agent/links/ipc.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/spawn.h"
#include "common/wire/frame.h"
#include "common/wire/unpack.h"

#define TOKEN_MAX 128
#define SHA256_HEX 64
#define OUT_FD "3"
#define ARGS_MAX (2 * TOOL_COLLECTORS_MAX + 16)

/* One line without blanks: from the option, a file or standard input. */
static int
read_token(const struct tool *t, char out[TOKEN_MAX], struct why *why)
{
	char line[TOKEN_MAX + 2] = "";
	struct buf b;
	int err = 0;

	buf_init(&b, TOKEN_MAX);
	if (t->token_file != NULL) {
		err = file_read(t->token_file, &b, why);
		if (err != 0)
			goto done;
		memcpy(line, b.data, b.len);
	} else if (strcmp(t->token, "-") == 0) {
		if (fgets(line, sizeof(line), stdin) == NULL)
			line[0] = '\0';
	} else if (strlen(t->token) < sizeof(line)) {
		strcpy(line, t->token);
	}
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || strlen(line) >= TOKEN_MAX ||
	    strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789-_.=") != strlen(line)) {
		err = why_set(why, ERR_SYNTAX, "this is no enrolment token; "
		    "get one with: cordonctl enrol token --group G --tier T2");
		goto done;
	}
	strcpy(out, line);
done:
	explicit_bzero(line, sizeof(line));
	buf_done_wipe(&b);
	return err;
}

/* 64 hex digits; colons between them, as other tools print them, are fine. */
static int
read_digest(const char *text, char out[SHA256_HEX + 1], struct why *why)
{
	size_t n = 0;

	for (; *text != '\0' && n < SHA256_HEX; text++) {
		if (*text == ':')
			continue;
		if (!isxdigit((unsigned char)*text))
			break;
		out[n++] = (char)tolower((unsigned char)*text);
	}
	out[n] = '\0';
	if (n != SHA256_HEX || *text != '\0')
		return why_set(why, ERR_SYNTAX, "--ca-sha256: the SHA-256 of "
		    "the collector's CA, 64 hex digits");
	return 0;
}

/* Exit status if this host may not be enrolled now. */
static int
refuse_again(const struct tool *t)
{
	Cordon__Enrolled *id = NULL;
	struct why why = {0};
	int err;

	err = identity_load(t->state, &id, &why);
	if (err == ERR_NOENT || t->force) {
		if (id != NULL)
			cordon__enrolled__free_unpacked(id, NULL);
		return TOOL_DONE;
	}
	if (err != 0) {
		log_error("%s; enrol anew with --force", why.text);
		return TOOL_FAILED;
	}
	log_error("this host is enrolled already, as %s (%s); --force enrols "
	    "it anew", id->name, id->host_id);
	cordon__enrolled__free_unpacked(id, NULL);
	return TOOL_FAILED;
}

/* The folders, as agent.conf has them; it says itself what is wrong. */
static int
make_folders(const struct tool *t)
{
	const char *argv[] = {"agent-parent", "-c", t->conf, "--folders",
	    NULL};
	struct why why = {0};
	int status;

	if (program_run(t, "agent-parent", argv, NULL, 0, NULL, &status,
		&why) == 0)
		return TOOL_DONE;
	if (status < 0)
		log_error("%s", why.text);
	return status == TOOL_CONFIG ? TOOL_CONFIG : TOOL_FAILED;
}

/* Let the network program enrol; OUT is the packed Enrolled. */
static int
ask_network(const struct tool *t, const char *digest, const char *token,
    struct buf *out)
{
	char state[PATH_MAX], user[256], line[TOKEN_MAX + 1];
	const char *argv[ARGS_MAX];
	struct why why = {0};
	size_t i, n = 0;
	int rc, status;

	rc = program_setting(t, "network_user", user, sizeof(user));
	if (rc != TOOL_DONE)
		return rc;
	if (file_join(state, sizeof(state), t->state, AGENT_DIR_NETWORK) != 0)
		return TOOL_FAILED;
	argv[n++] = "agent-network";
	argv[n++] = "--enrol";
	argv[n++] = "--state";
	argv[n++] = state;
	argv[n++] = "--user";
	argv[n++] = user;
	argv[n++] = "--ca-sha256";
	argv[n++] = digest;
	argv[n++] = "--token";
	argv[n++] = "-"; /* on its standard input: arguments are public */
	argv[n++] = "--out-fd";
	argv[n++] = OUT_FD;
	for (i = 0; i < t->ncollectors; i++) {
		argv[n++] = "--collector";
		argv[n++] = t->collector[i];
	}
	argv[n] = NULL;
	snprintf(line, sizeof(line), "%s\n", token);
	rc = program_run(t, "agent-network", argv, line, SPAWN_FD_FIRST, out,
	    &status, &why);
	explicit_bzero(line, sizeof(line));
	if (rc == 0)
		return TOOL_DONE;
	if (status != 1) /* else it said why itself */
		log_error("%s", why.text);
	log_error("not enrolled");
	return TOOL_FAILED;
}

/* Check what came back, as root and on its own, and write it down. */
static int
keep(const struct tool *t, const struct buf *packed)
{
	Cordon__Enrolled *id;
	struct why why = {0};
	int err;

	id = unpack(&cordon__enrolled__descriptor, packed->data, packed->len);
	if (id == NULL) {
		log_error("what the network program brought back cannot be "
		    "read");
		return TOOL_FAILED;
	}
	err = identity_check(id, &why);
	if (err == 0)
		err = identity_save(t->state, id, &why);
	if (err != 0)
		log_error("identity: %s", why.text);
	else
		printf("enrolled as %s (%s), group %s, tier %s\n"
		    "next: systemctl restart cordon-agent\n",
		    id->name, id->host_id, id->group, id->tier);
	cordon__enrolled__free_unpacked(id, NULL);
	return err == 0 ? TOOL_DONE : TOOL_FAILED;
}

int
tool_enrol(struct tool *t)
{
	char digest[SHA256_HEX + 1], token[TOKEN_MAX];
	struct why why = {0};
	struct buf out;
	int rc;

	buf_init(&out, frame_max(FRAME_ENROLLED) + 1);
	if (read_digest(t->ca_sha256, digest, &why) != 0 ||
	    read_token(t, token, &why) != 0) {
		log_error("%s", why.text);
		return TOOL_USAGE;
	}
	rc = program_folders(t);
	if (rc == TOOL_DONE)
		rc = refuse_again(t);
	if (rc == TOOL_DONE)
		rc = make_folders(t);
	if (rc == TOOL_DONE)
		rc = ask_network(t, digest, token, &out);
	if (rc == TOOL_DONE)
		rc = keep(t, &out);
	explicit_bzero(token, sizeof(token));
	buf_done(&out);
	return rc;
}
