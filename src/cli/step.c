/* SPDX-License-Identifier: MIT */
/*
 * step.c: `trapeze step`: a machine, a prompt, and what lies between them.
 *
 * Two threads. The control thread runs the machine and carries out commands, each as a piece of its
 * loop's work. The prompt's reads a line, posts it, and waits until the guest stands again; so a
 * terminal is never written to while a line is edited, and the machine's timeouts and signals are
 * served while somebody thinks.
 */
#include "cli/step.h"

#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/step_console.h"
#include "cli/step_input.h"
#include "cli/step_option.h"
#include "core/thread.h"
#include "vmm/boot.h"
#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/machine.h"
#include "vmm/verdict.h"

#define CONSOLES_MAX 8u

struct session {
	struct step step;
	struct machine *machine;
	struct loop *loop;
	struct step_input *input;
	struct console_host host;
	struct step_console *console[CONSOLES_MAX];
	unsigned console_cnt;
	struct ev_work console_work, line_work, begin_work;
	struct ev_timer pull;

	pthread_t thread;
	bool has_thread;
	struct mutex lock;
	pthread_cond_t cond;
	bool stands GUARDED_BY(lock); /* the next line may be read */
	bool over GUARDED_BY(lock);   /* there is none to be read */
	char *line GUARDED_BY(lock);  /* read, and not yet carried out; NULL: the input has ended */
};

/* --- text ------------------------------------------------------------------------------------- */

static void say(void *opaque, const char *text, size_t len)
{
	(void)opaque;
	fwrite(text, 1, len, stdout);
	fflush(stdout);
}

/* --- the guest's consoles --------------------------------------------------------------------- */

static void flush(void *opaque, bool all)
{
	struct session *x = opaque;
	struct str out = { 0 };

	for (unsigned i = 0; i < x->console_cnt; i++)
		step_console_take(x->console[i], all, &out);
	if (out.len && !out.failed)
		say(x, out.s, out.len);
	str_free(&out);
}

/* What comes while the guest runs is shown while it runs. */
static void on_console(struct ev_work *w)
{
	flush(container_of(w, struct session, console_work), false);
}

/* Any thread, a device's lock held. */
static void wrote(void *opaque)
{
	struct session *x = opaque;

	loop_post(x->loop, &x->console_work);
}

/* "COM1", as people know it. */
static const char *console_name(const char *id)
{
	static const struct {
		const char *id, *name;
	} names[] = { { "serial0", "COM1" },
		      { "serial1", "COM2" },
		      { "serial2", "COM3" },
		      { "serial3", "COM4" },
		      { "debugcon0", "0xe9" } };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i].id, id))
			return names[i].name;
	return id;
}

static struct chardev *take_console(struct console_host *h, const char *id)
{
	struct session *x = container_of(h, struct session, host);
	struct step_console *c =
		x->console_cnt < CONSOLES_MAX ? step_console_new(console_name(id)) : NULL;

	if (!c)
		return NULL;
	c->wrote = wrote;
	c->opaque = x;
	x->console[x->console_cnt++] = c;
	return &c->chr;
}

/* The first console that takes input: COM1, where there is one. */
static size_t type(void *opaque, const uint8_t *buf, size_t len)
{
	struct session *x = opaque;

	for (unsigned i = 0; i < x->console_cnt; i++)
		if (x->console[i]->chr.client)
			return step_console_feed(x->console[i], buf, len);
	return 0;
}

/* --- the prompt's thread ---------------------------------------------------------------------- */

static void let_read(struct session *x)
{
	mutex_lock(&x->lock);
	x->stands = true;
	pthread_cond_broadcast(&x->cond);
	mutex_unlock(&x->lock);
}

static bool may_read(struct session *x)
{
	bool ret;

	mutex_lock(&x->lock);
	while (!x->stands && !x->over)
		mutex_wait(&x->lock, &x->cond);
	x->stands = false;
	ret = !x->over;
	mutex_unlock(&x->lock);
	return ret;
}

static void *read_lines(void *arg)
{
	struct session *x = arg;
	bool more = true;

	while (more && may_read(x)) {
		char *line = step_input_line(x->input);

		more = line;
		mutex_lock(&x->lock);
		free(x->line);
		x->line = line;
		mutex_unlock(&x->lock);
		loop_post(x->loop, &x->line_work);
	}
	return NULL;
}

static void stop_reading(struct session *x)
{
	mutex_lock(&x->lock);
	x->over = true;
	pthread_cond_broadcast(&x->cond);
	mutex_unlock(&x->lock);
	if (x->input)
		step_input_end(x->input);
	if (x->has_thread)
		pthread_join(x->thread, NULL);
	x->has_thread = false;
}

/* --- the control thread ----------------------------------------------------------------------- */

static void quit(struct session *x)
{
	struct debug_target *t = x->step.target;

	x->step.quit = true;
	t->ops->kill(t);
}

/* A script's reader sees what was asked as well as what came of it. */
static void echo(const char *line)
{
	size_t len = strlen(line);
	char *text = malloc(4 * len + 4);

	if (text && len && *line != '#')
		printf("(step) %s\n", str_escape(line, len, text, 4 * len + 4));
	free(text);
}

static void on_line(struct ev_work *w)
{
	struct session *x = container_of(w, struct session, line_work);
	char *line;

	mutex_lock(&x->lock);
	line = take_ptr(x->line);
	mutex_unlock(&x->lock);
	if (!line || x->step.quit) {
		free(line);
		quit(x);
		return;
	}
	if (!step_input_interactive(x->input))
		echo(line);
	step_command(&x->step, line);
	free(line);
	if (x->step.quit)
		quit(x);
	else if (!x->step.running)
		let_read(x);
}

static void on_stands(void *opaque)
{
	struct session *x = opaque;

	if (!x->step.quit)
		let_read(x);
}

/* The machine stands before its first instruction. */
static void on_begin(struct ev_work *w)
{
	struct session *x = container_of(w, struct session, begin_work);

	step_hello(&x->step);
	let_read(x);
}

/* --- records ---------------------------------------------------------------------------------- */

/* Often enough that rings do not fill. While the guest stands its clock does, too. */
#define PULL_NS (10 * NSEC_PER_MSEC)

static void arm(struct session *x)
{
	timer_arm(&x->pull, vclock_now(x->pull.clock) + PULL_NS);
}

static void on_pull(struct ev_timer *t)
{
	struct session *x = container_of(t, struct session, pull);

	step_tape_pull(&x->step.tape);
	arm(x);
}

static bool on_interrupt(void *opaque)
{
	struct step *s = opaque;
	struct session *x = container_of(s, struct session, step);

	if (step_interrupt(s))
		return true;
	if (!step_input_interactive(x->input))
		return false; /* ends a script */
	step_input_drop(x->input);
	return true;
}

/* --- building --------------------------------------------------------------------------------- */

static bool is_amd(void)
{
	unsigned a, b = 0, c, d;

	/* "AuthenticAMD" and "HygonGenuine" begin so. */
	return __get_cpuid(0, &a, &b, &c, &d) && (b == signature_AMD_ebx || b == 0x6f677948);
}

/* Names of a file that was asked for, or of the kernel's own tables if it has any. */
static int load_symbols(struct session *x, const struct step_args *a, struct error **errp)
{
	const char *path = a->symbols ? a->symbols : a->run.config.boot.kernel;
	_cleanup_free_ void *bytes = NULL;
	struct error *ignored = NULL;
	size_t len = 0;
	int r = boot_kernel_bytes(path, &bytes, &len, a->symbols ? errp : &ignored);

	if (r == 0)
		r = symbols_load(bytes, len, &x->step.symbols, a->symbols ? errp : &ignored);
	error_free(ignored);
	if (r < 0)
		return a->symbols ? err_wrap(errp, "--symbols '%s'", path) : 0;
	x->step.lens.symbols = &x->step.symbols;
	/* A kernel that is not unpacked here may move itself, and tells later where it is. */
	x->step.lens.slide_known = a->run.config.boot.unpack || !lens_is_linux(&x->step.symbols);
	return 0;
}

static const char *irqchip_word(enum irqchip_mode m)
{
	return m == IRQCHIP_KERNEL ? "kernel" : m == IRQCHIP_USER ? "user" : "split";
}

static int open_session(struct session *x, const struct step_args *a, struct error **errp)
{
	struct step_input_config in = { .step = &x->step,
					.command = a->execute.v,
					.command_cnt = a->execute.cnt,
					.file = a->commands };
	struct step *s = &x->step;
	int r;

	s->say = say;
	s->key = type;
	s->stands = on_stands;
	s->flush = flush;
	s->opaque = x;
	s->host = (struct lens_why){ .amd = is_amd(),
				     .irqchip = irqchip_word(a->run.config.board.irqchip) };
	s->in.machine = x->machine;
	r = machine_debug(x->machine, true, &s->target, errp);
	if (r == 0)
		r = step_init(s, errp);
	if (r == 0)
		r = load_symbols(x, a, errp);
	if (r == 0)
		r = step_input_open(&in, &x->input, errp);
	if (r == 0)
		s->repeats = step_input_interactive(x->input);
	if (r == 0)
		r = machine_watch(x->machine, &s->lens.machine, errp);
	if (r < 0)
		return r;
	s->target->interrupt = on_interrupt;
	r = thread_start(&x->thread, "prompt", read_lines, x, errp);
	x->has_thread = r == 0;
	return r;
}

static void close_session(struct session *x)
{
	stop_reading(x);
	x->input = step_input_close(x->input);
	free(x->line);
	symbols_free(&x->step.symbols);
	step_free(&x->step);
}

/* As for `trapeze run`: the kernel takes back what a process had faster than this could. */
static void leave(struct session *x)
{
	if (x->machine)
		machine_leave(x->machine);
	if (SANITIZED) {
		machine_destroy(x->machine);
		for (unsigned i = 0; i < x->console_cnt; i++)
			step_console_free(x->console[i]);
	}
	pthread_cond_destroy(&x->cond);
	mutex_destroy(&x->lock);
}

static int run_session(struct session *x, const struct step_args *a, struct error **errp)
{
	struct verdict v = { .kind = VERDICT_VMM_ERROR };
	int r = open_session(x, a, errp);
	char words[512];

	if (r == 0) {
		loop_post(x->loop, &x->begin_work);
		timer_init(&x->pull, loop_clock(x->loop), on_pull);
		arm(x);
		r = machine_run(x->machine, &v, errp);
		timer_cancel(&x->pull);
	}
	stop_reading(x);
	if (r < 0)
		return STATUS_ERROR;
	flush(x, true);
	if (!x->step.ended && v.kind == VERDICT_USER_QUIT)
		return x->step.failed && !step_input_interactive(x->input) ? STATUS_USAGE
									   : STATUS_OK;
	if (!a->run.config.quiet) {
		verdict_describe(&v, words, sizeof(words));
		fprintf(stderr, "trapeze: %s\n", words);
	}
	return verdict_exit_status(&v);
}

int cmd_step(int argc, char **argv, struct error **errp)
{
	_cleanup_(step_args_free) struct step_args a = { 0 };
	struct session x = { .console_work.cb = on_console,
			     .line_work.cb = on_line,
			     .begin_work.cb = on_begin };
	int status = STATUS_ERROR;

	if (step_args_parse(argc, argv, &a, errp) < 0)
		return STATUS_USAGE;
	if (a.run.help) {
		help_verb(&verbs[VERB_STEP], stdout);
		return STATUS_OK;
	}
	if (config_check(&a.run.config, errp) < 0)
		return STATUS_USAGE;
	log_set_level((enum log_level)a.run.config.log_level);
	mutex_init(&x.lock);
	pthread_cond_init(&x.cond, NULL);
	x.host.take = take_console;
	a.run.config.stdio = &x.host;
	if (machine_create(&a.run.config, &x.machine, errp) == 0) {
		x.loop = machine_loop(x.machine);
		status = run_session(&x, &a, errp);
		close_session(&x);
	}
	leave(&x);
	return status;
}
