/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of sources.  A new one is a row here and a file of its own.
 */
#include "agent/state/sources.h"

#include <stddef.h>

const struct state_source *const state_sources[] = {
	/* read from files */
	&state_accounts,
	&state_groups,
	&state_sudo,
	&state_pam,
	&state_polkit,
	&state_sshd,
	&state_keys,
	&state_places,
	&state_authorities,
	&state_names,
	&state_login,
	&state_logging,
	&state_logs,
	/* asked of the kernel */
	NULL,
};
