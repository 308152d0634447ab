/* SPDX-License-Identifier: MIT */
/* main.c: finds the verb, runs it, prints what went wrong, exits.
 * Nothing else does the last two. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cli.h"
#include "vmm/console.h"
#include "vmm/error.h"

static int (*const commands[VERB_CNT])(int argc, char **argv, struct error **errp) = {
	[VERB_RUN] = cmd_run,   [VERB_TEST] = cmd_test,       [VERB_STEP] = cmd_step,
	[VERB_IMG] = cmd_img,   [VERB_TRACE] = cmd_trace,     [VERB_SYMBOLS] = cmd_symbols,
	[VERB_LAB] = cmd_lab,   [VERB_DOCTOR] = cmd_doctor,   [VERB_COMPLETION] = cmd_completion,
	[VERB_HELP] = cmd_help, [VERB_VERSION] = cmd_version, [VERB_INTERNAL] = cmd_internal,
};

/* What people type before a verb, as the verb it means; NULL: something else. */
static const char help[] = "help";

static const char *verb_alias(const char *word)
{
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return help;
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return "version";
	return NULL;
}

static int run_verb(int argc, char **argv, struct error **errp)
{
	const char *alias = argc > 1 ? verb_alias(argv[1]) : NULL;
	const struct verb *v;

	if (argc < 2) {
		help_overview(stderr);
		return STATUS_USAGE;
	}
	v = verb_find(alias ? alias : argv[1], errp);
	if (v && !v->opt && argc == 3 && verb_alias(argv[2]) == help) {
		help_verb(v, stdout);
		return STATUS_OK;
	}
	return v ? commands[v - verbs](argc - 1, argv + 1, errp) : STATUS_USAGE;
}

/* Output that did not arrive is a failure, were it only help on a full disk. */
static int flush_stdout(struct error **errp)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return err_errno(errp, errno, "cannot write to standard output");
}

int main(int argc, char **argv)
{
	struct error *err = NULL;
	int status;

	/* One heap: threads here hardly allocate, and an arena each costs more than it could save.
	 */
	mallopt(M_ARENA_MAX, 1);
	console_sanitize_fds();
	status = run_verb(argc, argv, &err);
	if (flush_stdout(&err) < 0 && status == STATUS_OK)
		status = STATUS_ERROR;
	error_print(err, stderr);
	error_free(err);
	return status;
}
