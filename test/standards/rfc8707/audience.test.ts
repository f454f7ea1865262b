import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../../support/browser.js';
import { CIBA_GRANT } from '../../support/ciba.js';
import { askForCodes, DEVICE_GRANT, toConsent, typeCode } from '../../support/device.js';
import { nameOf } from '../../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const bank = 'https://bank.example/mcp';
const plain = 'https://plain.example';
const open = 'https://open.example';
const all = ['authorization_code', 'refresh_token', 'client_credentials', DEVICE_GRANT, CIBA_GRANT];

describe('a token is worth something at its audience, also without a scope (RFC 8707 §2, §3)', () => {
  let server: TestServer;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    ({ email } = await makePerson(server));
    await server.inside(async ({ resources }) => {
      await resources.create({
        identifier: bank,
        name: 'Acme Bank',
        scopes: [{ name: 'accounts' }, { name: 'cards' }],
        access_token_format: 'jwt',
      });
      await resources.create({ identifier: plain, name: 'Plain Paper' });
      await resources.create({ identifier: open, name: 'Open House', dynamic_clients: true });
    });
  }, 180_000);
  afterAll(() => server?.close());

  const asks = { grant_types: all, backchannel_token_delivery_mode: 'poll' };
  const asIfItRegisteredItself = ({ clientId }: Party) =>
    server.inside(({ db }) =>
      db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [clientId]).then(() => undefined),
    );
  const request = (party: Party, resource: string, more: Record<string, string> = {}) =>
    authorizationUrl(server, party, pkce(), { scope: 'openid', resource, ...more });
  const errorOf = ({ url }: Page) => new URL(url).searchParams.get('error');

  /** Every door at which a resource is named. */
  async function answers(party: Party, resource: string): Promise<(string | null | undefined)[]> {
    const url = request(party, resource);
    const asked = { scope: 'openid', resource };
    const [pushed, device, backchannel, machine] = await Promise.all([
      post(server, '/par', party, Object.fromEntries(new URL(url).searchParams)),
      post(server, '/device_authorization', party, asked),
      post(server, '/backchannel', party, { ...asked, login_hint: email }),
      post(server, '/token', party, { grant_type: 'client_credentials', resource }),
    ]);
    const sent = await new Browser().open(url);
    return [errorOf(sent), ...[pushed, device, backchannel, machine].map(({ body }) => body.error)];
  }
  const nowhere = Array.from({ length: 5 }, () => 'invalid_target');

  it('is for no client that can be given nothing there, at no endpoint', async () => {
    expect(await answers(await makeClient(server, { ...asks, scope: 'openid' }), bank)).toEqual(nowhere);
    const registered = await makeClient(server, { ...asks, scope: 'openid' });
    await asIfItRegisteredItself(registered);
    expect(await answers(registered, bank)).toEqual(nowhere);
    expect(await answers(registered, plain)).toEqual(nowhere);
  });

  it('is for no client without a person that was given nothing there, whatever else it may ask for', async () => {
    const party = await makeClient(server, { ...asks });
    const machine = await post(server, '/token', party, { grant_type: 'client_credentials', resource: bank });
    expect([machine.status, machine.body.error]).toEqual([400, 'invalid_target']);
  });

  it('is for clients of an administrator where there are no scopes, and for those that registered themselves where it is open', async () => {
    const party = await makeClient(server, { ...asks, scope: 'openid' });
    const machine = await post(server, '/token', party, { grant_type: 'client_credentials', resource: plain });
    expect([machine.status, machine.body.scope]).toEqual([200, undefined]);
    await asIfItRegisteredItself(party);
    expect(codeOf(await signIn(new Browser(), request(party, open), email))).toEqual(expect.any(String));
  });

  describe('the person', () => {
    let party: Party;
    let browser: Browser;
    beforeEach(async () => {
      party = await makeClient(server, { ...asks, scope: 'openid accounts' });
      browser = new Browser();
      codeOf(await signIn(browser, authorizationUrl(server, party, pkce(), { scope: 'openid' }), email));
    });

    it('is shown each resource by its name, also one of which no scope is asked, and remembers it', async () => {
      expect(errorOf(await browser.open(request(party, bank, { prompt: 'none' })))).toBe('consent_required');
      const page = await browser.open(request(party, bank));
      expect([nameOf(page), page.html.includes('Acme Bank')]).toEqual(['consent', true]);
      codeOf(await browser.submit(page, { decision: 'allow' }));
      codeOf(await browser.open(request(party, bank, { prompt: 'none' })));
      expect((await browser.open(`${server.issuer}/account/applications`)).html).toContain('Acme Bank');
      // One that is new beside it.
      const url = new URL(request(party, bank));
      url.searchParams.append('resource', plain);
      const both = await browser.open(url.href);
      expect([nameOf(both), both.html.includes('Plain Paper')]).toEqual(['consent', true]);
      expect(errorOf(await browser.submit(both, { decision: 'deny' }))).toBe('access_denied');
      expect(errorOf(await browser.open(request(party, plain, { prompt: 'none' })))).toBe('consent_required');
    });

    it('is shown it where all that is asked there may be left unticked', async () => {
      const house = 'https://choices.example';
      await server.inside(({ resources }) =>
        resources.create({ identifier: house, name: 'Choices', scopes: [{ name: 'extra', optional: true }] }),
      );
      const own = await makeClient(server, { ...asks, scope: 'openid extra' });
      const page = await browser.open(request(own, house, { scope: 'openid extra' }));
      expect(page.html).toMatch(/type="checkbox"[^>]*value="extra https:/);
      expect(page.html).toMatch(/Use <b>(<bdi>)?Choices/);
    });

    it('is shown it where a device asks (RFC 8628)', async () => {
      const codes = await askForCodes(server, party, { scope: 'openid', resource: bank });
      const page = await toConsent(browser, await typeCode(browser, server, String(codes.body.user_code)), email);
      expect(page.html).toContain('Acme Bank');
    });

    it('is asked behind the scenes for scopes only, so that there has to be one (OpenID Connect CIBA)', async () => {
      const ask = (form: Record<string, string>) =>
        post(server, '/backchannel', party, { login_hint: email, resource: bank, ...form });
      expect((await ask({ scope: 'openid' })).body.error).toBe('invalid_target');
      expect((await ask({ scope: 'openid accounts' })).status).toBe(200);
      const both = await post(server, '/backchannel', party, [
        ['login_hint', email],
        ['scope', 'openid accounts'],
        ['resource', bank],
        ['resource', plain],
      ]);
      expect(both.body.error).toBe('invalid_target');
    });

    it('is not asked for the house’s own clients', async () => {
      const own = await makeClient(server, { scope: 'openid accounts', consent_policy: 'implicit' });
      codeOf(await browser.open(request(own, bank)));
    });
  });

  it('what is taken back is gone at the next refresh (RFC 6749 §6)', async () => {
    const party = await makeClient(server, { scope: 'openid accounts' });
    const proof = pkce();
    const url = authorizationUrl(server, party, proof, { scope: 'openid accounts', resource: bank });
    const { body } = await redeem(server, party, codeOf(await signIn(new Browser(), url, email)), proof);
    await server.inside(async ({ clients }) => {
      const client = await clients.find(party.clientId);
      await clients.update(client, { scope: 'openid' } as never);
    });
    const { status, body: refused } = await refresh(server, party, String(body.refresh_token), { resource: bank });
    expect([status, refused.error]).toEqual([400, 'invalid_target']);
    expect((await refresh(server, party, String(body.refresh_token))).status).toBe(200);
  });
});
