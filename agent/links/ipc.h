/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kinds of message between the agent's processes, and who may send
 * what to whom.  Payloads are protobuf messages (ipc.proto, agent.proto,
 * order.proto).  A child starts with one descriptor of ours, IPC_FD_PARENT.
 * All other links come to it from the parent by IPC_PEER, at the start and
 * again whenever the other side was restarted:
 *
 *   network <-> enforcer, network <-> sensors, enforcer <-> guard,
 *   enforcer -> sensors, and to the enforcer the listening control socket
 *   (root only; the tool connects to it).
 */
#ifndef CORDON_AGENT_LINKS_IPC_H
#define CORDON_AGENT_LINKS_IPC_H

#include <stdint.h>

#define IPC_FD_PARENT 3
#define AGENT_OWNER_NAME "cordon-owner" /* of it, in systemd's store */
#define IPC_FD_OWNER 4 /* enforcer: its socket, from before it was restarted */

enum ipc_peer { /* the one payload byte of IPC_PEER */
	IPC_PEER_NETWORK = 1,
	IPC_PEER_ENFORCER = 2,
	IPC_PEER_SENSORS = 3,
	IPC_PEER_CONTROL = 4,
	IPC_PEER_GUARD = 5,
};

/* Bits of GuardState.features: what the guard can do on this kernel. */
enum guard_feature {
	GUARD_XDP = 1 << 0,    /* frames dropped before anything sees them */
	GUARD_TC = 1 << 1,     /* a program where frames leave, behind nft */
	GUARD_QUEUES = 1 << 2, /* AF_XDP of others kept off the queues */
};

/* Where things are; the state folder may be changed by agent.conf. */
#define AGENT_STATE_DIR "/var/lib/cordon-agent"
#define AGENT_RUN_DIR "/run/cordon-agent"
#define AGENT_CONF "/etc/cordon/agent.conf"
#define AGENT_CONTROL_SOCKET "control" /* in the run folder */
/* Below the state folder; each belongs to that process alone. */
#define AGENT_CANARY_LIST "canaries" /* root's alone; CanaryList */
#define AGENT_DIR_NETWORK "network"
#define AGENT_DIR_ENFORCER "enforcer"
#define AGENT_DIR_SENSORS "sensors"
#define AGENT_DIR_GUARD "guard" /* its name; it keeps nothing on disk */
/* A user may also be a number: uid and gid alike (tests, containers). */
#define AGENT_USER_NETWORK "cordon"
#define AGENT_USER_ENFORCER "cordon-enforcer"
#define AGENT_USER_SENSORS "cordon-sensors"
#define AGENT_USER_GUARD "cordon-guard"

enum ipc_kind {
	/* parent -> child, child -> parent */
	IPC_SETTINGS = 1, /* Settings */
	IPC_READY = 2,	  /* Ready */
	IPC_STOP = 3,	  /* empty: finish and exit 0 */
	IPC_PEER = 4,	  /* enum ipc_peer, u8; the new link is the fd */
	IPC_PARK = 70,	  /* enforcer: empty; keep this descriptor for me */

	/* network -> enforcer */
	IPC_ORDER = 10,	      /* OrderIn */
	IPC_CONFIRM = 11,     /* Confirm */
	IPC_PROVE = 12,	      /* empty: a proof now, please */
	IPC_FOREIGN_ASK = 13, /* ForeignAsk */
	IPC_LINE = 14,	      /* empty: the collector was heard just now */

	/* enforcer -> network */
	IPC_STATE = 20,	  /* State: at start and after each change */
	IPC_ANSWER = 21,  /* OrderAnswer */
	IPC_PROOF = 22,	  /* Proof */
	IPC_FOREIGN = 23, /* Foreign */
	IPC_READINESS = 24, /* ReadinessItem, one a message; sensors too */

	/* parent, enforcer or sensors -> network */
	IPC_SIGNAL = 30, /* Signal, without number and chain */

	/* network -> sensors */
	IPC_CHECK_RUN = 40,    /* CheckRun */
	IPC_MANIFEST_ASK = 41, /* ManifestAsk */
	IPC_SNAPSHOT_ASK = 42, /* SnapshotAsk */
	IPC_SPOOL_FULL = 43,   /* empty: slow down */
	IPC_TAKEN = 140,       /* Taken: need not be sent again */

	/* sensors -> network */
	IPC_CHECK_RESULT = 50, /* CheckResult */
	IPC_MANIFEST = 51,     /* ManifestChunk */
	IPC_SNAPSHOT = 52,     /* SnapshotChunk */
	IPC_WATCH = 53,	       /* Watch */

	/* tool <-> enforcer, on the control socket */
	IPC_CTL_STATUS = 60, /* StatusAsk */
	IPC_CTL_ORDER = 61,  /* OrderIn: offline order */
	IPC_CTL_TEXT = 62,   /* StatusText */

	/* enforcer -> network */
	IPC_PINNED = 100, /* Pinned: before each State */
	/* network <-> sensors */
	IPC_PREVIEW_ASK = 90, /* PreviewAsk, to the sensors */
	IPC_PREVIEW = 91,     /* Preview, from them */
	IPC_SWEEP_ASK = 145, /* SweepAsk, to the sensors */
	IPC_SWEEP = 146,     /* Sweep, from them */
	IPC_LIST_ASK = 135,   /* ListAsk, from the sensors */
	IPC_LIST_HAVE = 136,  /* ListHave, to them */
	IPC_LIST_PART = 137,  /* ListPart, to them */
	IPC_TREES = 125,      /* TreeList, to the sensors */
	IPC_TREE_PART = 126,  /* ManifestChunk, to the sensors */
	IPC_TREE_ASK = 127,   /* TreeAsk, from them */
	/* enforcer -> parent: at start and after each change; the profile,
	 * u8, for the parent, then a Notice for people, which it hands on */
	IPC_NOTICE = 80,
	/* enforcer <-> guard */
	IPC_GUARD_SET = 75,   /* GuardSet */
	IPC_GUARD_STATE = 76, /* GuardState: after each set and each change */
	/* guard -> parent: u32, id of an XDP program, 0: none is needed any
	 * more; parent -> guard: the same id and its descriptor, if it can
	 * be had */
	IPC_GUARD_PROGRAM = 77,
	/* guard -> parent: struct ipc_guard_link, what is looked for and the
	 * last number that was had; parent -> guard: the next one and its
	 * descriptor, or no descriptor: there is none */
	IPC_GUARD_LINK = 110,
	/* guard -> parent: u32, id of the last BPF map that was had, 0 at
	 * first; parent -> guard: the next one that XDP programs redirect
	 * by, and its descriptor, or no descriptor: there is none */
	IPC_GUARD_MAP = 111,
	/* enforcer -> parent, empty: the guard does not answer, end it */
	IPC_GUARD_STUCK = 78,
	/* enforcer -> sensors, u8: this host is cut off (1) or open (0) */
	IPC_CUT = 79,
};

/* A BPF link (bpf(2)) that holds an XDP program on a device. */
struct ipc_guard_link {
	uint32_t device;  /* index; 0: a link that was taken off */
	uint32_t program; /* id */
	uint32_t link;	  /* id */
	uint32_t about;	  /* comes back as it was */
};

#endif
