/* SPDX-License-Identifier: MIT */
/* step_engine.c: the table of commands, and one line carried out. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/step.h"
#include "vmm/error.h"
#include "vmm/parse.h"

static step_fn do_help, do_quit, do_why, do_trace, do_set, do_key, do_cpu, do_console;

#define ANY INSPECT_WORDS

const struct step_command step_commands[] = {
	{ "step", "s", "[N]", "execute N instructions, and show each", 0, 1, step_do_step, true,
	  WORDS_NONE },
	{ "next", "n", "", "the same, but over calls, repeats and interrupts", 0, 0, step_do_next,
	  true, WORDS_NONE },
	{ "exit", "x", "[N]", "go to the Nth next exit, which is emulated then", 0, 1, step_do_exit,
	  true, WORDS_NONE },
	{ "continue", "c", "", "go until something stops it: a breakpoint, the end, Ctrl-C", 0, 0,
	  step_do_continue, true, WORDS_NONE },
	{ "until", "u", "EXPR", "go until EXPR is not 0; it is looked at after each exit", 1, ANY,
	  step_do_until, true, WORDS_SYMBOLS },
	{ "to", NULL, "ADDR", "go to an address or symbol", 1, ANY, step_do_to, true,
	  WORDS_SYMBOLS },
	{ "break", "b", "ADDR | exit N | FILTER",
	  "stop there: rip+2, start_kernel; at exit N; at exits: port 0x3f8-0x3ff, mmio ADDR, "
	  "kind hlt, dev serial0, kind=io,addr=0x60",
	  1, ANY, step_do_break, false, WORDS_SYMBOLS },
	{ "watch", "w", "ADDR [LEN] [rw]", "stop when LEN bytes (4) are written, or read as well",
	  1, 3, step_do_watch, false, WORDS_SYMBOLS },
	{ "delete", "d", "[N]", "forget breakpoint N, or all", 0, 1, step_do_delete, false,
	  WORDS_NONE },
	{ "info", "i", "breaks | cpus", "which breakpoints there are, where the CPUs stand", 1, 1,
	  step_do_info, false, WORDS_NONE },
	{ "why", NULL, "", "the rule that made the last exit, with the manuals' sections", 0, 0,
	  do_why, false, WORDS_NONE },
	{ "trace", "t", "[N]", "the last N exits (10)", 0, 1, do_trace, false, WORDS_NONE },
	{ "set", NULL, "REG|b[ADDR]|w[]|d[]|q[] = EXPR", "change a register, or memory", 2, ANY,
	  do_set, false, WORDS_SYMBOLS },
	{ "key", "k", "TEXT",
	  "type for the guest: \\r, \\n, \\t, \\\\, \\xNN are what they are in C", 1, ANY, do_key,
	  false, WORDS_NONE },
	{ "console", NULL, "", "what the guest has written since its last whole line", 0, 0,
	  do_console, false, WORDS_NONE },
	{ "cpu", NULL, "[N]", "look at CPU N", 0, 1, do_cpu, false, WORDS_NONE },
	{ "help", "h", "[COMMAND]", "this list", 0, 1, do_help, false, WORDS_COMMANDS },
	{ "quit", "q", "", "end the guest, if it has not ended, and the session", 0, 0, do_quit,
	  false, WORDS_NONE },
};
const unsigned step_command_cnt = ARRAY_LEN(step_commands);

/* --- life ------------------------------------------------------------------------------------- */

/* Of the last exit; 0 before the first. */
static bool variable(void *opaque, const char *name, uint64_t *ret)
{
	struct step *s = opaque;
	const struct trace_rec *x = &s->last_exit;
	const struct {
		const char *name;
		uint64_t value;
	} v[] = {
		{ "exits", s->tape.cnt },
		{ "exit_num", x->num },
		{ "exit_addr", x->exit.addr },
		{ "exit_value", x->exit.value },
	};

	for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
		if (!strcmp(v[i].name, name)) {
			*ret = v[i].value;
			return true;
		}
	}
	return false;
}

int step_init(struct step *s, struct error **errp)
{
	s->in.lens = &s->lens;
	s->in.target = s->target;
	s->in.variable = variable;
	s->in.opaque = s;
	s->target->stopped = step_stopped;
	s->target->opaque = s;
	return step_tape_init(&s->tape, errp);
}

void step_free(struct step *s)
{
	step_break_free(s);
	step_tape_free(&s->tape);
	str_free(&s->out);
}

void step_say(struct step *s)
{
	if (s->out.len && !s->out.failed)
		s->say(s->opaque, s->out.s, s->out.len);
	str_free(&s->out);
	s->out = (struct str){ 0 };
}

/* --- one line --------------------------------------------------------------------------------- */

/* By name, alias, or the beginning of exactly one name. */
static const struct step_command *find(const char *word, unsigned *ret_similar)
{
	const struct step_command *hit = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < step_command_cnt; i++) {
		const struct step_command *c = &step_commands[i];

		if (!strcmp(c->name, word) || (c->alias && !strcmp(c->alias, word))) {
			*ret_similar = 1;
			return c;
		}
		if (!strncmp(c->name, word, strlen(word))) {
			hit = c;
			n++;
		}
	}
	*ret_similar = n;
	return n == 1 ? hit : NULL;
}

/* An inspector by its name, or the beginning of exactly one; *n grows by those that fit. */
static const char *find_inspector(const char *word, unsigned *n)
{
	const struct inspector *const tables[] = { lens_inspectors, machine_inspectors };
	const unsigned cnt[] = { lens_inspector_cnt, machine_inspector_cnt };
	const char *hit = NULL;

	for (unsigned t = 0; t < ARRAY_LEN(tables); t++) {
		for (unsigned i = 0; i < cnt[t]; i++) {
			const char *name = tables[t][i].name;

			if (!strcmp(name, word))
				return name;
			if (!strncmp(name, word, strlen(word))) {
				hit = name;
				++*n;
			}
		}
	}
	return hit;
}

static int unknown(const char *word, unsigned similar, struct error **errp)
{
	const char *names[64], *near;
	unsigned n = 0;

	for (unsigned i = 0; i < step_command_cnt; i++)
		names[n++] = step_commands[i].name;
	for (unsigned i = 0; i < lens_inspector_cnt && n < ARRAY_LEN(names); i++)
		names[n++] = lens_inspectors[i].name;
	for (unsigned i = 0; i < machine_inspector_cnt && n < ARRAY_LEN(names); i++)
		names[n++] = machine_inspectors[i].name;
	near = similar ? NULL : nearest(word, names, n);
	if (similar)
		err_set(errp, EINVAL, "'%.40s' can be several commands", word);
	else
		err_set(errp, EINVAL, "there is no command '%.40s'%s%s%s", word,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	err_hint(errp, "help lists them");
	return -EINVAL;
}

static int run_own(struct step *s, const struct step_command *c, const char *rest,
		   struct error **errp)
{
	_cleanup_free_ char *copy = strdup(rest);
	char *word[INSPECT_WORDS + 1];
	unsigned n;

	if (!copy)
		return err_errno(errp, ENOMEM, "cannot read a command");
	n = inspect_split(copy, word, ARRAY_LEN(word));
	if (n < c->min || (n > c->max && c->max < ANY))
		return err_set(errp, EINVAL, "it is: %s%s%s", c->name, *c->args ? " " : "",
			       c->args);
	if (c->runs && s->ended)
		return err_set(errp, ESRCH, "the guest has ended; it can be looked at, or quit");
	if (c->runs)
		snprintf(s->again, sizeof(s->again), "%s %s", c->name, rest);
	return c->fn(s, n < ANY ? n : ANY, word, rest, errp);
}

static int run_inspector(struct step *s, const char *name, const char *rest, struct error **errp)
{
	_cleanup_free_ char *line = NULL;

	if (asprintf(&line, "%s %s", name, rest) < 0)
		return err_errno(errp, ENOMEM, "cannot read a command");
	return inspect_line(&s->in, line, &s->out, errp);
}

static int run_line(struct step *s, const char *line, struct error **errp)
{
	char word[64];
	size_t len = strcspn(line, " \t");
	const char *rest = line + len, *inspector;
	const struct step_command *c;
	unsigned similar = 0, others = 0;

	if (len >= sizeof(word))
		return unknown(line, 0, errp);
	memcpy(word, line, len);
	word[len] = 0;
	rest += strspn(rest, " \t");
	c = find(word, &similar);
	inspector = find_inspector(word, &others);
	if (inspector && !strcmp(inspector, word))
		return run_inspector(s, inspector, rest, errp);
	if (c && (others == 0 || !strcmp(c->name, word) || (c->alias && !strcmp(c->alias, word))))
		return run_own(s, c, rest, errp);
	if (similar == 0 && others == 1)
		return run_inspector(s, inspector, rest, errp);
	return unknown(word, similar + others, errp);
}

void step_command(struct step *s, const char *line)
{
	_cleanup_free_ char *copy = strdup(line);
	char again[sizeof(s->again)];
	struct error *e = NULL;
	size_t len;

	if (!copy)
		return;
	/* A line may be anything: what no terminal should see does not get back to one. */
	len = strlen(copy);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
			copy[i] = ' ';
	while (len && copy[len - 1] == ' ')
		copy[--len] = 0;
	line = copy + strspn(copy, " ");
	snprintf(again, sizeof(again), "%s", s->again);
	if (!*line && s->repeats)
		line = again;
	if (!*line || *line == '#')
		return;
	if (run_line(s, line, &e) < 0) {
		s->failed++;
		str_add(&s->out, "%s\n", e ? error_msg(e) : "that did not work");
		if (e && error_hint(e))
			str_add(&s->out, "  %s\n", error_hint(e));
	}
	error_free(e);
	step_say(s);
}

void step_hello(struct step *s)
{
	str_add(&s->out,
		"The guest stands at its first instruction; help lists what can be done.\n");
	step_show_next(s);
	step_say(s);
}

/* --- commands --------------------------------------------------------------------------------- */

static int do_help(struct step *s, unsigned argc, char *const *argv, const char *rest,
		   struct error **errp)
{
	(void)errp;
	(void)rest;
	for (unsigned i = 0; i < step_command_cnt; i++) {
		const struct step_command *c = &step_commands[i];
		char usage[64];

		if (argc && strcmp(c->name, argv[0]) != 0 &&
		    !(c->alias && !strcmp(c->alias, argv[0])))
			continue;
		snprintf(usage, sizeof(usage), "%s%s%s %s", c->name, c->alias ? ", " : "",
			 c->alias ? c->alias : "", c->args);
		str_add(&s->out, "  %-30s %s\n", usage, c->help);
	}
	if (!argc) {
		inspect_help(&s->out);
		str_add(&s->out, "Addresses and numbers are expressions: rsp+8, q[rsp], "
				 "start_kernel, exits.\n");
	} else if (!s->out.len) {
		const struct inspector *i = inspect_find(argv[0]);

		if (!i)
			return unknown(argv[0], 0, errp);
		str_add(&s->out, "  %s %s: %s\n", i->name, i->args, i->help);
	}
	return 0;
}

static int do_quit(struct step *s, unsigned argc, char *const *argv, const char *rest,
		   struct error **errp)
{
	(void)argc;
	(void)argv;
	(void)rest;
	(void)errp;
	s->quit = true;
	return 0;
}

static int do_why(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	struct str name = { 0 };

	(void)argc;
	(void)argv;
	(void)rest;
	if (!s->has_last_exit)
		return err_set(errp, ENOENT, "there was no exit yet");
	lens_register_name(&s->lens, &s->last_exit, &name);
	str_add(&s->out, "  exit %u, %s%s%s\n", s->last_exit.num, lens_kind_name(&s->last_exit),
		name.len ? ", " : "", name.len ? name.s : "");
	str_free(&name);
	lens_why(&s->host, &s->last_exit, &s->out);
	return 0;
}

static int do_trace(struct step *s, unsigned argc, char *const *argv, const char *rest,
		    struct error **errp)
{
	uint64_t n = 10;
	int r = argc ? inspect_eval(&s->in, argv[0], &n, errp) : 0;

	(void)rest;
	if (r < 0)
		return r;
	if (!s->tape.cnt)
		str_add(&s->out, "  there was no exit yet\n");
	if (n > TAPE_ITEMS)
		n = TAPE_ITEMS;
	for (; n; n--) {
		const struct tape_item *it = step_tape_at(&s->tape, n - 1);

		if (!it)
			continue;
		step_tape_line(&s->lens, it, &s->out);
		if (s->out.len && s->out.s[s->out.len - 1] != '\n')
			str_add(&s->out, "\n");
	}
	if (s->tape.lost)
		str_add(&s->out, "  %" PRIu64 " records were lost: too many at once\n",
			s->tape.lost);
	return 0;
}

/* "d[rsp+4]": the width and what is in the brackets; 0: no such thing. */
static unsigned memory_target(char *target, char **addr)
{
	static const char widths[] = "bwdq";
	size_t len = strlen(target);
	const char *w = len > 3 ? strchr(widths, target[0]) : NULL;

	if (!w || target[1] != '[' || target[len - 1] != ']')
		return 0;
	target[len - 1] = 0;
	*addr = target + 2;
	return 1u << (w - widths);
}

static int set_memory(struct step *s, const char *addr_text, unsigned size, uint64_t v,
		      struct error **errp)
{
	struct debug_target *t = s->target;
	struct debug_regs r;
	uint64_t addr;
	uint8_t b[8];
	int err = inspect_eval(&s->in, addr_text, &addr, errp);

	if (err < 0)
		return err;
	if (size < 8 && v >> 8 * size)
		return err_set(errp, EINVAL, "%#" PRIx64 " does not fit into %u byte%s", v, size,
			       size == 1 ? "" : "s");
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(v >> 8 * i);
	if (t->ops->get_regs(t, s->in.cpu, &r) < 0 || debug_write(t, &r, addr, b, size) != size)
		return err_set(errp, EFAULT, "no memory that can be written is at %#" PRIx64, addr);
	return 0;
}

static int set_register(struct step *s, const char *name, uint64_t v, struct error **errp)
{
	struct debug_target *t = s->target;
	struct debug_regs r;
	int err = t->ops->get_regs(t, s->in.cpu, &r);

	if (err < 0)
		return err_errno(errp, -err, "cannot read the registers of CPU %u", s->in.cpu);
	err = inspect_set_register(&r, name, v, errp);
	if (err < 0)
		return err;
	err = t->ops->set_regs(t, s->in.cpu, &r);
	return err < 0 ? err_errno(errp, -err, "the CPU refuses %s = %#" PRIx64, name, v) : 0;
}

static int do_set(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	_cleanup_free_ char *target = strdup(rest);
	size_t len = target ? strcspn(target, "= \t") : 0;
	const char *value = rest + len;
	char *addr = NULL;
	unsigned size;
	uint64_t v;
	int r;

	(void)argc;
	(void)argv;
	if (!target)
		return err_errno(errp, ENOMEM, "cannot read a command");
	if (strchr(target, '[') && strchr(target, ']'))
		len = (size_t)(strchr(target, ']') - target) + 1;
	/* Brackets may nest: what is set ends in front of the "=". */
	if (strchr(target, '=') && strchr(target, '=')[1] != '=')
		len = strcspn(target, "=");
	value = rest + len;
	target[len] = 0;
	while (len && isspace((unsigned char)target[len - 1]))
		target[--len] = 0;
	value += strspn(value, "= \t");
	r = inspect_eval(&s->in, value, &v, errp);
	if (r < 0)
		return r;
	size = memory_target(target, &addr);
	return size ? set_memory(s, addr, size, v, errp) : set_register(s, target, v, errp);
}

/* Up to two hexadecimal digits; how many. */
static unsigned hex(const char *p, unsigned *ret)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;
	unsigned n = 0;

	for (*ret = 0; n < 2 && p[n] && (at = strchr(digits, tolower((unsigned char)p[n]))); n++)
		*ret = *ret * 16 + (unsigned)(at - digits);
	return n;
}

/* @text with its escapes; -EINVAL for one that is none. */
static ssize_t unescape(const char *text, uint8_t *to, struct error **errp)
{
	static const char from[] = "rnt\\e", into[] = "\r\n\t\\\033";
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		const char *at;
		unsigned v, digits;

		if (*p != '\\') {
			to[n++] = (uint8_t)*p;
		} else if (p[1] && (at = strchr(from, p[1]))) {
			to[n++] = (uint8_t)into[at - from];
			p++;
		} else if (p[1] == 'x' && (digits = hex(p + 2, &v))) {
			to[n++] = (uint8_t)v;
			p += 1 + digits;
		} else {
			return err_set(errp, EINVAL,
				       "'%.4s' is no escape: \\r \\n \\t \\e \\\\ \\xNN", p);
		}
	}
	return (ssize_t)n;
}

static int do_key(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	_cleanup_free_ uint8_t *bytes = malloc(strlen(rest) + 1);
	ssize_t len;
	size_t done;

	(void)argc;
	(void)argv;
	if (!bytes)
		return err_errno(errp, ENOMEM, "cannot read a command");
	len = unescape(rest, bytes, errp);
	if (len < 0)
		return (int)len;
	done = s->key(s->opaque, bytes, (size_t)len);
	if (done == (size_t)len)
		return 0;
	return err_set(errp, EAGAIN,
		       "the guest's serial port had room for %zu of %zd bytes: let it read them",
		       done, len);
}

static int do_console(struct step *s, unsigned argc, char *const *argv, const char *rest,
		      struct error **errp)
{
	(void)argc;
	(void)argv;
	(void)rest;
	(void)errp;
	s->flush(s->opaque, true);
	return 0;
}

static int do_cpu(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	unsigned cnt = s->target->ops->cpu_cnt(s->target);
	uint64_t n = s->in.cpu;
	int r = argc ? inspect_eval(&s->in, argv[0], &n, errp) : 0;

	(void)rest;
	if (r < 0)
		return r;
	if (n >= cnt)
		return err_set(errp, EINVAL, "there is no CPU %" PRIu64 ", only 0 to %u", n,
			       cnt - 1);
	if (n != s->in.cpu)
		s->in.has_before = false;
	s->in.cpu = (unsigned)n;
	inspect_moved(&s->in);
	str_add(&s->out, "CPU %u:\n", s->in.cpu);
	step_show_next(s);
	return 0;
}
