/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XDP programs of others: taken off, kept, put back.  Runs in the guard.
 * Descriptors come from the parent, by number.
 *
 * A link is taken off and not given our program instead, which would leave
 * no moment between: ours must hang on descriptors of this process alone,
 * so that its end opens the devices whatever ended it.
 */
#include "agent/guard/displaced.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "agent/guard/programs.h"
#include "common/base/log.h"

struct displaced *
displaced_find(struct displaced_list *l, uint32_t index, uint32_t program)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->at[i].index == index && l->at[i].program == program)
			return &l->at[i];
	return NULL;
}

struct displaced *
displaced_add(struct displaced_list *l, uint32_t index, uint32_t program,
    uint32_t flags)
{
	struct displaced *d = displaced_find(l, index, program);

	if (d != NULL)
		return d;
	if (l->n == DISPLACED_MAX)
		return NULL;
	d = &l->at[l->n++];
	*d = (struct displaced){.index = index, .program = program,
	    .flags = flags, .fd = -1};
	return d;
}

void
displaced_drop(struct displaced_list *l, struct displaced *d)
{
	if (d->fd >= 0)
		close(d->fd);
	*d = l->at[--l->n];
}

void
displaced_clear(struct displaced_list *l)
{
	while (l->n > 0)
		displaced_drop(l, &l->at[l->n - 1]);
}

/* -- making room ----------------------------------------------------------- */

static void
ask_link(struct displaced_list *l, struct displaced *d, uint32_t device,
    uint32_t after)
{
	const struct ipc_guard_link m = {device, d->program, after, d->index};

	if (d->asked)
		return;
	d->asked = true;
	l->calls->ask_link(l->arg, &m);
}

int
displaced_make_room(struct displaced_list *l, const struct port *p)
{
	bool native = p->xdp_native != 0;
	uint32_t id = native ? p->xdp_native : p->xdp_generic;
	struct displaced *d;
	int rc;

	if (id == 0)
		return -EBUSY;
	d = displaced_find(l, p->index, id);
	if (d == NULL) {
		d = displaced_add(l, p->index, id, native ?
		    XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
		if (d != NULL)
			l->calls->ask_program(l->arg, id);
		return -EBUSY; /* until displaced_have_program */
	}
	if (d->fd < 0 || d->stays)
		return -EBUSY;
	rc = rtnl_xdp_set(l->rtnl, p->index, -1, d->flags);
	if (rc == -EBUSY) {
		ask_link(l, d, p->index, 0); /* displaced_have_link */
		return rc;
	}
	d->off = d->off || rc == 0;
	d->stays = rc != 0;
	if (rc == 0)
		log_info("%s: XDP program %u makes room until the host is "
		    "released", p->name, id);
	return rc;
}

bool
displaced_have_program(struct displaced_list *l, uint32_t id, int fd)
{
	bool any = false;
	size_t i;

	for (i = 0; i < l->n; i++) {
		struct displaced *d = &l->at[i];

		if (d->program != id || d->fd >= 0)
			continue;
		any = true;
		d->stays = fd < 0;
		d->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	if (fd >= 0)
		close(fd);
	return any;
}

/* -- putting back ---------------------------------------------------------- */

void
displaced_put_back(struct displaced_list *l, struct displaced *d)
{
	char name[PROGRAMS_NAME_MAX];
	int rc;

	/* Of a guard that died, seen before the kernel had let go of it. */
	programs_name(d->fd, name);
	if (strncmp(name, PROGRAM_IN_NAMES, strlen(PROGRAM_IN_NAMES)) == 0) {
		displaced_drop(l, d);
		return;
	}
	rc = rtnl_xdp_set(l->rtnl, d->index, d->fd,
	    d->flags | XDP_FLAGS_UPDATE_IF_NOEXIST);
	if (rc == 0)
		log_info("XDP program %u is back on device %u%s", d->program,
		    d->index, d->link != 0 ? ", without its link" : "");
	else
		log_warn("XDP program %u was not put back on device %u: %s",
		    d->program, d->index, strerror(-rc));
	displaced_drop(l, d);
}

void
displaced_put_all_back(struct displaced_list *l)
{
	struct displaced *d;
	size_t i = 0;

	while (i < l->n) {
		d = &l->at[i++];
		if (d->off && d->fd < 0 && d->stays)
			log_warn("XDP program %u was not put back on device "
			    "%u: the kernel has it no more", d->program,
			    d->index);
		if (!d->off || (d->fd < 0 && d->stays))
			displaced_drop(l, &l->at[--i]);
		else if (d->fd < 0)
			l->calls->ask_program(l->arg, d->program);
		else if (d->fd >= 0 && d->link != 0)
			ask_link(l, d, 0, d->link - 1);
		else if (d->fd >= 0)
			displaced_put_back(l, &l->at[--i]);
	}
	if (l->n == 0)
		l->calls->ask_program(l->arg, 0);
}

static void
answered_open(struct displaced_list *l, struct displaced *d, bool lives)
{
	if (lives) {
		displaced_put_back(l, d);
	} else {
		log_info("XDP program %u is not put back on device %u: who "
		    "held it let go of it", d->program, d->index);
		displaced_drop(l, d);
	}
	if (l->n == 0)
		l->calls->ask_program(l->arg, 0);
}

struct displaced *
displaced_have_link(struct displaced_list *l, const struct ipc_guard_link *m,
    int fd, bool closed)
{
	struct displaced *d = displaced_find(l, m->about, m->program);
	bool there = fd >= 0;

	if (d != NULL)
		d->asked = false;
	if (d != NULL && closed && there && m->device != 0) {
		hook_free(&fd);
		d->link = m->link;
		d->off = true;
		return d;
	}
	if (there)
		close(fd);
	if (d == NULL || closed)
		return NULL;
	if (m->device == 0 && d->off)
		answered_open(l, d, there && m->link == d->link);
	else
		displaced_put_all_back(l); /* the host was opened meanwhile */
	return NULL;
}
