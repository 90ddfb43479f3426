/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kinds of signal: the one table, with severity, ATT&CK technique and
 * what to do, in both languages.  Ids are stable and never translated.
 */
#ifndef CORDON_AGENT_LINKS_KINDS_H
#define CORDON_AGENT_LINKS_KINDS_H

#include <stddef.h>

#include "common/wire/agent.pb-c.h"

struct signal_kind {
	const char *id;
	Cordon__Severity severity; /* where the sensor does not say more */
	const char *technique;	   /* MITRE ATT&CK id, "" if none fits */
	const char *en, *zh;	   /* what it is */
	const char *do_en, *do_zh; /* what to do next */
};

/* NULL for an id that is not in the table. */
const struct signal_kind *signal_kind_find(const char *id);
/* Ends with id == NULL. */
const struct signal_kind *signal_kind_table(void);

#endif
