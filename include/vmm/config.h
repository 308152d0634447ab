/* SPDX-License-Identifier: MIT */
/*
 * config.h: a VM's configuration, the one struct that options, config files and the machine share.
 * The option table that fills it is in options.h.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include "vmm/boot.h"
#include "vmm/guestmem.h"
#include "vmm/msr.h"

struct error;

enum irqchip_mode { IRQCHIP_SPLIT, IRQCHIP_KERNEL, IRQCHIP_USER };

struct str_list {
	char **v; /* cnt strings, and the array itself, from malloc */
	unsigned cnt;
};

#define CONFIG_SERIALS 4

struct vm_config {
	char *name; /* for messages and thread names; default "vm" */
	struct {
		char *kernel;           /* -k */
		struct str_list initrd; /* -i, may repeat */
		char *cmdline;          /* -p, repeats are joined by spaces */
		bool hints;             /* --no-hints clears */
		bool unpack;            /* --no-unpack clears */
		char *cache_dir;        /* --cache-dir; NULL: $XDG_CACHE_HOME/trapeze; "": none */
		enum boot_protocol protocol;
		uint64_t load_addr, entry;
	} boot;
	struct {
		/* 0: worked out by config_check(), after which none is 0 and the
		 * product is count. */
		unsigned count;                   /* -c N */
		unsigned sockets, cores, threads; /* cores per socket, threads per core */
		char *model;                      /* --cpu */
		enum msr_policy msr;              /* --msr */
	} cpu;
	struct {
		uint64_t size;            /* -m */
		enum ram_backing backing; /* --mem-backing anon|memfd|file */
		char *path;               /* --mem-path */
		enum ram_pages pages;     /* --hugepages off|thp|2M|1G */
		bool prefault, mergeable;
	} mem;
	struct {
		enum irqchip_mode irqchip;
		bool acpi;    /* --no-acpi clears */
		bool mptable; /* --mptable */
		bool fdt;     /* --no-fdt clears: device tree by setup_data */
	} board;
	char *serial[CONFIG_SERIALS]; /* "stdio", "null", "none" (no port), "file:PATH", "pty" */
	bool debugcon_set;
	char *debugcon;           /* port 0xe9: same grammar as serial; default "stdio" */
	uint16_t debug_exit_port; /* 0: none; default 0xf4; width 4 */
	struct {
		bool no_reboot;
		uint64_t timeout_ns; /* 0: none */
		bool panic_watch;    /* --no-panic-watch clears */
	} end;
	struct {
		/* --dump-acpi, --dump-dtb: write and go on (or exit with --dry-run). */
		char *acpi_dir, *dtb;
		bool dry_run; /* build everything, print it, run nothing */
	} dump;
	char *log_file;
	unsigned log_level; /* 0 errors .. 3 debug */
	bool stats;         /* --stats: how it ended and what it cost, on stderr */
	bool quiet;         /* --quiet: neither the banner nor the line on how it ended */
};

void config_init(struct vm_config *c); /* defaults */
void config_free(struct vm_config *c); /* accepts a zeroed struct */
/*
 * Works out what was left open (CPU count and topology) and checks the rules between fields
 * (topology product, irqchip user needs 1 CPU, ...). The message names the options.
 */
int config_check(struct vm_config *c, struct error **errp) __must_check;

#endif
