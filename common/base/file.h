/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole files: read with a bound, written so that a power cut leaves the
 * old one or the new one.
 */
#ifndef CORDON_BASE_FILE_H
#define CORDON_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/*
 * Append the content of PATH to OUT (bounded by OUT's max).  Only regular
 * files, opened with O_NOFOLLOW|O_CLOEXEC.  ERR_NOENT if there is none,
 * ERR_LIMIT if it is larger, ERR_IO.
 */
int file_read(const char *path, struct buf *out, struct why *why);

/*
 * The beginning of a file that the kernel makes (/proc, /sys) as text, cut
 * at SIZE - 1: its length, or ERR_IO with OUT empty.
 */
ssize_t file_text(const char *path, char *out, size_t size);

/*
 * Replace PATH by these bytes with MODE: a temporary file beside it, fsync,
 * rename, fsync of the folder (rename(2), fsync(2)).  On failure the old
 * file is untouched and no temporary one is left.
 */
int file_write(const char *path, const void *data, size_t len, mode_t mode,
    struct why *why);

/*
 * For a file that must be writable on a full disk.  file_spare makes
 * PATH.spare of SIZE bytes, all written, unless it is there; 0600.
 * file_write_spare writes these bytes over it, zeros to SIZE behind them,
 * and exchanges it with PATH (renameat2(2), RENAME_EXCHANGE), which becomes
 * the spare of the next time.  It takes no new block where the file system
 * overwrites in place (not btrfs).  ERR_NOENT: there is no spare.  On
 * failure PATH is untouched.
 */
int file_spare(const char *path, size_t size, struct why *why);
int file_write_spare(const char *path, const void *data, size_t len,
    size_t size, struct why *why);

/* The same as file_write for a file that must not be there: ERR_EXIST. */
int file_write_new(const char *path, const void *data, size_t len,
    mode_t mode, struct why *why);

/* mkdir -p; MODE for the last part, 0755 for those above it. */
int file_mkdir(const char *path, mode_t mode, struct why *why);

/* Remove PATH and sync its folder; ERR_NOENT is told, not hidden. */
int file_remove(const char *path, struct why *why);

bool file_exists(const char *path);

/*
 * Only one process at a time may work in folder DIR (flock(2)): ERR_EXIST
 * if another one does.  The lock lasts until *FD is closed or we end.
 */
int file_lock_dir(const char *dir, int *fd, struct why *why);

/* write(2) until all is written; EINTR is retried. 0 or ERR_IO. */
int file_write_all(int fd, const void *data, size_t len);

/* "DIR/NAME" into OUT; ERR_LIMIT if it does not fit. */
int file_join(char *out, size_t size, const char *dir, const char *name);

#endif
