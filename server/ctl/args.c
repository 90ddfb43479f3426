/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line by table (args.h). */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "server/ctl/args.h"

enum kind { FLAG, WORD, NUMBER, SPAN, LIST };

struct option {
	const char *name;
	char letter; /* 0: none */
	enum kind kind;
	const char *meta;
	size_t offset;
	int64_t min, max;
	enum text help;
	bool always; /* every command takes it */
};

#define AT(field) offsetof(struct args, field)
static const struct option options[] = {
{ "conf", 'c', WORD, "FILE", AT(conf), 0, 0, T_O_CONF, true },
{ "json", 0, FLAG, NULL, AT(json), 0, 0, T_O_JSON, true },
{ "utc", 0, FLAG, NULL, AT(utc), 0, 0, T_O_UTC, true },
{ "lang", 0, WORD, "en|zh", AT(lang), 0, 0, T_O_LANG, true },
{ "help", 'h', FLAG, NULL, AT(help), 0, 0, T_O_HELP, true },
{ "version", 'V', FLAG, NULL, AT(version), 0, 0, T_O_VERSION, true },
{ "reason", 0, WORD, "TEXT", AT(reason), 0, 0, T_O_REASON, false },
{ "case", 0, WORD, "ID", AT(case_id), 0, 0, T_O_CASE, false },
{ "plan-only", 0, FLAG, NULL, AT(plan_only), 0, 0, T_O_PLAN_ONLY, false },
{ "offline", 0, FLAG, NULL, AT(offline), 0, 0, T_O_OFFLINE, false },
{ "text", 0, FLAG, NULL, AT(text), 0, 0, T_O_TEXT, false },
{ "qr", 0, FLAG, NULL, AT(qr), 0, 0, T_O_QR, false },
{ "preview", 0, FLAG, NULL, AT(preview), 0, 0, T_O_PREVIEW, false },
{ "yes", 0, FLAG, NULL, AT(yes), 0, 0, T_O_YES, false },
{ "for-group", 0, FLAG, NULL, AT(for_group), 0, 0, T_O_FOR_GROUP, false },
{ "expect-hosts", 0, NUMBER, "N", AT(expect), 1, 1000, T_O_EXPECT, false },
{ "no-wait", 0, FLAG, NULL, AT(no_wait), 0, 0, T_O_NO_WAIT, false },
{ "timeout", 0, SPAN, "SPAN", AT(timeout), 1, 86400, T_O_TIMEOUT, false },
{ "profile", 0, WORD, "strict|limited", AT(profile), 0, 0, T_O_PROFILE,
  false },
{ "group", 0, WORD, "NAME", AT(group), 0, 0, T_O_GROUP, false },
{ "stage", 0, WORD, "STAGE", AT(stage), 0, 0, T_O_STAGE, false },
{ "tier", 0, WORD, "TIER", AT(tier), 0, 0, T_O_TIER, false },
{ "state", 0, WORD, "STATE", AT(state), 0, 0, T_O_STATE, false },
{ "host", 0, LIST, "NAME", AT(hosts), 0, 0, T_O_HOST, false },
{ "follow", 'f', FLAG, NULL, AT(follow), 0, 0, T_O_FOLLOW, false },
{ "kind", 0, WORD, "KIND", AT(kind), 0, 0, T_O_KIND, false },
{ "severity", 0, WORD, "WORD", AT(severity), 0, 0, T_O_SEVERITY, false },
{ "after", 0, NUMBER, "N", AT(after), 0, INT64_MAX, T_O_AFTER, false },
{ "limit", 0, NUMBER, "N", AT(limit), 1, 1000, T_O_LIMIT, false },
{ "outcome", 0, WORD, "TEXT", AT(outcome), 0, 0, T_O_OUTCOME, false },
{ "format", 0, WORD, "html|json", AT(format), 0, 0, T_O_FORMAT, false },
{ "from", 0, WORD, "TIME", AT(from), 0, 0, T_O_FROM, false },
{ "to", 0, WORD, "TIME", AT(to), 0, 0, T_O_TO, false },
{ "out", 'o', WORD, "PATH", AT(out), 0, 0, T_O_OUT, false },
{ "key", 0, WORD, "HEX|FILE", AT(key), 0, 0, T_O_KEY, false },
{ "ttl", 0, SPAN, "SPAN", AT(ttl), 60, 30 * 86400, T_O_TTL, false },
{ "review", 0, SPAN, "SPAN", AT(review), 60, 30 * 86400, T_O_REVIEW, false },
{ "minutes", 0, NUMBER, "N", AT(minutes), 1, 30, T_O_MINUTES, false },
{ "uses", 0, NUMBER, "N", AT(uses), 1, 10000, T_O_USES, false },
{ "role", 0, LIST, "ROLE[:GROUP]", AT(roles), 0, 0, T_O_ROLE, false },
{ "url", 0, WORD, "URL", AT(url), 0, 0, T_O_URL, false },
{ "ca-sha256", 0, WORD, "HEX", AT(ca_sha256), 0, 0, T_O_CA, false },
{ "token", 0, WORD, "TOKEN", AT(token), 0, 0, T_O_TOKEN, false },
{ "never-isolate", 0, WORD, "yes|no", AT(never), 0, 0, T_O_NEVER, false },
{ "drill-ok", 0, WORD, "yes|no", AT(drill), 0, 0, T_O_DRILL, false },
{ "service", 0, WORD, "NAME", AT(service), 0, 0, T_O_SERVICE, false },
{ "owner", 0, WORD, "NAME", AT(owner), 0, 0, T_O_OWNER, false },
{ "sha256", 0, WORD, "HEX", AT(sha256), 0, 0, T_O_SHA256, false },
{ "path", 0, WORD, "GLOB", AT(path), 0, 0, T_O_PATH, false },
{ "user", 0, WORD, "NAME|UID", AT(user), 0, 0, T_O_USER, false },
{ "address", 0, WORD, "ADDRESS", AT(address), 0, 0, T_O_ADDRESS, false },
{ "process", 0, WORD, "NAME|PID", AT(process), 0, 0, T_O_PROCESS, false },
{ "wait", 0, SPAN, "SPAN", AT(wait), 1, 3600, T_O_WAIT, false },
{ "for", 0, SPAN, "SPAN", AT(stay), 1, 7 * 86400, T_O_FOR, false },
{ .name = NULL },
};

/* The option that WORD names: "--case", "--case=X", "-c". */
static const struct option *
option_of(const char *word)
{
	const struct option *o;
	size_t len = strcspn(word, "=");

	for (o = options; o->name != NULL; o++) {
		if (o->letter != 0 && word[0] == '-' &&
		    word[1] == o->letter && word[2] == '\0')
			return o;
		if (strncmp(word, "--", 2) == 0 &&
		    strlen(o->name) + 2 == len &&
		    strncmp(word + 2, o->name, len - 2) == 0)
			return o;
	}
	return NULL;
}

static bool
takes(const struct command *cmd, const struct option *o)
{
	const char *at = cmd->options;
	size_t len = strlen(o->name);

	if (o->always)
		return true;
	for (; *at != '\0'; at = strchr(at, ',') + 1)
		if (strncmp(at, o->name, len) == 0 && at[len] == ',')
			return true;
	return false;
}

static int
number(const struct option *o, const char *value, int64_t *out,
    struct why *why)
{
	int64_t v;

	if (o->kind == SPAN) {
		if (clock_parse_span(value, &v) != 0)
			return why_set(why, ERR_SYNTAX,
			    "--%s: write 90s, 15m, 1h or 7d", o->name);
	} else if (text_number(value, 0, INT64_MAX, &v) != 0) {
		return why_set(why, ERR_SYNTAX,
		    "--%s: write a whole number", o->name);
	}
	if (v < o->min || v > o->max)
		return why_set(why, ERR_SYNTAX, "--%s: must be within "
		    "%lld..%lld", o->name, (long long)o->min,
		    (long long)o->max);
	*out = v;
	return 0;
}

static int
store(const struct option *o, const char *value, struct args *a,
    struct why *why)
{
	void *at = (char *)a + o->offset;
	struct arg_list *list = at;

	switch (o->kind) {
	case FLAG:
		*(bool *)at = true;
		return 0;
	case WORD:
		if (*(const char **)at != NULL)
			return why_set(why, ERR_SYNTAX,
			    "--%s stands twice", o->name);
		*(const char **)at = value;
		return 0;
	case LIST:
		if (list->n == ARGS_LIST_MAX)
			return why_set(why, ERR_SYNTAX,
			    "--%s: at most %d times", o->name, ARGS_LIST_MAX);
		list->item[list->n++] = value;
		return 0;
	default:
		return number(o, value, at, why);
	}
}

/* Argument I of ARGV is an option; *I moves past its value. */
static int
take_option(int argc, char *const *argv, int *i, struct args *a,
    uint64_t *seen, struct why *why)
{
	const struct option *o = option_of(argv[*i]);
	const char *eq = strchr(argv[*i], '=');
	char shown[80];

	if (o == NULL)
		return why_set(why, ERR_SYNTAX, "no such option: %s",
		    log_quote(shown, sizeof(shown), argv[*i],
		    strlen(argv[*i])));
	*seen |= UINT64_C(1) << (o - options);
	if (o->kind == FLAG)
		return eq == NULL ? store(o, NULL, a, why) :
		    why_set(why, ERR_SYNTAX, "--%s takes no value", o->name);
	if (eq != NULL)
		return store(o, eq + 1, a, why);
	if (*i + 1 >= argc)
		return why_set(why, ERR_SYNTAX, "--%s needs %s", o->name,
		    o->meta);
	return store(o, argv[++*i], a, why);
}

/* The first one or two words name the command; they leave the list. */
static const struct command *
command_of(struct args *a)
{
	const struct command *cmd;
	size_t words;

	for (cmd = commands; cmd->name != NULL; cmd++) {
		words = cmd->sub != NULL ? 2 : 1;
		if (a->npos < words || strcmp(cmd->name, a->pos[0]) != 0 ||
		    (cmd->sub != NULL && strcmp(cmd->sub, a->pos[1]) != 0))
			continue;
		a->npos -= words;
		memmove(a->pos, a->pos + words, a->npos * sizeof(a->pos[0]));
		return cmd;
	}
	return NULL;
}

static int
check(const struct args *a, const struct command *cmd, uint64_t seen,
    struct why *why)
{
	const struct option *o;

	for (o = options; o->name != NULL; o++)
		if ((seen & UINT64_C(1) << (o - options)) != 0 &&
		    !takes(cmd, o))
			return why_set(why, ERR_SYNTAX,
			    "--%s does not belong to this command", o->name);
	if (a->help)
		return 0;
	if (a->npos < cmd->pos_min)
		return why_set(why, ERR_SYNTAX, "something is missing");
	if (a->npos > cmd->pos_max)
		return why_set(why, ERR_SYNTAX, "too much: %s",
		    a->pos[cmd->pos_max]);
	return 0;
}

int
args_parse(int argc, char *const *argv, struct args *a,
    const struct command **cmd, struct why *why)
{
	uint64_t seen = 0;
	bool only_words = false;
	char shown[80];
	int i, rc;

	_Static_assert(sizeof(options) / sizeof(options[0]) <= 64,
	    "a bit an option");
	memset(a, 0, sizeof(*a));
	a->expect = a->after = -1;
	*cmd = NULL;
	for (i = 1; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' &&
		    argv[i][1] != '\0') {
			rc = take_option(argc, argv, &i, a, &seen, why);
			if (rc != 0)
				return rc;
		} else if (a->npos == ARGS_POS_MAX) {
			return why_set(why, ERR_SYNTAX, "too many words");
		} else {
			a->pos[a->npos++] = argv[i];
		}
	}
	if (a->npos == 0)
		return a->help || a->version ? 0 :
		    why_set(why, ERR_SYNTAX, "which command?");
	*cmd = command_of(a);
	if (*cmd == NULL)
		return a->help ? 0 : why_set(why, ERR_SYNTAX,
		    "no such command: %s%s%s", log_quote(shown,
		    sizeof(shown) / 2, a->pos[0], strlen(a->pos[0])),
		    a->npos > 1 ? " " : "", a->npos > 1 ?
		    log_quote(shown + 40, 40, a->pos[1], strlen(a->pos[1])) :
		    "");
	return check(a, *cmd, seen, why);
}

static void
help_options(FILE *out, const struct command *cmd, enum lang lang)
{
	const struct option *o;
	char left[48];

	fprintf(out, "%s\n", text_of(T_H_OPTIONS, lang));
	for (o = options; o->name != NULL; o++) {
		if (cmd != NULL ? !takes(cmd, o) : !o->always)
			continue;
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s",
		    o->letter != 0 ? "-" : "", o->letter != 0 ? o->letter :
		    ' ', o->letter != 0 ? ", " : "   ", o->name,
		    o->meta != NULL ? " " : "", o->meta != NULL ? o->meta :
		    "");
		fprintf(out, "  %-28s %s\n", left, text_of(o->help, lang));
	}
}

void
args_help(FILE *out, const struct command *cmd, enum lang lang)
{
	const struct command *x;
	char line[512];

	if (cmd != NULL) {
		fprintf(out, "%s\n", text_fill(line, sizeof(line),
		    text_of(T_USAGE, lang), &cmd->usage, 1));
		fprintf(out, "%s\n", text_of(cmd->help, lang));
		help_options(out, cmd, lang);
		fprintf(out, "%s\n", text_fill(line, sizeof(line),
		    text_of(T_H_EXAMPLE, lang), &cmd->example, 1));
		return;
	}
	fprintf(out, "%s\n%s\n", text_of(T_H_TOP, lang),
	    text_of(T_H_COMMANDS, lang));
	for (x = commands; x->name != NULL; x++) {
		snprintf(line, sizeof(line), "%s%s%s", x->name,
		    x->sub != NULL ? " " : "", x->sub != NULL ? x->sub : "");
		fprintf(out, "  %-22s %s\n", line, text_of(x->help, lang));
	}
	help_options(out, NULL, lang);
	fprintf(out, "%s\n", text_of(T_H_EXIT, lang));
}
