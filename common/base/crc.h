/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CRC-32 of IEEE 802.3, to tell a torn or rotten record on disk from a whole
 * one.  It is no defence against somebody who wants to forge one.
 */
#ifndef CORDON_BASE_CRC_H
#define CORDON_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *data, size_t len);

#endif
