import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../../config/protocol.js';
import { Browser, type Page, readForm } from '../../support/browser.js';
import { CIBA_GRANT, makeBank, press as pressAt } from '../../support/ciba.js';
import { introspect, makeClient, makePerson, type Party, post, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('Client-Initiated Backchannel Authentication (OpenID Connect CIBA)', () => {
  let server: TestServer;
  let bank: Party;
  let person: { id: string; email: string };
  let phone: Browser;

  beforeAll(async () => {
    const roomy = Object.fromEntries(Object.keys(limits).map((name) => [name, { points: 100_000, seconds: 60 }]));
    server = await startServer({
      overrides: { limits: { ...roomy, unknownHints: { points: 5, seconds: 3600 } } },
    });
    bank = await makeBank(server);
    person = await makePerson(server);
    phone = new Browser();
    await signIn(phone, `${server.issuer}/account`, person.email);
  }, 180_000);
  afterAll(() => server?.close());

  const ask = (form: Record<string, string> = {}, party = bank) =>
    post(server, '/backchannel', party, { scope: 'openid email', login_hint: person.email, ...form });
  const asked = async (form: Record<string, string> = {}) => {
    const { status, body } = await ask(form);
    expect([status, body.error_description]).toEqual([200, undefined]);
    return String(body.auth_req_id);
  };
  const poll = (id: string, party = bank) => post(server, '/token', party, { grant_type: CIBA_GRANT, auth_req_id: id });
  const answer = async (id: string, party = bank) => {
    const { status, body } = await poll(id, party);
    return [status, body.error ?? body.token_type];
  };
  /** The forms on the page of requests, the newest first. */
  const requests = () => phone.open(`${server.issuer}/account/requests`);
  const press = (page: Page, verb: 'approve' | 'deny', browser = phone) => pressAt(browser, page, verb);

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
    // Letters that nobody sees.
    expect((await ask({ binding_message: 'Z\u3164\u115f4711' })).body.error).toBe('invalid_binding_message');
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
    expect(await answer(id, await makeBank(server))).toEqual([400, 'invalid_grant']);
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

  it('claims asked for one by one are shown, and nothing is given that is not (OpenID Connect Core §5.5)', async () => {
    const claims = { userinfo: { address: null, phone_number: null, groups: null }, id_token: { auth_time: null } };
    const id = await asked({ scope: 'openid', claims: JSON.stringify(claims) });
    const page = await requests();
    const newest = page.html.slice(0, page.html.indexOf('/requests/approve'));
    expect(newest).toContain('See your postal address');
    expect(newest).toContain('See your phone number');
    expect(newest).not.toContain('See your e-mail address');
    await press(page, 'approve');
    expect((await poll(id)).status).toBe(200);
    const [grant] = await server.inside(({ db }) =>
      db.manager.query(
        `SELECT payload -> 'openid' AS openid FROM grants WHERE origin = 'ciba' ORDER BY created_at DESC`,
      ),
    );
    expect(grant.openid).toEqual({ scope: 'openid', claims: ['auth_time', 'address', 'phone_number'] });
  });

  it('a class that is asked for as an essential claim is asked for like one in acr_values (§7.1, OpenID Connect Core §5.5.1.1)', async () => {
    const acr = { essential: true, values: ['urn:ostiary:acr:phr'] };
    const id = await asked({ claims: JSON.stringify({ id_token: { acr } }) });
    const page = await requests();
    expect((await press(page, 'approve')).status).toBe(403);
    expect(await answer(id)).toEqual([400, 'authorization_pending']);
    await press(page, 'deny');
  });

  it('nobody is asked where no class of ours is the essential one (OpenID Connect Core §5.5.1.1)', async () => {
    const acr = { essential: true, values: ['urn:unknown'] };
    const { status, body } = await ask({ claims: JSON.stringify({ id_token: { acr } }) });
    expect([status, body.error]).toEqual([400, 'unmet_authentication_requirements']);
    const voluntary = JSON.stringify({ id_token: { acr: { values: ['urn:unknown'] } } });
    await press(
      await requests()
        .then(() => ask({ claims: voluntary }))
        .then(requests),
      'deny',
    );
  });

  it('who is asked is told where the application has added itself', async () => {
    const party = await makeBank(server);
    await server.inside(async ({ db, invalidation, tenants }) => {
      await db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [party.clientId]);
      await invalidation.publish('client', `${(await tenants.find('default')).id}:${party.clientId}`);
    });
    expect((await requests()).html).not.toContain('added itself');
    expect((await ask({}, party)).status).toBe(200);
    const page = await requests();
    expect(page.html).toContain('added itself');
    await press(page, 'deny');
  });

  it('nobody is asked for an address that they have not proved theirs: somebody else may have typed it (§7.1)', async () => {
    const party = await makeBank(server);
    const squatter = { email: 'victim@corp.example', email_verified: false };
    await server.inside(({ users }) => users.create(squatter as never));
    expect((await ask({ login_hint: squatter.email }, party)).body.error).toBe('unknown_user_id');
  });

  it('few hints of one client at nobody, then not even right ones tell it who has an account, twenty at once', async () => {
    const party = await makeBank(server);
    const tried = await Promise.all(
      Array.from({ length: 20 }, (_, number) => ask({ login_hint: `nobody-${number}@example.com` }, party)),
    );
    expect(tried.filter(({ body }) => body.error === 'unknown_user_id')).toHaveLength(5);
    for (const login_hint of [person.email, 'nobody@example.com'])
      expect((await ask({ login_hint }, party)).body.error).toBe('temporarily_unavailable');
    expect((await ask({}, await makeBank(server))).status).toBe(200);
    await press(await requests(), 'deny');
  });

  it('one client asks one person for few things at a time, and hides nothing that others ask', async () => {
    const party = await makeBank(server);
    const made = await Promise.all(Array.from({ length: 20 }, () => ask({}, party)));
    expect(made.filter(({ status }) => status === 200)).toHaveLength(5);
    for (const { status, body } of made) if (status !== 200) expect(body.error).toBe('temporarily_unavailable');
    const id = await asked();
    await press(await requests(), 'deny');
    expect(await answer(id)).toEqual([400, 'access_denied']);
    for (let left = 5; left > 0; left -= 1) await press(await requests(), 'deny');
    expect((await ask({}, party)).status).toBe(200);
    await press(await requests(), 'deny');
  });

  describe('what an intruder has approved', () => {
    let owner: { id: string; email: string };
    let browser: Browser;

    beforeAll(async () => {
      owner = await makePerson(server);
      browser = new Browser();
      await signIn(browser, `${server.issuer}/account`, owner.email);
    });

    const page = () => browser.open(`${server.issuer}/account/requests`);

    it('is nothing any more, once the factors of the account are taken away', async () => {
      const id = await asked({ login_hint: owner.email, scope: 'openid offline_access' });
      await press(await page(), 'approve', browser);
      const { body } = await poll(id);
      const active = async () => (await introspect(server, bank, String(body.access_token))).body.active;
      expect(await active()).toBe(true);
      await server.inside(async ({ secondFactors, users }) => secondFactors.removeAll(await users.find(owner.id)));
      expect(await active()).toBe(false);
      await signIn(browser, `${server.issuer}/account`, owner.email);
    });

    it('is not given in a session that its owner is ending at that moment', async () => {
      const id = await asked({ login_hint: owner.email });
      const before = await page();
      let pressed: Promise<Page> | undefined;
      await server.inside(({ db, ownSessions }) =>
        db.transaction(async () => {
          await db.manager.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [owner.id]);
          pressed = press(before, 'approve', browser);
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          await ownSessions.endOthers(owner.id, 'none');
        }),
      );
      await pressed;
      expect(await answer(id)).toEqual([400, 'authorization_pending']);
    });
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
