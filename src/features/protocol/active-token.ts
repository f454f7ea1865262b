// Whether an opaque access token is good right now: what introspection would say (RFC 7662 §2.2), for doors of ours that take tokens.
import type { Clock } from '../../platform/clock.js';
import { InvalidProof, type Proof, provenBy, type ShownToken } from './proof-of-possession.js';
import type { Protocol } from './protocol.js';
import { ProtocolRequest } from './request.js';

export interface ActiveToken {
  clientId: string;
  /** Absent where no person takes part (client credentials). */
  accountId: string | undefined;
  /** For which organization it was given; of the grant, or of the client that acts for itself. */
  organizationId: string | undefined;
  /** In which it was given, where it was in one. */
  sessionUid: string | undefined;
  scopes: ReadonlySet<string>;
  /** Bound to the certificate that was shown (RFC 8705 §3). */
  certificateBound: boolean;
  /** Of the key that it is bound to. */
  thumbprint: string | undefined;
}

/** Asks of a proof what the tenant does, and the client whose token it is. @throws InvalidProof */
export type JudgeProof = (proof: Proof, clientId: string) => Promise<void>;

/** Kinds that are access tokens. */
const kinds = ['AccessToken', 'ClientCredentials'];

/**
 * One statement, and one more where a proof is shown. A token bound to a key without a proof of that key is refused: holding it proves nothing
 * (RFC 9449 §7.2); so is a proof beside a token that is bound to nothing (§7.1).
 * @param audience the resource that asks; a token for another is not for it (RFC 8707 §2).
 * @throws InvalidProof
 */
export async function findActiveToken(
  protocol: Protocol,
  clock: Clock,
  shown: ShownToken,
  audience: string,
  judge: JudgeProof,
): Promise<ActiveToken | undefined> {
  const proof = shown.scheme === 'DPoP' ? await provenBy(shown, clock.now()) : undefined;
  const token = await findActive(protocol, clock, shown, audience, proof?.thumbprint);
  if (token && proof) await judge(proof, token.clientId);
  // RFC 9449 §11.1, last: a proof that came with a token that is good for nothing can be tried again with another.
  if (token && proof && !(await protocol.replays.unique(`dpop ${token.clientId}`, proof.jti, proof.until)))
    throw new InvalidProof('The DPoP proof was used before');
  return token;
}

/** Of a token that was shown and believed a while ago, on a connection that goes on: whether it still is. */
export const stillActive = (
  protocol: Protocol,
  clock: Clock,
  shown: Pick<ShownToken, 'token' | 'certificate'>,
  audience: string,
  thumbprint: string | undefined,
): Promise<ActiveToken | undefined> => findActive(protocol, clock, shown, audience, thumbprint);

async function findActive(
  protocol: Protocol,
  clock: Clock,
  { token: handle, certificate }: Pick<ShownToken, 'token' | 'certificate'>,
  audience: string,
  thumbprint: string | undefined,
): Promise<ActiveToken | undefined> {
  const request = new ProtocolRequest();
  const [access, machine] = await Promise.all(kinds.map((kind) => protocol.rows.find(request, kind, handle, kinds)));
  const token = access ?? machine;
  if (!token?.clientId || token.aud !== audience) return undefined;
  if (typeof token.exp !== 'number' || token.exp * 1000 <= clock.now().getTime()) return undefined;
  if (token.jkt !== thumbprint) return undefined;
  // RFC 8705 §3: good with its certificate and with no other, and certificates are shown at an address of their own.
  const bound = token['x5t#S256'];
  if (bound !== undefined && bound !== certificate) return undefined;
  let organizationId = (machine?.extra as { org_id?: unknown } | undefined)?.org_id;
  if (access) {
    const grant = token.grantId ? await protocol.grants.find(request, token.grantId) : undefined;
    if (!grant || (grant.exp ?? 0) * 1000 <= clock.now().getTime()) return undefined;
    if (token.expiresWithSession && !(await protocol.sessions.findByUid(request, String(token.sessionUid))))
      return undefined;
    organizationId = grant.organizationId;
  }
  return {
    clientId: token.clientId,
    accountId: token.accountId,
    certificateBound: bound !== undefined,
    organizationId: typeof organizationId === 'string' ? organizationId : undefined,
    sessionUid: token.sessionUid,
    scopes: new Set(
      String(token.scope ?? '')
        .split(' ')
        .filter(Boolean),
    ),
    thumbprint,
  };
}
