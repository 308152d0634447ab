/* SPDX-License-Identifier: MIT */
/* nofile.h: how many descriptors the process may have, and those that it starts. */
#ifndef VMM_NOFILE_H
#define VMM_NOFILE_H

#include <sys/resource.h>
#include <sys/types.h>

#include "vmm/base.h"

/*
 * Raises the limit of this process to @want descriptors, or as far as it may: the hard one is
 * raised with it where that is allowed. Never lowers it. Returns what the limit is then, 0 if that
 * is not known. Control thread.
 */
rlim_t nofile_raise(rlim_t want);

/*
 * @pid, a program that has just been started, gets the limits that we had before they were raised,
 * if they were: select(2), for one, takes no descriptor above 1023. It may see ours for a moment:
 * what is to be sure of it starts before nofile_raise(). Any thread.
 */
void nofile_give_back(pid_t pid);

#endif
