import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../config/index.js';
import { Apply } from '../../../src/features/declarations/apply.service.js';
import { describeChange } from '../../../src/features/declarations/change.js';
import { parseDeclarations } from '../../../src/features/declarations/declaration.parser.js';
import { exportDeclarations, toYaml } from '../../../src/features/declarations/export.js';
import { migrations } from '../../../src/migrations.js';
import { withContext } from '../../../src/platform/context.js';
import { createLogger } from '../../../src/platform/logger.js';
import { entities } from '../../../src/schema.js';
import { openServices, type Services } from '../../../src/services.js';
import { freshDatabase, kinds, oneKind, type TestDatabase } from '../../support/postgres.js';

const HASH = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$TmFtZWx5IG5vdCBhIHJlYWwgaGFzaCBhdCBhbGwuLi4uLg';

const house = `
tenants:
  - slug: default
    name: The house
  - slug: acme
    name: Acme
    host: acme.localhost
    settings: { sign_in_layout: one_page, lockout: { strategy: fixed } }
    clients:
      - { client_id: web, redirect_uris: [https://acme.example/cb] }
    users:
      - { email: ann@example.com, password: the ann of acme 17 }
resources:
  - identifier: https://api.example.com
    name: Bookings
    access_token_format: jwt
    scopes:
      - { name: bookings:read, description: Read your bookings }
clients:
  - client_id: web
    client_name: Web
    client_secret: 0123456789abcdef0123456789abcdef
    redirect_uris: [https://app.example.com/cb]
    grant_types: [authorization_code, refresh_token]
    scope: openid profile bookings:read
  - client_id: signer
    token_endpoint_auth_method: private_key_jwt
    grant_types: [client_credentials]
    jwks: { keys: [{ kty: EC, crv: P-256, x: f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU, y: x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0, kid: k1 }] }
  - client_id: old
    disabled: true
    client_secret: fedcba9876543210fedcba9876543210
    grant_types: [client_credentials]
users:
  - email: ann@example.com
    email_verified: true
    password: correct horse battery staple
    roles: [ADMIN]
    claims: { name: Ann, address: { locality: Porto, country: Portugal } }
  - email: moved@example.com
    password_hash: ${HASH}
  - email: bare@example.com
    disabled: true
`;

describe.each(kinds)('applying a declarative file (%s)', (kind) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'ostiary-apply-'));
  const opened: { services: Services; fresh: TestDatabase }[] = [];
  let services: Services;

  const fresh = async (): Promise<Services> => {
    const database = await freshDatabase(kind, { entities, migrations });
    const config = loadConfig({ NODE_ENV: 'test', ISSUER: 'https://id.example.com', DATA_DIR: dataDir });
    const one = await openServices(config, {
      connection: database.settings.connection,
      logger: createLogger({ level: 'error', stream: process.stderr }),
      hashing: { processes: 1, parameters: { timeCost: 2, memoryCost: 19_456, parallelism: 1 } },
    });
    opened.push({ services: one, fresh: database });
    return one;
  };
  const parse = (text: string) => parseDeclarations(text, 'house.yaml');
  const plan = async (text: string) => (await new Apply(services).plan(parse(text))).map(describeChange);
  const run = async (text: string) => (await new Apply(services).run(parse(text))).changes.map(describeChange);
  const count = async (table: string) =>
    Number((await services.db.manager.query(`SELECT count(*) AS n FROM ${table}`))[0].n);
  const rows = async () => {
    const all = [];
    for (const table of [
      'tenants',
      'users',
      'clients',
      'client_secrets',
      'password_credentials',
      'resources',
      'audit_events',
    ])
      all.push(await services.db.manager.query(`SELECT * FROM ${table} ORDER BY 1, 2`));
    return JSON.stringify(all);
  };
  const atDefault = async <T>(work: () => Promise<T>): Promise<T> => {
    const { id: tenantId } = await services.tenants.ensureDefault();
    return withContext({ tenantId }, work);
  };

  beforeAll(() => freshDatabase(kind, { entities, migrations }).then((one) => one.close()), 60_000);
  beforeEach(async () => {
    services = await fresh();
  }, 180_000);
  afterEach(async () => {
    for (const one of opened.splice(0)) {
      await one.services.close();
      await one.fresh.close();
    }
  });
  afterAll(() => rmSync(dataDir, { recursive: true }));

  it('creates what is said, and says so', async () => {
    expect(await run(house)).toEqual([
      '+ tenant default',
      '+ resource https://api.example.com',
      '+ client web',
      '+ client signer',
      '+ client old',
      '+ user ann@example.com',
      '+ user moved@example.com',
      '+ user bare@example.com',
      '+ tenant acme',
      '+ client acme/web',
      '+ user acme/ann@example.com',
    ]);
    await atDefault(async () => {
      expect(await services.clients.compareSecret('web', '0123456789abcdef0123456789abcdef')).toBe(true);
      expect(await services.passwords.verify('ann@example.com', 'correct horse battery staple')).toMatchObject({
        outcome: 'ok',
      });
      expect(await services.users.findByEmail('ann@example.com')).toMatchObject({
        roles: ['ADMIN'],
        emailVerified: true,
      });
      expect((await services.clients.find('old')).disabledAt).not.toBeNull();
    });
    const acme = await services.tenants.findByHost('acme.localhost');
    await withContext({ tenantId: acme?.id ?? '' }, async () => {
      expect(await services.passwords.verify('ann@example.com', 'the ann of acme 17')).toMatchObject({ outcome: 'ok' });
      expect(await services.passwords.verify('ann@example.com', 'correct horse battery staple')).toEqual({
        outcome: 'failed',
      });
      expect((await services.keys.signingKeys(acme?.id ?? '')).public).toHaveLength(4);
    });
  });

  it('writes nothing the second time, not even to the audit log', async () => {
    await run(house);
    const before = await rows();
    expect(await plan(house)).toEqual([]);
    expect(await run(house)).toEqual([]);
    expect(await rows()).toBe(before);
  });

  it('plans without writing', async () => {
    await run(house);
    const before = await rows();
    const changed = house
      .replace('name: Ann,', 'name: Anna,')
      .replace('correct horse battery staple', 'another horse altogether')
      .replace('access_token_format: jwt', 'access_token_ttl: 60')
      .replace('client_secret: 0123456789abcdef', 'client_secret: 9876543210abcdef')
      .replace('client_name: Web', 'client_name: The web')
      .replace('one_page', 'two_pages')
      .replace('bare@example.com', 'new@example.com');
    expect(await plan(changed)).toEqual([
      '~ resource https://api.example.com: access_token_format, access_token_ttl',
      '~ client web: client_name, client_secret',
      '~ user ann@example.com: claims.name, password',
      '+ user new@example.com',
      '~ tenant acme: settings.sign_in_layout',
    ]);
    expect(await rows()).toBe(before);
    expect(await run(changed)).toHaveLength(5);
    expect(await plan(changed)).toEqual([]);
  });

  it('writes all or nothing: a client at the end that is refused takes everything back', async () => {
    await run(house);
    const before = await rows();
    const bad = `${house.replace('name: The house', 'name: Renamed')}  - email: z@example.com
    password: quite another thing 4
tenantsless: 1`;
    expect(() => parse(bad)).toThrow('tenantsless');
    // The shape is right and only the database knows: the host belongs to another tenant.
    const taken = `tenants: [{ slug: default, name: Renamed }, { slug: zeta, name: Zeta, host: acme.localhost }]
users: [{ email: first@example.com }]`;
    await expect(run(taken)).rejects.toThrow(/^house.yaml:1:45: tenants\[1\]: is taken already \(tenants_host/);
    const reserved = `users: [{ email: first@example.com }]
resources:
  - { identifier: https://id.example.com/api, name: Mine }`;
    await expect(run(reserved)).rejects.toThrow(
      'house.yaml:3:5: resources[0]: This identifier belongs to the server itself',
    );
    expect(await rows()).toBe(before);
  });

  it('lets two that run at once both succeed, with one result', async () => {
    const results = await Promise.all([1, 2, 3].map(() => new Apply(services).run(parse(house))));
    expect(results.map(({ changes }) => changes.length).sort()).toEqual([0, 0, 11]);
    expect(await count('users')).toBe(4);
    expect(await count(`audit_events WHERE name = 'apply.completed'`)).toBe(1);
    expect(await plan(house)).toEqual([]);
  });

  it('exports what applies again to the same', async () => {
    await run(house);
    const first = toYaml(await exportDeclarations(services, { passwordHashes: true }));
    expect(await plan(first)).toEqual([]);
    services = await fresh();
    await run(first);
    expect(toYaml(await exportDeclarations(services, { passwordHashes: true }))).toBe(first);
    expect(await plan(first)).toEqual([]);
    expect(await plan(house.replaceAll(/client_secret: \w+/g, ''))).toEqual([]);
  });

  // What is decided before a statement, or by one that runs on both elsewhere.
  if (oneKind.includes(kind)) {
    it('records the whole with its counts, by the system', async () => {
      await run(house);
      await run(house.replace('name: Ann', 'name: Anna'));
      const events = await services.db.manager.query(
        `SELECT data, actor_type, actor_id FROM audit_events WHERE name = 'apply.completed' ORDER BY id`,
      );
      expect(events).toEqual([
        { data: { created: 11, updated: 0 }, actor_type: 'system', actor_id: 'apply' },
        { data: { created: 0, updated: 1 }, actor_type: 'system', actor_id: 'apply' },
      ]);
    });

    it('plans a first file in an empty database without writing', async () => {
      const before = await rows();
      expect(await plan(house)).toHaveLength(11);
      expect(await rows()).toBe(before);
    });

    it('replaces a client_secret: the old one ends', async () => {
      await run(house);
      const [old, next] = ['0123456789abcdef0123456789abcdef', 'aaaabbbbccccdddd1111222233334444'];
      await atDefault(async () => services.clients.addSecret(await services.clients.find('web')));
      expect(await run(house.replace(old, next))).toEqual(['~ client web: client_secret']);
      await atDefault(async () => {
        expect(await services.clients.listSecrets(await services.clients.find('web'))).toHaveLength(1);
        expect(await services.clients.compareSecret('web', next)).toBe(true);
        expect(await services.clients.compareSecret('web', old)).toBe(false);
      });
    });

    it('makes a client_secret where the file gives none, and hands it out once', async () => {
      const text = 'clients: [{ client_id: job, grant_types: [client_credentials] }]';
      const { secrets } = await new Apply(services).run(parse(text));
      expect(secrets).toEqual([{ tenant: 'default', client_id: 'job', client_secret: expect.any(String) }]);
      await atDefault(async () =>
        expect(await services.clients.compareSecret('job', secrets[0]?.client_secret ?? '')).toBe(true),
      );
      expect((await new Apply(services).run(parse(text))).secrets).toEqual([]);
    });

    it('gives a client that begins to need a secret one, and takes it from one that needs none any more', async () => {
      const none =
        'clients: [{ client_id: app, redirect_uris: [https://a.example/cb], token_endpoint_auth_method: none }]';
      await run(none);
      const { changes, secrets } = await new Apply(services).run(
        parse(none.replace(', token_endpoint_auth_method: none', '')),
      );
      expect(changes.map(describeChange)).toEqual(['~ client app: token_endpoint_auth_method, client_secret']);
      expect(secrets).toHaveLength(1);
      expect(await run(none)).toEqual(['~ client app: token_endpoint_auth_method']);
      expect(await count('client_secrets')).toBe(0);
    });

    it('leaves alone what the file does not say of a person, and says a client whole', async () => {
      await run(house);
      await atDefault(async () => {
        const ann = await services.users.findByEmail('ann@example.com');
        if (ann) await services.users.update(ann, { claims: { nickname: 'annie' } });
        await services.clients.update(await services.clients.find('web'), {
          logo_uri: 'https://app.example.com/logo.png',
        });
      });
      expect(await run(house)).toEqual(['~ client web: logo_uri']);
      expect(await run('users: [{ email: ANN@example.com }]')).toEqual(['~ user ANN@example.com: email']);
      await atDefault(async () => {
        const ann = await services.users.findByEmail('ann@example.com');
        expect(ann).toMatchObject({
          email: 'ANN@example.com',
          emailVerified: true,
          roles: ['ADMIN'],
          claims: { nickname: 'annie', name: 'Ann' },
        });
      });
    });

    it('takes a password_hash over as it is, and ends what rested on the old one', async () => {
      await run(house);
      const hash = async () =>
        (
          await services.db.manager.query(
            `SELECT c.hash FROM password_credentials c JOIN users u ON u.id = c.user_id WHERE u.email = 'moved@example.com'`,
          )
        )[0].hash;
      expect(await hash()).toBe(HASH);
      const token = await atDefault(async () => {
        const user = await services.users.findByEmail('moved@example.com');
        return services.oneTimeTokens.issue('password_reset', user?.id ?? '', { data: { email: 'moved@example.com' } });
      });
      const other = HASH.replace('c29tZ', 'b3RoZ');
      expect(await run(house.replace(HASH, other))).toEqual(['~ user moved@example.com: password']);
      expect(await hash()).toBe(other);
      await atDefault(async () => expect(await services.passwordLinks.peek(token)).toBeUndefined());
    });

    it('leaves a password alone that came with the hash of the file and was hashed anew at a sign-in', async () => {
      const bcrypt = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
      const file = house.replace(HASH, bcrypt);
      expect(await run(file)).not.toEqual([]);
      const outcome = await atDefault(
        async () => (await services.passwords.verify('moved@example.com', 'U*U')).outcome,
      );
      expect(outcome).toBe('ok');
      expect(await count(`password_credentials WHERE hash = '${bcrypt}'`)).toBe(0);
      expect(await plan(file)).toEqual([]);
      expect(await count(`audit_events WHERE name = 'password.imported'`)).toBeGreaterThan(0);
    });

    it('exports neither secrets nor, unless asked, hashes', async () => {
      await run(house);
      const text = toYaml(await exportDeclarations(services));
      expect(text).not.toMatch(/secret:|password|argon2|0123456789abcdef/);
      expect(text).toContain('client_id: signer');
    });
  }
});
