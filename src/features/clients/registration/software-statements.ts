// Owns software statements (RFC 7591 §2.3): what somebody whom the tenant believes has said of a client, which counts for more than its own word.
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { clockTolerance } from '../../../../config/protocol.js';
import type { Clock } from '../../../platform/clock.js';
import { isAmbiguousJwt } from '../../../platform/strict-jwt.js';
import type { ProtocolPolicy } from '../../tenants/protocol-policy/protocol-policy.js';
import { isRegistered } from '../client.metadata.js';
import { CLIENT_ALGS } from '../metadata/values.js';

type TenantPolicy = () => Promise<Pick<ProtocolPolicy, 'software_statements'>>;

/** RFC 7591 §3.2.2: nobody could believe it, or nobody here does. */
export class StatementRefused extends Error {
  constructor(
    readonly reason: 'invalid' | 'unapproved' | 'missing',
    message: string,
  ) {
    super(message);
  }
}

export class SoftwareStatements {
  constructor(
    private readonly tenantPolicy: TenantPolicy,
    private readonly clock: Clock,
  ) {}

  /**
   * @param statement the member as it was sent; undefined where there is none.
   * @param issuer of the tenant.
   * @param former with which the client has registered: another is about the same software, and of the same issuer.
   * @returns the metadata that it states, undefined where there is none and none is needed. @throws StatementRefused
   */
  async read(statement: unknown, issuer: string, former?: string): Promise<Record<string, unknown> | undefined> {
    const { required, issuers } = (await this.tenantPolicy()).software_statements;
    if (statement === undefined && required)
      throw new StatementRefused('missing', 'software_statement is needed to register here');
    if (statement === undefined) return undefined;
    if (typeof statement !== 'string' || isAmbiguousJwt(statement))
      throw new StatementRefused('invalid', 'software_statement must be a JWT');
    const { iss } = claimsOf(statement);
    if (former !== undefined && former !== statement && !isOfSameSoftware(claimsOf(former), claimsOf(statement)))
      throw new StatementRefused(
        'unapproved',
        'it is about other software than that of the client, or of another issuer',
      );
    const trusted = issuers.find((one) => one.issuer === iss);
    if (!trusted) throw new StatementRefused('unapproved', 'nobody whom this server believes has issued it');
    const claims = await this.verified(statement, trusted.issuer, trusted.jwks as unknown as JSONWebKeySet);
    // RFC 7519 §4.1.3: where an audience is said, it is us.
    if (claims.aud !== undefined && ![claims.aud].flat().includes(issuer))
      throw new StatementRefused('invalid', 'software_statement is for another server');
    return Object.fromEntries(Object.entries(claims).filter(([name]) => isRegistered(name)));
  }

  /** With the keys of its issuer alone, whatever its header points at (RFC 8725 §3.10). */
  private async verified(statement: string, issuer: string, jwks: JSONWebKeySet): Promise<JWTPayload> {
    try {
      const { payload, protectedHeader } = await jwtVerify(statement, createLocalJWKSet(jwks), {
        issuer,
        algorithms: [...CLIENT_ALGS],
        clockTolerance,
        currentDate: this.clock.now(),
      });
      // RFC 8725 §3.11: what its issuer has signed for another purpose says it in its type.
      if (!/^(?:jwt)?$/i.test(protectedHeader.typ ?? ''))
        throw new StatementRefused('invalid', 'software_statement is a JWT of another type');
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new StatementRefused('invalid', 'software_statement is not valid');
      throw error;
    }
  }
}

/** Of software that has no name nobody can say that it is the same. */
const isOfSameSoftware = (before: JWTPayload, after: JWTPayload): boolean =>
  before.iss === after.iss && before.software_id !== undefined && before.software_id === after.software_id;

function claimsOf(statement: string): JWTPayload {
  try {
    return decodeJwt(statement);
  } catch {
    throw new StatementRefused('invalid', 'software_statement must be a JWT');
  }
}
