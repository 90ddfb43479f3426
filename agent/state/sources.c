/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of sources.  A new one is a row here and a file of its own.
 */
#include "agent/state/sources.h"

#include <stddef.h>

#include "agent/state/bpf.h"
#include "agent/state/devices.h"
#include "agent/state/kernel.h"
#include "agent/state/listeners.h"
#include "agent/state/loggers.h"
#include "agent/state/modules.h"
#include "agent/state/mounts.h"
#include "agent/state/preload.h"
#include "agent/state/routes.h"
#include "agent/state/stamps.h"
#include "agent/state/sysctl.h"
#include "agent/state/walltime.h"

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
	&libraries_source,
	&web_source,
	&state_authorities,
	&state_names,
	&state_login,
	&state_logging,
	&state_logs,
	/* asked of the kernel */
	&listeners_source, /* before modules: the first may load tcp_diag */
	&peers_source,
	&devices_source,
	&routes_source,
	&modules_source,
	&kernel_source,
	&lsm_source,
	&sysctl_source,
	&binfmt_source,
	&bpf_source,
	&mounts_source,
	&walltime_source,
	&loggers_source,
	&preload_source,
	NULL,
};
