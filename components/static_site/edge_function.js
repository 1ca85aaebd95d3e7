// Viewer-request function of the site's behavior, runtime cloudfront-js-2.0.
// It keeps to what AWS lists for that runtime (ECMAScript 5.1 with parts of 6 to 12):
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
// The file runs as it stands: a placeholder that is not filled in matches no host.
// Nothing is logged: the log group CloudFront would make for it has no end.
import cf from 'cloudfront';

const APEX_HOST = '{{apex_host}}';
const WWW_HOST = '{{www_host}}';
const API_HOST = '{{api_host}}';
const SITE_MODE = '{{site_mode}}';

const RELEASE_ID = /^[A-Za-z0-9_-]{1,64}$/;
// No object has this key: S3 answers 403, CloudFront makes the 404 page of it.
const MISSING = '/_releases/-';
const LONGEST_KEY = 1024;

async function handler(event) {
  try {
    const outcome = await route(event);
    return outcome;
  } catch (error) {
    // Whatever is odd about the request, the origin answers it as it came.
    return event && event.request;
  }
}

async function route(event) {
  const request = event.request;
  const host = hostOf(request);
  if (host !== '' && host === WWW_HOST) {
    return redirect(request);
  }
  if (host !== '' && host === API_HOST) {
    return request.uri.startsWith('/api/') ? request : notFound(event);
  }
  const uri = await objectUri(request);
  request.uri = uri;
  return request;
}

function hostOf(request) {
  return header(request, 'host').toLowerCase().replace(/:[0-9]*$/, '').replace(/\.$/, '');
}

function header(request, name) {
  const entry = request.headers && request.headers[name];
  return entry && typeof entry.value === 'string' ? entry.value : '';
}

// www to apex.

function redirect(request) {
  // Without the slash, '@other.example' would name another host.
  const path = request.uri.startsWith('/') ? request.uri : '/' + request.uri;
  return {
    statusCode: 301,
    statusDescription: 'Moved Permanently',
    headers: {
      location: { value: 'https://' + APEX_HOST + urlSafe(path) + queryOf(request) },
      'cache-control': { value: 'public, max-age=3600' }
    }
  };
}

// The query as the viewer sent it. An event made by hand may carry the parsed one only.
function queryOf(request) {
  const raw = typeof request.rawQueryString === 'function' ? request.rawQueryString() : undefined;
  if (raw) {
    return '?' + urlSafe(raw);
  }
  const parsed = request.querystring;
  if (typeof parsed === 'string') {
    return parsed === '' ? '' : '?' + urlSafe(parsed);
  }
  const pairs = [];
  Object.keys(parsed || {}).forEach(function (name) {
    const entry = parsed[name];
    const values = entry.multiValue && entry.multiValue.length > 0 ? entry.multiValue : [entry];
    values.forEach(function (item) {
      const value = typeof item.value === 'string' ? item.value : '';
      pairs.push(urlSafe(name) + '=' + urlSafe(value).replace(/&/g, '%26'));
    });
  });
  if (pairs.length > 0) {
    return '?' + pairs.join('&');
  }
  return raw === '' ? '?' : '';
}

// Percent-encodes what may not stand in a URL and leaves everything else as it is.
function urlSafe(text) {
  return text.replace(/[^!$-;=?-[\]_a-z~]+/g, percentEncoded);
}

function percentEncoded(text) {
  try {
    return encodeURIComponent(text);
  } catch (error) {
    return '%EF%BF%BD';
  }
}

// api.<domain> has nothing but the API.

function notFound(event) {
  const id = (event.context && event.context.requestId) || '';
  return {
    statusCode: 404,
    statusDescription: 'Not Found',
    headers: {
      'content-type': { value: 'application/json' },
      'cache-control': { value: 'no-store' },
      'x-request-id': { value: id }
    },
    body: JSON.stringify({
      error: {
        code: 'not_found',
        message: 'There is nothing at this path. The API starts at /api/v1.',
        details: null,
        request_id: id
      }
    })
  };
}

// From a URI to the key of an object.

async function objectUri(request) {
  if (!request.uri.startsWith('/')) {
    return request.uri;
  }
  const path = decoded(request.uri);
  if (/^\/_(releases|deploy)(\/|$)/.test(path)) {
    return MISSING;
  }
  let uri = request.uri;
  if (!isHashedAsset(path)) {
    const release = await releaseFor(request);
    uri = (release === '' ? '' : '/_releases/' + release) + withIndex(uri, path);
  }
  return keyBytes(uri) > LONGEST_KEY ? MISSING : uri;
}

function decoded(uri) {
  try {
    return decodeURIComponent(uri);
  } catch (error) {
    return uri;
  }
}

function lastSegment(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

// A dot in a folder's name says nothing: only the last segment decides.
function withIndex(uri, path) {
  const last = lastSegment(path);
  if (last.includes('.') || (last !== '' && path.startsWith('/.well-known/'))) {
    return uri;
  }
  if (SITE_MODE === 'spa') {
    return '/index.html';
  }
  return uri + (uri.endsWith('/') ? '' : '/') + 'index.html';
}

// The rule the deployer follows too; one table holds both to it.
function isHashedAsset(path) {
  const name = lastSegment(path);
  const dot = name.lastIndexOf('.');
  const extension = name.slice(dot + 1).toLowerCase();
  if (dot < 1 || extension === '' || extension === 'html') {
    return false;
  }
  const stem = name.slice(0, dot);
  const separator = Math.max(stem.lastIndexOf('-'), stem.lastIndexOf('.'));
  const part = stem.slice(separator + 1);
  return separator >= 0 && /^[A-Za-z0-9_]{8,}$/.test(part) && /[0-9]/.test(part) &&
    /[A-Za-z]/.test(part) && !/^[a-z]+[0-9]+$/.test(part);
}

// Bytes of the key S3 sees: every escape is one, every other character as in UTF-8.
function keyBytes(uri) {
  return urlSafe(uri).replace(/%[0-9A-Fa-f]{2}/g, '_').length - 1;
}

// The live release, or the one a preview asks for; '' is the site's plain paths.
async function releaseFor(request) {
  const wanted = header(request, 'x-release');
  const token = header(request, 'x-release-token');
  if (RELEASE_ID.test(wanted) && token !== '') {
    const secret = await stored('preview-token');
    if (token === secret) {
      return wanted;
    }
  }
  const live = await stored('release');
  return RELEASE_ID.test(live) ? live : '';
}

async function stored(key) {
  try {
    const value = await cf.kvs().get(key);
    return typeof value === 'string' ? value : '';
  } catch (error) {
    return '';
  }
}
