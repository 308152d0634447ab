/* SPDX-License-Identifier: MIT */
/* test_self_test.c: the library of endings: each outcome that a guest can have is in it, under a
 * name of its own, with a kernel that the loader takes. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/error.h"
#include "vmm/test.h"

static void spec_free(struct test_spec *s)
{
	config_free(&s->config);
	free(s->name);
	for (char **a = s->argv; *a; a++)
		free(*a);
	free(s->argv);
	free(s->env);
	free(s->rerun);
}

static void complete(void **state)
{
	struct error *err = NULL;
	struct test_spec *v = NULL;
	unsigned cnt = 0, wanted[TEST_OUTCOME_CNT] = { 0 };

	(void)state;
	assert_int_equal(self_test_specs(&v, &cnt, &err), 0);
	assert_no_error(err);
	for (unsigned i = 0; i < cnt; i++) {
		wanted[v[i].wanted]++;
		assert_non_null(strstr(v[i].rerun, v[i].name));
		assert_true(v[i].limits.test_ns && v[i].limits.boot_ns);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(v[i].name, v[k].name);
	}
	/* A bug of ours and a user's Ctrl-C cannot be had on demand. */
	for (int o = 0; o < TEST_OUTCOME_CNT; o++)
		if (!wanted[o] && o != TEST_VMM_ERROR && o != TEST_CANCELLED)
			fail_msg("nothing ends in '%s'", test_outcomes[o].name);
	for (unsigned i = 0; i < cnt; i++)
		spec_free(&v[i]);
	free(v);
}

static void kernels(void **state)
{
	struct error *err = NULL;
	struct test_spec *v = NULL;
	unsigned cnt = 0;

	(void)state;
	/* Twice in a process: the images are the same ones. */
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(self_test_specs(&v, &cnt, &err), 0);
		for (unsigned i = 0; i < cnt; i++) {
			struct boot_config c = { .kernel = v[i].config.boot.kernel };
			struct boot *b = NULL;
			int r = boot_open(&c, &b, &err);

			assert_int_equal(r < 0, v[i].wanted == TEST_HOST_ERROR);
			if (r == 0)
				assert_int_equal(boot_info(b).protocol, BOOT_PVH);
			boot_close(b);
			err = error_free(err);
			spec_free(&v[i]);
		}
		free(v);
	}
}

/* lib/x86/fwcfg.c of kvm-unit-tests reads these, and asks fw_cfg for what is missing. */
static void environment_of_kvm_unit_tests(void **state)
{
	struct vm_config c = { .cpu.count = 3, .mem.size = 512 * MIB, .board.testdev = true };
	struct error *err = NULL;
	char *path = NULL, buf[128] = "";
	FILE *f;

	(void)state;
	assert_int_equal(kvm_unit_test_env(&c, &path, &err), 0);
	assert_no_error(err);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(buf, 1, sizeof(buf) - 1, f) > 0);
	fclose(f);
	assert_string_equal(buf, "NR_CPUS=3\nMEMSIZE=512\nTEST_DEVICE=1\n");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete),
		cmocka_unit_test(kernels),
		cmocka_unit_test(environment_of_kvm_unit_tests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
