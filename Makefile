# SPDX-License-Identifier: MIT
# One non-recursive Makefile. `make help` lists the targets and the settings.
#
# Variant builds (sanitizers, the other compiler) are this same file with another build directory,
# e.g. make CC=clang B=build-clang, or make B=build-asan SAN=address,undefined OPT='-O1 -g' unit.

ifeq ($(origin CC),default)
CC      := gcc
endif
B       ?= build
V       ?= 0
SAN     ?=
comma   := ,
OPT     ?= -O2 -g
PREFIX  ?= /usr/local
# Seconds each fuzz target runs.
FUZZ_SECONDS ?= 30
# Where to find the guest tools; empty in a build that should use shared libraries.
STATIC_LIBS ?= 1

Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all
all: $(B)/trapeze ## build/trapeze, the program (the default)

## ---- Compiler and flags ------------------------------------------------------------------------

# Which hardening flags this compiler takes is asked once per build directory and compiler.
GOALS   := $(or $(MAKECMDGOALS),all)
NO_CC   := help clean distclean deps deps-build demo check lab bench format check-format check-layers soak
NEED_CC := $(filter-out $(NO_CC),$(GOALS))
CCMK    := $(B)/cc-$(notdir $(firstword $(CC))).mk
ifneq (,$(NEED_CC))
include $(CCMK)
endif
$(CCMK): scripts/probe-cc.sh
	$(Q)mkdir -p $(@D) && scripts/probe-cc.sh '$(CC)' >$@.tmp && mv $@.tmp $@

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wimplicit-fallthrough -Wformat=2 -Wpointer-arith -Wwrite-strings -Wundef -Werror
# The kernel's own interfaces are structs that end in flexible arrays and want something behind them.
ifneq (,$(findstring clang,$(CC)))
WARN    += -Wthread-safety -Wno-gnu-variable-sized-type-not-at-end
endif

# Fortified calls hide memory errors from the sanitizers, so those builds do without.
HARDEN  := -fPIE $(HARDEN_CC) $(if $(SAN),,$(FORTIFY_CC))

PKGS    := zlib liblz4 libzstd liblzma jansson liburing
ifneq (,$(NEED_CC))
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(or $(shell pkg-config --libs $(PKGS) 2>/dev/null),-lz -llz4 -lzstd -llzma -ljansson)
endif
# libfdt and libaio have no .pc file in Debian 12.
LIBS    := -lfdt -laio $(PKG_LIBS)

CPPFLAGS_ALL = -D_GNU_SOURCE -Iinclude -Isrc -I. $(PKG_CFLAGS)
CFLAGS_ALL   = -std=gnu11 $(CPPFLAGS_ALL) $(WARN) $(HARDEN) $(OPT) \
               $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined) \
               -pthread -ffunction-sections -fdata-sections $(CFLAGS)
LDFLAGS_ALL  = -pthread -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs -Wl,--gc-sections -Wl,--as-needed \
               $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

# Half of a small program's start-up is ld.so at work. Six shared libraries cost 0.5 ms of CPU time,
# a quarter of what creating a VM costs, so they are linked in and only libc stays shared.
ifneq (,$(STATIC_LIBS))
LIBS_MOST   = -Wl,-Bstatic $(LIBS) -Wl,-Bdynamic
else
LIBS_MOST   = $(LIBS)
endif
# static-pie keeps address randomization; fixed addresses would save another 20 us.
ifeq ($(SAN),)
STATIC_PIE := -static-pie
endif

# Everything compiled depends on this file, which changes when the flags do.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS_MOST)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS_MOST)' >$@
.PHONY: FORCE
FORCE:

## ---- What is built from what -------------------------------------------------------------------

SRCS    := $(sort $(wildcard src/*/*.c devices/*/*.c))
OBJS    := $(SRCS:%.c=$(B)/obj/%.o)
MAINOBJ := $(B)/obj/src/main.o
LIBTEST := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/lib/*.c))
UNIT    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
# What takes longest starts first, so that no other is done when it has just begun.
LONG    := acpi_dsdt aml blk console file_io i8254_counter log qcow2 qcow2_crash qcow2_faults source \
           virtio_blk virtio_threads virtq_hostile virtq_packed virtq_race virtq_split
LONG    := $(LONG:%=$(B)/unit/test_%)
UNIT    := $(filter $(LONG),$(UNIT)) $(filter-out $(LONG),$(UNIT))
KVM     := $(patsubst tests/kvm/%.c,$(B)/kvm/%,$(wildcard tests/kvm/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FIRMWARE := $(patsubst firmware/%.S,$(B)/firmware/%.elf,$(wildcard firmware/*.S)) \
           $(patsubst firmware/%.S,$(B)/firmware/%.bin,$(wildcard firmware/*.S))
# The guests of tests/kvm.
FIRMWARE += $(patsubst firmware/%.S,$(B)/firmware/%.elf,$(wildcard firmware/tests/*.S)) \
           $(patsubst firmware/%.S,$(B)/firmware/%.bin,$(wildcard firmware/tests/*.S))
# Those of them that are written in C.
FIRMWARE_C := $(patsubst firmware/%.c,$(B)/firmware/%.elf,$(wildcard firmware/tests/c/*.c))
FIRMWARE += $(FIRMWARE_C)
# The guests of the course (docs/labs): real mode at 0x7c00, the others at 1 MiB.
LAB_S   := $(wildcard firmware/labs/[0-9]*.S)
LAB_C   := $(wildcard firmware/labs/[0-9]*.c)
LAB_C_ELF := $(LAB_C:%.c=$(B)/%.elf)
LAB_MAPS := $(LAB_S:%.S=$(B)/%.map)
LAB_GUESTS := $(LAB_MAPS) $(LAB_S:%.S=$(B)/%.elf) $(LAB_S:%.S=$(B)/%.bin) $(LAB_C_ELF)
FIRMWARE += $(LAB_GUESTS)
ALLOBJ  := $(OBJS) $(MAINOBJ) $(LIBTEST) \
           $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/unit/*.c tests/kvm/*.c tests/fuzz/*.c tests/cli/*.c tests/lab/inithost.c))

# Debug information goes next to the program, where gdb finds it, and costs nothing when it is not read.
define split-debug
	$(Q)objcopy --only-keep-debug $@.tmp $@.debug
	$(Q)objcopy --strip-debug --add-gnu-debuglink=$@.debug $@.tmp $@
	$(Q)rm -f $@.tmp
endef

$(B)/trapeze: $(MAINOBJ) $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -o $@.tmp $^ $(LIBS_MOST)
	$(split-debug)

# libc has a dlopen() even there, for its own ends, which could load what was made for another libc.
# Wrapped by nothing, ours (weak, src/base/dl.c) is none.
STATIC_NO_DL := -Wl,--wrap=dlopen,--wrap=dlsym

.PHONY: static
static: $(B)/static/trapeze ## build/static/trapeze: one file that runs on any Linux
$(B)/static/trapeze: $(MAINOBJ) $(B)/libtrapeze.a $(B)/static/hot.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(STATIC_PIE) $(LDFLAGS_ALL) $(STATIC_NO_DL) $(if $(shell test -s $(B)/static/hot.ld && echo y),-Wl$(comma)-T$(comma)$(B)/static/hot.ld) \
		-o $@.tmp $(MAINOBJ) $(B)/libtrapeze.a $(LIBS)
	$(split-debug)

$(B)/static/hot.ld: scripts/hot-text.sh
	$(Q)mkdir -p $(@D)
	$(Q)scripts/hot-text.sh $(CC) $(STATIC_PIE) >$@ || :

$(B)/libtrapeze.a: $(OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/libtest.a: $(LIBTEST)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# Guest-facing arithmetic is where a silent narrowing hurts most.
$(B)/obj/devices/%.o: WARN += -Wconversion

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/unit/test_%: $(B)/obj/tests/unit/test_%.o $(B)/libtest.a $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LIBS)

$(B)/kvm/test_%: $(B)/obj/tests/kvm/test_%.o $(B)/libtest.a $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LIBS)

$(B)/fuzz/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/libtest.a $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ -lcmocka $(LIBS)

# A recording for tests/cli, written and not recorded.
$(B)/cli/%: $(B)/obj/tests/cli/%.o $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# The init of guests that run one command: a static program of its own, which the VMM carries along
# (src/boot/init_image.c). It has no C library, so no sanitizer and no hardening that wants one.
INIT_SRC := $(sort $(wildcard firmware/init/*.c))
INIT_MAX := 65536
$(B)/firmware/init.elf: $(INIT_SRC) $(wildcard firmware/init/*.h) include/vmm/guest_init.h $(B)/flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -Os -ffreestanding -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fcf-protection=none $(WARN) -Wconversion -I. -Iinclude -nostdlib -static \
		-Wl,--build-id=none,-z,noexecstack,--gc-sections -o $@.tmp $(INIT_SRC)
	$(Q)objcopy --strip-all --remove-section=.comment $@.tmp $@.out
	$(Q)! nm -u $@.tmp | grep . || { echo "$@: uses what is not in it" >&2; exit 1; }
	$(Q)test $$(stat -c %s $@.out) -lt $(INIT_MAX) || { echo "$@: $(INIT_MAX) bytes or more" >&2; exit 1; }
	$(Q)rm -f $@.tmp && mv $@.out $@
$(B)/obj/src/boot/init_image.o: $(B)/firmware/init.elf
$(B)/obj/src/boot/init_image.o: CFLAGS_ALL += -Wa,-I$(B)/firmware

# The guests of `trapeze test --self-test`, which the program carries along (src/verdict/self_test.c).
ENDINGS := $(patsubst firmware/%.S,$(B)/firmware/%.elf,$(wildcard firmware/endings/*.S))
$(ENDINGS): $(B)/firmware/endings/%.elf: firmware/endings/%.S firmware/endings/ending.h firmware/tests/guest.h
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -nostdlib -ffreestanding -fno-pie -static -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
		-Wl,-N,-Ttext=0x100000,--section-start=.note.pvh=0x110000,-e,_start -I. -o $@.tmp $<
	$(Q)objcopy --strip-all $@.tmp $@ && rm -f $@.tmp
$(B)/obj/src/verdict/self_test.o: $(ENDINGS)
$(B)/obj/src/verdict/self_test.o: CFLAGS_ALL += -Wa,-I$(B)/firmware/endings

# The page that a recording is shown on (src/lens/page.c).
$(B)/lens/page.html: $(wildcard src/lens/page/*) scripts/page.sh
	$(call say,PAGE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)scripts/page.sh src/lens/page >$@.tmp && mv $@.tmp $@
$(B)/obj/src/lens/page.o: $(B)/lens/page.html
$(B)/obj/src/lens/page.o: CFLAGS_ALL += -Wa,-I$(B)/lens

# Code that runs inside the guest. X.S is linked at FIRMWARE_BASE (X.elf, 32 bit so that multiboot
# loaders take it) and also laid out flat (X.bin).
FIRMWARE_BASE := 0x100000
$(B)/firmware/bios_%.elf: FIRMWARE_BASE := 0
$(B)/firmware/tests/real_%.elf: FIRMWARE_BASE := 0x7c00
$(B)/firmware/labs/%.elf: FIRMWARE_BASE := 0x7c00
$(B)/firmware/labs/05-%.elf $(B)/firmware/labs/10-%.elf: FIRMWARE_BASE := 0x100000
$(patsubst firmware/%.S,$(B)/firmware/%.elf,$(wildcard firmware/tests/*.S)): firmware/tests/guest.h
$(LAB_S:%.S=$(B)/%.elf): firmware/labs/lab.h
$(B)/firmware/%.elf: firmware/%.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -nostdlib -ffreestanding -fno-pie -static -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
		-Wl,-N,-Ttext=$(FIRMWARE_BASE),-e,_start -I. -Iinclude -o $@ $<
# i386 code: the instruction emulators of hosts that interpret ring 0 know all of it.
GUEST_START := firmware/tests/c/start.S
$(FIRMWARE_C): $(GUEST_START) $(wildcard firmware/tests/c/*.h)
$(LAB_C_ELF): GUEST_START += firmware/labs/interrupt.S
$(LAB_C_ELF): $(GUEST_START) firmware/labs/interrupt.S $(wildcard firmware/labs/*.h)
$(FIRMWARE_C) $(LAB_C_ELF): $(B)/firmware/%.elf: firmware/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -march=i386 -mgeneral-regs-only -std=gnu11 -nostdlib -ffreestanding -fno-builtin -fno-pie -static \
		-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none $(filter-out -Wmissing-prototypes,$(WARN)) \
		-Wno-main -Os -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments -Wl,-N,-Ttext=0x100000,-e,_start -I. \
		-o $@ $(GUEST_START) $<
$(B)/firmware/%.bin: $(B)/firmware/%.elf
	$(Q)objcopy -O binary $< $@
$(B)/firmware/%.map: $(B)/firmware/%.elf
	$(Q)nm -n $< >$@
# The course goes with the program: its guests, their sources, and the texts.
$(B)/obj/src/cli/lab_table.o: $(LAB_GUESTS) $(LAB_S) $(LAB_C) firmware/labs/adder.c include/vmm/lab_device.h $(wildcard docs/labs/[0-9]*.md)
$(B)/obj/src/cli/lab_table.o: CFLAGS_ALL += -Wa,-I$(B)/firmware/labs

-include $(ALLOBJ:.o=.d)

.PHONY: firmware
firmware: $(FIRMWARE) ## the guests of our own that tests and benchmarks run

## ---- Tests -------------------------------------------------------------------------------------

# A real kernel, where one was fetched already, shows loaders what made-up images cannot.
TEST_ENV = B=$(B) TRAPEZE=$(B)/trapeze \
           $(if $(wildcard build/kernel/vmlinuz),TRAPEZE_TEST_KERNEL=build/kernel/vmlinuz)

.PHONY: unit kvm cli labs
# Half of them wait for a clock, so there are more of them than CPUs; not so under ThreadSanitizer, where
# threads that wait for each other without sleeping would hardly ever run together.
unit: $(UNIT) ## run the unit tests (no /dev/kvm needed)
	$(Q)$(TEST_ENV) scripts/run-tests.sh --jobs $$(($(if $(filter thread,$(SAN)),1,2) * $$(nproc))) unit $(UNIT)
kvm: $(KVM) $(B)/trapeze $(FIRMWARE) ## run the tests that need the host's /dev/kvm
	$(Q)$(TEST_ENV) scripts/run-tests.sh --need-kvm --jobs $$(nproc) kvm $(KVM) $(sort $(wildcard tests/kvm/*.sh))
labs: $(B)/trapeze ## run the course: every lab must do what its text says
	$(Q)$(TEST_ENV) scripts/run-tests.sh --need-kvm labs tests/kvm/labs.sh
cli: $(B)/trapeze $(B)/cli/recording ## run the command line's own tests
	$(Q)$(TEST_ENV) scripts/run-tests.sh cli $(sort $(wildcard tests/cli/*.sh))

.PHONY: check check-asan asan check-ubsan ubsan check-tsan tsan
check: ## everything, in order, with a count at the end (installs what is missing; DEPS=skip: does not)
	$(Q)B=$(B) scripts/check.sh
check-asan asan: ## unit, kvm and cli tests under AddressSanitizer and UBSan (build-asan)
	$(Q)$(MAKE) --no-print-directory B=$(B)-asan SAN=address,undefined OPT='-O1 -g' unit kvm cli
check-ubsan ubsan: ## the same under UBSan alone (build-ubsan)
	$(Q)$(MAKE) --no-print-directory B=$(B)-ubsan SAN=undefined OPT='-O1 -g' unit kvm cli
check-tsan tsan: ## the same under ThreadSanitizer (build-tsan)
	$(Q)$(MAKE) --no-print-directory B=$(B)-tsan SAN=thread OPT='-O1 -g' unit kvm

.PHONY: fuzz fuzz-run fuzz-build
fuzz: ## libFuzzer targets of tests/fuzz, FUZZ_SECONDS each (clang, build-fuzz)
	$(Q)$(MAKE) --no-print-directory B=$(B)-fuzz CC=clang SAN=fuzzer-no-link,address,undefined \
		OPT='-O1 -g' fuzz-run
fuzz-build: $(FUZZ)
fuzz-run: $(FUZZ)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/run-fuzz.sh $(B) $(FUZZ)

## ---- Static checks -----------------------------------------------------------------------------

C_FILES := $(sort $(wildcard src/*.c src/*/*.[ch] devices/*/*.[ch] include/*/*.h tests/*/*.[ch] firmware/init/*.[ch] firmware/tests/c/*.[ch] firmware/labs/*.c firmware/labs/virtio.h))

.PHONY: analyze tidy format check-format check-layers
analyze: ## gcc -fanalyzer over the product (build-analyze)
	$(Q)$(MAKE) --no-print-directory B=$(B)-analyze CC=gcc OPT='-O1 -g -fno-inline -fanalyzer' objs
# gcc 12 takes a pointer that was stored at an index it does not know, or that reallocarray(3) moved,
# for lost or freed.
ifneq (,$(findstring -fanalyzer,$(OPT)))
ANALYZER_LOSES := src/cli/types src/cli/net_option $(addprefix src/cli/test_,def list modules share spec) \
	$(addprefix src/cli/lab_,run story text) src/cli/matrix src/cli/step_complete src/fs/node src/lens/trace_json src/lens/summary src/verdict/child src/verdict/self_test src/machine/inspect src/machine/iothreads src/machine/trace_machine src/verdict/nested devices/virtio/blk devices/virtio/net \
	$(addprefix src/block/qcow2_,alloc flush read snapshot tool)
$(ANALYZER_LOSES:%=$(B)/obj/%.o): WARN += -Wno-analyzer-malloc-leak -Wno-analyzer-double-free
# Nor does it know what is in a struct that a function of another file returned.
$(B)/obj/devices/virtio/virtio.o: WARN += -Wno-analyzer-use-of-uninitialized-value
endif
.PHONY: objs
objs: $(OBJS) $(MAINOBJ)
TIDY    := $(patsubst %.c,$(B)/tidy/%.ok,$(SRCS) src/main.c)
tidy: $(TIDY) ## clang-tidy with the checks of .clang-tidy over the product
$(B)/tidy/%.ok: %.c .clang-tidy
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- -std=gnu11 $(CPPFLAGS_ALL) 2>$@.log >$@.out || \
		{ cat $@.out; grep -v 'warnings generated' $@.log; exit 1; }
	$(Q)touch $@
format: ## run clang-format over all C files
	$(Q)clang-format -i $(C_FILES)
check-format: ## fail if clang-format would change anything
	$(Q)clang-format --dry-run --Werror $(C_FILES)
check-layers: ## fail if a file includes what its layer may not see
	$(Q)CC='$(CC)' scripts/check-layers.sh

## ---- The lab -----------------------------------------------------------------------------------

K       := $(B)/kernel
$(K)/release: scripts/kernel.sh
	$(Q)scripts/kernel.sh $(B) >/dev/null && touch $@

# Modules of the lab host for networks of guests.
HOST_NET := drivers/net/tun drivers/net/tap drivers/vhost/vhost_iotlb drivers/vhost/vhost drivers/vhost/vhost_net \
		drivers/vhost/vhost_vsock net/vmw_vsock/vsock net/vmw_vsock/vmw_vsock_virtio_transport_common drivers/net/dummy
# What every lab starts from. The trapeze binary is not in it: it goes in with each run.
LAB     := $(B)/lab
# The lab host's own network tools, with the shared libraries they want.
HOST_TOOLS := iperf3 ip passt
WITH_LIBS = $$(for p in $(1); do f=$$(PATH=$$PATH:/usr/sbin:/sbin command -v $$p) || { echo "no '$$p': make deps" >&2; exit 1; }; \
		printf '%s ' /bin/$$p=$$f; ldd $$f | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1=\1/p'; done)
$(LAB)/host.cpio: $(K)/release tests/lab/init $(LAB)/netload scripts/mkinitrd.sh Makefile
	$(Q)mkdir -p $(@D) && { tools="$(call WITH_LIBS,$(HOST_TOOLS))"; } && scripts/mkinitrd.sh --bare $@.tools /bin/netload=$(LAB)/netload $$tools
	$(Q)scripts/mkinitrd.sh $@.tmp2 tests/lab/init \
		$(foreach m,$(HOST_NET),/modules/$(notdir $m).ko=$(K)/modules/$m.ko) \
		/modules/libnvdimm.ko=$(K)/modules/drivers/nvdimm/libnvdimm.ko \
		/modules/brd.ko=$(K)/modules/drivers/block/brd.ko \
		/modules/nfit.ko=$(K)/modules/drivers/acpi/nfit/nfit.ko \
		/modules/nd_btt.ko=$(K)/modules/drivers/nvdimm/nd_btt.ko \
		/modules/nd_pmem.ko=$(K)/modules/drivers/nvdimm/nd_pmem.ko \
		/modules/irqbypass.ko=$(K)/modules/virt/lib/irqbypass.ko \
		/modules/kvm.ko=$(K)/modules/arch/x86/kvm/kvm.ko \
		/modules/kvm-amd.ko=$(K)/modules/arch/x86/kvm/kvm-amd.ko
	$(Q)cat $@.tmp2 $@.tools >$@.tmp && rm -f $@.tmp2 $@.tools && mv $@.tmp $@
$(LAB)/vmlinux: $(K)/release scripts/extract-vmlinux.sh
	$(Q)mkdir -p $(@D) && scripts/extract-vmlinux.sh $(K)/vmlinuz $@
$(LAB)/guestctl: tests/lab/guestctl.c
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -Os -static -s -o $@ $<
$(LAB)/sockctl: tests/lab/sockctl.c
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -Os -static -s -o $@ $<
$(LAB)/netload: tests/lab/netload.c
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -static -s -o $@ $<
$(LAB)/tsckhz: tests/lab/tsckhz.c
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -o $@ $<
GUEST_DO := $(wildcard tests/lab/do/*)
$(LAB)/initrd: tests/lab/guest-init $(GUEST_DO) $(LAB)/guestctl $(K)/release scripts/mkinitrd.sh
	$(Q)scripts/mkinitrd.sh $@ tests/lab/guest-init /bin/guestctl=$(LAB)/guestctl \
		$(foreach d,$(GUEST_DO),/do/$(notdir $d)=$d) \
		/modules/button.ko=$(K)/modules/drivers/acpi/button.ko \
		/modules/evdev.ko=$(K)/modules/drivers/input/evdev.ko \
		/modules/nvram.ko=$(K)/modules/drivers/char/nvram.ko \
		/modules/pvpanic.ko=$(K)/modules/drivers/misc/pvpanic/pvpanic.ko \
		/modules/pvpanic-mmio.ko=$(K)/modules/drivers/misc/pvpanic/pvpanic-mmio.ko
# The same with the drivers of disks and of what else virtio has; other guests need not unpack them.
DISK_MODULES := drivers/virtio/virtio drivers/virtio/virtio_ring drivers/virtio/virtio_pci_legacy_dev \
		drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci drivers/virtio/virtio_mmio \
		drivers/block/virtio_blk drivers/char/virtio_console drivers/char/hw_random/virtio-rng \
		drivers/nvdimm/libnvdimm drivers/nvdimm/nd_btt drivers/nvdimm/nd_pmem drivers/nvdimm/nd_virtio \
		drivers/nvdimm/virtio_pmem \
		net/vmw_vsock/vsock net/vmw_vsock/vmw_vsock_virtio_transport_common \
		net/vmw_vsock/vmw_vsock_virtio_transport fs/fuse/fuse fs/fuse/virtiofs
$(LAB)/initrd.disk: $(LAB)/initrd $(LAB)/sockctl Makefile
	$(Q)scripts/mkinitrd.sh --bare $@.modules /bin/sockctl=$(LAB)/sockctl $(foreach m,$(DISK_MODULES),/modules/$(notdir $m).ko=$(K)/modules/$m.ko)
	$(Q)cat $(LAB)/initrd $@.modules >$@.tmp && rm -f $@.modules && mv $@.tmp $@
# And with networks: their drivers, iperf3, and the tests of tests/lab/net.
GUEST_NET := net/core/failover drivers/net/net_failover drivers/net/virtio_net net/vmw_vsock/vsock \
		net/vmw_vsock/vmw_vsock_virtio_transport_common net/vmw_vsock/vmw_vsock_virtio_transport
$(LAB)/initrd.net: $(LAB)/initrd.disk $(LAB)/netload $(wildcard tests/lab/net/*) Makefile
	$(Q){ tools="$(call WITH_LIBS,iperf3 ethtool)"; } && scripts/mkinitrd.sh --bare $@.more $$tools /bin/netload=$(LAB)/netload \
		$(foreach t,$(wildcard tests/lab/net/*),/net/$(notdir $t)=$t) \
		$(foreach m,$(GUEST_NET),/modules/$(notdir $m).ko=$(K)/modules/$m.ko)
	$(Q)cat $(LAB)/initrd.disk $@.more >$@.tmp && rm -f $@.more && mv $@.tmp $@
# Modules as a distribution has them, with their list, for an init that looks for them itself.
INIT_MODULES := drivers/virtio/virtio drivers/virtio/virtio_ring drivers/virtio/virtio_pci_legacy_dev \
		drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci drivers/virtio/virtio_mmio \
		drivers/block/virtio_blk drivers/char/virtio_console fs/overlayfs/overlay fs/fuse/fuse fs/fuse/virtiofs
$(LAB)/initrd.modules: $(K)/release scripts/mkinitrd.sh Makefile
	$(Q)rm -rf $@.d && mkdir -p $@.d $(foreach m,$(INIT_MODULES),$@.d/lib/modules/$$(cat $<)/kernel/$(dir $m))
	$(Q)for m in $(INIT_MODULES); do cp $(K)/modules/$$m.ko $@.d/lib/modules/$$(cat $<)/kernel/$$m.ko; done
	$(Q)PATH=$$PATH:/usr/sbin:/sbin depmod -b $@.d $$(cat $<) 2>/dev/null
	$(Q)scripts/mkinitrd.sh --bare $@ $$(cd $@.d && find . -name '*.ko' -o -name modules.dep | LC_ALL=C sort | \
		sed 's|^\.\(.*\)|\1=$@.d\1|') && rm -rf $@.d
# What the host does with the guest's init.
$(LAB)/inithost: $(B)/obj/tests/lab/inithost.o $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(STATIC_PIE) $(LDFLAGS_ALL) -s -o $@ $^ $(LIBS)
$(LAB)/store.img: scripts/mkdisk.sh $(wildcard tests/lab/disk/*)
	$(Q)CC='$(CC)' scripts/mkdisk.sh $(LAB) >$(LAB)/mkdisk.log 2>&1 || { cat $(LAB)/mkdisk.log; exit 1; }
$(LAB)/guest.cpio: $(K)/release $(LAB)/vmlinux $(LAB)/initrd.disk $(LAB)/initrd.net $(LAB)/initrd.modules \
		$(LAB)/inithost $(LAB)/sockctl $(FIRMWARE)
	$(Q)scripts/mkinitrd.sh --bare $@ /guest/sockctl=$(LAB)/sockctl /guest/bzImage=$(K)/vmlinuz /guest/vmlinux=$(LAB)/vmlinux \
		/guest/initrd=$(LAB)/initrd /guest/initrd.disk=$(LAB)/initrd.disk /guest/initrd.net=$(LAB)/initrd.net \
		/guest/initrd.modules=$(LAB)/initrd.modules /guest/inithost=$(LAB)/inithost \
		$(foreach f,$(FIRMWARE),/guest/$(notdir $f)=$f)
$(LAB)/peer.cpio: scripts/mkpeer.sh
	$(Q)scripts/mkpeer.sh $@

.PHONY: lab-files lab demo bench soak kernel
lab-files: $(LAB)/host.cpio $(LAB)/guest.cpio $(LAB)/tsckhz $(LAB)/store.img
kernel: $(K)/release
lab: ## boot stock Linux in many ways inside the lab (CASES="smp reboot" for some)
	$(Q)B=$(B) scripts/lab.sh $(CASES)
demo: ## boot Debian's stock kernel, here or in the lab, and show how it went
	$(Q)B=$(B) scripts/demo.sh
bench: ## measure start-up, boot, exits and memory next to the peers; build/bench.json
	$(Q)B=$(B) scripts/bench.sh
soak: ## boot, reboot and end guests over and over for SOAK_MINUTES (60)
	$(Q)B=$(B) scripts/soak.sh

BENCH   := $(B)/bench
$(BENCH)/%: tests/bench/%.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(CPPFLAGS_ALL) $(WARN) $(HARDEN) $(OPT) $(CFLAGS) -pie $(LDFLAGS_ALL) -o $@ $<
$(BENCH)/static/%: tests/bench/%.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(CPPFLAGS_ALL) $(WARN) $(HARDEN) $(OPT) $(CFLAGS) $(STATIC_PIE) $(LDFLAGS_ALL) -o $@ $<

# What the block layer costs, without a guest (tests/bench/blk.c says how to use it).
$(BENCH)/blk $(BENCH)/static/blk: $(B)/obj/tests/bench/blk.o $(B)/libtrapeze.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(if $(findstring static,$@),$(STATIC_PIE),-pie) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Programs of the durability tests; iolog.so is loaded in front of the C library.
DURA    := $(B)/durability
.PHONY: durability durability-files
durability-files: $(DURA)/checklog $(DURA)/replay $(DURA)/iolog.so
durability: $(B)/trapeze $(FIRMWARE) durability-files ## kill the VMM, cut the power: is what was flushed on the disk?
	$(Q)$(TEST_ENV) scripts/run-tests.sh --need-kvm --jobs $$(nproc) durability $(sort $(wildcard tests/durability/*.sh))
$(DURA)/%: tests/durability/%.c firmware/tests/c/disklog.h $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $<
$(DURA)/%.so: tests/durability/%.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(CPPFLAGS_ALL) $(WARN) -O2 -g -fPIC -shared -pthread -o $@ $< -ldl

## ---- Documents, installation, housekeeping -----------------------------------------------------

.PHONY: docs docs-check install uninstall deps deps-build clean distclean help
docs: $(B)/trapeze ## the man page, docs/cli.md and shell completions, from the option table
	$(Q)scripts/docs.sh $(B)/trapeze
docs-check: $(B)/trapeze $(B)/libtest.a ## fail if a document says what is not so
	$(Q)scripts/docs.sh --check $(B)/trapeze
	$(Q)$(TEST_ENV) CC='$(CC)' scripts/run-tests.sh docs $(sort $(wildcard tests/docs/*.sh))
install: $(B)/trapeze ## install under DESTDIR/PREFIX (/usr/local)
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh $(B)/trapeze
deps: ## install with apt what building, testing and benchmarking need (Debian 12)
	$(Q)scripts/deps.sh build check
deps-build:
	$(Q)scripts/deps.sh build
clean: ## remove what was built (the downloaded kernel stays)
	$(Q)for d in $(B) $(B)-*; do [ ! -d $$d ] || find $$d -mindepth 1 -maxdepth 1 ! -name kernel -exec rm -rf {} +; done
distclean: ## remove the build directories altogether
	rm -rf $(B) $(B)-*
help: ## this list
	@echo 'make TARGET [B=build] [CC=gcc|clang] [V=1] [OPT=...] [SAN=address,undefined]'
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
