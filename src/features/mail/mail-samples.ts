// What each letter is given, as an example to look at: no link of it leads anywhere.
import type { MailTemplates } from './mail.templates.js';

const link = 'https://id.example.com/sample';
const [at, until] = ['2026-11-21T14:20:00Z', '2026-12-21T14:20:00Z'];
const timed = { link, minutes: 15 };
const organization = 'Acme';

export const mailSamples: MailTemplates = {
  verify_email: { link, minutes: 24 * 60 },
  set_password: { link, minutes: 60 },
  magic_link: timed,
  sign_in_code: { code: '042917', minutes: 10 },
  registration_existing: { link },
  new_device: { browser: 'Firefox', system: 'Linux', ip: '203.0.113.9', at, link, minutes: 7 * 24 * 60 },
  account_locked: { until, ip: '203.0.113.9' },
  repeated_lockouts: { until },
  account_unlocked: { at },
  second_factors_removed: { at },
  impersonated: { at, until, reason: 'They asked why a booking does not show', link },
  password_changed: { at, link },
  email_changed: { email: 'n…@example.org', link, minutes: 72 * 60 },
  email_change_confirm: timed,
  email_change_taken: {},
  factor_added: { factor: 'passkey', at, link },
  factor_removed: { factor: 'totp', at, link },
  recovery_requested: { link, minutes: 7 * 24 * 60, at },
  factors_recovered: { at },
  recovery_codes_low: { left: 2, link },
  account_deletion: { until, link, not_me: `${link}/not-me` },
  account_kept: { at, link },
  account_deleted: {},
  organization_invitation: {
    ...{ link, minutes: 7 * 24 * 60, organization, role: 'member', inviter: 'Ana Prado' },
    message: 'Hello!\nCome in.',
  },
  domain_lost: { domain: 'acme.example', organization, record: '_ostiary-challenge.acme.example' },
  security_alert: { kind: 'sign_in_failures', at, count: 31 },
  webhook_disabled: { host: 'hooks.acme.example', reason: 'failing' },
  member_inactive: { organization, until, link },
};
