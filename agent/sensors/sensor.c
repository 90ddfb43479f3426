/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running sensors, each on its thread of the sensors process.
 */
#include "agent/sensors/sensor.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/sensors/backup.h"
#include "agent/sensors/bypass.h"
#include "agent/sensors/data.h"
#include "agent/sensors/files.h"
#include "agent/sensors/firewall.h"
#include "agent/sensors/process.h"
#include "agent/sensors/pulse.h"
#include "agent/sensors/rights.h"
#include "agent/sensors/self.h"
#include "agent/sensors/state.h"
#include "common/base/clock.h"

#define CPU_PERCENT 25 /* where the settings do not say */

const struct sensor_kind *const sensor_kinds[] = {
	&files_sensor,
	&bypass_sensor,
	&process_sensor,
	&firewall_sensor,
	&data_sensor,
	&self_sensor,
	&backup_sensor,
	&rights_sensor,
	&state_sensor,
	&pulse_sensor,
	NULL,
};

static int
wait_ms(const struct sensor *s)
{
	int64_t left;

	if (s->due_ms == 0)
		return -1;
	left = s->due_ms - clock_boot_ms();
	if (left < 0)
		return 0;
	return left > 60000 ? 60000 : (int)left;
}

static void *
run(void *arg)
{
	struct sensor *s = arg;
	struct pollfd p[2] = {
	    {.fd = s->stop_fd, .events = POLLIN},
	    {.fd = s->fd, .events = POLLIN},
	};

	pthread_setname_np(pthread_self(), s->kind->name);
	for (;;) {
		if (poll(p, 2, wait_ms(s)) < 0)
			continue; /* a signal */
		if (p[0].revents != 0)
			break;
		if (p[1].revents != 0)
			s->kind->on_fd(s);
		if (s->due_ms != 0 && clock_boot_ms() >= s->due_ms)
			s->kind->on_timer(s);
	}
	s->kind->stop(s);
	return NULL;
}

int
sensor_start(struct sensor *s, const struct sensor_kind *kind,
    struct sensor_env *env, struct why *why)
{
	pthread_attr_t attr;
	int r;

	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->env = env;
	s->fd = -1;
	s->percent = env->settings->cpu_percent != 0 ?
	    env->settings->cpu_percent : CPU_PERCENT;
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->stop_fd < 0)
		return why_sys(why, ERR_IO, "eventfd");
	r = kind->start(s, why);
	if (r != 0)
		goto done;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, kind->stack);
	if (pthread_create(&s->thread, &attr, run, s) != 0)
		r = why_set(why, ERR_IO, "%s: no thread", kind->name);
	pthread_attr_destroy(&attr);
done:
	s->running = r == 0;
	if (r != 0) {
		kind->stop(s);
		close(s->stop_fd);
	}
	return r;
}

void
sensor_stop(struct sensor *s)
{
	const uint64_t one = 1;

	if (!s->running)
		return;
	if (write(s->stop_fd, &one, sizeof(one)) > 0)
		pthread_join(s->thread, NULL);
	close(s->stop_fd);
	s->running = false;
}
