// What links in letters open, sign-out, setup, errors and the mailbox of development.
import { account, actions, client, long, page, type Sample, username } from './sample.js';

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

export const others: Sample[] = [
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
  page('errors/reference', 'first', { traceId: '01JD-7K3Q' }),
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
