/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What /proc tells of one process, as far as it was asked: plain data for
 * suspect.h, and the readers that fill it.  Everything is bounded; what
 * could not be read stays empty.  Text is raw: a process chooses its name
 * and arguments, the kernel tells the path of its program.
 */
#ifndef CORDON_PROCESS_SEEN_H
#define CORDON_PROCESS_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define SEEN_PATH_MAX 512
#define SEEN_ARGS_MAX 1024
#define SEEN_PARENTS_MAX 8
#define SEEN_PEER_MAX 64
#define SEEN_NAME_MAX 16
#define SEEN_SOCKETS_MAX 64 /* descriptors of a possible relay */
#define SEEN_SIBLINGS_MAX 32
#define SEEN_UID_UNKNOWN UINT32_MAX

enum seen_kind {
	SEEN_NOTHING, /* closed, or could not be read */
	SEEN_FILE,
	SEEN_TTY,
	SEEN_PIPE,
	SEEN_SOCKET, /* of no network, or it has no peer */
	SEEN_NET,    /* of a network, with a peer */
};

struct seen_fd {
	enum seen_kind kind;
	uint64_t inode; /* of pipes and sockets */
	char peer[SEEN_PEER_MAX]; /* SEEN_NET: "192.0.2.1:443" */
};

/* Arguments as the kernel keeps them, one behind the other. */
struct seen_args {
	char text[SEEN_ARGS_MAX]; /* each ends with NUL; the last one too */
	size_t len;
};

/* How a shell or interpreter was told what to do. */
struct seen_script {
	const char *path; /* lent, inside the arguments; NULL: no file */
	const char *code; /* lent; inline ("-c"); NULL: none */
	bool interactive; /* "-i" */
};

struct seen_parent {
	pid_t pid;
	uint32_t uid;
	char exe[SEEN_PATH_MAX];
	struct seen_args args;
};

/* Somebody who joins this process to a network. */
struct seen_relay {
	pid_t pid; /* 0: nobody */
	char exe[SEEN_PATH_MAX];
	bool by_pipe;	  /* at the other end of a pipe; else the parent */
	bool standard;	  /* the socket is its input or output */
	bool inline_code; /* it runs code from its arguments */
	char peer[SEEN_PEER_MAX];
};

struct process_seen {
	pid_t pid;
	int dir; /* /proc/PID, O_PATH; -1 */
	bool walk; /* found by a walk, not at its start */
	bool packager, builder; /* it came from one that may be gone */

	char exe[SEEN_PATH_MAX]; /* without " (deleted)"; "": not known */
	bool cut;     /* exe was longer */
	char root[SEEN_PATH_MAX]; /* its root folder; "": ours, or not read.
				     Paths below it are as it sees them */
	bool deleted; /* the program's file is gone */
	bool memory;  /* it never had one (memfd_create(2)) */
	bool again;   /* another file stands at that path now */

	/* What its interpreter was told to run; "": nothing, or not read. */
	char script[SEEN_PATH_MAX]; /* as the kernel tells it */
	mode_t script_mode;
	uint32_t script_owner; /* SEEN_UID_UNKNOWN: not read */

	char name[SEEN_NAME_MAX]; /* comm */
	pid_t parent;
	uint32_t uid, euid; /* SEEN_UID_UNKNOWN: not read */
	bool was_root;	    /* one of its four user ids is 0 */
	bool may_setuid;    /* CAP_SETUID is among its capabilities */
	uint32_t login_uid; /* UINT32_MAX: nobody logged in */
	pid_t tracer;
	char state; /* 'R', 'S', 'T', 't', ...; 0: not read */

	struct seen_args args;
	struct seen_fd fd[3];
	char preload[SEEN_PATH_MAX]; /* LD_PRELOAD, LD_AUDIT */

	bool file_known; /* the four below */
	mode_t file_mode, dir_mode;
	uint32_t file_owner;
	bool file_caps; /* file capabilities (capabilities(7)) */

	struct seen_parent up[SEEN_PARENTS_MAX]; /* nearest first */
	size_t ups;
	struct seen_relay relay;
};

/*
 * The program of PID alone, by one system call: nothing is opened, and all
 * else is empty.  ERR_NOENT as below.
 */
int seen_peek(struct process_seen *s, const char *proc, pid_t pid);
/*
 * Begin with PID: its folder and program.  PROC is "/proc", or a test's.
 * ERR_NOENT: there is no such process (any more), or it is the kernel's.
 * With ERR_NOENT and 0 alike call seen_done.
 */
int seen_open(struct process_seen *s, const char *proc, pid_t pid);
void seen_done(struct process_seen *s);

/* Each reads a part more; call in any order after seen_open. */
void seen_status(struct process_seen *s); /* name to tracer */
void seen_login(struct process_seen *s);
void seen_args(struct process_seen *s);
/* Before seen_root. */
void seen_script_file(struct process_seen *s);
void seen_fds(struct process_seen *s);
void seen_preload(struct process_seen *s);
void seen_file(struct process_seen *s); /* first seen_root */
void seen_root(struct process_seen *s);
/* After seen_status. */
void seen_parents(struct process_seen *s, const char *proc);
/* After seen_fds and seen_parents. */
void seen_relay(struct process_seen *s, const char *proc);

/* -- parsers ------------------------------------------------------------ */

/* What readlink of /proc/PID/exe gave. */
void seen_take_exe(struct process_seen *s, const char *link, size_t len);
/* What readlink of /proc/PID/root gave: its other paths lose it. */
void seen_take_root(struct process_seen *s, const char *link, size_t len);
/* Text of /proc/PID/status; false if it is none. */
bool seen_take_status(struct process_seen *s, const char *text);
/* LEN bytes of /proc/PID/cmdline. */
void seen_take_args(struct seen_args *a, const char *data, size_t len);
/* LEN bytes of /proc/PID/environ: what is loaded before all else. */
void seen_take_preload(struct process_seen *s, const char *data, size_t len);
/* Argument NR, lent; NULL: there are fewer. */
const char *seen_arg(const struct seen_args *a, size_t nr);
/* How the shell or interpreter EXE was told what to do. */
void seen_script(const char *exe, const struct seen_args *a,
    struct seen_script *out);
/*
 * The peer of the connected socket INODE in the text of /proc/net/tcp and
 * its like, V6 or not, into OUT; false: not there, or it has none.
 */
bool seen_peer(const char *text, bool v6, uint64_t inode,
    char out[SEEN_PEER_MAX]);

#endif
