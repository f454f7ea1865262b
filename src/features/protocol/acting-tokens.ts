// What is asked of the engine by whoever acts for somebody else: an access token and nothing beside it. Implemented in oidc/acting-tokens.ts, handed out
// by app.ts.

/** What an application may have at a resource of the tenant for a person. */
export interface ResourceAccess {
  scopes: ReadonlySet<string>;
  /** How long its access tokens live at most. */
  seconds: number;
  /** In the transaction in which the grant is made. @param actor whose name stands in `act` (RFC 8693 §4.1). */
  give(token: { accountId: string; actor: string; grantId: string; scope: string; seconds: number }): Promise<string>;
}

export interface ActingTokens {
  /** @throws AppError 422 for a client in whose name nobody acts, and for what is no resource, or not for this client. */
  at(clientId: string, resource: string): Promise<ResourceAccess>;
}

/** Where there is no engine. */
export const noActingTokens: ActingTokens = {
  at: () => Promise.reject(new Error('nobody is here who makes tokens')),
};
