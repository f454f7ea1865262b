// What a person agreed to for a client, per session. Tokens stand on it: a grant that ended ends them all, at once.
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { holdPerson } from '../users/user-rows.js';
import { type Consent, merge, scopesOf } from './consent.js';
import { type EndedGrant, endChildren, recordEnded } from './grant-endings.js';
import type { Apart } from './grant-standing.js';
import * as statements from './grant-statements.js';
import { type GrantRow, insertApart } from './grants-apart.js';
import type { Payload } from './handles.js';
import { ProtocolRequest } from './request.js';

export type GrantEnd =
  | 'logout'
  | 'revoked'
  | 'reuse'
  | 'account_ended'
  | 'client_ended'
  | 'issuer_ended'
  | 'membership_ended'
  | 'organization_ended';

/** A single-use artefact came twice: which, and what made the second one wrong. */
export interface Reuse {
  kind: string;
  why: string;
}

/** Whose a grant of a session is: of a person, for one organization or for none. */
export interface Whose {
  uid: string;
  accountId: string;
  /** `until`: when what was proved for it stops counting. */
  organization?: { id: string; until?: Date | undefined } | undefined;
}

export class Grants {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly lifetimeSeconds: number,
  ) {}

  find(request: ProtocolRequest, id: string): Promise<Payload | undefined> {
    const known = request.grants.get(id);
    if (known) return known;
    const found = this.load(id);
    request.grants.set(id, found);
    return found;
  }

  /** In a transaction: whether it goes on, and until its end it does. */
  async holds(id: string): Promise<boolean> {
    return (await this.db.execute(statements.holdGrant, [currentTenantId(), id, this.clock.now()])).length > 0;
  }

  /** The session's grant at a client, or a copy of what the account agreed to there before, or undefined. */
  async ofSession({ uid, accountId, organization }: Whose, clientId: string): Promise<Payload | undefined> {
    const now = this.clock.now();
    const [row] = await this.db.execute<GrantRow>(statements.grantOfSession, [
      currentTenantId(),
      uid,
      clientId,
      accountId,
      now,
      newId(),
      this.expiry(now, organization?.until),
      organization?.id ?? null,
      organization?.until !== undefined,
    ]);
    return row && toPayload(row);
  }

  /**
   * Adds consent to the session's grant at a client, making it where there is none; two tabs do so one after the other.
   * @param details types of authorization details that are agreed to with it: once, so that only the record keeps them.
   * @returns the grant's payload, or undefined where the session has ended meanwhile: nothing is given in it any more.
   */
  give(
    session: Whose,
    clientId: string,
    consent: Consent,
    details: readonly string[] = [],
  ): Promise<Payload | undefined> {
    return this.db.transaction(async () => {
      await this.db.execute(statements.lockGrant, [currentTenantId(), session.uid, clientId]);
      const now = this.clock.now();
      const [held] = await this.db.execute<{ ended_at: Date | null }>(statements.holdSession, [
        currentTenantId(),
        session.uid,
      ]);
      if (held?.ended_at) return undefined;
      const existing = await this.ofSession(session, clientId);
      const id = existing?.jti ?? newId();
      const payload = merge({ ...existing, kind: 'Grant', accountId: session.accountId, clientId }, consent);
      const [row] = (await this.db.manager.query(
        `INSERT INTO grants (tenant_id, id, client_id, account_id, session_uid, payload, created_at, expires_at, organization_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (tenant_id, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at
         RETURNING id, payload, expires_at, organization_id`,
        [
          ...[currentTenantId(), id, clientId, session.accountId, session.uid, payload, now],
          ...[this.expiry(now, session.organization?.until), session.organization?.id ?? null],
        ],
      )) as [GrantRow];
      await this.audit.record('grant.given', {
        grant_id: id,
        client_id: clientId,
        user_id: session.accountId,
        scope: scopesOf(payload),
        ...ofOrganization(session.organization?.id),
        ...(details.length > 0 ? { authorization_details_types: [...new Set(details)] } : {}),
      });
      return toPayload(row);
    });
  }

  /**
   * Gives a grant of its own that no browser takes for what somebody agreed to in it.
   * @returns its payload, or undefined where account, client or what it would stand on has ended, or too many stand on one another already.
   */
  giveApart(apart: Apart, consent: Consent): Promise<Payload | undefined> {
    return this.db.transaction(async () => {
      const now = this.clock.now();
      const row = await insertApart(this.db, apart, consent, { now, latest: this.expiry(now) });
      if (!row) return undefined;
      await this.audit.record('grant.given', {
        grant_id: row.id,
        client_id: apart.clientId,
        user_id: apart.accountId,
        scope: scopesOf(row.payload),
        origin: apart.origin,
        ...ofOrganization(row.organization_id),
        ...(apart.parent === undefined ? {} : { parent_grant_id: apart.parent }),
      });
      return toPayload(row);
    });
  }

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
    const request = new ProtocolRequest();
    const grant = await this.find(request, id);
    if (!grant) throw notFound('grant');
    await this.db.transaction(async () => {
      await holdPerson(this.db, String(grant.accountId));
      await this.end(request, id, reason);
      await this.db.manager.query(
        `UPDATE grants SET end_reason = $4
          WHERE tenant_id = $1 AND account_id = $2 AND client_id = $3 AND end_reason = 'logout' AND organization_id IS NOT DISTINCT FROM $5`,
        [currentTenantId(), grant.accountId, grant.clientId, reason, grant.organizationId ?? null],
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
          RETURNING id, client_id, account_id`,
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

  private async endOn(rows: readonly EndedGrant[], now: Date, reason: GrantEnd): Promise<void> {
    const ids = rows.map(({ id }) => id);
    await recordEnded(this.audit, [...rows, ...(await endChildren(this.db, ids, now, reason))], reason);
  }

  private async load(id: string): Promise<Payload | undefined> {
    const [row] = await this.db.execute<GrantRow>(statements.findGrant, [currentTenantId(), id]);
    return row && toPayload(row);
  }

  private expiry(now: Date, until?: Date): Date {
    const latest = now.getTime() + this.lifetimeSeconds * 1000;
    return new Date(Math.min(latest, until?.getTime() ?? latest));
  }
}

const toPayload = ({ id, payload, expires_at, organization_id }: GrantRow): Payload => ({
  ...payload,
  jti: id,
  exp: epochSeconds(expires_at),
  ...(organization_id ? { organizationId: organization_id } : {}),
});

const ofOrganization = (id: string | null | undefined) => (id ? { organization_id: id } : {});
