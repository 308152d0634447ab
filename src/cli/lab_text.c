/* SPDX-License-Identifier: MIT */
/* lab_text.c: a lab's text, and the blocks in it that are run and checked. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cli/lab.h"
#include "vmm/error.h"

static const char *const kind_names[LAB_BLOCKS] = {
	[LAB_RUN] = "run",       [LAB_TRACE] = "trace",     [LAB_CONSOLE] = "console",
	[LAB_CLAIMS] = "claims", [LAB_MEASURE] = "measure", [LAB_STEP] = "step",
};

static int split(const char *s, size_t len, struct lab_text *t)
{
	const char *end = s + len;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		const char *stop = nl ? nl : end;
		char **more = reallocarray(t->line, t->line_cnt + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->line = more;
		t->line[t->line_cnt] = strndup(s, (size_t)(stop - s));
		if (!t->line[t->line_cnt])
			return -ENOMEM;
		t->line_cnt++;
		s = stop + 1;
	}
	return 0;
}

/* "```trace user" opens a block of ours; "```c" one that is none: LAB_BLOCKS. */
static int open_block(const char *line, struct lab_block *b)
{
	char word[16] = "", rest[2] = "";

	*b = (struct lab_block){ .kind = LAB_BLOCKS };
	if (sscanf(line, "```%15s %15s %1s", word, b->run, rest) < 1)
		return 0;
	for (unsigned k = 0; k < LAB_BLOCKS; k++)
		if (!strcmp(word, kind_names[k]))
			b->kind = (enum lab_block_kind)k;
	return b->kind < LAB_BLOCKS && rest[0] ? -EINVAL : 0;
}

static int add_block(struct lab_text *t, const struct lab_block *b)
{
	struct lab_block *more = reallocarray(t->block, t->block_cnt + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	t->block = more;
	t->block[t->block_cnt++] = *b;
	return 0;
}

/* Every block is about a run that there is. */
static int check_runs(const struct lab_text *t, struct error **errp)
{
	for (unsigned i = 0; i < t->block_cnt; i++) {
		const struct lab_block *b = &t->block[i];
		bool known = b->kind == LAB_RUN;

		for (unsigned j = 0; j < t->block_cnt && !known; j++)
			known = t->block[j].kind == LAB_RUN &&
				(!*b->run || !strcmp(t->block[j].run, b->run));
		if (!known)
			return err_set(errp, EINVAL,
				       "line %u: a block about the run '%s', which is "
				       "not there",
				       b->first, b->run);
		if (b->kind == LAB_RUN && b->cnt != 1)
			return err_set(errp, EINVAL, "line %u: a run is one command", b->first);
		if (!b->cnt)
			return err_set(errp, EINVAL, "line %u: a block that says nothing",
				       b->first);
	}
	return 0;
}

static int find_blocks(struct lab_text *t, struct error **errp)
{
	struct lab_block b = { 0 };
	bool inside = false;

	for (unsigned i = 0; i < t->line_cnt; i++) {
		if (strncmp(t->line[i], "```", 3))
			continue;
		if (!inside) {
			if (open_block(t->line[i], &b) < 0)
				return err_set(errp, EINVAL, "line %u: '%s' has a word too many",
					       i + 1, t->line[i]);
			b.first = i + 1;
		} else {
			b.cnt = i - b.first;
			if (b.kind < LAB_BLOCKS && add_block(t, &b) < 0)
				return err_errno(errp, ENOMEM, "reading the lab");
		}
		inside = !inside;
	}
	if (inside)
		return err_set(errp, EINVAL, "line %u: this block has no end", b.first);
	return check_runs(t, errp);
}

static void find_title(struct lab_text *t)
{
	const char *colon = t->line_cnt ? strstr(t->line[0], ": ") : NULL;

	if (colon)
		snprintf(t->title, sizeof(t->title), "%s", colon + 2);
}

int lab_text_parse(const char *s, size_t len, struct lab_text *ret, struct error **errp)
{
	*ret = (struct lab_text){ 0 };
	if (split(s, len, ret) < 0)
		return err_errno(errp, ENOMEM, "reading the lab");
	find_title(ret);
	return find_blocks(ret, errp);
}

void lab_text_free(struct lab_text *t)
{
	for (unsigned i = 0; i < t->line_cnt; i++)
		free(t->line[i]);
	free(t->line);
	free(t->block);
	*t = (struct lab_text){ 0 };
}

char *lab_remark(char *line)
{
	char *at = strstr(line, " # ");

	if (!at)
		return NULL;
	for (char *p = at; p >= line && isspace((unsigned char)*p); p--)
		*p = '\0';
	at += 3;
	return at + strspn(at, " ");
}
