// Makes what speaks to the identity provider of a connection, as the connection is now: nothing of it is remembered.
import type { Connection } from '../features/connections/connection.entity.js';
import type { ConnectionSecrets } from '../features/connections/connection-secret.js';
import type { KeyService } from '../features/keys/key.service.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import { currentTenantId } from '../platform/context.js';
import type { Egress } from '../platform/egress.js';
import { type Upstream, upstreamOf } from './upstream.js';
import type { UpstreamClient } from './upstream-client.js';

export interface Reached {
  upstream: Upstream;
  client: UpstreamClient;
  /** Empty where it has none. */
  secret: string;
}

export class UpstreamClients {
  constructor(
    private readonly egress: Pick<Egress, 'fetch'>,
    private readonly clock: Clock,
    private readonly keys: Pick<KeyService, 'signingKeys'>,
    private readonly secrets: Pick<ConnectionSecrets, 'clientSecret'>,
  ) {}

  /** @throws Refused where nobody has said where it is. */
  async reach(connection: Connection): Promise<Reached> {
    const upstream = upstreamOf(connection);
    // Loaded with the first sign-in: most servers trust nobody else.
    const [{ UpstreamClient }, { clientAuthentication }] = await Promise.all([
      import('./upstream-client.js'),
      import('./client-authentication.js'),
    ]);
    const secret = (await this.secrets.clientSecret(connection)) ?? '';
    const now = epochSeconds(this.clock.now());
    const authentication = clientAuthentication(connection.settings, { secret, now, key: () => this.signingKey() });
    return { upstream, secret, client: new UpstreamClient(upstream, authentication, this.egress, now) };
  }

  /** Its public half is at our jwks_uri. */
  private async signingKey() {
    const { private: keys } = await this.keys.signingKeys(currentTenantId());
    const [key] = keys.filter(({ use }) => use !== 'enc');
    if (!key) throw new Error('a tenant has a key that signs');
    return key;
  }
}
