import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser, readForm } from '../support/browser.js';
import { CIBA_GRANT, makeBank, press } from '../support/ciba.js';
import { askForCodes, connect, DEVICE_GRANT, makeDeviceClient, typeCode } from '../support/device.js';
import {
  administrator,
  cookiesOf,
  crowd,
  isActive,
  type Manage,
  type Pair,
  redeemForm,
  rowLock,
  rowsOf,
  send,
  silently,
  startPair,
  whileHeld,
} from '../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  signIn,
  tokensFor,
} from '../support/party.js';
import { assertionOf, dpopKey, proofOf } from '../support/proofs.js';

describe('what is used once, used at two processes at once', () => {
  let house: Pair;
  let manage: Manage;

  beforeAll(async () => {
    house = await startPair();
    manage = await administrator(house);
  }, 180_000);
  afterAll(() => house?.close());

  const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).sort((a, b) => a - b);

  describe('a pushed authorization request (RFC 9126 §4)', () => {
    let party: Party;
    let cookie: string;
    beforeAll(async () => {
      party = await makeClient(house.server, { consent_policy: 'implicit' });
      const { email } = await makePerson(house.server);
      cookie = cookiesOf((await tokensFor(house.server, party, email)).browser);
    });

    async function push(): Promise<{ requestUri: string; proof: ReturnType<typeof pkce> }> {
      const proof = pkce();
      const params = new URL(authorizationUrl(house.server, party, proof, { prompt: 'none' })).searchParams;
      const { status, body } = await send(house, 0, '/par', party, Object.fromEntries(params));
      expect(status).toBe(201);
      return { requestUri: String(body.request_uri), proof };
    }

    const visit = async (index: number, requestUri: string) => {
      const query = new URLSearchParams({ client_id: party.clientId, request_uri: requestUri });
      const answer = await house.ask(index % 2, `/authorize?${query}`, { headers: { cookie } });
      const location = answer.headers.get('location');
      return location ? new URL(location, house.issuer).searchParams.get('code') : null;
    };

    async function expectOneCode(codes: (string | null)[], proof: ReturnType<typeof pkce>): Promise<void> {
      const [code, ...more] = codes.filter((one) => one !== null);
      expect(more).toEqual([]);
      const { status, body } = await send(house, 0, '/token', party, redeemForm(party, String(code), proof));
      expect(status).toBe(200);
      expect(await isActive(house, party, body.access_token, 1)).toBe(true);
    }

    it('gives one code of twenty visits to its request_uri', async () => {
      const { requestUri, proof } = await push();
      await expectOneCode(await crowd(20, (index) => visit(index, requestUri)), proof);
    });

    it('gives one code when all twenty have read it unused', async () => {
      const { requestUri, proof } = await push();
      // Everybody has found the request and asks for the grant next.
      const lock: [string] = ['LOCK TABLE grants IN ACCESS EXCLUSIVE MODE'];
      const codes = await whileHeld(house, lock, 10, () => crowd(20, (index) => visit(index, requestUri)));
      await expectOneCode(codes, proof);
    });
  });

  describe('the jti of a DPoP proof (RFC 9449 §11.1)', () => {
    const machine = () =>
      makeClient(house.server, { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] });

    it('buys one token of twenty requests with the same proof', async () => {
      const party = await machine();
      const dpop = await proofOf(await dpopKey(), { htm: 'POST', htu: `${house.issuer}/token` });
      const answers = await whileHeld(house, ['LOCK TABLE replays IN SHARE MODE'], 10, () =>
        crowd(20, (index) => send(house, index, '/token', party, { grant_type: 'client_credentials' }, { dpop })),
      );
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
    });

    it('buys a token once more with a proof of its own', async () => {
      const party = await machine();
      const key = await dpopKey();
      const answers = await crowd(20, async (index) =>
        send(
          house,
          index,
          '/token',
          party,
          { grant_type: 'client_credentials' },
          { dpop: await proofOf(key, { htm: 'POST', htu: `${house.issuer}/token` }) },
        ),
      );
      expect(statuses(answers)).toEqual(Array.from({ length: 20 }, () => 200));
    });

    it('opens userinfo once of twenty times (RFC 9449 §7.1)', async () => {
      const party = await makeClient(house.server, { consent_policy: 'implicit', dpop_bound_access_tokens: true });
      const { email } = await makePerson(house.server);
      const key = await dpopKey();
      const proof = pkce();
      const code = codeOf(await signIn(new Browser(), authorizationUrl(house.server, party, proof), email));
      const dpop = await proofOf(key, { htm: 'POST', htu: `${house.issuer}/token` });
      const { body } = await send(house, 0, '/token', party, redeemForm(party, code, proof), { dpop });
      const ath = createHash('sha256').update(String(body.access_token)).digest('base64url');
      const headers = {
        authorization: `DPoP ${body.access_token}`,
        dpop: await proofOf(key, { htm: 'GET', htu: `${house.issuer}/userinfo`, ath }),
      };
      const answers = await crowd(20, (index) => house.ask(index % 2, '/userinfo', { headers }));
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 401)]);
    });
  });

  describe('the jti of a client assertion (RFC 7523 §3)', () => {
    it('authenticates one of twenty requests', async () => {
      const key = await dpopKey();
      const party = await makeClient(house.server, {
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...key.jwk, alg: 'ES256', use: 'sig' }] },
      });
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertionOf(key, party.clientId, house.issuer),
      };
      const answers = await whileHeld(house, ['LOCK TABLE replays IN SHARE MODE'], 10, () =>
        crowd(20, (index) => send(house, index, '/token', party, form)),
      );
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 401)]);
      expect(answers.filter(({ body }) => body.error === 'invalid_client')).toHaveLength(19);

      const fresh = { ...form, client_assertion: await assertionOf(key, party.clientId, house.issuer) };
      expect((await send(house, 1, '/token', party, fresh)).status).toBe(200);
    });
  });

  describe('the jti of an assertion of a trusted issuer (RFC 7523 §3 no. 7)', () => {
    it('buys one token of twenty requests', async () => {
      const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
      const [key, issuer, resource] = [await dpopKey(), 'https://partner.example', 'https://stock.example/api'];
      const party = await makeClient(house.server, { redirect_uris: [], response_types: [], grant_types: [grantType] });
      const { id } = await makePerson(house.server);
      await house.server.inside(async ({ resources, trustedIssuers, externalSubjects }) => {
        await resources.create({ identifier: resource, name: 'Stock', scopes: [{ name: 'read' }] });
        const partner = await trustedIssuers.create({
          issuer,
          name: 'Partner',
          jwks: { keys: [{ ...key.jwk }] },
          clients: [party.clientId],
          resources: [resource],
          scopes: ['read'],
        });
        await externalSubjects.link(partner, { subject: issuer, user_id: id });
      });
      // Of itself, as far as it matters here.
      const form = { grant_type: grantType, assertion: await assertionOf(key, issuer, house.issuer) };
      const answers = await whileHeld(house, ['LOCK TABLE replays IN SHARE MODE'], 10, () =>
        crowd(20, (index) => send(house, index, '/token', party, form)),
      );
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
      expect(answers.filter(({ body }) => body.error === 'invalid_grant')).toHaveLength(19);
    });
  });

  describe('a link', () => {
    /** @returns what the form of a page sends, hidden fields included. */
    async function formOf(path: string): Promise<URLSearchParams> {
      const page = await house.ask(0, path);
      const url = `${house.issuer}${path}`;
      const html = await page.text();
      return new URLSearchParams(readForm({ url, status: page.status, headers: page.headers, html }).values);
    }

    const submit = (index: number, path: string, form: URLSearchParams, fields: Record<string, string>) =>
      house.ask(index % 2, path, {
        method: 'POST',
        headers: { origin: house.issuer },
        body: new URLSearchParams({ ...Object.fromEntries(form), ...fields }),
      });

    it('makes one first administrator of twenty', async () => {
      const link = new URL(await house.inside(({ setup }) => setup.issueLink(house.issuer)));
      const form = await formOf(`${link.pathname}${link.search}`);
      const password = 'a long and quiet passphrase';
      const answers = await crowd(20, (index) =>
        submit(index, '/setup', form, { username: `admin-${index}@example.com`, password }),
      );
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
      expect(await rowsOf(house, `SELECT 1 FROM users WHERE 'ADMIN' = ANY (roles)`)).toHaveLength(1);
      expect(await rowsOf(house, `SELECT 1 FROM clients WHERE name = 'Administration'`)).toHaveLength(1);
    });

    it('sets one password of twenty', async () => {
      const user = await makePerson(house.server);
      const data = { email: user.emailNormalized };
      const token = await house.inside(({ oneTimeTokens }) => oneTimeTokens.issue('password_reset', user.id, { data }));
      const form = await formOf(`/password?token=${token}`);
      const password = (index: number) => `a passphrase of its own, number ${index}`;
      const answers = await crowd(20, (index) => submit(index, '/password', form, { password: password(index) }));
      expect(statuses(answers)).toEqual([303, ...Array.from({ length: 19 }, () => 400)]);
      const winner = answers.findIndex(({ status }) => status === 303);
      const right = await house.inside(({ passwords }) =>
        Promise.all([winner, (winner + 1) % 20].map((index) => passwords.verify(user.email, password(index)))),
      );
      expect(right.map(({ outcome }) => outcome)).toEqual(['ok', 'failed']);
    });
  });

  it('an initial access token registers as many clients as it says, of fifty that ask (RFC 7591 §3)', async () => {
    const issued = await manage(0, 'POST', '/initial-access-tokens', { uses: 2 });
    expect(issued.status).toBe(201);
    const name = `Once ${randomUUID()}`;
    const answers = await crowd(50, (index) =>
      house.ask(index % 2, '/register', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${issued.body.initial_access_token}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ client_name: name, redirect_uris: ['https://rp.example/cb'] }),
      }),
    );
    expect(statuses(answers)).toEqual([201, 201, ...Array.from({ length: 48 }, () => 401)]);
    expect(await rowsOf(house, 'SELECT 1 FROM clients WHERE name = $1', name)).toHaveLength(2);
  });

  describe('the code of a device (RFC 8628 §3.3, §3.5)', () => {
    let tv: Party;
    beforeAll(async () => {
      tv = await makeDeviceClient(house.server);
    });
    const codes = async () => {
      const { body } = await askForCodes(house.server, tv);
      return { deviceCode: String(body.device_code), userCode: String(body.user_code) };
    };

    it('goes on in one of two browsers that have both read it unused', async () => {
      const { deviceCode, userCode } = await codes();
      const browsers = [new Browser(), new Browser()];
      const pages = await Promise.all(browsers.map((browser) => typeCode(browser, house.server, userCode)));
      const confirm = (index: number) =>
        (browsers[index] as Browser).submit(pages[index] as (typeof pages)[number], { confirm: 'yes' });
      const next = await whileHeld(house, rowLock('DeviceCode', deviceCode), 2, () => crowd(2, confirm));
      expect(statuses(next)).toEqual([200, 400]);
      expect(next.filter(({ url }) => url.includes('/interaction/'))).toHaveLength(1);
    });

    it('is denied or taken up by who was first, never both', async () => {
      const { deviceCode, userCode } = await codes();
      const browsers = [new Browser(), new Browser()];
      const pages = await Promise.all(browsers.map((browser) => typeCode(browser, house.server, userCode)));
      const decide = (index: number) =>
        (browsers[index] as Browser).submit(
          pages[index] as (typeof pages)[number],
          index === 0 ? { confirm: 'yes' } : { abort: 'yes' },
        );
      const next = await whileHeld(house, rowLock('DeviceCode', deviceCode), 2, () => crowd(2, decide));
      expect(statuses(next)).toEqual([200, 400]);
    });

    it('is exchanged once of fifty polls', async () => {
      const { email } = await makePerson(house.server);
      const { deviceCode } = await connect(house.server, tv, email);
      const form = { grant_type: DEVICE_GRANT, device_code: deviceCode };
      const answers = await crowd(50, (index) => send(house, index, '/token', tv, form));
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 49 }, () => 400)]);
    });
  });

  it('a backchannel authentication request is exchanged once of fifty polls (OpenID Connect CIBA §11)', async () => {
    const bank = await makeBank(house.server);
    const { email } = await makePerson(house.server);
    const phone = new Browser();
    await signIn(phone, `${house.server.issuer}/account`, email);
    const { body } = await send(house, 0, '/backchannel', bank, { scope: 'openid', login_hint: email });
    await press(phone, await phone.open(`${house.server.issuer}/account/requests`), 'approve');
    const form = { grant_type: CIBA_GRANT, auth_req_id: String(body.auth_req_id) };
    const answers = await crowd(50, (index) => send(house, index, '/token', bank, form));
    expect(statuses(answers)).toEqual([200, ...Array.from({ length: 49 }, () => 400)]);
  });

  describe('the management API', () => {
    it('registers an e-mail address once of twenty times, however it is written', async () => {
      const name = randomUUID();
      const answers = await crowd(20, (index) =>
        manage(index, 'POST', '/users', { email: `${index % 4 < 2 ? name : name.toUpperCase()}@Example.com` }),
      );
      expect(statuses(answers)).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    });

    it('creates one client of twenty requests with the same Idempotency-Key, and every repetition gets it', async () => {
      const headers = { 'idempotency-key': `"${randomUUID()}"` };
      const name = `Once ${randomUUID()}`;
      const client = {
        client_name: name,
        redirect_uris: ['https://rp.example/cb'],
        grant_types: ['authorization_code'],
      };
      const create = (index: number) => manage(index, 'POST', '/clients', client, headers);
      const answers = await crowd(20, create);
      const repeated = [await create(0), await create(1)];
      // While the first is in progress the others are asked to come again (draft-ietf-httpapi-idempotency-key-header §2.7).
      expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
      const created = [...answers.filter(({ status }) => status === 201), ...repeated];
      expect(new Set(created.map(({ body }) => `${body.client_id} ${body.client_secret}`)).size).toBe(1);
      expect(await rowsOf(house, 'SELECT 1 FROM clients WHERE name = $1', name)).toHaveLength(1);
    });
  });

  it('a code is not lost to a silent authorization beside it (OpenID Connect Core §3.1.2.1)', async () => {
    const party = await makeClient(house.server, { consent_policy: 'implicit' });
    const { email } = await makePerson(house.server);
    const cookie = cookiesOf((await tokensFor(house.server, party, email)).browser);
    const codes = await crowd(10, (index) => silently(house, index, party, cookie));
    const answers = await crowd(10, (index) => {
      const { code, proof } = codes[index] as Awaited<ReturnType<typeof silently>>;
      return send(house, index + 1, '/token', party, redeemForm(party, String(code), proof));
    });
    expect(statuses(answers)).toEqual(Array.from({ length: 10 }, () => 200));
  });
});
