/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of what is in packages, as the collector serves them: made from
 * package files by an import, signed, kept as files in the state folder
 * (NAME.sums and NAME.sums.sig), given to agents that ask.
 */
#ifndef CORDON_SERVER_LISTS_LISTS_H
#define CORDON_SERVER_LISTS_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define LISTS_FOLDER "lists" /* in the state folder */
#define LISTS_IMPORT_MAX 100000 /* files in one folder */

/* -- import: a command of its own, as the collector's user ----------------- */

struct lists_import {
	const char *folder; /* made if it is not there */
	/* MANIFEST_CONTEXT over an id, NUL, and the digest of the list. */
	int (*sign)(void *arg, const char *id, const uint8_t digest[32],
	    uint8_t sig[64], struct why *why);
	void *arg;
	size_t made, bad; /* so far */
};
/*
 * FILE is a package, or a folder of packages and folders.  A package that
 * cannot be read is counted and logged, the others go on; an error is one
 * of the folder or the signer.
 */
int lists_import(struct lists_import *im, const char *file, struct why *why);

/* -- serving: on the writer thread ----------------------------------------- */

/* Is there any list? */
bool lists_any(const char *folder);
/* Those of ASK that are there: packed ListHave into OUT. */
int lists_have(const char *folder, const Cordon__ListAsk *ask,
    struct buf *out);
/* The piece that ASK wants: packed ListPart into OUT. */
int lists_part(const char *folder, const Cordon__ListAsk *ask,
    struct buf *out);

#endif
