// All that the doors need of the engine. Implemented in oidc/engine.ts, handed out by app.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Proof } from '../authentication/assurance.js';

export interface Interaction {
  uid: string;
  prompt: { name: string; reasons: string[]; details: Record<string, unknown> };
  /** The parameters of the authorization request. */
  params: Record<string, unknown>;
  clientId: string;
  /** Who is signed in in this browser already, if anybody. */
  session: (Pick<SignedIn, 'uid' | 'accountId' | 'amr' | 'proofs'> & { ts: number; moved: boolean }) | undefined;
  /** Which organization was taken on an earlier page of the same request, or is the one that consent is asked for. */
  organization?: Finish['organization'];
  /** What earlier steps of this interaction have established; nothing of it is a sign-in yet. */
  progress: unknown;
}

export interface Login {
  accountId: string;
  acr: string;
  amr: string[];
  /** When the person proved who they are, NumericDate. */
  ts: number;
  /** The same in milliseconds, where it is known so exactly: what ended the account's sessions within that second is told from what came before. */
  since?: number | undefined;
  /** All that was proved, the session's own as well where it is stepped up. */
  proofs: readonly Proof[];
  /** The interaction in which they did. */
  proved_in: string;
  /** The session that is stepped up: without it, what is proved here is not enough to begin another one. */
  from_session?: string | undefined;
  /** Sessions at identity providers that it stands on (connections/upstream-stand.ts). */
  federated?: readonly object[] | undefined;
}

/** To which authorization details (RFC 9396) the person of an account has said yes: all of them were shown. */
export interface Agreement {
  account_id: string;
  authorization_details: readonly object[];
}

export interface Finish {
  login?: Login;
  consent?: { grantId: string; agreed?: Agreement };
  select_account?: Record<string, never>;
  create?: Record<string, never>;
  /** Which of theirs somebody took, or agreed to; good for that account alone. */
  organization?: { account_id: string; organization_id: string };
}

export interface KnownAccount {
  sessionUid: string;
  accountId: string;
  current: boolean;
  /** Signed in elsewhere: nothing is said of it here. */
  moved: boolean;
}

/** The session of this browser. */
export interface SignedIn {
  uid: string;
  accountId: string;
  acr: string | undefined;
  /** RFC 8176. */
  amr: string[];
  /** When the person proved who they are, NumericDate. */
  loginTs: number;
  /** The ledger; undefined for a session from before there was one. */
  proofs: Proof[] | undefined;
}

type Exchange = [req: IncomingMessage, res: ServerResponse];

export interface Engine {
  /** Who is signed in in this browser, at the tenant that is asked; nobody where the account is disabled. The session counts as used. */
  session(...exchange: Exchange): Promise<SignedIn | undefined>;
  /** The interaction this browser is in. @throws AppError 400 `interaction_expired` when there is none, or it belongs to another browser. */
  interaction(...exchange: Exchange): Promise<Interaction>;
  /** The browser shows below this path, too, which interaction it is in. */
  reach(...exchange: [...Exchange, path: string]): Promise<void>;
  /** Keeps what a step has established. */
  remember(...exchange: [...Exchange, progress: object]): Promise<void>;
  /** Ends the interaction. @returns where to send the browser. */
  finish(...exchange: [...Exchange, result: Finish]): Promise<string>;
  /** Ends the interaction with an error for the client. @returns where to send the browser. */
  refuse(...exchange: [...Exchange, error: string, description: string]): Promise<string>;
  /** Accounts with a live session in this browser: the current one and those set aside. */
  accounts(...exchange: Exchange): Promise<KnownAccount[]>;
  /** Sets the current session aside, so that another account can sign in without ending it. */
  setAside(...exchange: Exchange): Promise<void>;
  /** Makes a session that was set aside the current one. @returns false when this browser has no such session. */
  switchTo(...exchange: [...Exchange, sessionUid: string]): Promise<boolean>;
}
