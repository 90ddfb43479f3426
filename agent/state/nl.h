/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the kernel by netlink(7) without a library: dumps of rtnetlink
 * and sock_diag.  Nothing is changed.  The kernel answers; names in its
 * answers are other people's.
 */
#ifndef CORDON_STATE_NL_H
#define CORDON_STATE_NL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* PROTOCOL: NETLINK_ROUTE ...  A descriptor that waits 2 s at most, or -1. */
int nl_open(int protocol, struct why *why);

typedef void nl_message_fn(void *arg, const struct nlmsghdr *nlh);
/*
 * One dump of TYPE; HEAD is its header of LEN (at most 64) bytes; FN gets
 * each message.  ERR_UNSUPP: the kernel refused it; ERR_IO, ERR_NOMEM.
 */
int nl_dump(int fd, uint16_t type, const void *head, size_t len,
    nl_message_fn *fn, void *arg);

/* Attributes behind a header of HEAD bytes; *LEN < 0: there is not even
 * that. */
const void *nl_attrs(const struct nlmsghdr *nlh, size_t head, int *len);
const struct rtattr *nl_find(const void *first, int len,
    unsigned short type);
uint32_t nl_u32(const struct rtattr *a); /* 0: not such a number, or NULL */
/* Cut to SIZE - 1, terminated; "" for NULL. */
void nl_text(const struct rtattr *a, char *out, size_t size);

#endif
