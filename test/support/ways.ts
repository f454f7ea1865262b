// Every endpoint of a tenant at which somebody may show what they hold, and how: as parameter, form, header, cookie or part of the path.
import { inventory } from '../../src/api/contract.js';
import { endpointsOf } from '../../src/endpoints.js';
import type { Services } from '../../src/services.js';
import { authorizationUrl, type Party, password } from './party.js';
import { proofOf } from './proofs.js';
import { cookiesIn, type House, register } from './tenancy.js';

/** One way to show a value to an endpoint. */
export interface Shown {
  method: string;
  path: string;
  headers?: Record<string, string>;
  form?: Record<string, string>;
  json?: unknown;
}

/** @param uid of the interaction that cookies belong to. */
export type Way = (value: string, uid?: string) => Shown | Promise<Shown>;

export const basic = ({ clientId, clientSecret }: Pick<Party, 'clientId' | 'clientSecret'>) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
});
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export const api = inventory(endpointsOf({} as Services));

/** The steps of a sign-in as forms of programs. */
export const jsonForms = [
  'register',
  'resend-verification',
  'verify-email',
  'login',
  'magic-link',
  'magic-link/verify',
  'email-code',
  'email-code/verify',
  'forgot-password',
  '2fa/send',
  '2fa/verify',
  'verify-2fa',
  'confirmation/send',
  'confirmation/verify',
  'recovery-login',
  '/passkeys/authenticate/options',
  '/passkeys/authenticate/verify',
].map((name) => (name.startsWith('/') ? `/api/v1${name}` : `/api/v1/auth/${name}`));

/** One's own account as JSON, with the cookie of the session. */
export const ownForms = [
  ['GET', '/auth/me'],
  ['GET', '/sessions'],
  ['DELETE', '/sessions'],
  ['GET', '/passkeys'],
  ['POST', '/passkeys/register/options'],
  ['POST', '/passkeys/register/verify'],
  ['POST', '/auth/2fa/enable-init'],
  ['POST', '/auth/2fa/enable'],
  ['POST', '/auth/2fa/verify-setup'],
  ['POST', '/auth/2fa/enable-complete'],
  ['POST', '/auth/2fa/disable'],
  ['POST', '/auth/2fa/backup-codes'],
  ['GET', '/auth/2fa/backup-codes'],
  ['GET', '/auth/settings'],
  ['PUT', '/auth/settings'],
] as const;

/** The same, where something is named in the path. */
export const ownNamed = [
  ['DELETE', '/sessions/:session_id'],
  ['PATCH', '/passkeys/:id'],
  ['DELETE', '/passkeys/:id'],
] as const;

function jsonBody(path: string, { email, signInToken }: House): object {
  if (path.endsWith('register') || path.endsWith('/login')) return { username: email, password };
  if (/(magic-link|email-code|forgot-password)$/.test(path)) return { username: email };
  if (path.includes('/passkeys/')) return path.endsWith('verify') ? { response: { id: 'x' } } : {};
  if (/(verify-email|magic-link\/verify)$/.test(path)) return { token: signInToken };
  if (/(\/verify|verify-2fa)$/.test(path)) return { code: '000000' };
  return path.endsWith('recovery-login') ? { recovery_code: 'AAAA-AAAA-AAAA' } : {};
}

/** Every way in which a value is shown at a tenant, by endpoint. `b` is who is asked, and shows what is its own beside it. */
export function ways(b: House): Record<string, Way> {
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
  const redirect_uri = b.party.redirectUri;
  const link = { username: 'a@example.com', password: 'another good passphrase' };
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
    '/logout id_token_hint': (v) => ({ method: 'GET', path: `/logout?${new URLSearchParams({ id_token_hint: v })}` }),
    '/logout client_id': (v) => ({ method: 'GET', path: `/logout?${new URLSearchParams({ client_id: v })}` }),
    '/logout cookies': (v) => ({ method: 'GET', path: '/logout', headers: { cookie: v } }),
    '/logout/confirm': (v) => ({ method: 'POST', path: '/logout/confirm', form: { xsrf: v, logout: 'yes' } }),
    '/logout/success': (v) => ({ method: 'GET', path: `/logout/success?${new URLSearchParams({ client_id: v })}` }),
    '/jwks': (v) => ({ method: 'GET', path: '/jwks', headers: bearer(v) }),
    'GET /account-restore/done': (v) => ({
      method: 'GET',
      path: `/account-restore/done?token=${encodeURIComponent(v)}`,
    }),
    'GET /password/done': (v) => ({ method: 'GET', path: `/password/done?token=${encodeURIComponent(v)}` }),
    'GET /forgotten-password': (v) => ({ method: 'GET', path: `/forgotten-password?token=${encodeURIComponent(v)}` }),
    'POST /forgotten-password': (v) => ({
      method: 'POST',
      path: '/forgotten-password',
      headers: origin,
      form: { username: v, csrf: v },
    }),
    'GET /forgotten-password/done': (v) => ({
      method: 'GET',
      path: `/forgotten-password/done?token=${encodeURIComponent(v)}`,
    }),
    'GET /lockdown/done': (v) => ({ method: 'GET', path: `/lockdown/done?token=${encodeURIComponent(v)}` }),
    'GET /dev/mailbox': (v) => ({ method: 'GET', path: `/dev/mailbox?id=${encodeURIComponent(v)}` }),
    'GET /dev/mailbox/:id': (v) => ({ method: 'GET', path: `/dev/mailbox/${encodeURIComponent(v)}` }),
    'GET /interaction/:uid': (v) => ({ method: 'GET', path: `/interaction/${encodeURIComponent(v)}` }),
    'GET /interaction/:uid/switch': (v) => ({ method: 'GET', path: `/interaction/${encodeURIComponent(v)}/switch` }),
    'POST /interaction/:uid/strength': (v) => ({
      method: 'POST',
      path: `/interaction/${encodeURIComponent(v)}/strength`,
      headers: origin,
      form: { password, csrf: v },
    }),
    'POST /setup/strength': (v) => ({
      method: 'POST',
      path: '/setup/strength',
      headers: origin,
      form: { ...link, token: v, password, csrf: v },
    }),
    'POST /password/strength': (v) => ({
      method: 'POST',
      path: '/password/strength',
      headers: origin,
      form: { ...link, token: v, password, csrf: v },
    }),
    'POST /interaction/:uid/:step': (v) => ({
      method: 'POST',
      path: `/interaction/${encodeURIComponent(v)}/login`,
      headers: origin,
      form: { username: b.email, password, csrf: v },
    }),
  };
  Object.assign(found, accountWays(b, origin));
  for (const [name, own] of [
    ['setup', b.setupToken],
    ['password', b.passwordToken],
    ['lockdown', b.lockdownToken],
    ['verify-email', b.verificationToken],
    ['sign-in-link', b.signInToken],
    ['factor-recovery', b.recoveryToken],
    ['email-undo', b.emailUndoToken],
    ['account-restore', b.restoreToken],
  ] as const) {
    found[`GET /${name}`] = (v) => ({ method: 'GET', path: `/${name}?token=${encodeURIComponent(v)}` });
    found[`POST /${name}`] = (v) => ({
      method: 'POST',
      path: `/${name}`,
      headers: origin,
      form: { ...link, token: v, csrf: v },
    });
    found[`POST /${name} csrf`] = (v) => ({
      method: 'POST',
      path: `/${name}`,
      headers: origin,
      form: { ...link, token: own, csrf: v },
    });
  }
  for (const page of ['verify-email/sent', 'verify-email/done', 'factor-recovery/done'])
    found[`GET /${page}`] = (v) => ({ method: 'GET', path: `/${page}?token=${encodeURIComponent(v)}` });
  found['POST /verify-email/resend'] = (v) => ({
    method: 'POST',
    path: '/verify-email/resend',
    headers: origin,
    form: { username: 'a@example.com', csrf: v },
  });
  for (const page of ['sign-in-link', 'verify-email']) {
    const path = (uid: string, v: string) =>
      `/interaction/${encodeURIComponent(uid)}/${page}?token=${encodeURIComponent(v)}`;
    found[`GET /interaction/:uid/${page}`] = (v) => ({ method: 'GET', path: path('another', v) });
    found[`GET /interaction/:uid/${page} uid`] = (v) => ({ method: 'GET', path: path(v, b.signInToken) });
    found[`POST /interaction/:uid/${page}`] = (v) => ({
      method: 'POST',
      path: path(v, v),
      headers: origin,
      form: { token: v, csrf: v },
    });
    found[`POST /interaction/:uid/${page} cookies`] = (v, uid = 'x') => ({
      method: 'POST',
      path: path(uid, b.signInToken),
      headers: { cookie: v, ...origin },
      form: { token: b.signInToken },
    });
  }
  for (const path of jsonForms) {
    const json = (more: object) => ({ ...jsonBody(path, b), ...more });
    found[`POST ${path}`] = (v) => ({
      method: 'POST',
      path,
      headers: { ...origin, 'x-csrf-token': v },
      json: json({ interaction: v.slice(0, 64) }),
    });
    found[`POST ${path} cookies`] = (v, uid = 'x') => ({
      method: 'POST',
      path,
      headers: { cookie: v, ...origin },
      json: json({ interaction: uid }),
    });
  }
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
  found['post /api/clients Idempotency-Key'] = (v) => ({
    method: 'POST',
    path: '/api/v1/clients',
    headers: { ...bearer(b.apiToken), 'idempotency-key': v.slice(-255) },
    json: { client_name: 'Once', redirect_uris: [redirect_uri] },
  });
  for (const { method, path } of api) {
    if (path.startsWith('/tenants')) continue;
    const sent = ['post', 'put', 'patch'].includes(method) ? { json: path.endsWith('roles') ? { roles: [] } : {} } : {};
    const filled = (name?: string, value = '') =>
      `/api/v1${path.replace(/:(\w+)/g, (_all, one: string) => encodeURIComponent(one === name ? value : (b.ids[one] ?? '')))}`;
    found[`${method} /api${path} bearer`] = (v) => ({
      method: method.toUpperCase(),
      path: filled(),
      headers: bearer(v),
      ...sent,
    });
    for (const [, name] of path.matchAll(/:(\w+)/g))
      found[`${method} /api${path} ${name}`] = (v) => ({
        method: method.toUpperCase(),
        path: filled(name, v),
        headers: bearer(b.apiToken),
        ...sent,
      });
    if (method === 'get' && !path.includes(':'))
      found[`${method} /api${path} cursor`] = (v) => ({
        method: 'GET',
        path: `/api/v1${path}?cursor=${encodeURIComponent(v)}`,
        headers: bearer(b.apiToken),
      });
  }
  return found;
}

/** Address, copy, end and wishes. */
const LIFE = ['/email', '/email/confirm', '/settings', '/export', '/delete'];

/** The pages of the account: with cookies of somebody else, and with one's own and a value of somebody else. */
function accountWays(b: House, origin: Record<string, string>): Record<string, Way> {
  const found: Record<string, Way> = {};
  const mine = () => ({
    cookie: cookiesIn(b.browser)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; '),
  });
  let csrf: Promise<string> | undefined;
  const token = () => {
    csrf ??= fetch(`${b.server.issuer}/account/profile`, { headers: mine() })
      .then((answer) => answer.text())
      .then((html) => /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '');
    return csrf;
  };
  for (const page of [
    ...['', '/profile', '/devices', '/applications', '/activity', '/signed-in', '/security', '/security/password'],
    ...['/security/passkeys', '/security/totp', '/security/totp/setup', '/security/recovery-codes'],
    ...[...LIFE, '/deleted'],
  ]) {
    const path = `/account${page}`;
    found[`GET ${path}`] = (v) => ({
      method: 'GET',
      path: `${path}?${new URLSearchParams({ before: v, state: v, done: v, token: v })}`,
      headers: mine(),
    });
    found[`GET ${path} cookies`] = (v) => ({ method: 'GET', path, headers: { cookie: v } });
  }
  for (const [path, field] of [
    ['/account/devices/session-end', 'session'],
    ['/account/devices/forget', 'device'],
    ['/account/applications/revoke', 'client_id'],
    ['/account/email/confirm', 'token'],
    ['/account/security/passkeys', 'passkey'],
    ['/account/security/totp/setup', 'offer'],
  ] as const)
    found[`POST ${path} ${field}`.replace(/ (session|device|client_id|passkey|offer)$/, '')] = async (v) => ({
      method: 'POST',
      path,
      headers: { ...mine(), ...origin },
      form: { [field]: v, csrf: await token() },
    });
  for (const verb of ['name', 'remove'])
    found[`POST /account/security/passkeys/:id/${verb}`] = async (v) => ({
      method: 'POST',
      path: `/account/security/passkeys/${encodeURIComponent(v)}/${verb}`,
      headers: { ...mine(), ...origin },
      form: { name: 'x', csrf: await token() },
    });
  for (const path of ['/change-password', '/passkey-endpoints', '/webauthn'])
    found[`GET /.well-known${path}`] = (v) => ({
      method: 'GET',
      path: `/.well-known${path}?of=${encodeURIComponent(v)}`,
    });
  for (const path of [
    ...['/account/profile', '/account/devices/others-end', '/account/activity/not-me', '/account/security/password'],
    ...['/account/security/password/strength', '/account/security/totp/remove', '/account/security/recovery-codes'],
    ...LIFE.map((page) => `/account${page}`),
  ]) {
    found[`POST ${path}`] = (v) => ({
      method: 'POST',
      path,
      headers: { ...mine(), ...origin },
      form: { csrf: v, token: v },
    });
    found[`POST ${path} cookies`] = (v) => ({ method: 'POST', path, headers: { cookie: v, ...origin } });
  }
  for (const [method, path] of ownForms)
    found[`${method} /api${path} by cookies`] = (v) => ({
      method,
      path: `/api/v1${path}`,
      headers: { cookie: v, ...origin },
    });
  found['GET /api/auth/me bearer'] = (v) => ({ method: 'GET', path: '/api/v1/auth/me', headers: bearer(v) });
  for (const [method, path] of ownNamed)
    found[`${method} /api${path} by session`] = async (v) => ({
      method,
      path: `/api/v1${path.replace(/:\w+/, encodeURIComponent(v))}`,
      headers: { ...mine(), ...origin, 'x-csrf-token': await token() },
      ...(method === 'PATCH' ? { json: { name: 'x' } } : {}),
    });
  return found;
}

/** What was answered, without what differs each time. */
export interface Verdict {
  status: number;
  where?: string | undefined;
  said?: unknown;
}

export async function show(
  b: House,
  { method, path, headers = {}, form, json }: Shown,
): Promise<Verdict & { text: string }> {
  const answer = await fetch(`${b.server.issuer}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      accept: 'application/json, text/html',
      ...headers,
      ...(json ? { 'content-type': 'application/json' } : {}),
    },
    ...(form ? { body: new URLSearchParams(form) } : json ? { body: JSON.stringify(json) } : {}),
  });
  const text = await answer.text();
  const location = answer.headers.get('location');
  const to = location ? new URL(location, b.server.issuer) : undefined;
  const body = /json/.test(answer.headers.get('content-type') ?? '') ? JSON.parse(text || '{}') : {};
  return {
    status: answer.status,
    where: to && `${to.pathname.replace(/\/interaction\/.*/, '/interaction')} ${to.searchParams.get('error') ?? ''}`,
    said: body.error ?? body.code ?? body.active,
    text: text + (location ?? ''),
  };
}

export const verdict = ({ status, where, said }: Verdict): Verdict => ({ status, where, said });

export const assertionForm = ({ signer }: House, client_assertion: string) => ({
  grant_type: 'client_credentials',
  client_id: signer.clientId,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion,
});

export const withNonce = async (at: House, nonce: string): Promise<Shown> => ({
  method: 'POST',
  path: '/token',
  headers: {
    ...basic(at.party),
    dpop: await proofOf(at.signer.key, { htm: 'POST', htu: `${at.server.issuer}/token`, nonce }),
  },
  form: { grant_type: 'client_credentials' },
});
