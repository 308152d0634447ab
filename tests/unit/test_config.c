/* SPDX-License-Identifier: MIT */
/* test_config.c: defaults, what is worked out, and the rules between fields. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/log.h"

static struct vm_config c;

static int begin(void **state)
{
	(void)state;
	config_init(&c);
	c.boot.kernel = strdup("vmlinuz");
	return 0;
}

static int end(void **state)
{
	(void)state;
	config_free(&c);
	return 0;
}

static void check_ok(void)
{
	struct error *e = NULL;

	if (config_check(&c, &e) < 0)
		fail_msg("%s", error_msg(e));
}

static void check_refused(const char *msg)
{
	struct error *e = NULL;

	assert_int_equal(config_check(&c, &e), -EINVAL);
	assert_string_equal(error_msg(e), msg);
	error_free(e);
}

/* A stock distribution kernel and initrd boot with nothing but -k and -i. */
static void defaults(void **state)
{
	(void)state;
	check_ok();
	assert_int_equal(c.mem.size, 512 * MIB);
	assert_int_equal(c.cpu.count, 1);
	assert_string_equal(c.cpu.model, "host");
	assert_int_equal(c.cpu.msr, MSR_KNOWN);
	assert_int_equal(c.board.irqchip, IRQCHIP_SPLIT);
	assert_true(c.board.acpi && c.board.fdt && c.boot.hints && c.boot.unpack);
	assert_false(c.board.mptable || c.end.no_reboot || c.mem.prefault || c.mem.mergeable);
	assert_true(c.end.panic_watch);
	assert_int_equal(c.end.timeout_ns, 0);
	assert_int_equal(c.debug_exit_port, 0xf4);
	assert_string_equal(c.serial[0], "stdio");
	assert_string_equal(c.serial[3], "none");
	assert_null(c.name); /* so that two VMs without one are not taken for the same */
}

static const char *cache_for(const char *xdg, const char *home)
{
	if (xdg)
		setenv("XDG_CACHE_HOME", xdg, 1);
	else
		unsetenv("XDG_CACHE_HOME");
	if (home)
		setenv("HOME", home, 1);
	else
		unsetenv("HOME");
	free(c.boot.cache_dir);
	c.boot.cache_dir = NULL;
	check_ok();
	return c.boot.cache_dir;
}

/* XDG Base Directory Specification: "If $XDG_CACHE_HOME is either not set or empty, a default equal
 * to $HOME/.cache should be used." "All paths set in these environment variables must be absolute."
 */
static void cache_is_where_the_user_keeps_caches(void **state)
{
	(void)state;
	assert_string_equal(cache_for("/var/x", "/home/u"), "/var/x/trapeze");
	assert_string_equal(cache_for(NULL, "/home/u"), "/home/u/.cache/trapeze");
	assert_string_equal(cache_for("", "/home/u"), "/home/u/.cache/trapeze");
	assert_string_equal(cache_for("relative", "/home/u"), "/home/u/.cache/trapeze");
	assert_string_equal(cache_for(NULL, NULL), "");
	assert_string_equal(cache_for(NULL, "relative"), "");
}

/* --cache-dir '' means none, and stays so. */
static void cache_that_was_chosen_stays(void **state)
{
	(void)state;
	setenv("XDG_CACHE_HOME", "/var/x", 1);
	c.boot.cache_dir = strdup("");
	check_ok();
	assert_string_equal(c.boot.cache_dir, "");
	free(c.boot.cache_dir);
	c.boot.cache_dir = strdup("/mine");
	check_ok();
	assert_string_equal(c.boot.cache_dir, "/mine");
}

static void free_twice(void **state)
{
	struct vm_config zero = { 0 };

	(void)state;
	config_free(&zero);
	config_free(&c);
	config_free(&c);
}

static void topology(void **state)
{
	static const struct {
		unsigned count, sockets, cores, threads;         /* 0: not given */
		unsigned r_count, r_sockets, r_cores, r_threads; /* r_count 0: refused */
	} cases[] = {
		{ 0, 0, 0, 0, 1, 1, 1, 1 },          { 8, 0, 0, 0, 8, 1, 8, 1 },
		{ 8, 2, 0, 0, 8, 2, 4, 1 },          { 8, 0, 2, 0, 8, 4, 2, 1 },
		{ 8, 0, 0, 2, 8, 1, 4, 2 },          { 8, 2, 2, 0, 8, 2, 2, 2 },
		{ 8, 2, 0, 2, 8, 2, 2, 2 },          { 8, 2, 2, 2, 8, 2, 2, 2 },
		{ 0, 2, 3, 0, 6, 2, 3, 1 },          { 0, 2, 2, 2, 8, 2, 2, 2 },
		{ 0, 0, 0, 2, 2, 1, 1, 2 },          { 1, 1, 1, 1, 1, 1, 1, 1 },
		{ 6, 0, 4, 0, 0, 0, 0, 0 },          { 8, 2, 2, 1, 0, 0, 0, 0 },
		{ 2, 4, 0, 0, 0, 0, 0, 0 },          { 7, 2, 0, 0, 0, 0, 0, 0 },
		{ 3, 0, 0, 2, 0, 0, 0, 0 },          { 0, 4096, 4096, 4096, 0, 0, 0, 0 },
		{ 4096, 0, 0, 0, 4096, 1, 4096, 1 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct error *e = NULL;

		c.cpu.count = cases[i].count;
		c.cpu.sockets = cases[i].sockets;
		c.cpu.cores = cases[i].cores;
		c.cpu.threads = cases[i].threads;
		assert_int_equal(config_check(&c, &e) == 0, cases[i].r_count != 0);
		assert_int_equal(e == NULL, cases[i].r_count != 0);
		error_free(e);
		if (!cases[i].r_count)
			continue;
		assert_int_equal(c.cpu.count, cases[i].r_count);
		assert_int_equal(c.cpu.sockets, cases[i].r_sockets);
		assert_int_equal(c.cpu.cores, cases[i].r_cores);
		assert_int_equal(c.cpu.threads, cases[i].r_threads);
		assert_int_equal(c.cpu.count, c.cpu.sockets * c.cpu.cores * c.cpu.threads);
	}
	c.cpu.count = 6;
	c.cpu.sockets = 0;
	c.cpu.cores = 4;
	c.cpu.threads = 0;
	check_refused("6 CPUs (-c) cannot be made of --cores 4");
	c.cpu.sockets = 2;
	c.cpu.threads = 1;
	check_refused(
		"6 CPUs (-c) cannot be made of --sockets 2 times --cores 4 times --threads 1");
}

/* Checking what has been checked changes nothing. */
static void check_is_idempotent(void **state)
{
	(void)state;
	c.cpu.count = 8;
	c.cpu.threads = 2;
	check_ok();
	check_ok();
	assert_int_equal(c.cpu.cores, 4);
}

static void no_kernel(void **state)
{
	struct error *e = NULL;

	(void)state;
	free(c.boot.kernel);
	c.boot.kernel = NULL;
	assert_int_equal(config_check(&c, &e), -EINVAL);
	assert_string_equal(error_msg(e), "no kernel was given");
	assert_non_null(strstr(error_hint(e), "-k FILE"));
	error_free(e);
}

static void flat_binaries(void **state)
{
	(void)state;
	c.boot.load_addr = 0x1000;
	check_refused("--load-address is for flat binaries: --protocol real, flat32 or flat64");
	c.boot.load_addr = 0;
	c.boot.entry = 0x1000;
	c.boot.protocol = BOOT_LINUX;
	check_refused("--entry is for flat binaries: --protocol real, flat32 or flat64");
	c.boot.protocol = BOOT_REAL;
	check_ok();
	c.boot.cmdline = strdup("x");
	check_refused("--cmdline is of no use to a flat binary, which has no way to find it");
	assert_int_equal(str_list_add(&c.boot.initrd, "rd", NULL), 0);
	check_refused("--initrd is of no use to a flat binary, which has no way to find it");
}

static void memory_kinds(void **state)
{
	(void)state;
	c.mem.pages = RAM_PAGES_1G;
	check_refused("-m: 512 MiB is no multiple of --hugepages 1 GiB");
	c.mem.pages = RAM_PAGES_2M;
	check_ok();
	c.mem.size += MIB;
	check_refused("-m: 513 MiB is no multiple of --hugepages 2 MiB");
	c.mem.size -= MIB;
	c.mem.mergeable = true;
	check_refused("--mergeable: KSM merges private anonymous memory only, not reserved huge "
		      "pages");
	c.mem.pages = RAM_PAGES_THP;
	check_ok();
	c.mem.backing = RAM_MEMFD;
	check_refused("--mergeable: KSM merges private anonymous memory only, not shared memory");
	c.mem.mergeable = false;
	c.mem.backing = RAM_FILE;
	check_refused("--mem-backing file wants to know where: --mem-path PATH");
	c.mem.path = strdup("/dev/shm");
	check_ok();
	c.mem.backing = RAM_ANON;
	check_refused("--mem-path '/dev/shm' is of use with --mem-backing file only");
}

static void user_irqchip_is_for_one(void **state)
{
	(void)state;
	c.board.irqchip = IRQCHIP_USER;
	check_ok();
	c.cpu = (__typeof__(c.cpu)){ .count = 2, .model = c.cpu.model };
	check_refused("--irqchip user has no APIC and so works with one CPU only, not with 2");
}

/* Allowed, but probably not what is wanted: said, not refused. */
static void smp_without_tables(void **state)
{
	_cleanup_close_ int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char buf[256];
	ssize_t n;

	(void)state;
	assert_true(fd >= 0);
	log_set_fd(fd);
	c.board.acpi = false;
	c.cpu.count = 4;
	check_ok();
	c.board.mptable = true;
	check_ok();
	log_set_fd(STDERR_FILENO);
	n = pread(fd, buf, sizeof(buf) - 1, 0);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf,
			    "trapeze: --no-acpi without --mptable: most kernels will find only "
			    "one of the 4 CPUs\n");
}

/* A disk needs the bus that it sits on. */
static void disks_without_a_bus(void **state)
{
	struct disk_config *d = calloc(1, sizeof(*d));

	(void)state;
	d->blk.path = strdup("a.img");
	c.disks.v = d;
	c.disks.cnt = 1;
	check_ok();
	c.board.pci = PCI_OFF;
	check_refused("disk 'a.img' (-d) sits on the PCI bus, which --pci off takes away");
	c.board.transport = VIRTIO_TRANSPORT_MMIO;
	check_ok();
}

static void missing_serials_are_none(void **state)
{
	(void)state;
	free(c.serial[2]);
	c.serial[2] = NULL;
	check_ok();
	assert_string_equal(c.serial[2], "none");
}

/* Sizes are echoed back exactly; file names cannot act on the terminal. */
static void summary(void **state)
{
	char buf[256];

	(void)state;
	check_ok();
	assert_string_equal(run_summary(&c, buf, sizeof(buf)),
			    "512 MiB of memory, 1 CPU, kernel 'vmlinuz'");
	c.mem.size = 1536 * MIB;
	c.cpu.count = 0;
	c.cpu.sockets = 2;
	c.cpu.cores = 2;
	c.cpu.threads = 2;
	check_ok();
	assert_int_equal(str_list_add(&c.boot.initrd, "rd\x1b[2J", NULL), 0);
	assert_string_equal(run_summary(&c, buf, sizeof(buf)),
			    "1.5 GiB of memory, 8 CPUs (sockets 2, cores 2, threads 2), kernel "
			    "'vmlinuz', initrd 'rd\\x1b[2J'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults, begin, end),
		cmocka_unit_test_setup_teardown(free_twice, begin, end),
		cmocka_unit_test_setup_teardown(topology, begin, end),
		cmocka_unit_test_setup_teardown(check_is_idempotent, begin, end),
		cmocka_unit_test_setup_teardown(no_kernel, begin, end),
		cmocka_unit_test_setup_teardown(flat_binaries, begin, end),
		cmocka_unit_test_setup_teardown(memory_kinds, begin, end),
		cmocka_unit_test_setup_teardown(user_irqchip_is_for_one, begin, end),
		cmocka_unit_test_setup_teardown(smp_without_tables, begin, end),
		cmocka_unit_test_setup_teardown(disks_without_a_bus, begin, end),
		cmocka_unit_test_setup_teardown(missing_serials_are_none, begin, end),
		cmocka_unit_test_setup_teardown(cache_is_where_the_user_keeps_caches, begin, end),
		cmocka_unit_test_setup_teardown(cache_that_was_chosen_stays, begin, end),
		cmocka_unit_test_setup_teardown(summary, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
