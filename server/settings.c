/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of collector.conf and what its lists of addresses mean.  Runs
 * in the collector before it listens.  The file is the administrator's: a
 * slip is named, nothing is guessed.
 */
#include "server/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "server/links/signer.h"

#define DAY (24 * 3600)
#define PROTO_TCP 6
#define PROTO_UDP 17

#define AT(field) offsetof(struct settings, field)

static int check_absolute(const char *value, struct why *why);
static int check_check(const char *value, struct why *why);
static int check_deadman(const char *value, struct why *why);
static int check_level(const char *value, struct why *why);
static int check_notice(const char *value, struct why *why);
static int check_recheck(const char *value, struct why *why);

static const struct conf_key table[] = {
	{ "collector", "listen", CONF_LIST, AT(listen_list), NULL, 0, 0,
	    false, NULL },
	{ "collector", "api_listen", CONF_LIST, AT(api_list), NULL, 0, 0,
	    false, NULL },
	{ "collector", "advertise", CONF_LIST, AT(advertise_list), NULL, 0,
	    0, false, NULL },
	{ "collector", "database", CONF_STRING, AT(database),
	    "sqlite:/var/lib/cordon-collector/collector.db", 0, 0, true,
	    NULL },
	{ "collector", "state_dir", CONF_STRING, AT(state_dir),
	    "/var/lib/cordon-collector", 0, 0, true, check_absolute },
	{ "collector", "user", CONF_STRING, AT(user), "cordon-collector", 0,
	    0, true, NULL },
	{ "collector", "policy", CONF_STRING, AT(policy_file),
	    "/etc/cordon/policy.conf", 0, 0, true, check_absolute },
	{ "collector", "log_level", CONF_STRING, AT(log_level), "info", 0, 0,
	    true, check_level },
	{ "collector", "loops", CONF_INT, AT(loops), "0", 0, 64, true, NULL },
	{ "collector", "readers", CONF_INT, AT(readers), "2", 1, 16, true,
	    NULL },
	{ "collector", "heartbeat", CONF_SPAN, AT(heartbeat), "10s", 1, 3600,
	    true, NULL },
	{ "collector", "connections_max", CONF_INT, AT(connections_max),
	    "20000", 1, 1000000, true, NULL },

	{ "tls", "agent_cert", CONF_SPAN, AT(agent_cert), "90d", 60,
	    3650 * DAY, true, NULL },
	{ "tls", "operator_cert", CONF_SPAN, AT(operator_cert), "365d", 60,
	    3650 * DAY, true, NULL },
	{ "tls", "server_cert", CONF_SPAN, AT(server_cert), "1825d", 60,
	    3650 * DAY, true, NULL },
	{ "tls", "renew_before", CONF_SPAN, AT(renew_before), "30d", 1,
	    3650 * DAY, true, NULL },
	{ "tls", "stale_cert", CONF_SPAN, AT(stale_cert), "90d", 60,
	    3650 * DAY, true, NULL },

	{ "signer", "socket", CONF_STRING, AT(signer_socket), SIGNER_SOCKET,
	    0, 0, true, check_absolute },

	{ "orders", "confirm", CONF_SPAN, AT(orders.confirm_seconds), "30s",
	    1, 3600, true, NULL },
	{ "orders", "deliver", CONF_SPAN, AT(orders.deliver_seconds), "24h",
	    60, 30 * DAY, true, NULL },
	{ "orders", "approve_isolate", CONF_SPAN,
	    AT(orders.approve_isolate_seconds), "15m", 10, 7 * DAY, true,
	    NULL },
	{ "orders", "approve_restore", CONF_SPAN,
	    AT(orders.approve_restore_seconds), "4h", 10, 7 * DAY, true,
	    NULL },
	{ "orders", "review_t0", CONF_SPAN, AT(review[0]), "1h", 60,
	    30 * DAY, true, NULL },
	{ "orders", "review_t1", CONF_SPAN, AT(review[1]), "4h", 60,
	    30 * DAY, true, NULL },
	{ "orders", "review_t2", CONF_SPAN, AT(review[2]), "24h", 60,
	    30 * DAY, true, NULL },
	{ "orders", "review_t3", CONF_SPAN, AT(review[3]), "24h", 60,
	    30 * DAY, true, NULL },
	{ "orders", "deadman_t0", CONF_STRING, AT(deadman[0]), "stay", 0, 0,
	    true, check_deadman },
	{ "orders", "deadman_t1", CONF_STRING, AT(deadman[1]), "stay", 0, 0,
	    true, check_deadman },
	{ "orders", "deadman_t2", CONF_STRING, AT(deadman[2]), "stay", 0, 0,
	    true, check_deadman },
	{ "orders", "deadman_t3", CONF_STRING, AT(deadman[3]), "stay", 0, 0,
	    true, check_deadman },
	{ "orders", "operator_min_age", CONF_SPAN,
	    AT(orders.operator_min_age_seconds), "24h", 1, 365 * DAY, true,
	    NULL },
	{ "orders", "budget_hosts_hour", CONF_INT,
	    AT(orders.budget_hosts_hour), "100", 0, 1000000, true, NULL },
	{ "orders", "budget_percent_hour", CONF_INT,
	    AT(orders.budget_percent_hour), "10", 1, 100, true, NULL },
	{ "orders", "probe", CONF_LIST, AT(probe_list), NULL, 0, 0, false,
	    NULL },
	{ "orders", "recovery_allow", CONF_LIST, AT(allow_list), NULL, 0, 0,
	    false, NULL },
	{ "orders", "limited_allow", CONF_LIST, AT(limited_list), NULL, 0, 0,
	    false, NULL },
	{ "orders", "notice_en", CONF_STRING, AT(notice_en),
	    "This computer was taken off the network by the security team. "
	    "Please leave it on and call the security team.", 0, 0, true,
	    check_notice },
	{ "orders", "notice_zh", CONF_STRING, AT(notice_zh),
	    "本机已被安全团队隔离网络。请保持开机，并联系安全团队。", 0, 0,
	    true, check_notice },

	{ "gate", "check", CONF_LIST, AT(gate_list), NULL, 0, 0, false,
	    check_check },
	{ "gate", "max_age", CONF_SPAN, AT(cases.gate_age_seconds), "24h",
	    60, 30 * DAY, true, NULL },

	{ "probation", "recheck", CONF_LIST, AT(recheck_list), NULL, 0, 0,
	    false, check_recheck },
	{ "probation", "late", CONF_SPAN, AT(cases.recheck_late_seconds),
	    "30m", 1, 7 * DAY, true, NULL },

	{ NULL, NULL, 0, 0, NULL, 0, 0, false, NULL },
};

/* Lists that the file leaves empty. */
static const char *const std_listen[] = { "0.0.0.0:8443", "[::]:8443", NULL };
static const char *const std_api[] = { "127.0.0.1:8444", NULL };
static const char *const std_gate[] = { "G01", "G02", "G03", "G04",
	"G06", "G07", "G15", NULL };
static const char *const std_recheck[] = { "h1 1h", "h4 4h", "h12 12h",
	"d1 1d", "d3 3d", "d7 7d", "d30 30d", NULL };

/* policy.conf has only sections of free names. */
static const struct conf_key no_keys[] = {
	{ NULL, NULL, 0, 0, NULL, 0, 0, false, NULL },
};

/* -- one value ------------------------------------------------------------ */

static int
check_absolute(const char *value, struct why *why)
{
	if (value[0] != '/')
		return why_set(why, ERR_CONFIG, "write an absolute path");
	return 0;
}

static int
check_level(const char *value, struct why *why)
{
	enum log_level level;

	if (log_level_parse(value, &level) != 0)
		return why_set(why, ERR_CONFIG,
		    "write error, warn, info or debug");
	return 0;
}

static int
check_notice(const char *value, struct why *why)
{
	if (strlen(value) >= TEXT_MAX_LEN)
		return why_set(why, ERR_LIMIT, "longer than %d bytes",
		    TEXT_MAX_LEN - 1);
	return 0;
}

static int
check_check(const char *value, struct why *why)
{
	int n;
	char tail;

	if (strlen(value) != 3 || sscanf(value, "G%2d%c", &n, &tail) != 1 ||
	    n < 1)
		return why_set(why, ERR_CONFIG, "write a check's id, G01");
	return 0;
}

/* "stay", "recovery after 24h", "open after 48h" */
static int
parse_deadman(const char *value, struct orders_deadman *out, struct why *why)
{
	struct orders_deadman d = { 0, PROFILE_OPEN };
	char then[16], span[16], tail;

	if (strcmp(value, "stay") != 0) {
		if (sscanf(value, "%15s after %15s %c", then, span,
		    &tail) != 2 ||
		    (strcmp(then, "open") != 0 &&
		    strcmp(then, "recovery") != 0) ||
		    clock_parse_span(span, &d.after_seconds) != 0 ||
		    d.after_seconds < 300 || d.after_seconds > 365 * DAY)
			return why_set(why, ERR_CONFIG, "write stay, "
			    "\"recovery after 24h\" or \"open after 48h\", "
			    "at least 5m");
		if (then[0] == 'r')
			d.then = PROFILE_RECOVERY;
	}
	*out = d;
	return 0;
}

static int
check_deadman(const char *value, struct why *why)
{
	struct orders_deadman d;

	return parse_deadman(value, &d, why);
}

/* "h1 1h" */
static int
parse_recheck(const char *value, struct cases_recheck *out, struct why *why)
{
	struct cases_recheck r;
	char span[16], tail;

	if (sscanf(value, "%15s %15s %c", r.name, span, &tail) != 2 ||
	    !name_valid(r.name) ||
	    clock_parse_span(span, &r.after_seconds) != 0)
		return why_set(why, ERR_CONFIG,
		    "write a name and when, \"h4 4h\"");
	*out = r;
	return 0;
}

static int
check_recheck(const char *value, struct why *why)
{
	struct cases_recheck r;

	return parse_recheck(value, &r, why);
}

/* A network with bits set behind its length is a slip, not a wish. */
static bool
host_bits(const struct orders_allow *e)
{
	size_t bit;

	for (bit = e->prefix_len; bit < 8u * e->ip_len; bit++)
		if (e->ip[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	return false;
}

/*
 * "tcp 10.1.9.7:443", "udp [2001:db8::]:53", "tcp 10.1.9.0/24:443"; with
 * NETWORK also "in tcp 10.1.9.0/24:22", which the peer opens to our port.
 */
static int
parse_endpoint(const char *text, bool network, struct orders_allow *out,
    struct why *why)
{
	struct orders_allow e = { .in = network && strncmp(text, "in ",
	    3) == 0 };
	char proto[8], rest[ADDR_TEXT_MAX], tail;
	char *slash, *end;
	unsigned long len = 0;
	struct addr a;
	int rc;

	if (sscanf(e.in ? text + 3 : text, "%7s %63s %c", proto, rest,
	    &tail) != 2 ||
	    (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0))
		return why_set(why, ERR_SYNTAX, "write tcp or udp, a blank, "
		    "ADDRESS:PORT");
	slash = strchr(rest, '/');
	if (slash != NULL) {
		len = strtoul(slash + 1, &end, 10);
		if (!network || end == slash + 1 || len < 1 || len > 128 ||
		    (*end != ':' && *end != ']'))
			return why_set(why, ERR_SYNTAX, network ?
			    "write 10.1.9.0/24:443 or [2001:db8::/32]:443" :
			    "write one address, not a network");
		memmove(slash, end, strlen(end) + 1);
	}
	rc = addr_parse(rest, 0, &a, why);
	if (rc != 0)
		return rc;
	memcpy(e.ip, a.ip, sizeof(e.ip));
	e.ip_len = a.ip_len;
	e.port = a.port;
	e.protocol = proto[0] == 't' ? PROTO_TCP : PROTO_UDP;
	if (len > 8u * a.ip_len)
		return why_set(why, ERR_RANGE, "/%lu is longer than the "
		    "address", len);
	e.prefix_len = slash != NULL ? (uint8_t)len : (uint8_t)(8 * a.ip_len);
	if (host_bits(&e))
		return why_set(why, ERR_RANGE,
		    "bits are set behind the network's /%lu", len);
	*out = e;
	return 0;
}

/* -- the lists ------------------------------------------------------------ */

/* Of a list: what is wrong with item I. */
static int
bad_item(const char *key, const struct conf_list *l, size_t i, int rc,
    struct why *why)
{
	why_prefix(why, "%s = %s: ", key, l->item[i]);
	return rc == ERR_NOMEM ? rc : ERR_CONFIG;
}

static int
too_many(const char *key, size_t max, struct why *why)
{
	return why_set(why, ERR_CONFIG, "%s: at most %zu of them", key, max);
}

static int
give_standard(struct conf_list *l, const char *const *standard,
    struct why *why)
{
	size_t n;

	if (l->n > 0)
		return 0;
	for (n = 0; standard[n] != NULL; n++)
		;
	l->item = calloc(n, sizeof(*l->item));
	if (l->item == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	for (; l->n < n; l->n++) {
		l->item[l->n] = strdup(standard[l->n]);
		if (l->item[l->n] == NULL)
			return why_set(why, ERR_NOMEM, "out of memory");
	}
	return 0;
}

static int
addrs_from(const char *key, const struct conf_list *l,
    struct settings_addrs *out, struct why *why)
{
	size_t i;
	int rc;

	if (l->n > SETTINGS_LISTEN_MAX)
		return too_many(key, SETTINGS_LISTEN_MAX, why);
	for (i = 0; i < l->n; i++) {
		rc = addr_parse(l->item[i], 0, &out->at[i], why);
		if (rc != 0)
			return bad_item(key, l, i, rc, why);
	}
	out->n = l->n;
	return 0;
}

static bool
reachable_address(const struct addr *a)
{
	static const uint8_t zero[16];

	if (memcmp(a->ip, zero, a->ip_len) == 0)
		return false;
	return a->ip_len == 4 ? a->ip[0] < 224 : a->ip[0] != 0xff;
}

/* What is pinned in orders; a collector that listens at fixed addresses
 * need not say them twice. */
static int
take_collectors(struct settings *s, struct why *why)
{
	const struct conf_list *l = &s->advertise_list;
	struct orders_settings *o = &s->orders;
	struct settings_addrs a = { .n = 0 };
	size_t i;
	int rc;

	if (l->n == 0)
		l = &s->listen_list;
	rc = addrs_from("[collector] advertise", l, &a, why);
	if (rc != 0)
		return rc;
	for (i = 0; i < a.n; i++) {
		if (!reachable_address(&a.at[i]))
			return why_set(why, ERR_CONFIG, "[collector] "
			    "advertise: %s; write the address and port at "
			    "which agents reach this collector, "
			    "advertise = 10.1.2.3:8443",
			    s->advertise_list.n == 0 ? "none is set" :
			    "an address that no agent can reach");
		memcpy(o->collectors[i].ip, a.at[i].ip, 16);
		o->collectors[i].ip_len = a.at[i].ip_len;
		o->collectors[i].port = a.at[i].port;
	}
	o->ncollectors = a.n;
	return 0;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int
take_endpoints(struct settings *s, struct why *why)
{
	struct orders_settings *o = &s->orders;
	struct orders_allow e;
	size_t i;
	int rc;

	if (s->allow_list.n > COUNT(o->recovery))
		return too_many("[orders] recovery_allow",
		    COUNT(o->recovery), why);
	for (i = 0; i < s->allow_list.n; i++) {
		rc = parse_endpoint(s->allow_list.item[i], true, &e, why);
		if (rc != 0)
			return bad_item("[orders] recovery_allow",
			    &s->allow_list, i, rc, why);
		o->recovery[o->nrecovery++] = e;
	}
	if (s->probe_list.n > COUNT(o->probes))
		return too_many("[orders] probe", COUNT(o->probes), why);
	for (i = 0; i < s->probe_list.n; i++) {
		rc = parse_endpoint(s->probe_list.item[i], false, &e, why);
		if (rc != 0)
			return bad_item("[orders] probe", &s->probe_list, i,
			    rc, why);
		memcpy(o->probes[i].ip, e.ip, sizeof(e.ip));
		o->probes[i].ip_len = e.ip_len;
		o->probes[i].port = e.port;
		o->probes[i].protocol = e.protocol;
		o->nprobes++;
	}
	return 0;
}

/* The most that any host of one group and tier may have been given. */
static int
check_named(const struct orders_settings *o, struct why *why)
{
	size_t i, k, n;

	for (i = 0; i < o->nnamed; i++) {
		n = o->named[i].profile == PROFILE_RECOVERY ? o->nrecovery :
		    0;
		for (k = 0; k < o->nnamed; k++)
			n += o->named[k].profile == o->named[i].profile &&
			    (o->named[k].grp[0] == '\0' ||
			    o->named[i].grp[0] == '\0' ||
			    strcmp(o->named[k].grp, o->named[i].grp) == 0) &&
			    (o->named[k].tier < 0 || o->named[i].tier < 0 ||
			    o->named[k].tier == o->named[i].tier);
		if (n > COUNT(o->recovery))
			return why_set(why, ERR_CONFIG, "profile %s: more "
			    "than %zu endpoints for one host",
			    word_name(WORDS_PROFILE,
			    (int)o->named[i].profile), COUNT(o->recovery));
	}
	return 0;
}

static int
take_limited(struct settings *s, struct why *why)
{
	struct orders_settings *o = &s->orders;
	size_t i;
	int rc;

	for (i = 0; i < s->limited_list.n; i++) {
		struct orders_named n = { .profile = PROFILE_LIMITED,
		    .tier = -1 };

		if (o->nnamed == COUNT(o->named))
			return too_many("endpoints", COUNT(o->named), why);
		rc = parse_endpoint(s->limited_list.item[i], true, &n.allow,
		    why);
		if (rc != 0)
			return bad_item("[orders] limited_allow",
			    &s->limited_list, i, rc, why);
		o->named[o->nnamed++] = n;
	}
	return check_named(o, why);
}

/*
 * "[allow NAME]": profile, then group and tier if it is for some hosts only,
 * then one endpoint a line.
 */
static int
allow_other(void *settings, const char *section, const char *key,
    const char *value, int line, struct why *why)
{
	struct settings *s = settings;
	struct orders_settings *o = &s->orders;
	struct orders_named *d = &s->allow_now;
	int n;

	(void)line;
	if (strncmp(section, "allow ", 6) != 0 || !name_valid(section + 6))
		return ERR_NOENT;
	if (strcmp(section, s->allow_section) != 0) {
		snprintf(s->allow_section, sizeof(s->allow_section), "%s",
		    section);
		*d = (struct orders_named){ .tier = -1 };
	}
	if (strcmp(key, "profile") == 0) {
		if (word_find(WORDS_PROFILE, value, &n) != 0 ||
		    (n != PROFILE_RECOVERY && n != PROFILE_LIMITED))
			return why_set(why, ERR_CONFIG,
			    "write recovery or limited");
		d->profile = (enum profile)n;
		return 0;
	}
	if (strcmp(key, "group") == 0) {
		if (!name_valid(value) || strlen(value) >= sizeof(d->grp))
			return why_set(why, ERR_CONFIG, "not a group's name");
		snprintf(d->grp, sizeof(d->grp), "%s", value);
		return 0;
	}
	if (strcmp(key, "tier") == 0)
		return word_find(WORDS_TIER, value, &d->tier) == 0 ? 0 :
		    why_set(why, ERR_CONFIG, "write T0 to T3");
	if (strcmp(key, "endpoint") != 0)
		return ERR_NOENT;
	if (d->profile == 0)
		return why_set(why, ERR_CONFIG,
		    "profile must stand before the first endpoint");
	if (o->nnamed == COUNT(o->named))
		return too_many("endpoints", COUNT(o->named), why);
	o->named[o->nnamed] = *d;
	n = parse_endpoint(value, true, &o->named[o->nnamed].allow, why);
	if (n == 0)
		o->nnamed++;
	return n;
}

static int
take_gate(struct settings *s, struct why *why)
{
	struct cases_settings *c = &s->cases;
	size_t i, k;

	if (s->gate_list.n > COUNT(c->gate))
		return too_many("[gate] check", COUNT(c->gate), why);
	for (i = 0; i < s->gate_list.n; i++) {
		for (k = 0; k < i; k++)
			if (strcmp(c->gate[k], s->gate_list.item[i]) == 0)
				return why_set(why, ERR_CONFIG, "[gate] "
				    "check: %s stands twice", c->gate[k]);
		c->gate[c->ngate++] = s->gate_list.item[i];
	}
	return 0;
}

static int
take_rechecks(struct settings *s, struct why *why)
{
	struct cases_settings *c = &s->cases;
	struct cases_recheck r;
	size_t i, k;
	int rc;

	if (s->recheck_list.n > COUNT(c->rechecks))
		return too_many("[probation] recheck", COUNT(c->rechecks),
		    why);
	for (i = 0; i < s->recheck_list.n; i++) {
		rc = parse_recheck(s->recheck_list.item[i], &r, why);
		if (rc != 0)
			return rc;
		for (k = 0; k < i; k++)
			if (strcmp(c->rechecks[k].name, r.name) == 0 ||
			    c->rechecks[k].after_seconds >= r.after_seconds)
				return why_set(why, ERR_CONFIG, "[probation] "
				    "recheck = %s: a name stands twice, or "
				    "it is not later than the one before",
				    s->recheck_list.item[i]);
		c->rechecks[c->nrechecks++] = r;
	}
	return 0;
}

/* -- the whole ------------------------------------------------------------ */

static int
policy_other(void *settings, const char *section, const char *key,
    const char *value, int line, struct why *why)
{
	struct settings *s = settings;

	return policy_key(s->policy, section, key, value, line, why);
}

static int
load_policy(struct settings *s, struct why *why)
{
	int rc;

	s->policy = policy_new();
	if (s->policy == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	rc = conf_load(s->policy_file, no_keys, s, policy_other, why);
	if (rc != 0)
		return rc;
	rc = policy_check(s->policy, why);
	if (rc != 0)
		why_prefix(why, "%s: ", s->policy_file);
	return rc;
}

static int
take_plain(struct settings *s, struct why *why)
{
	long cores;
	int i;

	(void)log_level_parse(s->log_level, &s->level);
	if (s->loops == 0) {
		cores = sysconf(_SC_NPROCESSORS_ONLN);
		s->loops = cores < 1 ? 1 : cores > 64 ? 64 : cores;
	}
	if (s->renew_before >= s->agent_cert)
		return why_set(why, ERR_CONFIG, "[tls] renew_before: must be "
		    "shorter than agent_cert");
	for (i = 0; i < 4; i++) {
		s->orders.review_seconds[i] = s->review[i];
		(void)parse_deadman(s->deadman[i], &s->orders.deadman[i],
		    why);
	}
	snprintf(s->orders.notice_en, sizeof(s->orders.notice_en), "%s",
	    s->notice_en);
	snprintf(s->orders.notice_zh, sizeof(s->orders.notice_zh), "%s",
	    s->notice_zh);
	return 0;
}

static int
work_out(struct settings *s, struct why *why)
{
	int rc;

	rc = give_standard(&s->listen_list, std_listen, why);
	if (rc == 0)
		rc = give_standard(&s->api_list, std_api, why);
	if (rc == 0)
		rc = give_standard(&s->gate_list, std_gate, why);
	if (rc == 0)
		rc = give_standard(&s->recheck_list, std_recheck, why);
	if (rc == 0)
		rc = take_plain(s, why);
	if (rc == 0)
		rc = addrs_from("[collector] listen", &s->listen_list,
		    &s->listen, why);
	if (rc == 0)
		rc = addrs_from("[collector] api_listen", &s->api_list,
		    &s->api, why);
	if (rc == 0)
		rc = take_collectors(s, why);
	if (rc == 0)
		rc = take_endpoints(s, why);
	if (rc == 0)
		rc = take_limited(s, why);
	if (rc == 0)
		rc = take_gate(s, why);
	if (rc == 0)
		rc = take_rechecks(s, why);
	return rc;
}

int
settings_load(const char *path, struct settings **out, struct why *why)
{
	struct settings *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	rc = conf_load(path, table, s, allow_other, why);
	if (rc == 0) {
		rc = work_out(s, why);
		if (rc != 0)
			why_prefix(why, "%s: ", path);
	}
	if (rc == 0)
		rc = load_policy(s, why);
	if (rc != 0)
		settings_free(&s);
	else
		*out = s;
	return rc;
}

void
settings_free(struct settings **s)
{
	if (*s == NULL)
		return;
	conf_free(table, *s);
	policy_free(&(*s)->policy);
	free(*s);
	*s = NULL;
}
