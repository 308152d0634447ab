/* SPDX-License-Identifier: MIT */
/* fuzz_lens_filter.c: a filter of records, as somebody types it, and the records it is asked of. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/lib/trace_kit.h"
#include "vmm/error.h"
#include "vmm/lens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct trace_rec r[] = { kit_pio(1, KIT_SERIAL, 0x3f8, true, 'L'),
				       kit_pio(2, TRACE_NO_DEV, 0x87, false, 1),
				       kit_event(3, KIT_PIC, TRACE_E_IRQ_REQUEST, 1, 2) };
	const struct lens l = { .machine = &kit_machine };
	const struct trace_machine *m = len && data[0] & 1 ? NULL : &kit_machine;
	struct error *e = NULL;
	struct lens_filter *f = NULL;
	char *text = malloc(len + 1);

	memcpy(text, data, len);
	text[len] = '\0';
	if (lens_filter_parse(text, m, &f, &e) == 0)
		for (unsigned i = 0; i < sizeof(r) / sizeof(r[0]); i++)
			(void)lens_filter_fits(f, &l, &r[i], (int)i - 1);
	else
		must(!f && *error_msg(e));
	lens_filter_free(f);
	error_free(e);
	free(text);
	return 0;
}
