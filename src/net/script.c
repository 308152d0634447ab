/* SPDX-License-Identifier: MIT */
/* script.c: posix_spawn(3), which does not copy the page tables of a guest's memory. */
#include "net/script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "vmm/error.h"

/* Ours blocks signals and may ignore some; a program begins with none of that. */
static int spawn(pid_t *pid, const char *path, char *const argv[])
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int e;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files))
		return ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	e = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (!e)
		e = posix_spawn_file_actions_adddup2(&files, 2, 1);
	if (!e)
		e = posix_spawn(pid, path, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return e;
}

int net_script_run(const char *path, const char *iface, struct error **errp)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)iface, NULL };
	int status = 0, e;
	pid_t pid;

	e = spawn(&pid, path, argv);
	if (e) {
		err_errno(errp, e, "cannot run script '%s' for interface '%s'", path, iface);
		if (e == EACCES)
			err_hint(errp, "is it executable? chmod +x %s", path);
		else if (e == ENOEXEC)
			err_hint(errp, "its first line has to name its interpreter: #!/bin/sh");
		return -e;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(errp, errno, "cannot wait for script '%s'", path);
	if (WIFSIGNALED(status))
		return err_set(errp, EIO, "script '%s' for interface '%s' was killed by signal %d",
			       path, iface, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(errp, EIO, "script '%s' for interface '%s' ended with exit code %d",
			       path, iface, WEXITSTATUS(status));
	return 0;
}
