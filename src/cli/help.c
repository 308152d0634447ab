/* SPDX-License-Identifier: MIT */
/* help.c: --help, from the tables, in 80 columns. */
#include <errno.h>
#include <string.h>

#include "cli/text.h"
#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define HELP_COLUMN 26

void help_overview(FILE *f)
{
	fputs("Usage: trapeze VERB [OPTION...]\n\n", f);
	text_wrap(
		f, 0, 0,
		"A virtual machine monitor for Linux KVM: boots a kernel in a PC made of chips you "
		"can look at.");
	fputs("\nVerbs:\n", f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		if (!verbs[i].hidden)
			text_wrap(f, (unsigned)fprintf(f, "  %-12s", verbs[i].name), 14,
				  verbs[i].summary);
	}
	fputs("\nTo boot a kernel:\n"
	      "  trapeze run -k vmlinuz -i initrd.img -p \"console=ttyS0\"\n"
	      "\n'trapeze help VERB' says more. Ctrl-A x ends a guest, Ctrl-A h lists the keys.\n",
	      f);
}

/* "  -m, --memory SIZE"; returns the column after it. */
static unsigned print_spelling(const struct opt *o, const void *base, FILE *f)
{
	char name[64], letter[5] = "    ";
	int n;

	if (o->letter) {
		letter[0] = '-';
		letter[1] = o->letter;
		letter[2] = ',';
	}
	n = fprintf(f, "  %s%s%s%s", letter, opt_spelling(o, base, name, sizeof(name)), opt_gap(o),
		    o->arg ? o->arg : "");
	return n > 0 ? (unsigned)n : 0;
}

static void print_words(const struct opt_word *words, const char *def, FILE *f)
{
	unsigned width = 0;

	for (const struct opt_word *w = words; w->word; w++)
		width = (unsigned)max_u64(width, strlen(w->word));
	for (const struct opt_word *w = words; w->word; w++) {
		_cleanup_(str_free) struct str s = { 0 };
		bool is_def = def && !strcmp(def, w->word);

		str_add(&s, "%s%s", w->help, is_def ? " (default)" : "");
		text_wrap(
			f,
			(unsigned)fprintf(f, "%*s%-*s  ", HELP_COLUMN + 2, "", (int)width, w->word),
			HELP_COLUMN + 4 + width, s.s ? s.s : "");
	}
}

static bool is_word(const struct opt *o, const char *s)
{
	for (const struct opt_word *w = o->words; w && w->word; w++) {
		if (!strcmp(w->word, s))
			return true;
	}
	return false;
}

static void print_option(const struct opt *o, const void *base, FILE *f)
{
	_cleanup_free_ char *def = opt_default(o, base);
	_cleanup_(str_free) struct str s = { 0 };
	unsigned at = print_spelling(o, base, f);

	str_add(&s, "%s", o->help);
	if (def && !is_word(o, def))
		str_add(&s, " (default: %s)", def);
	if (o->words)
		str_add(&s, ":");
	/* Two blanks between the columns, or a line of its own. */
	if (at + 2 > HELP_COLUMN)
		at = HELP_COLUMN + 1;
	text_wrap(f, at, HELP_COLUMN, s.s ? s.s : "");
	if (o->words)
		print_words(o->words, def, f);
}

static void print_facts(const char *title, const struct fact *facts, unsigned cnt, FILE *f)
{
	fprintf(f, "\n%s:\n", title);
	for (unsigned i = 0; i < cnt; i++)
		text_wrap(f, (unsigned)fprintf(f, "  %-15s", facts[i].name), 17, facts[i].text);
}

void help_verb(const struct verb *v, FILE *f)
{
	_cleanup_(run_args_free) struct run_args a;
	const struct opt_set set = verb_options(v);
	const void *base = v->opt == run_options ? &a : NULL;
	const char *group = NULL;

	run_args_init(&a);
	fprintf(f, "Usage: trapeze %s%s%s\n\n", v->name, *v->args ? " " : "", v->args);
	text_paragraphs(f, 0, v->description);
	for (unsigned i = 0; i < set.cnt; i++) {
		if (!group || strcmp(group, set.opt[i].group) != 0)
			fprintf(f, "\n%s:\n", set.opt[i].group);
		group = set.opt[i].group;
		print_option(&set.opt[i], base, f);
	}
	if (v->opt != run_options)
		return;
	print_facts("Keys on the console", console_keys, console_key_cnt, f);
	print_facts("Exit status", exit_statuses, exit_status_cnt, f);
}

int cmd_help(int argc, char **argv, struct error **errp)
{
	const struct verb *v;

	if (argc > 2) {
		err_set(errp, EINVAL, "'%s' is one word too many: help takes one verb", argv[2]);
		return STATUS_USAGE;
	}
	if (argc < 2) {
		help_overview(stdout);
		return STATUS_OK;
	}
	v = verb_find(argv[1], errp);
	if (!v)
		return STATUS_USAGE;
	help_verb(v, stdout);
	return STATUS_OK;
}

int cmd_version(int argc, char **argv, struct error **errp)
{
	if (argc > 1) {
		err_set(errp, EINVAL, "'%s' is one word too many: version takes none", argv[1]);
		return STATUS_USAGE;
	}
	printf("trapeze %s\n", TRAPEZE_VERSION);
	return STATUS_OK;
}
