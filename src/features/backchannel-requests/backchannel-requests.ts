// Owns what applications ask people for behind the scenes (OpenID Connect CIBA): asked once, decided once, by the person who is asked.
// Hands off to: protocol (the engine's row, the grant), ping.ts (who wants to be told).
import { IsNull, MoreThan } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database, Statement } from '../../platform/database.js';
import { AppError, conflict, notFound, tooMany } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { askedAcr, meets } from '../authentication/requested-acr.js';
import type { BackchannelCodes, Proof } from '../protocol/backchannel-codes.js';
import type { Consent } from '../protocol/consent.js';
import type { Grants } from '../protocol/grants.js';
import { handleHash, type Payload } from '../protocol/handles.js';
import { BackchannelRequest, type Decision } from './backchannel-request.entity.js';
import { type EntryRules, entryOf, type Proven } from './organization-entry.js';

export interface Asked {
  /** auth_req_id, kept by its hash alone. */
  handle: string;
  userId: string;
  clientId: string;
  bindingMessage?: string | undefined;
  scope: string;
  claims: string[];
  resource?: string | undefined;
  organizationId?: string | undefined;
  acrValues?: string | undefined;
  expiresAt: Date;
}

/** Joins the surrounding transaction: who is to be told of a decision is told after it. */
export type TellClient = (request: BackchannelRequest) => Promise<void>;

/** A page shows no more of them; the oldest are over first. */
const MOST_SHOWN = 50;
/** So many of one client may wait for one person. */
const MOST_OF_CLIENT = 5;

export class BackchannelRequests {
  constructor(
    private readonly db: Database,
    private readonly codes: BackchannelCodes,
    private readonly grants: Pick<Grants, 'giveApart'>,
    private readonly audit: Pick<AuditLog, 'record'>,
    private readonly clock: Clock,
    private readonly tell: TellClient,
    private readonly organizations: EntryRules,
  ) {}

  /** @throws AppError 429 where as many wait for this person already as one client may put to them. */
  ask({ handle, bindingMessage, resource, organizationId, acrValues, ...asked }: Asked): Promise<BackchannelRequest> {
    return this.db.transaction(async () => {
      await this.assertFew(asked);
      const request = await this.db.repo(BackchannelRequest).insert(
        Object.assign(new BackchannelRequest(), {
          ...asked,
          id: newId(),
          requestHash: handleHash('BackchannelAuthenticationRequest', handle),
          bindingMessage: bindingMessage ?? null,
          resource: resource ?? null,
          organizationId: organizationId ?? null,
          acrValues: acrValues ?? null,
          createdAt: this.clock.now(),
        }),
      );
      const { id, userId: user_id, clientId: client_id } = request;
      await this.audit.record('backchannel_request.made', { request_id: id, user_id, client_id });
      return request;
    });
  }

  /** What this person is asked at the moment, the newest first. */
  openOf(userId: string): Promise<BackchannelRequest[]> {
    return this.db.repo(BackchannelRequest).find({
      where: { userId, decidedAt: IsNull(), expiresAt: MoreThan(this.clock.now()) },
      order: { createdAt: 'DESC' },
      take: MOST_SHOWN,
    });
  }

  /** @throws AppError 404 for one of somebody else as for none. */
  async find(id: string, userId?: string): Promise<BackchannelRequest> {
    const request = await this.db.repo(BackchannelRequest).findOneBy({ id, ...(userId ? { userId } : {}) });
    if (!request) throw notFound('request');
    return request;
  }

  /**
   * @param stands in the transaction: whether the session in which they decide goes on. Whoever ends it waits, or was first.
   * @throws AppError 403 where the client, or the organization that it asks for, takes another proof than the session's; 409 where it was decided before, or is over: of two who
   * decide at once the first has.
   */
  async approve(request: BackchannelRequest, session: Proven, stands: () => Promise<boolean>): Promise<void> {
    const entry = await entryOf(this.organizations, request, session);
    const proof = entry?.proof ?? session;
    assertMet(request, proof);
    await this.db.transaction(async () => {
      if (!(await stands())) throw over();
      const payload = await this.decide(request, 'approved');
      const grant = await this.grants.giveApart(
        { accountId: request.userId, clientId: request.clientId, origin: 'ciba', ...entry?.grant },
        consentTo(request),
      );
      if (!grant) throw over();
      await entry?.note();
      const { acr, amr, authTime } = proof;
      await this.codes.approve(payload, String(grant.jti), { acr, amr, authTime });
      const { id, userId: user_id, clientId: client_id } = request;
      await this.audit.record('backchannel_request.approved', {
        request_id: id,
        user_id,
        client_id,
        grant_id: String(grant.jti),
      });
      await this.tell(request);
    });
  }

  /** @throws AppError 409 likewise. */
  deny(request: BackchannelRequest): Promise<void> {
    return this.db.transaction(async () => {
      const payload = await this.decide(request, 'denied');
      await this.codes.refuse(payload, 'access_denied', 'the End-User said no');
      const { id, userId: user_id, clientId: client_id } = request;
      await this.audit.record('backchannel_request.denied', { request_id: id, user_id, client_id });
      await this.tell(request);
    });
  }

  /** One client must not hide what others ask, nor itself what it has asked before. Those who ask at once are counted after each other. */
  private async assertFew({ userId, clientId }: Pick<Asked, 'userId' | 'clientId'>): Promise<void> {
    await this.db.execute(hold, [`${currentTenantId()} ${userId} ${clientId}`]);
    const now = this.clock.now();
    const waiting = { userId, clientId, decidedAt: IsNull(), expiresAt: MoreThan(now) };
    const open = await this.db.repo(BackchannelRequest).find({ where: waiting, take: MOST_OF_CLIENT });
    if (open.length < MOST_OF_CLIENT) return;
    const first = Math.min(...open.map(({ expiresAt }) => expiresAt.getTime()));
    throw tooMany(
      'too_many_requests',
      'As many requests of this client wait for this person already',
      Math.max(1, Math.ceil((first - now.getTime()) / 1000)),
    );
  }

  /** One conditional update: who comes second finds it decided. */
  private async decide({ id, requestHash }: BackchannelRequest, decision: Decision): Promise<Payload> {
    const now = this.clock.now();
    const decided = await this.db
      .repo(BackchannelRequest)
      .update({ id, decidedAt: IsNull(), expiresAt: MoreThan(now) }, { decidedAt: now, decision });
    if (decided === 0) throw over();
    const payload = await this.codes.hold(requestHash);
    if (!payload) throw over();
    return payload;
  }
}

/** §7.1 acr_values: whoever wants another class than the session has is not answered with less. */
function assertMet({ acrValues }: BackchannelRequest, { acr }: Proof): void {
  const asked = askedAcr({ acr_values: acrValues ?? undefined });
  if (!asked || meets(acr, asked.acr)) return;
  const members = { acr_values: asked.acr };
  throw new AppError(403, 'acr_unmet', 'This request needs a stronger sign-in', { members });
}

const over = () => conflict('request_over', 'This request was decided before, or its time is over');

const hold: Statement = {
  name: 'backchannel_requests_hold',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('backchannel_request ' || $1::text, 0))`,
};

/** Exactly what was asked and shown: scopes and claims of OpenID Connect, and scopes of the one resource that the tokens are for (RFC 8707). */
function consentTo({ scope, claims, resource }: BackchannelRequest): Consent {
  return {
    openid: { scope, ...(claims.length > 0 ? { claims } : {}) },
    ...(resource ? { resources: { [resource]: scope } } : {}),
  };
}
