/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The notice for who logs in: RUN/motd.d/cordon (pam_motd(8)) and
 * RUN/issue.d/cordon.issue (agetty(8), which looks there only if there is
 * no /etc/issue; so the package has a link to it in /etc/issue.d).  RUN is
 * /run: gone with a reboot, and told anew by the agent that starts then.
 */
#ifndef CORDON_NOTICE_FILES_H
#define CORDON_NOTICE_FILES_H

#include <stdbool.h>

#include "common/base/err.h"

/*
 * Write TEXT to both, or remove both for NULL.  *NEWS: it was not there
 * already, so people who are logged in have not been told.
 */
int files_show(const char *run, const char *text, bool *news,
    struct why *why);

#endif
