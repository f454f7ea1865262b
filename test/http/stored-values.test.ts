import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Browser } from '../support/browser.js';
import { leavesOf } from '../support/dump.js';
import { authorizationUrl, codeOf, password, pkce, signIn, tokensFor } from '../support/party.js';
import { openStoredHouse, type StoredHouse } from '../support/stored-house.js';
import { jws, usesOf } from '../support/stored-uses.js';

/** Tables whose every value is tried. */
const tables = [
  'clients',
  'client_secrets',
  'initial_access_tokens',
  'api_keys',
  'engine_rows',
  'sessions',
  'session_handles',
  'grants',
  'signing_keys',
  'tenants',
  'one_time_tokens',
  'users',
  'password_credentials',
  'mail_messages',
  'logout_notices',
  'idempotency_keys',
];

/** How the bytes of a column could be written where a credential is expected. */
function writings(leaf: string | Buffer): string[] {
  const bytes = Buffer.from(leaf);
  // A word such as `openid` is tried as it is; whatever could be a secret is longer.
  const long = bytes.length < 16 ? [] : [bytes.toString('hex'), bytes.toString('base64url')];
  if (typeof leaf !== 'string') return [bytes.toString('latin1'), ...long];
  const decoded = /^([0-9a-f]{2}){8,}$/i.test(leaf) ? [Buffer.from(leaf, 'hex').toString('base64url')] : [];
  return [leaf, ...leaf.split(/[:$]/), ...long, ...decoded];
}

describe('a copy of the database opens nothing (RFC 9700 §2.5, RFC 6819 §5.1.4.1.3)', () => {
  let house: StoredHouse;
  let tried: ReturnType<typeof usesOf>;

  beforeAll(async () => {
    house = await openStoredHouse();
    tried = usesOf(house);
  }, 180_000);
  afterAll(() => house?.server.close());

  async function storedLeaves(): Promise<(string | Buffer)[]> {
    const { server } = house;
    const leaves: (string | Buffer)[] = [];
    for (const table of tables) {
      const { rows } = await server.services.db.pool.query(`SELECT * FROM ${table}`);
      expect([table, rows.length > 0 || table === 'idempotency_keys']).toEqual([table, true]);
      leaves.push(...rows.flatMap(leavesOf));
    }
    const { redis, tenants } = server.services;
    const { id } = await tenants.ensureDefault();
    for (const key of (await redis?.client.keys(`ostiary:${id}:*`)) ?? [])
      leaves.push(key, key.split(':').pop() ?? '', ...Object.values((await redis?.client.hgetall(key)) ?? {}));
    return leaves;
  }

  it('the right value is accepted in each place: the refusals below mean something', async () => {
    const { server, party, poster, signer, email, browser, tokens, clientKeys } = house;
    const { uses, proof, assertion, requestObject, authenticates, begins, logsOut } = tried;
    const session = [...browser.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value ?? '';
    const waiting = new Browser();
    await waiting.open(authorizationUrl(server, party, pkce()));
    const interaction = [...waiting.cookies.values()].find(({ name }) => name === 'ostiary_interaction')?.value ?? '';
    const page = await browser.open(authorizationUrl(server, party, proof, { prompt: 'none' }));
    const right: Record<string, string> = {
      'client_secret_basic (RFC 6749 §2.3.1)': party.clientSecret,
      'client_secret_post (RFC 6749 §2.3.1)': poster.clientSecret,
      'bearer token at userinfo (RFC 6750 §2.2)': String(tokens.access_token),
      'token at introspection (RFC 7662)': String(tokens.access_token),
      'bearer token at the API (RFC 6750 §2.1)': house.apiToken,
      'API key at the API': house.apiKey,
      'registration access token (RFC 7592 §2.1)': house.registered.registration_access_token,
      'initial access token (RFC 7591 §3)': house.initialAccessToken,
      'authorization code (RFC 6749 §4.1.3)': codeOf(page),
      'refresh token (RFC 6749 §6)': String((await tokensFor(server, party, email)).refresh_token),
      'request_uri (RFC 9126 §2.2)': await house.pushed(),
      'session cookie': session,
      'interaction cookie': interaction,
      'setup link': house.oneTime.setup,
      'password link': house.oneTime.password,
    };
    expect(Object.keys(right)).toEqual(Object.keys(uses));
    for (const [name, use] of Object.entries(uses)) expect([name, await use(right[name] ?? '')]).toEqual([name, true]);

    const sign = (payload: object) =>
      new SignJWT({ ...payload }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(clientKeys.privateKey);
    expect(await authenticates(await sign(assertion(signer)))).toBe(true);
    expect(await begins(signer, await sign(requestObject(signer)))).toBe(true);
    expect(await logsOut(String(tokens.id_token))).toBe(true);
  });

  it('no stored value is a credential, and none is a key', async () => {
    const { uses, keyUses } = tried;
    const leaves = await storedLeaves();
    const values = [...new Set(leaves.flatMap(writings))].filter((value) => value.length > 0 && value.length < 6_000);
    // The bytes of each, and what hex or base64 in it stands for.
    const keys = new Map<string, Buffer>();
    for (const value of values) {
      const decoded = [Buffer.from(value, 'latin1')];
      if (/^([0-9a-f]{2}){8,}$/i.test(value)) decoded.push(Buffer.from(value, 'hex'));
      else if (/^[A-Za-z0-9+/_-]{20,}=*$/.test(value)) decoded.push(Buffer.from(value, 'base64'));
      for (const one of decoded) keys.set(one.toString('hex'), one);
    }
    expect(values.length).toBeGreaterThan(300);
    const good: string[] = [];
    const tries = [
      ...values.flatMap((value) =>
        Object.entries(uses).map(
          ([name, use]) =>
            async () =>
              void ((await use(value)) && good.push(`${name}: ${value}`)),
        ),
      ),
      ...[...keys.values()].flatMap((key) =>
        Object.entries(keyUses).map(
          ([name, use]) =>
            async () =>
              void ((await use(key)) && good.push(`${name}: ${key.toString('latin1')}`)),
        ),
      ),
    ];
    const next = tries.values();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const attempt of next) await attempt();
      }),
    );
    expect(good).toEqual([]);
  }, 300_000);

  it('nobody signs in with what is stored of a password (NIST SP 800-63B-4 §3.1.1.2)', async () => {
    const { server, party, email } = house;
    const { rows } = await server.services.db.pool.query('SELECT * FROM password_credentials');
    for (const value of new Set(rows.flatMap(leavesOf).flatMap(writings).filter(Boolean))) {
      const verified = await server.inside(async ({ passwords, users }) => {
        const user = await users.findByEmail(email);
        if (user) await passwords.unlock(user);
        return passwords.verify(email, value);
      });
      expect([value, verified.outcome]).toEqual([value, 'failed']);
    }
    expect((await server.inside(({ passwords }) => passwords.verify(email, password))).outcome).toBe('ok');
    expect(codeOf(await signIn(new Browser(), authorizationUrl(server, party, pkce()), email))).toBeTruthy();
  });

  it.each(['none', 'None', 'NONE', 'nOnE', '', 'HS256', 'HS512'])(
    'alg: %p without a signature proves nothing (RFC 8725 §3.1, RFC 9101 §10.8)',
    async (alg) => {
      const { assertion, requestObject, hint, authenticates, begins, logsOut } = tried;
      for (const of of [house.party, house.signer]) {
        for (const tail of ['', 'AA']) {
          expect(await begins(of, jws({ alg }, requestObject(of)) + tail)).toBe(false);
          expect(await authenticates(jws({ alg }, assertion(of)) + tail)).toBe(false);
        }
      }
      expect(await logsOut(jws({ alg }, hint()))).toBe(false);
    },
  );

  it('a public key is no HMAC secret (RFC 8725 §2.1), in any of its forms', async () => {
    const { keys } = (await house.get('/jwks')).body as unknown as { keys: JsonWebKey[] };
    const own = await exportJWK(house.clientKeys.publicKey);
    const good: string[] = [];
    for (const jwk of [...keys, own as JsonWebKey]) {
      const key = createPublicKey({ key: jwk, format: 'jwk' });
      const pem = key.export({ type: 'spki', format: 'pem' }).toString();
      const members = [jwk.n, jwk.x, jwk.y].filter((member): member is string => typeof member === 'string');
      for (const secret of [
        pem,
        pem.trim(),
        pem.replaceAll('\n', '\r\n'),
        key.export({ type: 'spki', format: 'der' }),
        JSON.stringify(jwk),
        JSON.stringify({ keys }),
        ...members,
        ...members.map((member) => Buffer.from(member, 'base64url')),
        ...(jwk.kty === 'RSA' ? [key.export({ type: 'pkcs1', format: 'pem' }).toString()] : []),
      ])
        for (const [name, use] of Object.entries(tried.keyUses)) if (await use(secret)) good.push(name);
    }
    expect(good).toEqual([]);
  });

  it('a key in the header of the token is not the key of the client (RFC 8725 §3.10: jwk, jku, x5u)', async () => {
    const { signer } = house;
    const { assertion, requestObject, hint, authenticates, begins, logsOut } = tried;
    const stranger = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(stranger.publicKey);
    for (const header of [{ jwk }, { jku: 'https://evil.example/jwks' }, { x5u: 'https://evil.example/x5c' }, {}]) {
      const sign = (payload: object) =>
        new SignJWT({ ...payload }).setProtectedHeader({ alg: 'ES256', kid: 'k', ...header }).sign(stranger.privateKey);
      expect(await authenticates(await sign(assertion(signer)))).toBe(false);
      expect(await begins(signer, await sign(requestObject(signer)))).toBe(false);
      expect(await logsOut(await sign(hint()))).toBe(false);
    }
  });
});
