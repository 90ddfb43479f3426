/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sshd_config(5) as the daemon takes it: included files in their place, of
 * each keyword the first value, but for those that are lists; below Match
 * apart.
 */
#ifndef CORDON_STATE_SSHD_CONFIG_H
#define CORDON_STATE_SSHD_CONFIG_H

#include "agent/state/source.h"

#define SSHD_CONFIG "/etc/ssh/sshd_config"
#define SSHD_WORD_MAX 64
#define SSHD_INCLUDES_MAX 64
#define SSHD_INCLUDE_DEPTH_MAX 16

/*
 * One line: the keyword in lower case into KEY[SSHD_WORD_MAX], *VALUE
 * points into LINE, which is changed.  False: nothing in it.
 */
bool sshd_parse(char *line, char *key, char **value);

/*
 * Every line that counts, in order: FILE says it, MATCH is the condition it
 * stands below ("" none).  Anything but 0 ends it.
 */
typedef int sshd_fn(void *arg, const char *file, const char *match,
    const char *key, const char *value);
int sshd_each(const struct state_env *env, sshd_fn *fn, void *arg);

#endif
