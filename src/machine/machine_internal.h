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
struct i8259;
struct ioapic;
struct mc146818;

/* A serial port's way out: what the guest writes passes the watch, then the host end. */
struct serial_port {
	struct machine *machine;
	struct chardev *host; /* owned; NULL: no such port */
	struct console_watch watch;
};

struct machine {
	const struct vm_config *config;

	/* The host's side. */
	struct loop *main_loop, *io_loop;
	struct vm *vm;
	struct vcpu_set *cpus;
	struct epoch *epoch;
	struct bus *pio, *mmio;
	struct guest_mem *gm;
	struct chardev *debugcon;
	struct serial_port serial[CONFIG_SERIALS];

	/* The guest's side. */
	struct device *devices; /* newest first: the order of teardown */
	struct irq_fan isa[16];
	struct irq_line *irq[16]; /* what an ISA device drives */
	struct i8259 *pic;
	struct ioapic *ioapic;
	struct acpi_pm *pm;
	struct power_sink power;

	/* What it boots and how it is described. */
	struct boot *boot;
	char *cmdline;
	struct board board;
	uint32_t *apic_ids;
	struct cpu_topology topo;
	uint32_t tsc_khz;
	struct acpi_tables acpi;

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

/* pc.c: the interrupt controllers' side of struct vcpu_env; @machine is a struct machine. */
int machine_pic_ack(void *machine);
void machine_ioapic_eoi(void *machine, uint8_t vector);

/* Adds a device that has just been created to the machine, which owns it from now on. */
void machine_add_device(struct machine *m, struct device *d);
/* Maps region @index of @d at port (or address) @base. */
int machine_map_pio(struct machine *m, struct device *d, unsigned index, uint16_t base,
		    struct error **errp) __must_check;
int machine_map_mmio(struct machine *m, struct device *d, unsigned index, gpa_t base,
		     struct error **errp) __must_check;

/* requests.c: anything that ends or restarts the run. Any thread. */
void machine_request(struct machine *m, const struct request *r);
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

#endif
