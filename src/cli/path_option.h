/* SPDX-License-Identifier: MIT */
/*
 * path_option.h: values of the form PATH[,KEY[=VALUE]]..., KIND[,KEY[=VALUE]]... or, with nothing
 * in front, KEY[=VALUE][,KEY[=VALUE]]..., as text and as objects of a file. The keys are rows of a
 * table like the options are, and one whose type repeats may be said more than once (in a file: it
 * may be a list); a comma that belongs to a name or a value is written twice.
 */
#ifndef CLI_PATH_OPTION_H
#define CLI_PATH_OPTION_H

#include "vmm/options.h"

struct path_option {
	const char *thing;     /* "a disk": what has the keys, for messages */
	const char *file;      /* "image": what PATH names, or KIND is one of, for messages */
	const struct opt *key; /* offsets count from the struct; of a row, name to range */
	unsigned key_cnt;      /* at most 64 */
	/* The row of what comes first: name to arg, its key in a file included. Of type opt_file,
	 * it is a PATH. NULL: nothing comes first. */
	const struct opt *first;
	const void *plain; /* the struct of which nothing has been said yet */
	size_t size;       /* of the struct */
};

/* Reads @text into the struct at @base, a copy of @p->plain; also after an error the caller frees
 * what it holds, a list that a key has begun included. */
int path_option_parse(const struct path_option *p, const char *text, void *base,
		      struct error **errp) __must_check;

/* opt_type.object_text: { "path": "a.img", "ro": true } is "a.img,ro=on". */
char *path_option_text(const struct path_option *p, const struct json_t *obj, struct error **errp);

/* opt_type.get: the struct at @base as an object of what differs from a plain one. */
struct json_t *path_option_object(const struct path_option *p, const void *base);

/* opt_type.get: @cnt structs at @v as an array of what differs from plain ones. */
struct json_t *path_option_list(const struct path_option *p, const void *v, unsigned cnt);

#endif
