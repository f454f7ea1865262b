import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import { ConnectionRefresh } from '../../src/features/connections/connection-refresh.js';
import {
  identityProviderOf,
  providerMetadataOf,
  sourceOf,
} from '../../src/features/connections/connection-upstream.js';
import { Identity } from '../../src/features/connections/identity.entity.js';
import { newId } from '../../src/platform/crypto.js';
import { EgressError } from '../../src/platform/egress.js';
import { readIdpMetadata } from '../../src/saml/gate-metadata.js';
import type { Services } from '../../src/services.js';
import { ask, tokenWith } from '../support/api.js';
import { CertificateMaker } from '../support/client-certificates.js';
import { MovedClock } from '../support/clock.js';
import { certificatesOf, newConnection, oidcSettings, samlSettings } from '../support/connection-settings.js';
import { until } from '../support/pair.js';
import { makePerson } from '../support/party.js';
import { HonestIdp } from '../support/saml/honest-idp.js';
import { samlKey } from '../support/saml/keys.js';
import { startServer, type TestServer } from '../support/server.js';

const metadata_url = 'https://idp.example/metadata';
const issuer = 'https://op.example';
const hour = 3600;

/** Nobody is found: what jobs of the server ask themselves fails alike. */
const nobody = (_host: string, _options: object, done: (error: null, found: never[]) => void) => done(null, []);

const unlimited = { consume: async () => {} };

const github = (subject: string) => ({
  oauth2: {
    client_id: 'us',
    subject,
    authorization_endpoint: 'https://api.example/authorize',
    token_endpoint: 'https://api.example/token',
    userinfo_endpoint: 'https://api.example/me',
  },
});

describe('what identity providers say of themselves', () => {
  const clock = new MovedClock();
  const maker = new CertificateMaker();
  const { expired } = certificatesOf(maker);
  const idp = new HonestIdp('https://idp.example', samlKey());
  const other = new HonestIdp('https://other.example', samlKey());
  const old = new HonestIdp('https://idp.example', { certificate: expired, privateKey: '' });
  const document = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: ['openid'],
  };
  let server: TestServer;
  let answer: () => Response;
  let asked: string[];
  let meanwhile: () => Promise<unknown>;

  beforeAll(async () => {
    const limits = { connectionReads: { points: 3, seconds: hour } };
    server = await startServer({ overrides: { clock, limits, egress: { lookup: nobody } } });
  }, 180_000);
  afterAll(async () => {
    maker.remove();
    await server?.close();
  });
  beforeEach(() => {
    clock.reset();
    asked = [];
    meanwhile = async () => {};
    says(idp.metadata());
  });

  const says = (body: unknown, status = 200) => {
    answer = () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
  };
  const egress = {
    async fetch(url: unknown) {
      asked.push(String(url));
      await meanwhile();
      return answer();
    },
  };
  const inside = <T>(work: (refresh: ConnectionRefresh, services: Services) => Promise<T>) =>
    server.inside((services) => {
      const { db, audit, jobs, identities } = services;
      const hooks = { isKnown: ({ id }: { id: string }) => identities.areOf(id) };
      const outbox = { enqueue: (task: string, payload: object) => jobs.enqueue(task, payload) };
      return work(new ConnectionRefresh(db, audit, clock, egress, readIdpMetadata, outbox, hooks, unlimited), services);
    });
  /** The server has asked by then, and reaches nobody. */
  async function make(kind: 'saml' | 'oidc', settings: object, more: object = {}): Promise<Connection> {
    const given = newConnection({ kind, settings: { [kind]: settings }, client_secret: undefined, ...more });
    const { id } = await inside((_refresh, { connections }) => connections.create(null, given as never));
    const find = () => inside((_refresh, { connections }) => connections.find(null, id));
    const made = await find();
    if (sourceOf(made)) await until('the server has asked', async () => (await find()).upstreamAt !== null, 10_000);
    return find();
  }
  const saml = () => make('saml', { metadata_url });
  const oidc = () => make('oidc', { issuer, client_id: 'us' }, { client_secret: 'x' });
  const refresh = (connection: Connection) => inside((one) => one.refresh(connection));
  const current = ({ id }: Connection) => inside((_refresh, { connections }) => connections.find(null, id));
  const update = (connection: Connection, patch: object) =>
    inside((_refresh, { connections }) => connections.update(null, connection, patch as never));
  const enable = (connection: Connection) =>
    inside((_refresh, { connections }) => connections.enable(null, connection));
  /** Of what was read, without what becomes of it later. */
  const eventsOf = async ({ id }: Connection): Promise<string[]> =>
    (
      await server.services.db.manager.query(
        `SELECT name || coalesce(' ' || (data ->> 'reason'), '') AS name FROM audit_events
          WHERE data ->> 'connection_id' = $1 AND name LIKE '%metadata%' ORDER BY id`,
        [id],
      )
    ).map(({ name }: { name: string }) => name);
  const known = async ({ id }: Connection) => {
    const { id: userId } = await makePerson(server);
    const now = clock.now();
    const row = Object.assign(new Identity(), {
      id: newId(),
      connectionId: id,
      subject: 'maria',
      userId,
      createdAt: now,
      lastUsedAt: now,
    });
    await inside((_refresh, { db }) => db.repo(Identity).insert(row));
  };
  const idpNow = async (connection: Connection) => identityProviderOf(await current(connection));

  it('is read from where it is, and lets people in', async () => {
    const connection = await saml();
    await expect(enable(connection)).rejects.toMatchObject({ code: 'connection_incomplete' });
    const read = await refresh(connection);
    expect(asked).toEqual([metadata_url]);
    expect([read.upstreamError, read.upstreamAt]).toEqual([null, expect.any(Date)]);
    expect(await idpNow(connection)).toMatchObject({
      entity_id: 'https://idp.example',
      sso: [{ binding: 'redirect' }, { binding: 'post' }],
      certificates: [expect.stringContaining('BEGIN CERTIFICATE')],
    });
    await refresh(connection);
    expect(await eventsOf(connection)).toContain('connection.metadata_refreshed');
    expect((await eventsOf(connection)).filter((name) => name === 'connection.metadata_refreshed')).toHaveLength(1);
    await enable(connection);
  });

  it('of an OpenID provider is read below its issuer, and only what is used of it is kept', async () => {
    says(document);
    const connection = await oidc();
    await refresh(connection);
    expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`]);
    const { issuer: _issuer, scopes_supported: _scopes, ...used } = document;
    expect(providerMetadataOf(await current(connection))).toEqual(used);
    await update(connection, { settings: { oidc: { metadata: { jwks_uri: 'https://keys.example/' } } } });
    expect(providerMetadataOf(await current(connection))).toEqual({ ...used, jwks_uri: 'https://keys.example/' });
  });

  it.each([
    ['is no XML', () => says('<html'), /^(?!not_reached)/],
    ['has a DOCTYPE', () => says(`<!DOCTYPE x [<!ENTITY e "e">]>${idp.metadata()}`), /^(?!not_reached)/],
    ['is of yesterday', () => says(idp.metadata('validUntil="2020-01-01T00:00:00Z"')), /^(?!not_reached)/],
    ['has certificates that have all expired', () => says(old.metadata()), /^certificates_expired$/],
    ['is not there', () => says(idp.metadata(), 404), /^status_404$/],
    ['is a redirect', () => says('', 302), /^status_302$/],
    [
      'is inside',
      () => {
        answer = () => {
          throw new EgressError('forbidden_address', 'idp.example is not a public address');
        };
      },
      /^not_reached$/,
    ],
  ])('that %s replaces nothing that works, and is told once', async (_what, change, reason) => {
    const connection = await saml();
    await refresh(connection);
    const before = await idpNow(connection);
    const events = await eventsOf(connection);
    change();
    const { upstreamError } = await refresh(connection);
    expect(upstreamError).toMatch(reason);
    await refresh(connection);
    expect(await idpNow(connection)).toEqual(before);
    const told = (await eventsOf(connection)).slice(events.length);
    expect(told).toEqual([expect.stringContaining('connection.metadata_failed')]);
    says(idp.metadata());
    expect((await refresh(connection)).upstreamError).toBeNull();
  });

  it('holds no longer than it says (SAML Metadata §2.3.1, validUntil), even where nothing newer can be read', async () => {
    const until = new Date(clock.now().getTime() + 2 * hour * 1000).toISOString();
    says(idp.metadata(`validUntil="${until}"`));
    const connection = await saml();
    await refresh(connection);
    await known(await current(connection));
    says('', 503);
    await refresh(connection);
    expect(await idpNow(connection)).toBeDefined();
    clock.move(2 * hour + 1);
    await refresh(connection);
    expect(await idpNow(connection)).toBeUndefined();
    says(other.metadata());
    expect((await refresh(connection)).upstreamError).toBe('other_provider');
    const { idp: typed } = samlSettings(other.key.certificate).saml;
    const instead = update(connection, { settings: { saml: { metadata_url: null, idp: typed } } });
    await expect(instead).rejects.toMatchObject({ code: 'provider_stays' });
    says(idp.metadata());
    expect((await refresh(connection)).upstreamError).toBeNull();
    expect(await idpNow(connection)).toBeDefined();
  });

  it.each([
    ['of another issuer', { ...document, issuer: `${issuer}/` }, 'other_issuer'],
    ['of nobody', { ...document, issuer: undefined }, 'other_issuer'],
    ['without keys', { ...document, jwks_uri: undefined }, 'not_usable'],
    ['without TLS', { ...document, token_endpoint: 'http://op.example/token' }, 'not_usable'],
    ['that is a list', [document], 'other_issuer'],
    ['that is text', 'hello', 'not_metadata'],
  ])('of an OpenID provider, %s, is not used', async (_what, body, reason) => {
    says(body);
    const connection = await oidc();
    expect((await refresh(connection)).upstreamError).toBe(reason);
    expect(providerMetadataOf(await current(connection))).toBeUndefined();
  });

  it('of expired and good certificates the good ones are kept', async () => {
    const both = idp
      .metadata()
      .replace('</KeyDescriptor>', `</KeyDescriptor>${/<KeyDescriptor.*<\/KeyDescriptor>/.exec(old.metadata())}`);
    says(both);
    const connection = await saml();
    await refresh(connection);
    expect((await idpNow(connection))?.certificates).toHaveLength(1);
  });

  it('is not kept where it was asked of somebody else meanwhile', async () => {
    const connection = await saml();
    meanwhile = async () => {
      meanwhile = async () => {};
      await update(connection, { settings: { saml: { metadata_url: 'https://elsewhere.example/' } } });
    };
    await refresh(connection);
    expect((await current(connection)).upstream).toBeNull();
  });

  it('once it is asked of somebody else, what was read before is nothing', async () => {
    const connection = await saml();
    await refresh(connection);
    await update(connection, { settings: { saml: { metadata_url: 'https://elsewhere.example/' } } });
    expect(await idpNow(connection)).toBeUndefined();
    await update(connection, { settings: { saml: { metadata_url } } });
    await enable(connection);
    const elsewhere = update(connection, { settings: { saml: { metadata_url: 'https://elsewhere.example/' } } });
    await expect(elsewhere).rejects.toMatchObject({ status: 422, code: 'connection_incomplete' });
  });

  it('under another name is another provider: while people are known by it, it stays', async () => {
    const connection = await saml();
    await refresh(connection);
    await known(connection);
    says(other.metadata());
    expect((await refresh(connection)).upstreamError).toBe('other_provider');
    expect((await idpNow(connection))?.entity_id).toBe('https://idp.example');
    const stays = { status: 409, code: 'provider_stays' };
    const typed = samlSettings(maker.selfSigned().cert).saml;
    await expect(
      update(connection, { settings: { saml: { metadata_url: null, idp: typed.idp } } }),
    ).rejects.toMatchObject(stays);
    const elsewhere = { metadata_url: 'https://elsewhere.example/' };
    await expect(update(connection, { settings: { saml: elsewhere } })).rejects.toMatchObject(stays);
    // The same one, wherever it is told.
    await update(connection, { settings: { saml: { ...elsewhere, entity_id: 'https://idp.example' } } });
    expect((await refresh(await current(connection))).upstreamError).toMatch(/./);
  });

  it.each([
    ['oidc', oidcSettings(), { oidc: { issuer: 'https://other.example' } }],
    ['oauth2', github('id'), { oauth2: { subject: 'login' } }],
  ] as const)('of %s, whoever is known stays whom they are', async (kind, settings, change) => {
    const connection = await make(kind as 'oidc', {}, { settings, client_secret: 'x' });
    await update(connection, { settings: change });
    await update(connection, { settings });
    await known(connection);
    await expect(update(connection, { settings: change })).rejects.toMatchObject({ code: 'provider_stays' });
  });

  it('handed in as XML is as though it had been typed', async () => {
    const connection = await make('saml', { metadata_url });
    const changed = await update(connection, { metadata: idp.metadata() });
    expect(changed.storedSettings).toEqual({
      saml: { idp: expect.objectContaining({ entity_id: 'https://idp.example' }) },
    });
    await enable(connection);
    const again = await update(await current(connection), {
      metadata: other.metadata().replace(/<SingleLogout[^>]*>/g, ''),
    });
    expect(identityProviderOf(again)).toMatchObject({ entity_id: 'https://other.example', slo: [] });
    await expect(update(connection, { metadata: old.metadata() })).rejects.toMatchObject({ status: 422 });
    await expect(make('oidc', {}, { metadata: idp.metadata() })).rejects.toMatchObject({ status: 422 });
  });

  it('is asked for so often and no more', async () => {
    const { id } = await oidc();
    const token = await tokenWith(server, 'connections:write');
    const answers = [];
    for (let count = 0; count < 4; count += 1)
      answers.push(await ask(server, token, 'post', `/connections/${id}/refreshes`));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.body.identity_provider).toMatchObject({ error: 'not_reached', read_at: expect.any(String) });
  });

  it('of enabled connections is read once a day, and an hour after it failed', async () => {
    const daily = 'https://idp.example/daily';
    const connection = await make('saml', { metadata_url: daily });
    await refresh(connection);
    const looks = async () => {
      asked = [];
      await inside((one) => one.run());
      return asked.filter((url) => url === daily).length;
    };
    clock.move(25 * hour);
    expect(await looks()).toBe(0);
    await enable(connection);
    expect(await looks()).toBe(1);
    expect(await looks()).toBe(0);
    clock.move(23 * hour);
    expect(await looks()).toBe(0);
    says('', 500);
    clock.move(hour);
    expect(await looks()).toBe(1);
    expect(await looks()).toBe(0);
    clock.move(hour);
    expect(await looks()).toBe(1);
  });
});
