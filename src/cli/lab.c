/* SPDX-License-Identifier: MIT */
/* lab.c: `trapeze lab`: runs a lab of the course, shows its trace, and checks what its text says.
 */
#include "cli/lab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "vmm/error.h"
#include "vmm/parse.h"

struct lab_args {
	bool source, text, plain, step, help;
	char *files;
};

#define OFF(field) offsetof(struct lab_args, field)

const struct opt lab_options[] = {
	{ "What to show", NULL, "text", NULL, 't', NULL, &opt_action, OFF(text),
	  .help = "Print the lab's text" },
	{ "What to show", NULL, "source", NULL, 's', NULL, &opt_action, OFF(source),
	  .help = "Print the source of its guest, or with a device to write, of that as well" },
	{ "What to show", NULL, "plain", NULL, 0, NULL, &opt_action, OFF(plain),
	  .help = "Run it and print the trace alone, as the text has it, without times" },
	{ "What to show", NULL, "step", NULL, 0, NULL, &opt_action, OFF(step),
	  .help = "Walk through it by hand, as `trapeze step` does" },
	{ "What to show", NULL, "files", NULL, 0, "DIR", &opt_dir, OFF(files),
	  .help = "Write the guest, its source and its text to DIR, and run nothing" },
	{ "Help", NULL, "help", NULL, 'h', NULL, &opt_action, OFF(help),
	  .help = "Print this help and exit" },
};
const unsigned lab_option_cnt = ARRAY_LEN(lab_options);

/* One lab, its text, and how it went. */
struct session {
	const struct lab *lab;
	unsigned number;
	struct lab_text text;
	struct lab_place place;
	unsigned held, broken; /* claims */
};

static void session_end(struct session *s)
{
	lab_text_free(&s->text);
	lab_place_free(&s->place);
}

/* --- the list --------------------------------------------------------------------------------- */

static int list(struct error **errp)
{
	for (unsigned i = 0; i < lab_cnt; i++) {
		_cleanup_(lab_text_free) struct lab_text t = { 0 };
		const struct lab_file *f = all_labs[i].text;

		if (lab_text_parse(f->start, lab_file_len(f), &t, errp) < 0) {
			err_wrap(errp, "'%s'", f->name);
			return STATUS_ERROR;
		}
		printf("%2u  %s\n", i + 1, t.title);
	}
	puts("\ntrapeze lab N runs one; trapeze lab N --text is what to read first.");
	return STATUS_OK;
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void put(const struct lab_file *f)
{
	fwrite(f->start, 1, lab_file_len(f), stdout);
}

static void show_source(const struct lab *l)
{
	put(l->source);
	for (unsigned i = 0; l->device && i < LAB_FILES_MAX && l->file[i]; i++) {
		if (strcmp(l->file[i]->name, l->device) != 0)
			continue;
		putchar('\n');
		put(l->file[i]);
	}
}

static void show_plain(const struct lab_story *s)
{
	for (unsigned i = 0; i < s->cnt; i++)
		puts(s->line[i].text);
}

struct shown {
	const struct lab_line *line, *thread;
};

/* By time, and as they stand where that is equal. */
static int by_time(const void *pa, const void *pb)
{
	const struct shown *a = pa, *b = pb;

	if (a->line->t != b->line->t)
		return a->line->t < b->line->t ? -1 : 1;
	return a->line < b->line ? -1 : 1;
}

static void show_line(const struct shown *s, const struct lab_line *before)
{
	if (s->thread != before)
		puts(s->thread->text);
	if (s->line->exits)
		printf("%10.1f us  %s", (double)s->line->t / 1e3, s->line->text);
	else
		printf("%15s%s", "", s->line->text);
	if (s->line->note)
		printf("   <- %s", s->line->note);
	putchar('\n');
}

/* All threads in the order of time, which is since the guest began; what the text says of a line is
 * behind it. */
static int show_story(const struct lab_story *s, struct error **errp)
{
	_cleanup_free_ struct shown *all = calloc(s->cnt + 1, sizeof(*all));
	const struct lab_line *thread = NULL;
	unsigned cnt = 0;

	if (!all)
		return err_errno(errp, ENOMEM, "showing the trace");
	for (unsigned i = 0; i < s->cnt; i++) {
		if (s->line[i].text[0] == '[')
			thread = &s->line[i];
		else
			all[cnt++] = (struct shown){ &s->line[i], thread };
	}
	qsort(all, cnt, sizeof(*all), by_time);
	for (unsigned i = 0; i < cnt; i++)
		show_line(&all[i], i ? all[i - 1].thread : NULL);
	return 0;
}

static void show_log(const struct lab_result *r)
{
	if (*r->log)
		printf("\ntrapeze said:\n%s", r->log);
}

/* --- checking --------------------------------------------------------------------------------- */

static void judge(struct session *s, struct lab_verdict *v, const char *remark)
{
	printf("%s  %s", v->ok ? "ok    " : "NOT SO", v->why.s ? v->why.s : "out of memory");
	printf("%s%s\n", remark ? " - " : "", remark ? remark : "");
	if (v->ok)
		s->held++;
	else
		s->broken++;
	str_free(&v->why);
}

static void check_lines(struct session *s, const struct lab_block *b, const struct lab_result *r)
{
	for (unsigned i = b->first; i < b->first + b->cnt; i++) {
		char *line = s->text.line[i], *remark = lab_remark(line);
		struct lab_verdict v;

		if (!*line)
			continue;
		if (b->kind == LAB_CLAIMS)
			lab_check_claim(line, r, &v);
		else
			lab_measure(line, r, &v);
		judge(s, &v, remark);
	}
}

static bool is_about(const struct lab_block *b, const struct lab_block *run, bool first)
{
	return !strcmp(b->run, run->run) || (first && !*b->run);
}

/* Blocks of lines of the trace. They give the story its notes, so this comes before it is shown;
 * the verdicts are for later. Returns their number. */
static unsigned check_traces(const struct session *s, const struct lab_block *run, bool first,
			     struct lab_result *r, struct lab_verdict *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->text.block_cnt; i++) {
		const struct lab_block *b = &s->text.block[i];

		if (b->kind == LAB_TRACE && is_about(b, run, first))
			lab_check_trace(s->text.line + b->first, b->cnt, r, &ret[n++]);
	}
	return n;
}

static void check_others(struct session *s, const struct lab_block *run, bool first,
			 const struct lab_result *r)
{
	for (unsigned i = 0; i < s->text.block_cnt; i++) {
		const struct lab_block *b = &s->text.block[i];
		struct lab_verdict v;

		if (!is_about(b, run, first))
			continue;
		if (b->kind == LAB_CLAIMS || b->kind == LAB_MEASURE) {
			check_lines(s, b, r);
		} else if (b->kind == LAB_CONSOLE) {
			lab_check_console(s->text.line + b->first, b->cnt, r, &v);
			judge(s, &v, NULL);
		}
	}
}

/* Sessions at the prompt that the text shows: typed, and compared. */
static int check_sessions(struct session *s, const struct lab_block *run, bool first,
			  struct error **errp)
{
	for (unsigned i = 0; i < s->text.block_cnt; i++) {
		const struct lab_block *b = &s->text.block[i];
		_cleanup_(lab_result_free) struct lab_result r = { 0 };
		char **line = s->text.line + b->first;
		struct lab_verdict v;

		if (b->kind != LAB_STEP || !is_about(b, run, first))
			continue;
		if (lab_step_script(s->lab, &s->place, s->text.line[run->first], line, b->cnt, &r,
				    errp) < 0)
			return -EIO;
		printf("\n$ trapeze lab %u --step\n\n", s->number);
		show_plain(&r.story);
		show_log(&r);
		putchar('\n');
		lab_check_trace(line, b->cnt, &r, &v);
		judge(s, &v, NULL);
	}
	return 0;
}

/* Shows the run, with what its blocks say of it, and whether that is so. */
static int present(struct session *s, const struct lab_block *run, bool first, struct lab_result *r,
		   struct error **errp)
{
	_cleanup_free_ struct lab_verdict *v = calloc(s->text.block_cnt, sizeof(*v));
	unsigned n;

	if (!v)
		return err_errno(errp, ENOMEM, "checking the lab");
	n = check_traces(s, run, first, r, v);
	putchar('\n');
	if (show_story(&r->story, errp) < 0)
		return -ENOMEM;
	show_log(r);
	putchar('\n');
	for (unsigned i = 0; i < n; i++)
		judge(s, &v[i], NULL);
	check_others(s, run, first, r);
	return check_sessions(s, run, first, errp);
}

static int do_run(struct session *s, const struct lab_block *b, bool first, bool plain,
		  struct error **errp)
{
	_cleanup_(lab_result_free) struct lab_result r = { 0 };
	const char *command = s->text.line[b->first];

	if (lab_run(s->lab, &s->place, command, &r, errp) < 0)
		return -EIO;
	printf("%s%s\n", plain ? "# " : "\n$ ", command);
	if (!plain)
		return present(s, b, first, &r, errp);
	show_plain(&r.story);
	return 0;
}

static int run_all(struct session *s, bool plain, struct error **errp)
{
	bool first = true;

	for (unsigned i = 0; i < s->text.block_cnt; i++) {
		if (s->text.block[i].kind != LAB_RUN)
			continue;
		if (do_run(s, &s->text.block[i], first, plain, errp) < 0)
			return STATUS_ERROR;
		first = false;
	}
	if (plain)
		return STATUS_OK;
	if (s->broken)
		printf("\nLab %u: of %u claims %u do not hold.\n", s->number, s->held + s->broken,
		       s->broken);
	else
		printf("\nLab %u: all %u claims hold.\n", s->number, s->held);
	return s->broken ? STATUS_ERROR : STATUS_OK;
}

/* The first run, by hand. */
static int walk(struct session *s, struct error **errp)
{
	int status = STATUS_ERROR;

	for (unsigned i = 0; i < s->text.block_cnt; i++)
		if (s->text.block[i].kind == LAB_RUN)
			return lab_step(s->lab, &s->place, s->text.line[s->text.block[i].first],
					&status, errp) < 0
				       ? STATUS_ERROR
				       : status;
	return status;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int run_lab(struct session *s, const struct lab_args *a, const char *device,
		   struct error **errp)
{
	int r = lab_place_make(s->lab, &s->place, errp);

	if (r == 0 && s->lab->device)
		r = lab_build_device(s->lab, &s->place, device, errp);
	if (r < 0)
		return STATUS_ERROR;
	if (r > 0) {
		err_set(errp, EINVAL, "the device does not compile");
		return STATUS_ERROR;
	}
	if (a->step)
		return walk(s, errp);
	if (!a->plain)
		printf("Lab %u: %s\n", s->number, s->text.title);
	return run_all(s, a->plain, errp);
}

static int one(const struct lab_args *a, unsigned number, const char *device, struct error **errp)
{
	_cleanup_(session_end) struct session s = { .lab = &all_labs[number - 1],
						    .number = number };
	const struct lab_file *f = s.lab->text;

	if (a->text)
		put(f);
	if (a->source)
		show_source(s.lab);
	if (a->text || a->source)
		return STATUS_OK;
	if (a->files)
		return lab_write_files(s.lab, a->files, errp) < 0 ? STATUS_ERROR : STATUS_OK;
	if (device && !s.lab->device) {
		err_set(errp, EINVAL, "lab %u has no device to write, and no use for '%s'", number,
			device);
		return STATUS_USAGE;
	}
	if (lab_text_parse(f->start, lab_file_len(f), &s.text, errp) < 0) {
		err_wrap(errp, "'%s'", f->name);
		return STATUS_ERROR;
	}
	return run_lab(&s, a, device, errp);
}

static int find_lab(const struct opt_args *args, uint64_t *number, struct error **errp)
{
	if (args->rest_cnt > 2) {
		err_set(errp, EINVAL, "'%s' is one word too many", args->rest[2]);
		return -EINVAL;
	}
	if (parse_u64(args->rest[0], 1, lab_cnt, number, NULL) < 0) {
		err_set(errp, EINVAL, "'%s' is none of the labs 1 to %u", args->rest[0], lab_cnt);
		err_hint(errp, "trapeze lab lists them");
		return -EINVAL;
	}
	return 0;
}

int cmd_lab(int argc, char **argv, struct error **errp)
{
	const struct opt_set set = { lab_options, lab_option_cnt };
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	struct lab_args a = { 0 };
	uint64_t number = 0;
	int status = STATUS_USAGE;

	if (opt_scan(&set, argc - 1, argv + 1, &args, errp) < 0 || opt_apply(&args, &a, errp) < 0) {
		status = STATUS_USAGE;
	} else if (a.help) {
		help_verb(&verbs[VERB_LAB], stdout);
		status = STATUS_OK;
	} else if (!args.rest_cnt) {
		status = list(errp);
	} else if (find_lab(&args, &number, errp) == 0) {
		status = one(&a, (unsigned)number, args.rest_cnt > 1 ? args.rest[1] : NULL, errp);
	}
	free(a.files);
	return status;
}
