/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The job threads of the sensors process.
 */
#include "agent/sensors/jobs.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/sensors/accounts.h"
#include "agent/sensors/kept.h"
#include "agent/sensors/lists.h"
#include "agent/sensors/manifest.h"
#include "agent/sensors/places.h"
#include "agent/sensors/preview.h"
#include "agent/sensors/snapshot.h"
#include "agent/sensors/sweep.h"
#include "agent/sensors/tree.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/pack.h"

#define STACK_SIZE (384 * 1024)
#define CHUNK (64 * 1024)

enum job_kind {
	JOB_CHECK,
	JOB_MANIFEST,
	JOB_SNAPSHOT,
	JOB_PREVIEW,
	JOB_SWEEP,
	JOB_TREES,
	JOB_TREE_PART,
	JOB_LIST_HAVE,
	JOB_LIST_PART,
	JOB_BEAT, /* without a message */
};

struct job {
	struct job *next;
	enum job_kind kind;
	uint32_t generation; /* of the link that asked */
	union {
		Cordon__CheckRun *check;
		Cordon__ManifestAsk *manifest;
		Cordon__SnapshotAsk *snapshot;
		Cordon__PreviewAsk *preview;
		Cordon__SweepAsk *sweep;
		Cordon__TreeList *trees;
		Cordon__ManifestChunk *part;
		Cordon__ListHave *have;
		Cordon__ListPart *list;
	} msg;
};

/* A queue and the thread that empties it. */
struct lane {
	struct jobs *jobs;
	pthread_t thread;
	bool running;
	struct job *first;
	size_t n;
};

struct jobs {
	const struct gate_env *gate;
	struct outbox *out;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stop;
	struct lane slow, urgent, quick;
	struct kept_place place;
	struct kept *kept; /* the urgent lane's alone */
	struct lists *lists; /* the same */
	atomic_bool waiting; /* one of them waits for something */
};

static void
job_free(struct job *j)
{
	switch (j->kind) {
	case JOB_CHECK:
		cordon__check_run__free_unpacked(j->msg.check, NULL);
		break;
	case JOB_MANIFEST:
		cordon__manifest_ask__free_unpacked(j->msg.manifest, NULL);
		break;
	case JOB_SNAPSHOT:
		cordon__snapshot_ask__free_unpacked(j->msg.snapshot, NULL);
		break;
	case JOB_PREVIEW:
		cordon__preview_ask__free_unpacked(j->msg.preview, NULL);
		break;
	case JOB_SWEEP:
		cordon__sweep_ask__free_unpacked(j->msg.sweep, NULL);
		break;
	case JOB_TREES:
		cordon__tree_list__free_unpacked(j->msg.trees, NULL);
		break;
	case JOB_TREE_PART:
		cordon__manifest_chunk__free_unpacked(j->msg.part, NULL);
		break;
	case JOB_LIST_HAVE:
		cordon__list_have__free_unpacked(j->msg.have, NULL);
		break;
	case JOB_LIST_PART:
		cordon__list_part__free_unpacked(j->msg.list, NULL);
		break;
	case JOB_BEAT:
		break;
	}
	free(j);
}

static int
send_packed(struct jobs *j, uint32_t generation, uint32_t kind,
    const ProtobufCMessage *msg)
{
	struct buf b;
	int r;

	buf_init(&b, LINK_PAYLOAD_MAX);
	r = pack(msg, &b);
	if (r == 0)
		r = outbox_bulk(j->out, generation, kind, b.data, b.len);
	buf_done(&b);
	return r;
}

/* -- checks ---------------------------- */

struct answer {
	struct jobs *jobs;
	const struct job *job;
};

static int
send_result(void *arg, const char *check, bool last,
    const struct gate_result *res)
{
	const struct answer *a = arg;
	Cordon__CheckResult msg = CORDON__CHECK_RESULT__INIT;
	Cordon__Finding item[FINDINGS_MAX], *items[FINDINGS_MAX];
	size_t i;

	msg.run_id = a->job->msg.check->run_id;
	msg.check_id = (char *)(uintptr_t)check;
	msg.outcome = res->outcome;
	msg.text = (char *)(uintptr_t)res->text;
	msg.last = last;
	msg.at_ms = clock_wall_ms();
	for (i = 0; i < res->findings.n; i++) {
		cordon__finding__init(&item[i]);
		item[i].code = res->findings.item[i].code;
		item[i].object = res->findings.item[i].object;
		item[i].was = res->findings.item[i].was;
		item[i].now = res->findings.item[i].now;
		items[i] = &item[i];
	}
	msg.findings = items;
	msg.n_findings = res->findings.n;
	log_info("check %s: %s", check, res->text);
	return send_packed(a->jobs, a->job->generation, IPC_CHECK_RESULT,
	    &msg.base);
}

static void
do_check(struct jobs *j, const struct job *job)
{
	struct answer a = {j, job};

	gate_run(j->gate, job->msg.check, send_result, &a);
}

/* -- manifests ---------------------------- */

static int
send_chunk(struct jobs *j, const struct job *job, Cordon__ManifestChunk *c)
{
	c->manifest_id = job->msg.manifest->manifest_id;
	return send_packed(j, job->generation, IPC_MANIFEST, &c->base);
}

static void
send_failure(struct jobs *j, const struct job *job, const char *why)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;

	log_warn("manifest: %s", why);
	c.last = true;
	c.why = (char *)(uintptr_t)why;
	send_chunk(j, job, &c);
}

static int
make_manifest(struct jobs *j, const struct job *job, const char *path,
    uint8_t digest[DIGEST_LEN], struct why *why)
{
	struct sensor_env *env = j->gate->env;
	struct scan_result *files = NULL;
	struct picture accounts, places;
	struct manifest_source src = {
	    .id = job->msg.manifest->manifest_id,
	    .host_id = env->settings->host_id,
	    .made_ms = clock_wall_ms(),
	    .accounts = &accounts,
	    .places = &places,
	};
	int r;

	picture_init(&accounts);
	picture_init(&places);
	r = gate_scan(j->gate, &files, why);
	if (r != 0)
		goto done;
	src.files = files;
	r = accounts_picture(&account_files_host, &accounts);
	if (r == 0)
		r = places_picture("", &account_files_host, &env->stop,
		    &places);
	if (r != 0)
		why_set(why, r, "accounts and places: %s", err_str(r));
	else if (files->unread > 0)
		r = why_set(why, ERR_IO,
		    "%llu watched files could not be read",
		    (unsigned long long)files->unread);
	else if (accounts.partial || places.partial)
		r = why_set(why, ERR_IO, "%s could not be read",
		    accounts.partial ? accounts.what : places.what);
	if (r == 0)
		r = manifest_write(path, &src, digest, why);
done:
	scan_free(&files);
	picture_done(&accounts);
	picture_done(&places);
	return r;
}

/* The file as it lies on disk, in chunks, from the piece asked for on. */
static void
send_manifest(struct jobs *j, const struct job *job, const char *path,
    const uint8_t digest[DIGEST_LEN])
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	const Cordon__ManifestAsk *q = job->msg.manifest;
	uint8_t *data = malloc(TREE_PART);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	ssize_t n = -1;

	c.again = q->tree[0] != '\0';
	if (c.again && fd >= 0)
		c.sequence = lseek(fd, (off_t)q->from * TREE_PART,
		    SEEK_SET) < 0 ? 0 : q->from;
	while (r == 0 && data != NULL && fd >= 0 &&
	    (n = read(fd, data, TREE_PART)) > 0) {
		c.data.data = data;
		c.data.len = (size_t)n;
		r = send_chunk(j, job, &c);
		c.sequence++;
	}
	if (r == 0 && n == 0) {
		c.data.len = 0;
		c.last = true;
		c.digest.data = (uint8_t *)(uintptr_t)digest;
		c.digest.len = DIGEST_LEN;
		send_chunk(j, job, &c);
	} else if (r == 0) {
		send_failure(j, job, "the manifest could not be read back");
	}
	if (fd >= 0)
		close(fd);
	free(data);
}

/*
 * Who asks may have been taken over: without root's command only trees that
 * the host's own settings declare are written down.
 */
static bool
is_declared(const Cordon__Settings *s, const char *tree)
{
	size_t i;

	for (i = 0; i < s->n_data_tree; i++)
		if (path_under(tree, s->data_tree[i]))
			return true;
	for (i = 0; i < s->n_backup; i++)
		if (path_under(tree, s->backup[i]))
			return true;
	return false;
}

static int
make_tree(struct jobs *j, const struct job *job, char path[PATH_LEN],
    uint8_t digest[DIGEST_LEN], struct why *why)
{
	const Cordon__Settings *s = j->gate->env->settings;
	const Cordon__ManifestAsk *q = job->msg.manifest;
	struct scan_result *res = NULL;
	char top[PATH_MAX];
	uint64_t bytes;
	int r;

	if (!q->make)
		return why_set(why, ERR_NOENT,
		    "the manifest is not on this host any more");
	if (realpath(q->tree, top) == NULL)
		return why_sys(why, ERR_NOENT, "%s", q->tree);
	if (!is_declared(s, top) || strcmp(top, q->tree) != 0)
		return why_set(why, ERR_PERM, "%s is no tree that agent.conf "
		    "declares ([data] tree, backup); root can make its "
		    "manifest there: cordon-agent manifest make", q->tree);
	r = tree_write(s->state_dir, s->host_id, q->manifest_id, top,
	    &j->gate->env->stop, path, &res, &bytes, digest, why);
	scan_free(&res);
	return r;
}

/* Of one tree: made already, or made now. */
static void
do_tree(struct jobs *j, const struct job *job)
{
	const char *state_dir = j->gate->env->settings->state_dir;
	struct manifest *m = NULL;
	uint8_t digest[DIGEST_LEN];
	char path[PATH_LEN];
	struct why why;
	int r;

	r = tree_find_id(state_dir, job->msg.manifest->manifest_id, path);
	if (r == 0 && manifest_open(path, NULL, &m, &why) == 0) {
		manifest_digest(m, digest);
		manifest_free(&m);
	} else {
		r = make_tree(j, job, path, digest, &why);
	}
	if (r != 0)
		send_failure(j, job, why.text);
	else
		send_manifest(j, job, path, digest);
}

static void
do_manifest(struct jobs *j, const struct job *job)
{
	const char *state_dir = j->gate->env->settings->state_dir;
	uint8_t digest[DIGEST_LEN];
	char path[PATH_LEN];
	struct why why;

	if (job->msg.manifest->tree[0] != '\0') {
		do_tree(j, job);
		return;
	}
	if (manifest_path(path, state_dir, job->msg.manifest->manifest_id) !=
	    0) {
		send_failure(j, job, "bad manifest id");
		return;
	}
	if (make_manifest(j, job, path, digest, &why) != 0) {
		send_failure(j, job, why.text);
		return;
	}
	log_info("manifest %s made", job->msg.manifest->manifest_id);
	manifest_trim(state_dir, MANIFEST_PREFIX, MANIFEST_KEEP);
	send_manifest(j, job, path, digest);
}

/* -- snapshots ---------------------------- */

static void
do_snapshot(struct jobs *j, const struct job *job)
{
	Cordon__SnapshotChunk c = CORDON__SNAPSHOT_CHUNK__INIT;
	uint8_t digest[DIGEST_LEN];
	struct buf text;
	size_t at;
	int r = 0;

	buf_init(&text, SNAPSHOT_MAX);
	snapshot_take("/proc", &text);
	digest_of(text.data, text.len, digest);
	c.order_id = job->msg.snapshot->order_id;
	for (at = 0; r == 0 && at < text.len; at += c.data.len) {
		c.data.data = text.data + at;
		c.data.len = text.len - at < CHUNK ? text.len - at : CHUNK;
		c.last = at + c.data.len == text.len;
		if (c.last) {
			c.digest.data = digest;
			c.digest.len = sizeof(digest);
		}
		r = send_packed(j, job->generation, IPC_SNAPSHOT, &c.base);
		c.sequence++;
	}
	buf_done(&text);
}

/* -- previews ---------------------------- */

static void
do_preview(struct jobs *j, const struct job *job)
{
	struct buf b;

	buf_init(&b, LINK_PAYLOAD_MAX);
	if (preview_make("/proc", job->msg.preview,
	    j->gate->env->settings->network_uid, &b) == 0)
		outbox_bulk(j->out, job->generation, IPC_PREVIEW, b.data,
		    b.len);
	else
		log_warn("preview: no memory");
	buf_done(&b);
}

/* -- sweeps ---------------------------- */

static void
do_sweep(struct jobs *j, const struct job *job)
{
	struct buf b;

	buf_init(&b, LINK_PAYLOAD_MAX);
	if (sweep_make(j->gate->env, "/proc", job->msg.sweep, &b) == 0)
		outbox_bulk(j->out, job->generation, IPC_SWEEP, b.data,
		    b.len);
	else
		log_warn("sweep: no memory");
	buf_done(&b);
}

/* -- lanes ---------------------------- */

static void
do_job(struct jobs *j, const struct job *job)
{
	switch (job->kind) {
	case JOB_CHECK:
		do_check(j, job);
		break;
	case JOB_MANIFEST:
		do_manifest(j, job);
		break;
	case JOB_SNAPSHOT:
		do_snapshot(j, job);
		break;
	case JOB_PREVIEW:
		do_preview(j, job);
		break;
	case JOB_SWEEP:
		do_sweep(j, job);
		break;
	case JOB_TREES:
		kept_list(j->kept, job->generation, job->msg.trees);
		break;
	case JOB_TREE_PART:
		kept_part(j->kept, job->generation, job->msg.part);
		break;
	case JOB_LIST_HAVE:
		lists_have(j->lists, job->generation, job->msg.have);
		break;
	case JOB_LIST_PART:
		lists_part(j->lists, job->generation, job->msg.list);
		break;
	case JOB_BEAT:
		kept_tick(j->kept, job->generation);
		lists_tick(j->lists, job->generation);
		break;
	}
	if (job->kind >= JOB_TREES)
		atomic_store(&j->waiting, kept_waiting(j->kept) ||
		    lists_waiting(j->lists));
	malloc_trim(0);
}

static void *
run(void *arg)
{
	struct lane *lane = arg;
	struct jobs *j = lane->jobs;
	struct job *job;

	pthread_mutex_lock(&j->lock);
	while (!j->stop) {
		job = lane->first;
		if (job == NULL) {
			pthread_cond_wait(&j->more, &j->lock);
			continue;
		}
		lane->first = job->next;
		lane->n--;
		pthread_mutex_unlock(&j->lock);
		do_job(j, job);
		job_free(job);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static int
lane_start(struct jobs *j, struct lane *lane)
{
	pthread_attr_t attr;

	lane->jobs = j;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	lane->running = pthread_create(&lane->thread, &attr, run, lane) == 0;
	pthread_attr_destroy(&attr);
	return lane->running ? 0 : ERR_IO;
}

static void
lane_stop(struct lane *lane)
{
	struct job *job;

	if (lane->running)
		pthread_join(lane->thread, NULL);
	while ((job = lane->first) != NULL) {
		lane->first = job->next;
		job_free(job);
	}
}

int
jobs_start(const struct gate_env *gate, struct jobs **out, struct why *why)
{
	struct jobs *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return why_set(why, ERR_NOMEM, "jobs");
	j->gate = gate;
	j->out = gate->env->out;
	j->place = gate_place(gate->env->settings);
	j->kept = kept_new(&j->place, j->out);
	j->lists = lists_new(gate->env->settings, j->out);
	if (j->kept == NULL || j->lists == NULL) {
		kept_free(&j->kept);
		lists_free(&j->lists);
		free(j);
		return why_set(why, ERR_NOMEM, "jobs");
	}
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->more, NULL);
	if (lane_start(j, &j->slow) != 0 || lane_start(j, &j->urgent) != 0 ||
	    lane_start(j, &j->quick) != 0) {
		jobs_stop(&j);
		return why_set(why, ERR_IO, "jobs: no thread");
	}
	*out = j;
	return 0;
}

void
jobs_stop(struct jobs **jp)
{
	struct jobs *j = *jp;

	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	pthread_cond_broadcast(&j->more);
	pthread_mutex_unlock(&j->lock);
	lane_stop(&j->slow);
	lane_stop(&j->urgent);
	lane_stop(&j->quick);
	pthread_cond_destroy(&j->more);
	pthread_mutex_destroy(&j->lock);
	kept_free(&j->kept);
	lists_free(&j->lists);
	free(j);
	*jp = NULL;
}

/* Frees JOB when it cannot wait. */
static int
add_take(struct jobs *j, struct lane *lane, struct job *job)
{
	struct job **at;
	int r = ERR_LIMIT;

	job->generation = outbox_generation(j->out);
	pthread_mutex_lock(&j->lock);
	if (lane->n < (lane == &j->quick ? JOBS_SWEEPS_MAX :
	    JOBS_WAITING_MAX)) {
		for (at = &lane->first; *at != NULL; at = &(*at)->next)
			;
		*at = job;
		lane->n++;
		pthread_cond_broadcast(&j->more);
		r = 0;
	}
	pthread_mutex_unlock(&j->lock);
	if (r != 0) {
		log_warn("too many requests wait; one was refused");
		job_free(job);
	}
	return r;
}

static struct job *
job_new(enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job != NULL)
		job->kind = kind;
	return job;
}

int
jobs_check_take(struct jobs *j, Cordon__CheckRun *msg)
{
	struct job *job = job_new(JOB_CHECK);

	if (job == NULL) {
		cordon__check_run__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.check = msg;
	return add_take(j, &j->slow, job);
}

int
jobs_manifest_take(struct jobs *j, Cordon__ManifestAsk *msg)
{
	struct job *job = job_new(JOB_MANIFEST);

	if (job == NULL) {
		cordon__manifest_ask__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.manifest = msg;
	return add_take(j, &j->slow, job);
}

int
jobs_snapshot_take(struct jobs *j, Cordon__SnapshotAsk *msg)
{
	struct job *job = job_new(JOB_SNAPSHOT);

	if (job == NULL) {
		cordon__snapshot_ask__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.snapshot = msg;
	return add_take(j, &j->urgent, job);
}

int
jobs_preview_take(struct jobs *j, Cordon__PreviewAsk *msg)
{
	struct job *job = job_new(JOB_PREVIEW);

	if (job == NULL) {
		cordon__preview_ask__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.preview = msg;
	return add_take(j, &j->urgent, job);
}

int
jobs_sweep_take(struct jobs *j, Cordon__SweepAsk *msg)
{
	struct job *job = job_new(JOB_SWEEP);

	if (job == NULL) {
		cordon__sweep_ask__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.sweep = msg;
	return add_take(j, &j->quick, job);
}

int
jobs_trees_take(struct jobs *j, Cordon__TreeList *msg)
{
	struct job *job = job_new(JOB_TREES);

	if (job == NULL) {
		cordon__tree_list__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.trees = msg;
	return add_take(j, &j->urgent, job);
}

int
jobs_tree_part_take(struct jobs *j, Cordon__ManifestChunk *msg)
{
	struct job *job = job_new(JOB_TREE_PART);

	if (job == NULL) {
		cordon__manifest_chunk__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.part = msg;
	return add_take(j, &j->urgent, job);
}

int
jobs_list_have_take(struct jobs *j, Cordon__ListHave *msg)
{
	struct job *job = job_new(JOB_LIST_HAVE);

	if (job == NULL) {
		cordon__list_have__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.have = msg;
	return add_take(j, &j->urgent, job);
}

int
jobs_list_part_take(struct jobs *j, Cordon__ListPart *msg)
{
	struct job *job = job_new(JOB_LIST_PART);

	if (job == NULL) {
		cordon__list_part__free_unpacked(msg, NULL);
		return ERR_NOMEM;
	}
	job->msg.list = msg;
	return add_take(j, &j->urgent, job);
}

void
jobs_beat(struct jobs *j)
{
	struct job *job;
	bool idle;

	/* a thread that has work hears nothing new from this */
	pthread_mutex_lock(&j->lock);
	idle = j->urgent.n == 0;
	pthread_mutex_unlock(&j->lock);
	job = idle && atomic_load(&j->waiting) ? job_new(JOB_BEAT) : NULL;
	if (job != NULL)
		(void)add_take(j, &j->urgent, job);
}
