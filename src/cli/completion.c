/* SPDX-License-Identifier: MIT */
/*
 * completion.c: scripts by which bash, zsh and fish complete verbs, options and values. They hold
 * the tables' content as data and need neither trapeze nor a completion library when they run.
 */
#include <errno.h>
#include <string.h>

#include "cli/step_option.h"
#include "cli/test.h"
#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/parse.h"

/* A spelling of an option and what it does. */
struct spelling {
	char text[64], help[256];
};
#define MAX_SPELLINGS 3

/*
 * All that take part: "--memory", "--mem"; of a switch the form that --help shows, then the other.
 * @base holds the defaults, which decide that; or NULL.
 */
static unsigned spellings(const struct opt *o, const void *base, struct spelling s[MAX_SPELLINGS])
{
	bool both = o->type == &opt_switch || o->type == &opt_inverted;
	unsigned n = 1;

	opt_spelling(o, base, s[0].text, sizeof(s[0].text));
	snprintf(s[0].help, sizeof(s[0].help), "%s", o->help);
	if (o->alias) {
		snprintf(s[n].text, sizeof(s[n].text), "--%s", o->alias);
		snprintf(s[n].help, sizeof(s[n].help), "The same as %s", s[0].text);
		n++;
	}
	if (both) {
		bool shows_no = !strncmp(s[0].text, "--no-", 5);

		snprintf(s[n].text, sizeof(s[n].text), "--%s%s", shows_no ? "" : "no-", o->name);
		snprintf(s[n].help, sizeof(s[n].help), "The opposite of %s", s[0].text);
		n++;
	}
	return n;
}

/* The defaults of the run verb's options, which tests have too; the switches of other verbs have
 * one form only. */
static struct test_args defaults;
_Static_assert(sizeof(struct step_args) <= sizeof(struct test_args), "rows of both fit into it");

static const void *verb_base(const struct verb *v)
{
	return v->opt == run_options || v->opt == test_options || v->opt == step_options ? &defaults
											 : NULL;
}

static struct opt_set offered(const struct verb *v)
{
	return v->opt == test_options   ? test_option_set()
	       : v->opt == step_options ? step_option_set()
					: verb_options(v);
}

/* A word with a placeholder ("file:PATH") is offered up to it. */
static int word_len(const char *word)
{
	return (int)strcspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* "1G" and "2M" are words, "PATH" in "file:PATH" is not. */
static int offered_len(const char *word)
{
	return strchr(word, ':') ? word_len(word) : (int)strlen(word);
}

/* What may be offered as a value comes first, and then what follows one. */
static bool is_value(const struct opt_word *w)
{
	return w && w->word && *w->word != ',';
}

static const struct opt_word *value_words(const struct opt *o)
{
	return is_value(o->words) ? o->words : NULL;
}

static const struct opt_word *behind_words(const struct opt *o)
{
	const struct opt_word *w = o->words;

	while (is_value(w))
		w++;
	return w && w->word ? w : NULL;
}

/* @s in single quotes, for any of the three shells: ' becomes '\''. */
static void put_quoted(FILE *f, const char *s, const char *extra)
{
	fputc('\'', f);
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", f);
		else if (strchr(extra, *s))
			fprintf(f, "\\%c", *s);
		else
			fputc(*s, f);
	}
	fputc('\'', f);
}

/* --- bash ------------------------------------------------------------------------------------- */

static const char *bash_action(enum opt_completes c)
{
	return c == OPT_FILES ? "-f" : c == OPT_DIRS ? "-d" : "";
}

/* One "case" branch: what follows the option. */
static void bash_value(const struct verb *v, const struct opt *o, FILE *f)
{
	struct spelling s[MAX_SPELLINGS];
	unsigned n = spellings(o, verb_base(v), s);

	fprintf(f, "\t%s:%s", v->name, s[0].text);
	for (unsigned i = 1; i < n; i++)
		fprintf(f, "|%s:%s", v->name, s[i].text);
	if (o->letter)
		fprintf(f, "|%s:-%c", v->name, o->letter);
	fputs(") words='", f);
	for (const struct opt_word *w = o->words; is_value(w); w++)
		fprintf(f, "%s%.*s", w == o->words ? "" : " ", offered_len(w->word), w->word);
	if (behind_words(o)) {
		fputs("'; behind='", f);
		for (const struct opt_word *w = behind_words(o); w->word; w++)
			fprintf(f, "%s%.*s", w == behind_words(o) ? "" : " ",
				(int)strcspn(w->word, "=") + (strchr(w->word, '=') != NULL) - 1,
				w->word + 1);
	}
	fprintf(f, "'; action='%s'; value=1 ;;\n", bash_action(o->type->completes));
}

static void bash_verb(const struct verb *v, FILE *f)
{
	const struct opt_set set = offered(v);

	fprintf(f, "\t%s) words='", v->name);
	for (unsigned i = 0; i < set.cnt; i++) {
		struct spelling s[MAX_SPELLINGS];
		unsigned n = spellings(&set.opt[i], verb_base(v), s);

		for (unsigned k = 0; k < n; k++)
			fprintf(f, "%s ", s[k].text);
		if (set.opt[i].letter)
			fprintf(f, "-%c ", set.opt[i].letter);
	}
	fputs("'; plain='", f);
	for (const struct opt_word *w = v->words; w && w->word; w++)
		fprintf(f, "%s ", w->word);
	fprintf(f, "'; action='%s' ;;\n", bash_action(v->completes));
}

static void print_bash(FILE *f)
{
	fputs("# bash completion for trapeze\n"
	      "_trapeze()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal verb=${COMP_WORDS[1]} words='' plain='' action='' value='' behind='' word\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W '",
	      f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		if (!verbs[i].hidden)
			fprintf(f, "%s ", verbs[i].name);
	}
	/* bash breaks words at "=" and ":": --option=value arrives as three words, value last. */
	fputs("--help --version' -- \"$cur\"))\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tif [ \"$cur\" = = ]; then\n"
	      "\t\tcur=''\n"
	      "\telif [ \"$prev\" = = ]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	      "\tfi\n"
	      "\tcase $verb:$prev in\n",
	      f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		const struct opt_set set = offered(&verbs[i]);

		for (unsigned k = 0; !verbs[i].hidden && k < set.cnt; k++) {
			if (!set.opt[k].type->is_switch && !set.opt[k].type->optional)
				bash_value(&verbs[i], &set.opt[k], f);
		}
	}
	fputs("\tesac\n"
	      "\tif [ -z \"$value\" ]; then case $verb in\n",
	      f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		if (!verbs[i].hidden)
			bash_verb(&verbs[i], f);
	}
	/* Options are offered once a dash is typed; until then files and words. */
	fputs("\tesac; case $cur in -*) action='' ;; *) words=$plain ;; esac; fi\n"
	      /* Behind a comma come the keys, in front of which the shell keeps what is there. */
	      "\tcase $behind,$cur in\n"
	      "\t,*) ;;\n"
	      "\t*,*,*) action=''; for word in $behind; do words=\"$words ${cur%,*},$word\"; done; "
	      "compopt -o nospace 2>/dev/null ;;\n"
	      "\tesac\n"
	      "\tlocal IFS=$' \\t\\n'\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "\tif [ -n \"$action\" ]; then\n"
	      "\t\tlocal IFS=$'\\n'\n"
	      "\t\tcompopt -o filenames 2>/dev/null\n"
	      "\t\tCOMPREPLY+=($(compgen \"$action\" -- \"$cur\"))\n"
	      "\tfi\n"
	      "}\n"
	      "complete -F _trapeze trapeze\n",
	      f);
}

/* --- zsh -------------------------------------------------------------------------------------- */

/* ":WHAT:ACTION" of an _arguments specification. */
static void zsh_value(const struct opt *o, FILE *f)
{
	fputs(o->type->optional ? "::" : ":", f);
	for (const char *p = o->arg + (o->type->optional ? 2 : 0); *p; p++) {
		if (*p == ':' || *p == '[' || *p == ']')
			fputc('\\', f);
		fputc(*p, f);
	}
	fputc(':', f);
	if (!value_words(o) && o->type->completes == OPT_WORDS)
		return;
	if (!value_words(o)) {
		fputs(o->type->completes == OPT_DIRS ? "_files -/" : "_files", f);
		return;
	}
	fputc('(', f);
	for (const struct opt_word *w = o->words; is_value(w); w++) {
		const char *sep = w == o->words ? "" : " ";
		int n = offered_len(w->word);

		/* A colon would end the specification's field. */
		if (n && w->word[n - 1] == ':')
			fprintf(f, "%s%.*s\\:", sep, n - 1, w->word);
		else
			fprintf(f, "%s%.*s", sep, n, w->word);
	}
	fputc(')', f);
}

static void zsh_option(const struct opt *o, const char *spelled, const char *help, FILE *f)
{
	const char *eq = o->type->is_switch  ? ""
			 : o->type->optional ? "=-"
			 : spelled[1] == '-' ? "="
					     : "+";

	fprintf(f, "\t\t\t'%s%s%s[", o->type->repeats ? "*" : "", spelled, eq);
	for (const char *p = help; *p; p++) {
		if (*p == '\'')
			fputs("'\\''", f);
		else if (strchr("[]:\\", *p))
			fprintf(f, "\\%c", *p);
		else
			fputc(*p, f);
	}
	fputc(']', f);
	if (!o->type->is_switch)
		zsh_value(o, f);
	fputs("' \\\n", f);
}

static void zsh_verb(const struct verb *v, FILE *f)
{
	const struct opt_set set = offered(v);

	fprintf(f, "\t%s)\n\t\t_arguments -s \\\n", v->name);
	for (unsigned i = 0; i < set.cnt; i++) {
		struct spelling s[MAX_SPELLINGS];
		unsigned n = spellings(&set.opt[i], verb_base(v), s);

		for (unsigned k = 0; k < n; k++)
			zsh_option(&set.opt[i], s[k].text, s[k].help, f);
		if (set.opt[i].letter)
			zsh_option(&set.opt[i], (char[]){ '-', set.opt[i].letter, 0 }, s[0].help,
				   f);
	}
	if (v->words) {
		fputs("\t\t\t'1:word:(", f);
		for (const struct opt_word *w = v->words; w->word; w++)
			fprintf(f, "%s%s", w == v->words ? "" : " ", w->word);
		fputs(")' \\\n", f);
	}
	fprintf(f, "\t\t\t%s\n\t\t;;\n",
		v->completes != OPT_FILES ? "&& return 0"
		: v->words                ? "'*:file:_files'"
					  : "'1:kernel:_files'");
}

static void print_zsh(FILE *f)
{
	fputs("#compdef trapeze\n"
	      "# zsh completion for trapeze\n"
	      "_trapeze()\n{\n"
	      "\tlocal -a verbs\n"
	      "\tif (( CURRENT == 2 )); then\n"
	      "\t\tverbs=(\n",
	      f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		if (verbs[i].hidden)
			continue;
		fprintf(f, "\t\t\t%s:", verbs[i].name);
		put_quoted(f, verbs[i].summary, "");
		fputc('\n', f);
	}
	fputs("\t\t)\n"
	      "\t\t_describe verb verbs\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tlocal verb=$words[2]\n"
	      "\tshift words\n"
	      "\t(( CURRENT-- ))\n"
	      "\tcase $verb in\n",
	      f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		if (!verbs[i].hidden)
			zsh_verb(&verbs[i], f);
	}
	fputs("\tesac\n"
	      "}\n"
	      "if [ \"$funcstack[1]\" = _trapeze ]; then\n"
	      "\t_trapeze \"$@\"\n"
	      "else\n"
	      "\tcompdef _trapeze trapeze\n"
	      "fi\n",
	      f);
}

/* --- fish ------------------------------------------------------------------------------------- */

static void fish_option(const struct verb *v, const struct opt *o, FILE *f)
{
	struct spelling s[MAX_SPELLINGS];
	unsigned n = spellings(o, verb_base(v), s);

	for (unsigned i = 0; i < n; i++) {
		fprintf(f, "complete -c trapeze -n '__fish_seen_subcommand_from %s' -l %s", v->name,
			s[i].text + 2);
		if (!i && o->letter)
			fprintf(f, " -s %c", o->letter);
		if (!o->type->is_switch) {
			fputs(o->type->optional ? "" : " -r", f);
			if (o->type->completes == OPT_WORDS)
				fputs(" -f", f);
			else
				fputs(" -F", f);
			if (value_words(o)) {
				fputs(" -a '", f);
				for (const struct opt_word *w = o->words; is_value(w); w++)
					fprintf(f, "%s%.*s", w == o->words ? "" : " ",
						offered_len(w->word), w->word);
				fputc('\'', f);
			}
		}
		fputs(" -d ", f);
		put_quoted(f, s[i].help, "\\");
		fputc('\n', f);
	}
}

static void print_fish(FILE *f)
{
	fputs("# fish completion for trapeze\n"
	      "complete -c trapeze -f\n",
	      f);
	for (unsigned i = 0; i < VERB_CNT; i++) {
		const struct verb *v = &verbs[i];
		const struct opt_set set = offered(v);

		if (v->hidden)
			continue;
		fprintf(f, "complete -c trapeze -n __fish_use_subcommand -a %s -d ", v->name);
		put_quoted(f, v->summary, "\\");
		fputc('\n', f);
		for (unsigned k = 0; k < set.cnt; k++)
			fish_option(v, &set.opt[k], f);
		for (const struct opt_word *w = v->words; w && w->word; w++)
			fprintf(f,
				"complete -c trapeze -n '__fish_seen_subcommand_from %s' -a %s\n",
				v->name, w->word);
		if (v->completes == OPT_FILES)
			fprintf(f, "complete -c trapeze -n '__fish_seen_subcommand_from %s' -F\n",
				v->name);
	}
}

/* --- the verb --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*print)(FILE *f);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

int completion_print(const char *shell, FILE *f, struct error **errp)
{
	const char *names[ARRAY_LEN(shells)], *near;

	for (unsigned i = 0; i < ARRAY_LEN(shells); i++) {
		if (!strcmp(shells[i].name, shell)) {
			run_args_init(&defaults.run);
			shells[i].print(f);
			run_args_free(&defaults.run);
			return 0;
		}
		names[i] = shells[i].name;
	}
	near = nearest(shell, names, ARRAY_LEN(names));
	return err_set(errp, EINVAL, "no completion for the shell '%s'%s%s%s", shell,
		       near ? "; did you mean '" : ": there is bash, zsh and fish",
		       near ? near : "", near ? "'?" : "");
}

int cmd_completion(int argc, char **argv, struct error **errp)
{
	if (argc != 2) {
		err_set(errp, EINVAL, "completion takes the name of one shell: bash, zsh or fish");
		return STATUS_USAGE;
	}
	return completion_print(argv[1], stdout, errp) < 0 ? STATUS_USAGE : STATUS_OK;
}
