/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration files by table: one table per program names every section,
 * key, type, bound and default; anything else in the file is an error with
 * file, line and key.  Reads INI through inih.  The caller parses into a
 * fresh struct and uses it only when all of it is good.
 */
#ifndef CORDON_CONF_CONF_H
#define CORDON_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define CONF_LIST_MAX 256
#define CONF_LINE_MAX 1024

enum conf_type {
	CONF_STRING, /* char *, owned by the struct, freed by conf_free */
	CONF_INT,    /* int64_t, within min..max */
	CONF_BOOL,   /* bool: yes|no|true|false|on|off */
	CONF_SPAN,   /* int64_t seconds: 90s 15m 1h 7d, within min..max */
	CONF_SIZE,   /* int64_t bytes: 4096 64K 16M 2G, within min..max */
	CONF_LIST,   /* struct conf_list; each line "key = value" adds one */
};

struct conf_list {
	char **item; /* owned */
	size_t n;
};

/* One key.  The table ends with a row whose section is NULL. */
struct conf_key {
	const char *section;
	const char *key;
	enum conf_type type;
	size_t offset;	      /* offsetof() in the settings struct */
	const char *standard; /* default as text; NULL: none; LIST: one item */
	int64_t min, max;     /* INT, SPAN, SIZE; 0,0: any */
	bool must;	      /* an error if neither file nor default gives it */
	/* Checks one value; NULL: none.  Sets WHY without file and line. */
	int (*check)(const char *value, struct why *why);
};

/*
 * For sections whose names are free ("[rule no-shells]"): called for each
 * key the table does not know; return ERR_NOENT to make it an error.
 */
typedef int conf_other_fn(void *settings, const char *section,
    const char *key, const char *value, int line, struct why *why);

/*
 * Fill SETTINGS (zeroed by the caller) with defaults, then from PATH.
 * WHY gets "PATH:LINE: [section] key: what is wrong; what to write".
 * On error everything that was allocated in SETTINGS is freed.
 */
int conf_load(const char *path, const struct conf_key *table, void *settings,
    conf_other_fn *other, struct why *why);
/* The defaults only. */
int conf_defaults(const struct conf_key *table, void *settings,
    struct why *why);
void conf_free(const struct conf_key *table, void *settings);

#endif
