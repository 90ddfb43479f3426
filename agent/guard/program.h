/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the guard's BPF programs are told: their one constant, filled before
 * they are loaded and frozen after.  Included by program.bpf.c as well, so
 * it knows the kernel's types only.
 */
#ifndef CORDON_GUARD_PROGRAM_H
#define CORDON_GUARD_PROGRAM_H

#include <linux/types.h>

/* ORDER_COLLECTORS_MAX and ORDER_ALLOWED_MAX of common/wire/order.h. */
#define PROGRAM_PEERS_MAX 80

struct program_peer {
	__u32 address[4]; /* network order; IPv4 uses the first, masked */
	__u32 mask[4];
	__u16 port;	  /* network order */
	__u8 protocol;	  /* IPPROTO_TCP or _UDP */
	__u8 v6;
	__u8 theirs; /* they open; the port is ours */
	__u8 own;    /* only sockets of UID below may send to it */
	__u8 held;   /* frames to it go to HOP alone */
	__u8 pad;
	__u8 hop[6];
	__u8 pad2[2];
};

/* IEEE 802.1X out: not at all, to the next bridge, to the access point. */
enum program_eapol { PROGRAM_EAPOL_NO, PROGRAM_EAPOL_GROUP,
	PROGRAM_EAPOL_ANY };

struct program_rules {
	__u32 n;
	__u32 uid; /* of the network process */
	__u32 eapol;
	__u32 lease; /* DHCP may pass */
	__u32 frags; /* by programs_load: frames of more than one buffer */
	/* One spare: the verifier asks what a processor reads that guesses
	 * past the end of the loop. */
	struct program_peer peer[PROGRAM_PEERS_MAX + 1];
};

/* Names of the programs, as the kernel shows them (15 bytes at most). */
#define PROGRAM_IN_NAMES "cordon_in_" /* all of them begin so */
#define PROGRAM_IN_FRAME "cordon_in_frame"
#define PROGRAM_IN_PACKET "cordon_in_pack"
#define PROGRAM_IN_ANY "cordon_in_any"
#define PROGRAM_OUT_FRAME "cordon_out_fram"
#define PROGRAM_OUT_PACKET "cordon_out_pack"
#define PROGRAM_OUT_ANY "cordon_out_any"

#endif
