/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading hosts: the one query that fills struct host, by key and as list. */
#ifndef CORDON_SERVER_STORE_HOSTS_H
#define CORDON_SERVER_STORE_HOSTS_H

#include <stdbool.h>

#include "server/model/model.h"
#include "server/store/db.h"

/* By host id or by name; ERR_NOENT. */
int hosts_get(struct db *db, const char *id_or_name, struct host *h);
/* Calls FN for each, by name; stops when it returns not 0. */
int hosts_each(struct db *db, int (*fn)(void *arg, const struct host *h),
    void *arg);
/* May it be asked WHAT, a kind that not every agent knows (Hello.answers)? */
bool hosts_answers(const struct host *h, const char *what);
/* State of the order that is desired now (ORDER_PROVEN if none). */
enum order_state hosts_order_state(struct db *db, const struct host *h);

#endif
