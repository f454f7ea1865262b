// The pages of organizations within the account, in each state worth looking at.
import { own } from './pages-account.js';
import { client, long, page, type Sample } from './sample.js';

const at1405 = '2026-11-21T14:05:00.000Z';
const inside = (place: string, more: object = {}) => ({
  ...own,
  here: 'organizations',
  organization: { name: 'Globex', slug: 'globex' },
  standing: { role: 'owner' },
  at: '/account/organizations/globex',
  place,
  places: ['overview', 'members', 'invitations', 'teams', 'roles', 'domains', 'policy', 'settings'],
  ...more,
});

const member = {
  id: '0199f0c4-1111-7000-8000-3b1e0f6a2c51',
  name: 'Maria Silva',
  email: own.account.email,
  role: 'member',
  roles: ['billing'],
  teams: ['lisbon'],
  since: at1405,
  lastUsed: at1405,
  suspended: null,
  reason: null,
  you: false,
};
const someRoles = [
  { id: 'r1', name: 'Billing', ticked: true },
  { id: 'r2', name: long, ticked: false },
];
const someTeams = [
  { id: 't1', name: 'Lisbon', ticked: true },
  { id: 't2', name: long, ticked: false },
];
const aboutMember = {
  managed: true,
  choices: ['owner', 'admin', 'member'],
  roles: someRoles,
  teams: someTeams,
  values: { role: 'member', permissions: 'invoices:read\ninvoices:write' },
};

const invitation = {
  id: 'i1',
  email: long,
  role: 'admin',
  state: 'pending',
  sent_at: at1405,
  expires_at: at1405,
  sends: 1,
};
const inviting = {
  values: { emails: '', role: 'member', roles: [], teams: [], template: '', message: '' },
  choices: ['owner', 'admin', 'member'],
  roles: someRoles,
  teams: someTeams,
  notInvited: [],
  next: null,
  state: 'pending',
};

const role = {
  id: 'r1',
  key: 'billing',
  name: 'Billing',
  description: 'Who looks after invoices',
  rank: 10,
  permissions: ['invoices:read', 'invoices:write'],
  ofTenant: false,
  managed: true,
};
const roleValues = { key: '', name: '', description: '', rank: '10', permissions: 'invoices:read' };

const domain = {
  id: 'd1',
  domain: 'globex.example',
  challenge: {
    name: '_ostiary-challenge.globex.example',
    value: 'ostiary-domain-verification=Yz4hU0vYf9b0k2sR7xN1mQ3tL8wE5aJc6dG',
  },
  verified_at: at1405,
  failed_checks: 1,
  auto_join: 'member',
  teams: someTeams,
};

const policy = {
  classes: ['mfa', 'phr', 'phrh'].map((name) => ({ value: `urn:ostiary:acr:${name}`, name })),
  ways: ['password', 'passkey', 'magic_link', 'email_code', 'connection'],
  lengths: [900, 3600, 28_800, 86_400, 604_800, 2_592_000],
  values: {
    acr: 'urn:ostiary:acr:mfa',
    grace_days: '14',
    trusted_networks: '198.51.100.0/24\n2001:db8::/32',
    ways_in: ['passkey'],
    session_seconds: '28800',
    ip_allow_list: '',
    min_length: '12',
    version: '3',
  },
};

const settings = {
  name: 'Globex',
  slug: 'globex',
  logo_uri: '',
  allowed_domains: 'globex.example',
  denied_domains: '',
  expires_days: '7',
  suspend_inactive_days: '',
  notice_days: '7',
  version: '3',
};

export const ofOrganizations: Sample[] = [
  page('account/organizations', 'several', {
    ...own,
    here: 'organizations',
    notice: 'organization_left',
    mayCreate: true,
    organizations: [
      { slug: 'globex', name: 'Globex', role: 'owner', logo_uri: client.logo_uri, since: at1405 },
      { slug: 'long', name: long, role: 'member', since: at1405 },
    ],
  }),
  page('account/organizations', 'none', { ...own, here: 'organizations', mayCreate: false, organizations: [] }),
  ...[
    { values: { name: '', slug: '' }, wrong: [] },
    { values: { name: 'Globex', slug: '-' }, wrong: ['name', 'slug'], error: { code: 'organization' } },
  ].map((state) =>
    page('account/organizations/new', state.wrong.length > 0 ? 'wrong' : 'first', {
      ...own,
      here: 'organizations',
      ...state,
      actions: { submit: '/account/organizations/new' },
    }),
  ),
  page(
    'account/organizations/overview',
    'much',
    inside('overview', {
      organization: { name: long, slug: 'globex' },
      logo_uri: client.logo_uri,
      role: 'owner',
      roles: ['billing', long],
      teams: ['lisbon', long],
      permissions: ['invoices:read', long],
      since: at1405,
      asks: {
        proof: 'phr',
        grace: 14,
        ways: ['passkey', 'connection'],
        seconds: 28_800,
        length: 12,
        addresses: true,
      },
    }),
  ),
  page(
    'account/organizations/overview',
    'little',
    inside('overview', {
      places: ['overview', 'members'],
      role: 'member',
      roles: [],
      teams: [],
      permissions: [],
      since: at1405,
      asks: { proof: null, grace: 0, ways: null, seconds: null, length: null, addresses: false },
    }),
  ),
  page('account/organizations/leave', 'last', inside('overview', { error: { code: 'last_owner' } })),
  page('account/organizations/delete', 'first', inside('settings')),
  page(
    'account/organizations/members',
    'several',
    inside('members', {
      search: '',
      next: '/account/organizations/globex/members?cursor=x',
      members: [
        { ...member, role: 'owner', you: true, managed: true },
        { ...member, name: long, email: long, suspended: true, managed: true },
        { ...member, role: 'admin', roles: [], teams: [], managed: false },
      ],
    }),
  ),
  page('account/organizations/members', 'none', inside('members', { search: long, next: null, members: [] })),
  page('account/organizations/member', 'first', inside('members', { ...aboutMember, member })),
  page(
    'account/organizations/member',
    'suspended',
    inside('members', {
      ...aboutMember,
      member: { ...member, name: long, suspended: at1405, reason: 'Unpaid', lastUsed: null },
      error: { code: 'permissions' },
    }),
  ),
  page(
    'account/organizations/invitations',
    'several',
    inside('invitations', {
      ...inviting,
      templates: [{ id: 'x', name: 'Welcome' }],
      next: '/account/organizations/globex/invitations?cursor=x',
      invitations: [invitation, { ...invitation, id: 'i2', email: 'jonas@globex.example', state: 'accepted' }],
      notInvited: [
        { email: long, code: 'already_member' },
        { email: 'nobody', code: 'something_new' },
      ],
      error: { code: 'not_invited' },
    }),
  ),
  page(
    'account/organizations/invitations',
    'none',
    inside('invitations', { ...inviting, roles: [], teams: [], templates: [], invitations: [], state: 'declined' }),
  ),
  page(
    'account/organizations/teams',
    'several',
    inside('teams', {
      manages: true,
      values: { name: '', slug: '' },
      wrong: ['slug'],
      error: { code: 'slug_taken' },
      next: '/account/organizations/globex/teams?cursor=x',
      teams: [
        { id: 't1', slug: 'lisbon', name: 'Lisbon', description: 'Who works in Lisbon' },
        { id: 't2', slug: 'long', name: long, description: null },
      ],
    }),
  ),
  page(
    'account/organizations/teams',
    'none',
    inside('teams', { manages: false, values: { name: '', slug: '' }, wrong: [], next: null, teams: [] }),
  ),
  ...[true, false].map((manages) =>
    page(
      'account/organizations/team',
      manages ? 'managed' : 'seen',
      inside('teams', {
        team: { id: 't1', name: 'Lisbon', slug: 'lisbon', description: manages ? 'Who works in Lisbon' : null },
        values: { name: 'Lisbon', slug: 'lisbon', description: '' },
        wrong: [],
        manages,
        members: manages ? [{ ...member, managed: true }] : [],
        more: manages,
      }),
    ),
  ),
  page(
    'account/organizations/roles',
    'several',
    inside('roles', {
      roles: [role, { ...role, id: 'r2', key: 'long', name: long, ofTenant: true, managed: false, description: null }],
      values: roleValues,
      wrong: ['key', 'name', 'description', 'rank', 'permissions'],
      error: { code: 'role_key_taken' },
    }),
  ),
  page('account/organizations/roles', 'none', inside('roles', { roles: [], values: roleValues, wrong: [] })),
  page(
    'account/organizations/role',
    'used',
    inside('roles', { role, values: { ...roleValues, name: 'Billing' }, wrong: [], error: { code: 'role_in_use' } }),
  ),
  page(
    'account/organizations/role',
    'of-tenant',
    inside('roles', { role: { ...role, ofTenant: true, managed: false }, values: roleValues, wrong: [] }),
  ),
  page(
    'account/organizations/domains',
    'several',
    inside('domains', {
      typed: '',
      domains: [
        domain,
        { ...domain, id: 'd2', domain: `${'a'.repeat(60)}.example`, verified_at: null, auto_join: null, teams: [] },
      ],
      error: { code: 'domain_not_proved' },
    }),
  ),
  page('account/organizations/domains', 'none', inside('domains', { typed: 'local', domains: [] })),
  page('account/organizations/policy', 'set', inside('policy', { ...policy, wrong: [] })),
  page(
    'account/organizations/policy',
    'wrong',
    inside('policy', {
      ...policy,
      standing: { role: 'admin' },
      wrong: ['grace_days', 'trusted_networks', 'ways_in', 'ip_allow_list', 'min_length'],
      error: { code: 'organization' },
    }),
  ),
  page('account/organizations/settings', 'first', inside('settings', { values: settings, wrong: [] })),
  page(
    'account/organizations/settings',
    'wrong',
    inside('settings', {
      values: settings,
      standing: { role: 'admin' },
      wrong: Object.keys(settings).filter((name) => name !== 'version'),
      error: { code: 'slug_taken' },
    }),
  ),
];
