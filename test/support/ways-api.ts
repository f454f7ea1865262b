// The management API, by bearer token, and what programs ask as a person: the steps of a sign-in, and one's own account.
import { inventory, pathParameters } from '../../src/api/contract.js';
import { endpointsOf } from '../../src/endpoints.js';
import type { Services } from '../../src/services.js';
import { bodyFor } from './bodies.js';
import { password } from './party.js';
import { bearer, type Way } from './shown.js';
import type { House } from './tenancy.js';

const endpoints = endpointsOf({} as Services);
export const api = inventory(endpoints);
/** What members of an organization may ask with their session too. */
export const memberRoutes = endpoints.filter(({ member }) => member);

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
  ['DELETE', '/sessions/all'],
  ['GET', '/passkeys'],
  ['GET', '/identities'],
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
  ['GET', '/backchannel-requests'],
] as const;

/** The same, where something is named in the path. */
export const ownNamed = [
  ['DELETE', '/sessions/:session_id'],
  ['PATCH', '/passkeys/:id'],
  ['DELETE', '/passkeys/:id'],
  ['DELETE', '/identities/:id'],
  ['GET', '/backchannel-requests/:request_id'],
  ['PUT', '/backchannel-requests/:request_id/decision'],
] as const;

function jsonBody(path: string, { email, signInToken }: House): object {
  if (path.endsWith('register') || path.endsWith('/login')) return { username: email, password };
  if (/(magic-link|email-code|forgot-password)$/.test(path)) return { username: email };
  if (path.includes('/passkeys/')) return path.endsWith('verify') ? { response: { id: 'x' } } : {};
  if (/(verify-email|magic-link\/verify)$/.test(path)) return { token: signInToken };
  if (/(\/verify|verify-2fa)$/.test(path)) return { code: '000000' };
  return path.endsWith('recovery-login') ? { recovery_code: 'AAAA-AAAA-AAAA' } : {};
}

/** The management API: as token, in the path, as cursor, as key of something that is asked twice. */
export function apiWays(b: House): Record<string, Way> {
  const found: Record<string, Way> = {};
  found['post /api/clients Idempotency-Key'] = (v) => ({
    method: 'POST',
    path: '/api/v1/clients',
    headers: { ...bearer(b.apiToken), 'idempotency-key': v.slice(-255) },
    json: { client_name: 'Once', redirect_uris: [b.party.redirectUri] },
  });
  for (const { method, path, body, stream, streams } of endpoints) {
    if (path.startsWith('/tenants')) continue;
    // A body that was refused would hide what the path names.
    const sent = ['post', 'put', 'patch'].includes(method) ? { json: body ? bodyFor(body, b.ids) : {} } : {};
    // Whoever asks for another form than it answers in is refused before it is looked at what they name.
    const accept: Record<string, string> = stream ? { accept: 'text/event-stream' } : streams ? { accept: '*/*' } : {};
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
        headers: { ...bearer(b.apiToken), ...accept },
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

/** Steps of a sign-in, with the CSRF token and uid of somebody else, and with their cookies. */
export function stepWays(b: House): Record<string, Way> {
  const found: Record<string, Way> = {};
  const origin = { origin: new URL(b.server.issuer).origin };
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
  return found;
}

/** Whether the endpoint's own schema refuses a value for the parameter that the way names: before anything is looked up. */
export function refusedByItsPath({ ids }: House, way: string, value: string): boolean {
  const [, method, path = '', name = ''] = /^(\w+) \/api(\S+) (\w+)$/.exec(way) ?? [];
  const names = pathParameters(path);
  if (!names.includes(name)) return false;
  const params = endpoints.find((one) => one.method === method && one.path === path)?.params;
  const given = Object.fromEntries(names.map((one) => [one, one === name ? value : ids[one]]));
  return params?.safeParse(given).success === false;
}
