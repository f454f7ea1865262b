// What the engine keeps in a session, as it lies in the row: `state`, which the form of a sign-out is checked against, is sealed.
import { epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { Proof } from '../authentication/assurance.js';
import type { Payload } from './handles.js';

export const sealState = (sealer: Sealer, uid: unknown, state: unknown): string =>
  sealer.seal(JSON.stringify(state), stateContext(currentTenantId(), uid));

export function openSession(
  sealer: Sealer,
  row: { uid: string; payload: Payload; expires_at: Date; proofs: Proof[] | null },
): Payload {
  const { state, ...rest } = row.payload;
  return {
    ...rest,
    exp: epochSeconds(row.expires_at),
    ...(row.proofs ? { proofs: row.proofs } : {}),
    ...(typeof state === 'string'
      ? { state: JSON.parse(sealer.open(state, stateContext(currentTenantId(), row.uid))) }
      : {}),
  };
}

/** Two that differ in this alone differ in nothing that is written; the ledger is only ever added to. */
export function comparable(payload: Payload): string {
  const { jti, iat, exp, kind, proofs, ...rest } = payload;
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const stateContext = (tenantId: string, uid: unknown) => `sessions:${tenantId}:${String(uid)}:state`;

export const sealedSessionState: SealedColumn = {
  table: 'sessions',
  column: 'payload',
  member: 'state',
  key: ['tenant_id', 'uid'],
  context: ({ tenant_id, uid }) => stateContext(String(tenant_id), uid),
};
