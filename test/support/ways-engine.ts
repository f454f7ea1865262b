// The engine's endpoints, and the sign-ins on their way: what is shown as parameter, form, header, cookie or part of the path.
import { authorizationUrl, password } from './party.js';
import { assertionForm, basic, bearer, type Shown, type Way, withNonce } from './shown.js';
import { type House, register } from './tenancy.js';

export function engineWays(b: House): Record<string, Way> {
  const authorize = (more: Record<string, string>, party = b.party): string =>
    authorizationUrl(b.server, party, { verifier: 'v', challenge: 'c'.repeat(43) }, { prompt: 'none', ...more }).slice(
      b.server.issuer.length,
    );
  const token = (form: Record<string, string>, headers: Record<string, string> = basic(b.party)): Shown => ({
    method: 'POST',
    path: '/token',
    headers,
    form,
  });
  const exchanging = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  };
  const redirect_uri = b.party.redirectUri;
  const origin = { origin: new URL(b.server.issuer).origin };
  const found: Record<string, Way> = {
    '/authorize request_uri': (v) => ({
      method: 'GET',
      path: `/authorize?${new URLSearchParams({ client_id: b.party.clientId, request_uri: v })}`,
    }),
    '/authorize client_id': (v) => ({ method: 'GET', path: authorize({ client_id: v }) }),
    '/authorize id_token_hint': (v) => ({ method: 'GET', path: authorize({ id_token_hint: v }) }),
    '/authorize request': (v) => ({ method: 'GET', path: authorize({ request: v }) }),
    '/authorize cookies': (v) => ({ method: 'GET', path: authorize({}), headers: { cookie: v } }),
    '/authorize/:id cookies': (v, uid = 'x') => ({ method: 'GET', path: `/authorize/${uid}`, headers: { cookie: v } }),
    '/interaction/:uid cookies': (v, uid = 'x') => ({
      method: 'GET',
      path: `/interaction/${uid}`,
      headers: { cookie: v },
    }),
    '/interaction/:uid/login cookies': (v, uid = 'x') => ({
      method: 'POST',
      path: `/interaction/${uid}/login`,
      headers: { cookie: v, ...origin },
      form: { username: b.email, password },
    }),
    '/authorize select_account cookies': (v) => ({
      method: 'GET',
      path: authorize({ prompt: 'select_account' }),
      headers: { cookie: v },
    }),
    '/authorize/:id': (v) => ({ method: 'GET', path: `/authorize/${encodeURIComponent(v.slice(0, 128))}` }),
    '/token code': (v) =>
      token({ grant_type: 'authorization_code', code: v, redirect_uri, code_verifier: 'v'.repeat(43) }),
    '/token refresh_token': (v) => token({ grant_type: 'refresh_token', refresh_token: v }),
    '/token device_code': (v) => token({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: v }),
    '/token auth_req_id': (v) => token({ grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: v }),
    '/token assertion': (v) => token({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: v }),
    '/token subject_token': (v) => token({ ...exchanging, subject_token: v }),
    '/token actor_token': (v) =>
      token({ ...exchanging, subject_token: b.jwt, actor_token: v, actor_token_type: exchanging.subject_token_type }),
    '/token client_secret': (v) => token({ grant_type: 'client_credentials' }, basic({ ...b.own, clientSecret: v })),
    '/token client_assertion': (v) => ({ method: 'POST', path: '/token', form: assertionForm(b, v) }),
    '/introspect client_assertion': (v) => ({
      method: 'POST',
      path: '/introspect',
      form: { ...assertionForm(b, v), token: 'x' },
    }),
    '/token DPoP nonce': (v) => withNonce(b, v),
    '/token bearer': (v) => token({ grant_type: 'client_credentials' }, bearer(v)),
    '/par request': (v) => ({ method: 'POST', path: '/par', headers: basic(b.party), form: { request: v } }),
    '/par request_uri': (v) => ({ method: 'POST', path: '/par', headers: basic(b.party), form: { request_uri: v } }),
    '/userinfo bearer': (v) => ({ method: 'GET', path: '/userinfo', headers: bearer(v) }),
    '/userinfo DPoP': (v) => ({ method: 'GET', path: '/userinfo', headers: { authorization: `DPoP ${v}` } }),
    '/userinfo form': (v) => ({ method: 'POST', path: '/userinfo', form: { access_token: v } }),
    '/introspect': (v) => ({ method: 'POST', path: '/introspect', headers: basic(b.party), form: { token: v } }),
    '/revoke': (v) => ({ method: 'POST', path: '/revoke', headers: basic(b.party), form: { token: v } }),
    '/register bearer': (v) => ({
      method: 'POST',
      path: '/register',
      headers: bearer(v),
      json: { redirect_uris: [redirect_uri] },
    }),
    '/device_authorization client_id': (v) => ({
      method: 'POST',
      path: '/device_authorization',
      form: { client_id: v },
    }),
    '/device_authorization client_secret': (v) => ({
      method: 'POST',
      path: '/device_authorization',
      headers: basic({ ...b.own, clientSecret: v }),
      form: { scope: 'openid' },
    }),
    '/backchannel login_hint': (v) => ({
      method: 'POST',
      path: '/backchannel',
      headers: basic(b.party),
      form: { scope: 'openid', login_hint: v },
    }),
    '/backchannel client_secret': (v) => ({
      method: 'POST',
      path: '/backchannel',
      headers: basic({ ...b.own, clientSecret: v }),
      form: { scope: 'openid', login_hint: b.email },
    }),
    '/device user_code': (v) => ({ method: 'GET', path: `/device?${new URLSearchParams({ user_code: v })}` }),
    '/device': (v) => ({
      method: 'POST',
      path: '/device',
      headers: origin,
      form: { xsrf: v, user_code: v, confirm: 'yes' },
    }),
    '/device cookies': (v) => ({ method: 'GET', path: '/device', headers: { cookie: v } }),
    '/device/:id cookies': (v, uid = 'x') => ({ method: 'GET', path: `/device/${uid}`, headers: { cookie: v } }),
    '/logout id_token_hint': (v) => ({ method: 'GET', path: `/logout?${new URLSearchParams({ id_token_hint: v })}` }),
    '/logout client_id': (v) => ({ method: 'GET', path: `/logout?${new URLSearchParams({ client_id: v })}` }),
    '/logout cookies': (v) => ({ method: 'GET', path: '/logout', headers: { cookie: v } }),
    '/logout/confirm': (v) => ({ method: 'POST', path: '/logout/confirm', form: { xsrf: v, logout: 'yes' } }),
    '/logout/success': (v) => ({ method: 'GET', path: `/logout/success?${new URLSearchParams({ client_id: v })}` }),
    '/jwks': (v) => ({ method: 'GET', path: '/jwks', headers: bearer(v) }),
  };
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const json = method === 'PUT' ? { json: { redirect_uris: [redirect_uri] } } : {};
    // RFC 7592 §2: a token shown for another client is revoked, so each is made for this.
    found[`${method} /register/:id registered`] = async (v) => ({
      method,
      path: `/register/${encodeURIComponent(v)}`,
      headers: bearer((await register(b.server, b.initialAccessToken, b.mark)).registration_access_token),
      ...json,
    });
    found[`${method} /register/:id bearer`] = (v) => ({
      method,
      path: `/register/${b.registered.client_id}`,
      headers: bearer(v),
      ...json,
    });
  }
  return found;
}
