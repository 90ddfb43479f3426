/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telling documents from noise.  Runs in the sensors process; names and
 * bytes come from whoever wrote the file, and no length is believed.
 */
#include "agent/sensors/sample.h"

#include <string.h>
#include <strings.h>

#define RANDOM_MIN 256 /* bytes: with less chi-square says nothing */
/*
 * Noise has 255 with a deviation of 22.6 (chi-square, 255 degrees of
 * freedom); text and records are in the thousands.
 */
#define RANDOM_CHI 400

const char *
look_str(enum look l)
{
	static const char *const text[] = {"unknown", "empty", "text",
	    "typed", "plain", "random"};

	return text[l];
}

/* -- names ---------------------------- */

static const char *const typed_ends[] = {
	"pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp", "zip", "jar",
	"doc", "xls", "ppt", "msg", "png", "jpg", "jpeg", "gif", "gz", "tgz",
	"bz2", "xz", "zst", "7z", "rar", "tif", "tiff", "rtf", "ps", "sqlite",
	"webp", "ofd", "et", "wps", NULL,
};

static const char *const text_ends[] = {
	"txt", "csv", "tsv", "xml", "json", "html", "htm", "md", "log", "sql",
	"ini", "conf", "yml", "yaml", "tex", "eml", "c", "h", "py", "js",
	"java", "sh", "ofx", "qif", "swift", "bai", "xbrl", NULL,
};

static bool
listed(const char *const *list, const char *end, size_t len)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == len && strncasecmp(*list, end, len) == 0)
			return true;
	return false;
}

static enum promise
promise_of_end(const char *end, size_t len)
{
	if (listed(typed_ends, end, len))
		return PROMISE_TYPED;
	return listed(text_ends, end, len) ? PROMISE_TEXT : PROMISE_NONE;
}

enum promise
promise_of(const char *name, bool inner)
{
	const char *stop = name + strlen(name), *dot;
	enum promise p = PROMISE_NONE;
	int ends = inner ? 2 : 1;

	while (ends-- > 0 && p == PROMISE_NONE) {
		dot = memrchr(name, '.', (size_t)(stop - name));
		if (dot == NULL || dot == name)
			break;
		p = promise_of_end(dot + 1, (size_t)(stop - dot - 1));
		stop = dot;
	}
	return p;
}

/* -- bytes ---------------------------- */

static const struct mark {
	uint8_t at, len;
	char bytes[9];
} marks[] = {
	{0, 4, "%PDF"}, {0, 4, "PK\3\4"}, {0, 4, "PK\5\6"}, {0, 4, "PK\7\10"},
	{0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}, {0, 4, "\x89PNG"},
	{0, 3, "\xff\xd8\xff"}, {0, 4, "GIF8"}, {0, 3, "\x1f\x8b\x08"},
	{0, 3, "BZh"}, {0, 6, "\xfd" "7zXZ\0"}, {0, 4, "\x28\xb5\x2f\xfd"},
	{0, 6, "7z\xbc\xaf\x27\x1c"}, {0, 4, "Rar!"}, {0, 4, "II*\0"},
	{0, 4, "MM\0*"}, {0, 5, "{\\rtf"}, {0, 2, "%!"},
	{0, 8, "SQLite f"}, {0, 4, "RIFF"}, {0, 4, "\x7f" "ELF"},
	{0, 8, "!<arch>\n"}, {4, 4, "ftyp"}, {0, 4, "PACK"},
	{0, 4, "OggS"}, {0, 4, "fLaC"}, {0, 3, "ID3"}, {0, 4, "\x04\x22\x4d\x18"},
	{0, 8, "BORG_SEG"}, {0, 2, "\x78\x01"}, {0, 2, "\x78\x5e"},
	{0, 2, "\x78\x9c"}, {0, 2, "\x78\xda"}, {0, 4, "\xca\xfe\xba\xbe"},
	{0, 4, "wOF2"}, {0, 4, "LUKS"}, {0, 4, "\xed\xab\xee\xdb"},
};

/* Marks of two bytes: noise has one of them once in 13,000 files. */
static bool
marked(const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (len >= (size_t)marks[i].at + marks[i].len &&
		    memcmp(data + marks[i].at, marks[i].bytes,
		    marks[i].len) == 0)
			return true;
	return false;
}

static void
count_bytes(const uint8_t *data, size_t len, uint32_t count[256])
{
	size_t i;

	memset(count, 0, 256 * sizeof(*count));
	for (i = 0; i < len; i++)
		count[data[i]]++;
}

bool
sample_random(const uint8_t *data, size_t len)
{
	uint32_t count[256];
	uint64_t squares = 0;
	size_t i;

	if (len < RANDOM_MIN)
		return false;
	count_bytes(data, len, count);
	for (i = 0; i < 256; i++)
		squares += (uint64_t)count[i] * count[i];
	/* chi-square = 256 / n * sum of squares - n */
	return 256 * squares < len * (len + RANDOM_CHI);
}

/* Binary logarithm of X > 0 in 1/65536 (by squaring, no libm). */
static uint32_t
log2_fixed(uint32_t x)
{
	uint32_t whole = 31 - (uint32_t)__builtin_clz(x), bit;
	uint64_t y = ((uint64_t)x << 31) >> whole; /* 1 <= y < 2, in 2^31 */
	uint32_t log = whole << 16;

	for (bit = 1u << 15; bit != 0; bit >>= 1) {
		y = y * y >> 31;
		if (y >= UINT64_C(1) << 32) {
			y >>= 1;
			log |= bit;
		}
	}
	return log;
}

unsigned int
sample_entropy(const uint8_t *data, size_t len)
{
	uint32_t count[256];
	uint64_t sum = 0;
	size_t i;

	if (len == 0 || len > UINT32_MAX >> 1)
		return 0;
	count_bytes(data, len, count);
	for (i = 0; i < 256; i++)
		if (count[i] > 0)
			sum += (uint64_t)count[i] *
			    (log2_fixed((uint32_t)len) -
				log2_fixed(count[i]));
	return (unsigned int)(sum * 100 / len >> 16);
}

unsigned int
sample_bits(const struct sample *s)
{
	unsigned int most = 0, bits, i;

	for (i = 0; i < 3; i++) {
		bits = sample_entropy(s->data[i], s->len[i]);
		if (bits > most)
			most = bits;
	}
	return most;
}

static bool
all_the_same(const uint8_t *data, size_t len)
{
	return len == 0 || memcmp(data, data + 1, len - 1) == 0;
}

/*
 * No control characters but those of text.  Bytes above 0x7f may be any
 * national encoding: what is noise, chi-square says.
 */
static bool
is_text(const uint8_t *data, size_t len)
{
	size_t i, control = 0;

	if (len >= 2 && ((data[0] == 0xff && data[1] == 0xfe) ||
	    (data[0] == 0xfe && data[1] == 0xff)))
		return true; /* UTF-16 with its mark */
	for (i = 0; i < len; i++)
		if ((data[i] < 0x20 && (data[i] < '\t' || data[i] > '\r') &&
		    data[i] != 0x1b) || data[i] == 0x7f)
			control++;
	return control * 100 < len; /* a NUL or two happen in logs */
}

static enum look
look_of_block(const uint8_t *data, size_t len, bool head)
{
	if (len < 8)
		return LOOK_UNKNOWN;
	if (all_the_same(data, len))
		return LOOK_EMPTY;
	if (head && marked(data, len))
		return LOOK_TYPED;
	if (sample_random(data, len))
		return LOOK_RANDOM;
	if (is_text(data, len))
		return LOOK_TEXT;
	/* Of noise an eighth is control characters; too short to be sure. */
	return len < RANDOM_MIN ? LOOK_UNKNOWN : LOOK_PLAIN;
}

/* Noise in the body of what begins as text: written over in part. */
static bool
noise_inside(const struct sample *s)
{
	return sample_random(s->data[1], s->len[1]) ||
	    sample_random(s->data[2], s->len[2]);
}

enum look
look_of(const struct sample *s)
{
	enum look head;

	if (s->size == 0)
		return LOOK_EMPTY;
	head = look_of_block(s->data[0], s->len[0], true);
	if (head == LOOK_TEXT && noise_inside(s))
		return LOOK_RANDOM;
	if (head == LOOK_EMPTY && s->len[1] > 0 &&
	    !all_the_same(s->data[1], s->len[1]))
		return LOOK_PLAIN;
	return head;
}

/* -- harm ---------------------------- */

/* A little file: noise shows by control characters among few letters. */
static bool
short_noise(const struct sample *s)
{
	size_t i, control = 0, len = s->len[0];

	if (len < 24 || len >= RANDOM_MIN || s->size != len)
		return false;
	for (i = 0; i < len; i++)
		control += s->data[0][i] < 0x20 &&
		    (s->data[0][i] < '\t' || s->data[0][i] > '\r');
	return control * 20 > len; /* noise: an eighth less five kinds */
}

/*
 * A zip's directory is at its end, and a PDF names its end there: without
 * it the rest was written over behind a good beginning.
 */
static bool
end_gone(const struct sample *s)
{
	const uint8_t *tail = s->len[2] > 0 ? s->data[2] : s->data[0];
	size_t len = s->len[2] > 0 ? s->len[2] : s->len[0];

	if (!sample_random(tail, len))
		return false;
	if (memcmp(s->data[0], "PK\3\4", 4) == 0)
		return memmem(tail, len, "PK\5\6", 4) == NULL;
	return memcmp(s->data[0], "%PDF", 4) == 0 &&
	    memmem(tail, len, "%%EOF", 5) == NULL;
}

enum harm
harm_of(const char *name, enum look before, enum look now,
    const struct sample *s)
{
	enum promise p = promise_of(name, true);
	bool document = before == LOOK_TEXT || before == LOOK_TYPED ||
	    before == LOOK_PLAIN || (before == LOOK_UNKNOWN &&
	    p != PROMISE_NONE);

	if (before == LOOK_RANDOM)
		return HARM_NONE;
	if (now == LOOK_RANDOM)
		return document ? HARM_TYPE : HARM_NOISE;
	if (!document)
		return HARM_NONE;
	if (now == LOOK_UNKNOWN)
		return short_noise(s) ? HARM_TYPE : HARM_NONE;
	if (p != PROMISE_TYPED && before != LOOK_TYPED)
		return now == LOOK_TYPED && p == PROMISE_TEXT &&
		    noise_inside(s) && promise_of(name, false) ==
		    PROMISE_TEXT ? HARM_TYPE : HARM_NONE;
	if (now == LOOK_EMPTY)
		return HARM_EMPTY;
	return now == LOOK_TYPED && s->len[0] >= 4 && end_gone(s) ?
	    HARM_TYPE : HARM_NONE;
}
