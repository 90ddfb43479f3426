/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's texts and messages about itself: names in them are other
 * people's.  The first byte chooses the parser.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/bpf.h"
#include "agent/state/devices.h"
#include "agent/state/kernel.h"
#include "agent/state/listeners.h"
#include "agent/state/loggers.h"
#include "agent/state/modules.h"
#include "agent/state/mounts.h"
#include "agent/state/netsock.h"
#include "agent/state/preload.h"
#include "agent/state/program.h"
#include "agent/state/routes.h"
#include "agent/state/sockline.h"
#include "agent/state/sysctl.h"
#include "agent/state/walltime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Each source must bear any fact, as one kept on disk may be. */
static void
tell_all(const char *key, const char *was, const char *is)
{
	static const struct state_source *const sources[] = {
	    &modules_source, &kernel_source, &lsm_source, &sysctl_source,
	    &binfmt_source, &bpf_source, &mounts_source, &devices_source,
	    &walltime_source, &loggers_source,
	    &listeners_source, &peers_source, &preload_source,
	    &routes_source};
	const struct fact_change changes[] = {
	    {FACT_ADDED, key, NULL, is}, {FACT_REMOVED, key, was, NULL},
	    {FACT_CHANGED, key, was, is}, {FACT_FOUND, key, NULL, is}};
	static struct state_told told;
	size_t i, k;

	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		for (k = 0; k < 4; k++) {
			memset(&told, 0, sizeof(told));
			if (sources[i]->tell(&changes[k], &told) &&
			    told.kind == NULL)
				abort();
		}
}

static void
messages(const uint8_t *data, size_t len, struct facts *f)
{
	struct routes_link eth0 = {.index = 2, .name = "eth0"};
	const struct routes_links links = {&eth0, 1, 1};
	struct routes_links more = {NULL, 0, 0};
	struct nlmsghdr *nlh;
	struct netsock s;

	if (len < sizeof(*nlh))
		return;
	nlh = malloc(len); /* its end is the end of the message */
	memcpy(nlh, data, len);
	nlh->nlmsg_len = (uint32_t)len;
	devices_parse(nlh, f);
	netsock_parse(nlh, 6, &s);
	routes_parse(nlh, &links, f);
	routes_concern(nlh);
	routes_take_link(nlh, &more);
	routes_links_done(&more);
	free(nlh);
}

static void
lines(char *text, size_t len)
{
	char out[PROGRAM_TEXT_MAX];
	struct sock_line l;
	uint64_t inode;
	uint32_t device;

	sock_line_inet(text, &l);
	sock_line_packet(text, &device, &inode);
	lsm_parse_lockdown(text, out, 16);
	modules_listed(text, "a");
	program_class(text);
	program_name(text, true, text, len, out);
	preload_parse(text, len, out, sizeof(out));
	binfmt_parse(text, out, 32);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct facts *f = facts_new();
	char *text = malloc(len + 1), *second;
	size_t n;

	if (f == NULL || text == NULL || len == 0)
		goto done;
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	n = strlen(text);
	switch (data[0] & 7) {
	case 0:
		modules_parse(text, f);
		break;
	case 1:
		lsm_parse_profiles(text, f);
		break;
	case 2:
		mounts_parse(text, f);
		break;
	case 3:
		messages(data + 1, len - 1, f);
		break;
	case 4:
		lines(text, len - 1);
		break;
	default:
		second = n + 1 < len ? text + n + 1 : text;
		tell_all(text, second, second);
		tell_all(text, second, text);
	}
	facts_seal(f);
done:
	facts_free(&f);
	free(text);
	return 0;
}
