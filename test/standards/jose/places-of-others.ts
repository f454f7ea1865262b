// As places.ts: what somebody else has signed whom an administrator believes, and proofs at the management API.
import { createHash, generateKeyPairSync, type JsonWebKey, KeyObject, randomUUID } from 'node:crypto';
import { makeClient, makePerson } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { dpopKey, proofOf } from '../../support/proofs.js';
import type { TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';
import { type Genuine, signed } from './corpus.js';
import { answered, type Place } from './places.js';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const partner = 'https://partner.example';
const vouching = 'https://vouching.example';
const resource = 'https://partners.example/api';
const now = () => Math.floor(Date.now() / 1000);

/** @param elsewhere where keys could be fetched from, and are not. */
export async function placesOfOthers(server: TestServer, elsewhere: string): Promise<Record<string, Place>> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
  const strangerJwk = stranger.publicKey.export({ format: 'jwk' });
  const by = (key: KeyObject, known: JsonWebKey, more: object, claims: Record<string, unknown>): Genuine => {
    const header = { alg: 'ES256', ...more };
    return {
      jwt: signed(header, claims, key),
      header,
      claims,
      jwk: known,
      key,
      stranger: stranger.privateKey,
      strangerJwk,
      elsewhere,
    };
  };
  const byPartner = (claims: Record<string, unknown>) => by(pair.privateKey, jwk, { kid: 'one' }, claims);

  const machine = await makeClient(server, { grant_types: [JWT_BEARER], response_types: [], redirect_uris: [] });
  const person = await makePerson(server);
  await server.inside(async ({ resources, trustedIssuers, externalSubjects, tenants }) => {
    await resources.create({ identifier: resource, name: 'Partners', scopes: [{ name: 'see', description: 'See' }] });
    const issuer = await trustedIssuers.create({
      issuer: partner,
      name: 'Partner',
      jwks: { keys: [jwk] },
      clients: [machine.clientId],
      resources: [resource],
      scopes: ['see'],
    } as never);
    await externalSubjects.link(issuer, { subject: 'theirs', user_id: person.id });
    await tenants.update(await tenants.current(), {
      settings: { protocol: { software_statements: { issuers: [{ issuer: vouching, jwks: { keys: [jwk] } }] } } },
    } as never);
  });
  const initial = await initialAccessTokenFor(server);

  const ours = await makeClient(server, {
    grant_types: ['client_credentials'],
    redirect_uris: [],
    scope: 'users:read',
  });
  const key = await dpopKey();
  const secret = KeyObject.from(key.privateKey as never);
  const token = await boundToken();
  async function boundToken(): Promise<string> {
    const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'users:read' };
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { ...basic(ours), dpop: await proofOf(key, { htm: 'POST', htu: `${server.issuer}/token` }) },
      body: new URLSearchParams(form),
    });
    return String(((await response.json()) as Record<string, unknown>).access_token);
  }
  const address = `${server.issuer}/api/v1/users`;

  return {
    'assertion at /token (RFC 7523 §2.1)': {
      kind: 'assertion of a trusted issuer',
      ofClient: true,
      genuine: async () =>
        byPartner({
          iss: partner,
          sub: 'theirs',
          aud: server.issuer,
          iat: now(),
          exp: now() + 60,
          jti: randomUUID(),
        }),
      takes: async (assertion) =>
        (
          await answered(
            fetch(`${server.issuer}/token`, {
              method: 'POST',
              headers: basic(machine),
              body: new URLSearchParams({ grant_type: JWT_BEARER, assertion, resource }),
            }),
          )
        ).ok,
    },
    'software_statement at /register (RFC 7591 §2.3)': {
      kind: 'software statement',
      ofClient: false,
      genuine: async () =>
        byPartner({ iss: vouching, client_name: 'Vouched', redirect_uris: ['https://rp.example/cb'], exp: now() + 60 }),
      takes: async (software_statement) =>
        (
          await answered(
            fetch(`${server.issuer}/register`, {
              method: 'POST',
              headers: { authorization: `Bearer ${initial}`, 'content-type': 'application/json' },
              body: JSON.stringify({ software_statement }),
            }),
          )
        ).ok,
    },
    'DPoP at the management API (RFC 9449 §7)': {
      kind: 'DPoP proof at the management API',
      ofClient: false,
      genuine: async () => {
        const ath = createHash('sha256').update(token).digest('base64url');
        const claims = { htm: 'GET', htu: address, jti: randomUUID(), iat: now(), ath };
        return by(secret, key.jwk as JsonWebKey, { typ: 'dpop+jwt', jwk: key.jwk }, claims);
      },
      takes: async (dpop) => (await answered(fetch(address, { headers: { authorization: `DPoP ${token}`, dpop } }))).ok,
    },
  };
}
