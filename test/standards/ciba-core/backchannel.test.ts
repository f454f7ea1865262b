import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser, type Page, readForm } from '../../support/browser.js';
import { introspect, makeClient, makePerson, type Party, post, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const GRANT = 'urn:openid:params:grant-type:ciba';

describe('Client-Initiated Backchannel Authentication (OpenID Connect CIBA)', () => {
  let server: TestServer;
  let bank: Party;
  let person: { id: string; email: string };
  let phone: Browser;

  beforeAll(async () => {
    server = await startServer();
    bank = await makeBank();
    person = await makePerson(server);
    phone = new Browser();
    await signIn(phone, `${server.issuer}/account`, person.email);
  }, 180_000);
  afterAll(() => server?.close());

  const makeBank = (more: Record<string, unknown> = {}) =>
    makeClient(server, {
      client_name: 'Bank Counter',
      redirect_uris: [],
      response_types: [],
      grant_types: [GRANT, 'refresh_token'],
      backchannel_token_delivery_mode: 'poll',
      ...more,
    });
  const ask = (form: Record<string, string> = {}, party = bank) =>
    post(server, '/backchannel', party, { scope: 'openid email', login_hint: person.email, ...form });
  const asked = async (form: Record<string, string> = {}) => {
    const { status, body } = await ask(form);
    expect([status, body.error_description]).toEqual([200, undefined]);
    return String(body.auth_req_id);
  };
  const poll = (id: string, party = bank) => post(server, '/token', party, { grant_type: GRANT, auth_req_id: id });
  const answer = async (id: string, party = bank) => {
    const { status, body } = await poll(id, party);
    return [status, body.error ?? body.token_type];
  };
  /** The forms on the page of requests, the newest first. */
  const requests = () => phone.open(`${server.issuer}/account/requests`);
  const press = (page: Page, verb: 'approve' | 'deny', browser = phone) => {
    const forms = [...page.html.matchAll(/<form[^>]*action="([^"]*)"/g)].map(([, action = '']) => action);
    return browser.submit(
      page,
      {},
      forms.findIndex((action) => action.endsWith(`/requests/${verb}`)),
    );
  };

  it('§7.3 acknowledges with an id, its life and an interval; nothing of it may be kept', async () => {
    const { status, body, headers } = await ask({ requested_expiry: '120' });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({ auth_req_id: expect.stringMatching(/^[\w-]{40,}$/), expires_in: 120, interval: 5 });
  });

  it('§7.1.2 and §13 needs openid, one hint, a client that may, and a message that can be shown', async () => {
    expect((await ask({ scope: 'email' })).body.error).toBe('invalid_request');
    expect((await ask({ login_hint: '' })).body.error).toBe('invalid_request');
    expect((await ask({ id_token_hint: 'x' })).body.error).toBe('invalid_request');
    expect((await ask({ login_hint: 'nobody@example.com' })).body.error).toBe('unknown_user_id');
    expect((await ask({ binding_message: '<b>x</b>' })).body.error).toBe('invalid_binding_message');
    expect((await ask({ user_code: '1234' })).body.error).toBe('invalid_request');
    expect((await ask({}, await makeClient(server))).body.error).toBe('unauthorized_client');
    expect((await ask({}, { ...bank, clientSecret: 'wrong' })).body.error).toBe('invalid_client');
  });

  it('§10.1 the person compares the message, approves, and the client gets tokens of theirs, once', async () => {
    const id = await asked({ binding_message: 'Z-4711' });
    expect(await answer(id)).toEqual([400, 'authorization_pending']);
    const page = await requests();
    expect(page.html).toContain('Bank Counter');
    expect(page.html).toContain('Z-4711');
    await press(page, 'approve');
    const { status, body } = await poll(id);
    expect([status, body.scope]).toEqual([200, 'openid email']);
    const claims = JSON.parse(Buffer.from(String(body.id_token).split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ sub: person.id, aud: bank.clientId });
    expect(await answer(id)).toEqual([400, 'invalid_grant']);
  });

  it('§11 access_denied, where the person says no; deciding again changes nothing', async () => {
    const id = await asked();
    const page = await requests();
    await press(page, 'deny');
    expect((await press(page, 'approve')).status).toBe(409);
    expect(await answer(id)).toEqual([400, 'access_denied']);
  });

  it('§11 is nothing to another client', async () => {
    const id = await asked();
    expect(await answer(id, await makeBank())).toEqual([400, 'invalid_grant']);
    await press(await requests(), 'deny');
  });

  it('somebody else neither sees nor decides it', async () => {
    const id = await asked();
    const stranger = new Browser();
    const other = await makePerson(server);
    await signIn(stranger, `${server.issuer}/account`, other.email);
    expect((await stranger.open(`${server.issuer}/account/requests`)).html).not.toContain('Bank Counter');
    const request = new Map(readForm(await requests(), formOf(await requests(), 'approve')).values).get('request');
    const csrf = new Map(readForm(await stranger.open(`${server.issuer}/account/profile`)).values).get('csrf');
    const tried = await stranger.open(`${server.issuer}/account/requests/approve`, {
      method: 'POST',
      body: new URLSearchParams({ request: String(request), csrf: String(csrf) }),
      headers: { origin: new URL(server.issuer).origin },
    });
    expect(tried.status).toBe(404);
    expect(await answer(id)).toEqual([400, 'authorization_pending']);
    await press(await requests(), 'deny');
  });

  it('goes on without the browser that approved it, and ends with its grant', async () => {
    const id = await asked();
    await press(await requests(), 'approve');
    const { body } = await poll(id);
    const active = async () => (await introspect(server, bank, String(body.access_token))).body.active;
    await server.inside(({ ownSessions }) => ownSessions.endOthers(person.id, 'none'));
    expect(await active()).toBe(true);
    await server.inside(({ protocol }) => protocol.grants.endAll({ accountId: person.id }, 'revoked'));
    expect(await active()).toBe(false);
  });

  const formOf = (page: Page, verb: string) =>
    [...page.html.matchAll(/<form[^>]*action="([^"]*)"/g)].findIndex(([, action = '']) => action.endsWith(verb));
});
