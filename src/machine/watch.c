/* SPDX-License-Identifier: MIT */
/* watch.c: a machine whose records somebody else takes out of the rings: the step prompt. */
#include <errno.h>

#include "machine/machine_internal.h"
#include "machine/tracer.h"
#include "vmm/error.h"
#include "vmm/trace.h"

/* Emptied at each stop and some hundred times a second in between. */
#define RING_RECORDS 16384u

int machine_watch(struct machine *m, const struct trace_machine **ret, struct error **errp)
{
	struct trace_machine *t = calloc(1, sizeof(*t));
	int r = t ? trace_machine_describe(m, trace_now(), t, errp)
		  : err_errno(errp, ENOMEM, "cannot watch the guest");

	if (r >= 0) {
		r = trace_start(RING_RECORDS, errp);
		if (r < 0)
			trace_machine_clear(t);
	}
	if (r < 0) {
		free(t);
		return r;
	}
	m->watched = t;
	*ret = t;
	return 0;
}

void machine_unwatch(struct machine *m)
{
	if (!m->watched)
		return;
	trace_stop();
	trace_end();
	trace_machine_clear(m->watched);
	free(m->watched);
	m->watched = NULL;
}
