// Grants without a session: given while all that they stand on is there.
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { type Consent, merge } from './consent.js';
import { type Apart, holdStanding } from './grant-standing.js';
import * as statements from './grant-statements.js';
import type { Payload } from './handles.js';

export interface GrantRow {
  id: string;
  payload: Payload & Consent;
  expires_at: Date;
  organization_id: string | null;
}

/**
 * In a transaction. What stands on a grant for an organization is for that organization.
 * @param latest how long it may live at most.
 * @returns undefined where account, client or what it would stand on has ended, or too many stand on one another already.
 */
export async function insertApart(
  db: Database,
  apart: Apart,
  consent: Consent,
  { now, latest }: { now: Date; latest: Date },
): Promise<GrantRow | undefined> {
  const { accountId, clientId, origin, parent, session, acting, issuer, organization, until } = apart;
  // Who ends them waits for this, or is waited for.
  const [account] = await db.execute(statements.holdAccount, [currentTenantId(), accountId]);
  if (!account) return undefined;
  const [client] = await db.execute(statements.holdClient, [currentTenantId(), clientId]);
  if (!client) return undefined;
  const ends = await holdStanding(db, apart, now);
  if (!ends) return undefined;
  const expires = new Date(Math.min(...[latest, until ?? latest, ...ends].map(Number)));
  const payload = merge({ kind: 'Grant', accountId, clientId }, consent);
  const ofIssuer = issuer === undefined ? null : statements.onIssuer(issuer);
  const [row] = await db.execute<GrantRow>(statements.insertApart, [
    ...[currentTenantId(), newId(), clientId, accountId, payload, now, expires, origin],
    parent ?? null,
    session === undefined ? ofIssuer : statements.onSession(session),
    ...[acting?.grant ?? null, acting?.session ?? null, organization ?? null],
  ]);
  return row;
}
