/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Giving lists to agents.  Runs on the writer thread of the collector.
 * Names are an agent's: only such as a list may have lead to a file, and
 * only to one in the folder.
 */
#include "server/lists/lists.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/wire/pack.h"
#include "common/wire/package_list.h"

bool
lists_any(const char *folder)
{
	const struct dirent *de;
	DIR *d = opendir(folder);
	bool any = false;

	while (d != NULL && !any && (de = readdir(d)) != NULL)
		any = package_list_name(de->d_name);
	if (d != NULL)
		closedir(d);
	return any;
}

/* FOLDER/NAME with ENDING behind it; false: no name of a list. */
static bool
place(const char *folder, const char *name, const char *ending,
    char out[PATH_MAX])
{
	return package_list_name(name) && snprintf(out, PATH_MAX, "%s/%s%s",
	    folder, name, ending) < PATH_MAX;
}

int
lists_have(const char *folder, const Cordon__ListAsk *ask, struct buf *out)
{
	Cordon__ListHave have = CORDON__LIST_HAVE__INIT;
	char *names[PACKAGE_LISTS_ASK_MAX], path[PATH_MAX];
	size_t i;

	if (ask->n_names > PACKAGE_LISTS_ASK_MAX)
		return ERR_PROTO;
	have.names = names;
	for (i = 0; i < ask->n_names; i++)
		if (place(folder, ask->names[i], PACKAGE_LIST_SIG, path) &&
		    file_exists(path))
			names[have.n_names++] = ask->names[i];
	return pack(&have.base, out);
}

static int
read_signature(const char *folder, const char *name, struct buf *b)
{
	char path[PATH_MAX];
	int rc = place(folder, name, PACKAGE_LIST_SIG, path) ?
	    file_read(path, b, NULL) : ERR_NOENT;

	return rc == 0 && b->len != SIGN_SIG_LEN ? ERR_CORRUPT : rc;
}

/* The bytes of one piece; *LAST when the file ends with it. */
static int
read_piece(const char *path, uint32_t sequence, uint8_t *data, size_t *len,
    bool *last)
{
	off_t at = (off_t)sequence * PACKAGE_LIST_PART;
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_NOENT;
	if (fstat(fd, &st) == 0 && at < st.st_size)
		n = pread(fd, data, PACKAGE_LIST_PART, at);
	close(fd);
	if (n <= 0)
		return ERR_NOENT;
	*len = (size_t)n;
	*last = at + n >= st.st_size;
	return 0;
}

int
lists_part(const char *folder, const Cordon__ListAsk *ask, struct buf *out)
{
	Cordon__ListPart part = CORDON__LIST_PART__INIT;
	uint8_t data[PACKAGE_LIST_PART];
	char path[PATH_MAX];
	struct buf sig;
	size_t len = 0;
	bool last = false;
	int rc;

	if (!package_list_name(ask->name))
		return ERR_PROTO;
	buf_init(&sig, SIGN_SIG_LEN);
	rc = place(folder, ask->name, "", path) ?
	    read_piece(path, ask->sequence, data, &len, &last) : ERR_NOENT;
	if (rc == 0 && last)
		rc = read_signature(folder, ask->name, &sig);
	part.name = ask->name;
	part.sequence = ask->sequence;
	part.last = rc != 0 || last;
	if (rc == 0) {
		part.data = (ProtobufCBinaryData){len, data};
		part.signature = (ProtobufCBinaryData){sig.len, sig.data};
	} else {
		part.why = (char *)(uintptr_t)"there is no such piece";
	}
	rc = pack(&part.base, out);
	buf_done(&sig);
	return rc;
}
