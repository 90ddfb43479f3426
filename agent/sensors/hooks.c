/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listing what sits on devices.  Runs on the thread of the bypass sensor.
 * The kernel answers; the names in its answers are other people's.
 */
#include "agent/sensors/hooks.h"

#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/state/nl.h"
#include "common/base/log.h"
#include "common/proc/bpfid.h"

#define QDISCS_MAX 512
#define TCX_PROGRAMS_MAX 64
/* Of linux/bpf.h since 6.6; older headers do not have them. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

struct qdisc {
	uint32_t device, handle;
	bool clsact; /* or ingress */
};

struct listing {
	struct hooks *out;
	struct qdisc qdisc[QDISCS_MAX];
	size_t nqdiscs;
	const char *name; /* of the device whose filters are asked for */
};

static void
add(struct hooks *out, const struct hook *h)
{
	if (out->n < HOOKS_MAX)
		out->at[out->n++] = *h;
}

/* -- messages -------------------------------------------------------------- */

void
hooks_parse_link(const struct nlmsghdr *nlh, struct hooks *out)
{
	static const unsigned short modes[] = {IFLA_XDP_DRV_PROG_ID,
	    IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID};
	const struct ifinfomsg *info = NLMSG_DATA(nlh);
	struct hook h = {.kind = HOOK_XDP};
	const struct rtattr *xdp;
	const void *first;
	size_t i;
	int len;

	first = nl_attrs(nlh, sizeof(*info), &len);
	if (nlh->nlmsg_type != RTM_NEWLINK || len < 0)
		return;
	h.device = (uint32_t)info->ifi_index;
	nl_text(nl_find(first, len, IFLA_IFNAME), h.name, HOOKS_NAME_MAX);
	xdp = nl_find(first, len, IFLA_XDP);
	for (i = 0; xdp != NULL && i < sizeof(modes) / sizeof(modes[0]); i++) {
		h.program = nl_u32(nl_find(RTA_DATA(xdp),
		    (int)RTA_PAYLOAD(xdp), modes[i]));
		if (h.program != 0)
			add(out, &h);
	}
}

void
hooks_parse_filter(const struct nlmsghdr *nlh, const char *device,
    struct hooks *out)
{
	const struct tcmsg *tc = NLMSG_DATA(nlh);
	struct hook h = {.kind = HOOK_FILTER};
	const struct rtattr *options;
	const void *first;
	size_t i;
	int len;

	first = nl_attrs(nlh, sizeof(*tc), &len);
	if (nlh->nlmsg_type != RTM_NEWTFILTER || len < 0)
		return;
	h.device = (uint32_t)tc->tcm_ifindex;
	h.place = (uint64_t)tc->tcm_parent << 32 | tc->tcm_info;
	snprintf(h.name, sizeof(h.name), "%s", device);
	nl_text(nl_find(first, len, TCA_KIND), h.filter, HOOKS_NAME_MAX);
	options = nl_find(first, len, TCA_OPTIONS);
	if (options != NULL && strcmp(h.filter, "bpf") == 0)
		h.program = nl_u32(nl_find(RTA_DATA(options),
		    (int)RTA_PAYLOAD(options), TCA_BPF_ID));
	/* One priority may come as several messages. */
	for (i = 0; i < out->n; i++)
		if (out->at[i].kind == HOOK_FILTER &&
		    out->at[i].device == h.device &&
		    out->at[i].place == h.place &&
		    out->at[i].program == h.program)
			return;
	add(out, &h);
}

static void
on_link(void *arg, const struct nlmsghdr *nlh)
{
	struct listing *l = arg;
	const struct ifinfomsg *info = NLMSG_DATA(nlh);
	struct hook_device *d = &l->out->device[l->out->ndevices];
	const void *first;
	int len;

	first = nl_attrs(nlh, sizeof(*info), &len);
	if (nlh->nlmsg_type != RTM_NEWLINK || len < 0 ||
	    l->out->ndevices == HOOKS_DEVICES_MAX)
		return;
	d->index = (uint32_t)info->ifi_index;
	nl_text(nl_find(first, len, IFLA_IFNAME), d->name, HOOKS_NAME_MAX);
	l->out->ndevices++;
	hooks_parse_link(nlh, l->out);
}

static void
on_qdisc(void *arg, const struct nlmsghdr *nlh)
{
	struct listing *l = arg;
	const struct tcmsg *tc = NLMSG_DATA(nlh);
	struct qdisc *q = &l->qdisc[l->nqdiscs];
	char kind[HOOKS_NAME_MAX];
	const void *first;
	int len;

	first = nl_attrs(nlh, sizeof(*tc), &len);
	if (nlh->nlmsg_type != RTM_NEWQDISC || len < 0 ||
	    l->nqdiscs == QDISCS_MAX)
		return;
	nl_text(nl_find(first, len, TCA_KIND), kind, HOOKS_NAME_MAX);
	q->device = (uint32_t)tc->tcm_ifindex;
	q->handle = tc->tcm_handle;
	q->clsact = strcmp(kind, "clsact") == 0 ||
	    strcmp(kind, "ingress") == 0;
	/* Without a handle it is one of the kernel's own, without filters. */
	if (q->clsact || q->handle != 0)
		l->nqdiscs++;
}

static void
on_filter(void *arg, const struct nlmsghdr *nlh)
{
	struct listing *l = arg;

	hooks_parse_filter(nlh, l->name, l->out);
}

/* -- asking ---------------------------------------------------------------- */

/* What the kernel refuses (a discipline without filters) is not there. */
static int
dump(int fd, uint16_t type, const void *head, size_t len, nl_message_fn *fn,
    struct listing *l)
{
	int rc = nl_dump(fd, type, head, len, fn, l);

	return rc == ERR_UNSUPP ? 0 : rc;
}

const char *
hooks_device(const struct hooks *h, uint32_t index)
{
	size_t i;

	for (i = 0; i < h->ndevices; i++)
		if (h->device[i].index == index)
			return h->device[i].name;
	return "";
}

static void
list_tcx(const struct hook_device *d, enum hook_kind kind, struct hooks *out)
{
	uint32_t ids[TCX_PROGRAMS_MAX] = {0}, i;
	struct hook h = {.kind = kind, .device = d->index};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = d->index;
	attr.query.attach_type = kind == HOOK_TC_IN ? TCX_INGRESS :
	    TCX_EGRESS;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = TCX_PROGRAMS_MAX;
	if (bpfid_call(BPF_PROG_QUERY, &attr) < 0)
		return;
	memcpy(h.name, d->name, sizeof(h.name));
	for (i = 0; i < attr.query.prog_cnt && i < TCX_PROGRAMS_MAX; i++) {
		h.program = ids[i];
		add(out, &h);
	}
}

/* Asked of all namespaces: one that was taken off says none. */
static void
list_lost(struct hooks *out)
{
	struct hook h = {.kind = HOOK_LOST};
	struct bpf_link_info info;
	uint32_t id = 0;
	int fd;

	while ((fd = bpfid_next(BPFID_LINK, &id)) >= 0) {
		if (bpfid_info(fd, &info, sizeof(info)) &&
		    info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == 0) {
			h.program = info.prog_id;
			h.place = id;
			add(out, &h);
		}
		close(fd);
	}
}

static int
list_filters(int fd, struct listing *l, const struct qdisc *q)
{
	struct tcmsg tc = {.tcm_ifindex = (int)q->device};
	int rc;

	l->name = hooks_device(l->out, q->device);
	tc.tcm_parent = q->clsact ? TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS) :
	    q->handle;
	rc = dump(fd, RTM_GETTFILTER, &tc, sizeof(tc), on_filter, l);
	if (rc != 0 || !q->clsact)
		return rc;
	tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	return dump(fd, RTM_GETTFILTER, &tc, sizeof(tc), on_filter, l);
}

int
hooks_list(int fd, struct hooks *out)
{
	struct listing *l = calloc(1, sizeof(*l));
	const struct ifinfomsg info = {0};
	const struct tcmsg tc = {0};
	size_t i;
	int rc;

	if (l == NULL)
		return ERR_NOMEM;
	out->n = out->ndevices = 0;
	l->out = out;
	rc = dump(fd, RTM_GETLINK, &info, sizeof(info), on_link, l);
	for (i = 0; rc == 0 && i < out->ndevices; i++) {
		list_tcx(&out->device[i], HOOK_TC_IN, out);
		list_tcx(&out->device[i], HOOK_TC_OUT, out);
	}
	list_lost(out);
	if (rc == 0)
		rc = dump(fd, RTM_GETQDISC, &tc, sizeof(tc), on_qdisc, l);
	for (i = 0; rc == 0 && i < l->nqdiscs; i++)
		rc = list_filters(fd, l, &l->qdisc[i]);
	free(l);
	return rc;
}

void
hooks_program_name(uint32_t id, char *out, size_t size)
{
	struct bpf_prog_info info;
	int fd = id == 0 ? -1 : bpfid_open(BPFID_PROGRAM, id);

	out[0] = '\0';
	if (fd < 0)
		return;
	if (bpfid_info(fd, &info, sizeof(info)))
		log_quote(out, size, info.name, strnlen(info.name,
		    sizeof(info.name)));
}
