/* SPDX-License-Identifier: MIT */
/* command.c: starting the command, and ending what it has left behind. */
#include "firmware/init/init.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PIPE_BYTES   (256 * 1024) /* fewer changes between the command and us; 64 KiB will do */
#define STEP_MS      10

/* What the child says if it cannot be what it should. */
struct trouble {
	int err;
	char what[56];
};

static const char *path_of_env(char *const *env)
{
	for (; *env; env++)
		if (str_starts(*env, "PATH="))
			return *env + 5;
	return DEFAULT_PATH;
}

/* A script without "#!" is a shell's, as execvp(3) has it. */
static int exec_shell(const char *file)
{
	char **v = sys_mmap(((size_t)config.head->arg_cnt + 2) * sizeof(*v), -1);

	if (!v)
		return -ENOMEM;
	v[0] = (char *)(uintptr_t) "/bin/sh";
	v[1] = (char *)(uintptr_t)file;
	for (uint32_t i = 1; i <= config.head->arg_cnt; i++)
		v[i + 1] = config.argv[i];
	return (int)SYS3(__NR_execve, v[0], v, config.env);
}

static int exec_file(const char *file)
{
	int r = (int)SYS3(__NR_execve, file, config.argv, config.env);

	return r == -ENOEXEC ? exec_shell(file) : r;
}

/* Returns only with the errno that says most: a file without permission over none at all. */
static int exec_command(void)
{
	const char *name = config.argv[0], *path = path_of_env(config.env);
	int best = -ENOENT;

	for (const char *s = name; *s; s++)
		if (*s == '/')
			return exec_file(name);
	while (*name) {
		char dir[PATH_LEN], file[PATH_LEN];
		size_t n = 0;
		int r;

		while (path[n] && path[n] != ':')
			n++;
		if (n < sizeof(dir)) {
			memcpy(dir, path, n);
			dir[n] = '\0';
			if (join(file, n ? dir : ".", "/", name)) {
				r = exec_file(file);
				if (r != -ENOENT && r != -ENOTDIR)
					best = r;
			}
		}
		if (!path[n])
			break;
		path += n + 1;
	}
	return best;
}

static __attribute__((noreturn)) void child(const int fds[3], int trouble_fd)
{
	struct trouble t = { 0, "" };
	const char *cwd = config.str[GUEST_STR_CWD];
	uint64_t none = 0;

	SYS0(__NR_setsid);
	for (int i = 0; i < 3; i++)
		SYS2(__NR_dup2, fds[i], i);
	SYS4(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGSET_BYTES);
	if (cwd[0])
		t.err = (int)SYS1(__NR_chdir, cwd);
	join(t.what, cwd);
	if (t.err == 0) {
		t.err = exec_command();
		join(t.what, config.argv[0]);
	}
	sys_write(trouble_fd, &t, sizeof(t));
	sys_exit(127);
}

static bool make_pipe(int p[2])
{
	if (SYS2(__NR_pipe2, p, O_CLOEXEC) < 0)
		return false;
	SYS3(__NR_fcntl, p[1], F_SETPIPE_SZ, PIPE_BYTES);
	return true;
}

static void set_nonblock(int fd)
{
	SYS3(__NR_fcntl, fd, F_SETFL, O_NONBLOCK);
}

/* Pipes and not the ports themselves: a port cannot be opened twice, as "echo >/dev/stderr" does.
 */
static void make_streams(struct command *c, int fds[3])
{
	int p[2] = { -1, -1 };

	if (ports.in >= 0 && !flag(GUEST_INIT_F_NO_STDIN)) {
		if (!make_pipe(p))
			fail(EMFILE, "cannot make", "a pipe");
		fds[0] = p[0];
		c->in = p[1];
		set_nonblock(c->in);
	} else {
		fds[0] = sys_open("/dev/null", O_RDONLY);
		c->in = -1;
	}
	for (int i = 0; i < 2; i++) {
		if (!make_pipe(p))
			fail(EMFILE, "cannot make", "a pipe");
		c->out[i] = p[0];
		fds[1 + i] = p[1];
		set_nonblock(c->out[i]);
	}
}

/* Until GO, if the host wants it so. */
static void wait_for_go(void)
{
	if (!flag(GUEST_INIT_F_WAIT_GO) || ports.control < 0)
		return;
	while (!command_hear(0)) {
		struct pollfd p = { .fd = ports.control, .events = POLLIN };

		report_pump();
		/* POLLHUP, while the host is not there, comes at once. */
		if (sys_poll(&p, 1, 1000) > 0 && p.revents & POLLHUP)
			sys_sleep_ms(STEP_MS);
	}
}

bool command_start(struct command *c, struct guest_init_record *end)
{
	struct guest_init_record start = { .type = GUEST_RECORD_START };
	uint64_t all = ~(uint64_t)0, children = (uint64_t)1 << (SIGCHLD - 1);
	int fds[3], trouble[2];
	struct trouble t;
	long n;

	wait_for_go();
	SYS4(__NR_rt_sigprocmask, SIG_BLOCK, &all, NULL, SIGSET_BYTES);
	c->children =
		(int)SYS4(__NR_signalfd4, -1, &children, SIGSET_BYTES, O_CLOEXEC | O_NONBLOCK);
	make_streams(c, fds);
	if (!make_pipe(trouble))
		fail(EMFILE, "cannot make", "a pipe");
	report(&start);
	c->pid = (int)SYS0(__NR_fork);
	if (c->pid == 0)
		child(fds, trouble[1]);
	if (c->pid < 0)
		fail(c->pid, "cannot make", "a process");
	for (int i = 0; i < 3; i++)
		sys_close(fds[i]);
	sys_close(trouble[1]);
	do
		n = sys_read(trouble[0], &t, sizeof(t));
	while (n == -EINTR);
	sys_close(trouble[0]);
	if (n != (long)sizeof(t))
		return true;
	end->code = GUEST_END_NOT_RUN;
	end->number = -t.err;
	join(end->text, t.what);
	return false;
}

/* True: there are no other processes left. */
static bool reap_until(uint64_t end)
{
	for (;;) {
		long r = SYS4(__NR_wait4, -1, NULL, WNOHANG, NULL);

		if (r == -ECHILD)
			return true;
		if (r > 0)
			continue;
		if (sys_now() >= end)
			return false;
		sys_sleep_ms(STEP_MS);
	}
}

void command_end_others(void)
{
	uint64_t grace = (uint64_t)config.head->grace_ms * 1000000;

	if (reap_until(0))
		return;
	sys_kill(-1, SIGTERM);
	sys_kill(-1, SIGCONT);
	if (reap_until(sys_now() + grace))
		return;
	sys_kill(-1, SIGKILL);
	reap_until(sys_now() + grace);
}
