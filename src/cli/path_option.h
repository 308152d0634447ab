/* SPDX-License-Identifier: MIT */
/*
 * path_option.h: values of the form PATH[,KEY[=VALUE]]..., as text and as objects of a file. The
 * keys are rows of a table like the options are; a comma that belongs to a name or a value is
 * written twice.
 */
#ifndef CLI_PATH_OPTION_H
#define CLI_PATH_OPTION_H

#include "vmm/options.h"

struct path_option {
	const char *thing;     /* "a disk": what has the keys, for messages */
	const char *file;      /* "image": what PATH names, for messages */
	const struct opt *key; /* offsets count from the struct; of a row, name to range */
	unsigned key_cnt;      /* at most 64 */
	size_t path_off;       /* char *, allocated */
	const void *plain;     /* the struct of which only the path has yet to be said */
	size_t size;           /* of the struct */
};

/* Reads @text into the struct at @base, a copy of @p->plain; also after an error the caller frees
 * what it holds. */
int path_option_parse(const struct path_option *p, const char *text, void *base,
		      struct error **errp) __must_check;

/* opt_type.object_text: { "path": "a.img", "ro": true } is "a.img,ro=on". */
char *path_option_text(const struct path_option *p, const struct json_t *obj, struct error **errp);

/* opt_type.get: @cnt structs at @v as an array of what differs from plain ones. */
struct json_t *path_option_list(const struct path_option *p, const void *v, unsigned cnt);

#endif
