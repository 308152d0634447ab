/* SPDX-License-Identifier: MIT */
/*
 * artefacts.h: the files of one attempt, in a directory of its own: console.log as it came,
 * console.times.log (milliseconds since the start in front of each line), stdout, stderr, vmm.log
 * (the child's standard error), config.json, result.json. Written as things come; a disk that is
 * full is one sentence in the result, and the test goes on. console.log, stdout and stderr stop at
 * ARTEFACT_MAX bytes each, with a line that says so.
 */
#ifndef VERDICT_ARTEFACTS_H
#define VERDICT_ARTEFACTS_H

#include "vmm/test.h"

#define ARTEFACT_MAX (UINT64_C(64) << 20)

enum artefact { ART_CONSOLE, ART_STDOUT, ART_STDERR, ART_CNT };

struct artefacts;

/* Makes DIR/NAME (made fit for a file name, unique). */
int artefacts_create(const char *dir, const char *name, struct artefacts **ret,
		     struct error **errp) __must_check;
const char *artefacts_path(const struct artefacts *a);
int artefacts_log_fd(const struct artefacts *a); /* vmm.log, for the child's standard error */
void artefacts_feed(struct artefacts *a, enum artefact which, uint64_t since_ns, const void *bytes,
		    size_t len);
/* Writes config.json (@config: what --dump-config prints) and result.json; the reason if anything
 * could not be written, ever. */
int artefacts_finish(struct artefacts *a, const struct test_result *r, const char *config,
		     struct error **errp) __must_check;
/* @keep: the directory stays. NULL-safe, returns NULL. */
struct artefacts *artefacts_close(struct artefacts *a, bool keep);

#endif
