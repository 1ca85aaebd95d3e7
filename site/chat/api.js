// The API as the chat uses it: runs that survive a broken connection, and the public chat without a key.

const BASE = '/api/v1';
const SILENT_MS = 25000; // the API sends a heartbeat every 10 s: silence means that the connection is dead
const ATTEMPTS = 6;

/** What the API refused, in its own words. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The connection broke and did not come back. */
export class BrokenError extends Error {}

async function refuse(response) {
  let error = {};
  try {
    error = (await response.json()).error || {};
  } catch {
    // An error of something in between may have another body; its status is enough.
  }
  const wait = Number(response.headers.get('retry-after')) || 0;
  throw new ApiError(response.status, error.code || '', error.message || `The server answered ${response.status}.`, wait);
}

/** Events of a text/event-stream body as {id, type, data}; throws BrokenError when it falls silent. */
export async function* parse(body, signal) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  let event = { type: 'message', data: [] };
  try {
    for (;;) {
      const { done, value } = await quick(reader.read(), signal);
      if (done) return;
      buffer += decoder.decode(value, { stream: true });
      // A carriage return at the end may be half of a line end.
      const keep = buffer.endsWith('\r') ? 1 : 0;
      const lines = buffer.slice(0, buffer.length - keep).split(/\r\n|\n|\r/);
      buffer = lines.pop() + (keep ? '\r' : '');
      for (const line of lines) {
        if (line === '') {
          if (event.data.length) yield { ...event, data: event.data.join('\n') };
          event = { type: 'message', id: event.id, data: [] };
          continue;
        }
        const colon = line.indexOf(':');
        if (colon === 0) continue;
        const name = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (name === 'data') event.data.push(text);
        else if (name === 'event') event.type = text;
        else if (name === 'id') event.id = text;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function quick(promise, signal) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new BrokenError('The connection fell silent.')), SILENT_MS);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

async function getJson(path, key) {
  const response = await fetch(BASE + path, { headers: key ? { 'x-api-key': key } : {} });
  if (!response.ok) await refuse(response);
  return response.json();
}

/** What answers: {model, ...}. */
export const status = () => getJson('/status');

/** The agents a key may ask; also tells whether the key is right. */
export const agents = (key) => getJson('/agents', key);

/** Whether the chat is open without a key. */
export async function isPublic() {
  const response = await fetch(`${BASE}/chat`, { method: 'OPTIONS' });
  await response.text(); // an answer that is not read keeps its connection
  return response.ok;
}

/** Asks without a key; yields the events' data. A broken stream cannot be resumed here. */
export async function* chat(message, sessionId, signal) {
  const response = await fetch(`${BASE}/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(sessionId ? { message, session_id: sessionId } : { message }),
    signal
  });
  if (!response.ok) await refuse(response);
  let ended = false;
  try {
    for await (const event of parse(response.body, signal)) {
      const data = JSON.parse(event.data);
      ended = data.type === 'end';
      yield data;
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
    throw new BrokenError('The connection broke.');
  }
  if (!ended) throw new BrokenError('The connection broke.');
}

/** A question as a run: it goes on at the server while the connection is away. */
export class Run {
  constructor(key, body) {
    this.key = key;
    this.body = body;
    this.id = '';
    this.last = '';
    this.idempotency = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
  }

  /** Starts it. The idempotency key makes a second attempt the same run. */
  async start(signal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await fetch(`${BASE}/run`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json', 'x-api-key': this.key, 'idempotency-key': this.idempotency
          },
          body: JSON.stringify(this.body),
          signal
        });
        if (!response.ok) await refuse(response);
        this.id = (await response.json()).run_id;
        return;
      } catch (error) {
        if (signal.aborted || error instanceof ApiError || attempt === 3) throw error;
        await pause(400 * attempt, signal);
      }
    }
  }

  /** Yields the events' data to the end; connects again, from the last event on, when the stream breaks. */
  async* events(signal) {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      try {
        const headers = { accept: 'text/event-stream', 'x-api-key': this.key };
        if (this.last) headers['last-event-id'] = this.last;
        const response = await fetch(`${BASE}/runs/${encodeURIComponent(this.id)}/stream`, { headers, signal });
        if (!response.ok) await refuse(response);
        for await (const event of parse(response.body, signal)) {
          const data = JSON.parse(event.data);
          // Ids rise: what was seen before the break is not shown twice.
          if (this.last && Number(event.id) <= Number(this.last)) continue;
          this.last = event.id || this.last;
          attempt = 0;
          yield data;
          if (data.type === 'end') return;
        }
      } catch (error) {
        const passing = error instanceof ApiError && [429, 502, 503, 504].includes(error.status);
        if (signal.aborted || (error instanceof ApiError && !passing)) throw error;
      }
      yield { type: 'reconnecting' };
      await pause(Math.min(8000, 400 * 2 ** attempt), signal);
    }
    throw new BrokenError('The connection broke and does not come back.');
  }

  /** Stops it at the server, and the model with it. */
  async cancel() {
    if (!this.id) return;
    await fetch(`${BASE}/runs/${encodeURIComponent(this.id)}/cancel`, {
      method: 'POST', headers: { 'x-api-key': this.key }, keepalive: true
    }).catch(() => {});
  }
}
