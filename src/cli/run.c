/* SPDX-License-Identifier: MIT */
/* run.c: the run verb: from a command line to a verdict. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cli.h"
#include "vmm/cpuid.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/probe.h"
#include "vmm/verdict.h"

/*
 * The machine of a guest that has ended stands still, its output is written, its terminal restored;
 * what is left of it is memory and descriptors, and the process ends next. The kernel takes those
 * back as a whole, for a fifth less CPU time than taking it apart here costs. Under a sanitizer it
 * is taken apart all the same, as proof that it can be.
 */
static void leave_machine(struct machine **m)
{
	if (*m)
		machine_leave(*m);
	if (SANITIZED)
		*m = machine_destroy(*m);
}

/* --cpu help */
static int cpu_help(void)
{
	_cleanup_free_ struct cpuid_table *t = calloc(1, sizeof(*t));
	struct error *ignored = NULL;
	bool known = t && probe_cpuid(t, &ignored) == 0;

	/* Without /dev/kvm the list is as long, only which of it works here is not known. */
	error_free(ignored);
	cpuid_print_help(stdout, known ? t : NULL);
	return STATUS_OK;
}

/* --dump-config: what was asked for, before anything left open is worked out. */
static int dump_config(struct run_args *a, struct error **errp)
{
	const struct opt_set set = run_option_set();
	_cleanup_free_ char *text = NULL;

	if (opt_dump_json(&set, a, &text, errp) < 0)
		return STATUS_ERROR;
	/* Without a kernel it may still be a fine template; all else must be right. */
	if (a->config.boot.kernel && config_check(&a->config, errp) < 0)
		return STATUS_USAGE;
	puts(text);
	return STATUS_OK;
}

static int open_log(const struct vm_config *c, int *ret_fd, struct error **errp)
{
	log_set_level((enum log_level)c->log_level);
	if (!c->log_file)
		return 0;
	*ret_fd = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (*ret_fd < 0)
		return err_errno(errp, errno, "cannot open the log '%s'", c->log_file);
	log_set_fd(*ret_fd);
	return 0;
}

/* Whether the one line at the start is wanted: always by people, else when asked for. */
static bool wants_banner(const struct vm_config *c)
{
	if (c->quiet)
		return false;
	return c->stats || c->dump.dry_run || c->log_level >= LOG_INFO || isatty(STDERR_FILENO);
}

static void print_banner(const struct run_args *a)
{
	char line[1024];

	if (a->guessed_kernel && !a->config.quiet)
		fprintf(stderr, "trapeze: taking '%s' as the kernel (-k)\n", a->config.boot.kernel);
	if (wants_banner(&a->config))
		fprintf(stderr, "trapeze: %s\n", run_summary(&a->config, line, sizeof(line)));
}

/* Why it crashed, for whoever can read it. */
static void print_crash(const struct run_args *a, const struct machine *m)
{
	if (machine_crash_report(m) && !a->config.quiet)
		fputs(machine_crash_report(m), stderr);
}

/* A guest that waits for gdb is one that seems to hang. */
static void print_gdb(const struct run_args *a, const struct machine *m)
{
	char hint[160];

	if (!a->config.quiet && machine_gdb_hint(m, hint, sizeof(hint)))
		fprintf(stderr, "trapeze: %s gdb: (gdb) %s\n",
			a->config.debug.nowait ? "ready for" : "the guest waits for", hint);
}

static int run_machine(const struct run_args *a, struct error **errp)
{
	_cleanup_(leave_machine) struct machine *m = NULL;
	struct verdict v = { .kind = VERDICT_VMM_ERROR };
	char words[512];

	if (machine_create(&a->config, &m, errp) < 0)
		return STATUS_ERROR;
	if (a->config.dump.dry_run) {
		if (!a->config.quiet)
			fputs("trapeze: dry run: the machine could be built, nothing was run\n",
			      stderr);
		/* Images are closed, so that whoever comes next finds them unlocked. */
		m = machine_destroy(m);
		return STATUS_OK;
	}
	print_gdb(a, m);
	if (machine_run(m, &v, errp) < 0) {
		print_crash(a, m);
		return STATUS_ERROR;
	}
	if (!a->config.quiet) {
		verdict_describe(&v, words, sizeof(words));
		fprintf(stderr, "trapeze: %s\n", words);
	}
	print_crash(a, m);
	machine_print_dirty_log(m, stderr);
	if (a->config.stats)
		machine_print_stats(m, stderr);
	return verdict_exit_status(&v);
}

/* What was typed or written is wrong, unless it could not even be looked at. */
static int refused(struct error **errp)
{
	return errp && error_code(*errp) == ENOMEM ? STATUS_ERROR : STATUS_USAGE;
}

int cmd_run(int argc, char **argv, struct error **errp)
{
	_cleanup_(run_args_free) struct run_args a = { 0 };
	_cleanup_close_ int log_fd = -1;
	int status;

	if (run_args_parse(argc, argv, &a, errp) < 0)
		return refused(errp);
	if (a.help) {
		help_verb(&verbs[VERB_RUN], stdout);
		return STATUS_OK;
	}
	if (a.config.cpu.model && !strcmp(a.config.cpu.model, "help"))
		return cpu_help();
	if (a.dump_config)
		return dump_config(&a, errp);
	if (config_check(&a.config, errp) < 0)
		return refused(errp);
	if (open_log(&a.config, &log_fd, errp) < 0)
		return STATUS_ERROR;
	print_banner(&a);
	status = run_machine(&a, errp);
	log_set_fd(STDERR_FILENO);
	return status;
}
