/* SPDX-License-Identifier: MIT */
/*
 * vcpu.c: vCPU threads and the road of an exit: KVM_RUN returns, the exit is decoded, the bus
 * answers, KVM_RUN again.
 *
 * How a running vCPU is reached: whoever wants its attention stores a flag (set->stop, v->intr,
 * v->nmi), then sets run->immediate_exit, then sends the kick signal. The thread clears
 * immediate_exit first and reads the flags after it. Whatever the interleaving, either the flags
 * are seen or KVM_RUN returns at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "core/thread.h"
#include "kvm/vm_internal.h"
#include "vmm/bits.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/trace.h"

#define SIG_KICK SIGRTMIN

/* The vCPU whose thread this is; NULL elsewhere. */
static __thread struct vcpu *current;

/* --- reaching a vCPU -------------------------------------------------------------------------- */

static void on_kick(int sig)
{
	(void)sig; /* its arrival is all it is for: KVM_RUN returns EINTR */
}

static void kick(struct vcpu *v)
{
	if (v == current || !atomic_load(&v->running))
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(v->thread, SIG_KICK);
}

/* A vCPU that is halted in this process (IRQCHIP_USER) waits on the condition, not in KVM_RUN. */
static void wake_halted(struct vcpu_set *s)
{
	if (s->mode != IRQCHIP_USER)
		return;
	mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->cond);
	mutex_unlock(&s->lock);
}

static void pin_intr(void *cpu, bool asserted)
{
	struct vcpu *v = cpu;

	atomic_store(&v->intr, asserted);
	if (asserted && v != current) {
		kick(v);
		wake_halted(v->set);
	}
}

static void pin_nmi(void *cpu)
{
	struct vcpu *v = cpu;

	atomic_store(&v->nmi, true);
	kick(v);
	wake_halted(v->set);
}

static const struct cpu_intr_ops intr_ops = { .intr = pin_intr, .nmi = pin_nmi };

struct cpu_intr vcpu_set_intr(struct vcpu_set *s)
{
	return (struct cpu_intr){ .ops = &intr_ops, .cpu = &s->vcpu[0] };
}

/* --- interrupts from our 8259 ----------------------------------------------------------------- */

/*
 * Whether the last exit left an instruction that KVM has yet to complete. It may then end in a
 * fault (an MSR access that is refused, the memory operand of an INS), and of a fault and an
 * injected interrupt that are both waiting KVM delivers the fault and forgets the interrupt,
 * although ready_for_interrupt_injection said yes.
 */
static bool instruction_pending(const struct vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		return true;
	default:
		return false;
	}
}

/*
 * Intel SDM 3A 6.8.1: INTR is taken only with IF set and outside an interrupt shadow, between
 * instructions. KVM says whether that is so now; if not, it is asked to come back when it is.
 */
static void inject_intr(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct kvm_interrupt irq;
	int vector;

	if (v->debug.step && !v->debug.irqs) {
		run->request_interrupt_window = 0;
		return;
	}
	if (!run->ready_for_interrupt_injection || instruction_pending(v)) {
		run->request_interrupt_window = 1;
		return;
	}
	vector = v->set->env.pic_ack(v->set->env.opaque);
	if (vector >= 0) {
		irq.irq = (uint32_t)vector;
		kvm_ioctl(v->fd, KVM_INTERRUPT, &irq);
		trace_event(TRACE_E_IRQ_INJECT, TRACE_NO_DEV, irq.irq, v->index);
		run->ready_for_interrupt_injection = 0;
	}
	run->request_interrupt_window = atomic_load(&v->intr);
}

static void inject_nmi(struct vcpu *v)
{
	atomic_store(&v->nmi, false);
	kvm_ioctl_val(v->fd, KVM_NMI, 0);
}

/* --- exits ------------------------------------------------------------------------------------ */

/* Fixed-width moves: a memcpy() of variable length is a call, and this is every exit's road. */
static inline uint64_t load(const void *p, unsigned size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return get_le16(p);
	case 4:
		return get_le32(p);
	default:
		return get_le64(p);
	}
}

static inline void store(void *p, unsigned size, uint64_t v)
{
	switch (size) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		put_le16(p, (uint16_t)v);
		break;
	case 4:
		put_le32(p, (uint32_t)v);
		break;
	default:
		put_le64(p, v);
	}
}

/* @w is NULL, which the compiler knows, unless the vCPU is traced. */
static inline uint64_t access_read(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size,
				   struct bus_watch *w)
{
	return w ? bus_read_watched(b, h, a, size, w) : bus_read(b, h, a, size);
}

static inline void access_write(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size,
				uint64_t v, struct bus_watch *w)
{
	if (w)
		bus_write_watched(b, h, a, size, v, w);
	else
		bus_write(b, h, a, size, v);
}

/* IN and OUT, and their string forms: count items of size bytes, already in guest order. */
static inline __attribute__((always_inline)) void exit_io(struct vcpu *v, struct bus_watch *w)
{
	struct kvm_run *run = v->run;
	struct bus *bus = v->set->env.pio;
	uint8_t *p = (uint8_t *)run + run->io.data_offset;
	const bool in = run->io.direction == KVM_EXIT_IO_IN;
	const uint16_t port = run->io.port;
	const unsigned size = run->io.size;

	v->stats.pio++;
	for (uint32_t left = run->io.count; left; left--, p += size) {
		if (in)
			store(p, size, access_read(bus, &v->pio_hint, port, size, w));
		else
			access_write(bus, &v->pio_hint, port, size, load(p, size), w);
	}
}

/* An access that crosses 8 bytes, or is not a power of two wide, goes byte by byte. */
static inline __attribute__((always_inline)) void exit_mmio(struct vcpu *v, struct bus_watch *w)
{
	struct kvm_run *run = v->run;
	unsigned len = run->mmio.len, step;

	v->stats.mmio++;
	if (len > sizeof(run->mmio.data))
		len = sizeof(run->mmio.data);
	step = is_pow2(len) ? len : 1;
	for (unsigned i = 0; i < len; i += step) {
		gpa_t a = run->mmio.phys_addr + i;
		uint8_t *p = run->mmio.data + i;

		if (run->mmio.is_write) {
			access_write(v->set->env.mmio, &v->mmio_hint, a, step, load(p, step), w);
		} else {
			store(p, step, access_read(v->set->env.mmio, &v->mmio_hint, a, step, w));
		}
	}
}

/*
 * HLT without a local APIC in the kernel: sleep until INTR (if IF is set), NMI or stop, after
 * which the sleep goes on. Intel SDM 2A, HLT.
 */
static void halt(struct vcpu *v)
{
	struct vcpu_set *s = v->set;

	mutex_lock(&s->lock);
	v->halted = true;
	while (v->halted && !atomic_load(&s->stop)) {
		v->halted = !atomic_load(&v->nmi) && !(atomic_load(&v->intr) && v->run->if_flag);
		if (v->halted)
			mutex_wait(&s->lock, &s->cond);
	}
	mutex_unlock(&s->lock);
}

static void end(struct vcpu *v, enum vcpu_end why, uint64_t detail)
{
	mutex_lock(&v->set->lock);
	v->ended = true;
	mutex_unlock(&v->set->lock);
	v->set->env.ended(v->set->env.opaque, v->index, why, detail);
}

/* Returns false if this vCPU cannot go on. */
static bool handle_rare_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_HLT:
		v->stats.hlt++;
		if (v->debug.step) /* the instruction is done, the sleep is still to come */
			v->halted = true;
		else
			halt(v);
		return true;
	case KVM_EXIT_DEBUG:
		if (vcpu_debug_exit(v))
			return true;
		break;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		v->stats.irq_window++;
		return true;
	case KVM_EXIT_IOAPIC_EOI:
		v->stats.eoi++;
		v->set->env.ioapic_eoi(v->set->env.opaque, run->eoi.vector);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_SET_TPR:
		v->stats.intr++;
		return true;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		msr_exit(run, v->set->env.msr_policy, &v->set->unknown_msrs);
		return true;
	case KVM_EXIT_SHUTDOWN:
		end(v, VCPU_SHUTDOWN, 0);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		end(v, VCPU_INTERNAL_ERROR, run->internal.suberror);
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		end(v, VCPU_FAIL_ENTRY, run->fail_entry.hardware_entry_failure_reason);
		return false;
	case KVM_EXIT_SYSTEM_EVENT:
		end(v, VCPU_SYSTEM_EVENT, run->system_event.type);
		return false;
	default:
		break;
	}
	end(v, VCPU_UNKNOWN_EXIT, run->exit_reason);
	return false;
}

static inline __attribute__((always_inline)) bool handle_exit(struct vcpu *v, struct bus_watch *w)
{
	v->stats.exits++;
	if (likely(v->run->exit_reason == KVM_EXIT_IO)) {
		exit_io(v, w);
		return true;
	}
	if (v->run->exit_reason == KVM_EXIT_MMIO) {
		exit_mmio(v, w);
		return true;
	}
	return handle_rare_exit(v);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* What others may have asked for since the last exit. Returns false to leave the guest. */
static inline bool before_entry(struct vcpu *v)
{
	if (unlikely(__atomic_load_n(&v->run->immediate_exit, __ATOMIC_RELAXED))) {
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		v->stats.intr++;
	}
	if (unlikely(atomic_load_explicit(&v->set->stop, memory_order_seq_cst)))
		return false;
	if (unlikely(atomic_load_explicit(&v->nmi, memory_order_relaxed)))
		inject_nmi(v);
	if (unlikely(atomic_load_explicit(&v->intr, memory_order_relaxed)))
		inject_intr(v);
	else
		v->run->request_interrupt_window = 0;
	return true;
}

static inline __attribute__((always_inline)) bool emulate(struct vcpu *v, struct bus_watch *w)
{
	bool go_on;

	epoch_enter(v->epoch);
	go_on = handle_exit(v, w);
	epoch_leave(v->epoch);
	return go_on;
}

static __attribute__((cold, noinline)) bool run_failed(struct vcpu *v, int err)
{
	if (err == EINTR || err == EAGAIN)
		return true;
	end(v, VCPU_RUN_FAILED, (uint64_t)err);
	return false;
}

/* Into the guest, and what the exit wants. Returns false if this vCPU cannot go on. */
static inline __attribute__((always_inline)) bool run_once(struct vcpu *v)
{
	if (unlikely(ioctl(v->fd, KVM_RUN, 0) < 0))
		return run_failed(v, errno);
	return emulate(v, NULL);
}

/* The same, and everything is written down. */
static __attribute__((cold, noinline)) bool run_once_traced(struct vcpu *v)
{
	struct bus_watch *w = vcpu_trace_entry(v);
	int err = ioctl(v->fd, KVM_RUN, 0) < 0 ? errno : 0;
	bool go_on;

	vcpu_trace_exit(v, err);
	go_on = err ? run_failed(v, err) : emulate(v, w);
	vcpu_trace_emulated(v, go_on);
	return go_on;
}

/*
 * api.rst, KVM_RUN: the instruction of an I/O exit is complete only when KVM has been entered
 * again, and with immediate_exit that is all that happens. A stopped vCPU must not carry half an
 * instruction: a reset would find its result written over the power-on state, a dump a read whose
 * value is not there. An access in pieces exits once for each.
 */
static __attribute__((cold, noinline)) void finish_instruction(struct vcpu *v)
{
	const bool traced = trace_enabled();
	bool go_on = true;

	while (go_on) {
		struct bus_watch *w = traced ? vcpu_trace_entry(v) : NULL;

		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		if (ioctl(v->fd, KVM_RUN, 0) < 0)
			return;
		if (traced)
			vcpu_trace_exit(v, 0);
		go_on = emulate(v, w);
		if (traced)
			vcpu_trace_emulated(v, go_on);
	}
}

/* For a debugger, who wants to see each exit, or one instruction. */
static __attribute__((cold, noinline)) bool run_once_watched(struct vcpu *v)
{
	const bool told = v->debug.stop_at || trace_enabled();
	struct bus_watch *w = told ? vcpu_trace_entry(v) : NULL;
	const struct trace_rec *x = NULL;
	int err = ioctl(v->fd, KVM_RUN, 0) < 0 ? errno : 0;
	bool go_on;

	if (!err)
		vcpu_debug_disguise(v);
	if (told)
		vcpu_trace_exit(v, err);
	go_on = err ? run_failed(v, err) : emulate(v, w);
	if (told)
		x = vcpu_trace_emulated(v, go_on);
	if (!err)
		vcpu_debug_after(v, x);
	return go_on;
}

static void run_guest(struct vcpu *v)
{
	if (v->halted)
		halt(v);
	if (unlikely(v->watched)) { /* which changes only while it stands */
		while (before_entry(v))
			if (!run_once_watched(v))
				return;
	} else {
		while (before_entry(v))
			if (!(trace_enabled() ? run_once_traced(v) : run_once(v)))
				return;
	}
	finish_instruction(v);
	if (unlikely(v->debug.undo))
		vcpu_debug_undo(v);
}

static bool may_run(const struct vcpu *v)
{
	return !atomic_load(&v->set->stop) && !v->ended && !v->debug.hold;
}

static uint64_t process_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	struct vcpu_set *s = v->set;
	sigset_t kick_only;

	current = v;
	atomic_store(&v->clock.tid, gettid());
	trace_thread_is_vcpu(v->index);
	sigemptyset(&kick_only);
	sigaddset(&kick_only, SIG_KICK);
	pthread_sigmask(SIG_UNBLOCK, &kick_only, NULL);

	mutex_lock(&s->lock);
	while (!s->quit) {
		if (!may_run(v)) {
			mutex_wait(&s->lock, &s->cond);
			continue;
		}
		atomic_store(&v->running, true);
		if (!v->stats.first_entry_ns)
			v->stats.first_entry_ns = process_cpu_ns();
		mutex_unlock(&s->lock);
		run_guest(v);
		mutex_lock(&s->lock);
		atomic_store(&v->running, false);
		pthread_cond_broadcast(&s->cond);
	}
	mutex_unlock(&s->lock);
	return NULL;
}

/* --- all of them ------------------------------------------------------------------------------ */

void vcpu_set_run(struct vcpu_set *s)
{
	mutex_lock(&s->lock);
	atomic_store(&s->stop, false);
	pthread_cond_broadcast(&s->cond);
	mutex_unlock(&s->lock);
}

void vcpu_set_kick_stop(struct vcpu_set *s)
{
	atomic_store(&s->stop, true);
	for (unsigned i = 0; i < s->cnt; i++)
		kick(&s->vcpu[i]);
	wake_halted(s);
}

void vcpu_set_pause(struct vcpu_set *s)
{
	vcpu_set_kick_stop(s);
	mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->cnt; i++)
		while (atomic_load(&s->vcpu[i].running))
			mutex_wait(&s->lock, &s->cond);
	mutex_unlock(&s->lock);
}

struct vcpu_stats vcpu_set_stats(const struct vcpu_set *s)
{
	struct vcpu_stats sum = { 0 };

	for (unsigned i = 0; i < s->cnt; i++) {
		const struct vcpu_stats *v = &s->vcpu[i].stats;

		sum.exits += v->exits;
		sum.pio += v->pio;
		sum.mmio += v->mmio;
		sum.hlt += v->hlt;
		sum.irq_window += v->irq_window;
		sum.eoi += v->eoi;
		sum.intr += v->intr;
	}
	sum.first_entry_ns = s->vcpu[0].stats.first_entry_ns;
	sum.other = sum.exits - sum.pio - sum.mmio - sum.hlt - sum.irq_window - sum.eoi;
	return sum;
}

/* Threads begin with the first run: a machine that is only built needs none, and none waits for the
 * rest. */
int vcpu_set_start(struct vcpu_set *s, struct error **errp)
{
	for (unsigned i = 0; i < s->cnt; i++) {
		struct vcpu *v = &s->vcpu[i];
		char name[16];
		int r;

		snprintf(name, sizeof(name), "vcpu%u", i);
		r = thread_start(&v->thread, name, vcpu_main, v, errp);
		if (r < 0)
			return r;
		v->has_thread = true;
	}
	return 0;
}

int vcpu_set_reset(struct vcpu_set *s, const struct cpu_entry *entry, struct error **errp)
{
	for (unsigned i = 0; i < s->cnt; i++) {
		struct vcpu *v = &s->vcpu[i];
		int r = vcpu_reset(v, i ? NULL : entry, errp);

		if (r < 0)
			return err_wrap(errp, "resetting CPU %u", i);
		atomic_store(&v->intr, false);
		atomic_store(&v->nmi, false);
		v->halted = false;
		mutex_lock(&s->lock);
		v->ended = false;
		mutex_unlock(&s->lock);
	}
	return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static int set_cpuid(struct vcpu *v, const struct cpuid_table *t, struct error **errp)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[CPUID_MAX_LEAVES];
	} c UNINITIALIZED;
	int r;

	c.head = (struct kvm_cpuid2){ .nent = t->cnt };
	for (unsigned i = 0; i < t->cnt; i++) {
		const struct cpuid_leaf *l = &t->leaf[i];

		c.entry[i] = (struct kvm_cpuid_entry2){ .function = l->function,
							.index = l->index,
							.flags = l->flags,
							.eax = l->eax,
							.ebx = l->ebx,
							.ecx = l->ecx,
							.edx = l->edx };
	}
	r = kvm_ioctl(v->fd, KVM_SET_CPUID2, &c);
	return r < 0 ? err_errno(errp, -r, "KVM refuses the CPUID of CPU %u", v->index) : 0;
}

static int open_vcpu(struct vcpu *v, struct error **errp)
{
	struct vm *vm = v->set->vm;
	void *run;

	v->fd = v->index == 0 && vm->vcpu0_fd >= 0
			? take_fd(&vm->vcpu0_fd)
			: kvm_ioctl_val(vm->fd, KVM_CREATE_VCPU, v->apic_id);
	if (v->fd < 0) {
		err_errno(errp, -v->fd, "cannot create CPU %u", v->index);
		if (v->fd == -EMFILE)
			err_hint(errp, "each CPU needs an open file: raise the limit (ulimit -n)");
		return v->fd;
	}
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return err_errno(errp, errno, "cannot map the state of CPU %u", v->index);
	v->run = run;
	return 0;
}

static int create_one(struct vcpu *v, struct cpuid_table *cpuid, struct error **errp)
{
	int r = open_vcpu(v, errp);

	if (r < 0)
		return r;
	cpuid_patch(cpuid, v->apic_id, &v->set->topo);
	return set_cpuid(v, cpuid, errp);
}

/* APIC ids have gaps where a level of the topology is no power of two, so they can run out first.
 */
static int check_count(struct vm *vm, unsigned cnt, const struct cpu_topology *topo,
		       struct error **errp)
{
	unsigned max = vm_max_vcpus(vm), ids = vm_max_vcpu_ids(vm);
	uint32_t last = cpuid_apic_id(cnt - 1, topo);

	if (cnt > max)
		return err_set(errp, EINVAL, "%u CPUs are more than KVM allows on this host (%u)",
			       cnt, max);
	if (last >= ids)
		return err_set(errp, EINVAL,
			       "the topology of %u sockets, %u cores and %u threads needs APIC ids "
			       "up to %u, and KVM on this host allows %u",
			       topo->sockets, topo->cores, topo->threads, last, ids - 1);
	if (last > 254 && !vm_has_ext_dest_id(vm))
		log_msg(LOG_WARN, "cpu",
			"devices cannot interrupt CPUs with APIC ids above 254 here, so guests may "
			"leave them off%s",
			vm->mode == IRQCHIP_KERNEL ? "; --irqchip split can" : "");
	return 0;
}

int vcpu_set_create(struct vm *vm, unsigned cnt, enum irqchip_mode mode,
		    const struct cpuid_table *cpuid, const struct cpu_topology *topo,
		    struct guest_mem *gm, const struct vcpu_env *env, struct vcpu_set **ret,
		    struct error **errp)
{
	struct sigaction sa = { .sa_handler = on_kick };
	struct cpuid_table patched UNINITIALIZED;
	struct vcpu_set *s;
	int r = check_count(vm, cnt, topo, errp);

	if (r >= 0)
		r = msr_exit_enable(vm, env->msr_policy, errp);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s) + cnt * sizeof(s->vcpu[0]));
	if (!s)
		return err_set(errp, ENOMEM, "cannot allocate %u CPUs", cnt);
	s->vm = vm;
	s->gm = gm;
	s->env = *env;
	s->mode = mode;
	s->topo = *topo;
	cpuid_copy(&s->cpuid, cpuid);
	cpuid_copy(&patched, cpuid);
	s->msrs = (struct msr_reset){ .cpuid = &s->cpuid,
				      .uncached_base = env->uncached_base,
				      .uncached_len = env->uncached_len };
	atomic_init(&s->stop, true);
	mutex_init(&s->lock);
	pthread_cond_init(&s->cond, NULL);
	sigaction(SIG_KICK, &sa, NULL);
	for (unsigned i = 0; i < cnt && r >= 0; i++) {
		struct vcpu *v = &s->vcpu[i];

		*v = (struct vcpu){ .set = s, .index = i, .fd = -1 };
		v->apic_id = cpuid_apic_id(i, topo);
		v->epoch = epoch_slot(env->epoch, i);
		s->cnt++;
		r = create_one(v, &patched, errp);
	}
	if (r < 0) {
		vcpu_set_destroy(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct vcpu_set *vcpu_set_destroy(struct vcpu_set *s)
{
	if (!s)
		return NULL;
	mutex_lock(&s->lock);
	s->quit = true;
	mutex_unlock(&s->lock);
	vcpu_set_kick_stop(s);
	mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->cond);
	mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->cnt; i++) {
		struct vcpu *v = &s->vcpu[i];

		if (v->has_thread)
			pthread_join(v->thread, NULL);
		if (v->run)
			munmap(v->run, s->vm->run_size);
		base_closep(&v->fd);
		vcpu_trace_free(v);
	}
	pthread_cond_destroy(&s->cond);
	mutex_destroy(&s->lock);
	free(s);
	return NULL;
}
