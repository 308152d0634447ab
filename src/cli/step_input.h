/* SPDX-License-Identifier: MIT */
/* step_input.h: where the prompt's lines come from. */
#ifndef CLI_STEP_INPUT_H
#define CLI_STEP_INPUT_H

#include "vmm/base.h"

struct error;
struct step;
struct step_input;

struct step_input_config {
	struct step *step;    /* for completion */
	char *const *command; /* lines that come first; borrowed */
	unsigned command_cnt;
	const char *file; /* the others; NULL: standard input */
};

int step_input_open(const struct step_input_config *c, struct step_input **ret,
		    struct error **errp) __must_check;
/* Is it a terminal at which somebody types? */
bool step_input_interactive(const struct step_input *i);
/* The next line, the caller frees; NULL: there is none, or step_input_end(). Its own thread. */
char *step_input_line(struct step_input *i);
/* Drops the line that is being typed. Any thread. */
void step_input_drop(struct step_input *i);
/* step_input_line() returns NULL from now on, at once. Any thread. */
void step_input_end(struct step_input *i);
/* Restores the terminal. NULL-safe, returns NULL. */
struct step_input *step_input_close(struct step_input *i);

#endif
