// What each letter is given, as an example: a letter without one does not compile.
import type { MailTemplates } from '../../src/features/mail/mail.templates.js';

const link = 'https://id.example.com/step?token=abc&x=1';
const timed = { link, minutes: 15 };
const at = '2026-11-21T14:20:00Z';

export const letterSamples: { [T in keyof MailTemplates]: MailTemplates[T][] } = {
  verify_email: [{ link, minutes: 24 * 60 }],
  set_password: [{ link, minutes: 60 }],
  magic_link: [timed],
  sign_in_code: [{ code: '042917', minutes: 10 }],
  registration_existing: [{ link }],
  new_device: [
    { browser: 'Firefox', system: 'Linux', ip: '203.0.113.9', at, link, minutes: 7 * 24 * 60 },
    { at, link, minutes: 7 * 24 * 60 },
    { at, link, minutes: 7 * 24 * 60, refused: true },
  ],
  account_locked: [
    { until: at, ip: '203.0.113.9' },
    { until: '9999-12-31T23:59:59Z' },
    { until: at, code: true },
    { until: '9999-12-31T23:59:59Z', code: true },
  ],
  repeated_lockouts: [{ until: at }, { until: '9999-12-31T23:59:59Z' }],
  account_unlocked: [{ at }],
  second_factors_removed: [{ at }],
  impersonated: [{ at, until: at, reason: 'You asked why & "where"', link }],
  password_changed: [{ at, link }, { at }],
  email_changed: [{ email: 'n…@example.org', link, minutes: 72 * 60 }],
  email_change_confirm: [timed],
  email_change_taken: [{}],
  factor_added: [
    { factor: 'totp', at, link },
    { factor: 'passkey', at },
    { factor: 'identity', name: 'Acme Mail', at, link },
  ],
  factor_removed: [
    { factor: 'recovery_codes', at, link },
    { factor: 'totp', at },
  ],
  recovery_requested: [{ link, minutes: 7 * 24 * 60, at }],
  factors_recovered: [{ at }],
  recovery_codes_low: [{ left: 2, link }, { left: 1 }],
  account_deletion: [{ until: '2026-12-21T14:20:00Z', link, not_me: link.replace('step', 'lockdown') }],
  account_kept: [{ at, link }],
  organization_invitation: [
    {
      link,
      minutes: 7 * 24 * 60,
      organization: 'Acme & Söhne',
      role: 'admin',
      inviter: 'Ana Prado',
      message: 'Hello!\nCome in.',
    },
    { link, minutes: 24 * 60, organization: 'Acme', role: 'member' },
    { link, minutes: 24 * 60, organization: 'Acme', role: 'owner', inviter: 'ana@example.com' },
  ],
  domain_lost: [{ domain: 'acme.example', organization: 'Acme & Söhne', record: '_ostiary-challenge.acme.example' }],
  security_alert: [
    { kind: 'sign_in_failures', at, count: 31 },
    { kind: 'administrator_appointed', at, count: 0 },
    { kind: 'audit_log_broken', at, count: 0 },
  ],
  webhook_disabled: [
    { host: 'hooks.acme.example', reason: 'failing' },
    { host: 'hooks.acme.example', reason: 'gone' },
  ],
  account_deleted: [{}],
  member_inactive: [{ organization: 'Acme', until: at, link }],
};
