/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telling systemd that we are ready or stopping, by the datagram that
 * sd_notify(3) describes.  Without libsystemd: it would more than double
 * the memory of the one process that stays root, and bring its compressors
 * into it, for one sendto(2).
 */
#ifndef CORDON_PARENT_NOTIFY_H
#define CORDON_PARENT_NOTIFY_H

/* TEXT is "READY=1\nSTATUS=..." and so on.  Does nothing without systemd. */
void notify_systemd(const char *text);

#endif
