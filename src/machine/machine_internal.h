/* SPDX-License-Identifier: MIT */
/* machine_internal.h: what the files of src/machine/ share. */
#ifndef MACHINE_INTERNAL_H
#define MACHINE_INTERNAL_H

#include <stdatomic.h>

#include "machine/host_clock.h"
#include "machine/judge.h"
#include "vmm/board.h"
#include "vmm/boot.h"
#include "vmm/bus.h"
#include "vmm/console.h"
#include "vmm/console_watch.h"
#include "vmm/cpuid.h"
#include "vmm/device.h"
#include "vmm/epoch.h"
#include "vmm/irq.h"
#include "vmm/lock.h"
#include "vmm/loop.h"
#include "vmm/machine.h"
#include "vmm/power.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

struct acpi_pm;
struct machine_debug;
struct machine_gdb;
struct i8259;
struct ioapic;
struct iothread;
struct mc146818;
struct pci_bus;
struct tracer;
struct virtio_blk;
struct virtio_console;
struct virtio_device;
struct virtio_net;

/* A serial port's way out: what the guest writes passes the watch, then the host end. */
struct serial_port {
	struct machine *machine;
	struct chardev *host; /* owned; NULL: no such port */
	struct console_watch watch;
};

/* A file that is guest memory. */
struct pmem_file {
	struct guest_mem *gm;
	gpa_t base;
	uint64_t len;
};

struct machine {
	const struct vm_config *config;

	/* The host's side. */
	struct loop *main_loop, *io_loop;
	struct iothread *iothreads;
	struct vm *vm;
	struct vcpu_set *cpus;
	struct epoch *epoch;
	struct bus *pio, *mmio;
	struct guest_mem *gm;
	struct chardev *debugcon;
	struct serial_port serial[CONFIG_SERIALS];
	struct serial_port hvc;             /* port 0 of the virtio console */
	struct chardev *port[CONFIG_PORTS]; /* its others, as configured; owned */

	/* The guest's side. */
	struct device *devices; /* newest first: the order of teardown */
	struct irq_fan isa[16];
	struct irq_line *irq[16]; /* what an ISA device drives */
	struct gsi_wire *gsi[24]; /* interrupts.c: level-triggered, shared; NULL: not in use */
	struct pci_bus *pci;      /* NULL: none */
	struct irq_fan intx[4];
	unsigned virtio_mmio_cnt;
	struct virtio_device **virtio; /* virtio_cnt; all there are, on the list as well */
	unsigned virtio_cnt;
	struct i8259 *pic;
	struct ioapic *ioapic;
	struct acpi_pm *pm;
	struct virtio_blk **disk; /* disk_cnt; the devices are on the list as well */
	unsigned disk_cnt;
	struct virtio_net **net; /* net_cnt; likewise */
	unsigned net_cnt;
	struct virtio_console *vconsole;     /* on the list, too */
	struct pmem_file pmem[CONFIG_PMEMS]; /* as configured */
	gpa_t memory_end;                    /* behind RAM and files above 4 GiB */
	struct power_sink power;
	struct dirty_log *dirty; /* NULL: not wanted */

	/* What it boots and how it is described. */
	struct boot *boot;
	char *cmdline;
	struct board board;
	uint32_t *apic_ids;
	struct cpu_topology topo;
	unsigned address_bits; /* of guest-physical addresses */
	uint32_t tsc_khz;
	struct acpi_tables acpi;

	struct trace_machine *watched; /* NULL: nobody watches it by machine_watch() */
	struct machine_debug *debug;   /* NULL: it cannot be debugged */
	struct machine_gdb *gdb;       /* NULL: no --gdb */

	/* The run. */
	struct mutex request_lock;
	struct request request GUARDED_BY(request_lock);
	struct ev_work request_work;
	struct ev_fd signals, ram_lost;
	struct host_clock host_clock;
	struct ev_timer timeout, grace, panic_linger, settled, established;
	bool term_seen;           /* main loop: SIGTERM has pressed the power button */
	_Atomic bool panic_seen;  /* since the last reset */
	char panic_line[160];     /* written before panic_seen is set */
	_Atomic bool crashloaded; /* has been logged */
	pthread_t cache_thread;   /* fills the cache of unpacked kernels, if filling */
	bool filling;
	_Atomic bool stopping;
	struct tracer *tracer; /* NULL: nobody wants to know */
	struct ev_work trace_work;
	unsigned resets;
	bool over; /* main loop: the verdict, or run_error, stands */
	struct verdict verdict;
	char *crash_report;
	struct error *run_error;                   /* why it could not go on */
	uint64_t created_ns, started_ns, ended_ns; /* CLOCK_MONOTONIC */
};

/* One row per part of the board: construction order; teardown is the reverse. */
struct dev_row {
	const char *id;
	int (*create)(struct machine *m, const struct vm_config *c, struct error **errp);
	bool (*wanted)(const struct vm_config *c); /* NULL: always */
};
extern const struct dev_row pc_devices[];
extern const unsigned pc_device_cnt;

/* Adds a device that has just been created to the machine, which owns it from now on. */
void machine_add_device(struct machine *m, struct device *d);
/* Maps region @index of @d at port (or address) @base. */
int machine_map_pio(struct machine *m, struct device *d, unsigned index, uint16_t base,
		    struct error **errp) __must_check;
int machine_map_mmio(struct machine *m, struct device *d, unsigned index, gpa_t base,
		     struct error **errp) __must_check;

/* interrupts.c: the interrupt controllers' side of struct vcpu_env; @machine is a struct machine.
 */
int machine_pic_ack(void *machine);
void machine_ioapic_eoi(void *machine, uint8_t vector);

/* interrupts.c: fills m->irq. After the controllers. */
void machine_wire_isa(struct machine *m);
/*
 * interrupts.c: a new end of the level-triggered wire of global system interrupt @gsi, which its
 * users share (wired OR). Below 16 it also reaches the 8259. For PCI INTx and virtio-mmio. -ENODEV
 * for one of an IOAPIC that is not there.
 */
int machine_gsi_input(struct machine *m, unsigned gsi, struct irq_line **ret,
		      struct error **errp) __must_check;

/* interrupts.c: after a reset, what firmware leaves behind: shared interrupts are level-triggered.
 */
int interrupts_firmware(struct machine *m, struct error **errp) __must_check;
void interrupts_destroy(struct machine *m);

/* pci.c: is there a PCI bus? And the rows of pc.c: the bridge; when all is plugged in, what the
 * tables say of it. */
bool machine_wants_pci(const struct vm_config *c);
int machine_add_pci(struct machine *m, const struct vm_config *c, struct error **errp) __must_check;
int machine_describe_pci(struct machine *m, const struct vm_config *c,
			 struct error **errp) __must_check;

/*
 * iothreads.c: the loop of I/O thread @name, a new one if there is none yet (NULL: always a new
 * one, named after @dev_id). Started and ended with the machine.
 */
#define IOTHREAD_SHARED "virtio" /* of devices with little to do */
int machine_iothread(struct machine *m, const char *name, const char *dev_id, struct loop **ret,
		     struct error **errp) __must_check;
/* The threads themselves: from the devices' start to their stop; gone after their end. */
int iothreads_start(struct machine *m, struct error **errp) __must_check;
void iothreads_stop(struct machine *m);
void iothreads_destroy(struct machine *m);

/* disks.c: the row of pc.c; and SIGUSR1: images may have changed their size. Main loop. */
int machine_add_disks(struct machine *m, const struct vm_config *c,
		      struct error **errp) __must_check;
void machine_look_at_disks(struct machine *m);

/* nets.c: a row of pc.c. */
int machine_add_nets(struct machine *m, const struct vm_config *c,
		     struct error **errp) __must_check;

/* vsock.c: a row of pc.c. */
int machine_add_vsock(struct machine *m, const struct vm_config *c,
		      struct error **errp) __must_check;

/* shares.c: a row of pc.c. */
int machine_add_shares(struct machine *m, const struct vm_config *c,
		       struct error **errp) __must_check;

/* lab_device.c: a row of pc.c. */
int machine_add_lab_device(struct machine *m, const struct vm_config *c,
			   struct error **errp) __must_check;

/* dirty_log.c: what --dirty-log wants, before KVM is told of memory; and when the guest has written
 * @code to the POST port, on its vCPU's thread; @machine is a struct machine. */
int machine_init_dirty_log(struct machine *m, struct error **errp) __must_check;
void machine_end_round(void *machine, uint8_t code, uint16_t dev);

/* rng.c: a row of pc.c. */
int machine_add_rng(struct machine *m, const struct vm_config *c, struct error **errp) __must_check;

/*
 * virtio_console.c: the row of pc.c, and what becomes of its chardevs. Their input is read on the
 * device's I/O thread: started before that runs, drained and closed when it no longer does.
 */
int machine_add_virtio_console(struct machine *m, const struct vm_config *c,
			       struct error **errp) __must_check;
int virtio_console_start(struct machine *m, struct error **errp) __must_check;
/* Hands on what the guest has written to ports; before devices are stopped. */
void virtio_console_finish(struct machine *m);
/* Returns the bytes that were lost. */
uint64_t virtio_console_close(struct machine *m, unsigned patience_ms);

/*
 * pmem.c: maps the files of --pmem behind RAM, and m->memory_end is behind them, before KVM is told
 * of memory; @phys_bits: of a guest-physical address. And the row of pc.c.
 */
int machine_place_pmem(struct machine *m, unsigned phys_bits, struct error **errp) __must_check;
int machine_add_pmem(struct machine *m, const struct vm_config *c,
		     struct error **errp) __must_check;

/* gdb.c: --gdb, if it was said. Who is connected when it closes is told how the guest ended. */
int machine_add_gdb(struct machine *m, struct error **errp) __must_check;
void machine_close_gdb(struct machine *m);

/* pc.c: a console for the guest's kernel, with the keys of one, or a stream of data. */
int machine_open_console(struct machine *m, const char *id, const char *spec, struct loop *loop,
			 bool data, struct chardev **ret, struct error **errp) __must_check;
void machine_watch_console(struct serial_port *p, struct machine *m);

/* virtio.c: puts @v on the board over the transport that is configured. Device and transport are
 * the machine's from now on, on error too. */
int machine_add_virtio(struct machine *m, struct virtio_device *v,
		       struct error **errp) __must_check;

/*
 * trace.c: --trace and --trace-out, from before the first entry to after the last. Start does
 * nothing if neither is asked for; finish says what there is to say, once; free comes when no
 * thread of the machine's is left. Main thread.
 */
int machine_trace_start(struct machine *m, struct error **errp) __must_check;
void machine_trace_finish(struct machine *m);
void machine_trace_free(struct machine *m);
/* Ctrl-A t: what has been so far; or, if nobody counts yet, counting begins. Any thread, after
 * init. */
void machine_trace_init(struct machine *m);
void machine_trace_key(struct machine *m);

/* watch.c: what machine_watch() began ends. No vCPU is left. */
void machine_unwatch(struct machine *m);

/* requests.c: anything that ends or restarts the run. Any thread. */
void machine_request(struct machine *m, const struct request *r);
bool machine_has_request(struct machine *m);
/* The vCPUs run again, unless a request waits or a debugger wants them to stand. Main loop. */
void machine_go_on(struct machine *m);
/* The run ends with @v. Main loop. */
void machine_end(struct machine *m, const struct verdict *v);
int requests_init(struct machine *m, struct error **errp) __must_check;
void requests_stop(struct machine *m);
/* The console shows a panic (any thread), and the end of one. */
void machine_saw_panic(struct machine *m, const char *line);
void machine_saw_panic_end(struct machine *m);

/* board.c: fills m->board from the configuration, before the devices add theirs. */
int machine_describe(struct machine *m, struct error **errp) __must_check;
/* board.c: allocates guest RAM and places it as machine_describe() says. @cpuid: the guest's. */
int machine_place_memory(struct machine *m, struct cpuid_table *cpuid,
			 struct error **errp) __must_check;

/* board.c: --dump-dtb. After machine_reset(), as the initrd's place is in the tree. */
int machine_dump_dtb(struct machine *m, struct error **errp) __must_check;

/* reset.c: guest RAM, chips and CPUs into the state at power-on, kernel loaded. No vCPU runs. */
int machine_reset(struct machine *m, struct error **errp) __must_check;

/*
 * hints.c: the command line the kernel gets: ours first, so that the user's own wins, and none of
 * which the user has already said something about. The caller frees.
 */
char *hints_apply(const struct vm_config *c, const struct boot_info *info);
/* The same for one @param that became known later, and the command line so far. */
char *hints_prepend(const struct vm_config *c, const struct boot_info *info, const char *param,
		    const char *cmdline);

#endif
