/* SPDX-License-Identifier: MIT */
/* script.h: the user's own program, run when an interface is there. */
#ifndef NET_SCRIPT_H
#define NET_SCRIPT_H

#include "vmm/base.h"

struct error;

/*
 * Runs `@path @iface` and waits for it: nothing on its standard input, its output on our standard
 * error, no other descriptor of ours. @path is not searched for in PATH, and no shell reads it. An
 * exit code but 0, or a signal, is an error that says which. Control thread.
 */
int net_script_run(const char *path, const char *iface, struct error **errp) __must_check;

#endif
