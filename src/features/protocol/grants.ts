// What a person agreed to for a client, per session. Tokens stand on it: a grant that ended ends them all, at once.
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { holdPerson } from '../users/user-rows.js';
import type { Payload } from './handles.js';
import { ProtocolRequest } from './request.js';
import * as statements from './statements.js';

export type GrantEnd = 'logout' | 'revoked' | 'reuse' | 'account_ended' | 'client_ended';

/** A single-use artefact came twice: which, and what made the second one wrong. */
export interface Reuse {
  kind: string;
  why: string;
}

/** Scopes and claims agreed to (and refused), by OpenID Connect and by resource (RFC 8707). */
export interface Consent {
  openid?: { scope?: string; claims?: string[] };
  resources?: Record<string, string>;
  rejected?: { openid?: { scope?: string; claims?: string[] }; resources?: Record<string, string> };
}

interface GrantRow {
  id: string;
  payload: Payload & Consent;
  expires_at: Date;
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

  /** The session's grant at a client, or a copy of what the account agreed to there before, or undefined. */
  async ofSession(session: { uid: string; accountId: string }, clientId: string): Promise<Payload | undefined> {
    const now = this.clock.now();
    const [row] = await this.db.execute<GrantRow>(statements.grantOfSession, [
      currentTenantId(),
      session.uid,
      clientId,
      session.accountId,
      now,
      newId(),
      this.expiry(now),
    ]);
    return row && toPayload(row);
  }

  /**
   * Adds consent to the session's grant at a client, making it where there is none; two tabs do so one after the other.
   * @returns the grant's payload, or undefined where the session has ended meanwhile: nothing is given in it any more.
   */
  give(session: { uid: string; accountId: string }, clientId: string, consent: Consent): Promise<Payload | undefined> {
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
        `INSERT INTO grants (tenant_id, id, client_id, account_id, session_uid, payload, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at
         RETURNING id, payload, expires_at`,
        [currentTenantId(), id, clientId, session.accountId, session.uid, payload, now, this.expiry(now)],
      )) as [GrantRow];
      await this.audit.record('grant.given', {
        grant_id: id,
        client_id: clientId,
        user_id: session.accountId,
        scope: scopesOf(payload),
      });
      return toPayload(row);
    });
  }

  /** Ends a grant and with it every token made from it (RFC 7009 §2.1), in its own committed transaction. Ending it twice is once. */
  end(request: ProtocolRequest, id: string, reason: GrantEnd, reused?: Reuse): Promise<void> {
    const known = request.endings.get(id);
    if (known) return known;
    const ended = this.db.transaction(async () => {
      const [row] = await this.db.execute<{ client_id: string; account_id: string }>(statements.endGrant, [
        currentTenantId(),
        id,
        this.clock.now(),
        reason,
      ]);
      if (!row) return;
      const { client_id, account_id: user_id } = row;
      if (reused?.kind === 'AuthorizationCode')
        await this.audit.record('authorization_code.reused', { grant_id: id, client_id });
      else if (reused) await this.audit.record('token.reused', { grant_id: id, client_id, reason: reused.why });
      await this.audit.record('grant.revoked', { grant_id: id, client_id, user_id, reason });
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
        `UPDATE grants SET end_reason = $4 WHERE tenant_id = $1 AND account_id = $2 AND client_id = $3 AND end_reason = 'logout'`,
        [currentTenantId(), grant.accountId, grant.clientId, reason],
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
      const [rows] = (await this.db.manager.query(
        `UPDATE grants SET ended_at = COALESCE(ended_at, $4), end_reason = $5
          WHERE tenant_id = $1 AND ($2::uuid IS NULL OR account_id = $2) AND ($3::text IS NULL OR client_id = $3)
            AND (ended_at IS NULL OR end_reason = 'logout') AND ($6::text IS NULL OR session_uid IS DISTINCT FROM $6)
          RETURNING id, client_id, account_id`,
        [
          currentTenantId(),
          where.accountId ?? null,
          where.clientId ?? null,
          this.clock.now(),
          reason,
          where.exceptSession ?? null,
        ],
      )) as [{ id: string; client_id: string; account_id: string }[], number];
      await this.audit.recordAll(
        'grant.revoked',
        rows.map(({ id, client_id, account_id: user_id }) => ({ grant_id: id, client_id, user_id, reason })),
      );
      return rows.length;
    });
  }

  private async load(id: string): Promise<Payload | undefined> {
    const [row] = await this.db.execute<GrantRow>(statements.findGrant, [currentTenantId(), id]);
    return row && toPayload(row);
  }

  private expiry(now: Date): Date {
    return new Date(now.getTime() + this.lifetimeSeconds * 1000);
  }
}

const toPayload = ({ id, payload, expires_at }: GrantRow): Payload => ({
  ...payload,
  jti: id,
  exp: epochSeconds(expires_at),
});

const scopesOf = ({ openid, resources }: Consent) =>
  [openid?.scope, ...Object.values(resources ?? {})].filter(Boolean).join(' ');

/** What is agreed to now is no longer refused, and the other way round. */
function merge(payload: Payload & Consent, consent: Consent): Payload & Consent {
  const { jti, iat, exp, ...rest } = payload;
  const given = add(rest, consent);
  const refused = subtract(add(rest.rejected ?? {}, consent.rejected ?? {}), consent);
  return { ...rest, ...subtract(given, consent.rejected ?? {}), rejected: refused };
}

function add(a: Consent, b: Consent): Consent {
  const resources = Object.fromEntries(
    [...new Set([...Object.keys(a.resources ?? {}), ...Object.keys(b.resources ?? {})])].map((identifier) => [
      identifier,
      union(a.resources?.[identifier], b.resources?.[identifier]),
    ]),
  );
  return {
    openid: {
      scope: union(a.openid?.scope, b.openid?.scope),
      claims: [...new Set([...(a.openid?.claims ?? []), ...(b.openid?.claims ?? [])])],
    },
    resources,
  };
}

function subtract(a: Consent, b: Consent): Consent {
  return {
    openid: {
      scope: minus(a.openid?.scope, b.openid?.scope),
      claims: (a.openid?.claims ?? []).filter((claim) => !b.openid?.claims?.includes(claim)),
    },
    resources: Object.fromEntries(
      Object.entries(a.resources ?? {}).map(([identifier, scope]) => [
        identifier,
        minus(scope, b.resources?.[identifier]),
      ]),
    ),
  };
}

const words = (scope: string | undefined) => (scope ?? '').split(' ').filter(Boolean);
const union = (a: string | undefined, b: string | undefined) => [...new Set([...words(a), ...words(b)])].join(' ');
const minus = (a: string | undefined, b: string | undefined) =>
  words(a)
    .filter((word) => !words(b).includes(word))
    .join(' ');
