import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import {
  ACCESS_TOKEN,
  back,
  type Chain,
  exchange,
  front,
  letExchange,
  makeChain,
  makeResources,
  received,
  signed,
  TOKEN_EXCHANGE,
} from '../../support/exchanging.js';
import { introspect, makeClient, makePerson, post, tokensFor } from '../../support/party.js';
import { dpopKey, proofOf } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('token exchange (RFC 8693)', () => {
  let server: TestServer;
  let chain: Chain;
  let person: { id: string; email: string };
  let subject: string;
  let tokens: Record<string, unknown>;

  beforeAll(async () => {
    server = await startServer();
    await makeResources(server);
    chain = await makeChain(server);
    person = await makePerson(server);
    tokens = await received(server, chain.app, person.email);
    subject = String(tokens.access_token);
  }, 180_000);
  afterAll(() => server?.close());

  const ask = (more: Record<string, string> = {}, token: unknown = subject) =>
    exchange(server, chain.service, token, more);
  const errorOf = async (more: Record<string, string>, token?: unknown) => {
    const { status, body } = await ask({ resource: back, ...more }, token);
    expect(status).toBe(400);
    return body.error;
  };
  const machineToken = async () =>
    String((await post(server, '/token', chain.service, { grant_type: 'client_credentials' })).body.access_token);

  it('is a grant type that the metadata names (§2.1, RFC 8414 §2)', async () => {
    const discovery = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    expect((discovery as { grant_types_supported: string[] }).grant_types_supported).toContain(TOKEN_EXCHANGE);
  });

  it('answers with access_token, issued_token_type, token_type, expires_in and scope, and with no refresh token (§2.2.1)', async () => {
    const { status, body, headers } = await ask({ resource: back, scope: 'read' });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      access_token: expect.any(String),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'read',
    });
  });

  it.each(['resource', 'audience'])(
    'gives a token for exactly the target that %s names, to the client that asks (§2.1)',
    async (name) => {
      const { body } = await ask({ [name]: back });
      const told = await introspect(server, chain.service, String(body.access_token));
      expect(told.body).toMatchObject({
        active: true,
        aud: back,
        client_id: chain.service.clientId,
        sub: person.id,
        scope: 'read write',
      });
    },
  );

  it('says who acts, in both formats (§4.1)', async () => {
    const act = { sub: chain.service.clientId, client_id: chain.service.clientId };
    const opaque = await ask({ resource: back });
    expect((await introspect(server, chain.service, String(opaque.body.access_token))).body).toMatchObject({ act });
    const jwt = await ask({ resource: signed });
    expect(decodeJwt(String(jwt.body.access_token))).toMatchObject({ act, sub: person.id, aud: signed });
    expect((await introspect(server, chain.service, String(jwt.body.access_token))).body).toMatchObject({
      active: true,
      act,
    });
  });

  it('keeps who acted before in the chain, however often (§4.1)', async () => {
    const next = await makeClient(server, { grant_types: [TOKEN_EXCHANGE], response_types: [], redirect_uris: [] });
    await letExchange(server, next, chain.service, { subject_audiences: [back, signed], resources: [signed] });
    for (const resource of [back, signed]) {
      const { body } = await ask({ resource });
      const again = await exchange(server, next, body.access_token, { resource: signed });
      expect(decodeJwt(String(again.body.access_token)).act).toEqual({
        sub: next.clientId,
        client_id: next.clientId,
        act: { sub: chain.service.clientId, client_id: chain.service.clientId },
      });
    }
  });

  it('lives no longer than the subject token', async () => {
    const short = await makeClient(server, { consent_policy: 'implicit', access_token_ttl: 60 });
    await letExchange(server, chain.service, short);
    const { access_token } = await received(server, short, person.email);
    const { body } = await ask({ resource: back }, access_token);
    expect(Number(body.expires_in)).toBeLessThanOrEqual(60);
  });

  it.each<[string, Record<string, string>, string]>([
    ['without subject_token', { subject_token: '' }, 'invalid_request'],
    ['without subject_token_type', { subject_token_type: '' }, 'invalid_request'],
    ['with actor_token_type and no actor_token', { actor_token_type: ACCESS_TOKEN }, 'invalid_request'],
    ['with a token nobody gave', { subject_token: 'A'.repeat(43) }, 'invalid_request'],
    [
      'with a token type that is not taken',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      'invalid_request',
    ],
    [
      'for a refresh token',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    ['for an ID token', { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' }, 'invalid_request'],
    [
      'for a JWT where the resource takes none',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      'invalid_request',
    ],
    ['with authorization details', { authorization_details: '[{"type":"payment"}]' }, 'invalid_request'],
    ['for a target that no policy names', { resource: front }, 'invalid_target'],
    ['for a target that is no resource', { resource: 'https://nobody.example' }, 'invalid_target'],
    ['for two targets', { audience: signed }, 'invalid_target'],
    ['for a scope that the subject token does not have', { scope: 'read admin' }, 'invalid_scope'],
  ])('refuses a request (§2.2.2): %s', async (_case, form, error) => {
    expect(await errorOf(form)).toBe(error);
  });

  it('takes no ID token and no refresh token for an access token (§5)', async () => {
    for (const token of [tokens.id_token, tokens.refresh_token])
      expect(await errorOf({}, token)).toBe('invalid_request');
  });

  it('takes no token that was not given for what the service receives, and none of a client that it has no policy for (§5)', async () => {
    const other = await makeClient(server, { consent_policy: 'implicit' });
    expect(await errorOf({}, (await received(server, other, person.email)).access_token)).toBe('invalid_request');
    expect(await errorOf({}, (await received(server, chain.app, person.email, back)).access_token)).toBe(
      'invalid_request',
    );
    expect(await errorOf({}, (await tokensFor(server, chain.app, person.email)).access_token)).toBe('invalid_request');
  });

  it('is no way for a client without a policy, or without the grant type', async () => {
    const stranger = await makeClient(server, { grant_types: [TOKEN_EXCHANGE], response_types: [], redirect_uris: [] });
    expect((await exchange(server, stranger, subject, { resource: back })).body.error).toBe('invalid_request');
    expect((await exchange(server, chain.app, subject, { resource: back })).body.error).toBe('invalid_request');
  });

  it('needs a client that authenticates (§5)', async () => {
    const made = makeClient(server, {
      grant_types: [TOKEN_EXCHANGE],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'none',
    });
    await expect(made).rejects.toMatchObject({ status: 422 });
  });

  it('speaks for a person only: a token of a machine is nobody to act for', async () => {
    expect(await errorOf({}, await machineToken())).toBe('invalid_request');
  });

  describe('with an actor token (§2.1)', () => {
    it('names the client it speaks for', async () => {
      const { body } = await ask({
        resource: signed,
        actor_token: await machineToken(),
        actor_token_type: ACCESS_TOKEN,
      });
      expect(decodeJwt(String(body.access_token)).act).toEqual({
        sub: chain.service.clientId,
        client_id: chain.service.clientId,
      });
    });

    it('takes none that was given to another client, or speaks for a person where the policy names none', async () => {
      const theirs = (await received(server, chain.app, (await makePerson(server)).email)).access_token;
      expect(await errorOf({ actor_token: String(theirs), actor_token_type: ACCESS_TOKEN })).toBe('invalid_request');
    });
  });

  it('impersonates only where a policy says so, and the record says who asked (§1.1)', async () => {
    const helper = await makeClient(server, { grant_types: [TOKEN_EXCHANGE], response_types: [], redirect_uris: [] });
    await letExchange(server, helper, chain.app, { acting: 'impersonation' });
    const { body } = await exchange(server, helper, subject, { resource: signed });
    const claims = decodeJwt(String(body.access_token));
    expect(claims.act).toBeUndefined();
    const events = await server.inside(({ db }) =>
      db.manager.query(`SELECT data FROM audit_events WHERE name = 'token.exchanged' AND data ->> 'grant_id' = $1`, [
        claims.gid,
      ]),
    );
    expect(events).toEqual([
      {
        data: expect.objectContaining({
          client_id: helper.clientId,
          subject_client_id: chain.app.clientId,
          user_id: person.id,
          actor: null,
          resource: signed,
        }),
      },
    ]);
  });

  it('takes a token bound to a key only with a proof of that key (RFC 9449 §7)', async () => {
    const key = await dpopKey();
    const other = await dpopKey();
    const withProof = async (form: Record<string, string>, by?: typeof key) => {
      const { clientId, clientSecret } = chain.service;
      const response = await fetch(`${server.issuer}/token`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
          ...(by ? { dpop: await proofOf(by, { htm: 'POST', htu: `${server.issuer}/token` }) } : {}),
        },
        body: new URLSearchParams({ grant_type: TOKEN_EXCHANGE, ...form }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, string> };
    };
    const first = await withProof({ subject_token: subject, subject_token_type: ACCESS_TOKEN, resource: back }, key);
    expect([first.status, first.body.token_type]).toEqual([200, 'DPoP']);
    await letExchange(server, chain.service, chain.service, { subject_audiences: [back], resources: [signed] });
    const form = {
      subject_token: String(first.body.access_token),
      subject_token_type: ACCESS_TOKEN,
      resource: signed,
    };
    for (const by of [undefined, other]) expect((await withProof(form, by)).body.error).toBe('invalid_request');
    expect((await withProof(form, key)).status).toBe(200);
  });
});
