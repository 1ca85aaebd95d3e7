// A chat bubble for any page: <script src="https://SITE/widget.js" data-title="Ask us" defer></script>
// It talks to POST /api/v1/chat of the site it is loaded from; pages of other origins must be allowed there.
(function () {
  'use strict';
  var script = document.currentScript;
  var base = script.dataset.api || new URL('/api/v1', script.src).href;
  var title = script.dataset.title || 'Ask a question';
  var hello = script.dataset.hello || 'How can I help?';
  var session = '';
  var abort = null;

  var CSS = ':host{--a:#0b6b5c;--on:#fff;--bg:#fff;--ink:#1b1d22;--soft:#575c66;--line:#e3e0d8;--mine:#e2f0ec;--bad:#a8321a;' +
    'all:initial;position:fixed;right:1rem;bottom:1rem;z-index:2147483000;color-scheme:light dark;' +
    'font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink)}' +
    '@media(prefers-color-scheme:dark){:host{--a:#5fd3bc;--on:#0d1512;--bg:#1a1d25;--ink:#ecebe6;--soft:#a7abb5;--line:#2d313b;--mine:#1d3430;--bad:#f5a488}}' +
    '*{box-sizing:border-box}button,input{font:inherit}[hidden]{display:none!important}' +
    'button{min-height:44px;padding:0 16px;border:0;border-radius:12px;background:var(--a);color:var(--on);cursor:pointer}' +
    ':focus-visible{outline:3px solid var(--a);outline-offset:2px}' +
    '.open{border-radius:99px;box-shadow:0 4px 16px #0004;min-height:52px}' +
    'section{display:flex;flex-direction:column;width:min(380px,calc(100vw - 2rem));height:min(560px,calc(100dvh - 2rem));' +
    'background:var(--bg);border:1px solid var(--line);border-radius:16px;box-shadow:0 8px 32px #0005;overflow:hidden}' +
    '.head{display:flex;align-items:center;padding:8px 8px 8px 16px;border-bottom:1px solid var(--line)}' +
    'h2{font-size:1rem;margin:0;flex:1}.x{background:none;color:var(--ink)}' +
    '.log{flex:1;overflow:auto;padding:16px;margin:0;list-style:none}' +
    '.log li{margin:0 0 12px;white-space:pre-wrap;overflow-wrap:anywhere}' +
    '.log .me{margin-left:15%;padding:8px 12px;background:var(--mine);border-radius:14px 14px 4px 14px}' +
    '.log .bad{color:var(--bad)}.wait{color:var(--soft)}' +
    'form{display:flex;gap:8px;padding:12px;border-top:1px solid var(--line)}' +
    'input{flex:1;min-width:0;min-height:44px;padding:0 12px;border:1px solid var(--soft);border-radius:12px;background:transparent;color:inherit}' +
    '.h{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}';

  function make(name, attributes) {
    var element = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (key) {
      if (key === 'text') element.textContent = attributes[key];
      else element.setAttribute(key, attributes[key]);
    });
    for (var i = 2; i < arguments.length; i += 1) element.append(arguments[i]);
    return element;
  }

  var host = make('div', { 'data-chat-widget': '' });
  var root = host.attachShadow({ mode: 'open' });
  // Style sheets made by script are not held back by a page's style-src.
  var sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [sheet];

  var opener = make('button', { type: 'button', class: 'open', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', text: title });
  var close = make('button', { type: 'button', class: 'x', 'aria-label': 'Close the chat', text: '✕' });
  var log = make('ul', { class: 'log', tabindex: '0', 'aria-label': 'Conversation' }, make('li', { text: hello }));
  var said = make('p', { class: 'h', role: 'status' });
  var input = make('input', { id: 'q', maxlength: '2000', autocomplete: 'off', enterkeyhint: 'send', placeholder: 'Ask something' });
  var send = make('button', { type: 'submit', text: 'Send' });
  var stop = make('button', { type: 'button', text: 'Stop' });
  stop.hidden = true;
  var form = make('form', {}, make('label', { for: 'q', class: 'h', text: 'Your question' }), input, send, stop);
  var panel = make('section', { role: 'dialog', 'aria-label': title },
    make('div', { class: 'head' }, make('h2', { text: title }), close), log, said, form);
  panel.hidden = true;
  root.append(opener, panel);

  function show(on) {
    panel.hidden = !on;
    opener.hidden = on;
    opener.setAttribute('aria-expanded', String(on));
    (on ? input : opener).focus();
  }
  opener.addEventListener('click', function () { show(true); });
  close.addEventListener('click', function () { show(false); });
  panel.addEventListener('keydown', function (event) { if (event.key === 'Escape') show(false); });
  stop.addEventListener('click', function () { if (abort) abort.abort(); });

  function add(kind, text) {
    var row = make('li', { class: kind, text: text });
    log.append(row);
    log.scrollTop = log.scrollHeight;
    return row;
  }

  form.addEventListener('submit', function (event) {
    event.preventDefault();
    var text = input.value.trim();
    if (!text || abort) return;
    input.value = '';
    add('me', text);
    ask(text, add('wait', '…'));
  });

  async function ask(text, row) {
    abort = new AbortController();
    send.hidden = true;
    stop.hidden = false;
    var answer = '';
    var ended = false;
    try {
      var response = await fetch(base + '/chat', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(session ? { message: text, session_id: session } : { message: text }),
        signal: abort.signal
      });
      if (!response.ok) throw await refusal(response);
      await read(response.body, function (data) {
        if (data.type === 'status' && data.session_id) session = data.session_id;
        if (data.type === 'error') throw new Error(data.error.message);
        if (data.type === 'end') ended = true;
        if (data.type !== 'token') return;
        answer += data.text;
        row.className = '';
        row.textContent = answer;
        log.scrollTop = log.scrollHeight;
      });
      if (!ended) throw new Error('The connection broke.');
      said.textContent = answer;
    } catch (error) {
      if (abort.signal.aborted) row.textContent = answer ? answer + ' (stopped)' : '(stopped)';
      else {
        if (!answer) row.remove();
        add('bad', error instanceof TypeError ? 'The chat cannot be reached.' : error.message).setAttribute('role', 'alert');
      }
    } finally {
      abort = null;
      send.hidden = false;
      stop.hidden = true;
      if (!panel.hidden) input.focus();
    }
  }

  async function refusal(response) {
    var wait = Number(response.headers.get('retry-after'));
    if (response.status === 404) return new Error('The chat is not open to visitors here.');
    if (response.status === 429 && wait) return new Error('That was a lot at once. Try again in ' + wait + ' s.');
    try {
      return new Error((await response.json()).error.message);
    } catch (problem) {
      return new Error('The server answered ' + response.status + '.');
    }
  }

  // Server-sent events: what stands between empty lines, of which the data lines count.
  async function read(body, each) {
    var reader = body.getReader();
    var decoder = new TextDecoder();
    var buffer = '';
    for (;;) {
      var part = await reader.read();
      if (part.done) return;
      buffer += decoder.decode(part.value, { stream: true });
      var blocks = buffer.split('\n\n');
      buffer = blocks.pop();
      blocks.forEach(function (block) {
        var data = block.split('\n').filter(function (line) { return line.startsWith('data:'); })
          .map(function (line) { return line.slice(5).trim(); }).join('\n');
        if (data) each(JSON.parse(data));
      });
    }
  }

  if (document.body) document.body.append(host);
  else addEventListener('DOMContentLoaded', function () { document.body.append(host); });
})();
