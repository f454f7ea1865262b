// Sample data for every page: one line per state worth looking at. Used by the preview and by the tests of the pages.

import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../config/root.js';
import { TOLD } from '../../src/features/audit/own-activity.js';
import { type Page, Views } from '../../src/platform/views.js';
import { letterSamples } from './letters.js';

export const viewsRoot = path.join(projectRoot, 'views');

const client = {
  name: 'Trip Planner',
  host: 'trips.example.com',
  logo_uri: `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#c2410c" d="M0 0h8v8H0z"/></svg>')}`,
  policy_uri: 'https://trips.example.com/privacy',
  tos_uri: 'https://trips.example.com/terms',
};
const at = '/interaction/6uM0';
const actions = {
  submit: `${at}/login`,
  cancel: `${at}/cancel`,
  back: `${at}/identifier`,
  restart: '/authorize?again',
  code: at,
  recovery: `${at}?with=recovery_code`,
};
const factor = {
  submit: `${at}/second_factor`,
  code: `${at}?with=code`,
  recovery: `${at}?with=recovery_code`,
  mail: `${at}?with=email_code`,
  lost: `${at}?with=lost`,
};
const register = { submit: `${at}/register`, strength: `${at}/strength`, signIn: `${at}?with=login` };
const passkey = { options: { challenge: 'AAAA', rpId: 'acme.example', allowCredentials: [] }, conditional: true };
const account = { email: 'maria@acme.example', initials: 'MS' };
const username = account.email;
const long = 'maria.antonia.von.hohenlohe-langenburg+travel@subsidiary.international.example.com';

export interface Sample {
  /** File name of the preview. */
  name: string;
  template: string;
  data: object;
}

const scopes = [
  { name: 'openid' },
  { name: 'profile' },
  { name: 'email', isNew: true },
  { name: 'bookings:read', text: 'Read your bookings', optional: true, isNew: true, resource: 'Acme Bookings' },
];

const errors = [
  'redirect_uri',
  'client',
  'expired',
  'too_many_requests',
  'busy',
  'not_found',
  'other_browser',
  'link_expired',
  'generic',
];

const own = {
  base: '/account',
  signOut: '/logout',
  account: { name: 'Maria Silva', email: account.email, initials: 'MS' },
};
const totp = {
  secret: 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP',
  qr: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><path fill="#ffffff" d="M0 0h29v29H0z"/><path stroke="#000000" d="M2 2.5h7m1 0h9m1 0h7"/></svg>',
  offer: 'v1.sealed',
};
const codes = Array.from({ length: 10 }, (_, index) => `7K2M-9QXD-3T${index}V`);
const creation = { options: { challenge: 'AAAA', rp: { id: 'acme.example' }, user: { id: 'AAAA' } } };

const at1405 = '2026-11-21T14:05:00.000Z';

export const samples: Sample[] = [
  page('account/overview', 'first', { ...own, here: 'overview', lastSignIn: at1405 }),
  page('account/overview', 'long', { ...own, here: 'overview', account: { name: long, email: long, initials: 'M' } }),
  ...[[], ['nickname']].map((wrong) =>
    page('account/profile', wrong.length > 0 ? 'wrong' : 'first', {
      ...own,
      here: 'profile',
      values: { name: 'Maria Silva', given_name: '', family_name: '', nickname: 'M', zoneinfo: 'UTC', locale: 'de' },
      wrong,
      ...(wrong.length > 0 ? {} : { notice: 'profile_saved' }),
      zones: ['UTC', 'America/Argentina/Buenos_Aires', 'Europe/Lisbon'],
      languages: [
        { tag: 'de', name: 'Deutsch' },
        { tag: 'ar', name: 'العربية' },
      ],
      actions: { submit: '/account/profile' },
    }),
  ),
  page('account/security', 'all', {
    ...own,
    here: 'security',
    notice: 'password_changed',
    password: { has: true, shown: true },
    passkeys: { count: 2, shown: true },
    totp: { has: true, shown: true },
    codes: { left: 3, shown: true },
  }),
  page('account/security', 'none', {
    ...own,
    here: 'security',
    password: { has: false, shown: true },
    passkeys: { count: 0, shown: true },
    totp: { has: false, shown: true },
    codes: { left: 0, shown: false },
  }),
  ...[
    {},
    { error: { code: 'wrong_current' } },
    { error: { code: 'locked_current', seconds: 290 } },
    { reasons: ['same'] },
  ].map((answer, index) =>
    page('account/security/password', ['first', 'wrong', 'locked', 'refused'][index] ?? '', {
      ...own,
      here: 'security',
      username,
      first: false,
      minLength: 8,
      ...answer,
      actions: { submit: '/account/security/password', strength: '/account/security/password/strength' },
    }),
  ),
  page('account/security/password', 'none-yet', {
    ...own,
    here: 'security',
    username,
    first: true,
    minLength: 12,
    actions: { submit: '/account/security/password' },
  }),
  page('account/security/passkeys', 'none', {
    ...own,
    here: 'security',
    passkeys: [],
    passkey: { optionsFrom: '/api/v1/passkeys/register/options' },
    actions: { submit: '/account/security/passkeys' },
  }),
  page('account/security/passkeys', 'several', {
    ...own,
    here: 'security',
    error: { code: 'last_way_in' },
    passkeys: [
      {
        id: 'a',
        name: 'MacBook',
        provider: 'Apple Passwords',
        synced: true,
        device_bound: false,
        created_at: at1405,
        last_used_at: at1405,
      },
      {
        id: 'b',
        name: long,
        provider: null,
        synced: false,
        device_bound: true,
        created_at: at1405,
        last_used_at: null,
        flagged_at: at1405,
      },
    ],
    signal: {
      rpId: 'acme.example',
      userId: 'AAAA',
      name: username,
      displayName: 'Maria "M" Silva',
      allAcceptedCredentialIds: ['a', 'b'],
    },
    passkey: { optionsFrom: '/api/v1/passkeys/register/options' },
    actions: { submit: '/account/security/passkeys' },
  }),
  ...[true, false].map((has) =>
    page('account/security/totp', has ? 'on' : 'off', {
      ...own,
      here: 'security',
      has,
      ...(has ? { error: { code: 'last_second_factor' } } : {}),
      actions: { setup: '/account/security/totp/setup', remove: '/account/security/totp/remove' },
    }),
  ),
  page('account/security/totp-setup', 'wrong', {
    ...own,
    here: 'security',
    totp,
    error: { code: 'wrong_code' },
    actions: { submit: '/account/security/totp/setup' },
  }),
  page('account/security/recovery-codes', 'few', {
    ...own,
    here: 'security',
    left: 2,
    factor: true,
    actions: { submit: '/account/security/recovery-codes' },
  }),
  page('account/security/recovery-codes', 'nothing', {
    ...own,
    here: 'security',
    left: 0,
    factor: false,
    actions: { submit: '/account/security/recovery-codes' },
  }),
  page('account/security/new-codes', 'first', { ...own, here: 'security', codes }),
  page('account/devices', 'several', {
    ...own,
    here: 'devices',
    sessions: [
      {
        id: '1',
        current: true,
        browser: 'Chrome',
        system: 'macOS',
        ip: '192.0.2.7',
        clients: ['Trip Planner', 'Invoices'],
        since: at1405,
        lastActive: at1405,
      },
      { id: '2', current: false, clients: [], since: at1405, lastActive: at1405 },
    ],
    remembered: [
      {
        id: '3',
        browser: 'Safari',
        system: 'iPhone',
        ip: '2001:db8:1234:5678:9abc:def0:1234:5678',
        lastSeen: at1405,
        until: at1405,
      },
    ],
  }),
  page('account/devices', 'one', {
    ...own,
    here: 'devices',
    sessions: [
      { id: '1', current: true, system: 'Linux', ip: '192.0.2.7', clients: [], since: at1405, lastActive: at1405 },
    ],
    remembered: [],
  }),
  page('account/applications', 'several', {
    ...own,
    here: 'applications',
    applications: [
      {
        id: 'trips',
        name: client.name,
        logo_uri: client.logo_uri,
        since: at1405,
        scopes: [{ name: 'email' }, { text: 'Read your bookings', resource: 'Acme Bookings' }],
      },
      { id: 'long', name: long, since: at1405, scopes: [] },
    ],
  }),
  page('account/applications', 'none', { ...own, here: 'applications', applications: [] }),
  page('account/activity', 'several', {
    ...own,
    here: 'activity',
    older: '0199f0c4-1111-7000-8000-3b1e0f6a2c51',
    events: [
      ...TOLD.map((name) => ({ key: name.replaceAll('.', '_'), at: at1405 })),
      { key: 'grant_given', at: at1405, ip: '192.0.2.7', browser: 'Firefox', system: 'Windows', client: client.name },
      { key: 'factor_added', at: at1405, ip: '192.0.2.7', factor: 'totp' },
    ],
  }),
  page('account/profile/email', 'first', { ...own, here: 'profile', email: '', actions: { submit: '/account/email' } }),
  page('account/profile/email', 'refused', {
    ...own,
    here: 'profile',
    email: 'maria',
    error: { code: 'unusable_email' },
    actions: { submit: '/account/email' },
  }),
  page('account/profile/email-confirm', 'first', {
    ...own,
    here: 'profile',
    token: 'once',
    email: long,
    actions: { submit: '/account/email/confirm' },
  }),
  page('account/settings', 'first', {
    ...own,
    here: 'settings',
    notifications: { new_device: true },
    actions: { submit: '/account/settings', export: '/account/export', delete: '/account/delete' },
  }),
  page('account/settings/delete', 'first', {
    ...own,
    here: 'settings',
    seconds: 2_592_000,
    actions: { submit: '/account/delete', export: '/account/export' },
  }),
  page('account/settings/delete', 'last', {
    ...own,
    here: 'settings',
    seconds: 2_592_000,
    error: { code: 'last_administrator' },
    actions: { submit: '/account/delete', export: '/account/export' },
  }),
  page('account/settings/export', 'first', { ...own, here: 'settings', actions: { submit: '/account/export' } }),
  page('account/activity', 'none', { ...own, here: 'activity', events: [] }),
  page('interaction/identifier', 'first', { client, actions }),
  page('interaction/identifier', 'moved', { client, username, moved: true, actions }),
  page('interaction/identifier', 'register', {
    client,
    username,
    onePage: true,
    byEmail: true,
    byLink: true,
    actions: { ...actions, register: `${at}?with=register` },
  }),
  page('interaction/identifier', 'passkey', { client, passkey, actions }),
  page('interaction/identifier', 'error', { client, username: 'maria', error: { code: 'invalid_username' }, actions }),
  page('interaction/identifier', 'passkey-only', { client, onePage: true, byPassword: false, passkey, actions }),
  page('interaction/identifier', 'letters', {
    client,
    onePage: true,
    byPassword: false,
    byEmail: true,
    byLink: true,
    error: { code: 'password_not_taken' },
    actions,
  }),
  page('interaction/identifier', 'one-page', { client, username, onePage: true, actions }),
  page('interaction/identifier', 'one-page-failed', {
    client,
    username,
    onePage: true,
    error: { code: 'failed' },
    actions,
  }),
  page('interaction/email-code', 'first', { client, username, actions }),
  page('interaction/email-code', 'wrong', { client, username, error: { code: 'wrong_email_code' }, actions }),
  page('interaction/email-code', 'paused', { client, username, error: { code: 'email_code_locked' }, actions }),
  page('interaction/confirmation', 'first', { client, email: username, sent: false, actions }),
  page('interaction/confirmation', 'sent', { client, email: username, sent: true, actions }),
  page('interaction/confirmation', 'wrong', {
    client,
    email: username,
    sent: true,
    error: { code: 'wrong_email_code' },
    actions,
  }),
  page('interaction/second-factor', 'first', {
    client,
    codes: true,
    recovery: false,
    canRecover: true,
    days: 30,
    actions: factor,
  }),
  page('interaction/second-factor', 'passkey', { client, codes: false, passkey, recovery: false, actions: factor }),
  page('interaction/second-factor', 'mail-first', {
    client,
    codes: false,
    others: false,
    mail: true,
    canMail: true,
    canLose: true,
    recovery: false,
    actions: factor,
  }),
  page('interaction/second-factor', 'mailed', {
    client,
    codes: true,
    others: true,
    mail: true,
    mailed: true,
    canMail: true,
    recovery: false,
    days: 30,
    error: { code: 'wrong_email_code' },
    actions: factor,
  }),
  page('interaction/second-factor', 'many', {
    client,
    codes: true,
    others: true,
    passkey,
    canMail: true,
    canLose: true,
    canRecover: true,
    recovery: false,
    actions: factor,
  }),
  page('interaction/factor-recovery', 'first', { client, seconds: 86_400, actions: factor }),
  page('interaction/factor-recovery', 'sent', { client, seconds: 86_400, sent: true, actions: factor }),
  page('interaction/register', 'first', { client, minLength: 8, actions: register }),
  page('interaction/register', 'refused', { client, username, name: 'Maria', reasons: ['common'], actions: register }),
  page('interaction/register', 'error', {
    client,
    username: 'maria',
    error: { code: 'invalid_username' },
    actions: register,
  }),
  page('interaction/registered', 'first', { client, username: long, actions }),
  page('interaction/registered', 'limited', {
    client,
    username,
    error: { code: 'too_many_requests', seconds: 600 },
    actions,
  }),
  page('interaction/magic-link', 'first', { client, username: long, actions }),
  page('interaction/magic-link', 'wrong', { client, username, error: { code: 'wrong_email_code' }, actions }),
  page('interaction/sign-in-link', 'first', { client, token: 'once', username: long, actions }),
  page('interaction/verify-email', 'first', { client, token: 'once', username: long, actions }),
  page('sign-in-link/elsewhere', 'first', { token: 'once', actions }),
  page('sign-in-link/code', 'first', { code: '042917' }),
  page('verify-email/confirm', 'first', { token: 'once', username: long, actions }),
  page('verify-email/confirm', 'unproved', { token: 'once', username, unproved: true, actions }),
  page('verify-email/confirm', 'wrong', {
    token: 'once',
    username,
    unproved: true,
    error: { code: 'not_verified' },
    actions,
  }),
  page('verify-email/expired', 'first', { actions }),
  page('verify-email/expired', 'missing', { error: { code: 'missing_username' }, actions }),
  page('verify-email/sent', 'first', {}),
  page('verify-email/done', 'first', {}),
  page('factor-recovery/wait', 'first', { at: '2026-11-22T14:05:00Z' }),
  page('factor-recovery/confirm', 'first', { token: 'once', username: long, actions }),
  page('factor-recovery/done', 'first', {}),
  page('lockdown/confirm', 'first', { token: 'abc', username, factors: 'none', actions }),
  page('lockdown/confirm', 'factors of the last days go', { token: 'abc', username, factors: 'removed', actions }),
  page('lockdown/confirm', 'the first factors stay', { token: 'abc', username, factors: 'first', actions }),
  page('lockdown/confirm', 'from an old session', { token: 'abc', username, factors: 'kept', actions }),
  page('lockdown/done', 'first', {}),
  page('interaction/second-factor', 'wrong', {
    client,
    codes: true,
    passkey,
    recovery: false,
    canRecover: true,
    error: { code: 'wrong_code' },
    actions: factor,
  }),
  page('interaction/second-factor', 'recovery', {
    client,
    codes: true,
    recovery: true,
    canRecover: true,
    actions: factor,
  }),
  page('interaction/enrolment', 'first', { client, totp, actions }),
  page('interaction/enrolment', 'either', {
    client,
    totp,
    passkey: creation,
    error: { code: 'passkey_not_allowed' },
    actions,
  }),
  page('interaction/enrolment', 'passkey', { client, passkey: creation, actions }),
  page('interaction/add-passkey', 'first', { client, username, passkey: creation, actions }),
  page('interaction/add-passkey', 'failed', {
    client,
    username,
    passkey: creation,
    error: { code: 'passkey_failed' },
    actions,
  }),
  page('interaction/recovery-codes', 'first', { client, codes, actions }),
  page('interaction/password', 'first', { client, username, initials: 'M', actions }),
  page('interaction/password', 'failed', { client, username, initials: 'M', error: { code: 'failed' }, actions }),
  page('interaction/password', 'locked', {
    client,
    username: long,
    initials: 'M',
    error: { code: 'locked', seconds: 290 },
    actions,
  }),
  page('interaction/password', 'locked-for-good', {
    client,
    username,
    initials: 'M',
    error: { code: 'locked', seconds: 251_000_000_000 },
    actions,
  }),
  page('interaction/change-password', 'first', { client, username, actions }),
  page('interaction/change-password', 'refused', { client, username, reasons: ['too_short', 'common'], actions }),
  page('interaction/select-account', 'two', {
    client,
    actions,
    accounts: [
      { id: '1', ...account, name: 'Maria Silva', current: true },
      { id: '2', email: long, initials: 'ML', name: 'Maria Antonia' },
    ],
  }),
  page('interaction/consent', 'known', { client, account, scopes, actions: { ...actions, switch: '/switch' } }),
  page('interaction/consent', 'dynamic', {
    client: {
      ...client,
      name: 'Acme Bank <b>official</b>',
      host: 'a-very-long-host-name.of-somebody.example.net',
      dynamic: true,
    },
    account: { email: long, initials: 'ML' },
    scopes,
    actions: { ...actions, switch: '/switch' },
  }),
  page('interaction/consent', 'dynamic-verified', {
    client: { ...client, dynamic: true, verified: true, tos_uri: undefined },
    account,
    scopes: scopes.slice(0, 2),
    actions,
  }),
  page('interaction/form-post', 'first', {
    action: 'https://trips.example.com/callback',
    fields: { code: 'c0de', state: 'two\n  lines "quoted"', iss: 'https://id.example.com' },
  }),
  page('logout/confirm', 'client', { client, account, action: '/session/end/confirm', xsrf: 'x' }),
  page('logout/confirm', 'alone', { action: '/session/end/confirm', xsrf: 'x' }),
  page('logout/done', 'applications', {
    applications: ['Trip Planner', 'Invoices'],
    backTo: { name: 'Trip Planner', uri: 'https://trips.example.com/' },
  }),
  page('logout/done', 'alone', {}),
  page('logout/bounce', 'first', { action: '/session/end/confirm', fields: { xsrf: 'x', logout: 'yes' } }),
  ...errors.map((code) =>
    page('errors/error', code, {
      code,
      traceId: '01JD-7K3Q',
      ...(code === 'busy' || code === 'too_many_requests' ? { seconds: 30 } : {}),
      ...(code === 'redirect_uri'
        ? { client, backTo: { name: 'Trip Planner', uri: 'https://trips.example.com/' } }
        : {}),
    }),
  ),
  page('setup/setup', 'first', { token: 'once', actions: { submit: '/setup' } }),
  page('setup/setup', 'refused', {
    token: 'once',
    username,
    reasons: ['contains_email'],
    actions: { submit: '/setup' },
  }),
  page('setup/setup', 'taken', { username, error: { code: 'taken_username' }, actions: { submit: '/setup' } }),
  page('setup/done', 'first', {
    issuer: 'https://id.example.com',
    client_id: '0199f0c4-1111-7000-8000-3b1e0f6a2c51',
    client_secret: 'kY0wqW8m4J3b6Xz1Vt5Nn2Rr7Cc9Ll0Pp8Dd6Ff4Gg2',
  }),
  page('password/set', 'first', { token: 'once', username, actions: { submit: '/password' } }),
  page('password/set', 'refused', { token: 'once', username, reasons: ['common'], actions: { submit: '/password' } }),
  page('password/forgotten', 'first', { actions: { submit: '/forgotten-password' } }),
  page('password/forgotten', 'missing', {
    error: { code: 'missing_username' },
    actions: { submit: '/forgotten-password' },
  }),
  page('password/sent', 'first', {}),
  page('email-undo/confirm', 'first', { token: 'once', email: username, actions: { submit: '/email-undo' } }),
  page('email-undo/confirm', 'taken', {
    token: 'once',
    email: long,
    error: { code: 'address_taken' },
    actions: { submit: '/email-undo' },
  }),
  page('restore/confirm', 'first', { token: 'once', email: username, actions: { submit: '/account-restore' } }),
  page('restore/done', 'first', { actions: { signIn: '/account', forgotten: '/forgotten-password' } }),
  page('restore/closed', 'first', { seconds: 2_592_000 }),
  page('password/done', 'first', { continueTo: '/account' }),
  page('dev/mailbox', 'list', {
    actions: { list: '/dev/mailbox' },
    messages: [
      { id: '1', to: username, subject: 'Choose a new password', at: '2026-11-21T14:05:00Z', href: '/dev/mailbox/1' },
      { id: '2', to: long, subject: 'Signing in is paused', at: '2026-11-21T14:01:00Z', href: '/dev/mailbox/2' },
    ],
  }),
  page('dev/mailbox', 'empty', { actions: { list: '/dev/mailbox' }, messages: [] }),
  page('dev/mailbox', 'message', {
    actions: { list: '/dev/mailbox' },
    messages: [],
    message: {
      to: username,
      subject: 'Choose a new password',
      at: '2026-11-21T14:05:00Z',
      text: 'Choose a new password\n\nhttps://id.example.com/password?token=abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGH\n\nThe link works once.',
    },
  }),
];

export const letters: Sample[] = Object.entries(letterSamples).flatMap(([name, all]) =>
  all.map((data, index) => page(`emails/${name}`, String(index + 1), data)),
);

export const samplePage = (locale: string): Page => ({
  locale,
  brand: { name: 'Acme Travel' },
  csrf: 'csrf-token',
  requestId: '01JD-REQ',
  links: { help: 'https://acme.example/help', privacy: 'https://acme.example/privacy' },
});

/** Every page in every language as a file beside its assets. @returns the file names */
export function writePages(folder: string, locales?: string[]): string[] {
  const views = new Views({ root: viewsRoot, cache: true });
  mkdirSync(path.join(folder, 'assets'), { recursive: true });
  for (const name of readdirSync(path.join(viewsRoot, 'assets')))
    copyFileSync(path.join(viewsRoot, 'assets', name), path.join(folder, 'assets', name));
  // A file has no origin to start addresses from, and a preview must not send itself away.
  const local = (html: string) =>
    html
      .replaceAll(/"\/assets\/[0-9a-f]{10}-/g, '"assets/')
      .replaceAll('<script src="assets/form-post.js" defer></script>', '');
  const files: string[] = [];
  const write = (name: string, content: string) => {
    writeFileSync(path.join(folder, name), content);
    files.push(name);
  };
  for (const locale of locales ?? views.locales.available) {
    for (const { name, template, data } of samples)
      write(`${locale}.${name}.html`, local(views.render(template, data, samplePage(locale))));
    for (const { name, template, data } of letters) {
      const letter = views.email(template, data, samplePage(locale));
      write(`${locale}.${name}.html`, letter.html);
      write(`${locale}.${name}.txt`, `${letter.subject}\n\n${letter.text}`);
    }
  }
  return files;
}

function page(template: string, state: string, data: object): Sample {
  return { name: `${template.replaceAll('/', '.')}.${state}`, template, data };
}
