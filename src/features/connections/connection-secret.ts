// What we show ourselves with at a provider: as it was given to us, sealed at rest.
import { importPKCS8, SignJWT } from 'jose';
import type { Clock } from '../../platform/clock.js';
import { epochSeconds } from '../../platform/clock.js';
import type { Sealer } from '../../platform/crypto.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { Connection } from './connection.entity.js';

export class ConnectionSecrets {
  constructor(
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  seal({ tenantId, id }: Pick<Connection, 'tenantId' | 'id'>, secret: string): string {
    return this.sealer.seal(secret, sealContext(tenantId, id));
  }

  /** As it was given. @throws Error where ENCRYPTION_KEYS lacks the key it was sealed with, or the row was changed. */
  given({ tenantId, id, secretSealed }: Connection): string | undefined {
    return secretSealed === null ? undefined : this.sealer.open(secretSealed, sealContext(tenantId, id));
  }

  /** What goes into `client_secret`. */
  async clientSecret(connection: Connection): Promise<string | undefined> {
    const secret = this.given(connection);
    const { apple, client_id, issuer } = connection.settings.oidc ?? {};
    if (!secret || !apple || !client_id || !issuer) return secret;
    // https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
    const now = epochSeconds(this.clock.now());
    return new SignJWT({ sub: client_id })
      .setProtectedHeader({ alg: 'ES256', kid: apple.key_id })
      .setIssuer(apple.team_id)
      .setAudience(issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + 300)
      .sign(await importPKCS8(secret, 'ES256'));
  }
}

const sealContext = (tenantId: string, id: string) => `connections:${tenantId}:${id}:secret`;

export const sealedConnectionSecrets: SealedColumn = {
  table: 'connections',
  column: 'secret_sealed',
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id)),
};
