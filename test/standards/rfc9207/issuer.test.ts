import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { withContext } from '../../../src/platform/context.js';
import { Browser, type Page, readForm } from '../../support/browser.js';
import { nameOf } from '../../support/journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

type Answer = Record<string, unknown>;

/** By response mode: what the client is told. */
const modes: Record<string, (page: Page) => Answer> = {
  query: ({ url }) => Object.fromEntries(new URL(url).searchParams),
  fragment: ({ url }) => Object.fromEntries(new URLSearchParams(new URL(url).hash.slice(1))),
  form_post: (page) => Object.fromEntries(readForm(page).values),
  'query.jwt': ({ url }) => decodeJwt(new URL(url).searchParams.get('response') ?? ''),
  'fragment.jwt': ({ url }) => decodeJwt(new URLSearchParams(new URL(url).hash.slice(1)).get('response') ?? ''),
  'form_post.jwt': (page) => decodeJwt(Object.fromEntries(readForm(page).values).response ?? ''),
};

describe('every authorization response says who answers (RFC 9207 §2)', () => {
  let server: TestServer;
  let party: Party;
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    await signIn(browser, authorizationUrl(server, party, pkce()), (await makePerson(server)).email);
  }, 180_000);
  afterAll(() => server?.close());

  const open = (more: Record<string, string>, who = browser) => who.open(authorizationUrl(server, party, pkce(), more));

  it.each(Object.entries(modes))('response_mode %s: a code, and a refusal', async (response_mode, read) => {
    const given = read(await open({ response_mode }));
    expect(given).toMatchObject({ code: expect.any(String), iss: server.issuer });
    const refused = read(await open({ response_mode, prompt: 'none' }, new Browser()));
    expect(refused).toMatchObject({ error: 'login_required', iss: server.issuer });
    expect(refused).not.toHaveProperty('code');
  });

  const refusals: [string, Record<string, string>][] = [
    ['invalid_request', { code_challenge: '' }],
    ['unsupported_response_type', { response_type: 'token', response_mode: 'fragment' }],
    ['invalid_scope', { scope: 'no"scope' }],
    ['invalid_target', { resource: 'https://nobody.example/' }],
    ['request_uri_not_supported', { request_uri: 'https://rp.example/request' }],
  ];
  it.each(refusals)('the refusal %s', async (error, more) => {
    expect(modes[more.response_mode ?? 'query']?.(await open(more))).toMatchObject({ error, iss: server.issuer });
  });

  it('a person who says no', async () => {
    const other = new Browser();
    const asking = await makeClient(server);
    let page = await other.open(authorizationUrl(server, asking, pkce()));
    const { email } = await makePerson(server);
    while (nameOf(page) !== 'consent')
      page = await other.submit(page, { username: email, password: 'correct horse battery staple' });
    page = await other.submit(page, { decision: 'deny' });
    expect(modes.query?.(page)).toMatchObject({ error: 'access_denied', iss: server.issuer });
  });

  it('it is the issuer of the metadata, which says so, and each tenant’s own (§2.4, §3)', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'acme', name: 'Acme' }));
    const issuer = `${server.issuer}/t/acme`;
    const metadata = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Answer;
    expect(metadata).toMatchObject({ issuer, authorization_response_iss_parameter_supported: true });
    const { client } = await server.services.db.reading(() =>
      withContext({ tenantId: tenant.id }, () =>
        server.services.clients.create({ client_name: 'Theirs', redirect_uris: [party.redirectUri] } as never),
      ),
    );
    const url = authorizationUrl({ ...server, issuer }, { ...party, clientId: client.clientId }, pkce(), {
      prompt: 'none',
    });
    expect(modes.query?.(await new Browser().open(url))).toMatchObject({ error: 'login_required', iss: issuer });
  });
});
