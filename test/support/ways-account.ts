// The pages of the account and their JSON: with cookies of somebody else, and with one's own and a value of somebody else.

import { pathParameters } from '../../src/api/contract.js';
import { bodyFor } from './bodies.js';
import { organizationForms, organizationPages, routeOf } from './organization-pages.js';
import { bearer, type Way } from './shown.js';
import { cookiesIn, type House } from './tenancy.js';
import { memberRoutes, ownForms, ownNamed } from './ways-api.js';

/** Address, copy, end and wishes. */
const LIFE = ['/email', '/email/confirm', '/settings', '/export', '/delete'];

const insideOrganizations = [
  ...organizationPages.map(([page]) => ['GET', routeOf(page)] as const),
  ...organizationForms.map(([form]) => ['POST', routeOf(form)] as const),
];

export function accountWays(b: House): Record<string, Way> {
  const found: Record<string, Way> = {};
  const origin = { origin: new URL(b.server.issuer).origin };
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
    ...[
      '',
      '/profile',
      '/devices',
      '/applications',
      '/requests',
      '/activity',
      '/signed-in',
      '/security',
      '/security/password',
    ],
    ...[
      '/identities',
      '/identities/callback',
      '/security/passkeys',
      '/security/totp',
      '/security/totp/setup',
      '/security/recovery-codes',
    ],
    ...[...LIFE, '/deleted', '/organizations', '/organizations/new'],
    ...[...LIFE, '/deleted', '/invitation'],
  ]) {
    const path = `/account${page}`;
    found[`GET ${path}`] = (v) => ({
      method: 'GET',
      path: `${path}?${new URLSearchParams({ before: v, state: v, done: v, token: v, handle: v })}`,
      headers: mine(),
    });
    found[`GET ${path} cookies`] = (v) => ({ method: 'GET', path, headers: { cookie: v } });
  }
  for (const [path, field] of [
    ['/account/devices/session-end', 'session'],
    ['/account/identities/connect', 'connection'],
    ['/account/identities/remove', 'identity'],
    ['/account/devices/forget', 'device'],
    ['/account/applications/revoke', 'client_id'],
    ['/account/requests/approve', 'request'],
    ['/account/requests/deny', 'request'],
    ['/account/email/confirm', 'token'],
    ['/account/security/passkeys', 'passkey'],
    ['/account/security/totp/setup', 'offer'],
  ] as const)
    found[
      `POST ${path} ${field}`.replace(/ (session|connection|identity|device|client_id|request|passkey|offer)$/, '')
    ] = async (v) => ({
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
  for (const [method, path] of insideOrganizations)
    for (const [place, name] of pathParameters(path).entries())
      found[`${method} ${path}${place > 0 ? ` ${name}` : ''}`] = async (v) => ({
        method,
        path: path.replace(/:(\w+)/g, (_all, one: string) => encodeURIComponent(one === name ? v : (b.ids[one] ?? ''))),
        headers: { ...mine(), ...origin },
        ...(method === 'POST' ? { form: { role: 'member', reason: 'x', csrf: await token() } } : {}),
      });
  for (const path of ['/change-password', '/passkey-endpoints', '/webauthn'])
    found[`GET /.well-known${path}`] = (v) => ({
      method: 'GET',
      path: `/.well-known${path}?of=${encodeURIComponent(v)}`,
    });
  found['GET /brand/:id'] = (v) => ({ method: 'GET', path: `/brand/${encodeURIComponent(v)}` });
  found['GET /.well-known/audit-checkpoints'] = (v) => ({
    method: 'GET',
    path: `/.well-known/audit-checkpoints?before=${encodeURIComponent(v)}`,
  });
  found['GET /.well-known/oauth-protected-resource{/*below}'] = (v) => ({
    method: 'GET',
    path: `/.well-known/oauth-protected-resource/${encodeURIComponent(v)}`,
  });
  for (const path of [
    ...['/account/profile', '/account/devices/others-end', '/account/activity/not-me', '/account/security/password'],
    ...['/account/security/password/strength', '/account/security/totp/remove', '/account/security/recovery-codes'],
    ...[...LIFE, '/organizations/new'].map((page) => `/account${page}`),
    ...['/account/invitation/sign-in', '/account/invitation/letter'],
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
      ...(method === 'PUT' ? { json: { decision: 'denied' } } : {}),
    });
  for (const { method, path, body } of memberRoutes) {
    const json = body ? { json: bodyFor(body, b.ids) } : {};
    if (!path.includes(':'))
      found[`${method.toUpperCase()} /api${path} by cookies`] = (v) => ({
        method: method.toUpperCase(),
        path: `/api/v1${path}`,
        headers: { cookie: v, ...origin },
        ...json,
      });
    for (const name of pathParameters(path))
      found[`${method.toUpperCase()} /api${path} ${name} by session`] = async (v) => ({
        method: method.toUpperCase(),
        path: `/api/v1${path.replace(/:(\w+)/g, (_all, one: string) => encodeURIComponent(one === name ? v : (b.ids[one] ?? '')))}`,
        headers: { ...mine(), ...origin, 'x-csrf-token': await token() },
        ...json,
      });
  }
  return found;
}
