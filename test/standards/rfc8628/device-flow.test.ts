import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProtocolRequest } from '../../../src/features/protocol/request.js';
import { withContext } from '../../../src/platform/context.js';
import { Browser, readForm } from '../../support/browser.js';
import {
  approve,
  askForCodes,
  connect,
  DEVICE_GRANT,
  makeDeviceClient,
  poll,
  toConsent,
  typeCode,
} from '../../support/device.js';
import { send } from '../../support/journey.js';
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
  refresh,
  signIn,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('device authorization grant (RFC 8628)', () => {
  let server: TestServer;
  let tv: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    tv = await makeDeviceClient(server);
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const codes = async (party = tv) => {
    const { status, body } = await askForCodes(server, party);
    expect([status, body.error]).toEqual([200, undefined]);
    return { deviceCode: String(body.device_code), userCode: String(body.user_code) };
  };
  const answer = async (deviceCode: string, party = tv) => {
    const { status, body } = await poll(server, party, deviceCode);
    return [status, body.error ?? body.token_type];
  };
  const pending = [400, 'authorization_pending'];

  describe('the device asks for codes', () => {
    it('§3.2 is told both codes, where to go, how long they are good and how often to ask', async () => {
      const { status, body, headers } = await askForCodes(server, tv);
      expect(status).toBe(200);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(body).toEqual({
        device_code: expect.stringMatching(/^[\w-]{40,}$/),
        user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
        verification_uri: `${server.issuer}/device`,
        verification_uri_complete: `${server.issuer}/device?user_code=${body.user_code}`,
        expires_in: 600,
        interval: 5,
      });
    });

    it('§3.1 authenticates as at the token endpoint, and a public client says who it is', async () => {
      expect(await askForCodes(server, { ...tv, clientSecret: 'wrong' })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
      const open = await makeDeviceClient(server, { token_endpoint_auth_method: 'none', application_type: 'native' });
      const response = await fetch(`${server.issuer}/device_authorization`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: open.clientId, scope: 'openid' }),
      });
      expect(response.status).toBe(200);
    });

    it('§3.1 is refused to a client that has not registered the grant type', async () => {
      const other = await makeClient(server);
      expect(await askForCodes(server, other)).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    });
  });

  describe('somebody types the code', () => {
    it('§3.3 compares it, signs in and agrees; the device gets tokens of that person', async () => {
      const { deviceCode, userCode } = await codes();
      const browser = new Browser();
      const comparison = await typeCode(browser, server, userCode);
      expect(comparison.html).toContain('Living Room TV');
      expect(comparison.html).toContain(`id="device-code" dir="ltr">${userCode}<`);
      expect(await answer(deviceCode)).toEqual(pending);
      const end = await approve(browser, comparison, email);
      expect(end.html).toContain('Your device is connected');
      const { status, body } = await poll(server, tv, deviceCode);
      expect([status, body.token_type, body.scope]).toEqual([200, 'Bearer', 'openid email']);
      const claims = await (
        await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${body.access_token}` } })
      ).json();
      expect(claims).toMatchObject({ email });
    });

    it('§6.1 in small letters, with or without the dash', async () => {
      const { userCode } = await codes();
      for (const typed of [userCode.toLowerCase(), userCode.replace('-', ''), ` ${userCode.replace('-', ' ')} `])
        expect((await typeCode(new Browser(), server, typed)).html).toContain('id="device-confirm"');
    });

    it('§3.3.1 a link with the code in it does nothing by itself: the code is shown, to be sent and compared', async () => {
      const { body } = await askForCodes(server, tv);
      const browser = new Browser();
      const page = await browser.open(String(body.verification_uri_complete));
      expect([page.status, page.html.includes('<script>')]).toEqual([200, false]);
      expect(new Map(readForm(page).values).get('user_code')).toBe(body.user_code);
      const unknown = await browser.open(`${server.issuer}/device?user_code=BBBB-BBBB`);
      expect([unknown.status, unknown.html.includes('BBBB-BBBB')]).toEqual([200, true]);
      // The form of the first tab is out of date by then; what was typed stays.
      const again = await browser.submit(page, {});
      expect([again.status, new Map(readForm(again).values).get('user_code')]).toEqual([400, body.user_code]);
      expect((await browser.submit(again, {})).html).toContain('id="device-confirm"');
      expect(await answer(String(body.device_code))).toEqual(pending);
    });

    it('§5.4 is warned of codes that somebody has sent', async () => {
      const { userCode } = await codes();
      expect((await typeCode(new Browser(), server, userCode)).html).toContain('Did somebody send you this code?');
    });

    it('§5.4 takes no form of another site, nor one that no page of ours has made', async () => {
      const { deviceCode, userCode } = await codes();
      const browser = new Browser();
      const page = await typeCode(browser, server, userCode);
      const fields = { ...Object.fromEntries(readForm(page).values), confirm: 'yes' };
      const address = `${server.issuer}/device`;
      expect((await send(browser, address, fields, { origin: 'https://evil.example' })).status).toBe(403);
      expect((await send(browser, address, fields, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
      expect((await send(browser, address, { ...fields, xsrf: 'x' })).status).toBe(400);
      expect((await send(new Browser(), address, fields)).status).toBe(303);
      expect(await answer(deviceCode)).toEqual(pending);
    });

    it('§5.4 goes on only where the code was compared: a sign-in that is handed on goes nowhere', async () => {
      const { deviceCode, userCode } = await codes();
      const thief = new Browser();
      const begun = await thief.submit(await typeCode(thief, server, userCode), { confirm: 'yes' });
      expect(begun.html).toContain('name="username"');
      const victim = new Browser();
      for (const [key, cookie] of thief.cookies)
        if (!cookie.name.includes('_browser_')) victim.cookies.set(key, cookie);
      const shown = await victim.open(begun.url);
      expect([shown.status, shown.html.includes('name="username"')]).toEqual([400, false]);
      expect(await answer(deviceCode)).toEqual(pending);
    });

    it('says the same of a code that never was, was used, or is of another tenant', async () => {
      const used = await connect(server, tv, email);
      const tenant = await server.services.tenants.create({ slug: 'acme', name: 'Acme' });
      const issuer = server.services.tenants.issuerOf(tenant);
      const theirs = await withContext({ tenantId: tenant.id }, () =>
        makeDeviceClient({ ...server, inside: (work) => work(server.services) }),
      );
      const foreign = await askForCodes({ issuer }, theirs);
      expect(foreign.status).toBe(200);
      const said = async (code: string) => {
        const page = await typeCode(new Browser(), server, code);
        return [page.status, page.html.replace(/name="(xsrf|user_code)"[^>]*>/g, '').replace(/[\da-f-]{36}/g, '')];
      };
      const unknown = await said('BBBB-BBBB');
      expect(unknown[0]).toBe(400);
      expect(await said(used.userCode)).toEqual(unknown);
      expect(await said(String(foreign.body.user_code))).toEqual(unknown);
      const there = await typeCode(new Browser(), { issuer }, String(foreign.body.user_code));
      expect(there.html).toContain('id="device-confirm"');
    });

    it('§3.3 goes on in one browser only: of two that confirm, the second is told that the code is used', async () => {
      const { deviceCode, userCode } = await codes();
      const browsers = [new Browser(), new Browser()];
      const pages = await Promise.all(browsers.map((browser) => typeCode(browser, server, userCode)));
      const next = await Promise.all(
        browsers.map((browser, index) => browser.submit(pages[index] as never, { confirm: 'yes' })),
      );
      const went = next.filter(({ url }) => url.includes('/interaction/'));
      expect([went.length, next.filter(({ status }) => status === 400).length]).toEqual([1, 1]);
      expect(await answer(deviceCode)).toEqual(pending);
    });
  });

  describe('the device asks whether somebody has decided (§3.5)', () => {
    it('access_denied, where the person says that it is not their device, and where they do not agree', async () => {
      const first = await codes();
      const browser = new Browser();
      const comparison = await typeCode(browser, server, first.userCode);
      expect((await browser.submit(comparison, { abort: 'yes' })).html).toContain('was not connected');
      expect(await answer(first.deviceCode)).toEqual([400, 'access_denied']);

      const second = await codes();
      const { email: another } = await makePerson(server);
      const other = new Browser();
      const end = await approve(other, await typeCode(other, server, second.userCode), another, 'deny');
      expect(end.html).toContain('was not connected');
      expect(await answer(second.deviceCode)).toEqual([400, 'access_denied']);
    });

    it('expired_token, and nobody can type the code any more', async () => {
      const deviceCode = `${'e'.repeat(40)}xp`;
      const now = Math.floor(Date.now() / 1000);
      const payload = {
        kind: 'DeviceCode',
        jti: deviceCode,
        iat: now - 700,
        exp: now - 100,
        clientId: tv.clientId,
        userCode: 'XXXXZZZZ',
        params: { client_id: tv.clientId, scope: 'openid' },
        deviceInfo: {},
      };
      await server.inside(({ protocol }) =>
        protocol.rows.save(new ProtocolRequest(), { kind: 'DeviceCode', handle: deviceCode, payload }),
      );
      expect(await answer(deviceCode)).toEqual([400, 'expired_token']);
      expect((await typeCode(new Browser(), server, 'XXXX-ZZZZ')).status).toBe(400);
    });

    it('invalid_grant for another client, a code that is none, and one that was exchanged', async () => {
      const { deviceCode } = await connect(server, tv, email);
      const other = await makeDeviceClient(server);
      expect(await answer(deviceCode, other)).toEqual([400, 'invalid_grant']);
      expect(await answer('nonsense')).toEqual([400, 'invalid_grant']);
      expect(await answer(deviceCode)).toEqual([200, 'Bearer']);
      expect(await answer(deviceCode)).toEqual([400, 'invalid_grant']);
    });

    it('one of many polls at once gets tokens', async () => {
      const { deviceCode } = await connect(server, tv, email);
      const answers = await Promise.all(Array.from({ length: 20 }, () => answer(deviceCode)));
      expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
    });
  });

  describe('what ends it', () => {
    it.each(['the person', 'the client'])('%s is disabled between approval and poll', async (who) => {
      const party = await makeDeviceClient(server);
      const person = await makePerson(server);
      const { deviceCode } = await connect(server, party, person.email);
      await (who === 'the person' ? endPerson(person.id) : endClient(party));
      const { status, body } = await poll(server, party, deviceCode);
      expect([400, 401]).toContain(status);
      expect(body.access_token).toBeUndefined();
    });

    it('goes on when the browser that approved it signs out; the end of the grant ends it', async () => {
      const party = await makeDeviceClient(server);
      const person = await makePerson(server);
      const { deviceCode, browser } = await connect(server, party, person.email);
      const { body } = await poll(server, party, deviceCode);
      const asked = await browser.open(`${server.issuer}/logout`);
      await browser.submit(asked, { logout: 'yes' });
      const renewed = await refresh(server, party, String(body.refresh_token));
      expect([renewed.status, renewed.body.error]).toEqual([200, undefined]);
      expect((await introspect(server, party, String(renewed.body.access_token))).body.active).toBe(true);
      await server.inside(({ protocol }) => protocol.grants.endAll({ accountId: person.id }, 'revoked'));
      expect((await introspect(server, party, String(renewed.body.access_token))).body.active).toBe(false);
      expect((await refresh(server, party, String(renewed.body.refresh_token))).body.error).toBe('invalid_grant');
    });
  });

  it('stands on a grant of its own, with what the device asked for: a code that comes twice ends that, and nothing of the browser', async () => {
    const party = await makeDeviceClient(server, {
      redirect_uris: ['https://rp.example/cb'],
      response_types: ['code'],
      grant_types: [DEVICE_GRANT, 'authorization_code', 'refresh_token'],
      scope: 'openid email profile',
    });
    const person = await makePerson(server);
    const browser = new Browser();
    const proof = pkce();
    const url = authorizationUrl(server, party, proof, { scope: 'openid email profile' });
    const code = codeOf(await signIn(browser, url, person.email));
    const own = (await redeem(server, party, code, proof)).body;
    const { deviceCode } = await connect(server, party, person.email, browser);
    const { body } = await poll(server, party, deviceCode);
    const active = () =>
      Promise.all(
        [own, body].map(
          async ({ access_token }) => (await introspect(server, party, String(access_token))).body.active,
        ),
      );
    expect(await active()).toEqual([true, true]);
    const [grant] = await server.inside(({ db }) =>
      db.manager.query(
        `SELECT session_uid, payload -> 'openid' ->> 'scope' AS scope FROM grants WHERE account_id = $1 AND origin = 'device'`,
        [person.id],
      ),
    );
    expect(grant).toEqual({ session_uid: null, scope: 'openid email' });
    expect((await poll(server, party, deviceCode)).body.error).toBe('invalid_grant');
    expect(await active()).toEqual([true, false]);
  });

  it('is not given what the person takes back at the moment in which they agree', async () => {
    const party = await makeDeviceClient(server);
    const person = await makePerson(server);
    const browser = new Browser();
    await signIn(browser, `${server.issuer}/account`, person.email);
    const { body } = await askForCodes(server, party);
    const page = await toConsent(browser, await typeCode(browser, server, String(body.user_code)), person.email);
    expect(page.html).toContain('consent-allow');
    let agreed: Promise<unknown> | undefined;
    await server.inside(({ db, ownGrants }) =>
      db.transaction(async () => {
        await db.manager.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [person.id]);
        agreed = browser.submit(page, { decision: 'allow' });
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        await ownGrants.revoke(person.id, party.clientId);
      }),
    );
    await agreed;
    expect((await poll(server, party, String(body.device_code))).status).toBe(400);
    const left = await server.inside(({ db }) =>
      db.manager.query('SELECT origin FROM grants WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL', [
        person.id,
        party.clientId,
      ]),
    );
    expect(left).toEqual([]);
  });

  const endPerson = (id: string) => server.inside(async ({ users }) => users.disable(await users.find(id)));
  const endClient = (party: Party) =>
    server.inside(async ({ clients }) => clients.disable(await clients.find(party.clientId)));

  it('is off where the tenant says so, there alone and at once; a client that may do more still does (RFC 8414 §2)', async () => {
    const tenant = await server.services.tenants.create({ slug: 'closed', name: 'Closed' });
    const issuer = server.services.tenants.issuerOf(tenant);
    const both = await withContext({ tenantId: tenant.id }, () =>
      makeDeviceClient(
        { ...server, inside: (work) => work(server.services) },
        { grant_types: [DEVICE_GRANT, 'client_credentials'] },
      ),
    );
    const discovery = async () =>
      (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
    expect((await askForCodes({ issuer }, both)).status).toBe(200);
    await server.services.tenants.update(tenant, { settings: { protocol: { device_flow: 'off' } } });
    await until('the engine was built anew', async () => !(await discovery()).device_authorization_endpoint);
    expect((await discovery()).grant_types_supported).not.toContain(DEVICE_GRANT);
    const gone = await fetch(`${issuer}/device_authorization`, { method: 'POST', body: new URLSearchParams() });
    expect([gone.status, (await fetch(`${issuer}/device`)).status]).toEqual([404, 404]);
    expect((await post({ issuer }, '/token', both, { grant_type: 'client_credentials' })).status).toBe(200);
    expect((await askForCodes(server, tv)).status).toBe(200);
  });

  it('the grant type is published (RFC 8414 §2)', async () => {
    const discovery = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<
      string,
      unknown
    >;
    expect(discovery.device_authorization_endpoint).toBe(`${server.issuer}/device_authorization`);
    expect(discovery.grant_types_supported).toContain(DEVICE_GRANT);
  });

  it('who decided is recorded', async () => {
    const events = await server.inside(({ db }) =>
      db.manager.query(`SELECT DISTINCT name FROM audit_events WHERE name LIKE 'device_code.%' ORDER BY 1`),
    );
    expect(events).toEqual([{ name: 'device_code.approved' }, { name: 'device_code.denied' }]);
  });
});
