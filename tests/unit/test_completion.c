/* SPDX-License-Identifier: MIT */
/* test_completion.c: the scripts hold every option; bash, which every machine has, runs its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"

static char *script(const char *shell)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct error *e = NULL;

	assert_int_equal(completion_print(shell, f, &e), 0);
	assert_no_error(e);
	fclose(f);
	return text;
}

static void every_option_in_every_shell(void **state)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };

	(void)state;
	for (unsigned s = 0; s < ARRAY_LEN(shells); s++) {
		_cleanup_free_ char *text = script(shells[s]);

		for (unsigned i = 0; i < run_option_cnt; i++) {
			char name[64];

			snprintf(name, sizeof(name), s == 2 ? "-l %s" : "--%s",
				 run_options[i].name);
			if (!strstr(text, name))
				fail_msg("%s: %s is missing", shells[s], run_options[i].name);
		}
		for (unsigned v = 0; v < VERB_CNT; v++)
			assert_int_equal(strstr(text, verbs[v].name) != NULL, !verbs[v].hidden);
	}
}

static void unknown_shell(void **state)
{
	struct error *e = NULL;

	(void)state;
	assert_int_equal(completion_print("fis", stdout, &e), -EINVAL);
	assert_error(e, "no completion for the shell 'fis'; did you mean 'fish'?");
	e = NULL;
	assert_int_equal(completion_print("tcsh-of-old", stdout, &e), -EINVAL);
	assert_error(e, "there is bash, zsh and fish");
}

/* What bash offers for @words (the last one is being typed), joined by spaces. */
static void bash_offers(const char *words, const char *want)
{
	char path[] = "/tmp/test_completion.XXXXXX", cmd[512], got[1024] = "";
	_cleanup_free_ char *text = script("bash");
	int fd = mkstemp(path);
	size_t n;
	FILE *p;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(cmd, sizeof(cmd),
		 "bash -c 'set -u; . %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); "
		 "_trapeze; printf %%s \"${COMPREPLY[*]-}\"'",
		 path, words);
	p = popen(cmd, "re");
	assert_non_null(p);
	n = fread(got, 1, sizeof(got) - 1, p);
	got[n] = '\0';
	assert_int_equal(pclose(p), 0);
	unlink(path);
	assert_string_equal(got, want);
}

static void bash_runs_it(void **state)
{
	(void)state;
	if (system("command -v bash >/dev/null") != 0) {
		print_message("SKIP: there is no bash on this machine\n");
		skip();
	}
	bash_offers("trapeze r", "run");
	bash_offers("trapeze \"\"", "run test step img trace symbols lab doctor completion help "
				    "version --help --version");
	bash_offers("trapeze run --me", "--memory --mem --mem-backing --mem-path --mergeable");
	bash_offers("trapeze run --no-ac", "--no-acpi");
	bash_offers("trapeze run --irqchip \"\"", "split kernel user");
	bash_offers("trapeze run --irqchip = k", "kernel"); /* --irqchip=k, as bash splits it */
	bash_offers("trapeze run --irqchip =", "split kernel user");
	bash_offers("trapeze run --hugepages t", "thp");
	bash_offers("trapeze doctor --need h", "hardware-kvm hugepages-2M hugepages-1G");
	bash_offers("trapeze completion z", "zsh");
	bash_offers("trapeze help d", "doctor");
	bash_offers("trapeze img resi", "resize");
	bash_offers("trapeze img check --repair l", "leaks");
	bash_offers("trapeze run /proc/self/mountin", "/proc/self/mountinfo");
	bash_offers("trapeze run -k /proc/self/cmdl", "/proc/self/cmdline");
	bash_offers("trapeze run -d /proc/self/cmdl", "/proc/self/cmdline");
	bash_offers("trapeze run -d a.img,o", "a.img,overlay");
	bash_offers("trapeze run -n s", "switch socket");
	bash_offers("trapeze run -n tap,v", "tap,vhost");
	bash_offers("trapeze run --net user,fwd=tcp:1,m",
		    "user,fwd=tcp:1,mac= user,fwd=tcp:1,mtu=");
	bash_offers("trapeze run --disk a.img,ro,qu", "a.img,ro,queues= a.img,ro,queue-size=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_in_every_shell),
		cmocka_unit_test(unknown_shell),
		cmocka_unit_test(bash_runs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
