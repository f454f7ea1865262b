import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../../support/browser.js';
import { giveNameAndPassword, nameOf } from '../../support/journey.js';
import { until } from '../../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  type Pkce,
  pkce,
  post,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const bank = 'https://api.bank.example';
const files = 'https://api.files.example';

const payment = {
  type: 'payment_initiation',
  description: 'Make a payment',
  schema: {
    type: 'object',
    required: ['instructedAmount', 'creditorName'],
    properties: {
      actions: { type: 'array', items: { type: 'string', enum: ['initiate', 'status', 'cancel'] } },
      instructedAmount: {
        type: 'object',
        title: 'Amount',
        required: ['currency', 'amount'],
        properties: { currency: { type: 'string' }, amount: { type: 'string' } },
      },
      creditorName: { type: 'string', title: 'To' },
    },
  },
};
const folder = {
  type: 'https://files.example/folder',
  description: 'Read a folder',
  schema: { type: 'object', required: ['folder'], properties: { folder: { type: 'string' } } },
};

const toMerchant = {
  type: 'payment_initiation',
  actions: ['initiate', 'status'],
  instructedAmount: { currency: 'EUR', amount: '123.50' },
  creditorName: 'Merchant <b>A</b>',
};
const ofPhotos = { type: 'https://files.example/folder', folder: 'photos' };

describe('rich authorization requests (RFC 9396)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  const discovery = async () =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;

  beforeAll(async () => {
    server = await startServer();
    await server.inside(async ({ resources }) => {
      await resources.create({
        identifier: bank,
        name: 'Acme Bank',
        scopes: [{ name: 'accounts' }],
        access_token_format: 'jwt',
        authorization_details_types: [payment],
      } as never);
      await resources.create({ identifier: files, name: 'Files', authorization_details_types: [folder] } as never);
      await resources.create({ identifier: 'https://plain.example', name: 'Plain', scopes: [{ name: 'plain' }] });
    });
    await until('the types are known', async () => 'authorization_details_types_supported' in (await discovery()));
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    party = await makeClient(server, {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      refresh_grace: 0,
    });
    email = (await makePerson(server)).email;
    browser = new Browser();
  });

  const asked = (details: unknown, more: Record<string, string> = {}) => ({
    authorization_details: typeof details === 'string' ? details : JSON.stringify(details),
    ...more,
  });
  const begin = (details: unknown, more: Record<string, string> = {}, proof = pkce()) =>
    browser.open(authorizationUrl(server, party, proof, asked(details, more)));
  const atConsent = async (details: unknown, more: Record<string, string> = {}, proof = pkce()): Promise<Page> => {
    const page = await begin(details, more, proof);
    return nameOf(page) === 'identifier' ? giveNameAndPassword(browser, page, email) : page;
  };
  const authorized = async (details: unknown, more: Record<string, string> = {}) => {
    const proof = pkce();
    const page = await atConsent(details, more, proof);
    expect(nameOf(page)).toBe('consent');
    return { code: codeOf(await browser.submit(page, { decision: 'allow' })), proof };
  };
  const redeem = ({ code, proof }: { code: string; proof: Pkce }, more: Record<string, string> = {}) =>
    post(server, '/token', party, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: party.redirectUri,
      code_verifier: proof.verifier,
      ...more,
    });
  const refresh = (token: unknown, more: Record<string, string> = {}) =>
    post(server, '/token', party, { grant_type: 'refresh_token', refresh_token: String(token), ...more });
  const inToken = async (token: unknown) => {
    const { body } = await introspect(server, party, String(token));
    return { aud: body.aud, details: body.authorization_details as unknown };
  };
  const refusalOf = ({ url }: Page) => new URL(url).searchParams.get('error');

  it('discovery names the types of all resources, and nothing where there are none (§10, RFC 8414 §3.2)', async () => {
    expect((await discovery()).authorization_details_types_supported).toEqual(
      expect.arrayContaining([payment.type, folder.type]),
    );
    await server.inside(({ tenants }) => tenants.create({ slug: 'bare', name: 'Bare' }));
    const bare = await fetch(`${server.issuer}/t/bare/.well-known/openid-configuration`);
    expect(await bare.json()).not.toHaveProperty('authorization_details_types_supported');
  });

  const wrong: [what: string, details: unknown][] = [
    ['no JSON', '[{'],
    ['no list', toMerchant],
    ['entries without a type', [{ folder: 'x' }]],
    ['an unknown type', [{ type: 'unknown' }]],
    ['a type named as something every object has', [{ type: 'constructor' }]],
    ['an unknown member', [{ ...toMerchant, debtorName: 'x' }]],
    ['a member of the wrong type', [{ ...toMerchant, creditorName: 7 }]],
    ['a value that is not listed', [{ ...toMerchant, actions: ['steal'] }]],
    ['a missing member', [{ type: payment.type, creditorName: 'x' }]],
    ['a right entry beside a wrong one', [toMerchant, { type: 'unknown' }]],
    ['a location of somebody else', [{ ...toMerchant, locations: ['https://plain.example'] }]],
    ['a location more', [{ ...toMerchant, locations: [bank, 'https://plain.example'] }]],
    ['more than anybody reads', Array.from({ length: 21 }, () => ofPhotos)],
    ['text that nobody sees', [{ ...toMerchant, creditorName: 'Merchant\u200b\u{e0041} A' }]],
    ['text that reads as something else', [{ ...toMerchant, creditorName: '\u202eA tnahcreM' }]],
  ];
  it.each(wrong)('%s: invalid_authorization_details at /authorize, /par and /token (§5)', async (_what, details) => {
    expect(refusalOf(await begin(details, { resource: bank }))).toBe('invalid_authorization_details');
    const request = Object.fromEntries(
      new URL(authorizationUrl(server, party, pkce(), asked(details, { resource: bank }))).searchParams,
    );
    const pushed = await post(server, '/par', party, request);
    expect([pushed.status, pushed.body.error]).toEqual([400, 'invalid_authorization_details']);
    const machine = await makeClient(server, {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      authorization_details_types: [payment.type, folder.type],
    });
    const form = asked(details, { grant_type: 'client_credentials', resource: bank });
    const token = await post(server, '/token', machine, form);
    expect([token.status, token.body.error]).toEqual([400, 'invalid_authorization_details']);
  });

  it('details of a resource that is not asked for are refused (§5)', async () => {
    const page = await begin([toMerchant], { resource: 'https://plain.example' });
    expect(refusalOf(page)).toBe('invalid_authorization_details');
  });

  it('are shown to the person in the words of the resource, every value, as text (§4)', async () => {
    const { html } = await atConsent([toMerchant, ofPhotos]);
    const text = html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    for (const words of [
      'Make a payment',
      'Acme Bank',
      'Amount',
      'EUR',
      '123.50',
      'initiate',
      'status',
      'Read a folder',
      'photos',
    ])
      expect(text).toContain(words);
    expect(html).toContain('Merchant &lt;b&gt;A&lt;/b&gt;');
  });

  it('what the person says no to is not granted (§7)', async () => {
    const end = await browser.submit(await atConsent([toMerchant]), { decision: 'deny' });
    expect(refusalOf(end)).toBe('access_denied');
  });

  it('are asked for each time, and never remembered: not as the same, not as more (§4)', async () => {
    codeOf(await browser.submit(await atConsent([toMerchant]), { decision: 'allow' }));
    expect(nameOf(await begin([toMerchant]))).toBe('consent');
    const silent = await begin([toMerchant], { prompt: 'none' });
    expect(refusalOf(silent)).toBe('consent_required');
    // Without details nothing is asked, and none are given.
    const proof = pkce();
    const page = await browser.open(authorizationUrl(server, party, proof, { resource: bank }));
    const { body } = await redeem({ code: codeOf(page), proof }, { resource: bank });
    expect(body.authorization_details).toBeUndefined();
    expect((await inToken(body.access_token)).details).toBeUndefined();
  });

  it('are asked for at a client that otherwise never asks', async () => {
    party = await makeClient(server, { consent_policy: 'implicit' });
    expect(nameOf(await atConsent([toMerchant]))).toBe('consent');
  });

  it('come with the answer, in the token and at introspection, for their resource alone (§7, §9.1, §9.2)', async () => {
    const given = await authorized([toMerchant, ofPhotos], { scope: 'openid' });
    const unnamed = await redeem(given);
    expect([unnamed.status, unnamed.body.error]).toEqual([400, 'invalid_target']);
    const { body } = await redeem(given, { resource: bank });
    expect(body.authorization_details).toEqual([toMerchant]);
    expect(decodeJwt(String(body.access_token)).authorization_details).toEqual([toMerchant]);
    expect(await inToken(body.access_token)).toEqual({ aud: bank, details: [toMerchant] });
    const next = await refresh(body.refresh_token, { resource: files });
    expect(next.body.authorization_details).toEqual([ofPhotos]);
    expect(await inToken(next.body.access_token)).toEqual({ aud: files, details: [ofPhotos] });
  });

  it('name the resource where nobody else does (RFC 8707 §2)', async () => {
    const { body } = await redeem(await authorized([toMerchant], { scope: 'openid' }));
    expect(await inToken(body.access_token)).toEqual({ aud: bank, details: [toMerchant] });
    const next = await refresh(body.refresh_token);
    expect(await inToken(next.body.access_token)).toEqual({ aud: bank, details: [toMerchant] });
  });

  it('a refresh token tells its client of all of them, and others of none (§9.2)', async () => {
    const { body } = await redeem(await authorized([toMerchant, ofPhotos]), { resource: bank });
    expect((await inToken(body.refresh_token)).details).toEqual([toMerchant, ofPhotos]);
    const stranger = await makeClient(server);
    const told = await introspect(server, stranger, String(body.refresh_token));
    expect(told.body.authorization_details).toBeUndefined();
  });

  describe('less at the token endpoint (§6)', () => {
    const status = { ...toMerchant, actions: ['status'] };

    it.each<[string, unknown[], unknown[]]>([
      ['some of them', [toMerchant, { ...toMerchant, creditorName: 'B' }], [toMerchant]],
      ['fewer actions of one', [toMerchant], [status]],
      ['its members in another order', [toMerchant], [Object.fromEntries(Object.entries(toMerchant).reverse())]],
    ])('%s, and all of them again at the next refresh', async (_what, granted, less) => {
      const { body } = await redeem(await authorized(granted), asked(less));
      expect(body.authorization_details).toEqual(less);
      expect((await inToken(body.access_token)).details).toEqual(less);
      const again = await refresh(body.refresh_token);
      expect(again.body.authorization_details).toEqual(granted);
      const narrow = await refresh(again.body.refresh_token, asked(less));
      expect(narrow.body.authorization_details).toEqual(less);
    });

    it.each<[string, unknown]>([
      ['another amount', [{ ...toMerchant, instructedAmount: { currency: 'EUR', amount: '124' } }]],
      ['more actions', [{ ...toMerchant, actions: ['initiate', 'status', 'cancel'] }]],
      ['no actions, which may mean all', [{ ...toMerchant, actions: [] }]],
      ['one more', [toMerchant, { ...toMerchant, creditorName: 'B' }]],
      ['the same one twice', [toMerchant, toMerchant]],
      ['two parts of one', [{ ...toMerchant, actions: ['initiate'] }, status]],
      ['one of another resource', [ofPhotos]],
      ['an unknown type', [{ type: 'unknown' }]],
    ])('never more: %s is refused, and burns nothing (§6.1)', async (_what, more) => {
      const given = await authorized([toMerchant]);
      const wider = await redeem(given, asked(more));
      expect([wider.status, wider.body.error]).toEqual([
        400,
        expect.stringMatching(/^invalid_(authorization_details|target)$/),
      ]);
      const { body } = await redeem(given);
      expect(body.authorization_details).toEqual([toMerchant]);
      const later = await refresh(body.refresh_token, asked(more));
      expect([later.status, later.body.error]).toEqual([
        400,
        expect.stringMatching(/^invalid_(authorization_details|target)$/),
      ]);
      expect((await refresh(body.refresh_token)).body.authorization_details).toEqual([toMerchant]);
    });
  });

  it('a repeated refresh that asks for other details is no repetition (RFC 6749 §6)', async () => {
    party = await makeClient(server, { refresh_grace: 60 });
    const { body } = await redeem(await authorized([toMerchant]));
    const first = await refresh(body.refresh_token);
    expect((await refresh(body.refresh_token)).body.access_token).toBe(first.body.access_token);
    const other = await refresh(body.refresh_token, asked([{ ...toMerchant, actions: ['status'] }]));
    expect([other.status, other.body.error]).toEqual([400, 'invalid_grant']);
  });

  describe('which client (§10)', () => {
    it('asks for types that it was given, where an administrator says which', async () => {
      party = await makeClient(server, { authorization_details_types: [folder.type] });
      expect(refusalOf(await begin([toMerchant], { resource: bank }))).toBe('invalid_authorization_details');
      expect(nameOf(await atConsent([ofPhotos]))).toBe('consent');
    });

    it('without a person gets what it was given only', async () => {
      const form = asked([toMerchant], { grant_type: 'client_credentials', resource: bank });
      const refused = await post(server, '/token', party, form);
      expect([refused.status, refused.body.error]).toEqual([400, 'invalid_authorization_details']);
      const machine = await makeClient(server, {
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        authorization_details_types: [payment.type],
      });
      const { status, body } = await post(server, '/token', machine, form);
      expect([status, body.authorization_details]).toEqual([200, [toMerchant]]);
      expect(decodeJwt(String(body.access_token))).toMatchObject({ aud: bank, authorization_details: [toMerchant] });
    });

    it('that registered itself asks for none, unless the resource is open to such', async () => {
      await server.inside(({ db }) =>
        db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [party.clientId]),
      );
      expect(refusalOf(await begin([toMerchant], { resource: bank }))).toBe('invalid_authorization_details');
    });
  });

  it('a type that its resource takes no longer is in no token any more', async () => {
    const passing = { ...folder, type: 'passing' };
    const identifier = 'https://passing.example';
    const resource = await server.inside(({ resources }) =>
      resources.create({ identifier, name: 'Passing', authorization_details_types: [passing] } as never),
    );
    const has = async (there: boolean) =>
      until(
        'the engine was built anew',
        async () =>
          ((await discovery()).authorization_details_types_supported as string[]).includes('passing') === there,
      );
    await has(true);
    const { body } = await redeem(await authorized([{ type: 'passing', folder: 'x' }]));
    expect(body.authorization_details).toHaveLength(1);
    await server.inside(({ resources }) => resources.update(resource, { authorization_details_types: null }));
    await has(false);
    const next = await refresh(body.refresh_token, { resource: identifier });
    expect([next.status, next.body.authorization_details]).toEqual([200, undefined]);
    expect(refusalOf(await begin([{ type: 'passing', folder: 'x' }]))).toBe('invalid_authorization_details');
  });

  it('are no part of the record: it has their types alone', async () => {
    const given = await authorized([toMerchant]);
    await redeem(given);
    const events = (await server.inside(({ db }) =>
      db.manager.query(`SELECT data FROM audit_events WHERE data ->> 'client_id' = $1`, [party.clientId]),
    )) as { data: Record<string, unknown> }[];
    const recorded = JSON.stringify(events);
    expect(recorded).toContain('"authorization_details_types":["payment_initiation"]');
    expect(recorded).not.toContain('Merchant');
  });

  it('are stored sealed with codes and tokens (§12)', async () => {
    party = await makeClient(server);
    await server.inside(({ resources }) =>
      resources.create({
        identifier: 'https://opaque.example',
        name: 'Opaque',
        authorization_details_types: [payment],
      } as never),
    );
    const given = await authorized([toMerchant], { resource: 'https://opaque.example' });
    const { body } = await redeem(given);
    expect(body.authorization_details).toEqual([toMerchant]);
    const rows = (await server.inside(({ db }) =>
      db.manager.query('SELECT kind, engine_rows::text AS row FROM engine_rows WHERE client_id = $1', [party.clientId]),
    )) as { kind: string; row: string }[];
    expect(rows.map(({ kind }) => kind).sort()).toEqual(
      expect.arrayContaining(['AccessToken', 'AuthorizationCode', 'RefreshToken']),
    );
    expect(JSON.stringify(rows)).not.toContain('Merchant');
    expect((await refresh(body.refresh_token)).body.authorization_details).toEqual([toMerchant]);
  });
});
