/* SPDX-License-Identifier: MIT */
/* symbols.c: `trapeze symbols`: what a kernel's addresses are called. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output_file.h"
#include "vmm/boot.h"
#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/parse.h"
#include "vmm/symbols.h"

struct symbols_args {
	char *output;
	bool help;
};

#define OFF(field) offsetof(struct symbols_args, field)

const struct opt symbols_options[] = {
	{ "Symbols", NULL, "output", NULL, 'o', "FILE", &opt_file, OFF(output),
	  .help = "Write a symbol file for a debugger, instead of a list" },
	{ "Help", NULL, "help", NULL, 'h', NULL, &opt_action, OFF(help),
	  .help = "Print this help and exit" },
};
const unsigned symbols_option_cnt = ARRAY_LEN(symbols_options);

static int load(const char *path, struct symbols *ret, struct error **errp)
{
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;
	int r = boot_kernel_bytes(path, &bytes, &len, errp);

	if (r < 0)
		return r;
	r = symbols_load(bytes, len, ret, errp);
	return r < 0 ? err_wrap(errp, "'%s'", path) : 0;
}

static void print_all(const struct symbols *s)
{
	for (unsigned i = 0; i < s->cnt; i++)
		printf("%016" PRIx64 " %c %s\n", s->v[i].addr, s->v[i].type,
		       symbol_name(s, &s->v[i]));
}

/* A name, or an address. */
static int look_up(const struct symbols *s, const char *word, struct error **errp)
{
	const struct symbol *y = symbols_by_name(s, word);
	uint64_t addr, off;

	if (y) {
		printf("%016" PRIx64 " %c %s\n", y->addr, y->type, word);
		return 0;
	}
	if (parse_u64(word, 0, UINT64_MAX, &addr, NULL) < 0)
		return err_set(errp, ENOENT, "no symbol is called '%s'", word);
	y = symbols_find(s, addr, &off);
	if (!y)
		return err_set(errp, ENOENT, "no symbol is at or below %#" PRIx64, addr);
	printf("%016" PRIx64 " %c %s+%#" PRIx64 "\n", addr, y->type, symbol_name(s, y), off);
	return 0;
}

static int write_file(const struct symbols *s, const char *path, struct error **errp)
{
	_cleanup_(output_file_drop) struct output_file to = { 0 };
	_cleanup_free_ void *elf = NULL;
	size_t len;
	int r = symbols_to_elf(s, &elf, &len, errp);

	if (r == 0)
		r = output_file_open(&to, path, errp);
	if (r < 0)
		return r;
	fwrite(elf, 1, len, to.f); /* finishing tells if that went wrong */
	return output_file_finish(&to, errp);
}

static int run(const struct symbols_args *a, const struct opt_args *args, struct error **errp)
{
	_cleanup_(symbols_free) struct symbols s = { 0 };
	int r = load(args->rest[0], &s, errp);

	if (r == 0 && a->output)
		r = write_file(&s, a->output, errp);
	else if (r == 0 && args->rest_cnt == 1)
		print_all(&s);
	for (unsigned i = 1; i < args->rest_cnt && r == 0; i++)
		r = look_up(&s, args->rest[i], errp);
	return r < 0 ? STATUS_ERROR : STATUS_OK;
}

static void free_args(struct symbols_args *a)
{
	free(a->output);
}

int cmd_symbols(int argc, char **argv, struct error **errp)
{
	const struct opt_set set = { symbols_options, symbols_option_cnt };
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	_cleanup_(free_args) struct symbols_args a = { 0 };

	if (opt_scan(&set, argc - 1, argv + 1, &args, errp) < 0 || opt_apply(&args, &a, errp) < 0)
		return STATUS_USAGE;
	if (a.help) {
		help_verb(&verbs[VERB_SYMBOLS], stdout);
		return STATUS_OK;
	}
	if (args.rest_cnt)
		return run(&a, &args, errp);
	err_set(errp, EINVAL, "symbols: of which kernel? trapeze symbols KERNEL");
	return STATUS_USAGE;
}
