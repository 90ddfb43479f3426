/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of programs that deceive who reads them, and hidden ones where
 * programs of the system are: pure questions about a path as the kernel
 * tells it.  Whoever made the file chose its name.
 */
#ifndef CORDON_PROCESS_DECEIT_H
#define CORDON_PROCESS_DECEIT_H

#include <stdbool.h>
#include <stddef.h>

#define DECEIT_TEXT_MAX 96

/*
 * Does the last part of PATH, a SCRIPT or a native program, deceive?  How,
 * into OUT, in printable ASCII: "its name ends with a blank", "it is an
 * executable called like a picture (.png)".
 */
bool deceit_name(const char *path, bool script, char out[DECEIT_TEXT_MAX]);

/* A hidden part of a path. */
enum hidden {
	HIDDEN_NOT, /* or in a home, or one of a known tool's */
	HIDDEN_SYSTEM, /* where only packages put programs: /usr, /etc, ... */
	HIDDEN_APP, /* where administrators do: /opt, /srv, /var, ... */
};
enum hidden deceit_hidden(const char *path);

/* Is PATH what NFS or FUSE make of a file that is removed while it runs? */
bool deceit_removed(const char *path);

#endif
