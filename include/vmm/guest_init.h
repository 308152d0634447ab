/* SPDX-License-Identifier: MIT */
/*
 * guest_init.h: what the host and firmware/init, the first process of a guest that runs one
 * command, say to each other. Both sides include this file; it needs no C library. Everything is
 * little-endian, as both are x86-64, and of fixed size.
 *
 * Before the boot: the host appends a cpio segment (vmm/guest_segment.h) to the guest's initramfs.
 * In it are the init and GUEST_INIT_CONFIG: a struct guest_init_config and its strings.
 *
 * While it runs: four ports of a virtio console. Three are the command's standard streams, byte for
 * byte, and nothing but that. The fourth, GUEST_INIT_PORT_CONTROL, carries struct guest_init_record
 * both ways:
 *
 *	guest to host   HELLO  the init runs and has its ports
 *	                START  the command is about to be executed
 *	                END    how it ended; its output was written to the ports before
 *	                DOWN   file systems are written, the power goes off next
 *	host to guest   GO, STDIN_END, SIGNAL
 *
 * The end of standard input is said in either of two ways: by STDIN_END, which says how many bytes
 * there were, or by the port's host end closing after it was seen open (PORT_OPEN 0). The first is
 * exact whatever is slow; the second also misses one who came and went before the init looked.
 *
 * The end of output is END's out_len: so many bytes went to each port. Ports are not ordered among
 * each other, so END may come before the last of them.
 *
 * A kernel without the driver, or a machine without the ports: records go out on COM1 instead, see
 * GUEST_INIT_SERIAL_BEGIN, and the command's output with them, as records of the types OUT and ERR.
 * There is no standard input then. The exit status is also written to the debug-exit port, if
 * GUEST_INIT_F_DEBUG_EXIT says that it is one.
 *
 * A run that has no END has no verdict, however it ended: a guest that powers off on its own, or
 * whose kernel panics, has not passed.
 */
#ifndef VMM_GUEST_INIT_H
#define VMM_GUEST_INIT_H

#include <stddef.h>
#include <stdint.h>

/* Grows when anything below changes its meaning. Both sides refuse another one. */
#define GUEST_INIT_VERSION 1u

/* --- names ------------------------------------------------------------------------------------ */

#define GUEST_INIT_DIR    "/.trapeze" /* all of it is in there; the init removes it */
#define GUEST_INIT_CONFIG GUEST_INIT_DIR "/config"
#define GUEST_INIT_TREE   GUEST_INIT_DIR "/root" /* the root of GUEST_ROOT_TREE */
#define GUEST_INIT_PATH   "/init"                /* unless rdinit= says otherwise */

#define GUEST_INIT_PORT_CONTROL "org.trapeze.control"
#define GUEST_INIT_PORT_STDIN   "org.trapeze.stdin"
#define GUEST_INIT_PORT_STDOUT  "org.trapeze.stdout"
#define GUEST_INIT_PORT_STDERR  "org.trapeze.stderr"

/* A port as QEMU's isa-debug-exit has it: V ends the run with the status (V << 1) | 1. */
#define GUEST_INIT_DEBUG_EXIT 0xf4

/* --- the configuration ------------------------------------------------------------------------ */

#define GUEST_INIT_CONFIG_MAGIC 0x635a5054u /* "TPZc" */
#define GUEST_INIT_CONFIG_MAX   (4u << 20)  /* bytes, the strings included */

enum guest_init_root {
	GUEST_ROOT_INITRAMFS, /* as the kernel unpacked it */
	GUEST_ROOT_TREE,      /* GUEST_INIT_TREE of the initramfs */
	GUEST_ROOT_DISK,      /* a block device, GUEST_STR_ROOT_SOURCE, which may take a while */
	GUEST_ROOT_SHARE,     /* what a file system calls it: a virtiofs or 9p tag */
};

/* guest_init_config.flags */
#define GUEST_INIT_F_NO_STDIN   (1u << 0) /* the command reads /dev/null */
#define GUEST_INIT_F_OVERLAY    (1u << 1) /* what is written to the root stays in guest RAM */
#define GUEST_INIT_F_COMMIT     (1u << 2) /* mount the root for writing; DOWN says that it is safe */
#define GUEST_INIT_F_DEBUG_EXIT (1u << 3) /* GUEST_INIT_DEBUG_EXIT is what it says */
#define GUEST_INIT_F_WAIT_GO    (1u << 4) /* do not start the command before GO */
#define GUEST_INIT_F_CGROUP     (1u << 5) /* mount cgroup2 at /sys/fs/cgroup */
#define GUEST_INIT_F_ALL        0x3fu

/*
 * What follows the header, each ending in NUL: the strings of enum guest_init_string; arg_cnt
 * arguments; env_cnt variables; four strings a mount: source, target, type, options; module_cnt
 * modules, files of the initramfs to be loaded in this order before anything else, of which those
 * that are missing are passed over.
 */
enum guest_init_string {
	GUEST_STR_CWD,          /* of the command; "": / */
	GUEST_STR_HOSTNAME,     /* "": as it is */
	GUEST_STR_ROOT_SOURCE,  /* /dev/vda, or the tag */
	GUEST_STR_ROOT_TYPE,    /* file system; "": found out */
	GUEST_STR_ROOT_OPTIONS, /* as mount -o has them */
	GUEST_STR_CNT,
};
#define GUEST_INIT_MOUNT_STRINGS 4u

struct guest_init_config {
	uint32_t magic, version;
	uint32_t len; /* of it all */
	uint32_t crc; /* CRC-32C of it all, as if this were 0 */
	uint32_t flags;
	uint32_t root; /* enum guest_init_root */
	uint32_t arg_cnt, env_cnt, mount_cnt, module_cnt;
	uint32_t port_wait_ms; /* how long the ports may take to appear, where there is a device */
	uint32_t device_wait_ms; /* and the root's block device */
	/*
	 * Once the command has ended, how long to listen to others who hold its output open; and
	 * what they then have between SIGTERM and SIGKILL. What was written before the command
	 * ended is delivered, however long that takes.
	 */
	uint32_t grace_ms;
	uint32_t reserved[3]; /* 0 */
};
_Static_assert(sizeof(struct guest_init_config) == 64, "the host and the guest agree");

/* --- records ---------------------------------------------------------------------------------- */

#define GUEST_INIT_RECORD_MAGIC 0x725a5054u /* "TPZr" */

enum guest_record_type {
	GUEST_RECORD_HELLO = 1, /* number: 1 if the ports are used, 0 if COM1 is */
	GUEST_RECORD_START,
	GUEST_RECORD_END,  /* code: enum guest_end */
	GUEST_RECORD_DOWN, /* number: 0, or the errno with which the root could not be written */
	GUEST_RECORD_OUT,  /* COM1 only: data_len bytes of standard output follow */
	GUEST_RECORD_ERR,
	GUEST_RECORD_GO = 64,   /* from the host: start the command (GUEST_INIT_F_WAIT_GO) */
	GUEST_RECORD_STDIN_END, /* out_len[0]: standard input has as many bytes */
	GUEST_RECORD_SIGNAL,    /* number: this signal, to the command's process group */
};

enum guest_end {
	GUEST_END_EXITED,   /* number: its exit status, 0 to 255 */
	GUEST_END_SIGNALED, /* number: the signal that ended it */
	GUEST_END_NOT_RUN,  /* number: errno of execve(2) or chdir(2); text: on what */
	GUEST_END_FAILED,   /* the init could not get so far. number: errno or 0; text: with what */
};

/* guest_init_record.flags, in END */
#define GUEST_END_F_CORE 1u /* the command left a core dump */
#define GUEST_END_F_CUT  2u /* others held its output open, and were no longer listened to */

struct guest_init_record {
	uint32_t magic;
	uint16_t version, type;
	uint32_t seq;      /* 0, 1, 2 ... for each direction; a record sent twice has the same */
	uint32_t data_len; /* of what follows, at most GUEST_INIT_DATA_MAX; 0 on the port */
	uint32_t crc;      /* CRC-32C of record and data, as if this were 0 */
	uint32_t code, flags;
	int32_t number;
	uint64_t time_ns;    /* since the guest's kernel started (CLOCK_BOOTTIME) */
	uint64_t out_len[2]; /* END: bytes of standard output and error; see above for others */
	uint32_t user_ms,
		system_ms; /* END: CPU time of the command and the children it waited for */
	uint32_t max_rss_kib, reserved;
	char text[56]; /* ends in NUL */
};
_Static_assert(sizeof(struct guest_init_record) == 128, "the host and the guest agree");

/* --- on COM1 ---------------------------------------------------------------------------------- */

/*
 * A record and its data as bytes that no kernel message has: BEGIN, two bytes for each (NIBBLE plus
 * its high half, then its low half), END. All are UTF-8 continuation bytes, so that they neither
 * move a terminal's cursor nor occur in text but behind a byte of 0xc0 or more. Whatever else comes
 * in between, the kernel's own messages above all, is not for the reader, who leaves it out; what a
 * message may have spoiled all the same, the checksum tells. HELLO, START, END and DOWN are sent
 * three times; a gap in seq is output that was lost.
 */
#define GUEST_INIT_SERIAL_BEGIN  0xa8u
#define GUEST_INIT_SERIAL_END    0xa9u
#define GUEST_INIT_SERIAL_NIBBLE 0xb0u
#define GUEST_INIT_DATA_MAX      256u

#endif
