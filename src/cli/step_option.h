/* SPDX-License-Identifier: MIT */
/* step_option.h: what `trapeze step` was told. */
#ifndef CLI_STEP_OPTION_H
#define CLI_STEP_OPTION_H

#include "vmm/cli.h"

struct step_args {
	struct run_args run;     /* first: rows of run_options are good for it */
	char *commands;          /* --commands */
	char *symbols;           /* --symbols */
	struct str_list execute; /* -x */
};

void step_args_free(struct step_args *a); /* accepts a zeroed struct */
/* After an error *ret is still to be freed. Does not call config_check(). */
int step_args_parse(int argc, char **argv, struct step_args *ret, struct error **errp) __must_check;

#endif
