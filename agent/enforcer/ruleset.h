/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules that an order means, as plain data: tables, chains, rules and
 * expressions.  Pure: no kernel, no clock, no file.  ruleset_build makes it
 * from an order, nft_read makes the same from what the kernel holds, and two
 * of them are equal exactly when their texts (and so their digests) are.
 */
#ifndef CORDON_ENFORCER_RULESET_H
#define CORDON_ENFORCER_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/wire/order.pb-c.h"

#define RULESET_TABLE "cordon"	  /* in every family */
#define RULESET_COUNTER "dropped" /* named counter in every table */

#define RULESET_CHAINS_MAX 8192
#define RULESET_RULES_MAX 32768
#define RULESET_EXPRS_MAX 524288
#define RULESET_DEVICES_MAX 1024
#define RULESET_HOOKNAMES_MAX 65536
#define RULESET_HOOKNAMES_CHAIN 255 /* one less than NFT_NETDEVICE_MAX */
#define RULESET_LINES_MAX 16 /* devices that may carry the line */
#define RULESET_ROUTERS_MAX 8
/* NFTA_PAYLOAD_OFFSET of older kernels, as Debian 12's, is one byte. */
#define RULES_NEAR_MAX 255
#define RULESET_OWN_MAX 64 /* addresses and links that rules spell out */
#define RULESET_NAME_MAX 64 /* with the terminator */
#define RULESET_TEXT_MAX (16 * 1024 * 1024)

#define TABLE_OWNER 0x2u   /* NFT_TABLE_F_OWNER, Linux 5.12 */
#define TABLE_PERSIST 0x4u /* NFT_TABLE_F_PERSIST, Linux 6.9 */

/* What the kernel was seen to give (readiness.h probes each). */
enum feature {
	FEATURE_OWNER = 1 << 0,
	FEATURE_PERSIST = 1 << 1,
	FEATURE_INGRESS = 1 << 2, /* netdev chains */
	FEATURE_EGRESS = 1 << 3,
	FEATURE_BRIDGE = 1 << 4,
	FEATURE_ARP = 1 << 5,
	FEATURE_RT = 1 << 6,	     /* rt ipsec: true loopback traffic */
	FEATURE_EGRESS_UID = 1 << 7, /* meta skuid in netdev egress */
	FEATURE_PREFIX = 1 << 8, /* chains of devices yet to come */
	FEATURE_PIN = 1 << 9,	 /* hold the next hop's link address */
	FEATURE_FAR = 1 << 10, /* bytes of a packet behind RULES_NEAR_MAX */
};
#define FEATURES_ALL 0x7ffu

enum expr_kind {
	EXPR_META,    /* load meta KEY */
	EXPR_PAYLOAD, /* load LEN bytes at BASE + OFFSET */
	EXPR_MASK,    /* and with LEN bytes of DATA */
	EXPR_CMP,     /* compare LEN bytes of DATA; OP is NFT_CMP_x */
	EXPR_RT,      /* load rt KEY */
	EXPR_COUNT,   /* count in the named counter NAME */
	EXPR_LIMIT,   /* KEY packets in OFFSET seconds, burst CODE */
	EXPR_VERDICT, /* CODE NF_ACCEPT, NF_DROP or NFT_JUMP to NAME */
	EXPR_OTHER,   /* only ever read from a kernel: none of the above */
};

struct expr {
	enum expr_kind kind;
	uint32_t key;	 /* META, RT; PAYLOAD: base; CMP: op; LIMIT: rate */
	uint32_t offset; /* PAYLOAD; LIMIT: seconds */
	int32_t code;	 /* VERDICT; LIMIT: burst */
	uint32_t len;	 /* 1..16 */
	uint8_t data[16];
	char name[RULESET_NAME_MAX]; /* COUNT, VERDICT, OTHER */
};

struct rule {
	size_t first, count; /* in exprs */
	size_t next;	     /* rule of the same chain, or SIZE_MAX */
};

struct chain {
	size_t table;
	char name[RULESET_NAME_MAX];
	bool base;
	uint32_t hook;
	int32_t priority;
	uint32_t policy;
	char device[RULESET_NAME_MAX]; /* netdev base chains, else "" */
	size_t names, nnames; /* or many, in hooknames; DEVICE is "" */
	size_t first, last;   /* rules; SIZE_MAX: none */
};

/* One device name, or all that begin so (Linux 6.18). */
struct hookname {
	char name[16];
	bool prefix;
};

struct table {
	uint8_t family; /* NFPROTO_INET, _ARP, _NETDEV, _BRIDGE */
	uint32_t flags;
	bool counter; /* the named counter is there */
};

struct ruleset {
	struct table tables[8];
	size_t ntables;
	struct chain *chains;
	size_t nchains, cchains;
	struct rule *rules;
	size_t nrules, crules;
	struct expr *exprs;
	size_t nexprs, cexprs;
	struct hookname *hooknames;
	size_t nhooknames, chooknames;
};

/* How a device proves itself to its switch or access point. */
enum eapol {
	EAPOL_NONE,
	EAPOL_GROUP, /* IEEE 802.1X: only to the group that ends at a switch */
	EAPOL_ANY,   /* wireless: to the access point */
};

struct device {
	uint32_t index;
	char name[16];
	bool ether;  /* frames have an Ethernet header */
	bool tagged; /* a VLAN device stands on it */
	bool up;     /* has a carrier */
	bool line;   /* the line to the collector goes over it, or may;
			RULESET_LINES_MAX of them */
	uint8_t mac[6];
	uint32_t lower, master; /* device it stands on, it belongs to; or 0 */
	enum eapol eapol;
};

/* An address of this host. */
struct own_address {
	uint32_t device;
	uint8_t ip[16];
	uint8_t len; /* 4 or 16 */
	bool leased; /* a client got it and has to renew it */
};

/* Where packets to one collector go first. */
struct hop {
	uint32_t device; /* 0: there is no way now */
	uint8_t ip[16];
	uint8_t len;	/* 4 or 16 */
	bool known;	/* MAC is */
	bool fixed;	/* ...from an entry that somebody made by hand */
	bool pinned;	/* only to MAC */
	uint8_t mac[6];
	bool had;	/* it was pinned before, to... */
	uint8_t had_mac[6];
};

struct ruleset_input {
	const Cordon__OrderBody *body; /* lent */
	Cordon__Profile profile;       /* body's, or the dead-man's */
	uint32_t network_uid;
	const struct device *devices; /* non-loopback; lent */
	size_t ndevices;
	const struct own_address *own; /* lent */
	size_t nown;
	const struct hop *hops; /* one a collector of BODY; lent */
	const struct own_address *routers; /* whose advertisements count */
	size_t nrouters;
	bool searching; /* there is no way to any collector now */
	bool loose; /* the line was silent: answer any station that asks */
	unsigned int features;
};

struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset **rs);

/* 0 or ERR_NOMEM, ERR_LIMIT, ERR_RANGE (profile open has no rules). */
/* Is it a drill whose rules count what they would drop? */
bool ruleset_counts(const struct ruleset_input *in);
int ruleset_build(const struct ruleset_input *in, struct ruleset **out);

/* Building blocks, also for nft_read.  ERR_LIMIT, ERR_NOMEM. */
int ruleset_add_table(struct ruleset *rs, uint8_t family, uint32_t flags,
    size_t *index);
int ruleset_add_chain(struct ruleset *rs, const struct chain *c,
    size_t *index);
/* A new rule at the end of CHAIN; expressions then go to that rule. */
int ruleset_add_rule(struct ruleset *rs, size_t chain);
int ruleset_add_expr(struct ruleset *rs, const struct expr *e);

/* One more device name for the chain that was added last. */
int ruleset_add_hookname(struct ruleset *rs, const char *name, bool prefix);

/* SIZE_MAX if there is none. */
size_t ruleset_find_table(const struct ruleset *rs, uint8_t family);
size_t ruleset_find_chain(const struct ruleset *rs, size_t table,
    const char *name);

/*
 * The canonical text: tables by family, chains by name, rules in order.
 * Two rulesets are the same if and only if their texts are.
 */
int ruleset_text(const struct ruleset *rs, struct buf *out);
int ruleset_chain_text(const struct ruleset *rs, size_t chain,
    struct buf *out);
/* SHA-256 of the text; a ruleset without tables: 32 zeros. */
int ruleset_digest(const struct ruleset *rs, uint8_t out[DIGEST_LEN]);
/* One line naming the first difference, "" if there is none. */
int ruleset_diff(const struct ruleset *want, const struct ruleset *have,
    char *out, size_t size);

const char *family_name(uint8_t family);

/*
 * May this peer be talked to under the order?  The rule for flows.c, which
 * ends what is not allowed.  OWN: the socket belongs to the network process.
 */
bool ruleset_peer_allowed(const struct ruleset_input *in,
    const uint8_t *address, size_t len, uint8_t protocol, uint16_t local_port,
    uint16_t peer_port, uint32_t uid);
/* Is the address one of those the order names, whatever the port? */
bool ruleset_address_named(const struct ruleset_input *in,
    const uint8_t *address, size_t len);

#endif
