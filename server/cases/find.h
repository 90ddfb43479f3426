/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people ask about by name.  Private to server/cases. */
#ifndef CORDON_SERVER_CASES_FIND_H
#define CORDON_SERVER_CASES_FIND_H

#include "server/model/model.h"
#include "server/orders/orders.h"
#include "server/store/db.h"

/* hosts_get(); a host that is not there is refused. */
int find_host(struct db *db, const char *host_id, struct host *h,
    struct refused *refused);

#endif
