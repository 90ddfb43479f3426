/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of packages between collector and agent: their names, what is
 * signed of one, bounds.  Pure.
 */
#ifndef CORDON_WIRE_PACKAGE_LIST_H
#define CORDON_WIRE_PACKAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sign.h"

#define PACKAGE_LISTS_ASK_MAX 96       /* names in one question */
#define PACKAGE_LIST_NAME_MAX 512
#define PACKAGE_LIST_PART (64 * 1024)  /* bytes of each piece but the last */
#define PACKAGE_LIST_MAX (16u * 1024 * 1024) /* an agent takes no longer */
#define PACKAGE_LIST_SIG ".sig"
#define PACKAGE_LIST_ID "L-1" /* signed as manifests are, under this id */

/* "NAME_VERSION_ARCH.sums", of plain characters, no path? */
bool package_list_name(const char *name);
/* MANIFEST_CONTEXT over PACKAGE_LIST_ID, NUL, SHA-256 of the list. */
bool package_list_good(const uint8_t key[SIGN_KEY_LEN], const void *list,
    size_t len, const uint8_t sig[SIGN_SIG_LEN]);

#endif
