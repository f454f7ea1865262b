import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { CertificateMaker } from '../support/client-certificates.js';
import { certificatesOf, newConnection, samlSettings } from '../support/connection-settings.js';
import { asPerson, makeMember, makeOrganization } from '../support/invitations.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

describe('connections by SAML', () => {
  const maker = new CertificateMaker();
  const { good, expired } = certificatesOf(maker);
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(async () => {
    maker.remove();
    await server?.close();
  });
  beforeEach(async () => {
    token = await tokenWith(server, 'connections:read connections:write');
  });

  const api = (method: string, path = '', body?: unknown) => ask(server, token, method, `/connections${path}`, body);
  const make = async (more: object) => {
    const { status, body } = await api('post', '', newConnection(more));
    expect([status, body.code]).toEqual([201, undefined]);
    return body as { id: string };
  };
  const pointers = ({ body }: { body: Record<string, unknown> }) =>
    (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
  const eventsOf = async (id: string): Promise<string[]> =>
    (
      await server.services.db.manager.query(
        `SELECT name FROM audit_events WHERE data ->> 'connection_id' = $1 ORDER BY id`,
        [id],
      )
    ).map(({ name }: { name: string }) => name);

  const saml = (settings: object, more: object = {}) =>
    make({ kind: 'saml', settings, client_secret: undefined, ...more });

  it('show the certificates of the identity provider, and how long they hold', async () => {
    const { id } = await saml(samlSettings(good, expired));
    const { identity_provider } = (await api('get', `/${id}`)).body as { identity_provider: Record<string, unknown> };
    expect(identity_provider).toMatchObject({
      name: 'https://idp.example/metadata',
      certificates: [
        { subject: 'CN=client', days_left: 1, fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/) },
        { days_left: expect.any(Number) },
      ],
    });
    expect((await api('put', `/${id}/enablement`)).status).toBe(204);
  });

  it('of an organization, whose second factor the tenant trusts, stay those of that provider whatever their owner says', async () => {
    const acme = await makeOrganization(server);
    const owner = await makeMember(server, acme, 'owner');
    const mfa_contexts = ['urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken'];
    const settings = { saml: { ...samlSettings(good).saml, mfa_contexts }, trust: { mfa: true } };
    const body = newConnection({ kind: 'saml', settings, client_secret: undefined });
    const made = await ask(server, token, 'post', `/organizations/${acme.slug}/connections`, body);
    const change = (patch: object) =>
      asPerson(server, owner, async ({ connections }) =>
        connections.update(acme, await connections.find(acme, String(made.body.id)), patch as never),
      );
    for (const saml of [
      { mfa_contexts: ['urn:oasis:names:tc:SAML:2.0:ac:classes:Password'] },
      { idp: { certificates: [maker.selfSigned().cert] } },
      { idp: null, metadata_url: 'https://idp.example/metadata' },
    ])
      await expect(change({ settings: { saml } })).rejects.toMatchObject({ status: 403, code: 'tenant_only' });
    await change({ display_name: 'Acme', settings: { saml: { mfa_contexts } } });
  });

  it('with certificates that have all expired are refused, and one that holds is enough', async () => {
    const refused = await api(
      'post',
      '',
      newConnection({ kind: 'saml', settings: samlSettings(expired), client_secret: undefined }),
    );
    expect([refused.status, pointers(refused)]).toEqual([422, ['/settings/saml/idp/certificates']]);
    const { id } = await saml(samlSettings(good));
    expect((await api('patch', `/${id}`, { settings: samlSettings(expired) })).status).toBe(422);
    expect((await api('patch', `/${id}`, { settings: samlSettings(expired, good) })).status).toBe(200);
  });

  it.each([
    ['no certificate', 'x'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----'],
    ['two in one', ''],
  ])('%s in place of a certificate is refused', async (what, pem) => {
    const given = what === 'two in one' ? good + good : pem;
    const body = newConnection({ kind: 'saml', settings: samlSettings(given), client_secret: undefined });
    expect((await api('post', '', body)).status).toBe(422);
  });

  it.each([
    ['a client secret', { client_secret: 'x' }],
    ['metadata that is none', { metadata: '<nothing/>' }],
    [
      'both idp and metadata_url',
      { settings: { saml: { ...samlSettings(good).saml, metadata_url: 'https://idp.example/m' } } },
    ],
  ])('%s is refused: 422', async (_what, more) => {
    const given = { kind: 'saml', settings: samlSettings(good), client_secret: undefined, ...more };
    expect((await api('post', '', newConnection(given))).status).toBe(422);
  });

  it('have a key of ours from the beginning, which is renewed in two steps', async () => {
    const { id } = await saml(samlSettings(good));
    const there = `${server.issuer}/saml/${id}`;
    const before = (await api('get', `/${id}/service-provider`)).body;
    expect(before).toMatchObject({
      entity_id: `${there}/metadata`,
      metadata: `${there}/metadata`,
      assertion_consumer_service: `${there}/acs`,
      single_logout_service: `${there}/slo`,
      keys: [{ status: 'current', pem: expect.stringContaining('BEGIN CERTIFICATE'), days_left: expect.any(Number) }],
    });
    type Keys = { status: string; fingerprint: string }[];
    const rotated = async () => (await api('post', `/${id}/keys`)).body.keys as Keys;
    const first = (before.keys as Keys)[0]?.fingerprint;
    const two = await rotated();
    expect(two.map(({ status }) => status)).toEqual(['next', 'current']);
    expect(two[1]?.fingerprint).toBe(first);
    const turned = await rotated();
    expect(turned.map(({ status, fingerprint }) => [status, fingerprint])).toEqual([
      ['current', two[0]?.fingerprint],
      ['previous', first],
    ]);
    await rotated();
    const again = await rotated();
    expect(again.map(({ fingerprint }) => fingerprint)).not.toContain(first);
    expect(again.map(({ status }) => status)).toEqual(['current', 'previous']);
    expect((await eventsOf(id)).slice(1)).toEqual(Array(4).fill('connection.keys_rotated'));
  }, 60_000);

  it('sign and decrypt with keys that are sealed: each with the certificate it belongs to', async () => {
    const { id } = await saml(samlSettings(good));
    const [key] = await server.inside(async ({ connections, connectionKeys }) =>
      connectionKeys.opened(await connections.find(null, id)),
    );
    const certificate = new X509Certificate(key?.certificate ?? '');
    expect(certificate.checkPrivateKey(createPrivateKey(key?.privateKey ?? ''))).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
    const { rows } = await server.services.db.pool.query('SELECT * FROM connection_keys WHERE connection_id = $1', [
      id,
    ]);
    expect(JSON.stringify(rows)).not.toContain('PRIVATE KEY');
  });

  // The embedded database has one session: what comes second waits for the first.
  if (defaultKind === 'postgres')
    it('five steps at once are one', async () => {
      const { id } = await saml(samlSettings(good));
      const racing = await Promise.all(Array.from({ length: 5 }, () => api('post', `/${id}/keys`)));
      expect(racing.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
      const keys = (await api('get', `/${id}/service-provider`)).body.keys as { status: string }[];
      expect(keys.map(({ status }) => status)).toEqual(['next', 'current']);
    }, 60_000);
});
