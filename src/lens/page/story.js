/* SPDX-License-Identifier: MIT */
/* story.js: all about one exit, event or request. */
function facts(rows) {
	const t = el('table', { class: 'facts' });
	for (const [k, v] of rows)
		if (v !== '' && v !== null && v !== undefined) t.append(el('tr', {}, el('td', {}, k), el('td', {}, v)));
	return t;
}

function splitBar(parts) {
	const all = parts.reduce((s, p) => s + p[1], 0), bar = el('div', { class: 'split' }), key = el('div', { class: 'keyline' });
	for (const [cls, ns, words] of parts) {
		if (!ns) continue;
		const i = el('i', { class: 'c-' + cls });
		i.style.flex = `${ns} 0 0`;
		bar.append(i);
		key.append(el('span', {}, el('i', { class: 'c-' + cls }), `${words} ${span(ns)}`));
	}
	return all ? el('div', {}, bar, key) : el('div');
}

function effectList(i) {
	const list = el('ol', { class: 'effects' });
	for (let e = EFF[i]; e < EFF[i + 1] && e < EFF[i] + 200; e++)
		list.append(el('li', {}, el('span', { class: 'at' }, '+' + span(C.e_at[e])), el('span', {}, S[C.e_text[e]] || '?', ' ',
			el('span', { class: 'dev' }, deviceName(C.e_dev[e])))));
	if (EFF[i + 1] - EFF[i] > 200) list.append(el('li', {}, `and ${EFF[i + 1] - EFF[i] - 200} more`));
	return list;
}

function walkButtons(i) {
	const b = (text, fn) => el('button', { type: 'button', click: fn }, text);
	return el('div', { class: 'walk' }, b('‹ exit before', () => step(-1)), b('exit after ›', () => step(1)),
		b('Zoom to it', () => zoomTo(i)),
		S[C.name[i]] ? b(isExit(i) ? 'Find all of this register' : 'Find all of these', () => search(quoted(i))) : null);
}

const quoted = i => `"${S[C.label[i]].replace(/"/g, '')}" "${S[C.name[i]].replace(/"/g, '')}"`;

function bytesOf(i) {
	if (!accesses(i)) return '';
	const n = C.count[i], s = `${C.size[i]} byte${C.size[i] === 1 ? '' : 's'}`;
	return C.flags[i] & X_STRING ? `${s}, ${n} times: a string instruction; the value is the first` : s;
}

/* The rule behind it, in the words of lens_why(). */
function whyStory(i) {
	const [cpu, kvm, sdm, apm, kept] = S[C.why[i]].split('\x1f');
	if (!kvm) return [];
	return [el('h3', {}, 'why it left the guest'), el('p', {}, cpu), el('p', {}, kvm),
		kept ? el('p', { class: 'sub' }, 'What KVM does alone: ' + kept) : null,
		el('p', { class: 'manual' }, 'Intel SDM 3C, ' + sdm, el('br'), 'AMD APM 2, ' + apm)];
}

function exitStory(i) {
	const dir = C.flags[i] & X_WRITE ? 'value written' : 'value read';
	const out = [
		el('h2', {}, el('span', { class: 'k c-' + classOf(C.code[i]) }), `#${C.num[i]} ${S[C.label[i]]}${S[C.name[i]] ? ': ' + S[C.name[i]] : ''}`),
		el('p', { class: 'sub' }, `${threadName(C.thread[i])}, ${stamp(T[i], 1)} after the first entry`),
		el('code', { class: 'line' }, lineOf(i)),
		el('h3', {}, 'what the guest did'),
		facts([['address', accesses(i) ? hex('addr', i) : ''], ['register', S[C.name[i]]],
			['device', C.flags[i] & X_NOBODY ? 'none: nobody answers there' : deviceName(C.dev[i])],
			[dir, accesses(i) ? valueText(i) : ''], ['size', bytesOf(i)],
			['instruction', C.insn[i] ? S[C.insn[i]] : 'not known'],
			['at', wide('rip', i) ? hex('rip', i) : ''], ['symbol', C.sym[i] ? S[C.sym[i]] : '']]),
		el('h3', {}, 'what came of it'),
		C.effects[i] ? effectList(i) : el('p', { class: 'sub' }, 'Nothing that was recorded.'),
		el('h3', {}, 'what it cost'),
		splitBar([['guest', C.guest[i], 'before: in KVM_RUN'], [C.code[i] === HLT ? 'hlt' : 'vmm', C.away[i] - Math.min(C.handler[i], C.away[i]),
			C.code[i] === HLT ? 'waiting' : 'way there and back'], [classOf(C.code[i]), Math.min(C.handler[i], C.away[i]), 'handler']]),
		facts([['exit to entry', span(C.away[i])], ['in the device', span(C.handler[i])]]),
		walkButtons(i),
		...whyStory(i),
	];
	return out.filter(e => e);
}

function eventStory(i) {
	return [
		el('h2', {}, el('span', { class: 'k c-event' }), S[C.label[i]]),
		el('p', { class: 'sub' }, `${threadName(C.thread[i])}, ${stamp(T[i], 1)} after the first entry`),
		el('code', { class: 'line' }, lineOf(i)),
		facts([['what', S[C.name[i]]], ['device', deviceName(C.dev[i])], ['thread', threadName(C.thread[i])]]),
		walkButtons(i),
	];
}

const requestTitle = q => `${OPS[C.q_op[q]] || 'operation ' + C.q_op[q]} of ${count(wide('q_len', q))} bytes at ${count(wide('q_offset', q))}`;

function requestStory(q) {
	return [
		el('h2', {}, el('span', { class: 'k c-request' }), requestTitle(q)),
		el('p', { class: 'sub' }, `${deviceName(C.q_dev[q])}, ${stamp(wide('q_at', q), 1)} after the first entry`),
		facts([['took', span(wide('q_took', q))], ['begun by', threadName(C.q_thread[q])],
			['status', C.q_status[q] ? 'error ' + C.q_status[q] : 'done']]),
	];
}

function showStory() {
	const box = $('story');
	box.textContent = '';
	if (selectedRequest >= 0) box.append(...requestStory(selectedRequest));
	else if (selected >= 0) box.append(...(isExit(selected) ? exitStory(selected) : eventStory(selected)));
	else box.append(el('h2', {}, N ? 'Click an exit' : 'Nothing was recorded here'), el('p', { class: 'sub' },
		'Each coloured slice in a lane “VMM” is a trap: the guest did something that hardware cannot do for it, and this program did. ' +
		'Zoom in with the wheel until single ones show, then click one for its whole story. Keys are under “Keys”.'));
	box.scrollTop = 0;
	document.body.dataset.selected = selected;
}

function select(i, where) {
	selected = i;
	selectedRequest = -1;
	if (where === 'center' && (T[i] < view.t0 || T[i] > view.t1)) {
		const w = view.t1 - view.t0;
		setView(T[i] - w / 2, T[i] + w / 2);
	}
	showTab('story');
	showStory();
	try {
		history.replaceState(null, '', '#step-' + i);
	} catch (e) { /* not allowed where the page is shown: then without */ }
	redraw();
}

function zoomTo(i) {
	const w = Math.max(2000, (C.away[i] + Math.min(C.guest[i], C.away[i])) * 6);
	setView(T[i] - w / 2, T[i] + w / 2);
}

/* To the exit before or after on the same vCPU. */
function step(by) {
	let i = selected;
	if (i < 0) i = lower(T, view.t0) - (by > 0 ? 1 : 0);
	const thread = selected >= 0 && F.threads[C.thread[i]] && F.threads[C.thread[i]].vcpu >= 0 ? C.thread[i] : -1;
	for (i += by; i >= 0 && i < N; i += by)
		if (isExit(i) && (thread < 0 || C.thread[i] === thread)) return select(i, 'center');
}
