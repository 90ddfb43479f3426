/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that write or carry away logs: those that ran and run no more. */
#ifndef CORDON_STATE_LOGGERS_H
#define CORDON_STATE_LOGGERS_H

#include "agent/state/source.h"

extern const struct state_source loggers_source;

#endif
