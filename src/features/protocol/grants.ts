// What a person agreed to for a client, per session. Tokens stand on it: a grant that ended ends them all, at once.
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type Consent, merge, scopesOf } from './consent.js';
import { GrantEndings } from './grant-endings.js';
import type { Apart } from './grant-standing.js';
import * as statements from './grant-statements.js';
import { type GrantRow, insertApart } from './grants-apart.js';
import type { Payload } from './handles.js';
import type { ProtocolRequest } from './request.js';

/** Whose a grant of a session is: of a person, for one organization or for none. */
export interface Whose {
  uid: string;
  accountId: string;
  /** `until`: when what was proved for it stops counting. */
  organization?: { id: string; until?: Date | undefined } | undefined;
}

export class Grants {
  private readonly endings: GrantEndings;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly lifetimeSeconds: number,
  ) {
    this.endings = new GrantEndings(db, audit, clock);
  }

  find(request: ProtocolRequest, id: string): Promise<Payload | undefined> {
    const known = request.grants.get(id);
    if (known) return known;
    const found = this.load(id);
    request.grants.set(id, found);
    return found;
  }

  /**
   * Whether the person has agreed to something for this organization at this client, or, without one, for any: what is not agreed to yet is not told
   * to the client.
   */
  async hasAgreed(accountId: string, clientId: string, organization?: string): Promise<boolean> {
    const values = [currentTenantId(), accountId, clientId, organization ?? null];
    return (await this.db.execute(statements.agreedForOrganization, values)).length > 0;
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

  /** How each of these ends is told where it is done (grant-endings.ts). */
  end(...how: Parameters<GrantEndings['end']>): Promise<void> {
    return this.endings.end(...how);
  }

  endKnown(...how: Parameters<GrantEndings['endKnown']>): Promise<void> {
    return this.endings.endKnown(...how);
  }

  endAll(...how: Parameters<GrantEndings['endAll']>): Promise<number> {
    return this.endings.endAll(...how);
  }

  endOnIssuer(...how: Parameters<GrantEndings['endOnIssuer']>): Promise<void> {
    return this.endings.endOnIssuer(...how);
  }

  endOfOrganization(...how: Parameters<GrantEndings['endOfOrganization']>): Promise<void> {
    return this.endings.endOfOrganization(...how);
  }

  endImpersonations(...how: Parameters<GrantEndings['endImpersonations']>): Promise<void> {
    return this.endings.endImpersonations(...how);
  }

  /**
   * As giveApart, of what the person has not agreed to: whoever acts for them says so in the same transaction.
   * @param acting what whoever acts was given themselves.
   */
  giveActing(
    apart: Omit<Apart, 'origin'> & Required<Pick<Apart, 'acting' | 'until'>>,
    consent: Consent,
  ): Promise<GrantRow | undefined> {
    const now = this.clock.now();
    return insertApart(this.db, { ...apart, origin: 'impersonation' }, consent, { now, latest: this.expiry(now) });
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
