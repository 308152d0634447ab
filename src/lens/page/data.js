/* SPDX-License-Identifier: MIT */
/*
 * data.js: the recording, read from the page's data. Facts are JSON, numbers are columns (src/lens/
 * page_data.h names them): base64 of zlib of little-endian integers. Strings of a recording are put
 * into the page as text only.
 */
const $ = id => document.getElementById(id);

function el(tag, attrs, ...kids) {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(attrs || {})) {
		if (k === 'class') e.className = v;
		else if (k === 'click') e.addEventListener('click', v);
		else e.setAttribute(k, v);
	}
	e.append(...kids.filter(k => k !== null && k !== undefined && k !== ''));
	return e;
}

function trouble(text) {
	$('trouble').textContent = text;
	$('trouble').hidden = false;
}

const EVENT = 128, FIELD = 255, NO_DEV = 0xffff;
const X_WRITE = 1, X_STRING = 2, X_NOBODY = 4;
/* enum trace_exit_reason, as colours */
const CLASSES = ['other', 'pio', 'mmio', 'hlt', 'irq', 'irq', 'other', 'msr', 'msr', 'trap', 'trap', 'other'];
const CLASS_WORDS = [['guest', 'guest'], ['kvm', 'KVM'], ['pio', 'port'], ['mmio', 'MMIO'], ['hlt', 'HLT'],
	['irq', 'interrupts'], ['msr', 'MSR'], ['trap', 'debug, shutdown'], ['other', 'other'],
	['request', 'I/O request'], ['event', 'event']];
const HLT = 3;
const OPS = ['read', 'write', 'flush', 'discard', 'write zeroes'];
const classOf = code => CLASSES[code] || 'other';

let F = null;   /* facts */
const C = {};   /* columns */
let S = [];     /* strings */
let N = 0;      /* steps */
let T = null;   /* when each was, ns since the first entry */
let EFF = null; /* where the effects of each begin */

async function inflate(e) {
	const count = +e.dataset.count, width = +e.dataset.width, text = atob(e.textContent);
	const packed = new Uint8Array(text.length), out = new Uint8Array(count * width);
	for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
	const z = new DecompressionStream('deflate'), w = z.writable.getWriter(), r = z.readable.getReader();
	w.write(packed).catch(() => {});
	w.close().catch(() => {});
	for (let at = 0;;) {
		const { done, value } = await r.read();
		if (done) {
			if (at !== out.length) throw new Error('column ' + e.dataset.name + ' is short');
			break;
		}
		out.set(value, at);
		at += value.length;
	}
	const type = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width];
	return new type(out.buffer);
}

async function load() {
	F = JSON.parse($('facts').textContent);
	for (const e of document.querySelectorAll('script[data-name]')) {
		C[e.dataset.name] = await inflate(e);
		e.remove();
	}
	S = new TextDecoder().decode(C.strings).split('\0');
	N = C.dt.length;
	T = new Float64Array(N);
	EFF = new Uint32Array(N + 1);
	const gap = new Map();
	C.gap_step.forEach((s, i) => gap.set(s, C.gap_hi[i] * 4294967296 + C.gap_lo[i]));
	let t = 0;
	for (let i = 0; i < N; i++) {
		t += C.dt[i] + (gap.size ? gap.get(i) || 0 : 0);
		T[i] = t;
		EFF[i + 1] = EFF[i] + C.effects[i];
	}
}

const isExit = i => C.code[i] < EVENT;
const deviceName = d => d < F.devices.length ? F.devices[d][0] : '';
const threadName = t => t < F.threads.length ? F.threads[t].name : 'thread ' + t;
const wide = (name, i) => C[name + '_hi'][i] * 4294967296 + C[name + '_lo'][i];
