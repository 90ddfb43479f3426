/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices of nf_tables: names and rules in them are other people's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/nftnote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nlmsghdr *nlh;
	struct nftnote note;

	if (len < sizeof(*nlh))
		return 0;
	nlh = malloc(len); /* its end is the end of the message */
	if (nlh == NULL)
		return 0;
	memcpy(nlh, data, len);
	nlh->nlmsg_len = (uint32_t)len;
	nftnote_parse(nlh, &note);
	free(nlh);
	return 0;
}
