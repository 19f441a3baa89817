// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a run. Everything from the guest becomes text nodes; no markup is ever made out of data.
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const LIMIT = 500; // rows of a table that are made at once
const byId = new Map(data.processes.map((p) => [p.id, p]));

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'class') node.className = value;
    else if (typeof value === 'function') node.addEventListener(key, value);
    else node.setAttribute(key, value);
  }
  for (const child of children) node.append(child instanceof Node ? child : String(child));
  return node;
}
const guest = (text) => make('span', { class: 'guest' }, text);
const time = (ms) => new Date(data.begun_ms + ms).toISOString().replace('T', ' ').replace('Z', '');
function who(id) {
  const p = byId.get(id);
  return p ? make('span', {}, `${p.pid} `, guest(p.comm)) : '';
}

// ---- tables: a portion of the rows, and a button for more ----
function table(section, heads, rows, cells) {
  const body = make('tbody', {});
  const more = make('button', { click: () => add() }, 'more');
  let at = 0;
  function add() {
    for (const end = Math.min(at + LIMIT, rows.length); at < end; at++) {
      body.append(make('tr', {}, ...cells(rows[at]).map((c, i) => make('td', { class: heads[i][1] || '' }, c === null || c === undefined ? '' : c))));
    }
    more.hidden = at >= rows.length;
    more.textContent = `${rows.length - at} more`;
  }
  add();
  section.replaceChildren(make('table', {}, make('thead', {}, make('tr', {}, ...heads.map((h) => make('th', { class: h[1] || '' }, h[0])))), body), more);
  if (!rows.length) section.replaceChildren(make('p', { class: 'dim' }, 'Nothing.'));
}
const error = (text) => (text ? make('span', { class: 'bad' }, text) : '');

// ---- what is shown; each takes only the rows that the search leaves ----
const words = () => document.getElementById('search').value.toLowerCase().split(/\s+/).filter(Boolean);
const found = (wanted, ...texts) => {
  const all = texts.filter((t) => t !== null && t !== undefined).join(' ').toLowerCase();
  return wanted.every((w) => all.includes(w));
};
const matches = (wanted, row) => {
  const p = byId.get(row.process) || {};
  return found(wanted, row.line, row.path, row.target, row.address, row.action, row.error, row.remote, p.comm, p.pid);
};

function describe(p) {
  const parts = [make('b', {}, p.pid), ' ', guest(p.command || p.comm), ' '];
  if (p.uid !== null) parts.push(make('span', { class: 'dim' }, `uid ${p.uid} `));
  if (p.remote) parts.push(make('span', { class: 'bad' }, `from ${p.remote} `));
  parts.push(make('span', { class: 'dim' }, `${p.calls} calls${p.end ? `, ${p.end}` : ''}`));
  return parts;
}

function tree(section, wanted) {
  const children = new Map();
  const shown = new Set();
  for (const p of data.processes) {
    const parent = byId.has(p.parent) ? p.parent : 0;
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(p);
    if (!wanted.length || found(wanted, p.pid, p.comm, p.exe, p.command, p.remote)) {
      for (let q = p; q && !shown.has(q.id); q = byId.get(q.parent)) shown.add(q.id);
    }
  }
  let made = 0;
  function level(parent, depth) {
    const list = make('ul', { class: 'tree' });
    for (const p of children.get(parent) || []) {
      if (!shown.has(p.id)) continue;
      if (made++ > 20000) { list.append(make('li', { class: 'dim' }, '…')); break; }
      const below = children.has(p.id) && depth < 400;
      if (below) list.append(make('li', {}, make('details', { open: '' }, make('summary', {}, ...describe(p)), level(p.id, depth + 1))));
      else list.append(make('li', {}, ...describe(p)));
    }
    return list;
  }
  section.replaceChildren(level(0, 0));
}

function lane(p) {
  const canvas = make('canvas', { width: 800, height: 16 });
  const context = canvas.getContext('2d');
  const top = Math.log1p(Math.max(1, ...p.busy));
  const width = 800 / Math.max(1, data.buckets);
  context.fillStyle = '#2a7ae2';
  p.busy.forEach((n, i) => {
    const height = n ? Math.max(2, 16 * Math.log1p(n) / top) : 0;
    context.fillRect((p.first + i) * width, 16 - height, Math.max(1, width), height);
  });
  return make('div', { class: 'lane', title: `${p.calls} calls` }, make('span', {}, `${p.pid} `, guest(p.command || p.comm)), canvas);
}

function timeline(section, wanted) {
  const rows = data.processes.filter((p) => p.calls && found(wanted, p.pid, p.comm, p.command, p.remote));
  rows.sort((a, b) => a.first - b.first || a.id - b.id);
  section.replaceChildren(make('p', { class: 'dim' }, `${time(0)} to ${time(data.lasted_ms)} UTC, each bar ${(data.bucket_ms).toFixed(3)} ms, taller for more calls`),
    ...rows.slice(0, LIMIT).map(lane));
  if (rows.length > LIMIT) section.append(make('p', { class: 'dim' }, `${rows.length - LIMIT} more; search to narrow this down`));
}

const players = new Map();
const canPlay = typeof AsciinemaPlayer !== 'undefined';
function sessions(section, wanted) {
  const rows = data.casts.filter((c) => found(wanted, c.title, c.text));
  section.replaceChildren(...rows.map((cast) => {
    const place = make('div', { class: 'player' });
    const play = make('button', { click: () => { if (!players.has(cast)) {
      players.set(cast, AsciinemaPlayer.create({ data: cast.text }, place, { fit: 'width', idleTimeLimit: 2, autoPlay: true })); } } }, 'play');
    return make('div', {}, make('h3', {}, guest(cast.title), ' ', make('small', { class: 'dim' }, `${cast.seconds.toFixed(1)} s`), ' ', canPlay ? play : '(built without the player)'), place);
  }));
  if (!rows.length) section.replaceChildren(make('p', { class: 'dim' }, 'No terminal was used, or what was read and written there was not captured.'));
}

// ---- files caught ----
const marks = (r) => [r.executed && 'executed', r.deleted && 'deleted', !r.complete && 'incomplete'].filter(Boolean);
const by = (pid, comm) => (pid < 0 ? '' : make('span', {}, `${pid} `, guest(comm || '')));

const views = {
  Sessions: sessions,
  Typed: (s, w) => table(s, [['time'], ['from'], ['uid', 'n'], ['terminal'], ['process'], ['line'], ['']], data.typed.filter((r) => matches(w, r)),
    (r) => [time(r.ms), r.remote, r.uid, r.action, who(r.process), guest(r.line), make('span', { class: 'dim' }, r.hidden ? 'echo off' : r.error || '')]),
  Commands: (s, w) => table(s, [['time'], ['from'], ['uid', 'n'], ['process'], ['command'], ['error']], data.commands.filter((r) => matches(w, r)),
    (r) => [time(r.ms), r.remote, r.uid, who(r.process), guest(r.line), error(r.error)]),
  Tree: tree,
  Timeline: timeline,
  Connections: (s, w) => table(s, [['time'], ['what'], ['address'], ['port', 'n'], ['times', 'n'], ['process'], ['error']], data.connections.filter((r) => matches(w, r)),
    (r) => [time(r.ms), r.action, guest(r.address), r.port, r.times, who(r.process), error(r.error)]),
  Files: (s, w) => table(s, [['time'], ['what'], ['path'], ['times', 'n'], ['process'], ['error']], data.files.filter((r) => matches(w, r)),
    (r) => [time(r.ms), r.action, make('span', {}, guest(r.path), ...(r.target ? [' → ', guest(r.target)] : [])), r.times, who(r.process), error(r.error)]),
  Caught: (s, w) => table(s, [['time'], ['SHA-256', 'hash'], ['path'], ['bytes', 'n'], ['written by'], ['from'], ['run by'], ['']],
    data.caught.filter((r) => found(w, r.sha256, r.path, r.writer, r.writer_pid, r.runner, r.runner_pid, r.remote, ...marks(r))),
    (r) => [time(r.ms), make('code', {}, r.sha256), guest(r.path || ''), r.size, by(r.writer_pid, r.writer), r.remote, by(r.runner_pid, r.runner), error(marks(r).join(', '))]),
  Calls: (s, w) => table(s, [['call'], ['times', 'n'], ['errors', 'n'], ['seconds', 'n']], data.calls.filter((r) => found(w, r.name)),
    (r) => [r.name, r.times, r.errors, r.seconds.toFixed(6)]),
};

const main = document.querySelector('main');
const tabs = document.querySelector('nav');
let current = data.casts.length ? 'Sessions' : 'Commands';
function show(name) {
  current = name;
  for (const tab of tabs.children) tab.setAttribute('aria-selected', tab.dataset.view === name);
  for (const section of main.children) section.hidden = section.dataset.view !== name;
  const section = main.querySelector(`section[data-view="${name}"]`);
  if (name === 'Sessions') players.clear();
  views[name](section, words());
}
for (const name of Object.keys(views)) {
  if (name === 'Typed' && !data.typed.length) continue;
  if (name === 'Caught' && !data.caught.length) continue;
  tabs.append(make('button', { 'data-view': name, click: () => show(name) }, name));
  main.append(make('section', { 'data-view': name }));
}
document.getElementById('facts').textContent = data.about;
for (const note of data.notes) main.before(make('p', { class: 'note' }, note));
document.getElementById('search').addEventListener('input', () => show(current));
show(current);
document.documentElement.dataset.ready = 'yes';
