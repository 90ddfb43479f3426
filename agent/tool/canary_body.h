/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names and contents of canary files: as plausible as the documents beside
 * them, and made up.  Random, so that no two hosts have the same.
 */
#ifndef CORDON_TOOL_CANARY_BODY_H
#define CORDON_TOOL_CANARY_BODY_H

#include <stdbool.h>

#include "common/base/buf.h"

#define CANARY_NAME_MAX 96
#define CANARY_BODY_MAX (64 * 1024)

/* Is there a body for this ending ("pdf"), without its dot? */
bool canary_can(const char *ending);
/*
 * A name with ENDING that sorts, by bytes, before FIRST (LAST == NULL), or
 * after LAST.  FIRST and LAST may be "".
 */
void canary_name(char out[CANARY_NAME_MAX], const char *ending,
    const char *first, const char *last);
/* Append a document of that ending to OUT; ERR_NOMEM, ERR_LIMIT. */
int canary_body(const char *ending, struct buf *out);

#endif
