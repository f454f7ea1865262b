// Who works at the company, and who is signed in. There is no password: whoever opens the page says who they are.
import { createHash, randomUUID } from 'node:crypto';

export interface Person {
  /** What they are known by, whatever becomes of their address. */
  id: string;
  email: string;
  name: string;
  groups: string[];
  /** Whether they have shown a second factor. */
  mfa: boolean;
}

const people: readonly Person[] = [
  { id: 'maria', email: 'maria@company.example', name: 'Maria Muster', groups: ['everyone', 'admins'], mfa: true },
  { id: 'noah', email: 'noah@company.example', name: 'Noah Berg', groups: ['everyone', 'sales'], mfa: false },
  { id: 'leyla', email: 'leyla@company.example', name: 'Leyla Aziz', groups: ['everyone', 'support'], mfa: false },
];
/** Those who typed an address of their own. */
const others = new Map<string, Person>();

export const everyone = (): readonly Person[] => people;
export const personOf = (id: string): Person | undefined => people.find((one) => one.id === id) ?? others.get(id);

/** @returns undefined for what is no address. */
export function personWith(email: string): Person | undefined {
  if (!/^[\w.+-]{1,64}@[a-z\d-]+(?:\.[a-z\d-]+)+$/i.test(email)) return undefined;
  const known = people.find((one) => one.email === email.toLowerCase());
  if (known) return known;
  const id = createHash('sha256').update(email.toLowerCase()).digest('hex').slice(0, 16);
  const made = { id, email, name: email.split('@')[0] ?? '', groups: ['everyone'], mfa: false };
  others.set(id, made);
  return made;
}

/** What an administrator will have to find out some day: each of these is refused over there, or nobody's address is proved. */
export const faults = {
  '': 'Nothing',
  audience: 'It is meant for another service (SAML)',
  key: 'It is signed with a key that nobody was told of (SAML)',
  clock: 'The clock here is four minutes ahead (SAML)',
  no_email: 'The address is not in it',
  unverified: 'The address is said not to be verified (OpenID Connect)',
  nonce: 'It answers another request (OpenID Connect)',
} as const;
export type Fault = keyof typeof faults;
export const faultOf = (name: string): Fault => (Object.hasOwn(faults, name) ? (name as Fault) : '');

/** A session here, and at which service providers it was used. */
export interface Session {
  id: string;
  person: Person;
  /** Seconds since 1970. */
  since: number;
  fault: Fault;
  services: Set<string>;
}

const sessions = new Map<string, Session>();
export const sessionOf = (id: string): Session | undefined => sessions.get(id);
export const endSession = (id: string): boolean => sessions.delete(id);
export const sessionsOf = (personId: string): Session[] =>
  [...sessions.values()].filter(({ person }) => person.id === personId);

export function newSession(person: Person, fault: Fault): Session {
  const since = Math.floor(Date.now() / 1000);
  const session = { id: randomUUID(), person, since, fault, services: new Set<string>() };
  sessions.set(session.id, session);
  return session;
}
