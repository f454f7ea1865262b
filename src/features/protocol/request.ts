// What one request to the engine has already read, and what it wants to write: reads happen once, writes that belong together are one statement.
import type { Proof } from '../authentication/assurance.js';
import type { Payload } from './handles.js';
import type { Home } from './session-home.js';
import type { Authorizations } from './signed-out.js';

export interface AccountRow {
  id: string;
  email: string;
  email_verified: boolean;
  claims: Record<string, unknown>;
  updated_at: string;
}

export interface SessionSnapshot {
  uid: string;
  /** The payload as loaded, to tell whether anything changed. */
  json: string;
  exp: number;
  loginTs: number | undefined;
  authorizations: Authorizations;
  hadState: boolean;
  handles: string[];
  /** Found by a handle that another tab has rotated away a moment ago. */
  retiring: boolean;
  /** From where it was signed in; unknown for one from before that was kept. */
  home?: Home | undefined;
  /** Shown from elsewhere (session-binding.ts). */
  moved?: boolean;
}

/** A row to be written, or to be spent. */
export interface PendingRow {
  kind: string;
  handle: string;
  payload: Payload;
}

export class ProtocolRequest {
  readonly rows = new Map<string, Promise<Payload | undefined>>();
  readonly grants = new Map<string, Promise<Payload | undefined>>();
  readonly sessionsByUid = new Map<string, Payload | undefined>();
  /** Where those are at home that were found by their uid. */
  readonly homes = new Map<string, Home | undefined>();
  readonly accounts = new Map<string, AccountRow | undefined>();
  readonly endings = new Map<string, Promise<void>>();
  session: SessionSnapshot | undefined;
  /** The id the session had before this request rotated it. */
  rotatedFrom: string | undefined;
  /** This request ends a sign-in. */
  signedIn = false;
  /** When the person began to prove it, where that is known to the millisecond. */
  provedSince: Date | undefined;
  /** What was proved, to be added to what the session stands on. */
  proofs: readonly Proof[] | undefined;
  /** The uid of the session that what was proved is good for, where that is not enough to begin another: no session once it has ended. */
  standsOn: string | undefined;
  /** The presented refresh token was exchanged a moment ago: what was answered then. */
  earlierAnswer: string | undefined;

  private unit: { rows: PendingRow[]; consume?: PendingRow } | undefined;

  /** From here on writes are collected instead of sent. */
  beginUnit(): void {
    this.unit = { rows: [] };
  }

  get collecting(): boolean {
    return this.unit !== undefined;
  }

  collect(row: PendingRow): void {
    this.unit?.rows.push(row);
  }

  collectConsume(consume: PendingRow): void {
    if (this.unit) this.unit.consume = consume;
  }

  /** Hands over what was collected; nothing is collected any more. */
  takeUnit(): { rows: PendingRow[]; consume?: PendingRow } {
    const unit = this.unit ?? { rows: [] };
    this.unit = undefined;
    return unit;
  }
}
