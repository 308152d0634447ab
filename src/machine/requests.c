/* SPDX-License-Identifier: MIT */
/*
 * requests.c: everything that ends or restarts a run, from whichever thread, becomes one request,
 * handled on the main loop with all vCPUs stopped. What it means is judge.c's business.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "devices/chip/acpi_pm.h"
#include "machine/machine_debug.h"
#include "machine/machine_internal.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* How long a guest that was told to power off by SIGTERM may take before it is ended. */
#define TERM_GRACE_NS (10 * NSEC_PER_SEC)
/* How long a panicking kernel may go on printing before the run ends,
 * if its last line never comes. */
#define PANIC_LINGER_NS (5 * NSEC_PER_SEC)

/* --- asking ----------------------------------------------------------------------------------- */

void machine_request(struct machine *m, const struct request *r)
{
	mutex_lock(&m->request_lock);
	if (!judge_is_final(&m->request, m->config->end.no_reboot))
		m->request = *r;
	mutex_unlock(&m->request_lock);
	vcpu_set_kick_stop(m->cpus);
	loop_post(m->main_loop, &m->request_work);
}

static void on_power(struct power_sink *s, enum power_event ev, unsigned value)
{
	struct machine *m = container_of(s, struct machine, power);

	if (ev == POWER_CRASHLOADED) {
		if (!atomic_exchange(&m->crashloaded, true))
			log_msg(LOG_INFO, "machine", "the guest's crash kernel takes over");
		return;
	}
	machine_request(m, &(struct request){ .kind = REQ_POWER, .event = ev, .value = value });
}

/* --- carrying out ----------------------------------------------------------------------------- */

bool machine_has_request(struct machine *m)
{
	bool ret;

	mutex_lock(&m->request_lock);
	ret = m->request.kind != REQ_NONE;
	mutex_unlock(&m->request_lock);
	return ret;
}

/* Who asks stores the request first and posts last, so that one that is there is dealt with next.
 */
void machine_go_on(struct machine *m)
{
	if (m->debug && machine_debug_holds(m))
		loop_post(m->main_loop, &m->debug->work);
	else if (!machine_has_request(m))
		vcpu_set_run(m->cpus);
}

void machine_end(struct machine *m, const struct verdict *v)
{
	m->verdict = *v;
	m->over = true;
	loop_stop(m->main_loop);
}

/*
 * The host's or our own fault, which m->run_error tells: the run ends with it as its error. If
 * guest memory is lost, then that is why, whatever came of it.
 */
static void fail(struct machine *m)
{
	struct error *lost = NULL;

	if (gm_check(m->gm, &lost) < 0) {
		error_free(m->run_error);
		m->run_error = lost;
	}
	machine_debug_failed(m, error_msg(m->run_error));
	machine_end(m, &(struct verdict){ .kind = VERDICT_VMM_ERROR });
}

/* The first few resets are told one by one, then each power of two: a guest that resets as fast as
 * it can does not fill a disk with the log. */
static void restart(struct machine *m)
{
	unsigned n = ++m->resets;

	if (n <= 16 || is_pow2(n))
		log_msg(LOG_INFO, "machine", "the guest resets (%u)", n);
	if (machine_reset(m, &m->run_error) < 0) {
		err_wrap(&m->run_error, "restarting the guest");
		fail(m);
		return;
	}
	machine_debug_was_reset(m);
	machine_go_on(m);
}

static struct request take_request(struct machine *m)
{
	struct request r;

	mutex_lock(&m->request_lock);
	r = m->request;
	m->request = (struct request){ .kind = REQ_NONE };
	mutex_unlock(&m->request_lock);
	return r;
}

/* Several requests can be behind one run of this, and none: an earlier run took it. */
static void on_request(struct ev_work *w)
{
	struct machine *m = container_of(w, struct machine, request_work);
	struct circumstances c = {
		.no_reboot = m->config->end.no_reboot,
		.timeout_s = (unsigned)(m->config->end.timeout_ns / NSEC_PER_SEC),
	};
	struct judgement j;
	struct request r;

	if (m->over)
		return;
	vcpu_set_pause(m->cpus);
	r = take_request(m);
	c.panic = atomic_load(&m->panic_seen) ? m->panic_line : NULL;
	c.ram_lost = gm_check(m->gm, NULL) < 0;
	j = judge(&r, &c);
	if (j.ruling == RULE_END && j.verdict.kind != VERDICT_POWER_OFF)
		j.dump_cpu |= m->config->end.registers;
	if (j.dump_cpu && !m->crash_report)
		m->crash_report = vcpu_dump(m->cpus, r.cpu);
	switch (j.ruling) {
	case RULE_GO_ON:
		machine_go_on(m);
		break;
	case RULE_RESTART:
		restart(m);
		break;
	case RULE_END:
		if (!machine_debug_ended(m, r.cpu, &j.verdict))
			machine_end(m, &j.verdict);
		break;
	case RULE_CPU_LOST: /* EFAULT: KVM cannot reach a page of guest memory */
		err_errno(&m->run_error, (int)r.detail, "KVM cannot run CPU %u", r.cpu);
		fail(m);
		break;
	case RULE_FAIL:
		fail(m);
		break;
	}
}

/* --- signals and timers ----------------------------------------------------------------------- */

static void request_kind(struct machine *m, enum request_kind kind, unsigned value)
{
	machine_request(m, &(struct request){ .kind = kind, .value = value });
}

/* SIGUSR1 says that disks may have grown. SIGTERM presses the power button if the guest listens to
 * it; the second one, and any other signal, ends the run. */
static void on_signal(struct ev_fd *e, uint32_t revents)
{
	struct machine *m = container_of(e, struct machine, signals);
	struct signalfd_siginfo si;

	(void)revents;
	if (read(e->fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGUSR1) {
		machine_look_at_disks(m);
		return;
	}
	if (si.ssi_signo == SIGINT && machine_debug_interrupt(m))
		return;
	/* A guest that stands for a debugger does not hear a button. */
	if (si.ssi_signo == SIGTERM && !m->term_seen && m->pm &&
	    !(m->debug && machine_debug_holds(m)) && acpi_pm_power_button(m->pm)) {
		m->term_seen = true;
		log_msg(LOG_INFO, "machine", "SIGTERM: pressed the power button");
		timer_arm(&m->grace, vclock_now(m->grace.clock) + TERM_GRACE_NS);
		return;
	}
	request_kind(m, REQ_SIGNAL, si.ssi_signo);
}

static void on_grace_over(struct ev_timer *t)
{
	request_kind(container_of(t, struct machine, grace), REQ_SIGNAL, SIGTERM);
}

static void on_timeout(struct ev_timer *t)
{
	request_kind(container_of(t, struct machine, timeout), REQ_TIMEOUT, 0);
}

static void on_panic_linger(struct ev_timer *t)
{
	request_kind(container_of(t, struct machine, panic_linger), REQ_PANIC, 0);
}

static void on_ram_lost(struct ev_fd *e, uint32_t revents)
{
	struct machine *m = container_of(e, struct machine, ram_lost);
	uint64_t n;

	(void)revents;
	if (read(e->fd, &n, sizeof(n)) == sizeof(n))
		request_kind(m, REQ_RAM_LOST, 0);
}

/*
 * SIGUSR1, and all that would end the process, so that the console is written out, the terminal
 * restored and the verdict given first. Not the faults, nor SIGPROF, which belongs to profilers. A
 * shell has the jobs in its background ignore SIGINT and SIGQUIT, but who sends one to us means it;
 * nohup has SIGHUP ignored and means that.
 */
static void ending_signals(sigset_t *set)
{
	static const int sigs[] = { SIGINT,  SIGTERM,   SIGQUIT, SIGALRM, SIGUSR1,
				    SIGUSR2, SIGVTALRM, SIGIO,   SIGPWR,  SIGXCPU };
	struct sigaction hup;

	sigemptyset(set);
	for (unsigned i = 0; i < ARRAY_LEN(sigs); i++)
		sigaddset(set, sigs[i]);
	if (sigaction(SIGHUP, NULL, &hup) < 0 || hup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
	/* The first one is vcpu.c's. */
	for (int sig = SIGRTMIN + 1; sig <= SIGRTMAX; sig++)
		sigaddset(set, sig);
}

int requests_init(struct machine *m, struct error **errp)
{
	struct vclock *c = loop_clock(m->main_loop);
	sigset_t set;
	int r;

	m->power.request = on_power;
	m->request_work.cb = on_request;
	timer_init(&m->timeout, c, on_timeout);
	timer_init(&m->grace, c, on_grace_over);
	timer_init(&m->panic_linger, c, on_panic_linger);

	ending_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	m->signals = (struct ev_fd){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				     .events = EV_IN,
				     .cb = on_signal };
	if (m->signals.fd < 0)
		return err_errno(errp, errno, "cannot receive signals");
	r = loop_add(m->main_loop, &m->signals, errp);
	if (r < 0)
		return r;
	m->ram_lost = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				      .events = EV_IN,
				      .cb = on_ram_lost };
	if (m->ram_lost.fd < 0)
		return err_errno(errp, errno, "cannot watch over guest memory");
	r = loop_add(m->main_loop, &m->ram_lost, errp);
	return r < 0 ? r : host_clock_watch(&m->host_clock, m->main_loop, errp);
}

void requests_stop(struct machine *m)
{
	timer_cancel(&m->settled);
	timer_cancel(&m->established);
	timer_cancel(&m->timeout);
	timer_cancel(&m->grace);
	timer_cancel(&m->panic_linger);
}

void machine_saw_panic(struct machine *m, const char *line)
{
	bool first;

	/* Two serial ports may show it at once. */
	mutex_lock(&m->request_lock);
	first = !atomic_load(&m->panic_seen);
	if (first) {
		snprintf(m->panic_line, sizeof(m->panic_line), "%s", line);
		atomic_store(&m->panic_seen, true);
	}
	mutex_unlock(&m->request_lock);
	if (first)
		timer_arm(&m->panic_linger, vclock_now(m->panic_linger.clock) + PANIC_LINGER_NS);
}

void machine_saw_panic_end(struct machine *m)
{
	request_kind(m, REQ_PANIC, 0);
}
