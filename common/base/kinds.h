/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kinds of signal: the one table of agent, collector and cordonctl,
 * with severity, ATT&CK technique and what to do, in both languages.  Ids
 * are stable and never translated.
 */
#ifndef CORDON_COMMON_BASE_KINDS_H
#define CORDON_COMMON_BASE_KINDS_H

/* Bounds of the table's own text, in bytes without the 0. */
#define KIND_ID_MAX 32
#define KIND_TEXT_MAX 96

enum severity { /* numbers as in agent.proto */
	SEV_INFO = 1,
	SEV_LOW,
	SEV_MEDIUM,
	SEV_HIGH,
	SEV_CRITICAL,
};

struct signal_kind {
	const char *id; /* "data.canary": group and name */
	int severity;	/* enum severity, where the sensor does not say more */
	const char *technique;	   /* MITRE ATT&CK id, "" if none fits */
	const char *en, *zh;	   /* what it is */
	const char *do_en, *do_zh; /* what to do next */
};

/* The kinds with one prefix: what they are about. */
struct signal_group {
	const char *prefix; /* "data" */
	const char *en, *zh;
};

/* NULL for an id that is not in the table. */
const struct signal_kind *signal_kind_find(const char *id);
/* Ends with id == NULL.  Kinds of a group stand together. */
const struct signal_kind *signal_kind_table(void);
/* Ends with prefix == NULL; in the order of the kinds. */
const struct signal_group *signal_group_table(void);

#endif
