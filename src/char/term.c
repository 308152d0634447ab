/* SPDX-License-Identifier: MIT */
/* term.c: raw mode, and the way back from it. */
#include "char/term.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <termios.h>

#include "char/alarm.h"
#include "vmm/console.h"
#include "vmm/log.h"

static struct {
	_Atomic int fd;        /* -1: there is none */
	_Atomic int alarm_fd;  /* ditto */
	_Atomic bool raw;      /* @saved is what to go back to */
	_Atomic bool stopping; /* do not set raw again until continued */
	_Atomic bool leaving;  /* do not set raw ever again */
	struct termios saved;  /* written only while !raw */
	struct termios mode;   /* what we set */
} term = { .fd = -1, .alarm_fd = -1 };

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2,
	       "signal handlers use these");

bool term_in_foreground(void)
{
	int fd = atomic_load(&term.fd);
	pid_t pgrp;

	if (fd < 0)
		return false;
	pgrp = tcgetpgrp(fd);
	/* ENOTTY: not our controlling terminal, so there is no job control on it for us. */
	return pgrp == getpgrp() || (pgrp < 0 && errno == ENOTTY);
}

/* Async-signal-safe: POSIX lists every call in it. */
static void restore(void)
{
	int saved_errno = errno;

	/* TCSANOW: draining would wait for a reader who may be stuck. */
	if (atomic_exchange(&term.raw, false) && term_in_foreground())
		tcsetattr(atomic_load(&term.fd), TCSANOW, &term.saved);
	log_set_raw_terminal(false);
	errno = saved_errno;
}

void console_restore_terminal(void)
{
	atomic_store(&term.leaving, true);
	restore();
}

static bool held(void)
{
	return atomic_load(&term.stopping) || atomic_load(&term.leaving);
}

static bool same_modes(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag;
}

bool term_make_raw(void)
{
	struct termios now;
	int fd = atomic_load(&term.fd);

	if (held() || !term_in_foreground() || tcgetattr(fd, &now) < 0)
		return false;
	if (atomic_load(&term.raw)) {
		if (same_modes(&now, &term.mode))
			return true;
		/* Somebody changed it behind our back: after SIGSTOP, the shell. */
		atomic_store(&term.raw, false);
	}
	term.saved = term.mode = now;
	cfmakeraw(&term.mode);
	/* From here on a signal restores, even if it comes before the next line. */
	atomic_store(&term.raw, true);
	if (tcsetattr(fd, TCSANOW, &term.mode) < 0) {
		atomic_store(&term.raw, false);
		return false;
	}
	log_set_raw_terminal(true);
	if (held())
		restore();
	return true;
}

/* --- signals ---------------------------------------------------------------------------------- */

/*
 * What ends a process by default. A fault handler somebody else installed (a sanitizer's) runs
 * after ours; any other handler knows better what to do and is left in place.
 */
static const struct {
	int sig;
	bool fault;
} deadly[] = {
	{ SIGILL, true },   { SIGTRAP, true },  { SIGABRT, true },    { SIGBUS, true },
	{ SIGFPE, true },   { SIGSEGV, true },  { SIGSYS, true },     { SIGHUP, false },
	{ SIGINT, false },  { SIGQUIT, false }, { SIGTERM, false },   { SIGALRM, false },
	{ SIGUSR1, false }, { SIGUSR2, false }, { SIGVTALRM, false }, { SIGPROF, false },
	{ SIGIO, false },   { SIGXCPU, false }, { SIGPWR, false },    { SIGSTKFLT, false },
};

static struct sigaction old_deadly[ARRAY_LEN(deadly)], old_tstp, old_cont, old_winch;
static bool hooked_deadly[ARRAY_LEN(deadly)], hooked_tstp, hooked_cont, hooked_winch;

/* Whether executing the instruction again brings the signal again. */
static bool comes_again(const siginfo_t *info)
{
	switch (info->si_signo) {
	case SIGILL:
	case SIGFPE:
	case SIGSEGV:
		return info->si_code > 0; /* <= 0: somebody sent it */
	case SIGBUS:
		/* Memory has failed somewhere, but it is not us who touched it: sigaction(2). */
		return info->si_code > 0 && info->si_code != BUS_MCEERR_AO;
	default:
		return false;
	}
}

/*
 * Restores, then lets the signal do what it would have done without us. For a fault that is to
 * return, so that a core dump shows the right place.
 */
static void on_deadly(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	console_restore_terminal();
	for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
		if (deadly[i].sig == sig)
			sigaction(sig, &old_deadly[i], NULL);
	if (!comes_again(info))
		raise(sig); /* pending until we return */
}

static void on_tstp(int sig);

static void hook_tstp(void)
{
	struct sigaction sa = { .sa_handler = on_tstp, .sa_flags = SA_RESTART };

	sigaction(SIGTSTP, &sa, NULL);
}

/*
 * Stops by the signal itself, not by SIGSTOP: the kernel does not stop an orphaned process group by
 * SIGTSTP, because nobody is left to continue it.
 */
static void on_tstp(int sig)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	int saved_errno = errno;
	sigset_t set, old;

	atomic_store(&term.stopping, true);
	restore();
	sigaction(sig, &sa, NULL);
	raise(sig);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, &old); /* stops here */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	hook_tstp();
	atomic_store(&term.stopping, false);
	alarm_set_fd(atomic_load(&term.alarm_fd), 0);
	errno = saved_errno;
}

/* Continued, perhaps in the foreground now, or of another size: have the loop look at the terminal.
 */
static void on_look_again(int sig)
{
	int saved_errno = errno;

	(void)sig;
	alarm_set_fd(atomic_load(&term.alarm_fd), 0);
	errno = saved_errno;
}

static bool is_default(const struct sigaction *sa)
{
	return !(sa->sa_flags & SA_SIGINFO) && sa->sa_handler == SIG_DFL;
}

static bool is_ignored(const struct sigaction *sa)
{
	return !(sa->sa_flags & SA_SIGINFO) && sa->sa_handler == SIG_IGN;
}

static void hook_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO };
	struct sigaction look = { .sa_handler = on_look_again, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
		struct sigaction *old = &old_deadly[i];

		sigaction(deadly[i].sig, NULL, old);
		hooked_deadly[i] = is_default(old) || (deadly[i].fault && !is_ignored(old));
		if (!hooked_deadly[i])
			continue;
		/* A handler may need the alternate stack it asked for: a stack may have run out. */
		sa.sa_flags = SA_SIGINFO | (old->sa_flags & SA_ONSTACK);
		sigaction(deadly[i].sig, &sa, NULL);
	}
	sigaction(SIGTSTP, NULL, &old_tstp);
	hooked_tstp = is_default(&old_tstp);
	if (hooked_tstp)
		hook_tstp();
	sigaction(SIGCONT, NULL, &old_cont);
	hooked_cont = is_default(&old_cont);
	if (hooked_cont)
		sigaction(SIGCONT, &look, NULL);
	sigaction(SIGWINCH, NULL, &old_winch);
	hooked_winch = is_default(&old_winch);
	if (hooked_winch)
		sigaction(SIGWINCH, &look, NULL);
}

/* Puts @old back if the handler is still @ours: the machine may have installed its own since. */
static void unhook(int sig, void (*ours)(int), const struct sigaction *old)
{
	struct sigaction now;

	if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == ours)
		sigaction(sig, old, NULL);
}

static void unhook_signals(void)
{
	for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
		struct sigaction now;

		if (hooked_deadly[i] && sigaction(deadly[i].sig, NULL, &now) == 0 &&
		    (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_deadly)
			sigaction(deadly[i].sig, &old_deadly[i], NULL);
		hooked_deadly[i] = false;
	}
	if (hooked_tstp)
		unhook(SIGTSTP, on_tstp, &old_tstp);
	if (hooked_cont)
		unhook(SIGCONT, on_look_again, &old_cont);
	if (hooked_winch)
		unhook(SIGWINCH, on_look_again, &old_winch);
	hooked_tstp = hooked_cont = hooked_winch = false;
}

/* --- life ------------------------------------------------------------------------------------- */

void term_open(int fd, int alarm_fd)
{
	atomic_store(&term.fd, fd);
	atomic_store(&term.alarm_fd, alarm_fd);
	atomic_store(&term.leaving, false);
	hook_signals();
}

void term_close(void)
{
	int fd = atomic_load(&term.fd);

	if (fd < 0)
		return;
	atomic_store(&term.leaving, true);
	if (atomic_load(&term.raw) && term_in_foreground())
		tcflush(fd, TCIFLUSH);
	restore();
	unhook_signals();
	atomic_store(&term.alarm_fd, -1);
	atomic_store(&term.fd, -1);
}
