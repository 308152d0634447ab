/* SPDX-License-Identifier: MIT */
/* say.c: see say.h. */
#include "verdict/say.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/str.h"
#include "vmm/timer.h"

#define LINE_MAX_SHOWN 1024u
#define TAIL_LINES     50u

void say_init(struct say *s, FILE *f, bool several, bool quiet)
{
	*s = (struct say){ .f = f, .quiet = quiet };
	s->live = several && !quiet && isatty(fileno(f));
}

static unsigned width(const struct say *s)
{
	struct winsize w;

	if (ioctl(fileno(s->f), TIOCGWINSZ, &w) < 0 || w.ws_col < 20)
		return 79;
	return w.ws_col - 1u;
}

void say_clear(struct say *s)
{
	if (!s->drawn)
		return;
	fputs("\r\033[K", s->f);
	fflush(s->f);
	s->drawn = false;
}

void say_now(struct say *s, const char *line)
{
	if (!s->live)
		return;
	fprintf(s->f, "\r\033[K%.*s", (int)width(s), line);
	fflush(s->f);
	s->drawn = true;
}

void say_line(struct say *s, const char *fmt, ...)
{
	va_list ap;

	say_clear(s);
	fputs("trapeze: ", s->f);
	va_start(ap, fmt);
	vfprintf(s->f, fmt, ap);
	va_end(ap);
	fputc('\n', s->f);
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_SEC;
}

void say_result(struct say *s, const struct test_result *r)
{
	if (s->quiet)
		return;
	if (r->as_wanted && r->outcome == TEST_PASS)
		say_line(s, "ok %s (%.1f s)", r->spec->name, seconds(r->total_ns));
	else
		say_line(s, "%s %s: %s%s%s (%.1f s)", r->as_wanted ? "ok" : "NOT OK", r->spec->name,
			 test_outcomes[r->outcome].name, *r->why ? ": " : "", r->why,
			 seconds(r->total_ns));
}

/* --- evidence --------------------------------------------------------------------------------- */

/* The last lines of a text, each escaped and under its mark. */
static void show_lines(struct say *s, const char *title, const char *text, size_t len,
		       unsigned lines)
{
	const char *p = text, *end = text + len;
	char line[LINE_MAX_SHOWN];
	unsigned n = 0;

	if (!len)
		return;
	for (p = end - (end[-1] == '\n'); p > text; p--)
		if (p[-1] == '\n' && ++n == lines)
			break;
	fprintf(s->f, "  %s:\n", title);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t l = (size_t)((nl ? nl : end) - p);

		if (l && p[l - 1] == '\r')
			l--;
		fprintf(s->f, "    | %s\n", str_escape(p, l, line, sizeof(line)));
		p = nl ? nl + 1 : end;
	}
}

static void show_text(struct say *s, const char *title, const struct test_text *t, unsigned lines)
{
	if (t->text)
		show_lines(s, title, t->text, t->len, lines);
}

void say_evidence(struct say *s, const struct test_result *r, const char *log)
{
	if (s->quiet)
		return;
	say_clear(s);
	show_text(s, "the kernel's trouble", &r->trouble_text, TAIL_LINES * 4);
	show_text(s, "the console's last lines", &r->console_tail, TAIL_LINES);
	show_text(s, "how the machine ended", &r->crash, TAIL_LINES);
	if (log)
		show_lines(s, "trapeze's log", log, strlen(log), TAIL_LINES);
	if (r->dir)
		fprintf(s->f, "  artefacts: %s\n", r->dir);
	if (r->spec->rerun)
		fprintf(s->f, "  rerun: %s\n", r->spec->rerun);
}

void say_totals(struct say *s, const struct test_totals *t)
{
	_cleanup_(str_free) struct str b = { 0 };

	if (s->quiet)
		return;
	for (unsigned i = 0; i < TEST_OUTCOME_CNT; i++)
		if (t->by_outcome[i])
			str_add(&b, ", %u %s", t->by_outcome[i], test_outcomes[i].name);
	say_line(s, "%u tests%s; %u not as wanted; %.1f s%s", t->tests, b.s ? b.s : "", t->unwanted,
		 seconds(t->wall_ns), t->interrupted ? "; interrupted" : "");
}
