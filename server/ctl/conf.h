/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cordonctl.conf: where the collectors are and who we are. */
#ifndef CORDON_SERVER_CTL_CONF_H
#define CORDON_SERVER_CTL_CONF_H

#include "common/conf/conf.h"

struct ctl_conf {
	struct conf_list url; /* "https://10.1.2.3:8444", tried in order */
	char *key, *cert, *ca; /* PEM files */
	char *lang;	       /* en, zh; NULL: by the environment */
	int64_t timeout;       /* seconds one request may take */
};

/*
 * PATH, or else CORDONCTL_CONF, ~/.config/cordon/cordonctl.conf,
 * /etc/cordon/cordonctl.conf: the first that exists.  ERR_CONFIG, ERR_NOENT.
 */
int ctl_conf_load(const char *path, struct ctl_conf *c, struct why *why);
void ctl_conf_free(struct ctl_conf *c);

#endif
