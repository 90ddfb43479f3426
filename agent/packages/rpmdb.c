/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading RPM's database with SQLite.  Runs in the sensors process.  The
 * file is root's, so an intruder's: SQLite is told to believe nothing in
 * its schema, to stop after so many steps, and to take so much memory; it
 * writes nothing, also no lock or index beside the file.
 */
#include "agent/packages/rpmdb.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/packages/rpm.h"
#include "common/base/file.h"

#define HEADERS_MAX 65536
#define STEPS 10000		       /* of the machine, between two looks */
#define LOOKS_MAX 20000		       /* 200 million steps */
#define HEAP_MAX (128 * 1024 * 1024)   /* of SQLite in this process */

static int
stop_late(void *arg)
{
	unsigned int *looks = arg;

	return ++*looks > LOOKS_MAX;
}

/* For a path in an URI; what is no plain path is refused before. */
static bool
plain(const char *path)
{
	return path[0] == '/' && strpbrk(path, "?#%") == NULL;
}

/*
 * What a writer has not yet folded into the file lies in a log beside it.
 * Without one the file stands still and is read as it is: opened in any
 * other way SQLite would want to write there.
 */
static int
open_file(const char *path, sqlite3 **db)
{
	char uri[PATH_MAX + 64], log[PATH_MAX + 8];
	struct stat st;
	bool still;

	snprintf(log, sizeof(log), "%s-wal", path);
	still = lstat(log, &st) != 0 || st.st_size == 0;
	snprintf(uri, sizeof(uri), "file:%s?mode=ro%s", path,
	    still ? "&immutable=1" : "");
	return sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
}

static void
distrust(sqlite3 *db, unsigned int *looks)
{
	sqlite3_hard_heap_limit64(HEAP_MAX);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, (int)RPM_HEADER_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 4096);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_progress_handler(db, STEPS, stop_late, looks);
	/* texts stay in memory; pages are looked at before they are used */
	(void)sqlite3_exec(db, "PRAGMA temp_store = MEMORY; "
	    "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", NULL, NULL,
	    NULL);
}

static int
walk(sqlite3 *db, rpmdb_fn *fn, void *arg, struct why *why)
{
	sqlite3_stmt *st = NULL;
	size_t n = 0;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(db, "SELECT blob FROM Packages", -1, &st,
	    NULL);
	while (rc == SQLITE_OK && r == 0 &&
	    (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (++n > HEADERS_MAX)
			r = why_set(why, ERR_LIMIT, "more than %d packages",
			    HEADERS_MAX);
		else if (sqlite3_column_type(st, 0) == SQLITE_BLOB)
			r = fn(arg, sqlite3_column_blob(st, 0),
			    (size_t)sqlite3_column_bytes(st, 0));
	}
	if (r == 0 && rc != SQLITE_DONE)
		r = why_set(why, rc == SQLITE_BUSY || rc == SQLITE_CANTOPEN ?
		    ERR_IO : ERR_CORRUPT, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
	return r;
}

int
rpmdb_each(const char *folder, rpmdb_fn *fn, void *arg, struct why *why)
{
	char path[PATH_MAX];
	unsigned int looks = 0;
	sqlite3 *db = NULL;
	struct stat st;
	struct why no;
	int r;

	if (file_join(path, sizeof(path), folder, RPMDB_FILE) != 0 ||
	    !plain(path))
		return why_set(why, ERR_RANGE, "%s: no plain path", folder);
	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return why_set(why, ERR_NOENT, "%s: not there", path);
	if (open_file(path, &db) != SQLITE_OK) {
		r = why_set(why, ERR_IO, "%s: %s", path, db != NULL ?
		    sqlite3_errmsg(db) : "out of memory");
	} else {
		distrust(db, &looks);
		r = walk(db, fn, arg, &no);
		if (r != 0)
			why_set(why, r, "%s: %s", path, no.text);
	}
	sqlite3_close(db);
	return r;
}
