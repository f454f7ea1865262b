import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Inner } from '../../support/inner.js';
import { authorizationUrl, makeClient, pkce, post } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';
import { forged, signed, wrongClaims } from './corpus.js';
import { type Place, placesOf } from './places.js';
import { placesOfOthers } from './places-of-others.js';

describe('a JWT that is not what it should be is not taken (RFC 8725, RFC 7515 §10)', () => {
  let server: TestServer;
  let inner: Inner;
  let places: Record<string, Place>;
  const place = (name: string) => places[name] as Place;

  beforeAll(async () => {
    inner = await Inner.start(() => ({ keys: [] }));
    server = await startServer();
    const elsewhere = `https://127.0.0.1:${inner.port}/keys`;
    places = { ...(await placesOf(server, elsewhere)), ...(await placesOfOthers(server, elsewhere)) };
    expect(Object.keys(places)).toEqual(names);
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    await inner?.close();
  });

  const proofs = [
    'DPoP at /token (RFC 9449 §5)',
    'DPoP at /userinfo (RFC 9449 §7)',
    'DPoP at the management API (RFC 9449 §7)',
  ];
  const ofWhoeverSigns = [
    'client_assertion at /token (RFC 7523 §3)',
    'client_assertion at /introspect (RFC 7523 §3)',
    'request at /authorize (RFC 9101 §5)',
    'request at /par (RFC 9126 §3)',
    'request of a client that need not sign',
    'assertion at /token (RFC 7523 §2.1)',
  ];
  const names = [
    'client_assertion at /token (RFC 7523 §3)',
    'client_assertion at /introspect (RFC 7523 §3)',
    'request at /authorize (RFC 9101 §5)',
    'request at /par (RFC 9126 §3)',
    'request of a client that need not sign',
    'DPoP at /token (RFC 9449 §5)',
    'DPoP at /userinfo (RFC 9449 §7)',
    'id_token_hint at /authorize (OpenID Connect Core §3.1.2.1)',
    'id_token_hint at /logout (RP-Initiated Logout 1.0 §2)',
    'access token at /introspect (RFC 9068 §4)',
    'assertion at /token (RFC 7523 §2.1)',
    'software_statement at /register (RFC 7591 §2.3)',
    'DPoP at the management API (RFC 9449 §7)',
  ];

  describe.each(names)('each place that takes one: %s', (name) => {
    it('takes a genuine one, refuses each forged one without a failure and at once, and takes a genuine one after that', async () => {
      const { genuine, takes } = place(name);
      inner.knocks = 0;
      expect(await takes((await genuine()).jwt)).toBe(true);
      const wrong: string[] = [];
      for (const [how, make] of Object.entries(forged)) {
        const begun = Date.now();
        const taken = await takes(make(await genuine())).catch(String);
        if (taken !== false) wrong.push(`${how}: ${taken}`);
        if (Date.now() - begun > 5_000) wrong.push(`${how}: took ${Date.now() - begun} ms`);
      }
      expect(wrong).toEqual([]);
      expect(inner.knocks).toBe(0);
      expect(await takes((await genuine()).jwt)).toBe(true);
    });

    it('takes nothing that was made for another purpose (RFC 8725 §3.12)', async () => {
      const { kind, takes } = place(name);
      const wrong: string[] = [];
      for (const [other, { kind: another, genuine }] of Object.entries(places))
        if (another !== kind && (await takes((await genuine()).jwt).catch(String)) !== false) wrong.push(other);
      expect(wrong).toEqual([]);
    });
  });

  it.each(ofWhoeverSigns)(
    '%s: claims of another type or time are refused, though rightly signed (RFC 7519 §4.1)',
    async (name) => {
      const { genuine, takes } = place(name);
      const wrong: string[] = [];
      for (const [how, change] of Object.entries(wrongClaims)) {
        const { header, claims, key } = await genuine();
        const taken = await takes(signed(header, { ...claims, ...change(claims) }, key)).catch(String);
        if (taken !== false) wrong.push(`${how}: ${taken}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  it.each(proofs)('%s: the key is public, asymmetric and the one that signed (RFC 9449 §4.3)', async (name) => {
    const { genuine, takes } = place(name);
    const wrong: string[] = [];
    const { strangerJwk, key } = await genuine();
    const jwks: Record<string, unknown> = {
      'another key': strangerJwk,
      'a private key': key.export({ format: 'jwk' }),
      'a symmetric key': { kty: 'oct', k: 'AAAA' },
      'a key of nothing': {},
      'a list': [key.export({ format: 'jwk' })],
      text: 'x',
      'no key': undefined,
      'a point that is none': { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
    };
    for (const [how, jwk] of Object.entries(jwks)) {
      const { header, claims } = await genuine();
      if ((await takes(signed({ ...header, jwk }, claims, key)).catch(String)) !== false) wrong.push(how);
    }
    for (const typ of [undefined, 'JWT', 'at+jwt', 'dpop', 'application/at+jwt', 1]) {
      const { header, claims } = await genuine();
      if ((await takes(signed({ ...header, typ }, claims, key)).catch(String)) !== false) wrong.push(`typ ${typ}`);
    }
    expect(wrong).toEqual([]);
  });

  it.each([...ofWhoeverSigns, 'software_statement at /register (RFC 7591 §2.3)'])(
    '%s: claims of five thousand levels and claims that stand twice are refused (RFC 8259 §9, RFC 7519 §4)',
    async (name) => {
      const { genuine, takes } = place(name);
      const { header, claims, key } = await genuine();
      const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
      const jwt = signed(header, `${JSON.stringify(claims).slice(0, -1)},"more":${deep}}`, key);
      expect(await takes(jwt)).toBe(false);
      const twice = signed(header, `{"more":1,${JSON.stringify(claims).slice(1, -1)},"more":2}`, key);
      expect(await takes(twice)).toBe(false);
    },
  );

  it('the parameter claims is read as strictly (OpenID Connect Core §5.5, RFC 7493 §2.3)', async () => {
    const party = await makeClient(server);
    const deep = `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`;
    for (const claims of [
      `{"userinfo":${deep}}`,
      '{"userinfo":{},"userinfo":{"email":null}}',
      '{"userinfo":{"__proto__":{}}}',
    ]) {
      const form = Object.fromEntries(new URL(authorizationUrl(server, party, pkce(), { claims })).searchParams);
      const { status, body } = await post(server, '/par', party, form);
      expect([status, body.error]).toEqual([400, 'invalid_request']);
    }
  });
});
