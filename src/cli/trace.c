/* SPDX-License-Identifier: MIT */
/* trace.c: `trapeze trace`: what recordings are for. Its subverbs are in files of their own. */
#include "cli/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot.h"
#include "vmm/error.h"
#include "vmm/parse.h"
#include "vmm/symbols.h"

#define OFF(field) offsetof(struct trace_args, field)

const struct opt trace_options[] = {
	{ "Recordings", NULL, "symbols", NULL, 0, "FILE", &opt_file, OFF(symbols),
	  .fallback = "what the recording has",
	  .help = "Names of addresses: the kernel that was booted, an ELF file or a System.map" },
	{ "Recordings", NULL, "from", NULL, 0, "TIME", &opt_duration, OFF(from),
	  .help = "Leave out what was earlier, counted from the guest's first instruction" },
	{ "Recordings", NULL, "to", NULL, 0, "TIME", &opt_duration, OFF(to),
	  .help = "Leave out what was later" },
	{ "Recordings", NULL, "lines", NULL, 'n', "N", &opt_count, OFF(count),
	  .range = { 1, UINT32_MAX, 0 }, .fallback = "all; of registers in a summary 40",
	  .help = "Print at most so many lines" },
	{ "Recordings", NULL, "output", NULL, 'o', "FILE", &opt_file, OFF(output),
	  .help = "html, perfetto: the file to write" },
	{ "Help", NULL, "help", NULL, 'h', NULL, &opt_action, OFF(help),
	  .help = "Print this help and exit" },
};
const unsigned trace_option_cnt = ARRAY_LEN(trace_options);

static const struct subverb {
	const char *name, *args;
	unsigned min, max; /* words behind it */
	int (*run)(const struct trace_args *a, struct error **errp);
} subverbs[] = {
	{ "show", "FILE [FILTER]", 1, 2, trace_show },
	{ "summary", "FILE [FILTER]", 1, 2, trace_summary },
	{ "diff", "FILE FILE [FILTER]", 2, 3, trace_diff },
	{ "html", "FILE [FILTER] -o PAGE", 1, 2, trace_html },
	{ "perfetto", "FILE [FILTER] -o FILE", 1, 2, trace_perfetto },
};

/* --- what they have in common ----------------------------------------------------------------- */

static int load_symbols(const char *path, struct trace *t, struct error **errp)
{
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;
	int r = boot_kernel_bytes(path, &bytes, &len, errp);

	if (r < 0)
		return r;
	symbols_free(t->symbols);
	r = symbols_load(bytes, len, t->symbols, errp);
	t->slide = 0;
	t->slide_known = false;
	return r < 0 ? err_wrap(errp, "'%s'", path) : 0;
}

/* Symbols of another kernel are an error if they were asked for. */
static int place_kernel(const struct trace_args *a, struct trace *t, struct error **errp)
{
	_cleanup_(error_freep) struct error *why = NULL;
	struct lens_slides slides;
	struct lens l = { 0 };
	int r;

	if (a->symbols) {
		r = load_symbols(a->symbols, t, errp);
		if (r < 0)
			return r;
	}
	if (!t->symbols->cnt)
		return 0;
	r = lens_slides_of(t, &slides, &why);
	if (r == -EINVAL && a->symbols) {
		err_set(errp, EINVAL, "'%s': %s", a->symbols, error_msg(why));
		err_hint(errp, "%s", error_hint(why));
		return r;
	}
	if (r < 0)
		fprintf(stderr, "trapeze: no symbols: %s\n", error_msg(why));
	lens_slide_at(&slides, 0, &l);
	t->slide = l.slide;
	t->slide_known = l.slide_known;
	return 0;
}

static void tell_limits(const char *path, const struct trace *t)
{
	if (t->cut)
		fprintf(stderr, "trapeze: '%s' is not complete: %s\n", path, t->cut_why);
	if (t->lost)
		fprintf(stderr,
			"trapeze: '%s': %" PRIu64 " record%s lost, as they came faster than they "
			"could be written\n",
			path, t->lost, t->lost == 1 ? " was" : "s were");
}

static int open_trace(const struct trace_args *a, const char *path, struct trace **ret,
		      struct error **errp)
{
	int r = trace_load(path, ret, errp);

	if (r < 0)
		return r;
	tell_limits(path, *ret);
	r = place_kernel(a, *ret, errp);
	if (r < 0)
		*ret = trace_free(*ret);
	return r;
}

static int parse_filter(const struct trace *t, const char *text, struct lens_filter **ret,
			struct error **errp)
{
	int r;

	*ret = NULL;
	if (!text)
		return 0;
	r = lens_filter_parse(text, &t->machine, ret, errp);
	if (r == 0)
		r = lens_filter_check_symbols(*ret, t->symbols, errp);
	if (r < 0)
		*ret = lens_filter_free(*ret);
	return r;
}

int trace_part_open(const struct trace_args *a, const char *path, const char *filter,
		    struct trace_part *ret, struct error **errp)
{
	int r = open_trace(a, path, &ret->trace, errp);

	if (r == 0)
		r = parse_filter(ret->trace, filter, &ret->filter, errp);
	ret->cut = (struct lens_cut){ a->from, a->to, ret->filter };
	return r;
}

void trace_part_close(struct trace_part *p)
{
	lens_filter_free(p->filter);
	trace_free(p->trace);
}

/* --- the verb --------------------------------------------------------------------------------- */

static const struct subverb *find_subverb(const struct opt_args *args, struct error **errp)
{
	const char *names[ARRAY_LEN(subverbs)], *near;

	for (unsigned i = 0; i < ARRAY_LEN(subverbs); i++) {
		names[i] = subverbs[i].name;
		if (args->rest_cnt && !strcmp(names[i], args->rest[0]))
			return &subverbs[i];
	}
	if (args->rest_cnt) {
		near = nearest(args->rest[0], names, ARRAY_LEN(names));
		err_set(errp, EINVAL, "trace: there is no '%s'%s%s%s", args->rest[0],
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	} else {
		err_set(errp, EINVAL, "trace: what is to be done with which file?");
	}
	err_hint(errp, "e.g. trapeze trace show FILE; 'trapeze help trace' has the others");
	return NULL;
}

static int run(const struct subverb *v, struct trace_args *a, const struct opt_args *args,
	       struct error **errp)
{
	a->rest = args->rest + 1;
	a->rest_cnt = args->rest_cnt - 1;
	if (a->rest_cnt < v->min || a->rest_cnt > v->max) {
		err_set(errp, EINVAL, "trace %s: %s", v->name,
			a->rest_cnt < v->min ? "a file is missing" : "that is too much");
		err_hint(errp, "trapeze trace %s %s%s", v->name, v->args,
			 a->rest_cnt > v->max ? "; quote a filter that has spaces" : "");
		return STATUS_USAGE;
	}
	if (a->to && a->to <= a->from) {
		err_set(errp, EINVAL, "trace %s: --to is not behind --from", v->name);
		return STATUS_USAGE;
	}
	return v->run(a, errp) < 0 ? STATUS_ERROR : STATUS_OK;
}

static void free_args(struct trace_args *a)
{
	free(a->symbols);
	free(a->output);
}

int cmd_trace(int argc, char **argv, struct error **errp)
{
	const struct opt_set set = { trace_options, trace_option_cnt };
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	_cleanup_(free_args) struct trace_args a = { 0 };
	const struct subverb *v;

	if (opt_scan(&set, argc - 1, argv + 1, &args, errp) < 0 || opt_apply(&args, &a, errp) < 0)
		return STATUS_USAGE;
	if (a.help) {
		help_verb(&verbs[VERB_TRACE], stdout);
		return STATUS_OK;
	}
	v = find_subverb(&args, errp);
	return v ? run(v, &a, &args, errp) : STATUS_USAGE;
}
