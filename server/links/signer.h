/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between collector and signer: kinds, paths, bounds.  One request, one
 * answer, in order.  A message is a common/proc/link.h message: a u32 kind
 * and a protobuf payload (signer.proto).
 */
#ifndef CORDON_SERVER_LINKS_SIGNER_H
#define CORDON_SERVER_LINKS_SIGNER_H

#define SIGNER_SOCKET "/run/cordon-signer/socket"
#define SIGNER_STATE_DIR "/var/lib/cordon-signer"
#define SIGNER_ORDER_KEY "order.key" /* in the state folder, 0400 */
#define SIGNER_AUDIT_KEY "audit.key"

enum signer_kind {
	SIGNER_SIGN_ORDER = 1,	  /* SignOrder -> SIGNER_SIGNED */
	SIGNER_SIGN_MANIFEST = 2, /* SignManifest -> SIGNER_SIGNED */
	SIGNER_SIGN_HEAD = 3,	  /* SignHead -> SIGNER_SIGNED */
	SIGNER_KEYS_ASK = 4,	  /* KeysAsk -> SIGNER_KEYS */
	SIGNER_SIGNED = 10,	  /* Signed */
	SIGNER_KEYS = 11,	  /* Keys */
};

#endif
