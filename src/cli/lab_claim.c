/* SPDX-License-Identifier: MIT */
/* lab_claim.c: whether what a lab's text says is what came of the run. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cli/lab.h"

/* --- patterns --------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next character, a run of blanks being one; none at the end. */
static char next(const char **s)
{
	if (!is_blank(**s))
		return **s ? *(*s)++ : '\0';
	while (is_blank(**s))
		(*s)++;
	return **s ? ' ' : '\0';
}

/* The last '*' takes one character more until the rest fits, so this takes at most the product of
 * both lengths. */
bool lab_fits(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	pattern += strspn(pattern, " \t");
	text += strspn(text, " \t");
	for (;;) {
		const char *p = pattern, *t = text;
		char want = next(&p), have = next(&t);

		if (want == '*') {
			star = pattern = p;
			retry = text;
		} else if (want == have) {
			if (!want)
				return true;
			pattern = p;
			text = t;
		} else if (star && *retry) {
			next(&retry);
			pattern = star;
			text = retry;
		} else {
			return false;
		}
	}
}

/* Anywhere in it. */
static bool is_part(const char *pattern, const char *text)
{
	char around[512];

	snprintf(around, sizeof(around), "*%s*", pattern);
	return lab_fits(around, text);
}

/* --- claims ----------------------------------------------------------------------------------- */

enum compare { EXACTLY, AT_LEAST, AT_MOST };

static uint64_t count(const struct lab_story *s, bool exits, const char *pattern)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->cnt; i++)
		if (!!s->line[i].exits == exits && is_part(pattern, s->line[i].text))
			n += exits ? s->line[i].exits : 1;
	return n;
}

/* Takes a decimal number off @s. False: there is none. */
static bool take_number(const char **s, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**s))
		return false;
	*ret = strtoull(*s, &end, 10);
	*s = end + strspn(end, " ");
	return true;
}

/* Takes @word, or its plural, off @s. */
static bool take_word(const char **s, const char *word)
{
	const char *p = *s;

	if (strncmp(p, word, strlen(word)) != 0)
		return false;
	p += strlen(word);
	p += *p == 's';
	if (*p && !is_blank(*p))
		return false;
	*s = p + strspn(p, " \t");
	return true;
}

static bool compare(enum compare c, uint64_t have, uint64_t want)
{
	return c == EXACTLY ? have == want : c == AT_LEAST ? have >= want : have <= want;
}

/* "[at least|at most] N exits|events [PATTERN]". False: it is none. */
static bool check_count(const char *claim, const struct lab_result *r, struct lab_verdict *v)
{
	enum compare how = EXACTLY;
	uint64_t want, have;
	bool exits;

	if (take_word(&claim, "at least"))
		how = AT_LEAST;
	else if (take_word(&claim, "at most"))
		how = AT_MOST;
	if (!take_number(&claim, &want))
		return false;
	exits = take_word(&claim, "exit");
	if (!exits && !take_word(&claim, "event"))
		return false;
	have = count(&r->story, exits, claim);
	v->ok = compare(how, have, want);
	if (!v->ok)
		str_add(&v->why, "\n      it was %" PRIu64, have);
	return true;
}

static bool check_status(const char *claim, const struct lab_result *r, struct lab_verdict *v)
{
	uint64_t status;

	if (!take_word(&claim, "status") || !take_number(&claim, &status) || *claim)
		return false;
	v->ok = (uint64_t)r->status == status;
	if (!v->ok)
		str_add(&v->why, "\n      it was %d", r->status);
	return true;
}

void lab_check_claim(const char *claim, const struct lab_result *r, struct lab_verdict *ret)
{
	*ret = (struct lab_verdict){ 0 };
	claim += strspn(claim, " \t");
	str_add(&ret->why, "%s", claim);
	if (take_word(&claim, "say")) {
		ret->ok = is_part(claim, r->log);
		if (!ret->ok)
			str_add(&ret->why, "\n      it said: %s", r->log);
	} else if (!check_status(claim, r, ret) && !check_count(claim, r, ret)) {
		str_add(&ret->why, "\n      this is no claim that could be checked");
	}
}

/* --- blocks ----------------------------------------------------------------------------------- */

static bool is_gap(const char *line)
{
	return lab_fits("...", line);
}

/* From @at on, up to a gap: how many lines of the block fit. */
static unsigned fit_run(char **line, unsigned cnt, const struct lab_story *s, unsigned at)
{
	unsigned n = 0;

	while (n < cnt && !is_gap(line[n]) && at + n < s->cnt &&
	       lab_fits(line[n], s->line[at + n].text))
		n++;
	return n;
}

static unsigned run_len(char **line, unsigned cnt)
{
	unsigned n = 0;

	while (n < cnt && !is_gap(line[n]))
		n++;
	return n;
}

/* What fits best is told, as that is where the text and the run part. */
static void tell_difference(char **line, unsigned len, const struct lab_story *s, unsigned from,
			    struct lab_verdict *v)
{
	unsigned best = 0, where = from;

	for (unsigned at = from; at < s->cnt; at++) {
		unsigned n = fit_run(line, len, s, at);

		if (n > best) {
			best = n;
			where = at;
		}
	}
	str_add(&v->why, "\n      not there: %s", line[best]);
	if (where + best < s->cnt && best)
		str_add(&v->why, "\n      but:       %s", s->line[where + best].text);
}

void lab_check_trace(char **line, unsigned cnt, struct lab_result *r, struct lab_verdict *ret)
{
	struct lab_story *s = &r->story;
	const char **note = calloc(cnt + 1, sizeof(*note));
	unsigned from = 0;

	*ret = (struct lab_verdict){ .ok = true };
	for (unsigned i = 0; i < cnt && note; i++)
		note[i] = lab_remark(line[i]);
	str_add(&ret->why, "the trace: %s%s", cnt ? line[0] : "", cnt > 1 ? " ..." : "");
	/* Each run of lines is looked for behind the one before it; the first place will do, as
	 * any later one leaves less for the next. */
	for (unsigned i = 0; i < cnt && ret->ok;) {
		unsigned len = run_len(line + i, cnt - i), at = from;

		while (len && at < s->cnt && fit_run(line + i, len, s, at) < len)
			at++;
		if (len && at == s->cnt) {
			ret->ok = false;
			tell_difference(line + i, len, s, from, ret);
		}
		for (unsigned k = 0; k < len && ret->ok && note; k++)
			if (note[i + k])
				s->line[at + k].note = note[i + k];
		from = at + len;
		i += len ? len : 1;
	}
	free(note);
}

void lab_check_console(char **line, unsigned cnt, const struct lab_result *r,
		       struct lab_verdict *ret)
{
	_cleanup_(str_free) struct str want = { 0 };
	size_t len = strlen(r->console);
	char shown[400];

	*ret = (struct lab_verdict){ 0 };
	for (unsigned i = 0; i < cnt; i++)
		str_add(&want, "%s\n", line[i]);
	str_add(&ret->why, "the guest's console");
	/* A text cannot show that a last line has no end. */
	ret->ok = want.s && (!strcmp(want.s, r->console) ||
			     (want.len == len + 1 && !strncmp(want.s, r->console, len)));
	if (!ret->ok)
		str_add(&ret->why, "\n      it said: %s",
			str_escape(r->console, len, shown, sizeof(shown)));
}

/* --- measurements ----------------------------------------------------------------------------- */

static const struct lab_line *find(const struct lab_story *s, const char *pattern, size_t len)
{
	char p[200];

	snprintf(p, sizeof(p), "*%.*s*", (int)len, pattern);
	for (unsigned i = 0; i < s->cnt; i++)
		if (s->line[i].exits && lab_fits(p, s->line[i].text))
			return &s->line[i];
	return NULL;
}

void lab_measure(const char *line, const struct lab_result *r, struct lab_verdict *ret)
{
	const char *colon = strstr(line, ": "), *dots = colon ? strstr(colon, " .. ") : NULL;
	const char *slash = dots ? strstr(dots, " / ") : NULL;
	const struct lab_line *a, *b;
	const char *by = slash ? slash + 3 : "";
	uint64_t n = 0;

	*ret = (struct lab_verdict){ 0 };
	if (!take_number(&by, &n) || !n) {
		str_add(&ret->why, "%s\n      this is no measurement", line);
		return;
	}
	a = find(&r->story, colon + 2, (size_t)(dots - colon - 2));
	b = find(&r->story, dots + 4, (size_t)(slash - dots - 4));
	ret->ok = a && b && b->t >= a->t;
	if (ret->ok)
		str_add(&ret->why, "%.*s: %.2f us", (int)(colon - line), line,
			(double)(b->t - a->t) / (double)n / 1e3);
	else
		str_add(&ret->why, "%s\n      one of the two is not in the trace", line);
}

/* --- results ---------------------------------------------------------------------------------- */

void lab_story_free(struct lab_story *s)
{
	for (unsigned i = 0; i < s->cnt; i++)
		free(s->line[i].text);
	free(s->line);
	*s = (struct lab_story){ 0 };
}

void lab_result_free(struct lab_result *r)
{
	lab_story_free(&r->story);
	free(r->console);
	free(r->log);
	*r = (struct lab_result){ 0 };
}
