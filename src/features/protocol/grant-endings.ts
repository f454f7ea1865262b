// How grants end, and what ends with them: the grants that stand on them, and those that stand on these. A token exchanged for another dies with it.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { holdPerson } from '../users/user-rows.js';
import { type EndedGrant, endChildren, recordEnded } from './ended-grants.js';
import * as statements from './grant-statements.js';
import type { GrantRow } from './grants-apart.js';
import { endImpersonations, type Impersonated } from './impersonation-endings.js';
import { ProtocolRequest } from './request.js';

export type GrantEnd =
  | 'logout'
  | 'revoked'
  | 'reuse'
  | 'account_ended'
  | 'client_ended'
  | 'issuer_ended'
  | 'membership_ended'
  | 'organization_ended'
  | 'permissions_changed'
  | 'switched_off';

/** A single-use artefact came twice: which, and what made the second one wrong. */
export interface Reuse {
  kind: string;
  why: string;
}

export class GrantEndings {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /**
   * Ends a grant, and with it every token made from it (RFC 7009 §2.1) and what stands on it, in its own committed transaction. Ending it twice is
   * once. Signed out of the client (`logout`), its grants for organizations in that session end too.
   */
  end(request: ProtocolRequest, id: string, reason: GrantEnd, reused?: Reuse): Promise<void> {
    const known = request.endings.get(id);
    if (known) return known;
    const ended = this.db.transaction(async () => {
      const now = this.clock.now();
      const rows = await this.db.execute<EndedGrant>(statements.endGrant, [currentTenantId(), id, now, reason]);
      const [row] = rows;
      if (!row) return;
      const { client_id } = row;
      if (reused?.kind === 'AuthorizationCode')
        await this.audit.record('authorization_code.reused', { grant_id: id, client_id });
      else if (reused) await this.audit.record('token.reused', { grant_id: id, client_id, reason: reused.why });
      await this.endOn(rows, now, reason);
    });
    request.endings.set(id, ended);
    request.grants.delete(id);
    return ended;
  }

  /** What was remembered of sessions that have ended goes too: the person is asked again. @throws AppError 404 where there is no such live grant. */
  async endKnown(id: string, reason: GrantEnd): Promise<void> {
    const [grant] = await this.db.execute<GrantRow>(statements.findGrant, [currentTenantId(), id]);
    if (!grant) throw notFound('grant');
    const { accountId, clientId } = grant.payload;
    await this.db.transaction(async () => {
      await holdPerson(this.db, String(accountId));
      await this.end(new ProtocolRequest(), id, reason);
      await this.db.manager.query(
        `UPDATE grants SET end_reason = $4
          WHERE tenant_id = $1 AND account_id = $2 AND client_id = $3 AND end_reason = 'logout' AND organization_id IS NOT DISTINCT FROM $5`,
        [currentTenantId(), accountId, clientId, reason, grant.organization_id],
      );
    });
  }

  /** Takes back what an account allowed a client, in all its sessions but one where asked; nothing is remembered. @returns how many grants ended. */
  endAll(
    where: { accountId?: string; clientId?: string; exceptSession?: string | undefined },
    reason: GrantEnd,
  ): Promise<number> {
    return this.db.transaction(async () => {
      // Whoever ends their sessions, and the grants in them, would do so in another order.
      if (where.accountId) await holdPerson(this.db, where.accountId);
      const now = this.clock.now();
      // What stands on a grant of the session that is left out is left as well.
      const [rows] = (await this.db.manager.query(
        `UPDATE grants SET ended_at = COALESCE(ended_at, $4), end_reason = $5
          WHERE tenant_id = $1 AND ($2::uuid IS NULL OR account_id = $2) AND ($3::text IS NULL OR client_id = $3)
            AND (ended_at IS NULL OR end_reason = 'logout')
            AND ($6::text IS NULL OR (session_uid IS DISTINCT FROM $6 AND parent_id IS NULL))
          RETURNING id, client_id, account_id, origin`,
        [currentTenantId(), where.accountId ?? null, where.clientId ?? null, now, reason, where.exceptSession ?? null],
      )) as [EndedGrant[], number];
      await this.endOn(rows, now, reason);
      return rows.length;
    });
  }

  /** What was given on the word of a trusted issuer, of one person or of all, in the transaction in which that word is taken away. */
  async endOnIssuer(issuer: string, accountId?: string): Promise<void> {
    const now = this.clock.now();
    const rows = await this.db.execute<EndedGrant>(statements.endOnIssuer, [
      currentTenantId(),
      statements.onIssuer(issuer),
      accountId ?? null,
      now,
    ]);
    await this.endOn(rows, now, 'issuer_ended');
  }

  /**
   * Exactly what was given for an organization, to everybody or to one who is no member any more, in the transaction in which that ends; what was
   * given for others, or for none, goes on.
   */
  async endOfOrganization(organizationId: string, accountId?: string): Promise<void> {
    const now = this.clock.now();
    const reason = accountId === undefined ? 'organization_ended' : 'membership_ended';
    const values = [currentTenantId(), organizationId, accountId ?? null, now, reason];
    await this.endOn(await this.db.execute<EndedGrant>(statements.endOfOrganization, values), now, reason);
  }

  /** In the transaction of what has changed for one of the two, or for all. */
  endImpersonations(which: Impersonated, reason: GrantEnd): Promise<void> {
    return endImpersonations(this.db, this.audit, this.clock.now(), which, reason);
  }

  private async endOn(rows: readonly EndedGrant[], now: Date, reason: GrantEnd): Promise<void> {
    const ids = rows.map(({ id }) => id);
    await recordEnded(this.audit, [...rows, ...(await endChildren(this.db, ids, now, reason))], reason);
  }
}
