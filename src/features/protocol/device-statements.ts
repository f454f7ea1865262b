// The statements of the device flow (RFC 8628); tenant_id is always $1.
import { statement } from './statements.js';

/** By what somebody typed, under each key it may be kept under. Of a disabled client nothing is found. */
export const findUserCode = statement(
  'protocol_find_user_code',
  `SELECT r.sealed_payload, r.consumed_at FROM engine_rows r
     JOIN clients c ON c.tenant_id = r.tenant_id AND c.client_id = r.client_id AND c.disabled_at IS NULL
    WHERE r.tenant_id = $1 AND r.user_code_hash = ANY ($2::bytea[]) AND r.kind = 'DeviceCode'
      AND (r.retain_until IS NULL OR r.retain_until > $3)`,
);

/** From one stage to a later one, for whoever is first; never once it was fetched or is over. */
export const advanceDevice = statement(
  'protocol_advance_device',
  `UPDATE engine_rows SET sealed_payload = $3, account_id = $4, grant_id = $5, session_uid = $6, device_stage = $8
    WHERE tenant_id = $1 AND handle_hash = $2 AND COALESCE(device_stage, 0) = $7 AND consumed_at IS NULL AND expires_at > $9
   RETURNING 1`,
);
