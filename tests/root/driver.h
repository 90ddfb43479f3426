/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two drivers have in common; test programs, never installed. */
#ifndef TESTS_ROOT_DRIVER_H
#define TESTS_ROOT_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* WHY NULL: errno. */
_Noreturn void die(const char *what, const struct why *why);
/* A message as common/proc/link.h has it; PASS: a descriptor, or -1. */
bool driver_send(int fd, uint32_t kind, const void *data, size_t len,
    int pass);

#endif
