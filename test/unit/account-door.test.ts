// What a change asks for, and of whom: the door alone, with a session that says what the test says.
import { describe, expect, it } from '@jest/globals';
import type { Context } from 'koa';
import { AccountDoor, ANY_TIME } from '../../src/account/door.js';
import { WayBack } from '../../src/account/way-back.js';
import { AuthenticationPolicy } from '../../src/features/tenants/authentication-policy.js';
import { runInContext } from '../../src/platform/context.js';
import { createCsrf } from '../../src/platform/csrf.js';

const now = new Date('2026-11-21T12:00:00Z');
const issuer = 'https://id.example.com';
const [one, mfa, phr] = ['urn:ostiary:acr:1fa', 'urn:ostiary:acr:mfa', 'urn:ostiary:acr:phr'];
const csrf = createCsrf('k'.repeat(32));
const none = { totp: false, passkeys: [], recovery_codes: 0 };

interface Given {
  age?: number;
  acr?: string;
  has?: object;
  policy?: object;
  fresh?: number;
  json?: boolean;
  back?: string;
}

async function change({ age = 0, acr = one, has = {}, policy = {}, fresh, json, back }: Given) {
  const session = {
    uid: 's1',
    accountId: 'u1',
    acr,
    amr: ['pwd'],
    loginTs: now.getTime() / 1000 - age,
    proofs: undefined,
  };
  const user = { id: 'u1', email: 'maria@example.com', claims: {} };
  const wayBack = new WayBack([Buffer.alloc(32, 1)]);
  const door = new AccountDoor({
    engine: { session: async () => session },
    users: { findActive: async () => user as never, hold: async () => true },
    sessions: { hold: async () => true },
    secondFactors: { of: async () => ({ ...none, ...has }) },
    domainAuthority: { ownProofs: async (_user, proofs) => [...proofs] },
    policy: async () => AuthenticationPolicy.parse(policy),
    wayBack,
    csrf,
    pages: undefined as never,
    clock: { now: () => now },
    logger: undefined as never,
  });
  const headers: Record<string, string> = {};
  const answer: { location?: string; status?: number; body?: string } = {};
  const ctx = {
    path: json ? '/api/v1/passkeys' : '/account/security/passkeys',
    method: 'POST',
    headers: { origin: issuer },
    state: { issuer, origin: issuer, prefix: '' },
    request: { body: { csrf: csrf.token('account:s1') } },
    get: () => '',
    accepts: () => (json ? 'json' : 'html'),
    set: () => undefined,
    redirect: (to: string) => {
      answer.location = to;
    },
    set status(status: number) {
      answer.status = status;
    },
    set body(body: string) {
      answer.body = body;
    },
    headersSent: headers,
  } as unknown as Context;
  return runInContext({ requestId: 'r', tenantId: 't1' }, async () => {
    const visitor = await door.mayChange(ctx, { ...(fresh === undefined ? {} : { fresh }), ...(back ? { back } : {}) });
    const query = answer.location ? new URL(answer.location).searchParams : undefined;
    return {
      passed: visitor !== undefined,
      status: answer.status,
      asked: query && {
        prompt: query.get('prompt'),
        max_age: query.get('max_age'),
        acr_values: query.get('acr_values'),
        back: wayBack.open(query.get('state')),
      },
      problem: answer.body ? (JSON.parse(answer.body) as Record<string, unknown>) : undefined,
    };
  });
}

const back = '/account/security/passkeys';
const login = { prompt: 'login', max_age: '600', acr_values: null, back };

describe('a change in the account', () => {
  it.each<[string, Given]>([
    ['a fresh sign-in', {}],
    ['one at the edge', { age: 600 }],
    ['an old one where none newer is needed', { age: 90_000, fresh: ANY_TIME }],
    [
      'an old one with a second factor where none newer is needed',
      { age: 90_000, has: { totp: true }, fresh: ANY_TIME },
    ],
    ['two factors where there are two', { acr: mfa, has: { totp: true } }],
    ['a passkey where there is an authenticator too', { acr: phr, has: { totp: true } }],
    [
      'one factor where the other is not taken by the tenant',
      { has: { totp: true }, policy: { second_factors: ['passkey'] } },
    ],
    ['one factor where there are recovery codes alone', { has: { recovery_codes: 10 } }],
  ])('is made on %s', async (_what, given) => {
    expect(await change(given)).toMatchObject({ passed: true, status: undefined });
  });

  it.each<[string, Given, object]>([
    ['is too old', { age: 601 }, login],
    ['is too old for this one', { age: 61, fresh: 60 }, { ...login, max_age: '60' }],
    [
      'is too old, and there is a second factor',
      { age: 601, acr: mfa, has: { totp: true } },
      { ...login, acr_values: mfa },
    ],
    [
      'is one factor where there are two',
      { has: { totp: true } },
      { ...login, prompt: null, max_age: null, acr_values: mfa },
    ],
    [
      'is one factor where there is a passkey',
      { has: { passkeys: [{ device_bound: false }] } },
      { ...login, prompt: null, max_age: null, acr_values: mfa },
    ],
    ['is from nobody knows when', { age: Number.MAX_SAFE_INTEGER / 10_000 }, login],
  ])('asks for a sign-in where the proof %s (OpenID Connect Core §3.1.2.1)', async (_what, given, asked) => {
    expect(await change(given)).toMatchObject({ passed: false, status: 303, asked });
  });

  it('comes back to where the page says, and never elsewhere', async () => {
    const to = async (path: string) => (await change({ age: 601, back: path })).asked?.back;
    expect(await to('/account/security')).toBe('/account/security');
    expect(await to('//evil.example')).toBe('/account');
    expect(await to('https://evil.example/')).toBe('/account');
  });

  it('tells a program what is missing (RFC 9457, RFC 9470)', async () => {
    const { status, problem, passed } = await change({ age: 601, has: { totp: true }, json: true });
    expect([status, passed]).toEqual([401, false]);
    expect(problem).toMatchObject({ status: 401, code: 'step_up_required', acr_values: mfa, max_age: 600 });
    expect(String(problem?.location)).toContain(`${issuer}/authorize?client_id=ostiary-account`);
  });
});
