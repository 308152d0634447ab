/* SPDX-License-Identifier: MIT */
/* io.h: system calls that do less than they were asked for, done to the end. */
#ifndef VMM_IO_H
#define VMM_IO_H

#include "vmm/base.h"

/* Writes all of it to a blocking descriptor: 0 or -errno, -ENOSPC if nothing more is taken. Any
 * thread. */
int io_write_all(int fd, const void *p, size_t len) __must_check;

#endif
