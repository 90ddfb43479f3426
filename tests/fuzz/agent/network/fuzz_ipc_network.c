/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes to the network process: messages of the enforcer, the sensors
 * and the parent, and frames of the collector, through the very tables that
 * guard them.  Input: {from u8, kind u8, length u16, payload} ...
 */
#include <event2/event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/network/credential.h"
#include "agent/network/line.h"
#include "agent/network/network.h"
#include "agent/network/spool.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/x509.h"
#include "common/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOST_ID "H-0123456789ABCDEF"

static char dir[64];
static struct event_base *base;
static struct network *net;
static struct link *dummy, *parent;
static Cordon__Settings settings = CORDON__SETTINGS__INIT;
static const struct link_kind none[] = {
	{0, NULL, 0, 0, NULL, NULL, false},
};
static bool alone; /* in a network namespace with nothing in it */

static void
clean_up(void)
{
	char cmd[128];

	network_free(&net);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		return;
}

static void
make_credential(void)
{
	char ca_key[96], ca_pem[96], key[96];
	struct x509_ca *ca = NULL;
	struct buf csr, der;
	struct x509_id id;
	struct why why;

	buf_init(&csr, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	snprintf(ca_key, sizeof(ca_key), "%s/ca.key", dir);
	snprintf(ca_pem, sizeof(ca_pem), "%s/%s", dir, CREDENTIAL_CA);
	snprintf(key, sizeof(key), "%s/%s", dir, CREDENTIAL_NEXT);
	if (x509_ca_make(ca_key, ca_pem, "fuzz", &why) != 0 ||
	    x509_ca_load(ca_key, ca_pem, &ca, &why) != 0 ||
	    x509_key_make(key, &why) != 0 ||
	    x509_csr_make(key, HOST_ID, &csr, &why) != 0 ||
	    x509_issue(ca, csr.data, csr.len, X509_AGENT, HOST_ID, 3600, &der,
	    &id, &why) != 0 ||
	    credential_install(dir, der.data, der.len, &why) != 0)
		abort();
	x509_ca_free(&ca);
	buf_done(&csr);
	buf_done(&der);
}

static void
start(void)
{
	struct network_options o = {.state_dir = dir, .settings = &settings};
	struct why why;
	int fd[2], other[2];

	log_init("fuzz", LOG_LEVEL_ERROR - 1);
	alone = unshare(CLONE_NEWNET) == 0;
	strcpy(dir, access("/dev/shm", W_OK) == 0 ?
	    "/dev/shm/cordon-fuzz-XXXXXX" : "/tmp/cordon-fuzz-XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	make_credential();
	settings.host_id = (char *)(uintptr_t)HOST_ID;
	settings.spool_max = SPOOL_MAX_LEAST;
	base = event_base_new();
	if (link_pair(fd, &why) != 0 || link_pair(other, &why) != 0)
		abort();
	o.base = base;
	o.parent_fd = fd[1];
	parent = link_new(base, fd[0], "parent", none, NULL, NULL);
	dummy = link_new(base, other[0], "sender", none, NULL, NULL);
	if (network_new(&o, &net, &why) != 0)
		abort();
	atexit(clean_up);
}

static void
from_process(unsigned int peer, uint32_t kind, const uint8_t *data,
    size_t len)
{
	const struct link_kind *row;
	struct why why;

	if (link_check(network_table(peer), net, kind, len, &row) == NULL)
		(void)row->handle(net, dummy, data, len, -1, &why);
}

static void
from_collector(enum line_state state, uint16_t kind, const uint8_t *data,
    size_t len)
{
	const struct line_row *row;
	struct why why;

	/* Welcome needs a connection; no tries outside of a namespace. */
	if (kind == FRAME_WELCOME || (kind == FRAME_WITNESS_ASK && !alone) ||
	    len > frame_max(kind))
		return;
	if (line_check(network_rows(), state, kind, &row) == NULL)
		(void)row->handle(net, data, len, &why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r;
	const uint8_t *p;
	uint8_t from, kind;
	uint16_t len;

	if (net == NULL)
		start();
	reader_init(&r, data, size);
	while (r.left >= 4) {
		from = reader_u8(&r);
		kind = reader_u8(&r);
		len = reader_u16(&r);
		if (len > r.left)
			len = (uint16_t)r.left;
		p = reader_bytes(&r, len);
		switch (from % 5) {
		case 0: from_process(0, kind, p, len); break;
		case 1: from_process(IPC_PEER_ENFORCER, kind, p, len); break;
		case 2: from_process(IPC_PEER_SENSORS, kind, p, len); break;
		case 3: from_collector(LINE_LIVE, kind, p, len); break;
		case 4: from_collector(LINE_HELLO, kind, p, len); break;
		}
	}
	return 0;
}
