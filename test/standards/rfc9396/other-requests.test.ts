import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import { approve, askForCodes, makeDeviceClient, poll, toConsent, typeCode } from '../../support/device.js';
import { until } from '../../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  redeem,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const resource = 'https://api.bank.example';
const type = {
  type: 'payment_initiation',
  description: 'Make a payment',
  schema: { type: 'object', required: ['amount'], properties: { amount: { type: 'string', title: 'Amount' } } },
};
const details = [{ type: 'payment_initiation', amount: '123.50' }];
const authorization_details = JSON.stringify(details);

describe('rich authorization requests that do not come by a browser (RFC 9396)', () => {
  let server: TestServer;
  let email: string;
  let api: Party;

  beforeAll(async () => {
    server = await startServer();
    ({ email } = await makePerson(server));
    api = await makeClient(server, { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] });
    await server.inside(({ resources }) =>
      resources.create({
        identifier: resource,
        name: 'Acme Bank',
        scopes: [{ name: 'accounts' }],
        authorization_details_types: [type],
        introspection_clients: [api.clientId],
      } as never),
    );
    await until('the type is known', async () => {
      const answer = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
      return 'authorization_details_types_supported' in ((await answer.json()) as object);
    });
  }, 180_000);
  afterAll(() => server?.close());

  it.each(['opaque', 'jwt'] as const)(
    'an %s token tells them to its client and to its resource alone (§9.2)',
    async (format) => {
      await server.inside(async ({ db, resources }) => {
        const [{ id }] = await db.manager.query('SELECT id FROM resources WHERE identifier = $1', [resource]);
        await resources.update(await resources.find(id), { access_token_format: format });
      });
      const party = await makeClient(server);
      const { access_token } = await tokensFor(server, party, email, { authorization_details, resource });
      const told = async (by: Party) => (await introspect(server, by, String(access_token))).body;
      for (const one of [party, api])
        expect(await told(one)).toMatchObject({ active: true, authorization_details: details });
      const stranger = await told(await makeClient(server));
      expect([stranger.active, stranger.authorization_details]).toEqual([true, undefined]);
    },
  );

  it('pushed ones are shown and granted as others (RFC 9126)', async () => {
    const party = await makeClient(server);
    const proof = pkce();
    const request = authorizationUrl(server, party, proof, { authorization_details });
    const pushed = await post(server, '/par', party, Object.fromEntries(new URL(request).searchParams));
    expect(pushed.status).toBe(201);
    const { request_uri = '' } = pushed.body;
    const url = `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri })}`;
    const { body } = await redeem(server, party, codeOf(await signIn(new Browser(), url, email)), proof);
    expect(body.authorization_details).toEqual(details);
  });

  it('those of a device are shown on the page where the person agrees (RFC 8628)', async () => {
    const tv = await makeDeviceClient(server);
    const browser = new Browser();
    const asked = await askForCodes(server, tv, { authorization_details });
    expect(asked.status).toBe(200);
    const comparison = await typeCode(browser, server, String(asked.body.user_code));
    const consent = await toConsent(browser, comparison, email);
    expect(consent.html).toContain('Make a payment');
    expect(consent.html).toContain('123.50');
    await browser.submit(consent, { decision: 'allow' });
    const { status, body } = await poll(server, tv, String(asked.body.device_code));
    expect([status, body.authorization_details]).toEqual([200, details]);
    // What was agreed to for one code is nothing for the next.
    const plain = await askForCodes(server, tv, { resource, scope: 'openid accounts' });
    await approve(browser, await typeCode(browser, server, String(plain.body.user_code)), email);
    expect((await poll(server, tv, String(plain.body.device_code))).body.authorization_details).toBeUndefined();
  });

  it('where there is no page to show them, they are refused (OpenID Connect CIBA)', async () => {
    const bank = await makeClient(server, {
      redirect_uris: [],
      response_types: [],
      grant_types: ['urn:openid:params:grant-type:ciba'],
      backchannel_token_delivery_mode: 'poll',
    });
    const form = { scope: 'openid', login_hint: email, authorization_details, resource };
    const { status, body } = await post(server, '/backchannel', bank, form);
    expect([status, body.error]).toEqual([400, 'invalid_authorization_details']);
  });
});
