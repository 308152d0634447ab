/* SPDX-License-Identifier: MIT */
/* output_file.h: a file that appears, under its name, when it is complete. */
#ifndef CLI_OUTPUT_FILE_H
#define CLI_OUTPUT_FILE_H

#include <stdio.h>

#include "vmm/base.h"

struct error;

struct output_file {      /* stays where it is from open to drop */
	const char *path; /* borrowed */
	char *early;      /* what it is called until it is complete; NULL: written to in place */
	int fd, err;      /* the first errno */
	FILE *f;          /* what to write to */
};

/* @path of "-" is standard output. What is no file (a pipe, a device) is written to as it is.
 * @o is to be dropped, also after an error. */
int output_file_open(struct output_file *o, const char *path, struct error **errp) __must_check;
/* All was written: gives it its name. Says what went wrong on the way, and leaves nothing then. */
int output_file_finish(struct output_file *o, struct error **errp) __must_check;
/* Removes what is not finished. Zeroed and finished ones are fine. */
void output_file_drop(struct output_file *o);

#endif
