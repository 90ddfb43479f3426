/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wall clock of one machine of a scenario, stepped: preloaded there by
 * its own /etc/ld.so.preload, never on the machine that runs the tests.  The
 * shift is a 64-bit number of seconds in /etc/clock-shift, mapped, so that
 * it can be changed while programs run.  All other clocks stay.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static const volatile int64_t *shift;

static void __attribute__((constructor))
start(void)
{
	int fd = open("/etc/clock-shift", O_RDONLY | O_CLOEXEC);
	void *p;

	*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (real_gettime == NULL)
		abort();
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		shift = p;
	close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc;

	if (real_gettime == NULL)
		start();
	rc = real_gettime(id, ts);
	if (rc == 0 && shift != NULL &&
	    (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *shift;
	return rc;
}

time_t
time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
