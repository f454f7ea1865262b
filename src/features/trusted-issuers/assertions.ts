// Owns the word of trusted issuers about people (RFC 7521 §4.1, RFC 7523 §2.1): whether an assertion is believed, whom it speaks of, and on which
// grant a token stands that is given for it. Hands off to: oidc/grants/jwt-bearer.ts, which makes the token.
import { decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { isAmbiguousJwt } from '../../platform/strict-jwt.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Grants } from '../protocol/grants.js';
import type { Replays } from '../protocol/replays.js';
import { problemOf, says } from './assertion.rules.js';
import type { ExternalSubjects } from './external-subjects.js';
import type { IssuerKeys } from './issuer-keys.js';
import type { TrustedIssuer } from './trusted-issuer.entity.js';
import type { TrustedIssuers } from './trusted-issuers.js';

/** An assertion that is not believed: why is for the log and the traces, and little of it for whoever showed it. */
export class NotBelieved extends Error {}

export interface Believed {
  issuer: TrustedIssuer;
  accountId: string;
  claims: JWTPayload & { sub: string; exp: number };
  /** What the issuer is trusted for, and of that what the assertion itself is for. */
  scopes: readonly string[];
}

export interface Terms {
  /** Of clocks that differ, and of an assertion at most: seconds. */
  tolerance: number;
  longest: number;
}

const mostCharacters = 16 * 1024;

export class Assertions {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly issuers: Pick<TrustedIssuers, 'believed'>,
    private readonly subjects: Pick<ExternalSubjects, 'findUser'>,
    private readonly keys: Pick<IssuerKeys, 'of'>,
    private readonly protocol: { grants: Pick<Grants, 'giveApart'>; replays: Pick<Replays, 'unique' | 'isSpent'> },
    private readonly terms: Terms,
  ) {}

  /**
   * Nothing is burnt by it. The cheap questions come first: no key is fetched for a client that may not show what this issuer says.
   * @param audience our issuer. @throws NotBelieved
   */
  async believe(assertion: string, { audience, clientId }: { audience: string; clientId: string }): Promise<Believed> {
    if (assertion.length > mostCharacters) throw new NotBelieved('it is too long');
    if (isAmbiguousJwt(assertion)) throw new NotBelieved('it can be read in more than one way');
    const issuer = await this.issuers.believed(issuerOf(assertion));
    if (!issuer) throw new NotBelieved('its issuer is not trusted');
    if (!issuer.clients.includes(clientId)) throw new NotBelieved('its issuer is not for this client');
    const { payload, protectedHeader } = await this.verified(assertion, issuer);
    const now = epochSeconds(this.clock.now());
    const problem = problemOf(protectedHeader, payload, { audience, now, ...this.terms });
    if (problem) throw new NotBelieved(problem);
    const accountId = await this.subjects.findUser(issuer.id, String(payload.sub));
    if (accountId === undefined) throw new NotBelieved('its subject is nobody here');
    const scopes = issuer.scopes.filter((name) => says(payload.scope, name));
    return { issuer, accountId, claims: payload as Believed['claims'], scopes };
  }

  /** RFC 7523 §3 no. 7: each counts once, so it must have a jti. @throws NotBelieved */
  async spend({ issuer, claims }: Believed): Promise<void> {
    if (claims.jti === undefined) throw new NotBelieved('jti is missing');
    const unique = await this.protocol.replays.unique(placeOf(issuer), claims.jti, claims.exp + this.terms.tolerance);
    if (!unique) throw new NotBelieved('it was used before');
  }

  /** A JWT may be exchanged more than once, but not any more once it was an assertion. @throws NotBelieved */
  async assertUnspent({ issuer, claims }: Believed): Promise<void> {
    if (claims.jti !== undefined && (await this.protocol.replays.isSpent(placeOf(issuer), claims.jti)))
      throw new NotBelieved('it was used before');
  }

  /** @param seconds the life of the token. @returns the grant's id, or undefined where issuer, subject or account has ended meanwhile. */
  give(
    { issuer, accountId, claims }: Believed,
    clientId: string,
    { resource, scope, seconds }: { resource: string; scope: string; seconds: number },
  ): Promise<string | undefined> {
    return this.db.transaction(async () => {
      if (!(await this.holds({ issuer, accountId, claims }))) return undefined;
      const until = new Date(this.clock.now().getTime() + (seconds + 2) * 1000);
      const grant = await this.protocol.grants.giveApart(
        { accountId, clientId, origin: 'assertion', issuer: issuer.id, until },
        { resources: { [resource]: scope } },
      );
      if (!grant) return undefined;
      const grant_id = String(grant.jti);
      await this.audit.record('assertion.accepted', {
        grant_id,
        user_id: accountId,
        client_id: clientId,
        issuer_id: issuer.id,
        resource,
        scope,
      });
      return grant_id;
    });
  }

  /** Whether it is still true; until the end of the transaction it stays so. */
  async holds({ issuer, accountId, claims }: Pick<Believed, 'issuer' | 'accountId' | 'claims'>): Promise<boolean> {
    // The person first: whoever gives them a role, which unlinks them, waits or was first. So does who ends several things of theirs.
    await this.db.execute(HOLD_PERSON, [currentTenantId(), accountId]);
    return (await this.db.execute(HOLD, [currentTenantId(), issuer.id, claims.sub, accountId])).length > 0;
  }

  private async verified(assertion: string, { issuer, algorithms, ...keys }: TrustedIssuer) {
    try {
      return await jwtVerify(assertion, this.keys.of(keys), {
        issuer,
        algorithms,
        clockTolerance: this.terms.tolerance,
        currentDate: this.clock.now(),
      });
    } catch (error) {
      // Whatever it is, of the token or of the keys: nothing was asked of the database here.
      throw new NotBelieved(error instanceof Error ? error.message : 'it cannot be verified', { cause: error });
    }
  }
}

/** In which each jti counts once. */
const placeOf = ({ id }: TrustedIssuer) => `assertion ${id}`;

/** What it says before anything is believed. @throws NotBelieved */
function issuerOf(assertion: string): string {
  try {
    const { iss } = decodeJwt(assertion);
    if (typeof iss === 'string' && !iss.includes('\0')) return iss;
  } catch {
    // It is no JWT.
  }
  throw new NotBelieved('it is no JWT with an issuer');
}

/** Keeps the issuer, and whom it means, from changing until the surrounding transaction has committed: whoever changes either holds the issuer. */
const HOLD_PERSON: Statement = {
  name: 'assertion_hold_person',
  text: 'SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 FOR SHARE',
};

const HOLD: Statement = {
  name: 'assertion_hold',
  text: `SELECT 1 FROM trusted_issuers i JOIN external_subjects s ON s.tenant_id = i.tenant_id AND s.issuer_id = i.id
          WHERE i.tenant_id = $1 AND i.id = $2 AND i.disabled_at IS NULL AND s.subject = $3 AND s.user_id = $4
            FOR SHARE OF i`,
};
