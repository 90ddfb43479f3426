/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notes on disk.  Left by a command as the sensors' user, told on the
 * backup sensor's thread; taken apart as foreign bytes.
 */
#include "agent/sensors/notes.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/ipc.pb-c.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/path.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define PREFIX "note-"

static bool
taken(const char *kind)
{
	static const char *const kinds[] = {"data.manifest-made",
	    "data.verified", "data.verify-failed"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

int
notes_leave(const char *state_dir, const char *kind, const char *object,
    const struct note_pair *pair, size_t n, struct why *why)
{
	Cordon__DataNote m = CORDON__DATA_NOTE__INIT;
	char *keys[NOTES_PAIRS_MAX], *values[NOTES_PAIRS_MAX];
	char path[PATH_LEN], id[ID_MAX];
	struct buf b;
	size_t i;
	int r;

	id_new(id, "N", 10);
	if (n > NOTES_PAIRS_MAX || snprintf(path, sizeof(path), "%s/" PREFIX
	    "%s", state_dir, id) >= PATH_LEN)
		return why_set(why, ERR_LIMIT, "note");
	for (i = 0; i < n; i++) {
		keys[i] = (char *)(uintptr_t)pair[i].key;
		values[i] = (char *)(uintptr_t)pair[i].value;
	}
	m.kind = (char *)(uintptr_t)kind;
	m.object = (char *)(uintptr_t)object;
	m.keys = keys;
	m.values = values;
	m.n_keys = m.n_values = n;
	buf_init(&b, NOTES_BYTES_MAX);
	r = pack(&m.base, &b);
	if (r != 0)
		why_set(why, r, "note: %s", err_str(r));
	else
		r = file_write(path, b.data, b.len, 0600, why);
	buf_done(&b);
	return r;
}

static void
tell(const Cordon__DataNote *m, struct outbox *out)
{
	struct emit_signal s;
	size_t i;

	if (!taken(m->kind) || m->n_keys != m->n_values ||
	    m->n_keys > NOTES_PAIRS_MAX) {
		log_warn("a note of no use");
		return;
	}
	emit_init(&s, m->kind, m->object);
	for (i = 0; i < m->n_keys; i++)
		emit_add(&s, m->keys[i], m->values[i]);
	emit_send(out, &s);
}

static void
tell_file(const char *path, struct outbox *out)
{
	Cordon__DataNote *m;
	struct buf b;
	struct why why;

	buf_init(&b, NOTES_BYTES_MAX);
	if (file_read(path, &b, &why) == 0) {
		m = unpack(&cordon__data_note__descriptor, b.data, b.len);
		if (m != NULL) {
			tell(m, out);
			cordon__data_note__free_unpacked(m, NULL);
		}
	}
	buf_done(&b);
	unlink(path);
}

size_t
notes_tell(const char *state_dir, struct outbox *out)
{
	const struct dirent *de;
	char path[PATH_LEN];
	size_t n = 0;
	DIR *d = opendir(state_dir);

	while (d != NULL && (de = readdir(d)) != NULL)
		if (strncmp(de->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    id_valid(de->d_name + strlen(PREFIX)) &&
		    path_join(path, state_dir, de->d_name) == 0) {
			tell_file(path, out);
			n++;
		}
	if (d != NULL)
		closedir(d);
	return n;
}
