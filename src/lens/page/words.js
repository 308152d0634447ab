/* SPDX-License-Identifier: MIT */
/* words.js: numbers and steps in words. */
function span(ns) {
	const abs = Math.abs(ns);
	if (abs < 1000) return Math.round(ns) + ' ns';
	for (const [unit, name] of [[1e3, 'µs'], [1e6, 'ms'], [1e9, 's']])
		if (abs < unit * 999.5 || name === 's') {
			const v = ns / unit;
			return v.toFixed(abs >= unit * 99.95 ? 0 : abs >= unit * 9.995 ? 1 : 2) + ' ' + name;
		}
}

/* A point in time, with as many digits as tell it from one @step away. */
function stamp(ns, step) {
	const unit = ns >= 1e9 ? 1e9 : ns >= 1e6 ? 1e6 : ns >= 1e3 ? 1e3 : 1;
	const name = { 1: 'ns', 1e3: 'µs', 1e6: 'ms', 1e9: 's' }[unit];
	const digits = Math.max(0, Math.min(9, Math.ceil(Math.log10(unit / (step || 1)) - 1e-9)));
	return (ns / unit).toFixed(digits) + ' ' + name;
}

function hex(name, i) {
	const hi = C[name + '_hi'][i], lo = C[name + '_lo'][i];
	return '0x' + (hi ? hi.toString(16) + lo.toString(16).padStart(8, '0') : lo.toString(16));
}

const count = n => n.toLocaleString('en');
const percent = (part, whole) => !whole ? '–' : part && part / whole < 0.0005 ? '<0.1 %' : (100 * part / whole).toFixed(1) + ' %';

function accesses(i) {
	const c = C.code[i];
	return c === 1 || c === 2 || c === 7 || c === 8;
}

/* The value, as many digits as it has, and what it means in that register: "0x60 THRE|TEMT". */
function valueText(i) {
	const digits = hex('value', i).slice(2).padStart(2 * Math.min(C.size[i], 8), '0');
	return '0x' + digits + (C.means[i] ? ' ' + S[C.means[i]] : '');
}

const arrow = i => C.flags[i] & X_WRITE || C.code[i] === 8 ? '←' : '→';

function effectsOf(i) {
	const all = [];
	for (let e = EFF[i]; e < EFF[i + 1]; e++) all.push(S[C.e_text[e]]);
	return all;
}

const us = ns => (Math.trunc(ns / 100) / 10).toFixed(1) + 'us';

/* The decoded line, as `trapeze trace show` has it. */
function lineOf(i) {
	const thread = F.threads[C.thread[i]], who = thread && thread.vcpu >= 0 ? 'vcpu' + thread.vcpu : threadName(C.thread[i]);
	const when = '+' + (T[i] / 1e6).toFixed(3) + 'ms';
	if (!isExit(i)) return `${when} ${who} ${deviceName(C.dev[i])} ${S[C.name[i]]}`;
	let s = `#${String(C.num[i]).padStart(6, '0')} ${when} ${who} ${S[C.label[i]]}`;
	if (accesses(i)) s += ` ${hex('addr', i)} (${S[C.name[i]]}) ${C.flags[i] & X_WRITE || C.code[i] === 8 ? '<-' : '->'} ${valueText(i)}`;
	if (wide('rip', i)) s += ` rip=${hex('rip', i).slice(2)}`;
	if (C.sym[i]) s += ` (${S[C.sym[i]]})`;
	if (C.insn[i]) s += ' ' + S[C.insn[i]];
	const eff = effectsOf(i).filter(e => e);
	if (eff.length) s += ' | ' + eff.slice(0, 12).join(', ') + (eff.length > 12 ? ', …' : '');
	return s + ' | ' + (C.handler[i] ? `handler ${us(C.handler[i])}, ` : '') + `away ${us(C.away[i])}`;
}
