/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What nftables never sees, done for real: the attacker of test_guard.py.
 * Says "ok ..." or "refused ERRNO-TEXT" and, where something has to stay,
 * stays until it is killed.  A test program: never installed.
 *
 *   xsk DEVICE QUEUE COUNT HEX      send a frame by AF_XDP
 *   xdp DEVICE tx|pass|IFINDEX set|link [native]
 *                                   XDP program: answer, pass, redirect
 *   unset DEVICE                    take an XDP program off by netlink
 *   tcx DEVICE in|out pass|IFINDEX  tc program before all others
 *   detach DEVICE                   take everybody's BPF links off it
 *   usurp DEVICE                    put programs of its own into the links on it
 *   seize DEVICE COUNT              that, then hang up one of its own, COUNT
 *                                   times
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#define RING 64
#define FRAME 2048
#define TCX_INGRESS 46
#define TCX_EGRESS 47

static int
refused(const char *what)
{
	printf("refused %s: %s\n", what, strerror(errno));
	return 1;
}

static int
stay(void)
{
	fflush(stdout);
	while (pause() < 0)
		;
	return 0;
}

static int
load(enum bpf_prog_type type, const char *name, uint32_t verdict,
    uint32_t redirect)
{
	/* r1 = device; r2 = 0; call redirect; exit, or just a verdict */
	const struct bpf_insn away[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1,
		    .imm = (int)redirect},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct bpf_insn plain[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = (int)verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return redirect != 0 ?
	    bpf_prog_load(type, name, "GPL", away, 4, NULL) :
	    bpf_prog_load(type, name, "GPL", plain, 2, NULL);
}

static uint32_t
program_id(int fd)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

static int
xdp(char **v, bool native)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	uint32_t flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	int index = (int)if_nametoindex(v[0]), fd, rc;
	uint32_t to = (uint32_t)atoi(v[1]);

	fd = load(BPF_PROG_TYPE_XDP, "evil_xdp",
	    strcmp(v[1], "tx") == 0 ? XDP_TX : XDP_PASS, to);
	if (fd < 0)
		return refused("load");
	opts.flags = flags;
	rc = strcmp(v[2], "link") == 0 ?
	    bpf_link_create(fd, index, BPF_XDP, &opts) :
	    bpf_xdp_attach(index, fd, flags, NULL);
	if (rc < 0) {
		errno = -rc;
		return refused("attach");
	}
	printf("ok %u\n", program_id(fd));
	return stay();
}

static int
tcx(char **v)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = 1u << 3);
	int index = (int)if_nametoindex(v[0]), fd, rc;

	fd = load(BPF_PROG_TYPE_SCHED_CLS, "evil_tc", TC_ACT_OK,
	    (uint32_t)atoi(v[2]));
	if (fd < 0)
		return refused("load");
	rc = bpf_link_create(fd, index, (enum bpf_attach_type)
	    (strcmp(v[1], "in") == 0 ? TCX_INGRESS : TCX_EGRESS), &opts);
	if (rc < 0) {
		errno = -rc;
		return refused("attach");
	}
	printf("ok %u\n", program_id(fd));
	return stay();
}

/* Does that program run on the device of this namespace? */
static bool
runs_on(uint32_t index, uint32_t program)
{
	uint32_t ids[64] = {0}, n = 64, flags, xdp_id = 0, i;

	if (bpf_xdp_query_id((int)index, 0, &xdp_id) == 0 &&
	    xdp_id == program)
		return true;
	if (bpf_prog_query((int)index, (enum bpf_attach_type)TCX_EGRESS, 0,
	    &flags, ids, &n) != 0)
		return false;
	for (i = 0; i < n; i++)
		if (ids[i] == program)
			return true;
	return false;
}

/* To each link on DEVICE, of whoever; other namespaces have the same index.
 * How many it was done to. */
static uint32_t
each_link(const char *device, int (*fn)(int link, enum bpf_link_type type))
{
	uint32_t id = 0, index = if_nametoindex(device), n = 0, len;
	struct bpf_link_info info;
	int fd;

	while (bpf_link_get_next_id(id, &id) == 0) {
		fd = bpf_link_get_fd_by_id(id);
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) != 0 ||
		    info.xdp.ifindex != index ||
		    !runs_on(index, info.prog_id))
			continue;
		n += fn(fd, info.type) == 0;
	}
	return n;
}

static int
take_off(int link, enum bpf_link_type type)
{
	(void)type;
	return bpf_link_detach(link);
}

static uint32_t
detach_all(const char *device)
{
	return each_link(device, take_off);
}

/* With the attach type that libbpf gives to ours. */
static int
usurp(int link, enum bpf_link_type type)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = type ==
		    BPF_LINK_TYPE_XDP ? XDP_TX : TC_ACT_OK},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type =
	    type == BPF_LINK_TYPE_XDP ? BPF_XDP : 0);
	int fd = bpf_prog_load(type == BPF_LINK_TYPE_XDP ?
	    BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "evil", "GPL", pass,
	    2, &opts);

	return fd < 0 ? fd : bpf_link_update(link, fd, NULL);
}

/* The holder of a link that does not give up its device. */
static int
seize(const char *device, int count)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
	int index = (int)if_nametoindex(device), fd, link, n = 0;

	fd = load(BPF_PROG_TYPE_XDP, "evil_xdp", XDP_TX, 0);
	if (fd < 0)
		return refused("load");
	for (; count > 0; count--) {
		detach_all(device);
		link = bpf_link_create(fd, index, BPF_XDP, &opts);
		n += link >= 0;
		usleep(30000);
	}
	printf("ok %d\n", n);
	return stay();
}

/* -- AF_XDP ---------------------------------------------------------------- */

struct sender {
	int fd;
	uint8_t *frames;
	uint32_t *producer;
	struct xdp_desc *ring;
};

static bool
furnish(struct sender *s)
{
	struct xdp_umem_reg mem = {.len = RING * FRAME, .chunk_size = FRAME};
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	const int n = RING;
	uint8_t *map;

	s->frames = mmap(NULL, mem.len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mem.addr = (uint64_t)(uintptr_t)s->frames;
	if (setsockopt(s->fd, SOL_XDP, XDP_UMEM_REG, &mem, sizeof(mem)) < 0 ||
	    setsockopt(s->fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)) < 0 ||
	    setsockopt(s->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n,
	    sizeof(n)) < 0 ||
	    setsockopt(s->fd, SOL_XDP, XDP_TX_RING, &n, sizeof(n)) < 0 ||
	    getsockopt(s->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return false;
	map = mmap(NULL, off.tx.desc + RING * sizeof(struct xdp_desc),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd,
	    XDP_PGOFF_TX_RING);
	if (map == MAP_FAILED)
		return false;
	s->producer = (uint32_t *)(void *)(map + off.tx.producer);
	s->ring = (struct xdp_desc *)(void *)(map + off.tx.desc);
	return true;
}

static size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned int byte;

	for (; sscanf(hex, "%2x", &byte) == 1 && n < FRAME; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

static int
xsk(char **v)
{
	struct sockaddr_xdp at = {.sxdp_family = AF_XDP,
	    .sxdp_flags = XDP_COPY, .sxdp_ifindex = if_nametoindex(v[0]),
	    .sxdp_queue_id = (uint32_t)atoi(v[1])};
	int i, count = atoi(v[2]), sent = 0;
	struct sender s;
	size_t len;

	s.fd = socket(AF_XDP, SOCK_RAW, 0);
	if (s.fd < 0 || !furnish(&s))
		return refused("socket");
	if (bind(s.fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return refused("bind");
	for (i = 0; i < count && i < RING; i++) {
		len = from_hex(v[3], s.frames + i * FRAME);
		s.ring[i].addr = (uint64_t)i * FRAME;
		s.ring[i].len = (uint32_t)len;
		s.ring[i].options = 0;
		__atomic_store_n(s.producer, (uint32_t)i + 1,
		    __ATOMIC_RELEASE);
		sent += sendto(s.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0;
	}
	printf("ok %d\n", sent);
	return stay();
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 6 && strcmp(argv[1], "xsk") == 0)
		return xsk(argv + 2);
	if (argc >= 5 && strcmp(argv[1], "xdp") == 0)
		return xdp(argv + 2, argc == 6);
	if (argc == 5 && strcmp(argv[1], "tcx") == 0)
		return tcx(argv + 2);
	if (argc == 3 && strcmp(argv[1], "detach") == 0) {
		printf("ok %u\n", detach_all(argv[2]));
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "usurp") == 0) {
		printf("ok %u\n", each_link(argv[2], usurp));
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "seize") == 0)
		return seize(argv[2], atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "unset") == 0) {
		if (bpf_xdp_detach((int)if_nametoindex(argv[2]),
		    XDP_FLAGS_SKB_MODE, NULL) < 0)
			return refused("unset");
		puts("ok");
		return 0;
	}
	return 2;
}
