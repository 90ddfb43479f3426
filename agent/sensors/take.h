/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the three blocks of sample.h from a file that others may change. */
#ifndef CORDON_SENSORS_TAKE_H
#define CORDON_SENSORS_TAKE_H

#include "agent/sensors/sample.h"
#include "common/base/err.h"

/*
 * Head, middle and tail of the regular file PATH (no link in any part of
 * it), or of NAME in folder DIRFD.  ERR_NOENT: it is not there, or is
 * something else; ERR_IO.
 */
int take_sample(const char *path, struct sample *s);
int take_sample_at(int dirfd, const char *name, struct sample *s);

#endif
