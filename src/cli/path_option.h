/* SPDX-License-Identifier: MIT */
/*
 * path_option.h: values of the form PATH[,KEY[=VALUE]]... or KIND[,KEY[=VALUE]]..., as text and as
 * objects of a file. The keys are rows of a table like the options are, and one whose type repeats
 * may be said more than once (in a file: it may be a list); a comma that belongs to a name or a
 * value is written twice.
 */
#ifndef CLI_PATH_OPTION_H
#define CLI_PATH_OPTION_H

#include "vmm/options.h"

struct path_option {
	const char *thing;     /* "a disk": what has the keys, for messages */
	const char *file;      /* "image": what PATH names, or KIND is one of, for messages */
	const struct opt *key; /* offsets count from the struct; of a row, name to range */
	unsigned key_cnt;      /* at most 64 */
	size_t path_off;       /* char *, allocated */
	/* The row of KIND, also its key in a file. NULL: what comes first is a path. */
	const struct opt *kind;
	const void *plain; /* the struct of which only the path has yet to be said */
	size_t size;       /* of the struct */
};

/* Reads @text into the struct at @base, a copy of @p->plain; also after an error the caller frees
 * what it holds, a list that a key has begun included. */
int path_option_parse(const struct path_option *p, const char *text, void *base,
		      struct error **errp) __must_check;

/* opt_type.object_text: { "path": "a.img", "ro": true } is "a.img,ro=on". */
char *path_option_text(const struct path_option *p, const struct json_t *obj, struct error **errp);

/* opt_type.get: @cnt structs at @v as an array of what differs from plain ones. */
struct json_t *path_option_list(const struct path_option *p, const void *v, unsigned cnt);

#endif
