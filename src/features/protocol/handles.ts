// A handle (token, code, cookie value, request_uri) is a bearer secret: rows are found by its hash, which also tells kinds apart.
import { hash } from 'node:crypto';

export const handleHash = (kind: string, handle: string): Buffer => hash('sha256', `${kind}\0${handle}`, 'buffer');

/** What the engine hands over and expects back; `jti` is the handle and never stored. */
export interface Payload {
  jti?: string;
  kind?: string;
  iat?: number;
  exp?: number;
  clientId?: string;
  accountId?: string;
  grantId?: string;
  /** Of a grant: for which organization it is. */
  organizationId?: string;
  sessionUid?: string;
  userCode?: string;
  iiat?: number;
  consumed?: unknown;
  [member: string]: unknown;
}

export function withoutHandle(payload: Payload): Payload {
  const { jti, ...rest } = payload;
  return rest;
}
