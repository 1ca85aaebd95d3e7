// Viewer-request function of the API behaviors. AllViewerExceptHostHeader does not
// send CloudFront's own headers, and a viewer could send this one: it is overwritten.
function handler(event) {
  event.request.headers['x-viewer-address'] = { value: event.viewer.ip };
  return event.request;
}
