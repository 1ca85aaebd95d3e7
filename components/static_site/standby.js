// Viewer-request function of the API behaviors while a second backend stands by. Besides what
// viewer_address.js does, it sends the requests that show the preview token to the second one.
import cf from 'cloudfront';

async function handler(event) {
  const request = event.request;
  request.headers['x-viewer-address'] = { value: event.viewer.ip };
  const token = request.headers['x-standby-token'];
  if (token === undefined) {
    return request;
  }
  delete request.headers['x-standby-token'];
  if (token.value === '' || token.value !== await previewToken()) {
    // Answered here: from the live backend, a check of the other one would look as if all were well.
    const error = {
      code: 'unauthorized',
      message: 'The value of X-Standby-Token is not the preview token.',
      details: null,
      request_id: event.context.requestId,
    };
    return {
      statusCode: 401,
      statusDescription: 'Unauthorized',
      headers: {
        'content-type': { value: 'application/json' },
        'cache-control': { value: 'no-store' },
        'www-authenticate': { value: 'ApiKey' },
      },
      body: { encoding: 'text', data: JSON.stringify({ error: error }) },
    };
  }
  cf.selectRequestOriginById('{{origin_id}}');
  return request;
}

async function previewToken() {
  try {
    return await cf.kvs().get('preview-token');
  } catch (error) {
    return '';
  }
}
