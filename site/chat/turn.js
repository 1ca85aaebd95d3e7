// One question with its answer on the page.

import { show } from './text.js';

const SLOW_MS = 5000;

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const TOOLS = {
  calculate: 'Calculated', current_time: 'Looked at the clock', search_site: 'Searched this site',
  cloudwatch_alarms: 'Looked at the alarms'
};

/** A question, what is done about it, and the answer as it comes. */
export class Turn {
  constructor(list, question) {
    this.question = question;
    this.text = '';
    this.tools = new Map();
    this.body = make('div', { class: 'text' });
    this.steps = make('ul', { class: 'steps', 'aria-label': 'Steps' });
    this.steps.hidden = true;
    this.state = make('p', { class: 'state' }, 'Sending …');
    this.actions = make('p', { class: 'actions' });
    this.answer = make('div', { class: 'answer', 'aria-busy': 'true' }, make('h2', { class: 'who' }, 'Assistant'),
      this.steps, this.body, this.state, this.actions);
    this.element = make('li', { class: 'turn' },
      make('div', { class: 'asked' }, make('h2', { class: 'who' }, 'You'), make('p', {}, question)), this.answer);
    list.append(this.element);
    this.began = Date.now();
    this.timer = setInterval(() => this.slow(), 1000);
  }

  /** Says what is going on; gone once there is text. */
  status(text) {
    this.state.textContent = text;
    this.state.hidden = text === '';
  }

  slow() {
    const spent = Date.now() - this.began;
    if (!this.text && spent > SLOW_MS) this.status(`Still working on it … ${Math.round(spent / 1000)} s`);
  }

  token(text) {
    if (!this.text) this.status('');
    this.text += text;
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  paint() {
    const bottom = near();
    show(this.body, this.text);
    if (bottom) toBottom();
  }

  tool(data) {
    const known = this.tools.get(data.tool_call_id) || { row: make('li') };
    this.tools.set(data.tool_call_id, known);
    Object.assign(known, data);
    const label = TOOLS[known.name] || `Used ${known.name}`;
    const mark = { started: '…', success: '', error: ' (failed)' }[known.status] ?? '';
    const summary = make('summary', {}, `${label}${mark}`);
    const details = make('details', {}, summary);
    if (known.arguments) details.append(make('pre', { tabindex: '0', 'aria-label': 'Input' }, JSON.stringify(known.arguments)));
    if (known.result) details.append(make('pre', { tabindex: '0', 'aria-label': 'Result' }, known.result));
    const open = known.row.firstElementChild?.open;
    details.open = Boolean(open);
    known.row.replaceChildren(details);
    if (!known.row.isConnected) this.steps.append(known.row);
    this.steps.hidden = false;
  }

  /** The end: no more of it comes. */
  end(note = '') {
    clearInterval(this.timer);
    cancelAnimationFrame(this.pending || 0);
    this.pending = 0;
    this.paint();
    this.answer.setAttribute('aria-busy', 'false');
    this.status(note);
    this.state.classList.toggle('noted', Boolean(note));
    if (near()) toBottom();
  }

  /** An error, with what can be done about it. */
  fail(message, label, action) {
    this.end();
    this.actions.replaceChildren(make('span', { class: 'error', role: 'alert' }, message));
    if (!label) return null;
    const button = make('button', { type: 'button', class: 'quiet' }, label);
    button.addEventListener('click', () => { this.actions.replaceChildren(); action(); });
    this.actions.append(button);
    return button;
  }
}

function near() {
  const page = document.scrollingElement;
  return page.scrollHeight - page.scrollTop - page.clientHeight < 160;
}

/** Shows the newest text. */
export function toBottom() {
  const page = document.scrollingElement;
  page.scrollTo({ top: page.scrollHeight });
}
