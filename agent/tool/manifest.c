/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-agent manifest make|verify TREE.  Runs in the tool as root; the
 * work is done by the sensors' program as the sensors' user, which may read
 * everything and write only its own state folder.
 */
#include <stdio.h>
#include <string.h>

#include "agent/links/identity.h"
#include "agent/links/ipc.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/sign.h"

int
tool_manifest(struct tool *t)
{
	char state[PATH_MAX], user[256], host[ID_MAX] = "", group[256] = "";
	char key[2 * SIGN_KEY_LEN + 1] = "";
	const char *argv[20] = {"agent-sensors"};
	Cordon__Enrolled *id = NULL;
	size_t n = 1;
	struct why why;
	int rc;

	if (strcmp(t->file, "make") != 0 && strcmp(t->file, "verify") != 0) {
		fputs("cordon-agent: manifest make or verify TREE\n", stderr);
		return TOOL_USAGE;
	}
	if (t->manifest != NULL && !id_valid(t->manifest)) {
		fputs("cordon-agent: --manifest: no id\n", stderr);
		return TOOL_USAGE;
	}
	rc = program_folders(t);
	if (rc == TOOL_DONE)
		rc = program_setting(t, "sensors_user", user, sizeof(user));
	if (rc != TOOL_DONE)
		return rc;
	if (file_join(state, sizeof(state), t->state, AGENT_DIR_SENSORS) != 0)
		return TOOL_FAILED;
	if (!file_exists(state)) {
		log_error("%s is not there: the agent never ran here", state);
		return TOOL_CONFIG;
	}
	if (identity_load(t->state, &id, &why) == 0) {
		snprintf(host, sizeof(host), "%s", id->host_id);
		snprintf(group, sizeof(group), "%s", id->group);
		hex_encode(key, id->order_key.data, id->order_key.len);
		cordon__enrolled__free_unpacked(id, NULL);
	}
	argv[n++] = strcmp(t->file, "make") == 0 ? "--make" : "--verify";
	argv[n++] = t->tree;
	argv[n++] = "--state";
	argv[n++] = state;
	argv[n++] = "--user";
	argv[n++] = user;
	argv[n++] = "--host";
	argv[n++] = host;
	if (key[0] != '\0') {
		argv[n++] = "--key";
		argv[n++] = key;
		argv[n++] = "--group";
		argv[n++] = group;
	}
	if (t->manifest != NULL) {
		argv[n++] = "--manifest";
		argv[n++] = t->manifest;
	}
	return program_become(t, "agent-sensors", argv);
}
