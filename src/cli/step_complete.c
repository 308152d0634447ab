/* SPDX-License-Identifier: MIT */
/* step_complete.c: how the word in front of the cursor could go on. */
#include <stdio.h>
#include <string.h>

#include "cli/step.h"

struct found {
	char **word;
	unsigned cnt, max;
	const char *begin;
	size_t len;
};

static void offer(struct found *f, const char *word)
{
	if (f->cnt < f->max && !strncmp(word, f->begin, f->len) && (f->word[f->cnt] = strdup(word)))
		f->cnt++;
}

static void offer_commands(struct found *f)
{
	for (unsigned i = 0; i < step_command_cnt; i++)
		offer(f, step_commands[i].name);
	for (unsigned i = 0; i < lens_inspector_cnt; i++)
		offer(f, lens_inspectors[i].name);
	for (unsigned i = 0; i < machine_inspector_cnt; i++)
		offer(f, machine_inspectors[i].name);
}

static void offer_symbols(struct step *s, struct found *f)
{
	for (unsigned i = 0; i < DBG_GPRS; i++)
		offer(f, debug_gpr_name[i]);
	offer(f, "rip");
	for (unsigned i = 0; s->lens.symbols && i < s->lens.symbols->cnt && f->len; i++)
		offer(f, symbol_name(s->lens.symbols, &s->lens.symbols->v[i]));
}

/* What `dev` and `virtq` list is what they take. */
static void offer_listed(struct step *s, struct found *f, const char *question)
{
	struct str out = { 0 };
	char *save = NULL;

	if (inspect_line(&s->in, question, &out, NULL) == 0 && out.s) {
		for (char *l = strtok_r(out.s, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			char name[64];

			if (sscanf(l, "%63s", name) == 1)
				offer(f, name);
		}
	}
	str_free(&out);
}

static enum step_words words_of(const char *command)
{
	static const struct {
		const char *name;
		enum step_words words;
	} inspectors[] = { { "dev", WORDS_DEVICES }, { "virtq", WORDS_QUEUES },
			   { "mem", WORDS_SYMBOLS }, { "dis", WORDS_SYMBOLS },
			   { "pt", WORDS_SYMBOLS },  { "print", WORDS_SYMBOLS } };

	for (unsigned i = 0; i < step_command_cnt; i++)
		if (!strcmp(step_commands[i].name, command) ||
		    (step_commands[i].alias && !strcmp(step_commands[i].alias, command)))
			return step_commands[i].words;
	for (unsigned i = 0; i < ARRAY_LEN(inspectors); i++)
		if (!strcmp(inspectors[i].name, command))
			return inspectors[i].words;
	return WORDS_NONE;
}

unsigned step_complete(struct step *s, const char *line, size_t cursor, size_t *start, char **word,
		       unsigned max)
{
	size_t first = 0, from = cursor;
	struct found f = { .word = word, .max = max };
	char command[32];

	while (first < cursor && line[first] == ' ')
		first++;
	while (from > first && !strchr(" +-*/&|()[]=<>", line[from - 1]))
		from--;
	*start = from;
	f.len = cursor - from;
	f.begin = line + from;
	if (from == first) {
		offer_commands(&f);
		return f.cnt;
	}
	snprintf(command, sizeof(command), "%.*s", (int)strcspn(line + first, " "), line + first);
	switch (words_of(command)) {
	case WORDS_SYMBOLS:
		offer_symbols(s, &f);
		break;
	case WORDS_DEVICES:
		offer_listed(s, &f, "dev");
		break;
	case WORDS_QUEUES:
		offer_listed(s, &f, "virtq");
		break;
	case WORDS_COMMANDS:
		offer_commands(&f);
		break;
	case WORDS_NONE:
		break;
	}
	return f.cnt;
}
