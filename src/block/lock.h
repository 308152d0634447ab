/* SPDX-License-Identifier: MIT */
/*
 * lock.h: who may open an image at the same time. Locks lie on the same bytes and mean the same as
 * QEMU's, so that each refuses the other.
 */
#ifndef BLOCK_LOCK_H
#define BLOCK_LOCK_H

#include "vmm/base.h"

struct error;

/*
 * Locks the open file until file_unlock(). @readonly: shared with other readers; else with nobody.
 * A holder that no process shows is given a second to go away: a process that was killed has left
 * its file with the kernel, which ends its I/O first. A file system without locks is said (log) and
 * no error. The message names the holder where it can be found, and what to do. @path is for
 * messages.
 */
int file_lock(int fd, const char *path, bool readonly, struct error **errp) __must_check;
/* Before the file is closed: io_uring may keep it open for a while longer. */
void file_unlock(int fd);

#endif
