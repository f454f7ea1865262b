import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Provider, { type AdapterPayload } from 'oidc-provider';
import { CreateClient, present, UpdateClient } from '../../src/features/clients/client.schema.js';
import { settingsOf, travellingNames } from '../../src/features/clients/client-settings.js';
import { sha256 } from '../../src/platform/crypto.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const web = { client_name: 'Shop', redirect_uris: ['https://shop.example.com/cb'] };
const jwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};

describe.each(kinds)('clients (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  beforeAll(async () => {
    house = await openHouse(kind);
  }, 180_000);
  afterAll(() => house.close());

  it('shows a secret of 256 bits once and keeps only its hash', () =>
    at(house.tenant, async () => {
      const { client, secret = '' } = await house.clients.create(web);
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
      expect(await house.clients.compareSecret(client.clientId, secret)).toBe(true);
      expect(await house.clients.compareSecret(client.clientId, `${secret}x`)).toBe(false);
      const rows = await house.db.dataSource.query(
        `SELECT c.*, s.* FROM clients c JOIN client_secrets s USING (tenant_id, client_id) WHERE client_id = $1`,
        [client.clientId],
      );
      expect(rows).toHaveLength(1);
      expect(JSON.stringify(rows)).not.toContain(secret);
      expect(JSON.stringify(present(client))).not.toContain(secret);
      expect(JSON.stringify(await house.eventsOf('client.secret_added'))).not.toContain(secret);
    }));

  it('never takes what is stored for a secret', () =>
    at(house.tenant, async () => {
      const { client, secret = '' } = await house.clients.create(web);
      const placeholder = (await house.clients.engineMetadata(client.clientId))?.client_secret as string;
      for (const value of [sha256(secret), placeholder, '', client.clientId])
        expect(await house.clients.compareSecret(client.clientId, value)).toBe(false);
      expect(placeholder).not.toBe(secret);
      expect(placeholder).not.toBe(sha256(secret));
      await house.clients.update(client, { client_name: 'Shop 2' });
      expect((await house.clients.engineMetadata(client.clientId))?.client_secret).not.toBe(placeholder);
    }));

  it('rotates with an overlap of two, and ends the older one when its time has come', () =>
    at(house.tenant, async () => {
      const { client, secret: first = '' } = await house.clients.create(web);
      const { value: second } = await house.clients.addSecret(client, { previous_expires_in: 60 });
      const works = (value: string) => house.clients.compareSecret(client.clientId, value);
      expect([await works(first), await works(second)]).toEqual([true, true]);
      await expect(house.clients.addSecret(client)).rejects.toMatchObject({ status: 409, code: 'too_many_secrets' });
      house.clock.forward(61);
      expect([await works(first), await works(second)]).toEqual([false, true]);
      const { value: third, secret } = await house.clients.addSecret(client);
      await house.clients.removeSecret(client, secret.id);
      expect([await works(second), await works(third)]).toEqual([true, false]);
    }));

  it('lets one of ten parallel rotations add the second secret', () =>
    at(house.tenant, async () => {
      const { client } = await house.clients.create(web);
      // Ten connections that are open already, or the first would be done before the second has one.
      await Promise.all(Array.from({ length: 10 }, () => house.db.dataSource.query('SELECT pg_sleep(0.02)')));
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => house.clients.addSecret(client)));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await house.clients.listSecrets(client)).toHaveLength(2);
    }));

  it('answers warm look-ups without a statement', () =>
    at(house.tenant, async () => {
      const { client, secret = '' } = await house.clients.create(web);
      await house.clients.engineMetadata(client.clientId);
      let statements = 0;
      const { pool } = house.db;
      const connect = pool.connect.bind(pool);
      pool.connect = ((...parameters: []) => {
        statements += 1;
        return connect(...parameters);
      }) as typeof pool.connect;
      await house.clients.engineMetadata(client.clientId);
      await house.clients.compareSecret(client.clientId, secret);
      pool.connect = connect;
      expect(statements).toBe(0);
    }));

  it('makes a disabled or deleted client unknown to the engine, its secret included', () =>
    at(house.tenant, async () => {
      const { client, secret = '' } = await house.clients.create(web);
      await house.clients.engineMetadata(client.clientId);
      await house.clients.disable(client);
      expect(await house.clients.engineMetadata(client.clientId)).toBeUndefined();
      expect(await house.clients.compareSecret(client.clientId, secret)).toBe(false);
      await house.clients.enable(client);
      expect(await house.clients.compareSecret(client.clientId, secret)).toBe(true);
      await house.clients.delete(client);
      expect(await house.clients.engineMetadata(client.clientId)).toBeUndefined();
      expect(await house.clients.compareSecret(client.clientId, secret)).toBe(false);
    }));

  it('does not know the clients of another tenant', async () => {
    const other = await house.tenants.create({ slug: `c-${kind}`, name: 'Other' });
    const { client, secret = '' } = await at(house.tenant, () => house.clients.create(web));
    await at(house.tenant, () => house.clients.engineMetadata(client.clientId));
    await at(other, async () => {
      expect(await house.clients.engineMetadata(client.clientId)).toBeUndefined();
      expect(await house.clients.compareSecret(client.clientId, secret)).toBe(false);
      await expect(house.clients.find(client.clientId)).rejects.toMatchObject({ status: 404 });
      await expect(house.clients.delete(client)).rejects.toMatchObject({ status: 404 });
    });
  });

  it('refuses a version that is no longer the newest (RFC 9110 §13.1.1)', () =>
    at(house.tenant, async () => {
      const { client } = await house.clients.create(web);
      const changed = await house.clients.update(client, { client_name: 'A' }, client.version);
      expect(changed.version).toBe(client.version + 1);
      await expect(house.clients.update(client, { client_name: 'B' }, client.version)).rejects.toMatchObject({
        status: 412,
      });
      expect((await house.clients.replace(changed, asSent(changed))).version).toBe(changed.version);
    }));

  it('takes a member away with null and checks what remains (RFC 7396)', () =>
    at(house.tenant, async () => {
      const { client } = await house.clients.create({ ...web, logo_uri: 'https://shop.example.com/logo.png' });
      expect((await house.clients.update(client, { logo_uri: null })).metadata).not.toHaveProperty('logo_uri');
      await expect(house.clients.update(client, { redirect_uris: null })).rejects.toMatchObject({
        status: 422,
        details: { issues: [{ pointer: '/redirect_uris' }] },
      });
    }));

  it('forgets the secrets of a client that no longer authenticates with one', () =>
    at(house.tenant, async () => {
      const { client } = await house.clients.create(web);
      await house.clients.update(client, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
      expect(await house.clients.listSecrets(client)).toEqual([]);
      await expect(house.clients.addSecret(client)).rejects.toMatchObject({ code: 'no_secret_needed' });
    }));

  it('refuses given secrets under 128 bits in production', () =>
    at(house.tenant, async () => {
      for (const secret of ['short', 'deadbeefdeadbeefdeadbeef', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'])
        await expect(house.clients.create(web, { secret })).rejects.toMatchObject({ status: 422 });
      const given = { clientId: `given-${kind}`, secret: 'mXq3Zt8-LbW0vYr5_KdN2a' };
      expect((await house.clients.create(web, given)).secret).toBe(given.secret);
    }));

  it('writes nothing where the audit record cannot be written', () =>
    at(house.tenant, async () => {
      const before = await house.db.dataSource.query('SELECT count(*) FROM clients');
      const record = house.audit.record;
      house.audit.record = async () => {
        throw new Error('disk full');
      };
      await expect(house.clients.create(web)).rejects.toThrow('disk full');
      house.audit.record = record;
      expect(await house.db.dataSource.query('SELECT count(*) FROM clients')).toEqual(before);
    }));

  it('refuses members that registration does not know, __proto__ and a client_secret among them', () => {
    for (const text of [
      '{"is_admin":true}',
      '{"client_secret":"x"}',
      '{"client_id":"x"}',
      '{"__proto__":{"a":1}}',
      '{"dynamic":true}',
    ])
      for (const schema of [CreateClient, UpdateClient]) expect(schema.safeParse(JSON.parse(text)).success).toBe(false);
  });

  it('makes metadata the engine accepts', () =>
    at(house.tenant, async () => {
      const inputs = [
        web,
        { redirect_uris: ['com.example.app:/cb', 'http://127.0.0.1/cb'], application_type: 'native' as const },
        { grant_types: ['client_credentials' as const], access_token_ttl: 120 },
        {
          ...web,
          token_endpoint_auth_method: 'private_key_jwt' as const,
          jwks: { keys: [jwk] },
          token_endpoint_auth_signing_alg: 'ES256' as const,
        },
        {
          ...web,
          grant_types: ['authorization_code' as const, 'refresh_token' as const],
          scope: 'openid offline_access',
          dpop_bound_access_tokens: true,
          default_max_age: 60,
        },
        { redirect_uris: ['https://a.example.com/'], response_types: ['none' as const], grant_types: [] },
      ];
      await house.keys.ensure(house.tenant.id);
      const provider = new Provider('https://id.example.com', {
        adapter: class {
          constructor(private readonly model: string) {}
          find = async (id: string) =>
            this.model === 'Client'
              ? ((await house.clients.engineMetadata(id)) as AdapterPayload | undefined)
              : undefined;
          upsert = async () => {};
          consume = async () => {};
          destroy = async () => {};
          findByUid = async () => undefined;
          findByUserCode = async () => undefined;
          revokeByGrantId = async () => {};
        } as never,
        jwks: {
          keys: (await house.keys.signingKeys(house.tenant.id)).private,
        } as never,
        responseTypes: ['code', 'none'],
        features: {
          clientCredentials: { enabled: true },
          dPoP: { enabled: true },
          devInteractions: { enabled: false },
        },
        extraClientMetadata: { properties: [...travellingNames] },
      });
      for (const input of inputs) {
        const { client } = await house.clients.create(input);
        const found = await provider.Client.find(client.clientId);
        expect(found?.clientId).toBe(client.clientId);
        expect(settingsOf(found).consent_policy).toBe('explicit');
        expect(found?.idTokenSignedResponseAlg).toBe('ES256');
      }
    }));
});

/** A client as somebody would send it back whole. */
function asSent({ metadata, consentPolicy }: { metadata: object; consentPolicy: 'explicit' | 'implicit' }) {
  return { ...metadata, consent_policy: consentPolicy };
}
