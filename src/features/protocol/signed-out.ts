// Who is told, and of what, when somebody is signed out of applications. The engine's sessions know no more of it.

export interface SignedOut {
  sessionUid: string;
  accountId: string;
  /** client_id → the `sid` under which the client knows the session (OpenID Connect Back-Channel Logout 1.0 §2.1). */
  sids: Readonly<Record<string, string>>;
}

/** Joins the surrounding transaction. */
export type TellClients = (signedOut: readonly SignedOut[]) => Promise<void>;

export interface Authorizations {
  [clientId: string]: { sid?: string; grantId?: string; persistsLogout?: boolean };
}

/** @param others those that stay signed in. */
export const sidsOf = (authorizations: Authorizations, others: object = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(authorizations).flatMap(([clientId, { sid }]) =>
      sid && !Object.hasOwn(others, clientId) ? [[clientId, sid]] : [],
    ),
  );
