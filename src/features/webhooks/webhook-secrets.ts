// The secrets that an endpoint's messages are signed with, sealed at rest: one, and while they are exchanged two.
import type { Sealer } from '../../platform/crypto.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';
import { newWebhookSecret } from './webhook-signature.js';

type Named = Pick<WebhookEndpoint, 'tenantId' | 'id'>;
type Which = 'secret' | 'previous_secret';

export class WebhookSecrets {
  constructor(private readonly sealer: Sealer) {}

  /** @returns what is shown this once. */
  renew(endpoint: WebhookEndpoint): string {
    const secret = newWebhookSecret();
    endpoint.secretSealed = this.sealer.seal(secret, sealContext(endpoint.tenantId, endpoint.id, 'secret'));
    return secret;
  }

  /** A new one signs at once, the old one beside it until then. @returns what is shown this once. */
  rotate(endpoint: WebhookEndpoint, until: Date | null): string {
    const former = this.open(endpoint, 'secret', endpoint.secretSealed);
    endpoint.previousUntil = until;
    endpoint.previousSecretSealed =
      until && this.sealer.seal(former, sealContext(endpoint.tenantId, endpoint.id, 'previous_secret'));
    return this.renew(endpoint);
  }

  /** The newest first. @throws Error where ENCRYPTION_KEYS lacks a key, or the row was changed. */
  of(endpoint: WebhookEndpoint, now: Date): string[] {
    const { secretSealed, previousSecretSealed, previousUntil } = endpoint;
    const stillGood = previousSecretSealed !== null && previousUntil !== null && previousUntil > now;
    return [
      this.open(endpoint, 'secret', secretSealed),
      ...(stillGood ? [this.open(endpoint, 'previous_secret', previousSecretSealed)] : []),
    ];
  }

  private open({ tenantId, id }: Named, which: Which, sealed: string): string {
    return this.sealer.open(sealed, sealContext(tenantId, id, which));
  }
}

const sealContext = (tenantId: string, id: string, which: Which) => `webhook_endpoints:${tenantId}:${id}:${which}`;

export const sealedWebhookSecrets: SealedColumn[] = (['secret', 'previous_secret'] as const).map((which) => ({
  table: 'webhook_endpoints',
  column: `${which}_sealed`,
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id), which),
}));
