import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, signIn } from '../../support/party.js';
import { type DpopKey, dpopKey, proofOf } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';

const resource = 'https://orders.example/api';
const another = 'https://bills.example/api';

interface Asked {
  by?: Party;
  key?: DpopKey | undefined;
  form?: Record<string, string>;
}

/** What the same refresh token meets that comes again, by who shows it how. */
type Met = 'the same answer' | 'refused, and nothing is burnt' | 'refused, and the family ends';

describe('a refresh token that comes again (RFC 6749 §6, RFC 9700 §4.14.2, RFC 9449 §5)', () => {
  let server: TestServer;
  let email: string;
  let mine: DpopKey;
  let foreign: DpopKey;
  /** Client by whether it is public, and whether the same token gets the same answer for a while. */
  const clients = new Map<string, Party>();
  let other: Party;

  beforeAll(async () => {
    server = await startServer();
    email = (await makePerson(server)).email;
    [mine, foreign] = [await dpopKey(), await dpopKey()];
    await server.inside(async ({ resources }) => {
      const scopes = [{ name: 'read' }, { name: 'write' }];
      await resources.create({ identifier: resource, name: 'Orders', scopes });
      await resources.create({ identifier: another, name: 'Bills', scopes });
    });
    for (const late of [false, true])
      for (const isPublic of [false, true])
        clients.set(
          `${late} ${isPublic}`,
          await makeClient(server, {
            consent_policy: 'implicit',
            ...(late ? { refresh_grace: 0 } : {}),
            ...(isPublic ? { token_endpoint_auth_method: 'none' } : {}),
          }),
        );
    other = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());

  async function token(form: Record<string, string>, { clientId, clientSecret }: Party, key?: DpopKey) {
    const htu = `${server.issuer}/token`;
    const response = await fetch(htu, {
      method: 'POST',
      headers: {
        ...(clientSecret ? basic({ clientId, clientSecret }) : {}),
        ...(key ? { dpop: await proofOf(key, { htm: 'POST', htu }) } : {}),
      },
      body: new URLSearchParams({ ...form, ...(clientSecret ? {} : { client_id: clientId }) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  }

  async function begin(party: Party, key: DpopKey | undefined): Promise<string> {
    const proof = pkce();
    const url = new URL(authorizationUrl(server, party, proof, { scope: 'openid email read write' }));
    for (const one of [resource, another]) url.searchParams.append('resource', one);
    const code = codeOf(await signIn(new Browser(), url.href, email));
    const form = { grant_type: 'authorization_code', code, redirect_uri: party.redirectUri, resource };
    const { body } = await token({ ...form, code_verifier: proof.verifier }, party, key);
    return String(body.refresh_token);
  }

  /** @param isPublic whether the token is bound to a key: only public clients' are (RFC 9449 §5). */
  const cases: [what: string, late: boolean, isPublic: boolean, met: Met, again: () => Asked][] = [
    ['by its client, as before', false, false, 'the same answer', () => ({})],
    ['by its client, with its key', false, true, 'the same answer', () => ({ key: mine })],
    ['by another client', false, false, 'refused, and nothing is burnt', () => ({ by: other })],
    ['with another key', false, true, 'refused, and nothing is burnt', () => ({ key: foreign })],
    ['without its key', false, true, 'refused, and nothing is burnt', () => ({ key: undefined })],
    ['for less scope', false, false, 'refused, and the family ends', () => ({ form: { scope: 'openid' } })],
    ['for another resource', false, false, 'refused, and the family ends', () => ({ form: { resource: another } })],
    ['by its client, too late', true, false, 'refused, and the family ends', () => ({})],
    ['by its client, with its key, too late', true, true, 'refused, and the family ends', () => ({ key: mine })],
    ['by another client, too late', true, false, 'refused, and nothing is burnt', () => ({ by: other })],
    ['with another key, too late', true, true, 'refused, and nothing is burnt', () => ({ key: foreign })],
    ['without its key, too late', true, true, 'refused, and nothing is burnt', () => ({ key: undefined })],
    ['for less scope, too late', true, false, 'refused, and the family ends', () => ({ form: { scope: 'openid' } })],
    [
      'for another resource, too late',
      true,
      false,
      'refused, and the family ends',
      () => ({ form: { resource: another } }),
    ],
  ];

  it.each(cases)('%s', async (_what, late, isPublic, met, again) => {
    const party = clients.get(`${late} ${isPublic}`) as Party;
    const key = isPublic ? mine : undefined;
    const form = { grant_type: 'refresh_token', refresh_token: await begin(party, key), resource };
    const first = await token(form, party, key);
    expect(first.status).toBe(200);

    const asked = again();
    const second = await token({ ...form, ...asked.form }, asked.by ?? party, 'key' in asked ? asked.key : key);
    if (met === 'the same answer') expect(second).toEqual(first);
    else {
      expect([second.status, ['invalid_grant', 'invalid_dpop_proof'].includes(String(second.body.error))]).toEqual([
        400,
        true,
      ]);
      expect(JSON.stringify(second.body)).not.toContain(first.body.refresh_token);
    }
    const next = await token({ ...form, refresh_token: String(first.body.refresh_token) }, party, key);
    expect(next.status).toBe(met === 'refused, and the family ends' ? 400 : 200);
  });
});
