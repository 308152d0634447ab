/* SPDX-License-Identifier: MIT */
/*
 * main.c: /init of a guest that runs one command and says how it went. See vmm/guest_init.h.
 *
 * It is freestanding: no C library, no heap, no file but those of the guest. It is linked to a
 * fixed address and started by the kernel with a stack of 8 MiB.
 */
#include "firmware/init/init.h"

#define END_MS 10000 /* for a slow host to take the verdict before COM1 gets it */

void start(void) __attribute__((noreturn));

/* The kernel enters with rsp on argc, a multiple of 16; a call wants it so. */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor	%ebp, %ebp\n"
	"	and	$-16, %rsp\n"
	"	call	start\n");

/* A kernel that found no console starts us with no descriptors, and 0 to 2 must not be others. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = (int)SYS4(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		sys_close(fd);
}

/* Programs talk to themselves at 127.0.0.1. <linux/if.h>: IFF_UP. */
static void loopback_up(void)
{
	struct {
		char name[16];
		short flags;
		char rest[22];
	} ifr = { .name = "lo", .flags = 1 };
	int fd = (int)SYS3(__NR_socket, 2, 2 | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	sys_ioctl(fd, 0x8914, &ifr); /* SIOCSIFFLAGS */
	sys_close(fd);
}

static void set_hostname(void)
{
	const char *name = config.str[GUEST_STR_HOSTNAME];

	if (name[0])
		SYS2(__NR_sethostname, name, strlen(name));
}

/* As a shell would have it, in the seven bits that there are. */
static unsigned short_status(const struct guest_init_record *end)
{
	switch (end->code) {
	case GUEST_END_EXITED:
		return end->number < 127 ? (unsigned)end->number : 127;
	default:
		return 126;
	}
}

void start(void)
{
	struct guest_init_record end = { .type = GUEST_RECORD_END };
	struct guest_init_record down = { .type = GUEST_RECORD_DOWN };
	struct command c = { .pid = 0 };
	bool told;

	if (SYS0(__NR_getpid) != 1)
		sys_exit(2);
	mounts_early();
	fill_standard_descriptors();
	config_read();
	modules_for_start();
	ports_open();
	report_open();
	root_enter();
	mounts_system();
	mounts_wanted();
	set_hostname();
	loopback_up();
	if (command_start(&c, &end))
		command_watch(&c, &end);
	report(&end);
	told = report_flush(END_MS);
	command_end_others();
	down.number = -root_close();
	report(&down);
	report_flush(told ? END_MS : 0);
	power_off(told, short_status(&end));
}
