/* SPDX-License-Identifier: MIT */
/*
 * test_console.c: standard input and output in a session of a real terminal: modes, keys, job
 * control, signals. src/char/{stdio,term}.c. The other backends are in test_console_backends.c.
 */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "char/term.h"
#include "core/thread.h"
#include "tests/lib/fake.h"
#include "tests/lib/port.h"
#include "tests/lib/session.h"
#include "vmm/console.h"
#include "vmm/log.h"

/* --- a VMM in a nutshell ---------------------------------------------------------------------- */

struct vm {
	struct loop *loop;
	struct chardev *con;
	struct port port;
	_Atomic bool quit, stop;
	bool deaf; /* the guest takes no input */
	bool data; /* what is typed is data, unless somebody types it */
	struct chardev_client watching;
};

static struct vm vm;
static void *volatile no_page = (void *)8; /* where nothing is mapped */

static void on_quit(void *opaque)
{
	((struct vm *)opaque)->quit = true;
}

static void print(struct chardev *c, const char *text)
{
	chardev_write(c, (const uint8_t *)text, strlen(text));
}

static void on_key(void *opaque, char c)
{
	char text[] = "<key ?>";

	text[5] = c;
	print(((struct vm *)opaque)->con, text);
}

/* chardev_client.changed: the guest tells of its window. */
static void on_changed(void *dev)
{
	struct chardev_window w;
	char text[32];

	(void)dev;
	if (!chardev_window(vm.con, &w))
		return;
	snprintf(text, sizeof(text), "<%ux%u>", w.cols, w.rows);
	print(vm.con, text);
}

static void watch_window(void)
{
	vm.watching = *vm.con->client;
	vm.watching.changed = on_changed;
	vm.con->client = &vm.watching;
}

/* The guest: echoes what it is sent in angle brackets, tells of breaks, and can crash the VMM. */
static void *guest(void *arg)
{
	struct vm *v = arg;
	unsigned breaks = 0;
	char text[4] = "<?>";

	print(v->con, "hello\n");
	while (!v->stop) {
		if (!v->deaf && port_read(&v->port, &text[1], 1)) {
			print(v->con, text);
			if (text[1] == 'F')
				memset(no_page, 0, 1);
		}
		if (port_breaks(&v->port) > breaks) {
			breaks++;
			print(v->con, "<break>");
		}
		usleep(100);
	}
	return NULL;
}

#define OK_STATUS 42

static int run_vm(void)
{
	struct console_events ev = {
		.quit = on_quit,
		.key = on_key,
		.keys_help = "Ctrl-A z        zap\r\n",
		.opaque = &vm,
		.terminal_only = vm.data,
	};
	uint64_t dropped;
	pthread_t t;

	console_sanitize_fds();
	vm.loop = loop_create("test", NULL);
	if (!vm.loop || console_open("stdio", vm.loop, &ev, &vm.con, NULL) < 0)
		return 1;
	port_attach(&vm.port, vm.con);
	watch_window();
	if (console_start(vm.con, NULL) < 0 || loop_start_thread(vm.loop, NULL) < 0 ||
	    thread_start(&t, "guest", guest, &vm, NULL) < 0)
		return 2;
	while (!vm.quit)
		usleep(1000);
	vm.stop = true;
	pthread_join(t, NULL);
	print(vm.con, "goodbye\n");
	loop_stop(vm.loop);
	console_close(vm.con, 2000, &dropped);
	loop_destroy(vm.loop);
	return dropped ? 3 : OK_STATUS;
}

static int run_deaf_vm(void)
{
	vm.deaf = true;
	return run_vm();
}

static int run_data_vm(void)
{
	vm.data = true;
	return run_vm();
}

static pid_t start(struct session *s, bool foreground)
{
	return session_job(s, foreground, s->slave, s->slave, s->slave, run_vm);
}

static bool ended_well(pid_t job)
{
	int status = session_wait(job, false);

	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == OK_STATUS;
}

static void leave(struct session *s, pid_t job)
{
	session_type(s, "\001x", 2);
	CHECK(ended_well(job));
}

#define IN_SESSION(name)                                                                           \
	static void name##_body(struct session *s);                                                \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		assert_int_equal(session_run(name##_body), 0);                                     \
	}                                                                                          \
	static void name##_body(struct session *s)

/* --- what a port of data needs, and a console that has a window ------------------------------- */

/* SIGWINCH: tty_ioctl(4), TIOCSWINSZ "a SIGWINCH signal is sent to the foreground process group".
 */
IN_SESSION(test_window)
{
	struct winsize w = { .ws_col = 80, .ws_row = 25 };
	pid_t job;

	ioctl(s->master, TIOCSWINSZ, &w);
	job = start(s, true);
	CHECK(session_sees(s, "hello\n"));
	CHECK(session_raw(s));
	w.ws_col = 100;
	ioctl(s->master, TIOCSWINSZ, &w);
	CHECK(session_sees(s, "<100x25>"));
	w.ws_row = 40;
	ioctl(s->master, TIOCSWINSZ, &w);
	CHECK(session_sees(s, "<100x40>"));
	leave(s, job);
	CHECK(session_restored(s));
}

/* Data passes through a pipe unchanged; a person at a terminal can still leave. */
IN_SESSION(test_data_has_no_keys)
{
	pid_t job = session_job(s, true, s->slave, s->slave, s->slave, run_data_vm);
	int p[2];

	CHECK(session_sees(s, "hello\n"));
	leave(s, job);
	session_forget(s);
	CHECK(pipe(p) == 0);
	job = session_job(s, true, p[0], s->slave, s->slave, run_data_vm);
	CHECK(session_sees(s, "hello\r\n"));
	CHECK(write(p[1], "a\001x\001b\001\001z", 8) == 8);
	CHECK(session_sees(s, "<a><\001><x><\001><b><\001><\001><z>"));
	kill(job, SIGKILL);
	session_wait(job, false);
	close(p[0]);
	close(p[1]);
}

/* --- keys and modes --------------------------------------------------------------------------- */

IN_SESSION(test_terminal)
{
	pid_t job = start(s, true);

	CHECK(session_sees(s, "Ctrl-A x leaves, Ctrl-A h helps\r\n"));
	CHECK(session_sees(s, "hello\n"));
	CHECK(!session_saw(s, "hello\r")); /* as the guest sent it */
	CHECK(session_raw(s));
	session_type(s, "ab\r\n\003\004\021\023\032\034\377", 11);
	CHECK(session_sees(s, "<a><b><\r><\n><\003><\004><\021><\023><\032><\034><\377>"));
	session_type(s, "\001\001", 2);
	CHECK(session_sees(s, "<\001>"));
	session_type(s, "\001b", 2);
	CHECK(session_sees(s, "<break>"));
	session_type(s, "\001z", 2);
	CHECK(session_sees(s, "<key z>"));
	session_forget(s);
	session_type(s, "\001h", 2);
	CHECK(session_sees(s, "Ctrl-A x        leave"));
	CHECK(session_sees(s, "Ctrl-A z        zap\r\n"));
	CHECK(!session_saw(s, "<h>"));
	CHECK(!(fcntl(s->slave, F_GETFL) & O_NONBLOCK));
	leave(s, job);
	CHECK(session_sees(s, "goodbye\n"));
	CHECK(session_restored(s));
	CHECK(!(fcntl(s->slave, F_GETFL) & O_NONBLOCK));
}

/* What was meant for the guest is not left for the shell to execute. */
IN_SESSION(test_typed_ahead)
{
	pid_t job = session_job(s, true, s->slave, s->slave, s->slave, run_deaf_vm);
	int left;

	CHECK(session_sees(s, "hello"));
	session_type(s, "\001xrm -rf /\n", 11);
	CHECK(ended_well(job));
	CHECK(session_restored(s));
	CHECK(ioctl(s->slave, FIONREAD, &left) == 0);
	CHECK(left == 0);
}

/* A guest that reads nothing does not keep one from leaving, whatever was typed or pasted. */
IN_SESSION(test_deaf_guest)
{
	static char junk[30000];

	memset(junk, 'j', sizeof(junk));
	for (unsigned i = 0; i < 2; i++) {
		pid_t job = session_job(s, true, s->slave, s->slave, s->slave, run_deaf_vm);

		CHECK(session_sees(s, "hello"));
		session_type(s, junk, i ? sizeof(junk) : 3000);
		leave(s, job);
		CHECK(session_restored(s));
		session_forget(s); /* the next one's "hello" is what to wait for */
	}
}

/* Pasting more than fits anywhere to a guest that reads slowly loses nothing. */
IN_SESSION(test_paste)
{
	pid_t job = start(s, true);
	static char junk[12000];
	size_t cnt = 0;

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)('a' + i % 26);
	CHECK(session_sees(s, "hello\n"));
	session_forget(s);
	session_type(s, junk, sizeof(junk));
	session_type(s, "END", 3);
	CHECK(EVENTUALLY(60000, session_saw(s, "<D>")));
	for (size_t i = 0; i + 2 < s->seen_len && cnt < sizeof(junk); i++)
		if (s->seen[i] == '<' && s->seen[i + 2] == '>')
			CHECK(s->seen[i + 1] == junk[cnt++]);
	CHECK(cnt == sizeof(junk));
	leave(s, job);
}

/* --- ways out --------------------------------------------------------------------------------- */

IN_SESSION(test_signals)
{
	static const int sigs[] = {
		SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU,
		SIGSEGV, SIGBUS, SIGFPE, SIGILL,  SIGABRT, SIGTRAP, SIGSYS,
	};
	struct rlimit none = { 0 };

	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		pid_t job = start(s, true);
		int status;

		CHECK(session_sees(s, "hello\n"));
		CHECK(session_raw(s));
		CHECK(kill(job, sigs[i]) == 0);
		status = session_wait(job, false);
		CHECK(status >= 0);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sigs[i]);
		CHECK(session_restored(s));
		session_forget(s);
	}
}

/* A real fault, and not on the main thread. */
IN_SESSION(test_fault_on_a_thread)
{
	struct rlimit none = { 0 };
	int status;
	pid_t job;

	setrlimit(RLIMIT_CORE, &none);
	job = start(s, true);
	CHECK(session_sees(s, "hello\n"));
	session_type(s, "F", 1);
	status = session_wait(job, false);
	CHECK(status >= 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	CHECK(session_restored(s));
}

static void other_fault_handler(int sig)
{
	struct termios t;

	(void)sig;
	_exit(tcgetattr(STDIN_FILENO, &t) == 0 && (t.c_lflag & ICANON) ? 77 : 78);
}

static int run_with_fault_handler(void)
{
	signal(SIGSEGV, other_fault_handler);
	return run_vm();
}

/* A sanitizer's or crash reporter's handler still gets its fault,
 * and a sane terminal to write to. */
IN_SESSION(test_fault_handler_of_others)
{
	pid_t job = session_job(s, true, s->slave, s->slave, s->slave, run_with_fault_handler);
	int status;

	CHECK(session_sees(s, "hello\n"));
	session_type(s, "F", 1);
	status = session_wait(job, false);
	CHECK(status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 77);
	CHECK(session_restored(s));
}

/* --- job control ------------------------------------------------------------------------------ */

IN_SESSION(test_stop_and_continue)
{
	pid_t job = start(s, true);
	int status;

	CHECK(session_sees(s, "hello\n"));
	for (unsigned i = 0; i < 3; i++) {
		CHECK(EVENTUALLY(5000, session_raw(s)));
		CHECK(kill(job, SIGTSTP) == 0);
		status = session_wait(job, true);
		CHECK(status >= 0 && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
		CHECK(session_restored(s));
		/* fg */
		session_foreground(s, job);
		CHECK(kill(job, SIGCONT) == 0);
		CHECK(EVENTUALLY(5000, session_raw(s)));
		session_forget(s);
		session_type(s, "k", 1);
		CHECK(session_sees(s, "<k>"));
	}
	leave(s, job);
	CHECK(session_restored(s));
}

/* bg: it runs on without the terminal; fg of a running job sends no signal, and is noticed. */
IN_SESSION(test_background_and_back)
{
	pid_t job = start(s, true);
	char buf[16];
	int status;

	CHECK(session_sees(s, "hello\n"));
	CHECK(kill(job, SIGTSTP) == 0);
	status = session_wait(job, true);
	CHECK(status >= 0 && WIFSTOPPED(status));
	session_foreground(s, getpgrp());
	CHECK(kill(job, SIGCONT) == 0);
	usleep(400000);
	CHECK(session_restored(s));
	/* The shell's input is the shell's. */
	session_type(s, "ls\n", 3);
	CHECK(read(s->slave, buf, sizeof(buf)) == 3);
	CHECK(waitpid(job, &status, WNOHANG | WUNTRACED) == 0);
	session_foreground(s, job);
	CHECK(EVENTUALLY(5000, session_raw(s)));
	session_type(s, "k", 1);
	CHECK(session_sees(s, "<k>"));
	leave(s, job);
	CHECK(session_restored(s));
}

IN_SESSION(test_started_in_background)
{
	pid_t job = start(s, false);
	char buf[16];
	int status;

	CHECK(session_sees(s, "hello\r\n")); /* output is let through; the terminal is cooked */
	usleep(400000);
	CHECK(waitpid(job, &status, WNOHANG | WUNTRACED) == 0);
	CHECK(session_restored(s));
	CHECK(!session_saw(s, "helps"));
	session_type(s, "ls\n", 3);
	CHECK(read(s->slave, buf, sizeof(buf)) == 3);
	session_foreground(s, job);
	CHECK(EVENTUALLY(5000, session_raw(s)));
	CHECK(session_sees(s, "Ctrl-A h helps"));
	session_type(s, "k", 1);
	CHECK(session_sees(s, "<k>"));
	leave(s, job);
	CHECK(session_restored(s));
}

/* It ends in the background: the terminal has the modes somebody else wants now. */
IN_SESSION(test_end_in_background)
{
	pid_t job = start(s, true);
	struct termios t;

	CHECK(session_sees(s, "hello\n"));
	session_foreground(s, getpgrp());
	CHECK(tcgetattr(s->slave, &t) == 0);
	t.c_oflag |= OPOST | OLCUC;
	CHECK(tcsetattr(s->slave, TCSANOW, &t) == 0);
	s->orig = t;
	CHECK(kill(job, SIGTERM) == 0);
	CHECK(session_wait(job, false) >= 0);
	CHECK(session_restored(s)); /* to what it was a moment ago */
}

/* SIGSTOP cannot be caught. What the shell sets meanwhile is what we go back to in the end. */
IN_SESSION(test_sigstop)
{
	pid_t job = start(s, true);
	int status;

	CHECK(session_sees(s, "hello\n"));
	CHECK(EVENTUALLY(5000, session_raw(s)));
	CHECK(kill(job, SIGSTOP) == 0);
	status = session_wait(job, true);
	CHECK(status >= 0 && WIFSTOPPED(status));
	s->orig.c_lflag |= ECHOE | ECHO;
	s->orig.c_cc[VINTR] = 'K' & 0x1f;
	CHECK(tcsetattr(s->slave, TCSANOW, &s->orig) == 0);
	session_foreground(s, job);
	CHECK(kill(job, SIGCONT) == 0);
	CHECK(EVENTUALLY(5000, session_raw(s)));
	leave(s, job);
	CHECK(session_restored(s));
}

/* --- standard descriptors of other kinds ------------------------------------------------------ */

/* Help and greeting are for the person, not for who reads the guest's output. */
IN_SESSION(test_output_to_a_pipe)
{
	char buf[64] = { 0 };
	pid_t job;
	int p[2];

	CHECK(pipe(p) == 0);
	job = session_job(s, true, s->slave, p[1], s->slave, run_vm);
	close(p[1]);
	CHECK(session_sees(s, "Ctrl-A h helps\r\n"));
	session_type(s, "\001h", 2);
	CHECK(session_sees(s, "zap"));
	CHECK(!session_saw(s, "hello"));
	leave(s, job);
	CHECK(session_restored(s));
	CHECK(read(p[0], buf, sizeof(buf)) == 14);
	CHECK(!strcmp(buf, "hello\ngoodbye\n"));
}

/* The terminal is not touched if its keys are not asked for. */
IN_SESSION(test_input_not_from_the_terminal)
{
	int p[2];
	pid_t job;

	CHECK(pipe(p) == 0);
	job = session_job(s, true, p[0], s->slave, s->slave, run_vm);
	CHECK(session_sees(s, "hello\r\n"));
	CHECK(session_restored(s));
	CHECK(write(p[1], "k", 1) == 1);
	CHECK(session_sees(s, "<k>"));
	CHECK(session_restored(s));
	CHECK(!session_saw(s, "helps"));
	CHECK(write(p[1], "\001x", 2) == 2);
	CHECK(ended_well(job));
	CHECK(!(fcntl(p[0], F_GETFL) & O_NONBLOCK));
	CHECK(session_restored(s));
}

static int run_with_holes(void)
{
	int fd;

	console_sanitize_fds();
	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return 4;
	fd = open("/dev/zero", O_RDWR); /* as /dev/kvm is opened later */
	if (fd < 3)
		return 5;
	close(fd);
	vm.quit = true; /* nobody could ask for it */
	return run_vm();
}

/* Each of the eight sets of closed standard descriptors. */
IN_SESSION(test_closed_descriptors)
{
	for (unsigned set = 0; set < 8; set++) {
		pid_t job = session_job(s, true, set & 1 ? -1 : s->slave, set & 2 ? -1 : s->slave,
					set & 4 ? -1 : s->slave, run_with_holes);

		CHECK(ended_well(job));
		CHECK(!!session_saw(s, "goodbye") == !(set & 2));
		CHECK(session_restored(s));
		session_forget(s);
	}
}

static unsigned long cpu_ticks(pid_t pid)
{
	unsigned long user = 0, sys = 0;
	char path[64], buf[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	CHECK(f && fgets(buf, sizeof(buf), f));
	fclose(f);
	p = strrchr(buf, ')');
	/* proc(5): utime and stime are fields 14 and 15, the name in brackets is 2. */
	CHECK(p && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			  &sys) == 2);
	return user + sys;
}

static int far_end;

static int run_on_a_line(void)
{
	close(far_end);
	return run_vm();
}

/* A terminal that is not the session's own (a serial line) and goes away: no job control on it, and
 * the guest goes on without it. */
IN_SESSION(test_hang_up)
{
	char buf[256] = { 0 };
	unsigned long ticks;
	int line, status;
	pid_t job;

	CHECK(openpty(&far_end, &line, NULL, NULL, NULL) == 0);
	job = session_job(s, false, line, s->slave, s->slave, run_on_a_line);
	CHECK(session_sees(s, "hello\r\n"));
	CHECK(EVENTUALLY(5000, ({
				 struct termios t;

				 tcgetattr(line, &t) == 0 && !(t.c_lflag & ICANON);
			 })));
	CHECK(write(far_end, "k", 1) == 1);
	CHECK(session_sees(s, "<k>"));
	CHECK(read(far_end, buf, sizeof(buf) - 1) > 0 && strstr(buf, "Ctrl-A h helps"));
	close(line);
	close(far_end);
	usleep(300000);
	ticks = cpu_ticks(job);
	usleep(1000000);
	CHECK(waitpid(job, &status, WNOHANG) == 0);
	CHECK(cpu_ticks(job) - ticks < 30);
	CHECK(kill(job, SIGTERM) == 0);
	CHECK(session_wait(job, false) >= 0);
	CHECK(session_restored(s));
}

static volatile sig_atomic_t own_calls;

static void own_handler(int sig)
{
	(void)sig;
	own_calls++;
}

/* What somebody else has arranged for a signal stays, and all is as before in the end. */
IN_SESSION(test_dispositions)
{
	struct sigaction sa;

	signal(SIGTERM, own_handler);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGTSTP, SIG_DFL);
	term_open(s->slave, -1);
	CHECK(sigaction(SIGTERM, NULL, &sa) == 0 && sa.sa_handler == own_handler);
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL);
	CHECK(sigaction(SIGTSTP, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL);
	CHECK(session_restored(s)); /* opening touches nothing */
	CHECK(term_make_raw());
	CHECK(session_raw(s));
	CHECK(raise(SIGTERM) == 0);
	CHECK(own_calls == 1);
	CHECK(session_raw(s));
	signal(SIGUSR2, own_handler); /* installed later: not ours to undo */
	console_restore_terminal();
	CHECK(session_restored(s));
	console_restore_terminal();
	CHECK(!term_make_raw());
	term_close();
	CHECK(session_restored(s));
	CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == own_handler);
	CHECK(sigaction(SIGHUP, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGTSTP, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGINT, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
	term_close();
}

/* --- two of them ------------------------------------------------------------------------------ */

static int run_two(void)
{
	struct loop *l = loop_create("test", NULL);
	struct chardev *a, *b, *none;
	struct port pa, pb;
	char got = 0;

	if (console_open("stdio", l, NULL, &none, NULL) < 0 ||
	    console_open("stdio", l, NULL, &a, NULL) < 0 ||
	    console_open("stdio", l, NULL, &b, NULL) < 0)
		return 1;
	port_attach(&pa, a);
	port_attach(&pb, b);
	/* The first has no client: it takes no input. */
	if (console_start(none, NULL) < 0 || console_start(a, NULL) < 0 ||
	    console_start(b, NULL) < 0 || loop_start_thread(l, NULL) < 0)
		return 2;
	print(a, "from a\n");
	print(b, "from b\n");
	if (port_read_all(&pa, &got, 1, 5000) != 1 || got != 'k')
		return 3;
	if (port_fill(&pb))
		return 4;
	loop_stop(l);
	console_close(a, 1000, NULL);
	console_close(b, 1000, NULL);
	console_close(none, 1000, NULL);
	loop_destroy(l);
	return OK_STATUS;
}

/* Two consoles on standard output share it; the first one started has the input. */
IN_SESSION(test_two)
{
	pid_t job = session_job(s, true, s->slave, s->slave, s->slave, run_two);

	CHECK(session_sees(s, "from a\n"));
	CHECK(session_sees(s, "from b\n"));
	session_type(s, "k", 1);
	CHECK(ended_well(job));
	CHECK(session_restored(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_typed_ahead),
		cmocka_unit_test(test_deaf_guest),
		cmocka_unit_test(test_paste),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_fault_on_a_thread),
		cmocka_unit_test(test_fault_handler_of_others),
		cmocka_unit_test(test_stop_and_continue),
		cmocka_unit_test(test_background_and_back),
		cmocka_unit_test(test_started_in_background),
		cmocka_unit_test(test_end_in_background),
		cmocka_unit_test(test_sigstop),
		cmocka_unit_test(test_output_to_a_pipe),
		cmocka_unit_test(test_input_not_from_the_terminal),
		cmocka_unit_test(test_closed_descriptors),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_dispositions),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_data_has_no_keys),
	};

	log_set_level(LOG_ERR); /* losses are what is tested here */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
