import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../../support/browser.js';
import { giveNameAndPassword, nameOf } from '../../support/journey.js';
import { until } from '../../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  type Pkce,
  pkce,
  redeem,
  refresh,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const bank = 'https://api.bank.example';
const sandbox = 'https://sandbox.example';

const schema = (members: Record<string, unknown>) => ({
  type: 'object',
  required: ['amount'],
  properties: { amount: { type: 'string' }, ...members },
});
const text = { type: 'string' };
const payment = (members: Record<string, unknown> = { memo: text }) => [
  { type: 'payment', description: 'Make a payment', schema: schema(members) },
];
const tenner = { type: 'payment', amount: '10.00', memo: 'for bread' };

describe('authorization details that are no longer taken (RFC 9396 §5, §7)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    ({ email } = await makePerson(server));
    await server.inside(async ({ resources }) => {
      for (const [identifier, name] of [
        [bank, 'Acme Bank'],
        [sandbox, 'Sandbox'],
      ] as const)
        await resources.create({
          identifier,
          name,
          scopes: [{ name: 'accounts' }],
          dynamic_clients: identifier === sandbox,
          authorization_details_types: payment(),
        } as never);
    });
    await until('the type is known', async () => {
      const answer = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
      return 'authorization_details_types_supported' in ((await answer.json()) as object);
    });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await makeClient(server, { refresh_grace: 0, scope: 'openid accounts' });
    browser = new Browser();
    await change(bank, { authorization_details_types: payment(), dynamic_clients: false });
    await change(sandbox, { authorization_details_types: payment(), dynamic_clients: true });
  });

  const change = (identifier: string, patch: Record<string, unknown>) =>
    server.inside(async ({ resources, db }) => {
      const [{ id }] = (await db.manager.query('SELECT id FROM resources WHERE identifier = $1', [identifier])) as [
        { id: string },
      ];
      await resources.update(await resources.find(id), patch as never);
    });
  const asIfItRegisteredItself = async () => {
    await server.inside(async ({ clients, db }) => {
      await db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [party.clientId]);
      await clients.update(await clients.find(party.clientId), { scope: 'openid accounts' });
    });
  };
  const url = (proof: Pkce, resources: string[], details: unknown[]) => {
    const request = new URL(
      authorizationUrl(server, party, proof, {
        scope: 'openid accounts',
        authorization_details: JSON.stringify(details),
      }),
    );
    for (const one of resources) request.searchParams.append('resource', one);
    return request.href;
  };
  const atConsent = async (resources = [bank], proof = pkce(), details: unknown[] = [tenner]): Promise<Page> => {
    const page = await browser.open(url(proof, resources, details));
    return nameOf(page) === 'identifier' ? giveNameAndPassword(browser, page, email) : page;
  };
  const allow = async (page: Page, proof: Pkce, resource = bank) =>
    redeem(server, party, codeOf(await browser.submit(page, { decision: 'allow' })), proof, { resource });
  const agreed = async (resources = [bank]) => {
    const proof = pkce();
    const { body } = await allow(await atConsent(resources, proof), proof, resources[0]);
    expect(body.authorization_details).toEqual([tenner]);
    return String(body.refresh_token);
  };

  it('of two resources only that one gets them which is open to the client, and says so on the page (§4)', async () => {
    await asIfItRegisteredItself();
    const proof = pkce();
    const page = await atConsent([sandbox, bank], proof);
    expect(page.html.split('Make a payment')).toHaveLength(2);
    const { body } = await allow(page, proof);
    expect([body.scope, body.authorization_details]).toEqual(['accounts', undefined]);
    const next = await refresh(server, party, String(body.refresh_token), { resource: sandbox });
    expect(next.body.authorization_details).toEqual([tenner]);
  });

  it('of two resources only that one gets them which knows every member', async () => {
    await change(bank, { authorization_details_types: payment({}) });
    const proof = pkce();
    const page = await atConsent([sandbox, bank], proof);
    expect(page.html.split('for bread')).toHaveLength(2);
    const { body } = await allow(page, proof);
    expect(body.authorization_details).toBeUndefined();
  });

  it('a type that an administrator has taken from the client is gone at the next refresh', async () => {
    const token = await agreed();
    await server.inside(async ({ clients }) => {
      await clients.update(await clients.find(party.clientId), { authorization_details_types: ['account'] } as never);
    });
    const { status, body } = await refresh(server, party, token, { resource: bank });
    expect([status, body.authorization_details]).toEqual([200, undefined]);
  });

  it('so is one of a resource that is closed to such clients', async () => {
    await asIfItRegisteredItself();
    const token = await agreed([sandbox]);
    await change(sandbox, { dynamic_clients: false });
    const { status, body } = await refresh(server, party, token, { resource: sandbox });
    expect([status, body.authorization_details]).toEqual([200, undefined]);
  });

  it('and one that its type no longer allows', async () => {
    const token = await agreed();
    await change(bank, { authorization_details_types: payment({ memo: { ...text, enum: ['for cake'] } }) });
    const { status, body } = await refresh(server, party, token, { resource: bank });
    expect([status, body.authorization_details]).toEqual([200, undefined]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['a member is taken out', {}],
    ['a member becomes a list', { memo: { type: 'array', items: text } }],
  ])('what cannot be shown any more is not granted: %s while the page is open (§4)', async (_what, members) => {
    const proof = pkce();
    const page = await atConsent([bank], proof);
    await change(bank, { authorization_details_types: payment(members) });
    const shown = await browser.open(page.url);
    expect([shown.status, shown.html.includes('10.00')]).toEqual([200, false]);
    const { status, body } = await allow(page, proof);
    expect([status, body.authorization_details]).toEqual([200, undefined]);
  });

  it('a description says in plain characters, and shortly, what is wrong (RFC 6749 §4.1.2.1)', async () => {
    const unknown = `x"\\\u00e9\n${'y'.repeat(3000)}`;
    const page = await browser.open(url(pkce(), [bank], [{ ...tenner, [unknown]: 'x' }]));
    const { searchParams } = new URL(page.url);
    expect(searchParams.get('error')).toBe('invalid_authorization_details');
    expect(searchParams.get('error_description')).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,400}$/);
  });
});
