/* SPDX-License-Identifier: MIT */
/* nofile.c: RLIMIT_NOFILE, raised once or several times. */
#include "vmm/nofile.h"

#include <stdatomic.h>

static struct rlimit before; /* written once, in front of @raised */
static _Atomic bool raised;

rlim_t nofile_raise(rlim_t want)
{
	struct rlimit now, more;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return 0;
	if (now.rlim_cur >= want)
		return now.rlim_cur;
	/* Beyond the hard one as root alone, and beyond /proc/sys/fs/nr_open nobody. */
	more = (struct rlimit){ want, now.rlim_max < want ? want : now.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
		more = (struct rlimit){ now.rlim_max < want ? now.rlim_max : want, now.rlim_max };
		if (now.rlim_cur >= more.rlim_cur || setrlimit(RLIMIT_NOFILE, &more) < 0)
			return now.rlim_cur;
	}
	if (!atomic_load_explicit(&raised, memory_order_relaxed)) {
		before = now;
		atomic_store_explicit(&raised, true, memory_order_release);
	}
	return more.rlim_cur;
}

void nofile_give_back(pid_t pid)
{
	/* It fails if the program is another user's by now, or has ended: then it is not needed. */
	if (atomic_load_explicit(&raised, memory_order_acquire))
		(void)prlimit(pid, RLIMIT_NOFILE, &before, NULL);
}
