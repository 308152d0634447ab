/* SPDX-License-Identifier: MIT */
/* summary.js: what it all adds up to, and what is not on the page. */
let groups = null;

function group() {
	const ids = new Map(), of = new Uint32Array(N), size = [];
	for (let i = 0; i < N; i++) {
		if (!isExit(i)) continue;
		const key = C.label[i] * S.length + C.name[i];
		let g = ids.get(key);
		if (g === undefined) {
			ids.set(key, g = size.length);
			size.push({ label: C.label[i], name: C.name[i], sample: i, n: 0, total: 0 });
		}
		of[i] = g;
		size[g].n++;
		size[g].total += C.away[i];
	}
	for (const g of size) g.away = new Uint32Array(g.n), g.n = 0;
	for (let i = 0; i < N; i++) if (isExit(i)) {
		const g = size[of[i]];
		g.away[g.n++] = C.away[i];
	}
	for (const g of size) {
		g.away.sort();
		g.p50 = g.away[Math.ceil(g.n * 0.5) - 1];
		g.p99 = g.away[Math.ceil(g.n * 0.99) - 1];
		delete g.away;
	}
	return size.sort((a, b) => b.total - a.total);
}

function timeSplits() {
	const out = [];
	F.cpu_time.forEach((c, k) => {
		const known = c.guest + c.kernel + c.vmm + c.halted;
		out.push(el('p', { class: 'sub' }, `vCPU ${k}: ${span(c.wall)}`), splitBar([['guest', c.guest, 'guest'], ['kvm', c.kernel, 'KVM'],
			['vmm', c.vmm, 'VMM'], ['hlt', c.halted, 'halted'], ['unknown', Math.max(0, c.wall - known), 'unknown']]));
	});
	if (!out.length) out.push(el('p', { class: 'sub' }, 'How time was split is not known: the recording has no end.'));
	return out;
}

function fillSummary() {
	const box = $('summary'), body = el('tbody');
	if (groups) return;
	groups = group();
	const wall = extent() * F.cpus;
	for (const g of groups.slice(0, 500))
		body.append(el('tr', {}, el('td', { class: 'n' }, count(g.n)), el('td', { class: 'n' }, percent(g.total, wall)),
			el('td', { class: 'n' }, span(g.p50)), el('td', { class: 'n' }, span(g.p99)),
			el('td', {}, el('button', { type: 'button', title: 'find them all', click: () => search(quoted(g.sample)) },
				el('span', { class: 'kind' }, S[g.label] + ' '), S[g.name]))));
	box.textContent = '';
	box.append(el('h3', {}, 'where the time went'), ...timeSplits(), el('h3', {}, 'exits by kind and register'),
		el('table', { class: 'rows' }, el('thead', {}, el('tr', {}, ...['exits', 'share', 'p50', 'p99', 'what'].map(h => el('th', { scope: 'col' }, h)))), body));
	if (groups.length > 500) box.append(el('p', { class: 'sub' }, `and ${groups.length - 500} more registers`));
	box.append(el('p', { class: 'sub' }, 'Share is of the wall time of all vCPUs; p50 and p99 are from exit to entry. Exits in HLT are waiting, not work.'));
}

function unusedDevices() {
	const used = new Set(lanes.filter(l => l.kind === 'device').map(l => l.device));
	return F.devices.map((d, k) => used.has(k) ? '' : d[0]).filter(n => n).join(', ');
}

function fillLimits() {
	const box = $('limits'), say = (text, bad) => box.append(el('p', bad ? { class: 'bad-note' } : {}, text));
	box.append(el('h3', {}, 'what this page does not show'));
	say(F.unseen);
	if (F.stats.length)
		box.append(el('table', { class: 'rows' }, el('tbody', {}, ...F.stats.map(s => el('tr', {}, el('td', { class: 'n' }, count(s[1])),
			el('td', {}, el('code', {}, s[0]), ' ', el('span', { class: 'kind' }, s[2])))))));
	box.append(el('h3', {}, 'what it cannot tell apart'));
	say('A slice “guest” is a call of KVM_RUN. Where KVM has the local APIC, the guest’s waiting in HLT is part of it. What KVM did within it for the guest, exits that never left the kernel among them, is part of the slice; how long is known for the whole run only.');
	box.append(el('h3', {}, 'what is missing'));
	if (F.cut) say(`The recording is cut: ${F.cut}. What is here is good up to there.`, true);
	if (F.lost) say(`${count(F.lost)} records were lost, as there was no room for them: ` +
		F.threads.filter(t => t.lost).map(t => `${t.name}: ${count(t.lost)}`).join(', ') + '.', true);
	if (F.from || F.to) say(`This is the part from ${span(F.from)} to ${F.to ? span(F.to) : 'the end'}.`);
	if (F.filtered) say('A filter was used: steps that do not fit it are not on this page.');
	if (F.effects_left_out) say(`${count(F.effects_left_out)} effects of exits that have more than a thousand are left out.`);
	if (!F.cut && !F.lost && !F.from && !F.to && !F.filtered) say('Nothing: the recording is complete, and all of it is here.');
	const unused = unusedDevices();
	if (unused) box.append(el('h3', {}, 'devices that were not used'), el('p', {}, unused));
}

function fillHead() {
	const chip = (text, b, bad) => $('chips').append(el('li', bad ? { class: 'bad' } : {}, el('b', {}, b), ' ' + text));
	const when = F.time && F.time < 8e9 ? new Date(F.time * 1000).toISOString().slice(0, 16).replace('T', ' ') : '';
	$('command').textContent = F.command || '';
	$('command').title = F.command || '';
	document.title = 'trapeze: ' + (F.command || 'a recording');
	chip(F.exits === 1 ? 'exit' : 'exits', count(F.exits));
	chip(F.cpus === 1 ? 'vCPU' : 'vCPUs', F.cpus);
	chip('long', span(extent()));
	if (F.irqchip) chip('irqchip', F.irqchip);
	if (when) chip('UTC', when);
	if (F.lost) chip('lost', count(F.lost), true);
	if (F.cut) chip('', 'cut short', true);
	for (const [c, text] of CLASS_WORDS) $('legend').append(el('li', {}, el('i', { class: 'c-' + c }), text));
}
