/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands out of units, jobs, rules and hooks.  A style is which lines of
 * a file say what is run; the table says which style a file has.  All bytes
 * are foreign.
 */
#include "agent/state/meaning.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"

struct meaning {
	char *out;
	size_t len;
	bool full;
	bool body; /* of a job of at: behind the environment */
};

static void
say(struct meaning *m, const char *text)
{
	char q[LOOK_FIELD_MAX];
	int n;

	if (m->full || text[0] == '\0')
		return;
	look_quote(q, sizeof(q), text);
	n = snprintf(m->out + m->len, MEANING_MAX - m->len, "%s%s",
	    m->len > 0 ? " | " : "", q);
	if ((size_t)n >= MEANING_MAX - m->len) {
		m->out[m->len] = '\0';
		m->full = true;
		return;
	}
	m->len += (size_t)n;
}

/* -- styles: one line each ---------------------------- */

static bool
begins(const char *line, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strncmp(line, *words, strlen(*words)) == 0)
			return true;
	return false;
}

/* Units, desktop entries, services of the bus: KEY=VALUE. */
static void
style_keys(struct meaning *m, char *line)
{
	static const char *const keys[] = {"ExecStart", "ExecStop",
	    "ExecReload", "ExecCondition", "Exec=", "TryExec=", "OnCalendar=",
	    "OnBootSec=", "OnStartupSec=", "OnUnitActiveSec=",
	    "OnUnitInactiveSec=", "Unit=", "ListenStream=",
	    "ListenDatagram=", "PathExists", "PathChanged=", "PathModified=",
	    "DirectoryNotEmpty=", "User=", "Environment=LD_",
	    "Environment=\"LD_", "EnvironmentFile=", "RootDirectory=",
	    "DefaultEnvironment=", "What=", NULL};

	if (begins(line, keys))
		say(m, line);
}

/* Every line that is no comment and no empty one. */
static void
style_lines(struct meaning *m, char *line)
{
	if (line[0] != '#' && line[0] != ';')
		say(m, line);
}

/* Crontabs; of the variables only those that matter. */
static void
style_cron(struct meaning *m, char *line)
{
	size_t name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	if (line[0] == '#' || (name > 0 && line[name + strspn(line + name,
	    " ")] == '=' && look_odd(line) == NULL))
		return;
	say(m, line);
}

/* Jobs of at: what stands behind the "}" of the environment. */
static void
style_at(struct meaning *m, char *line)
{
	if (m->body)
		say(m, line);
	m->body |= strcmp(line, "}") == 0;
}

static void
style_udev(struct meaning *m, char *line)
{
	static const char *const keys[] = {"RUN", "PROGRAM",
	    "IMPORT{program}", NULL};
	char *at, *end;
	size_t i;

	for (i = 0; line[0] != '#' && keys[i] != NULL; i++)
		for (at = strstr(line, keys[i]); at != NULL;
		    at = strstr(end, keys[i])) {
			end = strchr(at, '"');
			end = end == NULL ? NULL : strchr(end + 1, '"');
			if (end == NULL)
				break;
			*end = '\0';
			say(m, at);
			*end++ = '"';
		}
}

/* apt, dpkg, dnf: what they run, and where they take packages' word for. */
static void
style_package(struct meaning *m, char *line)
{
	static const char *const words[] = {"Invoke", "invoke", "Pre-Install",
	    "status-logger", "::Methods", "plugins", "AllowUnauthenticated",
	    "AllowInsecure", "gpgcheck", "localpkg", "Acquire::http::Proxy",
	    "Acquire::https::Verify", "force-", "no-debsig", NULL};
	size_t i;

	if (line[0] == '#' || (line[0] == '/' && line[1] == '/'))
		return;
	for (i = 0; words[i] != NULL; i++)
		if (strstr(line, words[i]) != NULL) {
			say(m, line);
			return;
		}
}

/* Where packages come from; an address may hold a password. */
static void
style_source(struct meaning *m, char *line)
{
	static const char *const words[] = {"deb ", "deb-src ", "URIs:",
	    "Trusted:", "Signed-By:", "baseurl", "gpgcheck", "Pin-Priority",
	    "Pin:", NULL};

	if (begins(line, words) && strchr(line, '@') == NULL)
		say(m, line);
}

static void
style_modprobe(struct meaning *m, char *line)
{
	static const char *const words[] = {"install ", "remove ", NULL};

	if (begins(line, words))
		say(m, line);
}

/* Of php: what is loaded before or into each page. */
static void
style_ini(struct meaning *m, char *line)
{
	static const char *const words[] = {"auto_prepend_file",
	    "auto_append_file", "extension", "zend_extension",
	    "disable_functions", "allow_url_include", NULL};

	if (begins(line, words))
		say(m, line);
}

/* In a .pth a line that begins so is run. */
static void
style_pth(struct meaning *m, char *line)
{
	static const char *const words[] = {"import ", "import\t", NULL};

	if (begins(line, words))
		say(m, line);
}

static void
style_grub(struct meaning *m, char *line)
{
	static const char *const words[] = {"GRUB_CMDLINE", "GRUB_PRELOAD",
	    "GRUB_EARLY_INITRD", "linux", "initrd", "options ", NULL};

	if (begins(line, words))
		say(m, line);
}

/* NAME=VALUE of what changes how programs start. */
static void
style_environment(struct meaning *m, char *line)
{
	static const char *const words[] = {"LD_", "PATH", "BASH_ENV", "ENV=",
	    "PROMPT_COMMAND", "PYTHON", "PERL5", "RUBY", "NODE_OPTIONS",
	    "GCONV_PATH", "HIST", NULL};

	if (strncmp(line, "export ", 7) == 0)
		line += 7;
	if (begins(line, words))
		say(m, line);
}

/* Scripts: why a line is odd, and never the line of a home. */
static void
style_script(struct meaning *m, char *line)
{
	const char *odd = line[0] == '#' ? NULL : look_odd(line);

	if (odd != NULL && strstr(m->out, odd) == NULL)
		say(m, odd);
}

/* Scripts of the system: the odd lines themselves. */
static void
style_system_script(struct meaning *m, char *line)
{
	if (line[0] != '#' && look_odd(line) != NULL)
		say(m, line);
}

/* The first row that fits. */
static const struct {
	const char *kind;    /* NULL: any */
	const char *pattern; /* of the path */
	void (*style)(struct meaning *m, char *line);
} styles[] = {
	{"persist.pam-module", "*", NULL}, /* machine code */
	{"persist.cron", "/etc/cron.[hdwmy]*ly/*", style_system_script},
	{"persist.cron", "/etc/logrotate*", style_system_script},
	{"persist.cron", "*", style_cron},
	{"persist.at", "*", style_at},
	{"persist.udev", "*", style_udev},
	{"persist.package-hook", "*", style_package},
	{"persist.package-source", "*", style_source},
	{"persist.interpreter", "*.ini", style_ini},
	{"persist.module", "*/modprobe.d/*", style_modprobe},
	{"persist.module", "*", style_lines},
	{"persist.preload", "*", style_lines},
	{"persist.loader", "*", style_lines},
	{"persist.binfmt", "*", style_lines},
	{"persist.python", "*.pth", style_pth},
	{"persist.boot", "/etc/systemd/*", style_keys},
	{"persist.boot", "/etc/grub.d/*", style_system_script},
	{"persist.boot", "*", style_grub},
	{"persist.profile", "/etc/environment*", style_environment},
	{"persist.profile", "*/environment.d/*", style_environment},
	{"persist.profile", "*/.pam_environment", style_environment},
	{"persist.profile", "*/.ssh/environment", style_environment},
	{"persist.profile", "/etc/*", style_system_script},
	{"persist.service", "*", style_keys},
	{"persist.timer", "*", style_keys},
	{"persist.dbus", "*.conf", style_script},
	{"persist.dbus", "*", style_keys},
	{"persist.autostart", "*.desktop", style_keys},
	{"persist.network-hook", "*/interfaces*", style_lines},
	{NULL, "/home/*", style_script},
	{NULL, "/root/*", style_script},
	{NULL, "/etc/*", style_system_script},
	{NULL, "/usr/*", style_system_script},
	{NULL, "*", style_script},
};

struct styled {
	struct meaning m;
	void (*style)(struct meaning *m, char *line);
};

static int
on_line(void *arg, char *line)
{
	struct styled *s = arg;

	s->style(&s->m, look_squeeze(line));
	return s->m.full ? 1 : 0;
}

void
meaning_of(const char *kind, const char *path, char *text,
    char out[MEANING_MAX])
{
	struct styled s = {.m = {.out = out}};
	size_t i;

	out[0] = '\0';
	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if ((styles[i].kind == NULL ||
		    strcmp(styles[i].kind, kind) == 0) &&
		    fnmatch(styles[i].pattern, path, 0) == 0) {
			s.style = styles[i].style;
			if (s.style != NULL)
				look_lines(text, true, on_line, &s);
			return;
		}
}
