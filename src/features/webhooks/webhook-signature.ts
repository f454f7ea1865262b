// Standard Webhooks 1.0 (https://www.standardwebhooks.com): what is sent with a message, so that whoever gets it knows that it is ours, whole and new.
import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';

/** §Signature scheme: between 24 and 64 random bytes, base64. */
export const newWebhookSecret = (): string => PREFIX + randomBytes(32).toString('base64');

/** @param secrets every one that is good now: while they are exchanged, receivers may know either. */
export function signedHeaders(secrets: readonly string[], id: string, at: Date, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => `v1,${signature(secret, `${id}.${timestamp}.${body}`)}`);
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

const signature = (secret: string, text: string): string =>
  createHmac('sha256', Buffer.from(secret.slice(PREFIX.length), 'base64'))
    .update(text)
    .digest('base64');
