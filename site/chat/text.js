// An answer's text as elements: paragraphs, lists, headings, code, bold, links. Nothing is parsed as HTML.

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+|\/(?!\/)[^\s)]*)\)|(https?:\/\/[^\s<>()[\]"'“”‘’]*[^\s<>()[\]"'“”‘’.,;:!?])/g;

function inline(parent, text) {
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    parent.append(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[1]) parent.append(make('code', match[1].slice(1, -1)));
    else if (match[2]) parent.append(make('strong', match[2].slice(2, -2)));
    else parent.append(link(match[3] || match[5], match[4] || match[5]));
  }
  parent.append(text.slice(end));
}

function make(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function link(text, href) {
  const element = make('a', text);
  element.href = href;
  element.rel = 'noopener noreferrer nofollow';
  return element;
}

function block(name, text) {
  const element = document.createElement(name);
  inline(element, text);
  return element;
}

/** Fills an element with a text; called again whenever more of it has come. */
export function show(element, text) {
  const made = [];
  const parts = text.split(/^```[^\n]*\n?/m);
  parts.forEach((part, index) => {
    if (index % 2 === 1) {
      const pre = document.createElement('pre');
      pre.tabIndex = 0; // so that the keyboard can scroll it
      pre.append(make('code', part.replace(/\n$/, '')));
      made.push(pre);
      return;
    }
    for (const paragraph of part.split(/\n{2,}/)) blocks(made, paragraph.trim());
  });
  element.replaceChildren(...made);
}

function blocks(made, text) {
  if (!text) return;
  let list = null;
  let lines = [];
  const flush = () => {
    if (lines.length) made.push(block('p', lines.join('\n')));
    lines = [];
  };
  for (const line of text.split('\n')) {
    const item = /^\s*(?:[-*•]|(\d+)[.)])\s+(.*)$/.exec(line);
    const heading = /^#{1,4}\s+(.*)$/.exec(line);
    if (item) {
      flush();
      const kind = item[1] ? 'ol' : 'ul';
      if (!list || list.localName !== kind) {
        list = document.createElement(kind);
        if (item[1]) list.start = Number(item[1]);
        made.push(list);
      }
      list.append(block('li', item[2]));
    } else {
      list = null;
      if (heading) {
        flush();
        made.push(block('h3', heading[1]));
      } else lines.push(line);
    }
  }
  flush();
}
