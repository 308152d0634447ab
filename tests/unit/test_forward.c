/* SPDX-License-Identifier: MIT */
/* test_forward.c: fwd=PROTO:[ADDRESS:]PORT[:GUEST-PORT], as people type it. */
#include <string.h>

#include "net/forward.h"
#include "tests/lib/fake.h"

static void forwards(void **state)
{
	static const struct {
		const char *s, *spec;
	} good[] = {
		{ "tcp:2222:22", "2222:22" },
		{ "udp:5353:53", "5353:53" },
		{ "tcp:8080", "8080:8080" },
		{ "tcp:1:65535", "1:65535" },
		{ "tcp:127.0.0.1:2222:22", "127.0.0.1/2222:22" },
		{ "udp:192.0.2.2:5353", "192.0.2.2/5353:5353" },
		{ "tcp:[::1]:2222:22", "::1/2222:22" },
		{ "tcp:[fe80::1:2:3:4]:80", "fe80::1:2:3:4/80:80" },
	};
	static const char *const bad[] = {
		"",
		"tcp",
		"tcp:",
		"udp:",
		"sctp:1:2",
		"TCP:1:2",
		"tcp:0:22",
		"tcp:22:0",
		"tcp:65536:22",
		"tcp:22:65536",
		"tcp:22:99999999999999999999",
		"tcp:22:",
		"tcp::22",
		"tcp:22:22:22",
		"tcp:-1:22",
		"tcp:+1:22",
		"tcp: 1:22",
		"tcp:22 :22",
		"tcp:0x10:22",
		"tcp:22-25:22",
		"tcp:127.0.0.1",
		"tcp:127.0.0.1:",
		"tcp:127.0.0:22:22",
		"tcp:127.0.0.256:22",
		"tcp:localhost:22:22",
		"tcp:[::1]",
		"tcp:[::1:22",
		"tcp:[]:22",
		"tcp:[::1]22",
		"tcp:[127.0.0.1]:22",
		"tcp:[:::1]:22",
		"tcp:::1:22",
		"tcp:.:22",
		"tcp:[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:22",
		"tcp:127.000000000000000000000000000000000000000000000.0.1:22",
		"none",
		"tcp:all",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		struct forward f;
		struct error *e = NULL;
		char spec[FORWARD_SPEC];

		if (forward_parse(good[i].s, &f, &e) < 0)
			assert_no_error(e);
		assert_string_equal(forward_spec(&f, spec), good[i].spec);
		assert_int_equal(f.udp, good[i].s[0] == 'u');
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct forward f;
		struct error *e = NULL;

		if (forward_parse(bad[i], &f, &e) == 0)
			fail_msg("'%s' is no error", bad[i]);
		assert_non_null(strstr(error_hint(e), "PROTO:[ADDRESS:]PORT[:GUEST_PORT]"));
		assert_error(e, bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
