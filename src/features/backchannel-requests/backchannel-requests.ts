// Owns what applications ask people for behind the scenes (OpenID Connect CIBA): asked once, decided once, by the person who is asked.
// Hands off to: protocol (the engine's row, the grant), ping.ts (who wants to be told).
import { IsNull, MoreThan } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { BackchannelCodes, Proof } from '../protocol/backchannel-codes.js';
import type { Consent } from '../protocol/consent.js';
import type { Grants } from '../protocol/grants.js';
import { handleHash, type Payload } from '../protocol/handles.js';
import { BackchannelRequest, type Decision } from './backchannel-request.entity.js';

export interface Asked {
  /** auth_req_id, kept by its hash alone. */
  handle: string;
  userId: string;
  clientId: string;
  bindingMessage?: string | undefined;
  scope: string;
  resource?: string | undefined;
  acrValues?: string | undefined;
  expiresAt: Date;
}

/** Joins the surrounding transaction: who is to be told of a decision is told after it. */
export type TellClient = (request: BackchannelRequest) => Promise<void>;

/** A page shows no more of them; the oldest are over first. */
const MOST_SHOWN = 50;

export class BackchannelRequests {
  constructor(
    private readonly db: Database,
    private readonly codes: BackchannelCodes,
    private readonly grants: Pick<Grants, 'giveApart'>,
    private readonly audit: Pick<AuditLog, 'record'>,
    private readonly clock: Clock,
    private readonly tell: TellClient,
  ) {}

  ask({ handle, bindingMessage, resource, acrValues, ...asked }: Asked): Promise<BackchannelRequest> {
    return this.db.transaction(async () => {
      const request = await this.db.repo(BackchannelRequest).insert(
        Object.assign(new BackchannelRequest(), {
          ...asked,
          id: newId(),
          requestHash: handleHash('BackchannelAuthenticationRequest', handle),
          bindingMessage: bindingMessage ?? null,
          resource: resource ?? null,
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

  /** @throws AppError 409 where it was decided before, or is over: of two who decide at once the first has. */
  approve(request: BackchannelRequest, proof: Proof): Promise<void> {
    return this.db.transaction(async () => {
      const payload = await this.decide(request, 'approved');
      const grant = await this.grants.giveApart(
        { accountId: request.userId, clientId: request.clientId, origin: 'ciba' },
        consentTo(request, payload),
      );
      if (!grant) throw over();
      await this.codes.approve(payload, String(grant.jti), proof);
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

const over = () => conflict('request_over', 'This request was decided before, or its time is over');

/** Exactly what was asked and shown: scopes of OpenID Connect, and those of the one resource that the tokens are for (RFC 8707). */
function consentTo({ scope, resource }: BackchannelRequest, { claims }: Payload): Consent {
  const members = (claims ?? {}) as { id_token?: object; userinfo?: object };
  const names = [...new Set([...Object.keys(members.id_token ?? {}), ...Object.keys(members.userinfo ?? {})])];
  return {
    openid: { scope, ...(names.length > 0 ? { claims: names } : {}) },
    ...(resource ? { resources: { [resource]: scope } } : {}),
  };
}
