import { describe, expect, it } from '@jest/globals';
import { readSettings } from '../../src/features/connections/connection.settings.js';
import { mapped } from '../../src/features/connections/mapping.js';

type Kind = 'saml' | 'oidc' | 'oauth2';
const base = {
  saml: {},
  oidc: { oidc: { issuer: 'https://idp.example', client_id: 'c' } },
  oauth2: { oauth2: { client_id: 'c' } },
};
const rules = (kind: Kind, more: object = {}) => {
  const layered = readSettings as (one: object) => ReturnType<typeof readSettings>;
  return layered({ kind, preset: null, organizationId: null, storedSettings: { ...base[kind], ...more } });
};
const map = (
  attributes: Record<string, string[]>,
  { kind = 'oidc', settings = {}, domains = null }: { kind?: Kind; settings?: object; domains?: string[] | null } = {},
) => mapped(rules(kind, settings), { attributes }, domains);

describe('what attributes make of somebody', () => {
  it('claims of OpenID Connect by their own names', () => {
    const attributes = {
      name: ['Ada L'],
      given_name: ['Ada'],
      locale: ['en-GB'],
      picture: ['https://a.example/p'],
      sub: ['7'],
      admin: ['true'],
    };
    expect(map(attributes).claims).toEqual({
      name: 'Ada L',
      given_name: 'Ada',
      locale: 'en-GB',
      picture: 'https://a.example/p',
    });
  });

  it('of SAML by their friendly names and by their object identifiers', () => {
    const attributes = {
      'urn:oid:2.5.4.42': ['Ada'],
      sn: ['Lovelace'],
      mail: ['Ada@Acme.example'],
      memberOf: ['ops', 'ops', 'dev'],
    };
    const person = map(attributes, { kind: 'saml' });
    expect(person.claims).toEqual({ given_name: 'Ada', family_name: 'Lovelace' });
    expect(person).toMatchObject({
      email: 'Ada@Acme.example',
      emailNormalized: 'ada@acme.example',
      groups: ['ops', 'dev'],
    });
  });

  it('of several names the first that says something', () => {
    const settings = { mapping: { name: ['nick', 'cn'] } };
    expect(map({ nick: [' '], cn: ['Ada'] }, { settings }).claims).toEqual({ name: 'Ada' });
  });

  it('nothing that no person may have: it is named, and left out', () => {
    const attributes = {
      name: ['A\u0000da'],
      given_name: ['\u202eadA'],
      picture: ['javascript:alert(1)'],
      locale: ['<b>'],
      family_name: ['L'.repeat(101)],
      email: ['no address'],
    };
    const person = map(attributes);
    expect(person.claims).toEqual({});
    expect(person.email).toBeUndefined();
    expect(person.dropped.map(({ claim }) => claim).sort()).toEqual([
      'email',
      'family_name',
      'given_name',
      'locale',
      'name',
      'picture',
    ]);
  });

  it.each(['\u202e', '\u2066', '\u0000', '\u2028', '\ud800'])(
    'no picture whose address holds what nobody sees, %j',
    (hidden) => {
      const person = map({ picture: [`https://x.example/${hidden}gnp.exe`] });
      expect([person.claims, person.dropped]).toEqual([{}, [{ claim: 'picture', attribute: 'picture' }]]);
    },
  );

  it('names of the prototype say nothing', () => {
    const settings = { mapping: { name: ['constructor', '__proto__', 'toString'], groups: ['constructor'] } };
    expect(map({}, { settings })).toMatchObject({ claims: {}, groups: [] });
  });

  it('groups with control characters are nobody’s, and no more than a thousand are looked at', () => {
    const groups = ['a\nb', '', ...Array.from({ length: 1200 }, (_, at) => `g${at}`)];
    expect(map({ groups }).groups).toHaveLength(1000);
    expect(map({ groups }).groups[0]).toBe('g0');
  });
});

describe('whether the address counts as proved', () => {
  type Row = [
    name: string,
    trust: 'claim' | 'always' | 'never',
    said: string | undefined,
    domains: string[] | null,
    believed: boolean,
  ];
  it.each<Row>([
    ['tenant, claim, said so', 'claim', 'true', null, true],
    ['tenant, claim, said not', 'claim', 'false', null, false],
    ['tenant, claim, not said', 'claim', undefined, null, false],
    ['tenant, claim, something else said', 'claim', 'yes', null, false],
    ['tenant, always, not said', 'always', undefined, null, true],
    ['tenant, never, said so', 'never', 'true', null, false],
    ['tenant, always, said so', 'always', 'true', null, true],
    ['tenant, always, said not', 'always', 'false', null, false],
    ['organization, claim, said so', 'claim', 'true', ['acme.example'], true],
    ['organization, claim, not said', 'claim', undefined, ['acme.example'], false],
    ['organization, claim, said not', 'claim', 'false', ['acme.example'], false],
    ['organization, claim, something else said', 'claim', '1', ['acme.example'], false],
    ['organization, always, not said', 'always', undefined, ['acme.example'], true],
    ['organization, always, said not', 'always', 'false', ['acme.example'], false],
    ['organization, always, said not in other words', 'always', 'No', ['acme.example'], false],
    ['organization, never, said so', 'never', 'true', ['acme.example'], false],
    ['organization, claim, another domain', 'claim', 'true', ['other.example'], false],
    ['organization, another domain, always', 'always', 'true', ['other.example'], false],
    ['organization, a domain above', 'always', 'true', ['example'], false],
    ['organization, a domain below', 'always', 'true', ['eu.acme.example'], false],
    ['organization without domains', 'always', 'true', [], false],
  ])('%s', (_name, email, said, domains, believed) => {
    const attributes = { email: ['ada@acme.example'], ...(said === undefined ? {} : { email_verified: [said] }) };
    expect(map(attributes, { settings: { trust: { email } }, domains }).emailVerified).toBe(believed);
  });

  it('no address is no proved address', () => {
    expect(map({ email_verified: ['true'] }).emailVerified).toBe(false);
    expect(map({}, { settings: { trust: { email: 'always' } } }).emailVerified).toBe(false);
  });
});
