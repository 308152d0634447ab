/* SPDX-License-Identifier: MIT */
/* kvm_unit_test.c: the environment of an image of kvm-unit-tests. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/error.h"
#include "vmm/test.h"

/* Machines that are alike share one, so that many tests need no descriptor each. */
static int env_fd(const char *env, size_t len, struct error **errp)
{
	static char last[128];
	static int last_fd = -1;
	int fd;

	if (last_fd >= 0 && !strcmp(env, last))
		return last_fd;
	/* Without close-on-exec: child processes close what has it (src/verdict/child.c). */
	fd = memfd_create("trapeze-kut-env", 0);
	if (fd < 0)
		return err_errno(errp, errno, "cannot make the environment of a kvm-unit-test");
	if (write(fd, env, len) != (ssize_t)len) {
		int e = errno;

		close(fd);
		return err_errno(errp, e, "cannot make the environment of a kvm-unit-test");
	}
	memcpy(last, env, len + 1);
	last_fd = fd;
	return fd;
}

int kvm_unit_test_env(const struct vm_config *c, char **path, struct error **errp)
{
	char env[128];
	int len = snprintf(env, sizeof(env), "NR_CPUS=%u\nMEMSIZE=%" PRIu64 "\nTEST_DEVICE=%d\n",
			   c->cpu.count, c->mem.size / MIB, c->board.testdev);
	int fd = env_fd(env, (size_t)len, errp);

	if (fd < 0)
		return fd;
	if (asprintf(path, "/proc/self/fd/%d", fd) < 0)
		return err_errno(errp, ENOMEM, "cannot make the environment of a kvm-unit-test");
	return 0;
}
