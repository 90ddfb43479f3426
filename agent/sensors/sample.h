/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the content of a file looks like, from three blocks of it, and
 * whether a document was harmed: its type gone, its text turned into noise.
 * Pure: bytes and names in, words out; both are foreign.
 *
 * Entropy alone decides nothing (gzip has as much as AES): what counts is
 * noise where the name or the file itself said something else before.
 */
#ifndef CORDON_SENSORS_SAMPLE_H
#define CORDON_SENSORS_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_BLOCK 4096

/* Head, middle and tail; of a small file some of them are empty. */
struct sample {
	uint64_t size; /* of the whole file */
	bool fresh;    /* written a moment ago */
	size_t len[3];
	uint8_t data[3][SAMPLE_BLOCK];
};

enum look {
	LOOK_UNKNOWN, /* nothing is known, or too little to tell */
	LOOK_EMPTY,   /* no bytes, or all the same */
	LOOK_TEXT,
	LOOK_TYPED, /* begins with the mark of a known type */
	LOOK_PLAIN, /* none of these, and not random: records, programs */
	LOOK_RANDOM,
};
const char *look_str(enum look l);

/* What a name promises. */
enum promise {
	PROMISE_NONE,  /* no or an unknown ending */
	PROMISE_TEXT,  /* .csv */
	PROMISE_TYPED, /* .pdf: the content begins with a mark */
};

enum harm {
	HARM_NONE,
	HARM_TYPE,  /* noise where name or content said what it was */
	HARM_EMPTY, /* emptied, or filled with one byte */
	HARM_NOISE, /* noise, and nobody knows what it was */
};

/*
 * What NAME (last component) promises.  With INNER an unknown ending is
 * taken off first: "a.docx.locked" promises what "a.docx" does.
 */
enum promise promise_of(const char *name, bool inner);
/* What the file looks like: its middle as well as its beginning. */
enum look look_of(const struct sample *s);
/*
 * Was a file that looked like BEFORE (LOOK_UNKNOWN: go by the name), is
 * called NAME and looks like NOW (look_of S) harmed?
 */
enum harm harm_of(const char *name, enum look before, enum look now,
    const struct sample *s);

/* Can these bytes be told from noise?  At least 256 of them, else no. */
bool sample_random(const uint8_t *data, size_t len);
/* Shannon entropy in hundredths of a bit a byte, 0 to 800. */
unsigned int sample_entropy(const uint8_t *data, size_t len);
/* Of the whole sample's most random block: some 50 us. */
unsigned int sample_bits(const struct sample *s);

#endif
