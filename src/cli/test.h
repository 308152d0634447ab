/* SPDX-License-Identifier: MIT */
/* test.h: the test verb's arguments, and the list of tests that is made of them. Private to it. */
#ifndef CLI_TEST_H
#define CLI_TEST_H

#include <regex.h>

#include "vmm/cli.h"
#include "vmm/test.h"

/* All options that the verb understands: its own, and run's that describe a machine. */
struct opt_set test_option_set(void);

/* Everything `trapeze test` can be told. */
struct test_args {
	struct run_args run; /* first: rows of run_options are good for both */

	/* the command */
	char *root, *root_device, *cwd, *hostname, *modules;
	struct str_list env, more_modules, shares;
	bool commit, cgroup, boot_only, self_test;
	char *kvm_unit_test;

	/* limits and expectations */
	uint64_t test_ns, boot_ns, idle_ns;
	char *scale;
	unsigned expect_exit, retries;
	struct str_list expect_console, fail_on_console;
	bool allow_oops;

	/* which, and how often */
	char *matrix, *filter, *shard;
	unsigned jobs, repeat;
	bool until_fail, stop_at_failure, list;

	/* what is left of it */
	struct str_list reports;
	int keep; /* enum test_keep */
	char *dir;

	/* worked out */
	char **command; /* what follows "--", ends in NULL; borrowed */
	bool keep_given;
};

/* Defaults, then what the words say. argv[0] is the verb. @ret and @given are freed by the caller,
 * after an error as well. */
int test_args_parse(int argc, char **argv, struct test_args *ret, struct opt_args *given,
		    struct error **errp) __must_check;
void test_args_free(struct test_args *a);

/* --- the list (test_list.c) ------------------------------------------------------------------- */

/* A command to run, with what of it differs from the command line. */
struct test_def {
	char *name;
	char **argv, **env; /* end in NULL; env: what --env says, and more */
	char *cwd;
	struct str_list expect_console, fail_on_console;
	uint64_t test_ns, boot_ns, idle_ns;
	unsigned expect_exit, retries;
	bool allow_oops;
};

/* A part of a machine's configuration, as JSON. */
struct test_part {
	char *name, *json, *what; /* what: for messages */
};

struct test_matrix {
	struct test_part *kernel, *config;
	struct test_def *test;
	unsigned kernel_cnt, config_cnt, test_cnt;
};

/* matrix.c: @args has the defaults of tests. After an error *ret is still to be freed. */
int test_matrix_read(const char *path, const struct test_args *args, struct test_matrix *ret,
		     struct error **errp) __must_check;
int test_matrix_parse(const char *text, size_t len, const char *what, const struct test_args *args,
		      struct test_matrix *ret, struct error **errp) __must_check;
void test_matrix_free(struct test_matrix *m);
/* The command line's own test. */
int test_def_init(struct test_def *d, const struct test_args *args, const char *name,
		  char *const *argv, struct error **errp) __must_check;
void test_def_free(struct test_def *d);
/* Lists that end in NULL. */
char **test_strings_copy(char *const *v);
void test_strings_free(char **v);
int test_no_memory(struct error **errp);

/* What all tests of a call are made from. */
struct test_source {
	const struct test_args *args;
	const struct opt_args *given;
	double scale; /* of the limits */
};

/* test_spec.c: all but name and rerun. @kernel, @config: NULL, or parts of a matrix. After an error
 * as well the caller test_spec_free()s @s. */
int test_spec_fill(struct test_spec *s, const struct test_source *src,
		   const struct test_part *kernel, const struct test_part *config,
		   const struct test_def *d, struct error **errp) __must_check;
void test_spec_free(struct test_spec *s);
/* An expression that @option was given. */
int test_compile(const char *text, const char *option, regex_t *re,
		 struct error **errp) __must_check;

/* test_rerun.c: @base is the name before " #N", which is --repeat's. NULL: no memory. */
char *test_rerun_line(const struct test_args *a, const struct opt_args *given, const char *base);

/* test_modules.c: where they are, for the caller to free; NULL: not known, or not wanted. */
char *test_modules_dir(const struct test_spec *s, const struct test_args *a);
/* Those of @dir (may be NULL) that the machine needs, and those that were asked for. */
int test_add_modules(struct test_spec *s, const struct test_args *a, const char *dir,
		     struct error **errp) __must_check;

struct test_list {
	struct test_spec *v;
	unsigned cnt;
};

/*
 * All tests that are to be run: matrix, --repeat, --filter, --shard applied; checked as far as they
 * can be before they run. After an error *ret is still to be freed.
 */
int test_list_make(const struct test_args *args, const struct opt_args *given,
		   struct test_list *ret, struct error **errp) __must_check;
void test_list_free(struct test_list *l);

/* --- directories of the host (test_share.c) --------------------------------------------------- */

/* --share, as shares of the machine and mounts of the guest. After an error as well the caller
 * test_free_shares(). */
int test_add_shares(struct test_spec *s, const struct test_args *a,
		    struct error **errp) __must_check;
void test_free_shares(struct test_spec *s);
/* --root @dir; @modules: where the kernel's are, NULL: not known. */
int test_share_root(struct test_spec *s, const char *dir, const char *modules,
		    struct error **errp) __must_check;

/* --timeout-scale: NULL, a number or "auto", which measures. */
int test_scale(const char *text, double *ret, struct error **errp) __must_check;

#endif
