// What a tenant's own words for a letter may name, and what is said in its place: nothing else of a letter can be reached from a template.
import type { MailTemplates } from './mail.templates.js';

/** What a language can say; of platform/locale.ts. */
export interface Speech {
  t(key: string, values?: Record<string, string | number>): string;
  duration(seconds: number): string;
  moment(date: string): string;
}

export interface Variable<D = never> {
  description: string;
  /** Whoever gets the letter can do nothing without it, or is to know it: the text must hold it. */
  required?: true;
  /** An address; it stands in the text alone. */
  link?: true;
  /** Undefined where the letter has nothing to say there. */
  says(data: D, speech: Speech): string | undefined;
}

/** The name of whoever sends the letter; every letter has it. */
export const BRAND = 'brand';

type Has<K extends string, V> = { [N in K]?: V | undefined };

const link = (description: string) => ({
  link: { description, required: true, link: true, says: ({ link }: Has<'link', string>) => link } as const,
});
const maybe = (description: string) => ({
  link: { description, link: true, says: ({ link }: Has<'link', string>) => link } as const,
});
const duration = {
  duration: {
    description: 'How long it works, as “15 minutes”',
    says: ({ minutes = 0 }: Has<'minutes', number>, speech: Speech) => speech.duration(minutes * 60),
  },
};
const at = {
  at: {
    description: 'When it happened',
    says: ({ at }: Has<'at', string>, speech: Speech) => at && speech.moment(at),
  },
};
const until = {
  until: {
    description: 'Until when; nothing where it does not end by itself',
    says: ({ until }: Has<'until', string>, speech: Speech) =>
      until && new Date(until).getUTCFullYear() < 9999 ? speech.moment(until) : undefined,
  },
};
const ip = { ip: { description: 'From which address', says: ({ ip }: Has<'ip', string>) => ip } };
const organization = {
  organization: {
    description: 'The name of the organization',
    says: ({ organization }: Has<'organization', string>) => organization,
  },
};
const factor = {
  factor: {
    description: 'Which factor, as “an authenticator app”',
    required: true,
    says: ({ factor, name = '' }: Has<'factor' | 'name', string>, speech: Speech) =>
      speech.t(`emails.factors.${factor}`, { name }),
  } as const,
};

/** The sentence of the house where a letter has several: in words of one's own it would be wrong half of the time. */
const what = <D>(key: (data: D) => string, values: (data: D, speech: Speech) => Record<string, string | number>) => ({
  what: {
    description: 'What has happened, in the words of the house: they differ with what it was',
    required: true,
    // Values go in unmarked: it is escaped as a whole.
    says: (data: D, speech: Speech) => plain(speech.t(key(data), { brand: MARK, ...values(data, speech) })),
  } as const,
});

/** Stands for the name of the sender, which is known where the letter is written. */
export const MARK = '\uE001';

const plain = (sentence: string): string => sentence.replace(/<\/?b>/g, '');

export const mailVariables: { [T in keyof MailTemplates]: Record<string, Variable<MailTemplates[T]>> } = {
  verify_email: { ...link('Proves the address'), ...duration },
  set_password: { ...link('Where a password is chosen'), ...duration },
  magic_link: { ...link('Signs in'), ...duration },
  sign_in_code: {
    code: { description: 'Signs in', required: true, says: ({ code }) => code },
    ...duration,
  },
  registration_existing: link('Where a password may be chosen'),
  new_device: {
    ...what<MailTemplates['new_device']>(
      ({ refused }) => `emails.new_device.${refused ? 'refused' : 'text'}`,
      ({ at }, speech) => ({ moment: speech.moment(at) }),
    ),
    ...link('Locks the account down'),
    ...duration,
    ...at,
    ...ip,
    browser: { description: 'As it names itself', says: ({ browser }) => browser },
    system: { description: 'As the browser names it', says: ({ system }) => system },
  },
  account_locked: {
    ...what<MailTemplates['account_locked']>(
      ({ code }) => `emails.account_locked.${code ? 'text_code' : 'text'}`,
      () => ({}),
    ),
    ...until,
    ...ip,
  },
  repeated_lockouts: until,
  account_unlocked: at,
  second_factors_removed: at,
  impersonated: {
    ...link('Where what happened is read'),
    ...until,
    ...at,
    reason: { description: 'Why, in the words of whoever asked', required: true, says: ({ reason }) => reason },
  },
  password_changed: { ...link('Locks the account down'), ...at },
  email_changed: {
    ...link('Takes the change back'),
    ...duration,
    email: { description: 'The new address, as much of it as may be shown', says: ({ email }) => email },
  },
  email_change_confirm: { ...link('Proves the new address'), ...duration },
  email_change_taken: {},
  factor_added: { ...factor, ...link('Locks the account down'), ...at },
  factor_removed: { ...factor, ...link('Locks the account down'), ...at },
  recovery_requested: {
    ...link('Takes the second factors away'),
    ...duration,
    at: { description: 'From when the link works', required: true, says: ({ at }, speech) => speech.moment(at) },
  },
  factors_recovered: at,
  recovery_codes_low: {
    left: { description: 'How many are left', says: ({ left }) => String(left) },
    ...maybe('Where new ones are made'),
  },
  account_deletion: {
    ...link('Takes the deletion back'),
    ...until,
    not_me: {
      description: 'Locks the account down',
      required: true,
      link: true,
      says: ({ not_me }) => not_me,
    },
  },
  account_kept: { ...maybe('Where the deletion is asked for again'), ...at },
  account_deleted: {},
  organization_invitation: {
    ...link('Where the invitation is answered'),
    ...duration,
    ...organization,
    role: {
      description: 'What they would be there, as a sentence',
      says: ({ role }, speech) => speech.t(`invitation.roles.${role}`),
    },
    inviter: { description: 'Who asks, where it is a person', says: ({ inviter }) => inviter },
    message: { description: 'In their own words', says: ({ message }) => message },
  },
  domain_lost: {
    domain: { description: 'The domain', required: true, says: ({ domain }) => domain },
    ...organization,
    record: { description: 'The name of the TXT record that was there', says: ({ record }) => record },
  },
  security_alert: {
    ...what<MailTemplates['security_alert']>(
      ({ kind }) => `emails.alerts.${kind}`,
      ({ count }) => ({ count }),
    ),
    ...at,
  },
  webhook_disabled: {
    ...what<MailTemplates['webhook_disabled']>(
      ({ reason }) => `emails.webhook_disabled.${reason}`,
      ({ host }) => ({ host }),
    ),
    host: { description: 'Where messages were sent', says: ({ host }) => host },
  },
  member_inactive: {
    ...organization,
    ...until,
    ...maybe('To the account'),
  },
};

/** By the name that an address of the API gives. */
export function variablesOf(name: string): Record<string, Variable> | undefined {
  return Object.hasOwn(mailVariables, name) ? mailVariables[name as keyof MailTemplates] : undefined;
}
