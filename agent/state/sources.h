/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sources that there are, each in the file of its name.
 */
#ifndef CORDON_STATE_SOURCES_H
#define CORDON_STATE_SOURCES_H

#include "agent/state/source.h"

/* -- read from files ---------------------------- */
extern const struct state_source state_accounts;
extern const struct state_source state_groups;
extern const struct state_source state_sudo;
extern const struct state_source state_pam;
extern const struct state_source state_polkit;
extern const struct state_source state_sshd;
extern const struct state_source state_keys;
extern const struct state_source state_places;
extern const struct state_source state_authorities;
extern const struct state_source state_names;
extern const struct state_source state_login;
extern const struct state_source state_logging;
extern const struct state_source state_logs;

#endif
