/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of server/orders say to each other about plans and hosts.
 * Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_OWN_H
#define CORDON_SERVER_ORDERS_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/orders/plan_row.h"

/* plan.c: rules that are asked again when a plan is applied. */
int plan_find(struct db *db, const char *plan_id, struct plan *p,
    struct refused *refused);
int plan_check_role(struct db *db, enum plan_action action,
    enum plan_origin origin, const struct actor *a,
    const struct host_list *l, struct refused *refused);
int plan_check_never(const struct orders_settings *s,
    const struct host_list *l, struct refused *refused);
int plan_check_stages(struct db *db, enum plan_action action,
    const struct host_list *l, struct refused *refused);

/* What the table of approvals asks of P for these hosts. */
int plan_fill_need(struct db *db, struct plan *p, const struct host_list *l,
    struct refused *refused);
/* What the hosts must be for the plan, and the budget. */
int plan_check_hosts(struct db *db, const struct orders_settings *s,
    const struct plan *p, const struct host_list *l,
    struct refused *refused);

/* approval.c: is DIGEST the plan's, and the plan what its digest says? */
int plan_check_digest(const struct plan *p, const struct host_list *l,
    const char *digest, struct refused *refused);

/* hostlist.c */
bool host_list_has(const struct host_list *l, const char *host_id);

/* segment.c: a host's addresses column. */
bool host_has_address(const struct host *h, const uint8_t *ip,
    uint8_t ip_len);
/* Do they share a segment (no loopback, no link-local)? */
bool host_shares_segment(const struct host *a, const struct host *b);

struct segment_address {
	uint8_t ip[16];
	uint8_t ip_len;
	uint8_t prefix_len;
};
#define SEGMENT_ADDRESSES_MAX 16
/* Parse "10.1.2.3/24 2001:db8::5/64"; what cannot be read is left out. */
size_t segment_parse(const char *text,
    struct segment_address out[SEGMENT_ADDRESSES_MAX]);

#endif
