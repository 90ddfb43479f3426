/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What programs and places are, by name: tables and pure questions about a
 * path.  A name is only ever a hint; what is decided by it also looks at
 * where the program lies.
 */
#ifndef CORDON_PROCESS_NAMES_H
#define CORDON_PROCESS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum place {
	PLACE_SYSTEM,	/* only root writes there: /usr, /bin, /opt, ... */
	PLACE_VOLATILE, /* anybody may, or gone at the next boot */
	PLACE_HOME,	/* of a person */
	PLACE_OTHER,
};
enum place place_of(const char *path);
/* Is a part of PATH hidden ("/.x")? */
bool place_is_hidden(const char *path);

/* The last part of PATH; PATH itself without a slash. */
const char *name_of(const char *path);

/* Each takes a path or a name; "python3.11" is "python". */
bool name_is_shell(const char *path);
bool name_is_interpreter(const char *path); /* other languages */
/* Joins a socket to something: nc, socat, openssl, telnet ... */
bool name_is_loader(const char *path); /* of libraries, run by hand */
bool name_is_relay(const char *path);
/* Serves the network under an account of its own: nginx, postgres ... */
bool name_is_service(const char *path);
/* A system daemon whose name others like to take. */
bool name_is_daemon(const char *name);
/* As the kernel calls its threads: "kworker/0:1", "[kthreadd]". */
bool name_is_kernel(const char *name);

/* By whole path, for these excuse something. */
bool path_is_packager(const char *path);  /* dpkg, rpm */
bool path_is_installer(const char *path); /* apt, dnf: start the former */
bool path_is_builder(const char *path);	  /* make, cargo, cc ... */
bool path_is_runtime(const char *path);	  /* of containers */

/* An account of a service, and nobody's who logs in. */
bool uid_is_service(uint32_t uid);

#endif
