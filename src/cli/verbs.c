/* SPDX-License-Identifier: MIT */
/* verbs.c: the table of verbs, and the facts about the program that help and manual share. */
#include <errno.h>
#include <string.h>

#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/parse.h"

static const struct opt_word shell_words[] = {
	{ "bash", 0, "bash, with or without bash-completion" },
	{ "zsh", 0, "zsh, with compinit" },
	{ "fish", 0, "fish" },
	{ 0 },
};

static const struct opt_word verb_words[] = {
	{ "run", 0, NULL },     { "test", 0, NULL },    { "step", 0, NULL },
	{ "img", 0, NULL },     { "trace", 0, NULL },   { "lab", 0, NULL },
	{ "symbols", 0, NULL }, { "doctor", 0, NULL },  { "completion", 0, NULL },
	{ "help", 0, NULL },    { "version", 0, NULL }, { 0 },
};

static const struct opt_word img_words[] = {
	{ "create", 0, "a new image" },
	{ "info", 0, "what an image is" },
	{ "check", 0, "whether it is sound" },
	{ "resize", 0, "another size" },
	{ "convert", 0, "a copy in another format" },
	{ 0 },
};

static const struct opt_word trace_words[] = {
	{ "show", 0, "exits, a line each" },
	{ "summary", 0, "exits by kind and register, and where the time went" },
	{ "diff", 0, "two runs side by side" },
	{ "html", 0, "a page that shows the run over time" },
	{ "perfetto", 0, "the same for ui.perfetto.dev" },
	{ 0 },
};

static const struct opt_word internal_words[] = {
	{ "docs", 0, NULL },
	{ 0 },
};

const struct verb verbs[VERB_CNT] = {
	[VERB_RUN] = {
		.name = "run",
		.args = "[OPTION...] [KERNEL]",
		.summary = "boot a kernel and wait for how it ends",
		.description =
			"Boots KERNEL (or the file named by -k) in a virtual machine on /dev/kvm. The "
			"guest's first serial port is on standard input and output; what trapeze has to "
			"say itself goes to standard error. The exit status tells how the guest ended.\n\n"
			"A word that is no option is taken as the kernel if -k is not given. When "
			"standard error is a terminal, or with -v, --stats or --dry-run, one line says "
			"what was understood, sizes included; when the guest has ended, one line says "
			"how. -q leaves out both.",
		.opt = run_options,
		.opt_cnt = &run_option_cnt,
		.completes = OPT_FILES,
	},
	[VERB_TEST] = {
		.name = "test",
		.args = "[OPTION...] -k KERNEL -- COMMAND [ARG...]",
		.summary = "run a command in a guest and give its verdict",
		.description =
			"Boots a kernel with an init of trapeze's own, which runs COMMAND and nothing "
			"else, and says how that went. Standard input, output and error of the command "
			"are this program's, byte for byte, and apart from the guest's console. The "
			"guest needs no agent, shell or network; its root is its initramfs, or what "
			"--root names. Nothing is written to an image unless --commit is given.\n\n"
			"All options of run that describe a machine (-k, -i, -p, -m, -c, --cpu, -d, -n, "
			"--irqchip, --config and so on) are understood as well.\n\n"
			"A test passes if its command exits with 0, nothing is lost of what it wrote, and "
			"the kernel had nothing to complain about. Each other way to end has an exit "
			"status of its own: 1 the command failed, 32 the guest reset itself, 33 it "
			"crashed (a triple fault), 34 its kernel panicked, 35 its kernel complained, 36 "
			"it did not boot in time, 37 it fell silent, 38 it ended without a verdict, 70 "
			"trapeze failed, 71 the host could not run it, 77 the command skipped itself, 124 "
			"the command did not end in time, 130 it was cancelled. Of several tests: 0 if "
			"none was bad, 1 if some were, 70 or 71 if one could not be run.\n\n"
			"A matrix file is a JSON object: \"kernels\" and \"configs\", arrays of objects "
			"as --config takes them, each with a \"name\", and \"tests\", an array of objects "
			"with \"name\", \"command\" (an array) and, if wanted, \"env\", \"cwd\", "
			"\"timeout\", \"boot-timeout\", \"idle-timeout\", \"retries\", \"expect-exit\", "
			"\"expect-console\", \"fail-on-console\" and \"allow-oops\". Each test is run on "
			"each kernel in each configuration.",
		.opt = test_options,
		.opt_cnt = &test_option_cnt,
	},
	[VERB_STEP] = {
		.name = "step",
		.args = "[OPTION...] [KERNEL]",
		.summary = "boot a kernel and walk through it, exit by exit",
		.description =
			"Builds the machine that `trapeze run` would build from the same options, and "
			"stands in front of its first instruction with a prompt: step by instruction or "
			"by exit, set breakpoints at code, ports, addresses and kinds of exit, look at "
			"registers, memory, page tables, devices, virtqueues and interrupts, and ask why "
			"the guest fell into its hypervisor. help lists the commands; docs/step.md has a "
			"session.\n\n"
			"Standard input is the prompt's. What the guest writes to COM1 is shown line by "
			"line behind \"COM1|\", and `key` types for it. Ctrl-C stops a guest that runs. "
			"On a terminal, lines are edited, remembered and completed if libedit is "
			"installed. From a pipe or a file, each line is shown before its answer, and an "
			"end of the input is quit.\n\n"
			"Exits as the guest did, as `trapeze run` would have; with 0 after quit, or with 2 "
			"if a command of a script was refused.",
		.opt = step_options,
		.opt_cnt = &step_option_cnt,
		.completes = OPT_FILES,
	},
	[VERB_IMG] = {
		.name = "img",
		.args = "create|info|check|resize|convert FILE [OPTION...]",
		.summary = "make, describe, check and change disk images",
		.description =
			"create FILE SIZE: makes an image, qcow2 unless -f says raw. With -b, SIZE may be "
			"left out: it is the backing file's.\n\n"
			"info FILE: says what the image is, without a look at what is in it.\n\n"
			"check FILE: compares what a qcow2 image refers to with its reference counts. "
			"Exits with 0 if nothing is wrong (any more), 3 if clusters are leaked, which "
			"costs space and nothing else, 4 if the image contradicts itself, and 1 if it "
			"could not be checked.\n\n"
			"resize FILE SIZE: makes the disk SIZE large; +SIZE is relative, and so is -SIZE, "
			"which is written after \"--\". "
			"A disk gets smaller only with --shrink.\n\n"
			"convert FILE NEW-FILE: copies the disk to a new image, qcow2 unless -O says raw. "
			"Zeros take no space. NEW-FILE appears when it is complete.\n\n"
			"An image that is in use by a guest, here or in QEMU, is locked and not touched.",
		.opt = img_options,
		.opt_cnt = &img_option_cnt,
		.words = img_words,
		.completes = OPT_FILES,
	},
	[VERB_TRACE] = {
		.name = "trace",
		.args = "show|summary|diff|html|perfetto FILE [FILTER] [OPTION...]",
		.summary = "read a recording of a guest's exits",
		.description =
			"Reads what `trapeze run --trace-out FILE` has written; no KVM is needed for "
			"that. A file of \"-\" is standard input. One that ends early, as its writer "
			"was killed or the disk was full, is read up to there.\n\n"
			"show FILE [FILTER]: a line for each exit: number, time since the guest began, "
			"vCPU, what it was, what the guest accessed, by the data sheet's name, value, "
			"RIP and the instruction there, what the device did, and how long that took.\n\n"
			"summary FILE [FILTER]: exits by kind and register: how many, their share of the "
			"vCPUs' time, total, median and 99th percentile; each device; how time was "
			"split between guest, KVM and VMM; and what KVM handled by itself.\n\n"
			"diff FILE FILE [FILTER]: two runs side by side, what changed most first, and "
			"what was saved or added in all.\n\n"
			"html FILE [FILTER] -o PAGE: one page that needs no network and no server: "
			"vCPUs, devices and threads over time, search, and the whole story of each "
			"exit. A page holds two million steps; --from, --to and a filter cut a longer "
			"recording.\n\n"
			"perfetto FILE [FILTER] -o FILE: trace events in JSON, for ui.perfetto.dev.\n\n"
			"A filter is made of words KEY=VALUE: kind (io, in, out, mmio, hlt, msr, eoi, "
			"irq, queue ...), dev (a device, or a type of devices), addr (N or N-M), reg (a "
			"part of the register's name), value, vcpu, rip (N, N-M, or a function), and "
			"\"nobody\" for what no device answers. \",\" between words is and, \"|\" is or, "
			"\"!\" is not: 'kind=out,dev=serial0', 'addr=0x3f8-0x3ff|nobody', '!kind=hlt'.",
		.opt = trace_options,
		.opt_cnt = &trace_option_cnt,
		.words = trace_words,
		.completes = OPT_FILES,
	},
	[VERB_SYMBOLS] = {
		.name = "symbols",
		.args = "KERNEL [-o FILE | NAME | ADDRESS]...",
		.summary = "list what a kernel's addresses are called",
		.description =
			"Reads the names that a kernel carries for its own /proc/kallsyms (stock kernels "
			"do, and come with no other symbols), or the symbol table of an ELF file, or a "
			"System.map, and lists them as nm(1) does. Addresses are those the kernel was "
			"linked at, where it runs with nokaslr, and when trapeze unpacks it.\n\n"
			"With -o, writes them as an ELF file for a debugger: (gdb) symbol-file FILE. "
			"With names or addresses, looks those up.",
		.opt = symbols_options,
		.opt_cnt = &symbols_option_cnt,
		.completes = OPT_FILES,
	},
	[VERB_LAB] = {
		.name = "lab",
		.args = "[N [DEVICE.c]] [OPTION...]",
		.summary = "run a lab of the course on trap and emulate",
		.description =
			"Runs lab N of the course: a small guest whose exits are shown one by one, with "
			"what the lab's text says of them, and checked against that text. Without N, "
			"lists the labs. Exits with 0 if all that the text claims is so, and with 1 if "
			"not. All files are in the program; nothing but /dev/kvm is needed.\n\n"
			"Where a lab has a device to write (lab 3), DEVICE.c is compiled with cc and "
			"plugged into its machine; without it, the device of the text is.",
		.opt = lab_options,
		.opt_cnt = &lab_option_cnt,
		.completes = OPT_FILES,
	},
	[VERB_DOCTOR] = {
		.name = "doctor",
		.args = "[OPTION...]",
		.summary = "look at this host and say what stands in the way",
		.description =
			"Tries what a guest needs of this host: /dev/kvm, its capabilities, a guest of a "
			"few instructions and its speed, memory, huge pages, network devices, limits. "
			"Each finding is \"ok\", a \"note\" (guests run, something could be better) or a "
			"\"problem\" (no guest runs), with what to do about it. Exits with 0 if a guest "
			"can run and with 1 if not.",
		.opt = doctor_options,
		.opt_cnt = &doctor_option_cnt,
	},
	[VERB_COMPLETION] = {
		.name = "completion",
		.args = "bash|zsh|fish",
		.summary = "print a completion script for a shell",
		.description =
			"Prints a script that teaches a shell to complete trapeze's verbs, options and "
			"values:\n\n"
			"bash: trapeze completion bash > ~/.local/share/bash-completion/completions/"
			"trapeze\n\n"
			"zsh: trapeze completion zsh > DIR/_trapeze, where DIR is in $fpath\n\n"
			"fish: trapeze completion fish > ~/.config/fish/completions/trapeze.fish",
		.words = shell_words,
	},
	[VERB_HELP] = {
		.name = "help",
		.args = "[VERB]",
		.summary = "say what a verb does and which options it has",
		.description = "Prints help on VERB, or the list of verbs.",
		.words = verb_words,
	},
	[VERB_VERSION] = {
		.name = "version",
		.args = "",
		.summary = "print the version",
		.description = "Prints the program's name and version.",
	},
	[VERB_INTERNAL] = {
		.name = "internal",
		.args = "docs man|md",
		.summary = "print generated documentation",
		.description = "Prints docs/trapeze.1 (man) or docs/cli.md (md), which are generated "
			       "from the tables in the program.",
		.words = internal_words,
		.hidden = true,
	},
};

/* --- facts ------------------------------------------------------------------------------------ */

const struct fact exit_statuses[] = {
	{ "0", "the guest powered off, or Ctrl-A x ended it" },
	{ "1", "the host or trapeze failed: /dev/kvm, a file, memory" },
	{ "2", "the command line or a configuration file is wrong; nothing was started" },
	{ "32", "the guest reset itself and --no-reboot was given" },
	{ "33", "the guest crashed: a triple fault, or KVM could not go on" },
	{ "34", "the guest's kernel panicked" },
	{ "124", "--timeout ran out" },
	{ "128+N", "signal N ended trapeze" },
	{ "(V << 1) | 1", "the guest wrote V to the debug-exit port" },
};
const unsigned exit_status_cnt = ARRAY_LEN(exit_statuses);

const struct fact console_keys[] = {
	{ "Ctrl-A x", "end the guest" },
	{ "Ctrl-A h", "list the keys" },
	{ "Ctrl-A b", "send a break (to Linux: then a SysRq key)" },
	{ "Ctrl-A t",
	  "show what exits there were; the first time without --trace, begin to count" },
	{ "Ctrl-A Ctrl-A", "send one Ctrl-A to the guest" },
};
const unsigned console_key_cnt = ARRAY_LEN(console_keys);

const struct fact signals[] = {
	{ "SIGTERM", "press the power button, if the guest listens to it; a second one, or ten "
		     "seconds, ends the guest" },
	{ "SIGINT, SIGHUP, SIGQUIT", "end the guest" },
	{ "SIGUSR1", "look at the sizes of disks again, and tell the guest of those that changed" },
};
const unsigned signal_cnt = ARRAY_LEN(signals);

const struct fact environment[] = {
	{ "XDG_CACHE_HOME", "where the cache of unpacked kernels is; ~/.cache if not set" },
};
const unsigned environment_cnt = ARRAY_LEN(environment);

const struct fact files[] = {
	{ "/dev/kvm", "the host's hypervisor; must be readable and writable" },
	{ "~/.cache/trapeze", "unpacked kernels by content; may be removed at any time" },
};
const unsigned file_cnt = ARRAY_LEN(files);

/* --- look-up ---------------------------------------------------------------------------------- */

const struct verb *verb_find(const char *name, struct error **errp)
{
	const char *names[VERB_CNT], *near;
	unsigned n = 0;

	for (unsigned i = 0; i < VERB_CNT; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
		if (!verbs[i].hidden)
			names[n++] = verbs[i].name;
	}
	if (name[0] == '-') {
		err_set(errp, EINVAL,
			"'%s' stands where the verb belongs; did you mean 'trapeze "
			"run %s'?",
			name, name);
		return NULL;
	}
	near = nearest(name, names, n);
	err_set(errp, EINVAL, "unknown verb '%s'%s%s%s", name, near ? "; did you mean '" : "",
		near ? near : "", near ? "'?" : "");
	err_hint(errp, "'trapeze help' lists the verbs; to boot a kernel: trapeze run -k FILE");
	return NULL;
}
