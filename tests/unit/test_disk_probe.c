/* SPDX-License-Identifier: MIT */
/* probe.c: what a file is taken for when nobody says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "block/probe.h"
#include "tests/lib/diskkit.h"
#include "vmm/log.h"

static const char *name_of(const void *head, size_t len)
{
	uint8_t buf[BLK_PROBE_LEN] = { 0 };
	const struct blk_format_ops *ops;

	memcpy(buf, head, len);
	return probe_head(buf, &ops);
}

static void heads(void **state)
{
	uint8_t vdi[68] = { 0 };

	(void)state;
	memcpy(vdi + 64, "\x7f\x10\xda\xbe", 4);
	assert_string_equal(name_of("QFI\xfb\0\0\0\3", 8), "qcow2");
	assert_string_equal(name_of("QED", 4), "QED");
	assert_string_equal(name_of("KDMV", 4), "VMDK");
	assert_string_equal(name_of("# Disk DescriptorFile\n", 22), "VMDK");
	assert_string_equal(name_of("vhdxfile", 8), "VHDX");
	assert_string_equal(name_of("conectix", 8), "VHD");
	assert_string_equal(name_of(vdi, sizeof(vdi)), "VDI");
	assert_null(name_of("", 0));
	assert_null(name_of("\xeb\x3c\x90mkfs.fat", 11));
	assert_null(name_of("QFI", 3));
	/* A whole disk that the guest encrypts is the guest's business. */
	assert_null(name_of("LUKS\xba\xbe", 6));
}

static struct error *open_with(const char *head, size_t len)
{
	const char *path = disk_file("p", 4096, 0);
	struct blk_config conf = { .path = (char *)(uintptr_t)path };
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, head, len, 0), len);
	close(fd);
	return disk_try(&conf);
}

/* What another program would take for an image of its own is not run as if it were raw. */
static void foreign_formats_are_refused(void **state)
{
	struct error *e;

	(void)state;
	e = open_with("KDMV", 4);
	assert_non_null(e);
	assert_non_null(strstr(error_hint(e), "format=raw"));
	assert_error(e, "looks like a VMDK image");
	assert_error(open_with("vhdxfile", 8), "VHDX");
	assert_no_error(open_with("\xeb\x3c\x90", 3));
}

/* "Probed formats are said aloud." */
static void said_aloud(void **state)
{
	int fd[2];
	char buf[1024] = "";
	const char *path = disk_file("aloud", 4096, 0);
	struct blk_config conf = { .path = (char *)(uintptr_t)path };

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	log_set_fd(fd[1]);
	assert_no_error(disk_try(&conf));
	log_set_fd(2);
	assert_true(read(fd[0], buf, sizeof(buf) - 1) > 0);
	assert_non_null(strstr(buf, "taken to be raw"));
	assert_non_null(strstr(buf, "aloud"));
	close(fd[0]);
	close(fd[1]);
}

static void shorter_than_a_header(void **state)
{
	struct blk_config conf = { .path = (char *)(uintptr_t)disk_file("short", 3, 'x') };

	(void)state;
	assert_no_error(disk_try(&conf));
	conf.path = (char *)(uintptr_t)disk_file("empty", 0, 0);
	assert_no_error(disk_try(&conf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),
		cmocka_unit_test(foreign_formats_are_refused),
		cmocka_unit_test(said_aloud),
		cmocka_unit_test(shorter_than_a_header),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
