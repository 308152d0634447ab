/* SPDX-License-Identifier: MIT */
/* process.h: the memory of this process itself. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

/*
 * Unmaps the pages of the program's code and constants. What runs on faults them in again; what was
 * only needed to get here (option parser, decompressors, table builders) stays out. Any thread.
 */
void process_drop_startup_pages(void);

#endif
