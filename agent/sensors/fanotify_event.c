/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parser of fanotify events.  Runs on the watch thread.  The bytes come
 * from the kernel; names in them come from whoever made the file.
 */
#include "agent/sensors/fanotify_event.h"

#include <string.h>
#include <sys/fanotify.h>

#ifndef FAN_EVENT_INFO_TYPE_OLD_DFID_NAME
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

/* struct file_handle without its flexible part (open_by_handle_at(2)). */
struct handle_head {
	uint32_t bytes;
	int32_t type;
};

static int
parse_place(const uint8_t *info, size_t len, struct fan_place *p)
{
	struct handle_head head;
	size_t at = sizeof(struct fanotify_event_info_header);
	const char *name;

	if (len < at + sizeof(p->fsid) + sizeof(head))
		return ERR_SYNTAX;
	memcpy(&p->fsid, info + at, sizeof(p->fsid));
	at += sizeof(p->fsid);
	memcpy(&head, info + at, sizeof(head));
	at += sizeof(head);
	if (head.bytes > FAN_HANDLE_MAX || head.bytes > len - at)
		return ERR_SYNTAX;
	name = (const char *)info + at + head.bytes;
	if (memchr(name, '\0', len - at - head.bytes) == NULL)
		return ERR_SYNTAX;
	p->handle = info + at;
	p->handle_len = head.bytes;
	p->handle_type = head.type;
	p->name = name;
	return 0;
}

static int
parse_info(const uint8_t *info, size_t len, uint8_t type,
    struct fan_event *ev)
{
	int32_t pidfd;

	switch (type) {
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
		return parse_place(info, len, &ev->at);
	case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		return parse_place(info, len, &ev->from);
	case FAN_EVENT_INFO_TYPE_PIDFD:
		if (len < sizeof(struct fanotify_event_info_pidfd))
			return ERR_SYNTAX;
		memcpy(&pidfd,
		    info + sizeof(struct fanotify_event_info_header),
		    sizeof(pidfd));
		ev->pidfd = pidfd < 0 ? -1 : pidfd;
		return 0;
	default:
		return 0; /* newer kernels may say more */
	}
}

int
fan_event_next(const uint8_t *buf, size_t len, size_t *off,
    struct fan_event *ev)
{
	struct fanotify_event_metadata meta;
	struct fanotify_event_info_header head;
	const uint8_t *start = buf + *off;
	size_t at, left = len - *off;

	if (left == 0)
		return ERR_NOENT;
	if (left < sizeof(meta))
		return ERR_SYNTAX;
	memcpy(&meta, start, sizeof(meta));
	if (meta.vers != FANOTIFY_METADATA_VERSION ||
	    meta.event_len < sizeof(meta) || meta.event_len > left ||
	    meta.metadata_len < sizeof(meta) ||
	    meta.metadata_len > meta.event_len)
		return ERR_SYNTAX;
	memset(ev, 0, sizeof(*ev));
	ev->mask = meta.mask;
	ev->pid = meta.pid;
	ev->pidfd = -1;
	ev->fd = meta.fd < 0 ? -1 : meta.fd;
	for (at = meta.metadata_len; at < meta.event_len; at += head.len) {
		if (meta.event_len - at < sizeof(head))
			return ERR_SYNTAX;
		memcpy(&head, start + at, sizeof(head));
		if (head.len < sizeof(head) ||
		    head.len > meta.event_len - at ||
		    parse_info(start + at, head.len, head.info_type, ev) !=
		    0)
			return ERR_SYNTAX;
	}
	*off += meta.event_len;
	return 0;
}
