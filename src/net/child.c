/* SPDX-License-Identifier: MIT */
/* child.c: a program that is run beside us. */
#include "net/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#include "vmm/error.h"
#include "vmm/nofile.h"

#define READS_MAX 16u /* of its standard error, each time: it may write without end */

/* --- what it says ----------------------------------------------------------------------------- */

static void end_line(struct child *c)
{
	size_t len = strlen(c->said);

	c->line[c->line_len] = '\0';
	if (c->line_len && (!c->says || c->says(c, c->line)))
		snprintf(c->said + len, sizeof(c->said) - len, "%s%s", len ? "; " : "", c->line);
	c->line_len = 0;
}

/* The rest of a line that is too long is left out. */
static void take_text(struct child *c, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			end_line(c);
		else if (c->line_len + 1 < sizeof(c->line) && s[i])
			c->line[c->line_len++] = s[i];
	}
}

static void close_err(struct child *c)
{
	loop_del(&c->err);
	base_closep(&c->err.fd);
	c->err.fd = -1;
}

static void listen_to(struct child *c)
{
	char buf[512];

	for (unsigned i = 0; i < READS_MAX && c->err.fd >= 0; i++) {
		ssize_t n = read(c->err.fd, buf, sizeof(buf));

		if (n > 0)
			take_text(c, buf, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_err(c);
		else if (errno == EAGAIN)
			break;
	}
}

static void on_err(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	listen_to(container_of(e, struct child, err));
}

/* --- its end ---------------------------------------------------------------------------------- */

static int wait_status(const siginfo_t *si)
{
	if (si->si_code == CLD_EXITED)
		return W_EXITCODE(si->si_status, 0);
	return W_EXITCODE(0, si->si_status);
}

/* True: it has ended. */
static bool reap(struct child *c)
{
	siginfo_t si = { 0 };
	int r;

	do
		r = waitid(P_PIDFD, (id_t)c->end.fd, &si, WEXITED | WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r == 0 && !si.si_pid)
		return false;
	/* ECHILD: whoever started us has SIGCHLD ignored, and nobody knows. */
	c->status = r == 0 ? wait_status(&si) : -1;
	c->pid = 0;
	loop_del(&c->end);
	base_closep(&c->end.fd);
	c->end.fd = -1;
	listen_to(c);
	end_line(c);
	close_err(c);
	return true;
}

static void on_end(struct ev_fd *e, uint32_t revents)
{
	struct child *c = container_of(e, struct child, end);

	(void)revents;
	if (reap(c))
		c->ended(c);
}

static uint64_t now_ms(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool child_wait(struct child *c, unsigned ms)
{
	uint64_t until = now_ms() + ms;

	while (c->pid && !reap(c)) {
		struct pollfd p[2] = { { .fd = c->end.fd, .events = POLLIN },
				       { .fd = c->err.fd, .events = POLLIN } };
		uint64_t now = now_ms();

		if (now >= until)
			return false;
		poll(p, 2, (int)(until - now));
		listen_to(c);
	}
	return true;
}

void child_kill(struct child *c)
{
	if (c->pid)
		pidfd_send_signal(c->end.fd, SIGKILL, NULL, 0);
}

void child_end(struct child *c, unsigned ms)
{
	if (!c || !c->pid)
		return;
	if (!child_wait(c, ms)) {
		child_kill(c);
		/* What is stuck in the kernel would keep us for ever; init waits for it then. */
		if (!child_wait(c, 1000)) {
			loop_del(&c->end);
			base_closep(&c->end.fd);
			c->end.fd = -1;
			close_err(c);
			c->pid = 0;
		}
	}
}

/* --- its beginning ---------------------------------------------------------------------------- */

/* What posix_spawn() is told: the descriptors. @fd and @err are above the ones it will have. */
static int say_files(posix_spawn_file_actions_t *a, int fd, int err)
{
	int r = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = posix_spawn_file_actions_addopen(a, 1, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(a, err, 2);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(a, fd, CHILD_FD);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(a, CHILD_FD + 1);
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
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							   POSIX_SPAWN_SETSID);
	return r;
}

/* posix_spawn() copies no page tables, however much memory the guest has. A positive errno. */
static int spawn(pid_t *pid, char *const argv[], int fd, int err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r = posix_spawn_file_actions_init(&files);

	if (r != 0)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r == 0) {
		r = say_files(&files, fd, err);
		if (r == 0)
			r = say_signals(&attr);
		if (r == 0)
			r = posix_spawnp(pid, argv[0], &files, &attr, argv, environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return r;
}

int child_start(struct child *c, char *const argv[], int fd, struct error **errp)
{
	_cleanup_close_ int high = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);
	_cleanup_close_ int in = -1, out = -1;
	int p[2], r;

	*c = (struct child){ .end = { .fd = -1, .events = EV_IN, .cb = on_end },
			     .err = { .fd = -1, .events = EV_IN, .cb = on_err },
			     .status = -1,
			     .says = c->says,
			     .ended = c->ended };
	/* Nobody who writes more than we read is held up by it. */
	if (high < 0 || pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(errp, errno, "cannot start '%s'", argv[0]);
	in = p[0];
	out = fcntl(p[1], F_DUPFD_CLOEXEC, CHILD_FD + 1);
	close(p[1]);
	if (out < 0)
		return err_errno(errp, errno, "cannot start '%s'", argv[0]);
	r = spawn(&c->pid, argv, high, out);
	if (r != 0) {
		c->pid = 0;
		return err_errno(errp, r, "cannot start '%s'", argv[0]);
	}
	nofile_give_back(c->pid);
	c->end.fd = pidfd_open(c->pid, 0);
	if (c->end.fd < 0) {
		r = err_errno(errp, errno, "cannot watch '%s'", argv[0]);
		/* Not waited for, so the number is still its own. */
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
		c->pid = 0;
		return r;
	}
	c->err.fd = take_fd(&in);
	return 0;
}

int child_watch(struct child *c, struct loop *loop, struct error **errp)
{
	int r = loop_add(loop, &c->end, errp);

	if (r == 0 && c->err.fd >= 0)
		r = loop_add(loop, &c->err, errp);
	return r;
}

const char *child_status(int status, char *buf, size_t len)
{
	if (status == -1)
		snprintf(buf, len, "in a way nobody knows");
	else if (WIFEXITED(status))
		snprintf(buf, len, "with status %d", WEXITSTATUS(status));
	else
		snprintf(buf, len, "by signal %d (%s)", WTERMSIG(status),
			 sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown");
	return buf;
}
