import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { type ConnectionKind, GivenSettings } from '../../src/features/connections/connection.settings.js';
import { missingOf, problemsOf } from '../../src/features/connections/connection-rules.js';
import { mergePatch, partialOf } from '../../src/platform/merge-patch.js';

const now = new Date('2026-11-22T12:00:00Z');

const connectionOf = (kind: ConnectionKind, storedSettings: object, more: object = {}): Connection =>
  Object.assign(new Connection(), { id: 'id', tenantId: 'tenant', kind, storedSettings, ...more });

const ofOrganization = { organizationId: '00000000-0000-7000-8000-000000000001' };

describe('settings of a connection', () => {
  it.each([
    ['a tenant', {}, null],
    ['an organization', ofOrganization, 'member'],
  ])('whoever comes in by one of %s is there: %j → %j', (_whose, more, role) => {
    expect(connectionOf('oidc', {}, more).settings.provisioning).toMatchObject({
      role,
      create: true,
      deprovision: 'keep',
    });
  });

  it.each([
    ['saml', 'never'],
    ['oidc', 'claim'],
    ['oauth2', 'never'],
  ] as const)('%s: an address is believed %s unless it is said otherwise', (kind, email) => {
    expect(connectionOf(kind, {}).settings.trust).toEqual({ email, mfa: false });
    expect(connectionOf(kind, { trust: { email: 'always' } }).settings.trust).toEqual({ email: 'always', mfa: false });
  });

  it.each([
    ['saml', null, 'always'],
    ['oidc', null, 'claim'],
    ['oauth2', null, 'claim'],
    ['oauth2', 'github', 'claim'],
    ['oidc', 'google', 'claim'],
  ] as const)(
    '%s of an organization (%s): an address is believed %s unless it is said otherwise',
    (kind, preset, email) => {
      const more = { ...ofOrganization, preset };
      expect(connectionOf(kind, {}, more).settings.trust).toEqual({ email, mfa: false });
      expect(connectionOf(kind, { trust: { email: 'never' } }, more).settings.trust.email).toBe('never');
    },
  );

  const directory = '72f988bf-86f1-41af-91ab-2d7cd011db47';
  const login = (of: string) => `https://login.microsoftonline.com/${of}/v2.0`;
  const cannot = ['/settings/trust/email'];
  const can: string[] = [];
  it.each([
    ['google', 'oidc', {}, cannot],
    ['github', 'oauth2', {}, cannot],
    ['gitlab', 'oidc', { oidc: { issuer: 'https://gitlab.acme.example' } }, cannot],
    ['apple', 'oidc', {}, cannot],
    ['microsoft', 'oidc', {}, cannot],
    ['microsoft', 'oidc', { oidc: { issuer: login('common') } }, cannot],
    ['microsoft', 'oidc', { oidc: { directory, issuer: login('common') } }, cannot],
    ['microsoft', 'oidc', { oidc: { directory: '9188040d-6c67-4c5b-b112-36a304b66dad' } }, cannot],
    ['microsoft', 'oidc', { oidc: { directory } }, can],
    ['microsoft', 'oidc', { oidc: { directory, issuer: login(directory) } }, can],
    [null, 'oidc', { oidc: { issuer: 'https://idp.acme.example' } }, can],
  ] as const)(
    '%s (%s, %j): where anybody may have an account no address is always believed',
    (preset, kind, settings, pointers) => {
      const told = (email: string, more: object) =>
        problemsOf(connectionOf(kind, { trust: { email }, ...settings }, { preset, ...more }), now);
      for (const whose of [{}, ofOrganization]) {
        expect(told('always', whose).map(({ pointer }) => pointer)).toEqual(pointers);
        expect([...told('claim', whose), ...told('never', whose)]).toEqual([]);
      }
    },
  );

  it('Microsoft is believed only where the owner of the domain was verified, and never of every directory', () => {
    const preset = { preset: 'microsoft' };
    const { mapping, oidc } = connectionOf('oidc', { oidc: { client_id: 'us' } }, preset).settings;
    expect([mapping.email_verified, oidc]).toEqual([['xms_edov'], undefined]);
  });

  it('what is not complete is of no kind yet; what is said is taken as it is', () => {
    expect(connectionOf('oidc', { oidc: { client_id: 'us' } }).settings.oidc).toBeUndefined();
    const { oidc } = connectionOf('oidc', { oidc: { client_id: 'us', issuer: 'https://op.example' } }).settings;
    expect(oidc).toMatchObject({ algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'], logout: { back_channel: true } });
    expect(oidc?.algorithms).not.toContain('HS256');
  });

  it.each([
    ['oidc', { saml: {} }, {}, ['/settings/saml']],
    ['saml', { oidc: {}, oauth2: {} }, {}, ['/settings/oidc', '/settings/oauth2']],
    ['oauth2', {}, { preset: 'google' }, ['/kind']],
    ['oidc', { domains: ['a.example'], button: true }, {}, []],
    ['oidc', { domains: ['a.example'], button: true }, ofOrganization, ['/settings/domains', '/settings/button']],
    ['oidc', { provisioning: { role: 'admin', deprovision: 'remove' } }, ofOrganization, []],
    [
      'oidc',
      {
        provisioning: {
          role: 'admin',
          roles: [ofOrganization.organizationId],
          groups: [{ group: 'x' }],
          deprovision: 'remove',
        },
      },
      {},
      ['role', 'roles', 'groups', 'deprovision'].map((name) => `/settings/provisioning/${name}`),
    ],
  ] as const)('%s, told %j (%j): %j cannot be', (kind, settings, more, pointers) => {
    expect(problemsOf(connectionOf(kind, settings, more), now).map(({ pointer }) => pointer)).toEqual(pointers);
  });

  const provider = { issuer: 'https://op.example', client_id: 'us' };
  const typed = {
    authorization_endpoint: 'https://a.example/',
    token_endpoint: 'https://b.example/',
    jwks_uri: 'https://c.example/',
  };
  it.each([
    ['saml', {}, undefined, ['/settings/saml/idp']],
    ['saml', { saml: { metadata_url: 'https://idp.example/' } }, undefined, ['/settings/saml/metadata_url']],
    ['oidc', { oidc: { ...provider, metadata: typed } }, undefined, ['/client_secret']],
    ['oidc', { oidc: { ...provider, metadata: typed } }, 'secret', []],
    ['oidc', { oidc: { ...provider, metadata: typed, token_endpoint_auth_method: 'private_key_jwt' } }, undefined, []],
    [
      'oidc',
      { oidc: { ...provider, metadata: typed, apple: { team_id: 'ABCDE12345', key_id: 'ABCDE12345' } } },
      'no key',
      ['/client_secret'],
    ],
    [
      'oauth2',
      {},
      'secret',
      ['client_id', 'authorization_endpoint', 'token_endpoint', 'userinfo_endpoint'].map(
        (name) => `/settings/oauth2/${name}`,
      ),
    ],
  ] as const)('%s, told %j, with the secret %j: %j is missing', (kind, settings, secret, pointers) => {
    expect(missingOf(connectionOf(kind, settings), secret, now).map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it.each([
    [{ trust: { mfa: 'yes' } }],
    [{ trust: { mfa: true, more: 1 } }],
    [{ saml: { wants: { signed: 'nothing' } } }],
    [{ oidc: { issuer: 'https://op.example/\u20ac' } }],
    [{ saml: { metadata_url: 'https://idp.example/abmelden/\u00fc' } }],
    [{ saml: { clock_skew_seconds: 301 } }],
    [{ saml: { assertion_seconds: 3601 } }],
    [{ saml: { authn_context: { 'urn:else': [] } } }],
    [{ oidc: { algorithms: ['none'] } }],
    [{ oidc: { algorithms: [] } }],
    [{ provisioning: { groups: Array(201).fill({ group: 'x' }) } }],
    [{ mapping: { sub: ['x'] } }],
    [{ __proto__: null, constructor: {} }],
  ])('%j is nothing that can be said', (given) => {
    expect(GivenSettings.safeParse(given).success).toBe(false);
  });
});

describe('merge patches, as deep as they go (RFC 7396)', () => {
  // RFC 7396 appendix A, as far as both are objects.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j and %j → %j', (target, patch, merged) => {
    expect(mergePatch(target, patch)).toEqual(merged);
  });

  it('change nobody’s prototype', () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
    expect([({} as { polluted?: true }).polluted, Object.getPrototypeOf(merged)]).toEqual([
      undefined,
      Object.prototype,
    ]);
  });

  it('of a schema take every member at every depth away, and add no default', () => {
    const schema = partialOf(
      z.strictObject({
        a: z.strictObject({ b: z.number().default(1), c: z.string() }).prefault({ c: 'x' }),
        d: z.boolean(),
      }),
    );
    for (const given of [{}, { a: null }, { a: {} }, { a: { b: null } }, { d: true }])
      expect(schema.parse(given)).toEqual(given);
    for (const given of [{ e: 1 }, { a: { e: 1 } }, { a: { b: 'x' } }])
      expect(schema.safeParse(given).success).toBe(false);
  });
});
