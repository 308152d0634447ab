/* SPDX-License-Identifier: MIT */
/* power.c: the end of the guest. */
#include "firmware/init/init.h"

#define DEBUG_EXIT_MS 1000

/*
 * In a process of its own: where a host denies the access after all, the signal for that must not
 * hit the init, as the kernel would panic.
 */
static void debug_exit(unsigned status)
{
	int pid = (int)SYS0(__NR_fork);

	if (pid == 0) {
		if (SYS3(__NR_ioperm, GUEST_INIT_DEBUG_EXIT, 1, 1) == 0 || SYS1(__NR_iopl, 3) == 0)
			__asm__ volatile("outb %b0, %w1"
					 :
					 : "a"(status), "Nd"((uint16_t)GUEST_INIT_DEBUG_EXIT));
		sys_exit(0);
	}
	for (unsigned t = 0; pid > 0 && t < DEBUG_EXIT_MS; t += 10) {
		if (SYS4(__NR_wait4, pid, NULL, WNOHANG, NULL) == pid)
			return;
		sys_sleep_ms(10);
	}
}

void power_off(bool told, unsigned status)
{
	if (!told && flag(GUEST_INIT_F_DEBUG_EXIT))
		debug_exit(status);
	/* Without ACPI this halts: then a reset is what ends the run. */
	if (sys_open("/sys/firmware/acpi", O_RDONLY | O_DIRECTORY) >= 0)
		SYS4(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		     LINUX_REBOOT_CMD_POWER_OFF, NULL);
	SYS4(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, NULL);
	for (;;)
		sys_sleep_ms(1000);
}
