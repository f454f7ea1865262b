// Owns what the demo remembers of a browser: in memory, bounded, found by a random cookie. A restart forgets it, as a demo may.
import { randomBytes } from 'node:crypto';
import type { Exchange } from './trace.js';

/** What must be remembered between the authorization request and its answer. */
export interface Pending {
  state: string;
  nonce: string;
  codeVerifier: string;
  request: Exchange;
}

export interface Tokens {
  accessToken: string;
  refreshToken?: string;
  idToken: string;
  /** The spent code, kept only so that "Break it" can send it again. */
  code: string;
  codeVerifier: string;
  subject: string;
  /** What to call the person: from userinfo, `sub` failing that. */
  person: string;
}

export interface DecodedToken {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

export interface Outcome {
  experiment: string;
  exchanges: Exchange[];
  refused: boolean;
  verdict: string;
}

export interface Session {
  pending?: Pending;
  tokens?: Tokens;
  idToken?: DecodedToken;
  exchanges: Exchange[];
  outcome?: Outcome;
  /** A sentence for the next page: the last thing that went wrong. */
  notice?: string;
  touchedAt: number;
}

const LIFETIME_MS = 8 * 60 * 60 * 1000;
const MOST = 500;

export class Sessions {
  private readonly sessions = new Map<string, Session>();

  find(id: string | undefined): Session | undefined {
    const session = id === undefined ? undefined : this.sessions.get(id);
    if (!id || !session) return undefined;
    this.sessions.delete(id);
    if (Date.now() - session.touchedAt > LIFETIME_MS) return undefined;
    session.touchedAt = Date.now();
    this.sessions.set(id, session); // last in the Map is last used
    return session;
  }

  /** @returns the session and its cookie value, 256 random bits. */
  keep(values: Omit<Session, 'touchedAt'>): { id: string; session: Session } {
    const [oldest] = this.sessions.keys();
    if (this.sessions.size >= MOST && oldest) this.sessions.delete(oldest);
    const id = randomBytes(32).toString('base64url');
    const session = { ...values, touchedAt: Date.now() };
    this.sessions.set(id, session);
    return { id, session };
  }

  drop(id: string | undefined): void {
    if (id) this.sessions.delete(id);
  }
}
