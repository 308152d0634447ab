/* SPDX-License-Identifier: MIT */
/* step_option.c: the options of `trapeze step`: a few of its own, and those of run that make sense.
 */
#include "cli/step_option.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"

#define AT(field) offsetof(struct step_args, field)

const struct opt step_options[] = {
	{ "Stepping", NULL, "execute", NULL, 'x', "COMMAND", &opt_list, AT(execute),
	  .help = "A command in front of those that are typed; may be repeated" },
	{ "Stepping", NULL, "commands", NULL, 0, "FILE", &opt_file, AT(commands),
	  .help = "Read commands from FILE and not from standard input" },
	{ "Stepping", NULL, "symbols", NULL, 0, "FILE", &opt_file, AT(symbols),
	  .fallback = "the kernel's own",
	  .help = "Take names from FILE: an ELF file, a System.map, another kernel" },
	{ "General", NULL, "help", NULL, 'h', NULL, &opt_action, AT(run.help),
	  .help = "Print this help and exit" },
};
const unsigned step_option_cnt = ARRAY_LEN(step_options);

_Static_assert(offsetof(struct step_args, run) == 0, "rows of run_options are good for it");

/* Of run's: the prompt does itself what they say, or they are for a run that nobody watches. */
static const char *const not_for_steps[] = { "dry-run",   "dump-config", "stats",    "trace",
					     "trace-out", "gdb",         "log-file", "dirty-log" };

static bool is_for_steps(const struct opt *o)
{
	for (unsigned i = 0; i < ARRAY_LEN(not_for_steps); i++)
		if (!strcmp(o->name, not_for_steps[i]))
			return false;
	for (unsigned i = 0; i < step_option_cnt; i++)
		if (!strcmp(o->name, step_options[i].name))
			return false;
	return true;
}

/* Made once, and the process's: what was given points to its rows. */
struct opt_set step_option_set(void)
{
	static struct opt *all;
	static unsigned cnt;

	if (all)
		return (struct opt_set){ all, cnt };
	all = calloc(step_option_cnt + run_option_cnt, sizeof(*all));
	if (!all)
		return (struct opt_set){ step_options, step_option_cnt };
	memcpy(all, step_options, step_option_cnt * sizeof(*all));
	cnt = step_option_cnt;
	for (unsigned i = 0; i < run_option_cnt; i++)
		if (is_for_steps(&run_options[i]))
			all[cnt++] = run_options[i];
	return (struct opt_set){ all, cnt };
}

void step_args_free(struct step_args *a)
{
	run_args_free(&a->run);
	free(a->commands);
	free(a->symbols);
	str_list_free(&a->execute);
	*a = (struct step_args){ 0 };
}

int step_args_parse(int argc, char **argv, struct step_args *ret, struct error **errp)
{
	const struct opt_set set = step_option_set();
	_cleanup_(opt_args_free) struct opt_args given = { 0 };
	int r = opt_scan(&set, argc - 1, argv + 1, &given, errp);

	run_args_init(&ret->run);
	if (r < 0)
		return r;
	if (opt_was_given(&given, AT(run.help))) {
		ret->run.help = true;
		return 0;
	}
	r = run_args_read_files(&given, &ret->run, errp);
	if (r >= 0)
		r = opt_apply(&given, ret, errp);
	return r < 0 ? r : run_args_take_words(&given, &ret->run, errp);
}
