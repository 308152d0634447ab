/* SPDX-License-Identifier: MIT */
/* fake_cpuid.h: KVM_GET_SUPPORTED_CPUID as three kinds of host answer it. */
#ifndef TESTS_FAKE_CPUID_H
#define TESTS_FAKE_CPUID_H

#include "vmm/cpuid.h"

void fake_cpuid_intel(struct cpuid_table *t); /* two-socket Skylake-SP, nested VMX */
void fake_cpuid_amd(struct cpuid_table *t);   /* EPYC (Naples), nested SVM */
void fake_cpuid_tiny(struct cpuid_table *t);  /* a plain x86-64 (v1) of unknown make, few leaves */

/* This machine's own list. False, with a reason in @why, if there is none to be had. */
bool fake_cpuid_real(struct cpuid_table *t, const char **why);

#endif
