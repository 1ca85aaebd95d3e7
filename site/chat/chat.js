// The chat page. The key, when one is needed, lives in a variable here and nowhere else.

import { agents, ApiError, BrokenError, chat, isPublic, Run, status } from './api.js';
import { toBottom, Turn } from './turn.js';

const REMEMBERED = 40000; // characters of the conversation that go along with a question

const $ = (id) => document.getElementById(id);
const ui = {
  turns: $('turns'), welcome: $('welcome'), announce: $('announce'), model: $('model'),
  keyForm: $('key-form'), key: $('key'), keyError: $('key-error'),
  ask: $('ask'), question: $('question'), send: $('send'), stop: $('stop'), hint: $('hint'),
  agent: $('agent'), agentLabel: $('agent-label'), fresh: $('new'), forget: $('forget')
};

let key = '';
let open = false; // the public chat
let session = '';
let past = [];
let current = null; // {abort, run, turn}

const announce = (text) => { ui.announce.textContent = text; };

// The theme, under the same name as on the other pages.

const dark = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : dark.matches);

function themes() {
  const button = $('theme');
  const show = () => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to the ${isDark() ? 'light' : 'dark'} theme`);
  };
  try {
    const chosen = localStorage.getItem('theme');
    if (chosen === 'light' || chosen === 'dark') root.dataset.theme = chosen;
  } catch {
    // Without storage the theme is the system's.
  }
  button.hidden = false;
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    try {
      localStorage.setItem('theme', root.dataset.theme);
    } catch {
      // The choice lasts for this page then.
    }
    show();
  });
  dark.addEventListener('change', show);
  show();
}
themes();

// What answers, and whether a key is needed.

const ready = begin();

async function begin() {
  const told = await showModel();
  try {
    // An API that tells by itself need not be tried.
    open = told.public_chat ?? await isPublic();
  } catch {
    open = false;
  }
  if (!open) needKey('');
  else publicly();
}

/** The public chat takes shorter questions and has no tools. */
function publicly() {
  ui.question.maxLength = 2000;
  for (const element of ui.welcome.querySelectorAll('.with-tools')) element.hidden = true;
}

async function showModel() {
  try {
    const told = await status();
    const { model } = told;
    const scripted = model === 'scripted';
    ui.model.textContent = scripted ? 'Scripted model, no AWS' : model.replace(/^.*anthropic\./, '');
    ui.model.title = scripted ? 'Without AWS credentials a scripted model answers' : model;
    return told;
  } catch {
    ui.model.textContent = 'The API is away';
    return {};
  }
}

function needKey(error) {
  ui.keyForm.hidden = false;
  ui.keyError.textContent = error;
  ui.key.setAttribute('aria-invalid', String(Boolean(error)));
  ui.forget.hidden = true;
  ui.agentLabel.hidden = true;
  ui.key.focus();
}

ui.keyForm.addEventListener('submit', async (event) => {
  event.preventDefault();
  const typed = ui.key.value.trim();
  if (!typed) return needKey('Type the key first.');
  try {
    const found = await agents(typed);
    key = typed;
    ui.key.value = '';
    ui.keyForm.hidden = true;
    ui.keyError.textContent = '';
    ui.forget.hidden = false;
    showAgents(found.agents);
    announce('The key is right.');
    ui.question.focus();
  } catch (error) {
    needKey(error.status === 401 ? 'This key is not accepted.' : explain(error));
  }
});

ui.forget.addEventListener('click', () => { key = ''; needKey(''); });

function showAgents(list) {
  ui.agent.replaceChildren(...list.map((agent) => {
    const option = new Option(agent.name, agent.agent_id);
    option.title = agent.description;
    return option;
  }));
  ui.agentLabel.hidden = list.length < 2;
}

// Asking.

ui.ask.addEventListener('submit', async (event) => {
  event.preventDefault();
  await ready; // whether a key is needed is known then
  const text = ui.question.value.trim();
  if (!text || current) return;
  if (!open && !key) return needKey('A key is needed to ask.');
  ui.question.value = '';
  grow();
  ask(text);
});

ui.question.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ui.ask.requestSubmit();
  }
  if (event.key === 'Escape' && current) ui.stop.click();
});

function grow() {
  ui.question.rows = Math.min(8, Math.max(1, ui.question.value.split('\n').length));
}
ui.question.addEventListener('input', grow);

for (const button of ui.welcome.querySelectorAll('button')) {
  button.addEventListener('click', () => {
    ui.question.value = button.textContent;
    ui.ask.requestSubmit();
    if (ui.keyForm.hidden) ui.question.focus();
  });
}

ui.fresh.addEventListener('click', () => {
  past = [];
  session = '';
  ui.turns.replaceChildren();
  ui.welcome.hidden = false;
  ui.fresh.hidden = true;
  announce('A new conversation.');
  ui.question.focus();
});

async function ask(question) {
  ui.welcome.hidden = true;
  ui.fresh.hidden = false;
  const turn = new Turn(ui.turns, question);
  const abort = new AbortController();
  current = { abort, turn, run: null, stopped: false };
  busy(true);
  toBottom();
  announce('The answer is on its way.');
  try {
    const note = await follow(turn, events(question, abort.signal), abort.signal);
    turn.end(note);
    past.push({ question, answer: turn.text });
    announce(`${note ? `${note} ` : ''}${turn.text.slice(0, 2000)}`);
  } catch (error) {
    failed(turn, question, error);
  } finally {
    current = null;
    busy(false);
  }
}

async function* events(question, signal) {
  if (open && !key) {
    yield* chat(question, session, signal);
    return;
  }
  const run = new Run(key, {
    goal: question, stream_tokens: true, ...(ui.agent.value ? { agent_profile_id: ui.agent.value } : {}), ...remembered()
  });
  await run.start(signal);
  current.run = run;
  yield* run.events(signal);
}

function remembered() {
  const kept = [];
  let size = 0;
  for (const turn of [...past].reverse()) {
    size += turn.question.length + turn.answer.length;
    if (size > REMEMBERED) break;
    kept.unshift(turn);
  }
  return kept.length ? { context: { conversation: kept } } : {};
}

/** Shows the events of an answer; gives a note for its end. */
async function follow(turn, stream, signal) {
  let note = '';
  let failure = null;
  for await (const data of stream) {
    if (signal.aborted) throw signal.reason;
    if (data.type === 'token') turn.token(data.text);
    else if (data.type === 'tool') turn.tool(data);
    else if (data.type === 'status') {
      session = data.session_id || session;
      if (!turn.text) turn.status('Thinking …');
    } else if (data.type === 'reconnecting') {
      turn.status('The connection broke; connecting again …');
      announce('The connection broke; connecting again.');
    } else if (data.type === 'error') failure = data.error;
    else if (data.type === 'answer' && !turn.text) turn.token(data.answer || data.results?.[0]?.output || '');
    else if (data.type === 'end') note = ending(data);
  }
  if (failure) throw new ApiError(0, failure.code, failure.message, 0);
  return note;
}

const ENDS = {
  turns: 'It stopped at the limit of steps.', seconds: 'It stopped at the limit of time.',
  output_tokens: 'It stopped at the limit of length.', usd: 'It stopped at the limit of cost.'
};

function ending(data) {
  if (data.status === 'cancelled') return 'Stopped.';
  return ENDS[data.reason] || '';
}

ui.stop.addEventListener('click', () => {
  if (!current) return;
  current.stopped = true;
  current.run?.cancel();
  current.abort.abort();
});

function busy(on) {
  ui.send.hidden = on;
  ui.stop.hidden = !on;
  if (on && document.activeElement === ui.send) ui.stop.focus();
  if (!on && (document.activeElement === ui.stop || document.activeElement === document.body)) ui.question.focus();
}

// When it goes wrong.

function explain(error) {
  if (error instanceof ApiError) return error.message;
  if (error instanceof BrokenError) return error.message;
  return 'The server cannot be reached.';
}

function failed(turn, question, error) {
  if (current?.stopped) {
    turn.end('Stopped.');
    past.push({ question, answer: turn.text });
    announce('Stopped.');
    return;
  }
  const again = () => { turn.element.remove(); ask(question); };
  if (error instanceof ApiError && error.status === 401) {
    key = '';
    turn.fail('The key is not accepted any more.', 'Ask again', again);
    needKey('This key is not accepted.');
    return;
  }
  const wait = error.retryAfter || 0;
  const button = turn.fail(explain(error), 'Try again', again);
  if (wait > 0) countDown(button, wait);
}

/** The button comes alive when the server wants to be asked again. */
function countDown(button, seconds) {
  const label = button.textContent;
  button.disabled = true;
  const tick = () => {
    button.textContent = seconds > 0 ? `${label} in ${seconds} s` : label;
    if (seconds <= 0) {
      button.disabled = false;
      clearInterval(timer);
    }
    seconds -= 1;
  };
  const timer = setInterval(tick, 1000);
  tick();
}
