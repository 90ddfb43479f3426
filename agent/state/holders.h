/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who holds a socket or a BPF program: what the descriptors of all
 * processes say in /proc (proc(5)).  One walk answers many questions.
 */
#ifndef CORDON_STATE_HOLDERS_H
#define CORDON_STATE_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOLDERS_MAX 256

/* What is asked; pid is the answer. */
struct holding {
	uint64_t inode;	  /* of a socket; 0: none is asked for */
	uint32_t program; /* id of a BPF program, held itself or by a link */
	uint32_t link;	  /* id of a BPF link */
	pid_t pid;	  /* 0: nobody was seen with it */
};

struct holders {
	struct holding ask[HOLDERS_MAX];
	size_t n;
	/* Also list AF_XDP sockets, which no other file of /proc does. */
	bool xdp;
	struct holding found[HOLDERS_MAX];
	size_t nfound;
};

void holders_walk(struct holders *h);

/* "socket:[123]" -> 123; 0: another kind of descriptor.  For tests. */
uint64_t holders_parse_link(const char *text);
/* The line of a fdinfo file that begins with NAME ("prog_id:"); 0 if there
 * is none.  For tests. */
uint32_t holders_parse_fdinfo(const char *text, const char *name);

#endif
