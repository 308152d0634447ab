/* SPDX-License-Identifier: MIT */
/* machine.c: a machine's life: built row by row, run to its end, torn down in reverse. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/process.h"
#include "core/thread.h"
#include "machine/layout.h"
#include "machine/machine_debug.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* How long a reader of our output may make no progress before we leave without it. */
#define OUTPUT_PATIENCE_MS 2000

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- parts of the construction ---------------------------------------------------------------- */

void machine_add_device(struct machine *m, struct device *d)
{
	d->number = m->devices ? (uint16_t)(m->devices->number + 1) : 0;
	d->next = m->devices;
	m->devices = d;
}

int machine_map_pio(struct machine *m, struct device *d, unsigned index, uint16_t base,
		    struct error **errp)
{
	return bus_map(m->pio, &d->regions[index], base, errp);
}

int machine_map_mmio(struct machine *m, struct device *d, unsigned index, gpa_t base,
		     struct error **errp)
{
	return bus_map(m->mmio, &d->regions[index], base, errp);
}

static int open_boot(struct machine *m, struct error **errp)
{
	const struct vm_config *c = m->config;
	struct boot_config b = {
		.kernel = c->boot.kernel,
		.initrd = (const char *const *)c->boot.initrd.v,
		.initrd_cnt = c->boot.initrd.cnt,
		.segment = c->boot.segment,
		.cmdline = c->boot.cmdline,
		.protocol = c->boot.protocol,
		.unpack = c->boot.unpack,
		.cache_dir = c->boot.cache_dir && *c->boot.cache_dir ? c->boot.cache_dir : NULL,
		.load_addr = c->boot.load_addr,
		.entry = c->boot.entry,
	};
	int r = boot_open(&b, &m->boot, errp);
	struct boot_info info;

	if (r < 0)
		return r;
	info = boot_info(m->boot);
	m->cmdline = hints_apply(c, &info);
	if (!m->cmdline)
		return err_set(errp, ENOMEM, "cannot build the command line");
	/* Where both do not fit, it is not the user's own that gives way. */
	if (boot_set_cmdline(m->boot, m->cmdline, NULL) == 0)
		return 0;
	free(m->cmdline);
	m->cmdline = strdup(c->boot.cmdline ? c->boot.cmdline : "");
	if (!m->cmdline)
		return err_set(errp, ENOMEM, "cannot build the command line");
	return boot_set_cmdline(m->boot, m->cmdline, errp);
}

static int create_buses(struct machine *m, struct error **errp)
{
	m->epoch = epoch_create(m->config->cpu.count, errp);
	if (m->epoch)
		m->pio = bus_create("port", 0x10000, m->epoch, errp);
	if (m->pio)
		m->mmio = bus_create("memory", 0, m->epoch, errp);
	return m->mmio ? 0 : -ENOMEM;
}

static int create_loops(struct machine *m, struct error **errp)
{
	m->main_loop = loop_create("main", errp);
	if (m->main_loop)
		m->io_loop = loop_create("io", errp);
	if (!m->io_loop)
		return -ENOMEM;
	machine_trace_init(m);
	return requests_init(m, errp);
}

static int build_cpuid(struct machine *m, struct cpuid_table *ret, struct error **errp)
{
	const struct vm_config *c = m->config;
	struct cpuid_table supported UNINITIALIZED;
	struct cpuid_request rq = { .model = c->cpu.model, .topo = m->topo };
	bool apic = c->board.irqchip != IRQCHIP_USER;
	int r = vm_supported_cpuid(m->vm, &supported, errp);

	if (r < 0)
		return r;
	m->tsc_khz = vm_tsc_khz(m->vm);
	rq.tsc_khz = m->tsc_khz;
	rq.apic = apic;
	rq.tsc_deadline = apic && vm_has_tsc_deadline(m->vm);
	rq.msi_ext_dest_id = vm_has_ext_dest_id(m->vm);
	rq.max_apic_id = cpuid_apic_id(c->cpu.count - 1, &m->topo);
	return cpuid_build(&supported, &rq, ret, errp);
}

/* --- what vCPUs call -------------------------------------------------------------------------- */

static void on_cpu_ended(void *opaque, unsigned cpu, enum vcpu_end why, uint64_t detail)
{
	machine_request(opaque,
			&(struct request){
				.kind = REQ_CPU_ENDED, .cpu = cpu, .why = why, .detail = detail });
}

static void on_debug_hit(void *opaque)
{
	machine_debug_hit(opaque);
}

static int create_cpus(struct machine *m, const struct cpuid_table *cpuid, struct error **errp)
{
	struct vcpu_env env = {
		.pio = m->pio,
		.mmio = m->mmio,
		.epoch = m->epoch,
		.opaque = m,
		.ended = on_cpu_ended,
		.pic_ack = machine_pic_ack,
		.ioapic_eoi = machine_ioapic_eoi,
		.debug_hit = on_debug_hit,
		.uncached_base = LAYOUT_RAM_LOW_MAX,
		.uncached_len = LAYOUT_RAM_HIGH - LAYOUT_RAM_LOW_MAX,
		.msr_policy = m->config->cpu.msr,
	};

	return vcpu_set_create(m->vm, m->config->cpu.count, m->config->board.irqchip, cpuid,
			       &m->topo, m->gm, &env, &m->cpus, errp);
}

static int create_devices(struct machine *m, struct error **errp)
{
	for (unsigned i = 0; i < pc_device_cnt; i++) {
		const struct dev_row *row = &pc_devices[i];

		if (row->wanted && !row->wanted(m->config))
			continue;
		if (row->create(m, m->config, errp) < 0)
			return err_wrap(errp, "building %s", row->id);
	}
	return 0;
}

static int build_tables(struct machine *m, struct error **errp)
{
	const struct vm_config *c = m->config;
	int r = 0;

	if (c->board.acpi)
		r = acpi_build(&m->board, LAYOUT_RSDP, LAYOUT_ACPI, LAYOUT_ACPI_LEN, &m->acpi,
			       errp);
	if (r >= 0 && c->board.acpi && c->dump.acpi_dir)
		r = acpi_dump(&m->acpi, c->dump.acpi_dir, errp);
	return r;
}

static int build(struct machine *m, struct error **errp)
{
	struct cpuid_table cpuid UNINITIALIZED;
	int r = open_boot(m, errp);

	if (r >= 0)
		r = create_loops(m, errp);
	if (r >= 0)
		r = create_buses(m, errp);
	if (r >= 0)
		r = vm_open(&m->vm, errp);
	if (r >= 0)
		r = vm_create_irqchip(m->vm, m->config->board.irqchip, errp);
	if (r >= 0)
		r = build_cpuid(m, &cpuid, errp);
	if (r >= 0)
		r = machine_describe(m, errp);
	if (r >= 0)
		r = machine_place_memory(m, &cpuid, errp);
	if (r >= 0)
		r = machine_init_dirty_log(m, errp);
	if (r >= 0)
		r = vm_set_memory(m->vm, m->gm, errp);
	if (r >= 0)
		r = create_cpus(m, &cpuid, errp);
	if (r >= 0)
		r = create_devices(m, errp);
	if (r >= 0)
		r = build_tables(m, errp);
	if (r >= 0)
		r = machine_reset(m, errp);
	if (r >= 0 && m->config->dump.dtb)
		r = machine_dump_dtb(m, errp);
	if (r >= 0)
		r = machine_add_gdb(m, errp);
	return r;
}

/* --- the three calls -------------------------------------------------------------------------- */

int machine_create(const struct vm_config *c, struct machine **ret, struct error **errp)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(errp, ENOMEM, "cannot allocate a machine");
	m->config = c;
	m->created_ns = monotonic_ns();
	m->signals.fd = m->ram_lost.fd = m->host_clock.fd.fd = -1;
	m->topo = (struct cpu_topology){ c->cpu.sockets, c->cpu.cores, c->cpu.threads };
	mutex_init(&m->request_lock);
	r = build(m, errp);
	if (r < 0) {
		machine_destroy(m);
		return r;
	}
	*ret = m;
	return 0;
}

static int start_devices(struct machine *m, struct error **errp)
{
	for (struct device *d = m->devices; d; d = d->next)
		if (d->ops->start && d->ops->start(d, errp) < 0)
			return err_wrap(errp, "starting %s", d->id);
	/* Who gets standard input is who names it; COM1 does so by default, and comes last. */
	if (virtio_console_start(m, errp) < 0)
		return err_wrap(errp, "starting the virtio console");
	for (unsigned i = 0; i < CONFIG_SERIALS; i++)
		if (m->serial[i].host && console_start(m->serial[i].host, errp) < 0)
			return err_wrap(errp, "starting serial%u", i);
	if (iothreads_start(m, errp) < 0)
		return err_wrap(errp, "starting I/O threads");
	/*
	 * Consoles and chip timers are light work: they share the main thread. What waits for its
	 * loop from a vCPU, as a disk's reset does, must not: it gets a thread of its own.
	 */
	return loop_start_hosted(m->io_loop, m->main_loop, errp);
}

/* Nothing of the guest's runs any more after this; output that was accepted has been written. */
static void stop_devices(struct machine *m)
{
	uint64_t dropped, sum = 0;

	vcpu_set_pause(m->cpus);
	requests_stop(m);
	atomic_store(&m->stopping, true);
	if (m->filling)
		pthread_join(m->cache_thread, NULL);
	m->filling = false;
	loop_stop(m->io_loop);
	virtio_console_finish(m);
	for (struct device *d = m->devices; d; d = d->next)
		if (d->ops->stop)
			d->ops->stop(d);
	iothreads_stop(m);
	sum += virtio_console_close(m, OUTPUT_PATIENCE_MS);
	for (unsigned i = 0; i < CONFIG_SERIALS; i++) {
		m->serial[i].host = console_close(m->serial[i].host, OUTPUT_PATIENCE_MS, &dropped);
		sum += dropped;
	}
	m->debugcon = console_close(m->debugcon, OUTPUT_PATIENCE_MS, &dropped);
	sum += dropped;
	if (sum)
		log_msg(LOG_WARN, "console",
			"%llu bytes of guest output were lost: nobody read them",
			(unsigned long long)sum);
}

/* By then the machine has settled: what is touched again is what running a guest takes. */
#define SETTLED_NS NSEC_PER_SEC

static void *fill_cache(void *arg)
{
	struct machine *m = arg;

	boot_fill_cache(m->boot, &m->stopping);
	process_drop_startup_pages();
	return NULL;
}

static void on_settled(struct ev_timer *t)
{
	(void)t;
	process_drop_startup_pages();
}

/* A guest that has lived this long is worth some work for the next one; one that only boots is not
 * made to pay it. */
#define ESTABLISHED_NS (5 * NSEC_PER_SEC)

static void on_established(struct ev_timer *t)
{
	struct machine *m = container_of(t, struct machine, established);

	/* A cache that cannot be filled for want of a thread is filled by a later guest. */
	m->filling = boot_wants_cache(m->boot) &&
		     thread_start(&m->cache_thread, "cache", fill_cache, m, NULL) == 0;
}

int machine_run(struct machine *m, struct verdict *ret, struct error **errp)
{
	int r;

	timer_init(&m->settled, loop_clock(m->main_loop), on_settled);
	timer_init(&m->established, loop_clock(m->main_loop), on_established);
	r = start_devices(m, errp);
	if (r < 0) {
		stop_devices(m);
		return r;
	}
	r = machine_trace_start(m, errp);
	if (r < 0) {
		stop_devices(m);
		return r;
	}
	m->started_ns = monotonic_ns();
	timer_arm(&m->settled, vclock_now(m->settled.clock) + SETTLED_NS);
	timer_arm(&m->established, vclock_now(m->established.clock) + ESTABLISHED_NS);
	if (m->config->end.timeout_ns)
		timer_arm(&m->timeout, vclock_now(m->timeout.clock) + m->config->end.timeout_ns);
	machine_go_on(m);
	r = vcpu_set_start(m->cpus, errp);
	if (r < 0) {
		stop_devices(m);
		machine_trace_finish(m);
		return r;
	}
	loop_run(m->main_loop);
	m->ended_ns = monotonic_ns();
	machine_close_gdb(m);
	stop_devices(m);
	machine_trace_finish(m);
	if (m->run_error) {
		r = -error_code(m->run_error);
		if (errp)
			*errp = take_ptr(m->run_error);
		return r;
	}
	*ret = m->verdict;
	return 0;
}

struct loop *machine_loop(struct machine *m)
{
	return m->main_loop;
}

const char *machine_crash_report(const struct machine *m)
{
	return m->crash_report;
}

static void close_consoles(struct machine *m)
{
	for (unsigned i = 0; i < CONFIG_SERIALS; i++)
		m->serial[i].host = console_close(m->serial[i].host, 0, NULL);
	m->debugcon = console_close(m->debugcon, 0, NULL);
	virtio_console_close(m, 0);
}

void machine_leave(struct machine *m)
{
	for (struct device *d = m->devices; d; d = d->next) {
		if (d->ops->leave)
			d->ops->leave(d);
	}
}

struct machine *machine_destroy(struct machine *m)
{
	if (!m)
		return NULL;
	machine_close_gdb(m);
	machine_trace_finish(m);
	vcpu_set_destroy(m->cpus);
	m->cpus = NULL;
	machine_unwatch(m);
	if (m->io_loop)
		loop_stop(m->io_loop);
	close_consoles(m);
	for (struct device *d = m->devices, *next; d; d = next) {
		next = d->next;
		if (d->ops->stop)
			d->ops->stop(d);
		d->ops->destroy(d);
	}
	interrupts_destroy(m);
	acpi_free(&m->acpi);
	loop_destroy(m->io_loop);
	iothreads_destroy(m);
	machine_trace_free(m);
	boot_close(m->boot);
	vm_close(m->vm);
	gm_destroy(m->gm);
	bus_destroy(m->mmio);
	bus_destroy(m->pio);
	epoch_destroy(m->epoch);
	loop_destroy(m->main_loop);
	base_closep(&m->signals.fd);
	base_closep(&m->ram_lost.fd);
	host_clock_close(&m->host_clock);
	mutex_destroy(&m->request_lock);
	error_free(m->run_error);
	free(m->crash_report);
	free(m->dirty);
	free(m->debug);
	free(m->disk);
	free(m->net);
	free(m->virtio);
	free(m->apic_ids);
	free(m->cmdline);
	free(m);
	return NULL;
}
