import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  administrator,
  isActive,
  type Manage,
  type Pair,
  refreshForm,
  rowsOf,
  send,
  startPair,
  until,
} from '../support/pair.js';
import { makeClient, makePerson, type Party, tokensFor } from '../support/party.js';
import { kidOf, Load, type Verifier, verifiersOf } from '../support/verifiers.js';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const run = promisify(execFile);
const resource = 'https://api.example/bookings';
const cookieKeys = 'k'.repeat(32);
const encryptionKeys = JSON.stringify({ v1: Buffer.alloc(32, 7).toString('base64') });

interface Key {
  kid: string;
  alg: string;
  status: string;
}

describe('signing keys rotate while tokens are made and verified (OpenID Connect Core §10.1.1)', () => {
  let house: Pair;
  let manage: Manage;
  let verifiers: Verifier[];
  let web: Party;
  /** ID tokens and userinfo answers signed with RS256. */
  let older: Party;
  /** Authenticates with private_key_jwt (RFC 7523) and binds its tokens with DPoP (RFC 9449). */
  let machine: Awaited<ReturnType<typeof makeMachine>>;

  beforeAll(async () => {
    house = await startPair({ COOKIE_KEYS: cookieKeys });
    manage = await administrator(house);
    await house.inside(({ resources }) =>
      resources.create({
        identifier: resource,
        name: 'Bookings',
        scopes: [{ name: 'bookings:read' }],
        access_token_format: 'jwt',
      }),
    );
    const metadata = {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scope: 'openid profile email bookings:read',
      consent_policy: 'implicit',
      refresh_grace: 0,
    };
    web = await makeClient(house.server, metadata);
    older = await makeClient(house.server, {
      ...metadata,
      id_token_signed_response_alg: 'RS256',
      userinfo_signed_response_alg: 'RS256',
    });
    machine = await makeMachine(house);
    verifiers = verifiersOf(house.issuer);
    for (const verifier of verifiers) await verifier.renew();
  }, 180_000);
  afterAll(() => house?.close());

  const keys = async (index = 0) =>
    ((await manage(index, 'GET', '/signing-keys')).body as unknown as { items: Key[] }).items;
  const kid = async (status: string, alg = 'ES256') =>
    (await keys()).find((key) => key.status === status && key.alg === alg)?.kid;
  const published = async (index: number) =>
    ((await (await house.ask(index, '/jwks')).json()) as { keys: Key[] }).keys.map((key) => key.kid);

  /** As if so much time had passed for the keys; whoever keeps a key set for an hour has fetched it anew since. */
  async function pass(interval: string): Promise<void> {
    await rowsOf(house, 'UPDATE signing_keys SET status_since = status_since - $1::interval', interval);
    for (const verifier of verifiers) await verifier.renew();
  }

  const ostiary = async (...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      ISSUER: house.issuer,
      DATABASE_URL: String(house.database.url),
      COOKIE_KEYS: cookieKeys,
      ENCRYPTION_KEYS: encryptionKeys,
    };
    const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', cli, ...args], { env });
    return (JSON.parse(stdout) as { items: Key[] }).items;
  };

  const accessToken = async (index: number): Promise<string> => {
    const form = { grant_type: 'client_credentials', resource, scope: 'bookings:read' };
    const { status, body } = await send(house, index, '/token', web, form);
    if (status !== 200) throw new Error(`no access token: ${JSON.stringify(body)}`);
    return String(body.access_token);
  };
  const verify = async (token: string): Promise<void> => {
    for (const { name, verify } of verifiers)
      await verify(token).catch((error: Error) => {
        throw new Error(`${name} refuses ${kidOf(token)}: ${error.message}`);
      });
  };

  it('and nobody refuses any: by command, at either process, unheard, and what was signed before stays good', async () => {
    const tokens: string[] = [];
    const kids = new Set<string>();
    const hints: string[] = [];
    let verified = 0;
    let turn = 0;
    const either = () => turn++ % 2;
    const keep = async (token: unknown, kept = tokens) => {
      await verify(String(token));
      verified += 1;
      kids.add(kidOf(String(token)));
      if (kept.length < 400) kept.push(String(token));
    };
    const any = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;
    const holderOf = async (party: Party) => {
      const person = await makePerson(house.server);
      const { refresh_token, id_token } = await tokensFor(house.server, party, person.email);
      hints.push(String(id_token));
      return { party, refreshToken: String(refresh_token) };
    };
    const refreshing = async (holder: Awaited<ReturnType<typeof holderOf>>) => {
      const { status, body } = await send(house, either(), '/token', holder.party, refreshForm(holder.refreshToken));
      if (status !== 200) throw new Error(`refresh: ${JSON.stringify(body)}`);
      holder.refreshToken = String(body.refresh_token);
      await keep(body.id_token);
      if (holder.party !== older) return;
      const headers = { authorization: `Bearer ${body.access_token}` };
      await keep(await (await house.ask(either(), '/userinfo', { headers })).text());
    };
    const [modern, classic] = [await holderOf(web), await holderOf(older)];
    await keep(await accessToken(0));

    const load = new Load({
      'a JWT access token': async () => keep(await accessToken(either())),
      'private_key_jwt and DPoP': async () => keep(await machine.token(either())),
      'an ID token': () => refreshing(modern),
      'an ID token and userinfo, RS256': () => refreshing(classic),
      'tokens of before': async () => {
        for (let count = 0; count < 10; count += 1) {
          await verify(any(tokens));
          verified += 1;
        }
      },
      'introspection (RFC 7662)': async () => {
        const token = any(tokens.filter(isAccess));
        if (!(await isActive(house, web, token, either()))) throw new Error(`${kidOf(token)} is not active`);
      },
      id_token_hint: async () => {
        const query = new URLSearchParams({ id_token_hint: any(hints) });
        const { status } = await house.ask(either(), `/logout?${query}`);
        if (status >= 400) throw new Error(`/logout answers ${status}`);
      },
    });
    await load.more(5);

    const rotations: [string, () => Promise<unknown>][] = [
      ['by command', () => ostiary('keys', 'rotate', '--json')],
      ['at the one process', () => manage(0, 'POST', '/signing-keys/rotate', {})],
      ['at the other', () => manage(1, 'POST', '/signing-keys/rotate', { alg: 'ES256' })],
      [
        'while nobody listens',
        async () => {
          await rowsOf(
            house,
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
          );
          return manage(1, 'POST', '/signing-keys/rotate', {});
        },
      ],
      [
        'by the schedule',
        async () => {
          await rowsOf(
            house,
            `UPDATE signing_keys SET status_since = status_since - interval '91 days' WHERE status = 'current'`,
          );
          await house.services.keySchedule.run();
        },
      ],
    ];
    for (const [how, rotate] of rotations) {
      await pass('2 hours');
      const next = await kid('next');
      await rotate();
      expect([how, await kid('current')]).toEqual([how, next]);
      for (const index of [0, 1]) {
        await until(`${how}: it signs at ${index}`, async () => kidOf(await accessToken(index)) === next, 1_500);
        await until(
          `${how}: the next one is published at ${index}`,
          async () => (await published(index)).includes((await kid('next')) ?? ''),
          1_500,
        );
      }
      await load.more(5);
    }
    await load.stop();
    expect([...load.failures]).toEqual([]);
    expect(verified).toBeGreaterThan(200);
    expect(kids.size).toBeGreaterThanOrEqual(5);
    // Both processes show the same, in the same order.
    const listed = (await keys()).filter(({ status }) => status !== 'retired').map((key) => key.kid);
    expect((await published(0)).sort()).toEqual(listed.sort());
    expect(await published(1)).toEqual(await published(0));
  }, 300_000);

  it('a second time within seconds is refused by both, and changes nothing', async () => {
    await pass('2 hours');
    expect((await manage(0, 'POST', '/signing-keys/rotate', {})).status).toBe(200);
    const before = await keys();
    const both = await Promise.all([0, 1].map((index) => manage(index, 'POST', '/signing-keys/rotate', {})));
    expect(both.map(({ status }) => status)).toEqual([409, 409]);
    await expect(ostiary('keys', 'rotate', '--json')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Verifiers may not have seen the next'),
    });
    expect(await keys()).toEqual(before);
  });

  it('two at once are one', async () => {
    await pass('2 hours');
    const next = await kid('next');
    const both = await Promise.all([0, 1].map((index) => manage(index, 'POST', '/signing-keys/rotate', {})));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await kid('current')).toBe(next);
  });

  it('a compromised key is believed nowhere within a second, and its tokens are good for nothing', async () => {
    const token = await accessToken(0);
    const stolen = kidOf(token);
    expect(await isActive(house, web, token, 1)).toBe(true);
    const items = await ostiary('keys', 'rotate', '--compromised', stolen, '--json');
    expect(items.find((key) => key.kid === stolen)).toMatchObject({ status: 'retired' });
    for (const index of [0, 1]) {
      await until('the token is dead', async () => !(await isActive(house, web, token, index)), 1_000);
      expect(await published(index)).not.toContain(stolen);
      expect(kidOf(await accessToken(index))).toBe(await kid('current'));
    }
  });

  it('an id_token_hint of a key that is published no longer is accepted at either process', async () => {
    const person = await makePerson(house.server);
    const { id_token } = await tokensFor(house.server, web, person.email);
    await house.inside((services) => services.keys.rotate({ force: true }));
    await pass('2 days');
    await house.services.keySchedule.run();
    const query = new URLSearchParams({ id_token_hint: String(id_token) });
    for (const index of [0, 1]) {
      await until(
        'it is published no longer',
        async () => !(await published(index)).includes(kidOf(String(id_token))),
        1_000,
      );
      expect((await house.ask(index, `/logout?${query}`)).status).toBe(200);
    }
  });
});

const isAccess = (token: string) => decodeProtectedHeader(token).typ === 'at+jwt';

/** A client with a key of its own for assertions, and another for proofs. */
async function makeMachine(house: Pair) {
  const [own, proof] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'own', alg: 'ES256', use: 'sig' };
  const proofJwk = await exportJWK(proof.publicKey);
  const jkt = await calculateJwkThumbprint(proofJwk);
  const party = await makeClient(house.server, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [jwk] },
    dpop_bound_access_tokens: true,
    scope: 'bookings:read',
  });
  const signed = (claims: object, header: object, key: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']) =>
    new SignJWT({ jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(key);
  return {
    async token(index: number): Promise<string> {
      const { clientId } = party;
      const assertion = await signed(
        { iss: clientId, sub: clientId, aud: house.issuer },
        { kid: 'own' },
        own.privateKey,
      );
      const dpop = await signed(
        { htm: 'POST', htu: `${house.issuer}/token` },
        { typ: 'dpop+jwt', jwk: proofJwk },
        proof.privateKey,
      );
      const form = {
        grant_type: 'client_credentials',
        resource,
        scope: 'bookings:read',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      };
      const { status, body } = await send(house, index, '/token', party, form, { dpop });
      const token = String(body.access_token);
      const { cnf } = status === 200 ? (decodeJwt(token) as { cnf?: { jkt?: string } }) : {};
      if (cnf?.jkt !== jkt) throw new Error(`no bound token: ${JSON.stringify(body)}`);
      return token;
    },
  };
}
