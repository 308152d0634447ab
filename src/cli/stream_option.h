/* SPDX-License-Identifier: MIT */
/* stream_option.h: where a byte stream of the guest's leads: "stdio", "file:PATH" and so on. */
#ifndef CLI_STREAM_OPTION_H
#define CLI_STREAM_OPTION_H

#include "vmm/options.h"

extern const struct opt_word stream_words[]; /* for people */
extern const struct opt_type opt_stream;     /* char * */

/* 0 if @s is one of them. */
int stream_check(const char *s, struct error **errp) __must_check;

#endif
