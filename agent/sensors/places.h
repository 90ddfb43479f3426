/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The places from which something is started by itself (persistence), by
 * content: the picture for G07.  Class "place", key path.
 */
#ifndef CORDON_SENSORS_PLACES_H
#define CORDON_SENSORS_PLACES_H

#include <stdatomic.h>

#include "agent/sensors/accounts.h"
#include "agent/sensors/picture.h"

/* PREFIX stands before every path ("" on a host).  Sorted. */
int places_picture(const char *prefix, const struct account_files *files,
    const atomic_bool *stop, struct picture *p);
/* The boot command line without what a kernel update changes; in place. */
void places_clean_cmdline(char *text);

#endif
