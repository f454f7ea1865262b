// What a connection is told to do. Stored as it was given; what is absent is said by its preset, then by its kind, then here.
import { z } from 'zod';
import { mergePatch, partialOf } from '../../platform/merge-patch.js';
import { normalizeDomain } from '../domains/domain-name.js';
import { OAuth2 } from './connection-oauth2.settings.js';
import { Oidc } from './connection-oidc.settings.js';
import { Saml } from './connection-saml.settings.js';
import { type PresetName, presetOf } from './presets/presets.js';

export const CONNECTION_KINDS = ['saml', 'oidc', 'oauth2'] as const;
export type ConnectionKind = (typeof CONNECTION_KINDS)[number];

/** The first that is there counts; an empty list: it is not read. */
const names = z.array(z.string().min(1).max(512)).max(10).default([]);

const Mapping = z
  .strictObject({
    email: names,
    email_verified: names,
    name: names,
    given_name: names,
    family_name: names,
    nickname: names,
    preferred_username: names,
    picture: names,
    locale: names,
    groups: names,
  })
  .meta({ description: 'Which attributes say it, the first that is there; an empty list takes nothing over' });

const group = z.string().min(1).max(512);
const roles = z.array(z.uuid()).max(20);

const Provisioning = z.strictObject({
  create: z.boolean().default(true).meta({ description: 'Whoever is not known yet gets an account' }),
  role: z.enum(['member', 'admin']).nullable().default(null),
  roles: roles.default([]).meta({ description: 'Ids of custom roles of the organization' }),
  groups: z
    .array(
      z.strictObject({
        group,
        role: z.enum(['member', 'admin']).optional(),
        roles: roles.optional(),
        teams: z.array(z.uuid()).max(20).optional(),
      }),
    )
    .max(200)
    .default([])
    .meta({ description: 'What those of a group are besides, as long as they are in it' }),
  required_groups: z.array(group).max(50).default([]).meta({ description: 'Only those of one of them sign in' }),
  sync: z.boolean().default(true).meta({ description: 'What is mapped follows the identity provider at each sign-in' }),
  deprovision: z
    .enum(['keep', 'suspend', 'remove'])
    .default('keep')
    .meta({ description: 'What becomes of the membership of who is in no required group any more' }),
});

const Common = z.strictObject({
  discovery: z
    .enum(['required', 'offered', 'off'])
    .default('offered')
    .meta({ description: 'Whether people of its domains are sent there; required: nothing else is taken for them' }),
  domains: z
    .array(z.string().max(253).refine(isDomain, { message: 'must be a domain as DNS has it, as example.com' }))
    .max(200)
    .default([])
    .meta({ description: 'Of a connection of the tenant; one of an organization has the domains that were proved' }),
  button: z.boolean().default(false).meta({ description: 'On the sign-in page; never of an organization' }),
  trust: z.strictObject({
    email: z.enum(['claim', 'always', 'never']).meta({
      description: 'Whether an address counts as proved: where it is said to be, unless it is said not to be, never',
    }),
    mfa: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether a second factor over there counts as one here; only the tenant says so' }),
  }),
  mapping: Mapping,
  provisioning: Provisioning,
});

const kinds = { saml: Saml, oidc: Oidc, oauth2: OAuth2 } as const;

export type CommonSettings = z.output<typeof Common>;
export type SamlSettings = z.output<typeof Saml>;
export type OidcSettings = z.output<typeof Oidc>;
export type OAuth2Settings = z.output<typeof OAuth2>;
/** With everything filled in. Of the kinds it has the one that it is, and that only where nothing is missing: of one that is enabled always. */
export type ConnectionSettings = CommonSettings & {
  saml?: SamlSettings | undefined;
  oidc?: OidcSettings | undefined;
  oauth2?: OAuth2Settings | undefined;
};

/** What may be given, of whatever kind: nothing has to be, because who registers us there has to be told our addresses first. */
export const GivenSettings = partialOf(z.strictObject({ ...Common.shape, ...kinds }));
export type GivenSettings = Record<string, unknown>;

export interface Configured {
  kind: ConnectionKind;
  preset: PresetName | null;
  organizationId: string | null;
  storedSettings: GivenSettings;
}

/** @throws ZodError for what is stored and was never checked. */
export function readSettings(one: Configured): ConnectionSettings {
  const { saml, oidc, oauth2, ...common } = layered(one);
  return { ...Common.parse(common), [one.kind]: kinds[one.kind].safeParse({ saml, oidc, oauth2 }[one.kind]).data };
}

/** @returns what it lacks to be of its kind, as zod says it. */
export const lacking = (one: Configured): z.core.$ZodIssue[] =>
  kinds[one.kind].safeParse(layered(one)[one.kind]).error?.issues ?? [];

const layered = ({ kind, preset, organizationId, storedSettings }: Configured): GivenSettings =>
  [
    organizationId ? ofOrganization : ofTenant,
    byKind[kind],
    organizationId ? ofOrganizationByKind[kind] : {},
    preset ? presetOf(preset).settings(storedSettings) : {},
    storedSettings,
  ].reduce(mergePatch);

const ofTenant: GivenSettings = { mapping: {}, provisioning: {} };
/** Whoever comes in by its own identity provider belongs to it. */
const ofOrganization: GivenSettings = { mapping: {}, provisioning: { role: 'member' } };

const ldap = (oid: string) => `urn:oid:${oid}`;
const ws = (name: string) => `http://schemas.xmlsoap.org/ws/2005/05/identity/claims/${name}`;

/** Its SAML is its own directory; behind the other two may be a provider at which anybody has an account, with whatever address they have typed. */
const ofOrganizationByKind: Readonly<Record<ConnectionKind, GivenSettings>> = {
  saml: { trust: { email: 'always' } },
  oidc: { trust: { email: 'claim' } },
  oauth2: { trust: { email: 'claim' } },
};

/** OpenID Connect Core §5.1. */
const standardClaims: GivenSettings = {
  email: ['email'],
  email_verified: ['email_verified'],
  name: ['name'],
  given_name: ['given_name'],
  family_name: ['family_name'],
  nickname: ['nickname'],
  preferred_username: ['preferred_username'],
  picture: ['picture'],
  locale: ['locale'],
  groups: ['groups'],
};

const byKind: Readonly<Record<ConnectionKind, GivenSettings>> = {
  saml: {
    // Nothing in SAML says that an address was proved.
    trust: { email: 'never' },
    mapping: {
      email: ['email', 'mail', ws('emailaddress'), ldap('0.9.2342.19200300.100.1.3')],
      name: ['displayName', 'name', ws('name'), ldap('2.16.840.1.113730.3.1.241')],
      given_name: ['givenName', 'firstName', ws('givenname'), ldap('2.5.4.42')],
      family_name: ['sn', 'surname', 'lastName', ws('surname'), ldap('2.5.4.4')],
      preferred_username: ['uid', 'username', ldap('0.9.2342.19200300.100.1.1')],
      locale: ['preferredLanguage', ldap('2.16.840.1.113730.3.1.39')],
      groups: ['groups', 'memberOf', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups'],
    },
    saml: {},
  },
  oidc: { trust: { email: 'claim' }, mapping: standardClaims, oidc: {} },
  oauth2: { trust: { email: 'never' }, mapping: standardClaims, oauth2: {} },
};

function isDomain(value: string): boolean {
  return normalizeDomain(value) === value;
}
