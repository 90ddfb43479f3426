/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signal kinds: what each kind of signal means and what to do about it,
 * from the table that is built in (common/base/kinds.c).  Asks nobody.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/kinds.h"
#include "server/ctl/cmd.h"

#define ID_WIDTH 27
#define SEVERITY_WIDTH 13

const char *
kind_text(const char *id, enum lang lang)
{
	const struct signal_kind *k = signal_kind_find(id);

	return k == NULL ? "" : lang == LANG_ZH ? k->zh : k->en;
}

const char *
kind_advice(const char *id, enum lang lang)
{
	const struct signal_kind *k = signal_kind_find(id);

	return k == NULL ? "" : lang == LANG_ZH ? k->do_zh : k->do_en;
}

/* An id, or how ids begin; "files.*" as policy.conf has it is the same. */
static bool
fits(const struct signal_kind *k, const char *what)
{
	size_t n = what != NULL ? strlen(what) : 0;

	if (n > 0 && signal_kind_find(what) != NULL)
		return strcmp(k->id, what) == 0;
	if (n > 0 && what[n - 1] == '*')
		n--;
	return n == 0 || strncmp(k->id, what, n) == 0;
}

static const struct signal_group *
group_of(const struct signal_kind *k)
{
	const struct signal_group *g = signal_group_table();
	size_t n = strcspn(k->id, ".");

	while (g->prefix != NULL && (strlen(g->prefix) != n ||
	    strncmp(g->prefix, k->id, n) != 0))
		g++;
	return g;
}

static void
print_json(struct out *o, const struct signal_kind *k)
{
	const struct signal_group *g = group_of(k);
	json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
	    "kind", k->id, "severity", word_name(WORDS_SEVERITY,
	    k->severity), "technique", k->technique, "text",
	    kind_text(k->id, o->lang), "advice", kind_advice(k->id, o->lang),
	    "group", g->prefix, "about", o->lang == LANG_ZH ? g->zh : g->en);

	out_json(o, v);
	json_decref(v);
}

static void
print_padded(struct out *o, const char *text, int width)
{
	int pad = width - out_width(text);

	fprintf(o->out, "%s%*s", text, pad > 1 ? pad : 1, "");
}

static void
print_kind(struct out *o, const struct signal_kind *k)
{
	fprintf(o->out, "  ");
	print_padded(o, k->id, ID_WIDTH);
	if (k->technique[0] != '\0')
		print_padded(o, word_text(WORDS_SEVERITY, k->severity,
		    o->lang), SEVERITY_WIDTH);
	else
		fprintf(o->out, "%s", word_text(WORDS_SEVERITY, k->severity,
		    o->lang));
	fprintf(o->out, "%s\n      %s\n      %s\n", k->technique,
	    kind_text(k->id, o->lang), out_text(o, T_KIND_ADVICE,
	    kind_advice(k->id, o->lang), NULL));
}

int
cmd_signal_kinds(struct ctl *c)
{
	const char *what = c->a.npos > 0 ? c->a.pos[0] : NULL;
	const struct signal_group *g, *last = NULL;
	const struct signal_kind *k, *first = NULL;

	for (k = signal_kind_table(); k->id != NULL; k++) {
		if (!fits(k, what))
			continue;
		first = first != NULL ? first : k;
		if (c->o.json) {
			print_json(&c->o, k);
			continue;
		}
		g = group_of(k);
		if (g != last)
			fprintf(c->o.out, "%s%s\n", last != NULL ? "\n" : "",
			    out_text(&c->o, T_KIND_GROUP, g->prefix,
			    c->o.lang == LANG_ZH ? g->zh : g->en, NULL));
		last = g;
		print_kind(&c->o, k);
	}
	if (first == NULL) {
		out_tell(&c->o, T_MATCHED_NOTHING, NULL);
		out_next(&c->o, text_of(T_NEXT_KINDS, c->o.lang));
		return EXIT_NOTHING;
	}
	out_next(&c->o, out_text(&c->o, T_NEXT_SIGNALS, first->id, NULL));
	return EXIT_DONE;
}
