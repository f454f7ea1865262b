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
  places: ['overview', 'members', 'policy', 'settings'],
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
const aboutMember = {
  managed: true,
  choices: ['owner', 'admin', 'member'],
  values: { role: 'member', permissions: 'invoices:read\ninvoices:write' },
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
