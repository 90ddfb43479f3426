/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-agent: the command of the agent for root and for systemd.  It
 * starts the agent's programs and talks to a running agent over its
 * control socket; it parses nothing that comes from the network but the
 * identity that enrolment brought, and changes no rule.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define LIBEXEC "/usr/lib/cordon"
#define OVERRIDE_FILE "remove-while-isolated"

static const char help[] =
"cordon-agent - the Cordon agent on this host\n"
"\n"
"Usage:\n"
"  cordon-agent enrol --collector HOST:PORT --ca-sha256 DIGEST\n"
"               (--token TOKEN | --token - | --token-file FILE)\n"
"  cordon-agent status\n"
"  cordon-agent order FILE\n"
"  cordon-agent packages FILE...\n"
"  cordon-agent canaries keep | list | remove\n"
"  cordon-agent manifest make | verify TREE [--manifest ID]\n"
"  cordon-agent run | restore | check-config\n"
"  cordon-agent may-remove | clear\n"
"\n"
"The agent watches this host, sends what it sees to the collector, and cuts\n"
"the host off the network when, and only when, a signed order says so.\n"
"Isolation lives in the kernel: it stays when the agent is stopped, killed\n"
"or upgraded, and comes back before the network after a reboot.\n"
"\n"
"Commands:\n"
"  enrol         Make this host known to a collector, once.  The private key\n"
"                is made here and never leaves the host.  The token comes\n"
"                from `cordonctl enrol token`, the digest from the\n"
"                collector's `cordon-collector init`.\n"
"  status        What is in force: profile, order, since when, dropped\n"
"                packets, tampering; and what makes isolating this host\n"
"                weaker, or blocks it.\n"
"  order FILE    Give the agent a signed order from a file (\"-\": standard\n"
"                input), packed or as the lines that `cordonctl order\n"
"                export` prints for hosts without a line; at a keyboard\n"
"                each line is checked as it is typed, and a wrong one\n"
"                typed again.\n"
"                The way to release a host that cannot reach its collector;\n"
"                an order with a bad signature, for another host or older\n"
"                than the last one is refused.\n"
"  packages FILE...\n"
"                Make lists of what is in these package files (.deb), with\n"
"                SHA-256, mode and owner of each path, for the sensors to\n"
"                explain changes with; \"-\" reads their names from standard\n"
"                input, as apt's DPkg::Pre-Install-Pkgs gives them.\n"
"  canaries WHAT keep: make and renew the canary files in the data trees that\n"
"                agent.conf names (its timer does so every day).  list: say\n"
"                which they are and whether they are as they were made.\n"
"                remove: take them away, before the agent is removed.\n"
"  manifest WHAT make: write down every file of a folder (names, digests,\n"
"                owners, modes) while it is known to be good, a backup set or\n"
"                the data itself, and tell the collector the digest of that\n"
"                list.  verify: hold the folder, or a restored copy of it,\n"
"                against the list that was signed at the collector, else the\n"
"                newest made here, or that with --manifest.\n"
"                What is missing, extra or changed is named; exit status 1.\n"
"  run           Start the agent in the foreground (what its unit does).\n"
"  restore       Put the isolation that was ordered in force again, and end\n"
"                (what the early unit does before the network comes up).\n"
"  check-config  Read agent.conf and say \"configuration OK\", or what is\n"
"                wrong in which line.\n"
"  may-remove    For the package: succeed if the agent may be removed, that\n"
"                is, if the host is not isolated, or if the administrator\n"
"                made the file " AGENT_STATE_DIR "/" OVERRIDE_FILE ".\n"
"  clear         For the package, after the agent was stopped: take our own\n"
"                rules out of the kernel, and nothing else.\n"
"\n"
"Options:\n"
"  -c, --config FILE       configuration (default " AGENT_CONF ")\n"
"      --collector H:P     where the collector is; name or address,\n"
"                          [ADDRESS]:PORT for IPv6; give it again for a\n"
"                          second collector\n"
"      --token TOKEN       one-time token; \"-\" reads it from standard input,\n"
"                          where other users of the host cannot see it\n"
"      --token-file FILE   the same from a file\n"
"      --ca-sha256 DIGEST  SHA-256 of the collector's CA certificate\n"
"      --manifest ID       of manifest verify\n"
"      --force             enrol again although this host is enrolled\n"
"      --state DIR         state folder (default: as configured)\n"
"      --run DIR           run folder (default: as configured)\n"
"      --libexec DIR       where the agent's programs are (default\n"
"                          " LIBEXEC ")\n"
"  -h, --help              this text\n"
"      --version           version\n"
"\n"
"Exit status:\n"
"  0   done\n"
"  1   failed or refused; the reason is on standard error or in the answer\n"
"  64  wrong usage\n"
"  69  the agent does not run, so there is nobody to ask\n"
"  77  only root may do that\n"
"  78  the configuration is wrong, or this host is not enrolled\n"
"\n"
"Files:\n"
"  " AGENT_CONF "      configuration\n"
"  " AGENT_STATE_DIR "/       identity, and one folder for each process\n"
"  " AGENT_STATE_DIR "/packages/   lists made by `packages`\n"
"  " AGENT_RUN_DIR "/control   control socket of a running agent\n"
"\n"
"Examples:\n"
"  cordon-agent enrol --collector 10.1.2.3:8443 --collector 10.1.2.4:8443 \\\n"
"      --ca-sha256 9f86d0...0a08 --token - < token.txt\n"
"  cordon-agent order /media/usb/release-fin-ws-0231.order\n";

static const struct command {
	const char *name;
	int (*run)(struct tool *t);
	int args; /* arguments behind the name; -1: one or more */
	bool root;
} commands[] = {
	{"enrol", tool_enrol, 0, true},
	{"status", tool_status, 0, true},
	{"order", tool_order, 1, true},
	{"packages", tool_packages, -1, true},
	{"canaries", tool_canaries, 1, true},
	{"manifest", tool_manifest, 2, true},
	{"run", tool_run, 0, true},
	{"restore", tool_restore, 0, true},
	{"check-config", tool_check_config, 0, false},
	{"may-remove", tool_may_remove, 0, true},
	{"clear", tool_clear, 0, true},
};

static int
usage(const char *what)
{
	fprintf(stderr, "cordon-agent: %s; see cordon-agent --help\n", what);
	return TOOL_USAGE;
}

static int
set_folder(char *to, const char *from, const char *option)
{
	if (from[0] != '/' || strlen(from) >= PATH_MAX) {
		fprintf(stderr, "cordon-agent: %s: write an absolute path\n",
		    option);
		return TOOL_USAGE;
	}
	strcpy(to, from);
	return -1;
}

/* -1: go on; else the exit status. */
static int
read_options(int argc, char **argv, struct tool *t)
{
	enum { COLLECTOR = 256, TOKEN, TOKEN_FILE, CA, FORCE, MANIFEST, STATE, RUN,
	    LIBEXEC_DIR, VERSION };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"collector", required_argument, NULL, COLLECTOR},
		{"token", required_argument, NULL, TOKEN},
		{"token-file", required_argument, NULL, TOKEN_FILE},
		{"ca-sha256", required_argument, NULL, CA},
		{"manifest", required_argument, NULL, MANIFEST},
		{"force", no_argument, NULL, FORCE},
		{"state", required_argument, NULL, STATE},
		{"run", required_argument, NULL, RUN},
		{"libexec", required_argument, NULL, LIBEXEC_DIR},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, VERSION},
		{NULL, 0, NULL, 0},
	};
	int c, rc = -1;

	while (rc < 0 &&
	    (c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			t->conf = optarg;
			break;
		case COLLECTOR:
			if (t->ncollectors == TOOL_COLLECTORS_MAX)
				return usage("too many collectors");
			t->collector[t->ncollectors++] = optarg;
			break;
		case TOKEN:
			t->token = optarg;
			break;
		case TOKEN_FILE:
			t->token_file = optarg;
			break;
		case CA:
			t->ca_sha256 = optarg;
			break;
		case MANIFEST:
			t->manifest = optarg;
			break;
		case FORCE:
			t->force = true;
			break;
		case STATE:
			rc = set_folder(t->state, optarg, "--state");
			break;
		case RUN:
			rc = set_folder(t->run, optarg, "--run");
			break;
		case LIBEXEC_DIR:
			t->libexec = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return TOOL_DONE;
		case VERSION:
			puts("cordon-agent " CORDON_VERSION);
			return TOOL_DONE;
		default:
			return usage("wrong option");
		}
	}
	return rc;
}

static const struct command *
find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int
tool_run(struct tool *t)
{
	const char *argv[] = {"agent-parent", "-c", t->conf, "--libexec",
	    t->libexec, NULL};

	return program_become(t, "agent-parent", argv);
}

int
tool_check_config(struct tool *t)
{
	const char *argv[] = {"agent-parent", "-c", t->conf, "-n", NULL};

	return program_become(t, "agent-parent", argv);
}

/* What `restore`, `may-remove` and `clear` have in common: the enforcer,
 * alone, with its own folder and users. */
static int
become_enforcer(struct tool *t, const char *what)
{
	char state[PATH_MAX], user[256], network[256];
	const char *argv[] = {"agent-enforcer", what, "--state", state,
	    "--user", user, "--network-user", network, NULL};
	int rc;

	rc = program_folders(t);
	if (rc == TOOL_DONE)
		rc = program_setting(t, "enforcer_user", user, sizeof(user));
	if (rc == TOOL_DONE)
		rc = program_setting(t, "network_user", network,
		    sizeof(network));
	if (rc != TOOL_DONE)
		return rc;
	if (file_join(state, sizeof(state), t->state, AGENT_DIR_ENFORCER) != 0)
		return TOOL_FAILED;
	return program_become(t, "agent-enforcer", argv);
}

int
tool_restore(struct tool *t)
{
	return become_enforcer(t, "--restore");
}

int
tool_may_remove(struct tool *t)
{
	char path[PATH_MAX];
	int rc;

	rc = program_folders(t);
	if (rc != TOOL_DONE)
		return rc;
	if (file_join(path, sizeof(path), t->state, OVERRIDE_FILE) == 0 &&
	    file_exists(path)) {
		log_warn("%s is there: the agent may be removed, isolated or "
		    "not", path);
		return TOOL_DONE;
	}
	return become_enforcer(t, "--may-remove");
}

int
tool_clear(struct tool *t)
{
	return become_enforcer(t, "--clear");
}

int
main(int argc, char **argv)
{
	struct tool t = {.conf = AGENT_CONF, .libexec = LIBEXEC};
	const struct command *cmd;
	int rc;

	log_init("cordon-agent", LOG_LEVEL_INFO);
	rc = read_options(argc, argv, &t);
	if (rc >= 0)
		return rc;
	if (optind == argc)
		return usage("no command");
	cmd = find_command(argv[optind]);
	if (cmd == NULL)
		return usage("no such command");
	t.files = argv + optind + 1;
	t.nfiles = argc - optind - 1;
	if (cmd->args < 0 ? t.nfiles == 0 : t.nfiles != cmd->args)
		return usage(cmd->args < 0 ? "name the files" :
		    cmd->args > 1 ? "two arguments are needed" :
		    cmd->args > 0 ? "one argument is needed"
					   : "too many arguments");
	if (cmd->args > 0)
		t.file = argv[optind + 1];
	if (cmd->args > 1)
		t.tree = argv[optind + 2];
	if (cmd->run == tool_enrol &&
	    (t.ncollectors == 0 || t.ca_sha256 == NULL ||
		(t.token == NULL) == (t.token_file == NULL)))
		return usage("enrol needs --collector, --ca-sha256 and one of "
			     "--token and --token-file");
	if (cmd->root && geteuid() != 0) {
		log_error("%s: only root may do that", cmd->name);
		return TOOL_NOT_ROOT;
	}
	return cmd->run(&t);
}
