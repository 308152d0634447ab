/* SPDX-License-Identifier: MIT */
/* cli.h: the verbs of the program and what describes them to people and shells. */
#ifndef VMM_CLI_H
#define VMM_CLI_H

#include <stdio.h>

#include "vmm/options.h"
#include "vmm/version.h"

struct error;
struct host_probe;

/* Exit statuses of the program's own; how a guest ended: verdict.h. */
#define STATUS_OK    0
#define STATUS_ERROR 1
#define STATUS_USAGE 2

/* --- verbs (src/cli/verbs.c) ------------------------------------------------------------------ */

enum verb_id {
	VERB_RUN,
	VERB_TEST,
	VERB_STEP,
	VERB_IMG,
	VERB_TRACE,
	VERB_SYMBOLS,
	VERB_LAB,
	VERB_DOCTOR,
	VERB_COMPLETION,
	VERB_HELP,
	VERB_VERSION,
	VERB_INTERNAL
};
#define VERB_CNT (VERB_INTERNAL + 1)

struct verb {
	const char *name;
	const char *args;        /* "[OPTION...] [KERNEL]" */
	const char *summary;     /* a few words, for the list of verbs */
	const char *description; /* paragraphs, separated by an empty line */
	const struct opt *opt;   /* its options; NULL: none */
	const unsigned *opt_cnt;
	const struct opt_word *words; /* what may follow the verb; NULL: nothing fixed */
	enum opt_completes completes; /* besides @words */
	bool hidden;
};

extern const struct verb verbs[VERB_CNT]; /* indexed by enum verb_id */

static inline struct opt_set verb_options(const struct verb *v)
{
	return (struct opt_set){ v->opt, v->opt_cnt ? *v->opt_cnt : 0 };
}

/* NULL and an error with the nearest match if there is no such verb. */
const struct verb *verb_find(const char *name, struct error **errp);

/* A fact that help and manual tell: an exit status, a console key, an environment variable. */
struct fact {
	const char *name, *text;
};
extern const struct fact exit_statuses[], console_keys[], signals[], environment[], files[];
extern const unsigned exit_status_cnt, console_key_cnt, signal_cnt, environment_cnt, file_cnt;

/*
 * What main() calls for each verb; argv[0] is the verb. Returns the exit status; if *errp is set,
 * main() prints it. stdout is flushed and checked by main().
 */
int cmd_run(int argc, char **argv, struct error **errp);
int cmd_test(int argc, char **argv, struct error **errp);
int cmd_step(int argc, char **argv, struct error **errp);
int cmd_img(int argc, char **argv, struct error **errp);
int cmd_trace(int argc, char **argv, struct error **errp);
int cmd_symbols(int argc, char **argv, struct error **errp);
int cmd_lab(int argc, char **argv, struct error **errp);
int cmd_doctor(int argc, char **argv, struct error **errp);
int cmd_completion(int argc, char **argv, struct error **errp);
int cmd_help(int argc, char **argv, struct error **errp);
int cmd_version(int argc, char **argv, struct error **errp);
int cmd_internal(int argc, char **argv, struct error **errp);

/* --- the run verb's options (src/cli/options.c) ----------------------------------------------- */

/* Everything `trapeze run` can be told. The configuration comes first: file and flags share it. */
struct run_args {
	struct vm_config config;
	struct str_list config_files; /* --config */
	bool dump_config, help;
	bool guessed_kernel; /* the kernel came without -k */
};

extern const struct opt run_options[];
extern const unsigned run_option_cnt;
struct opt_set run_option_set(void);

void run_args_init(struct run_args *a);
void run_args_free(struct run_args *a); /* accepts a zeroed struct */

/*
 * Defaults, then files in the order given, then flags; argv[0] is the verb. Does not call
 * config_check(). After an error *ret is still to be freed.
 */
int run_args_parse(int argc, char **argv, struct run_args *ret, struct error **errp) __must_check;

/* The files that @args names by --config, in order. Flags come later, so that they win. */
int run_args_read_files(const struct opt_args *args, struct run_args *a,
			struct error **errp) __must_check;

/* One word that is no option is the kernel, unless -k has named one; more are an error. */
int run_args_take_words(const struct opt_args *args, struct run_args *a,
			struct error **errp) __must_check;

/* "512 MiB of memory, 2 CPUs, kernel 'vmlinuz'": what was understood. Returns @buf. */
const char *run_summary(const struct vm_config *c, char *buf, size_t len);

/* --- text (src/cli/help.c, docs.c, completion.c) ---------------------------------------------- */

void help_overview(FILE *f);
void help_verb(const struct verb *v, FILE *f);
void docs_man(FILE *f);
void docs_markdown(FILE *f);
/* @shell is "bash", "zsh" or "fish". */
int completion_print(const char *shell, FILE *f, struct error **errp) __must_check;

/* --- test (src/cli/test_option.c) ------------------------------------------------------------ */

/* Those that `trapeze run` does not have, or has in another sense; the others of run's that
 * describe a machine are understood as well. */
extern const struct opt test_options[];
extern const unsigned test_option_cnt;

/* --- step (src/cli/step_option.c) ------------------------------------------------------------- */

/* As test_options: its own; most of run's are understood as well. */
extern const struct opt step_options[];
extern const unsigned step_option_cnt;
struct opt_set step_option_set(void);

/* --- img (src/cli/img.c) --------------------------------------------------------------------- */

extern const struct opt img_options[];
extern const unsigned img_option_cnt;

/* --- trace (src/cli/trace.c) ----------------------------------------------------------------- */

extern const struct opt trace_options[];
extern const unsigned trace_option_cnt;

/* --- symbols (src/cli/symbols.c) -------------------------------------------------------------- */

extern const struct opt symbols_options[];
extern const unsigned symbols_option_cnt;

/* --- lab (src/cli/lab.c) ---------------------------------------------------------------------- */

extern const struct opt lab_options[];
extern const unsigned lab_option_cnt;

/* --- doctor (src/cli/doctor.c) ---------------------------------------------------------------- */

struct doctor_args {
	struct str_list needs; /* --need */
	bool json, help;
};
extern const struct opt doctor_options[];
extern const unsigned doctor_option_cnt;

enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_PROBLEM };

/* One thing about the host, judged. */
struct finding {
	const char *id; /* "kvm.device": stable, for scripts */
	enum finding_level level;
	char text[192];
	char todo[256]; /* what to do about it; empty: nothing */
};

#define MAX_FINDINGS 64
struct findings {
	struct finding f[MAX_FINDINGS];
	unsigned cnt;
};

/* Judges @p. Touches nothing but *ret. */
void doctor_judge(const struct host_probe *p, struct findings *ret);

/* Whether a guest can run at all: no finding is a problem. */
bool doctor_can_run(const struct findings *f);

/*
 * Whether the host offers @need ("hardware-kvm"): 1 yes, 0 no, and one sentence that says why in
 * @why; negative: there is no such need.
 */
int doctor_need(const struct host_probe *p, const char *need, char *why, size_t len,
		struct error **errp) __must_check;

#endif
