/* SPDX-License-Identifier: MIT */
/* cpu_help.c: what --cpu help prints. */
#include <string.h>

#include "kvm/cpu_features.h"
#include "kvm/cpu_models.h"

#define LINE_WIDTH 79u

static int by_name(const void *a, const void *b)
{
	const uint16_t *x = a, *y = b;

	return strcmp(cpu_features[*x].name, cpu_features[*y].name);
}

/* Sorted down the columns, as ls does: the eye looks for a name, not for a row. */
static void print_columns(FILE *f, const uint16_t *ids, unsigned cnt,
			  const struct cpu_feature_set *have)
{
	unsigned width = 1, columns, rows;

	for (unsigned i = 0; i < cnt; i++) {
		unsigned len = (unsigned)strlen(cpu_features[ids[i]].name) + 3;

		width = len > width ? len : width;
	}
	columns = LINE_WIDTH / width;
	rows = (cnt + columns - 1) / columns;
	for (unsigned row = 0; row < rows; row++) {
		for (unsigned i = row; i < cnt; i += rows) {
			const char *name = cpu_features[ids[i]].name;
			bool last = i + rows >= cnt;

			fprintf(f, "%c%-*s", have && cpu_set_has(have, ids[i]) ? '*' : ' ',
				last ? 0 : (int)width - 1, name);
		}
		fputc('\n', f);
	}
}

void cpuid_print_help(FILE *f, const struct cpuid_table *supported)
{
	struct cpu_feature_set have;
	uint16_t ids[CPU_FEATURE_CNT];
	unsigned cnt = 0;

	fputs("--cpu MODEL[,+FEATURE][,-FEATURE]...\n\nModels:\n", f);
	for (unsigned i = 0; i < cpu_model_cnt; i++)
		fprintf(f, "  %-10s  %s\n", cpu_models[i].name, cpu_models[i].description);
	fputs("  A model other than host also gets what the host has of paravirtual features\n"
	      "  and of controls against speculation leaks, and keeps the host's vendor.\n\n",
	      f);

	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++)
		if (!(cpu_features[i].flags & (CPU_FF_MADE | CPU_FF_WITHHELD)))
			ids[cnt++] = (uint16_t)i;
	qsort(ids, cnt, sizeof(ids[0]), by_name);
	fputs(supported ? "Features (* this host has it):\n"
			: "Features (what this host has is not known: no /dev/kvm):\n",
	      f);
	if (supported)
		cpuid_available(supported, &have);
	print_columns(f, ids, cnt, supported ? &have : NULL);
	fputs("\nOther names for them (and '-' or '.' may stand for '_'):\n", f);
	for (unsigned i = 0; i < cpu_alias_cnt; i += 2) {
		const struct cpu_alias *a = &cpu_aliases[i];

		fprintf(f, "  %-20s %-*s", a->name, i + 1 < cpu_alias_cnt ? 18 : 0, a->feature);
		if (i + 1 < cpu_alias_cnt)
			fprintf(f, " %-18s %s", a[1].name, a[1].feature);
		fputc('\n', f);
	}
}
