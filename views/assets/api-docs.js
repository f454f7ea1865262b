// Starts Swagger UI with the settings of the page, and with none of its address: a link to this page cannot name another document or another server.
const place = document.getElementById('api-docs');
const { url, issuer, client, redirect, resource } = place.dataset;

const ui = window.SwaggerUIBundle({
  domNode: place,
  url,
  oauth2RedirectUrl: redirect,
  queryConfigEnabled: false,
  // Tokens are kept by this page while it is open, and nowhere else.
  persistAuthorization: false,
  // Nobody else is asked whether the document is valid.
  validatorUrl: null,
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
});
ui.initOAuth({
  clientId: client,
  usePkceWithAuthorizationCodeGrant: true,
  // None is ticked for anybody.
  scopes: [],
  additionalQueryStringParams: { resource },
});

// The window of the sign-in has no way to this one where it was elsewhere in between (Cross-Origin-Opener-Policy): it is heard, and only if it answers
// what was asked here, of this issuer (RFC 9207 §2.4). The code is worth nothing without the verifier that this page holds (RFC 7636).
new BroadcastChannel('ostiary-api-docs').onmessage = ({ data }) => {
  const asked = window.swaggerUIRedirectOauth2;
  const answer = new URLSearchParams(data);
  if (!asked?.state || answer.get('state') !== asked.state || answer.get('iss') !== issuer) return;
  const { auth, redirectUrl, callback, errCb } = asked;
  window.swaggerUIRedirectOauth2 = undefined;
  const code = answer.get('code');
  if (code) return callback({ auth: Object.assign(auth, { code }), redirectUrl });
  const message = [answer.get('error'), answer.get('error_description')].filter(Boolean).join(': ');
  errCb({ authId: auth.name, source: 'auth', level: 'error', message });
};
