/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What people at the machine are told: pure functions from a Notice to
 * text, in both languages, for the places that show it.
 */
#ifndef CORDON_NOTICE_TEXT_H
#define CORDON_NOTICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/links/ipc.pb-c.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define NOTICE_MAX 4096 /* bytes of a packed Notice: two texts of an order */
#define NOTICE_TEXT_MAX (4 * NOTICE_MAX)

/*
 * A Notice from its bytes; free with cordon__notice__free_unpacked.  NULL
 * with WHY: not that message, no known profile, or a text that may not be
 * shown.
 */
Cordon__Notice *notice_unpack(const uint8_t *data, size_t len,
    struct why *why);

/* Does anything differ from an ordinary host, so that it must be shown? */
bool notice_stays(const Cordon__Notice *n);

/* One line that says what happened, both languages ("... / ..."). */
int notice_title(const Cordon__Notice *n, struct buf *out);
/* Everything: title, when and by which order, the order's own texts. */
int notice_text(const Cordon__Notice *n, struct buf *out);

/* TEXT as agetty(8) shows it unchanged: its escapes begin with '\'. */
int notice_issue(const char *text, struct buf *out);
/* TEXT for a terminal in whatever mode: a bell, lines end with CR LF. */
int notice_terminal(const char *text, struct buf *out);

#endif
