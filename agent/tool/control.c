/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the enforcer over the control socket: `order` and `status`.  Runs
 * in the tool as root.  The order itself is checked by the enforcer alone;
 * here it is bytes.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/typed.h"
#include "common/proc/link.h"
#include "common/wire/order.h"
#include "common/wire/unpack.h"

#define ANSWER_MS 60000 /* an order may take a snapshot and probes first */
#define KIND_BYTES sizeof(uint32_t)
#define MESSAGE_MAX (KIND_BYTES + LINK_PAYLOAD_MAX)
#define INPUT_MAX (4 * ORDER_MAX) /* as text it is longer */
#define READINESS_PATH AGENT_DIR_NETWORK "/readiness"
#define READINESS_ROOM (32 * 1024)
#define EXIT_MAX 125 /* above are the shell's own */

static int
open_control(const struct tool *t, int *out)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	if (file_join(un.sun_path, sizeof(un.sun_path), t->run,
		AGENT_CONTROL_SOCKET) != 0) {
		log_error("--run: path too long");
		return TOOL_USAGE;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0) {
		*out = fd;
		return TOOL_DONE;
	}
	log_error("%s: %s%s", un.sun_path, strerror(errno),
	    errno == ENOENT || errno == ECONNREFUSED
		? "; the agent does not run (systemctl start cordon-agent)"
		: "");
	if (fd >= 0)
		close(fd);
	return TOOL_NOT_RUNNING;
}

/* Print the enforcer's answer and give its exit status. */
static int
print_answer(const uint8_t *msg, size_t len)
{
	Cordon__StatusText *m = NULL;
	uint32_t kind = 0;
	int rc;

	if (len >= KIND_BYTES)
		memcpy(&kind, msg, KIND_BYTES);
	if (kind == IPC_CTL_TEXT)
		m = unpack(&cordon__status_text__descriptor,
		    msg + KIND_BYTES, len - KIND_BYTES);
	if (m == NULL || !text_printable(m->text, strlen(m->text), true)) {
		log_error("the agent's answer cannot be read");
		rc = TOOL_FAILED;
	} else {
		len = strlen(m->text);
		printf("%s%s", m->text,
		    len > 0 && m->text[len - 1] != '\n' ? "\n" : "");
		rc = m->exit_code <= EXIT_MAX ? (int)m->exit_code
					      : TOOL_FAILED;
	}
	if (m != NULL)
		cordon__status_text__free_unpacked(m, NULL);
	return rc;
}

/* Send one message, wait for its answer. */
static int
ask(const struct tool *t, uint32_t kind, const void *payload, size_t len)
{
	static uint8_t msg[MESSAGE_MAX];
	struct pollfd p = {.events = POLLIN};
	int rc, n;
	ssize_t got;

	rc = open_control(t, &p.fd);
	if (rc != TOOL_DONE)
		return rc;
	memcpy(msg, &kind, KIND_BYTES);
	if (len > 0)
		memcpy(msg + KIND_BYTES, payload, len);
	rc = TOOL_FAILED;
	if (send(p.fd, msg, KIND_BYTES + len, MSG_NOSIGNAL) < 0) {
		log_error("the agent does not take the question: %s",
		    strerror(errno));
		goto done;
	}
	while ((n = poll(&p, 1, ANSWER_MS)) < 0 && errno == EINTR)
		continue;
	if (n <= 0) {
		log_error("no answer from the agent; what came of it is "
		    "unknown, ask again with: cordon-agent status");
		goto done;
	}
	got = recv(p.fd, msg, sizeof(msg), 0);
	if (got <= 0)
		log_error("the agent closed the line without an answer; its "
		    "log says why");
	else
		rc = print_answer(msg, (size_t)got);
done:
	close(p.fd);
	return rc;
}

/*
 * What stands in the way of isolating this host, as the network process
 * wrote it down.  The file is that process's own, so each line is quoted.
 */
static void
print_readiness(const struct tool *t)
{
	char path[PATH_MAX], quoted[512], *rest, *line, *word[3];
	size_t shown = 0;
	struct buf b;
	int i;

	buf_init(&b, READINESS_ROOM);
	if (file_join(path, sizeof(path), t->state, READINESS_PATH) != 0 ||
	    file_read(path, &b, NULL) != 0 || buf_str(&b) == NULL)
		goto done;
	rest = (char *)b.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		for (i = 0; i < 3; i++)
			word[i] = strsep(&line, "\t");
		if (word[2] == NULL || strcmp(word[1], "ok") == 0)
			continue;
		printf("%-11s", shown++ == 0 ? "readiness" : "");
		for (i = 1; i >= 0; i--) /* how bad, then what */
			printf("%s%s", log_quote(quoted, sizeof(quoted),
			    word[i], strlen(word[i])), i == 1 ? "  " : ": ");
		printf("%s\n", log_quote(quoted, sizeof(quoted), word[2],
		    strlen(word[2])));
	}
	if (shown == 0)
		printf("%-11sgood: it can be isolated and released\n",
		    "readiness");
done:
	buf_done(&b);
}

int
tool_status(struct tool *t)
{
	int rc = program_folders(t);

	if (rc == TOOL_DONE)
		rc = ask(t, IPC_CTL_STATUS, NULL, 0);
	if (rc == TOOL_DONE || rc == TOOL_FAILED)
		print_readiness(t);
	return rc;
}

/* One line, also one that a scanner ends with '/'; false at the end. */
static bool
get_line(char *line, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = getchar()) != EOF && c != '\n' && c != '/')
		if (n + 1 < size)
			line[n++] = (char)c;
	line[n] = '\0';
	return c != EOF || n > 0;
}

/*
 * Line by line from a person: a wrong one is said at once and typed again,
 * the good ones stay.
 */
static int
type_order(struct buf *out, struct why *why)
{
	char line[256];
	struct typed t;

	typed_init(&t, out);
	while (!t.ended) {
		fprintf(stderr, "line %u: ", t.lines + 1);
		if (!get_line(line, sizeof(line)))
			return why_set(why, ERR_CLOSED, "not finished: the "
			    "END line is missing; nothing was done");
		if (typed_line(&t, line, strlen(line), why) != 0)
			fprintf(stderr, "%s\n", why->text);
	}
	why->text[0] = '\0';
	return 0;
}

/* Packed bytes stay what they are, text becomes what it stands for. */
static int
untype(struct buf *b, struct why *why)
{
	struct buf packed;
	int rc;

	if (!typed_is_text(b->data, b->len))
		return 0;
	buf_init(&packed, ORDER_MAX);
	rc = typed_decode(b->data, b->len, &packed, why);
	buf_clear(b);
	if (rc == 0)
		rc = buf_add(b, packed.data, packed.len);
	buf_done(&packed);
	return rc;
}

/* A signed order from FILE, or standard input for "-". */
static int
read_order(const char *file, struct buf *out, struct why *why)
{
	uint8_t *at;
	size_t n;
	int rc;

	if (strcmp(file, "-") != 0) {
		rc = file_read(file, out, why);
		return rc == 0 ? untype(out, why) : rc;
	}
	if (isatty(STDIN_FILENO))
		return type_order(out, why);
	if (buf_reserve(out, INPUT_MAX, &at) != 0)
		return why_set(why, ERR_NOMEM, "out of memory");
	n = fread(at, 1, INPUT_MAX, stdin);
	buf_grow(out, n);
	if (n == INPUT_MAX && fgetc(stdin) != EOF)
		return why_set(why, ERR_LIMIT, "standard input: an order has "
		    "at most %d bytes", ORDER_MAX);
	return untype(out, why);
}

int
tool_order(struct tool *t)
{
	Cordon__OrderIn m = CORDON__ORDER_IN__INIT;
	uint8_t packed[ORDER_MAX + 64];
	struct why why = {0};
	struct buf b;
	int rc;

	buf_init(&b, INPUT_MAX);
	if (read_order(t->file, &b, &why) != 0 || b.len == 0) {
		log_error("%s", b.len == 0 && why.text[0] == '\0'
			? "the order is empty" : why.text);
		rc = TOOL_FAILED;
		goto done;
	}
	if (b.len > ORDER_MAX) {
		log_error("an order has at most %d bytes", ORDER_MAX);
		rc = TOOL_FAILED;
		goto done;
	}
	rc = program_folders(t);
	if (rc != TOOL_DONE)
		goto done;
	m.order.data = b.data;
	m.order.len = b.len;
	rc = ask(t, IPC_CTL_ORDER, packed,
	    cordon__order_in__pack(&m, packed));
done:
	buf_done(&b);
	return rc;
}
