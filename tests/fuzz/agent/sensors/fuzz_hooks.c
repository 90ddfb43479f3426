/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages of rtnetlink about XDP programs and filters, and the texts of
 * /proc that name sockets: names in them are other people's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/bypass.h"
#include "agent/sensors/hooks.h"
#include "agent/state/holders.h"
#include "agent/state/sockline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
texts(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	uint64_t inode;
	uint32_t device;

	if (text == NULL)
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	sock_line_packet(text, &device, &inode);
	bypass_parse_protocols(text, "XDP");
	holders_parse_link(text);
	holders_parse_fdinfo(text, "prog_id:");
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct hooks h;
	struct nlmsghdr *nlh;

	texts(data, len);
	if (len < sizeof(*nlh))
		return 0;
	nlh = malloc(len); /* its end is the end of the message */
	if (nlh == NULL)
		return 0;
	memcpy(nlh, data, len);
	nlh->nlmsg_len = (uint32_t)len;
	h.n = 0;
	hooks_parse_link(nlh, &h);
	hooks_parse_filter(nlh, "eth0", &h);
	free(nlh);
	return 0;
}
