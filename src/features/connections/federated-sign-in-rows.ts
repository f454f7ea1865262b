// The statements of sign-ins under way: each step is one of them, so that of any number at once one gets it. Another tenant's, another connection's,
// used, expired, and of a connection or organization that takes nobody now: all alike no row.
import { sha256 } from '../../platform/crypto.js';
import type { Statement } from '../../platform/database.js';

export type SignInState = 'begun' | 'started' | 'sent' | 'answered' | 'held' | 'redeemed' | 'done';

export interface SignInRow {
  id: string;
  connection_id: string;
  purpose: string;
  sealed: string;
  trace_id: string;
}

/** Whom a sign-in under way is about, and of which session over there it is: for whoever ends it and may not open it. */
export const subjectHash = (connectionId: string, subject: string): string => sha256(`${connectionId}\0${subject}`);
export const sessionHash = (connectionId: string, index: string | undefined): string | null =>
  index === undefined ? null : sha256(`${connectionId}\0${index}`);

/** A connection is tried before it is enabled. */
const TAKES_PEOPLE = `
  c.tenant_id = f.tenant_id AND c.id = f.connection_id AND (c.enabled_at IS NOT NULL OR f.purpose = 'test') AND o.suspended_at IS NULL`;

const FROM = `
  FROM connections c LEFT JOIN organizations o ON o.tenant_id = c.tenant_id AND o.id = c.organization_id`;

const ROW = 'RETURNING f.id, f.connection_id, f.purpose, f.sealed, f.trace_id';

/** $2 is always the time. */
const step = (name: string, from: SignInState, change: string, which: string): Statement => ({
  name: `federated_sign_in_${name}`,
  text: `
    UPDATE federated_sign_ins f SET ${change} ${FROM}
     WHERE f.tenant_id = $1 AND f.state = '${from}' AND f.expires_at > $2 AND ${which} AND ${TAKES_PEOPLE} ${ROW}`,
});

/** What the same browser has begun before at the same connection and not gone on with goes: however often a page is looked at, there is one. */
export const INSERT: Statement = {
  name: 'federated_sign_in_insert',
  text: `
    WITH earlier AS (
      DELETE FROM federated_sign_ins WHERE tenant_id = $1 AND binding_hash = $7 AND connection_id = $3 AND purpose = $4 AND state = 'begun' AND $5::text = 'begun'
    )
    INSERT INTO federated_sign_ins (tenant_id, id, connection_id, purpose, state, handle_hash, binding_hash, subject_hash, session_hash, sealed, trace_id, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
};

export const START = step(
  'start',
  'begun',
  `state = 'started', handle_hash = NULL`,
  'f.connection_id = $3 AND f.handle_hash = $4',
);

export const SENT = step('sent', 'started', `state = 'sent', state_hash = $4, sealed = $5`, 'f.id = $3');

export const ANSWERED = step(
  'answered',
  'sent',
  `state = 'answered', state_hash = NULL`,
  'f.connection_id = $3 AND f.state_hash = $4',
);

export const HOLD = step(
  'hold',
  'answered',
  `state = 'held', handle_hash = $4, subject_hash = $5, session_hash = $6, sealed = $7`,
  'f.id = $3',
);

/** Another browser neither gets it nor uses it up. What follows may take a letter: the time begins anew. */
export const REDEEM = step(
  'redeem',
  'held',
  `state = 'redeemed', handle_hash = NULL, expires_at = $5`,
  'f.handle_hash = $3 AND f.binding_hash = $4',
);

/** Not used up by it. */
export const WAITS: Statement = {
  name: 'federated_sign_in_waits',
  text: `
    SELECT 1 ${FROM}, federated_sign_ins f
     WHERE f.tenant_id = $1 AND f.state = 'held' AND f.expires_at > $2 AND f.connection_id = $3 AND f.handle_hash = $4
       AND f.binding_hash = $5 AND ${TAKES_PEOPLE}`,
};

/** Looked at once more, by the same browser, while something is still to be proved. */
export const RESUME: Statement = {
  name: 'federated_sign_in_resume',
  text: `
    SELECT f.id, f.connection_id, f.purpose, f.sealed, f.trace_id ${FROM}, federated_sign_ins f
     WHERE f.tenant_id = $1 AND f.state = 'redeemed' AND f.expires_at > $2 AND f.id = $3 AND f.binding_hash = $4 AND ${TAKES_PEOPLE}`,
};

/** In the transaction in which somebody comes in by it. Kept until the session that is to begin cannot any more: whoever ends it over there takes it away. */
export const FINISH = step('finish', 'redeemed', `state = 'done', sealed = NULL, expires_at = $4`, 'f.id = $3');

/** Refused, wherever it is. */
export const CLOSE: Statement = {
  name: 'federated_sign_in_close',
  text: `
    UPDATE federated_sign_ins SET state = 'done', handle_hash = NULL, state_hash = NULL, sealed = NULL
     WHERE tenant_id = $1 AND id = $2 AND state <> 'done' RETURNING id`,
};

/** The session over there has ended: nobody comes in by it, and no session begins of whoever has. */
export const TAKE_ENDED: Statement = {
  name: 'federated_sign_in_take_ended',
  text: `
    DELETE FROM federated_sign_ins
     WHERE tenant_id = $1 AND connection_id = $2 AND (subject_hash = ANY ($3::text[]) OR session_hash = $4)`,
};
