// The status page of the local edge: asks for its state now and then and shows what changed.

const $ = (id) => document.getElementById(id);
const open = new Set();
let last = '';

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
const code = (text) => make('code', {}, text);
const row = (...cells) => make('tr', {}, ...cells.map((cell) => make('td', {}, ...[].concat(cell))));
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
const moment = (iso) => (iso ? new Date(iso).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium', hour12: false }) : 'never');
const items = (id, list) => $(id).replaceChildren(...list.map((item) => make('li', {}, ...[].concat(item))));

async function refresh() {
  try {
    const response = await fetch('/_dev/state');
    const state = await response.json();
    const text = JSON.stringify({ ...state, requests: 0, total: 0, messages: 0 });
    if (text !== last) architecture(state);
    last = text;
    if ($('follow').checked) requests(state);
    $('messages').replaceChildren(...state.messages.map((m) => make('li', {}, make('time', {}, clock(m.time)), ` ${m.text}`)));
    problem(state.problem);
  } catch {
    problem('The local edge does not answer: it has ended, or is starting again.');
  }
  setTimeout(refresh, 1000);
}

function problem(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

function architecture(state) {
  $('stack').textContent = `stack ${state.stack}`;
  if (!state.ready) return;
  $('names').replaceChildren(`${state.comment}. Names: `, ...state.names.flatMap((name, i) => [i ? ', ' : '', code(name)]),
    `, distribution ${state.distribution}`);
  $('behaviors').replaceChildren(...state.behaviors.map((b) => row(code(b.pattern), b.origin, b.function || '–', b.methods.join(' '),
    b.protocol, `${b.cache}${b.compress ? ', compressed' : ''}`, `${b.forwarded}${b.request_policy ? ` (${b.request_policy})` : ''}`,
    b.headers_policy ? details(b.headers_policy, b.sets) : '–')));
  items('origins', state.origins.map((o) => [`${o.id}: `, code(o.domain + o.path), ` ← ${o.served_by}`,
    o.headers.length ? `, adds ${o.headers.join(', ')}` : '']));
  const plain = state.error_pages.filter((e) => !e.page).map((e) => e.code);
  items('errors', [
    ...state.error_pages.filter((e) => e.page).map((e) => `${e.code} → ${e.page} with ${e.response}`),
    ...(plain.length ? [`${plain.join(', ')}: as the origin answers them`] : [])
  ]);
  $('services').textContent = Object.entries(state.services).map(([name, count]) => `${name} ${count}`).join(' · ');
  $('changes-title').textContent = `Last change: ${state.changes.length} resources`;
  items('changes', state.changes);
  items('warnings', state.warnings);
  releases(state);
  $('key-section').hidden = !state.api_key;
  $('api-key').textContent = state.api_key;
}

function details(title, pairs) {
  return make('details', {}, make('summary', {}, title), ...pairs.map(([name, value]) => make('div', {}, code(`${name}: ${value}`))));
}

function releases(state) {
  $('releases').replaceChildren(...state.releases.map((r) => {
    const name = r.active ? [code(r.id), ' ', make('span', { class: 'live' }, 'live')] : [code(r.id)];
    const preview = make('a', { href: `http://preview-${r.id.toLowerCase()}.localhost:${location.port}/` }, 'Preview');
    const back = make('button', { type: 'button', class: 'quiet', 'aria-label': `Make ${r.id} live` }, 'Make live');
    back.addEventListener('click', () => act('rollback', { release: r.id }));
    return row(name, moment(r.created), r.active ? 'now' : moment(r.last_live), `${r.files} files, ${Math.ceil(r.bytes / 1000)} kB`,
      r.active ? 'live' : [preview, ' ', back]);
  }));
}

async function act(what, body) {
  $('said').textContent = what === 'deploy' ? 'Deploying …' : 'Moving the pointer …';
  const response = await fetch(`/_dev/${what}`, { method: 'POST', headers: { 'x-dev': '1' }, body: JSON.stringify(body) });
  const answer = await response.json();
  $('said').textContent = response.ok ? `Release ${answer.release} is live.` : answer.error;
}
$('deploy').addEventListener('click', () => act('deploy', {}));
$('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText($('api-key').textContent);
  $('copy').textContent = 'Copied';
});

function requests(state) {
  $('total').textContent = `${state.total} since the start, the last ${state.requests.length} below.`;
  $('requests').replaceChildren(...state.requests.map((r) => {
    const summary = make('summary', {}, make('time', {}, clock(r.time)), make('span', { class: `s${Math.floor(r.status / 100)}` }, String(r.status || '…')),
      make('span', {}, r.method), make('span', { class: 'target' }, `${r.target}`, r.host === 'localhost' ? '' : ` (${r.host})`),
      make('span', { class: 'ms' }, r.ended ? `${r.ms.toFixed(1)} ms` : 'streaming'));
    const way = make('dl', {}, ...r.steps.flatMap((s) => [make('dt', {}, s.what), make('dd', {}, s.detail)]));
    const box = make('details', {}, summary, make('div', { class: 'way' }, way));
    if (r.origin) {
      box.lastChild.append(make('p', { class: 'soft' }, 'The origin got ', code(r.origin.line)),
        make('dl', {}, ...r.origin.headers.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])));
    }
    box.open = open.has(r.number);
    box.addEventListener('toggle', () => (box.open ? open.add(r.number) : open.delete(r.number)));
    return make('li', {}, box);
  }));
}

refresh();
