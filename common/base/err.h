/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one enum of errors, and the text that explains one to a person.
 * Runs in every process.  A verdict (is this order good?) is not an error
 * and has its own enum where it is given.
 */
#ifndef CORDON_BASE_ERR_H
#define CORDON_BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_NOMEM = -1,	    /* out of memory */
	ERR_IO = -2,	    /* a system call on a file or socket failed */
	ERR_SYNTAX = -3,    /* input does not have the form it must have */
	ERR_RANGE = -4,	    /* a value is outside its bounds */
	ERR_LIMIT = -5,	    /* a hard maximum would be passed */
	ERR_NOENT = -6,	    /* no such thing */
	ERR_EXIST = -7,	    /* it is there already */
	ERR_PERM = -8,	    /* not allowed */
	ERR_BADSTATE = -9,  /* not possible in the present state; the name
			       ERR_STATE is a type of OpenSSL's */
	ERR_TIMEOUT = -10,  /* not in time */
	ERR_CLOSED = -11,   /* the other side has gone */
	ERR_CRYPTO = -12,   /* a key, signature or certificate is not good */
	ERR_PROTO = -13,    /* the peer broke the protocol */
	ERR_UNSUPP = -14,   /* this kernel or build cannot do it */
	ERR_AGAIN = -15,    /* not now; try again */
	ERR_KERNEL = -16,   /* the kernel refused a request */
	ERR_CORRUPT = -17,  /* stored data is not what was written */
	ERR_CONFIG = -18,   /* the configuration is wrong */
};

#define WHY_MAX 512

/* Why something failed, for a person: what, where, what to do.  Plain data. */
struct why {
	char text[WHY_MAX];
};

/* Static text for a code of enum err; never NULL. */
const char *err_str(int code);

/*
 * Write the reason, cut at WHY_MAX - 1 bytes.  WHY may be NULL.  Returns
 * CODE, so that a caller can write: return why_set(why, ERR_IO, "...").
 */
int why_set(struct why *why, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(errno) behind it. */
int why_sys(struct why *why, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put a prefix ("file:line: ") before the reason that stands there. */
void why_prefix(struct why *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
