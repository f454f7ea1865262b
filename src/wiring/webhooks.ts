// Beside the ladder's top: whom the tenant and its organizations tell of what happens. What is to be told is noted on the lowest rung, where it is
// recorded.

import { WebhookService } from '../features/webhooks/webhook.service.js';
import { WebhookAttempts } from '../features/webhooks/webhook-attempts.js';
import { WebhookDeliveries } from '../features/webhooks/webhook-deliveries.js';
import { WebhookFailures } from '../features/webhooks/webhook-failures.js';
import { WebhookSecrets } from '../features/webhooks/webhook-secrets.js';
import { WebhookSender } from '../features/webhooks/webhook-sender.js';
import { EventStreams } from '../platform/event-streams.js';
import type { Ground } from './ground.js';
import type { Organizations } from './organizations.js';

export type Webhooks = ReturnType<typeof openWebhooks>;

export function openWebhooks(
  { db, audit, clock, caching, sealer, egress, mail, logger, webhookOutbox, webhookListening }: Ground,
  { standings }: Organizations,
) {
  const secrets = new WebhookSecrets(sealer);
  const webhooks = new WebhookService({ db, audit, clock, caching, standings, secrets });
  const failures = new WebhookFailures(db, clock, webhooks, mail);
  const attempts = new WebhookAttempts(db, clock, secrets, egress, failures);
  const webhookSender = new WebhookSender(db, clock, webhookListening, attempts, logger);
  const wake = () => webhookSender.wake();
  webhookOutbox.onDue(wake);
  return {
    webhooks,
    webhookDeliveries: new WebhookDeliveries(db, audit, clock, wake),
    webhookSender,
    eventStreams: new EventStreams(),
  };
}
