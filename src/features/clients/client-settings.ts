// What the engine is told of a client beyond RFC 7591: it travels under names that nobody can register, and is listed in its extraClientMetadata.
import { type Settings, settingNames } from './client.metadata.js';
import type { AgreedRegistration } from './registration/registration-policy.js';

export interface ClientSettings extends Settings {
  consent_policy?: 'explicit' | 'implicit' | undefined;
  dynamic?: boolean | undefined;
  /** Every scope the client may ask for, those of resources included; `scope` itself holds the engine's own only. */
  allowed_scope?: string | undefined;
  /** What a client that registered itself may say of itself (RFC 7592 §2.2). */
  registration_policy?: AgreedRegistration | undefined;
  /** Milliseconds since 1970, until which what its document says holds. */
  document_expires_at?: number | undefined;
  /** Scopes: the most that somebody lets the client have, where what it is registered for are its own words alone (`withinCeiling`). */
  ceiling?: readonly string[] | undefined;
  /** Keys of roles, which count at resources. */
  roles?: readonly string[] | undefined;
  /** Whether a client that registered itself was ever given a token. */
  used?: boolean | undefined;
}

type Name = keyof ClientSettings;

const names: readonly Name[] = [
  ...settingNames,
  'consent_policy',
  'dynamic',
  'allowed_scope',
  'registration_policy',
  'document_expires_at',
  'ceiling',
  'roles',
  'used',
];

const travelling = new Map<Name, string>(names.map((name) => [name, `urn:ostiary:${name}`]));

/** Under which names they travel. */
export const travellingNames: readonly string[] = [...travelling.values()];

export const asTravelling = (settings: ClientSettings): Record<string, unknown> =>
  Object.fromEntries(
    [...travelling].filter(([name]) => Object.hasOwn(settings, name)).map(([name, place]) => [place, settings[name]]),
  );

/** Read where they stand, one at a time: the engine asks several times on each request, for one or two of them. */
class Standing {
  constructor(readonly members: Readonly<Record<string, unknown>>) {}
}

for (const [name, place] of travelling)
  Object.defineProperty(Standing.prototype, name, {
    get(this: Standing): unknown {
      return this.members[place];
    },
  });

export const settingsOf = (client: unknown): ClientSettings =>
  new Standing((client ?? {}) as Record<string, unknown>) as ClientSettings;
