/* SPDX-License-Identifier: MIT */
/* names_acpi_pm.c: ACPI 6.4, 4.8.3: fixed hardware registers; and 0xcf9. */
#include "lens/names.h"

static const struct bits event[] = {
	{ 0x0001, "TMR" },    { 0x0010, "BM" },  { 0x0020, "GBL" }, { 0x0100, "PWRBTN" },
	{ 0x0200, "SLPBTN" }, { 0x0400, "RTC" }, { 0x8000, "WAK" }, { 0 },
};
static const struct bits control[] = {
	{ 0x0001, "SCI_EN" },  { 0x0002, "BM_RLD" }, { 0x0004, "GBL_RLS" },
	{ 0x1c00, "SLP_TYP" }, { 0x2000, "SLP_EN" }, { 0 },
};
static const struct bits reset[] = {
	{ 0x02, "SYS_RST" },
	{ 0x04, "RST_CPU" },
	{ 0x08, "FULL_RST" },
	{ 0 },
};

static const struct reg evt[] = {
	{ 0, 2, "PM1a_STS", "PM1a_STS", event, event },
	{ 2, 2, "PM1a_EN", "PM1a_EN", event, event },
};
static const struct reg cnt[] = { { 0, 2, "PM1a_CNT", "PM1a_CNT", control, control } };
static const struct reg tmr[] = { { 0, 4, "PM_TMR", "PM_TMR", NULL, NULL } };
static const struct reg rst[] = { { 0, 1, "reset control", "reset control", reset, reset } };

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	(void)s;
	if (in_region(a, "PM1a event"))
		return name_reg(a, "ACPI", evt, ARRAY_LEN(evt), ret);
	if (in_region(a, "PM1a control"))
		return name_reg(a, "ACPI", cnt, ARRAY_LEN(cnt), ret);
	if (in_region(a, "PM timer"))
		return name_reg(a, "ACPI", tmr, ARRAY_LEN(tmr), ret);
	return name_reg(a, NULL, rst, ARRAY_LEN(rst), ret);
}

static const struct state state[] = {
	{ "sts", "PM1a_STS", event },   { "en", "PM1a_EN", event },
	{ "cnt", "PM1a_CNT", control }, { "rst", "reset control", reset },
	{ "carries", NULL, NULL },      { 0 },
};

const struct chip chip_acpi_pm = { "acpi_pm", name, NULL, state, NULL };
