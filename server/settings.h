/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The collector's configuration: collector.conf and policy.conf, parsed
 * into a fresh struct, checked whole, then given to each room in its form.
 */
#ifndef CORDON_SERVER_SETTINGS_H
#define CORDON_SERVER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/conf/conf.h"
#include "common/net/addr.h"
#include "server/cases/cases.h"
#include "server/orders/orders.h"
#include "server/policy/policy.h"

#define SETTINGS_FILE "/etc/cordon/collector.conf"
#define SETTINGS_LISTEN_MAX 16

struct settings_addrs {
	struct addr at[SETTINGS_LISTEN_MAX];
	size_t n;
};

struct settings {
	/* as in the file */
	char *database;
	char *state_dir;
	char *user;
	char *policy_file;
	char *log_level;
	char *signer_socket;
	int64_t loops; /* 0 in the file: cores; never 0 here */
	int64_t readers;
	int64_t heartbeat;
	int64_t connections_max;
	int64_t agent_cert, operator_cert, server_cert, renew_before;
	int64_t stale_cert;
	int64_t review[4];
	struct conf_list listen_list, api_list, advertise_list;
	struct conf_list probe_list, limited_list, allow_list, gate_list, recheck_list;
	char *notice_en, *notice_zh;
	char *deadman[4];

	/* the [allow NAME] that is being read */
	char allow_section[80];
	struct orders_named allow_now;

	/* worked out from it */
	struct settings_addrs listen, api;
	enum log_level level;
	struct orders_settings orders; /* all but `sign` */
	struct cases_settings cases;   /* all but `sign_manifest` */
	struct policy *policy;
};

/*
 * Read and check both files.  ERR_CONFIG with "file:line: ..." in WHY; *S
 * untouched then.  Freed by settings_free.
 */
int settings_load(const char *path, struct settings **s, struct why *why);
void settings_free(struct settings **s);

#endif
