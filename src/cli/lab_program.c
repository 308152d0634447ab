/* SPDX-License-Identifier: MIT */
/*
 * lab_program.c: a program that is run to its end, in a directory of ours. Signals that would end
 * us wait until that is cleaned up; the program hears of them at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cli/lab.h"
#include "vmm/error.h"

static void ending_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
	sigaddset(ret, SIGQUIT);
}

void lab_signals_wait(sigset_t *before)
{
	sigset_t ending;

	ending_signals(&ending);
	sigprocmask(SIG_BLOCK, &ending, before);
}

void lab_signals_not_ours(void)
{
	sigset_t keys;

	sigemptyset(&keys);
	sigaddset(&keys, SIGINT);
	sigaddset(&keys, SIGQUIT);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	/* One that is blocked would not be ignored, but wait. */
	sigprocmask(SIG_UNBLOCK, &keys, NULL);
}

/* What a program is started with: its place; where its words go, and nothing to read, or as we. */
static int say_files(posix_spawn_file_actions_t *a, const char *dir, const char *out,
		     const char *err)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC;
	int r = posix_spawn_file_actions_addchdir_np(a, dir);

	if (r == 0 && out)
		r = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0 && out)
		r = posix_spawn_file_actions_addopen(a, 1, out, flags, 0644);
	if (r == 0 && err)
		r = posix_spawn_file_actions_addopen(a, 2, err, flags, 0644);
	return r;
}

static int say_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return r;
}

/* A positive errno. */
static int spawn(pid_t *pid, const char *const argv[], const char *dir, const char *out,
		 const char *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r == 0) {
		r = say_files(&actions, dir, out, err);
		if (r == 0)
			r = say_signals(&attr);
		if (r == 0)
			r = posix_spawnp(pid, argv[0], &actions, &attr, (char **)argv, environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Until it has ended, or a signal waits for us, which is left where it is; then true. */
static bool wait_for_signal(pid_t pid)
{
	_cleanup_close_ int end = pidfd_open(pid, 0);
	_cleanup_close_ int waiting = -1;
	struct pollfd p[2];
	sigset_t ending;

	ending_signals(&ending);
	waiting = signalfd(-1, &ending, SFD_CLOEXEC);
	if (end < 0 || waiting < 0)
		return false;
	p[0] = (struct pollfd){ .fd = end, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = waiting, .events = POLLIN };
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return !p[0].revents && p[1].revents;
}

int lab_program(const char *const argv[], const char *dir, const char *out, const char *err,
		int *status, struct error **errp)
{
	int wait_status = 0, r;
	bool cancelled;
	pid_t pid;

	r = spawn(&pid, argv, dir, out, err);
	if (r != 0)
		return err_errno(errp, r, "cannot run '%s'", argv[0]);
	cancelled = wait_for_signal(pid);
	/* Not waited for, so the number is still its own. SIGTERM would only ask a guest. */
	if (cancelled)
		kill(pid, SIGINT);
	while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	if (cancelled)
		return err_set(errp, EINTR, "cancelled");
	*status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
	return 0;
}
