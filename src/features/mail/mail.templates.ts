// Every letter there is, and exactly what it is given. Its words are `emails.<name>` in views/locales, its twins views/emails/<name>.{html,txt}.eta.
import type { NamedDevice } from '../../platform/user-agent.js';

/** A link that works once, and for how long. */
interface Link {
  link: string;
  minutes: number;
}

/** Something that happened; the link, where there is one, is for whoever did not do it. */
interface Notice {
  /** ISO 8601. */
  at: string;
  link?: string;
}

type Factor = 'totp' | 'passkey' | 'recovery_codes' | 'identity';

export interface MailTemplates {
  verify_email: Link;
  set_password: Link;
  magic_link: Link;
  sign_in_code: { code: string; minutes: number };
  /** Somebody tried to register an address that has an account. @param link where a password may be chosen. */
  registration_existing: { link: string };

  /** @param link locks the account down. @param browser and system: as the browser names itself. @param refused whoever it was was not let in. */
  new_device: Link & { at: string; ip?: string | undefined; refused?: boolean } & NamedDevice;
  /** @param until ISO 8601; the year 9999: it does not open by itself. @param code wrong codes were typed, after a right password. */
  account_locked: { until: string; code?: boolean; ip?: string };
  repeated_lockouts: { until: string };
  /** An administrator opened it. */
  account_unlocked: { at: string };
  /** An administrator took every second factor away. */
  second_factors_removed: { at: string };
  /** An administrator acts for them. @param until ISO 8601. @param reason in their own words. @param link where what happened is read. */
  impersonated: { at: string; until: string; reason: string; link: string };
  password_changed: Notice;
  /** To the old address. @param link takes the change back. @param email the new address, as much of it as may be shown. */
  email_changed: Link & { email: string };
  /** To the new address. */
  email_change_confirm: Link;
  /** To whoever has the address that somebody else wanted for their account. */
  email_change_taken: Record<string, never>;
  /** @param name of the identity provider, where it is one. */
  factor_added: Notice & { factor: Factor; name?: string };
  factor_removed: Notice & { factor: Factor; name?: string };
  /** @param at from when the link works. @param minutes how long from then on. */
  recovery_requested: Link & { at: string };
  /** By the link of the letter above. */
  factors_recovered: { at: string };
  /** @param link where new ones are made. */
  recovery_codes_low: { left: number; link?: string };

  /** @param until ISO 8601. @param link takes it back. @param not_me locks the account down, once it was taken back. */
  account_deletion: { until: string; link: string; not_me: string };
  /** An administrator took the deletion back. @param link where it can be asked for again. */
  account_kept: { at: string; link: string };
  account_deleted: Record<string, never>;

  /** Somebody is asked into an organization. @param inviter who asks, where it is a person. @param message their own words. */
  organization_invitation: Link & {
    organization: string;
    role: 'owner' | 'admin' | 'member';
    inviter?: string | undefined;
    message?: string | undefined;
  };
  /** To the owners: DNS says no longer that the domain is theirs. @param record the name of the TXT record that was there. */
  domain_lost: { domain: string; organization: string; record: string };
  /** To the administrators. @param count of accounts. */
  security_alert: {
    kind: 'sign_in_failures' | 'administrator_appointed' | 'audit_log_broken';
    at: string;
    count: number;
  };
  /** To whoever looks after it. @param host where messages were sent. */
  webhook_disabled: { host: string; reason: 'failing' | 'gone' };
  /** @param until ISO 8601: when the membership is suspended. */
  member_inactive: { organization: string; until: string; link: string };
}
