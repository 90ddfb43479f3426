/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * drill dry, count, live: an isolation that is practice.  The way is that of
 * a real one: plan, preview, approvals, confirmation, proof; every line says
 * DRILL.
 */
#include "server/ctl/cmd.h"

#define MINUTES_STANDARD 10

static int
drill(struct ctl *c, const char *kind, int64_t minutes)
{
	c->o.mark = text_of(T_DRILL_MARK, c->o.lang);
	return plan_and_apply(c, &(struct plan_wish){ .action = "isolate",
	    .command = "drill", .drill = kind, .minutes = minutes });
}

int
cmd_drill_dry(struct ctl *c)
{
	return drill(c, "dry", 0);
}

int
cmd_drill_count(struct ctl *c)
{
	return drill(c, "count", c->a.minutes > 0 ? c->a.minutes :
	    MINUTES_STANDARD);
}

int
cmd_drill_live(struct ctl *c)
{
	return drill(c, "live", c->a.minutes > 0 ? c->a.minutes :
	    MINUTES_STANDARD);
}
