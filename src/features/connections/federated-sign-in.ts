// A sign-in that is under way at an identity provider: what was asked for, what is kept meanwhile, what came back.
import type { Check } from './check.js';
import type { Connection } from './connection.entity.js';
import type { UpstreamIdentity } from './upstream-identity.js';

/** `test`: an administrator tries a connection, which may be disabled; nobody is signed in by it. */
export type Purpose = 'sign_in' | 'link' | 'test' | 'idp_initiated';

/** Whose browser it is; only a hash of it is kept. `browser`: by a cookie of the door itself, where nobody here has asked. */
export interface Binding {
  kind: 'interaction' | 'session' | 'browser';
  id: string;
}

export interface Asked {
  purpose: Purpose;
  /** Path below the issuer to which the browser comes back, with `handle` beside what it has. */
  back: string;
  /** How it came to this connection, as `domain`, `button`, `hint`: for whoever reads the trace. */
  discovery?: string | undefined;
  login_hint?: string | undefined;
  prompt?: string | undefined;
  /** Seconds. */
  max_age?: number | undefined;
  acr?: string[] | undefined;
}

/** What the answer is compared with, in the words of the door. */
export type Kept = Record<string, string>;

export interface Started {
  id: string;
  connection: Connection;
  asked: Asked;
  trace: string;
}

export interface Answered extends Started {
  kept: Kept;
}

/** Nobody here has asked for it: the identity provider began. */
export interface Unsolicited {
  connection: Connection;
  binding: Binding;
  back: string;
}

/** Believed, and back in the browser that asked: not yet anybody here. */
export interface Held extends Started {
  identity: UpstreamIdentity;
  checks: Check[];
}

export interface Refused {
  /** A stable code, for the record and the trace. */
  reason: string;
  checks: Check[];
  /** What was received, sealed: it can be looked at again with other settings. */
  message?: string | undefined;
  answered?: Started | undefined;
}
