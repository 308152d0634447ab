/* SPDX-License-Identifier: MIT */
/*
 * term.h: the terminal on standard input: raw while the guest has the keyboard, as it was found on
 * every way out. There is one per process, as there is one standard input.
 *
 * Raw means cfmakeraw(3), output processing off as well: the guest's own terminal driver ends lines
 * in CR LF, and full-screen programs in the guest use a bare LF to go straight down.
 *
 * Job control: a process in the background must not touch the terminal, and would be stopped for
 * it. So it is set raw only while we are in the foreground, and left alone otherwise.
 */
#ifndef CHAR_TERM_H
#define CHAR_TERM_H

#include "vmm/base.h"

/*
 * Names the terminal @fd (borrowed) and the alarm (alarm_set_fd()) to set when the process has been
 * continued after a stop, or the terminal has got another size. Installs handlers for the signals
 * that end or stop a process; those whose disposition is not the default stay as they are, except
 * that a fault handler is called after the terminal is restored. Does not touch the terminal.
 */
void term_open(int fd, int alarm_fd);

/* Restores the terminal and the signal dispositions. Typed-ahead input meant for the guest is
 * thrown away, so that the shell does not execute it. */
void term_close(void);

/* Whether the terminal is ours to touch at this moment: it is not our controlling terminal, or we
 * are its foreground process group. */
bool term_in_foreground(void);

/*
 * Sets the terminal raw unless it is raw already. False: we are in the background, or the terminal
 * is gone. One thread at a time.
 */
bool term_make_raw(void);

#endif
