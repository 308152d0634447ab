/* SPDX-License-Identifier: MIT */
#include "tests/lib/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/lib/port.h"

#define SOME_SECONDS 10000u

void session_fail(const char *file, int line, const char *what)
{
	dprintf(STDERR_FILENO, "%s:%d: %s\n", file, line, what);
	_exit(1);
}

static void lead(struct session *s)
{
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	CHECK(openpty(&s->master, &s->slave, NULL, NULL, NULL) == 0);
	CHECK(setsid() > 0);
	CHECK(ioctl(s->slave, TIOCSCTTY, 0) == 0);
	/* What a shell ignores. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Modes that neither a new terminal nor cfmakeraw() has. */
	CHECK(tcgetattr(s->slave, &s->orig) == 0);
	s->orig.c_lflag &= ~(tcflag_t)ECHO;
	s->orig.c_iflag |= IXANY;
	s->orig.c_cc[VERASE] = 'H' & 0x1f;
	CHECK(tcsetattr(s->slave, TCSANOW, &s->orig) == 0);
	CHECK(fcntl(s->master, F_SETFL, O_NONBLOCK) == 0);
}

unsigned session_run(void (*body)(struct session *s))
{
	static struct session s;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(120);
		lead(&s);
		body(&s);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void set_standard(int fd, int from)
{
	if (from < 0)
		close(fd);
	else
		dup2(from, fd);
}

pid_t session_job(struct session *s, bool foreground, int in, int out, int err, int (*job)(void))
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		if (foreground)
			session_foreground(s, getpid());
		/* Not what the test program or its libraries have installed. */
		for (int sig = 1; sig < SIGRTMIN; sig++)
			signal(sig, SIG_DFL);
		set_standard(STDIN_FILENO, in);
		set_standard(STDOUT_FILENO, out);
		set_standard(STDERR_FILENO, err);
		close(s->master);
		close(s->slave);
		_exit(job());
	}
	setpgid(pid, pid);
	if (foreground)
		session_foreground(s, pid);
	return pid;
}

void session_foreground(struct session *s, pid_t pgrp)
{
	CHECK(tcsetpgrp(s->slave, pgrp) == 0);
}

void session_type(struct session *s, const void *keys, size_t len)
{
	const char *p = keys;

	for (unsigned ms = 0; len && ms < SOME_SECONDS; ms++) {
		ssize_t n = write(s->master, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else {
			usleep(1000);
		}
	}
	CHECK(len == 0);
}

bool session_saw(struct session *s, const char *text)
{
	ssize_t n;

	while (s->seen_len < sizeof(s->seen) &&
	       (n = read(s->master, s->seen + s->seen_len, sizeof(s->seen) - s->seen_len)) > 0)
		s->seen_len += (size_t)n;
	return memmem(s->seen, s->seen_len, text, strlen(text));
}

bool session_sees(struct session *s, const char *text)
{
	return EVENTUALLY(SOME_SECONDS, session_saw(s, text));
}

void session_forget(struct session *s)
{
	(void)session_saw(s, "");
	s->seen_len = 0;
}

bool session_restored(struct session *s)
{
	struct termios t;

	CHECK(tcgetattr(s->slave, &t) == 0);
	return t.c_iflag == s->orig.c_iflag && t.c_oflag == s->orig.c_oflag &&
	       t.c_cflag == s->orig.c_cflag && t.c_lflag == s->orig.c_lflag &&
	       !memcmp(t.c_cc, s->orig.c_cc, sizeof(t.c_cc));
}

bool session_raw(struct session *s)
{
	struct termios t, raw;

	CHECK(tcgetattr(s->slave, &t) == 0);
	raw = t;
	cfmakeraw(&raw);
	return t.c_iflag == raw.c_iflag && t.c_oflag == raw.c_oflag && t.c_cflag == raw.c_cflag &&
	       t.c_lflag == raw.c_lflag;
}

int session_wait(pid_t job, bool stops)
{
	int status = -1;

	if (!EVENTUALLY(SOME_SECONDS,
			waitpid(job, &status, WNOHANG | (stops ? WUNTRACED : 0)) == job))
		return -1;
	return status;
}
