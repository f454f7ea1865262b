// Somebody who is told of what happens (Standard Webhooks 1.0): takes messages, refuses them, or says nothing; believes what the reference library does.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { WebhookDelivery } from '../../src/features/webhooks/webhook-delivery.entity.js';
import type { Clock } from '../../src/platform/clock.js';
import { newId } from '../../src/platform/crypto.js';
import type { Database } from '../../src/platform/database.js';

export interface Message {
  path: string;
  id: string;
  headers: Record<string, string>;
  body: string;
}

/** A status, an answer of so many bytes, or nothing at all. */
export type Manner = number | { bytes: number } | 'hang';

export class WebhookReceiver {
  /** Of the next answers, by path; 204 unless said otherwise. */
  readonly manners = new Map<string, Manner>();
  readonly received: Message[] = [];
  /** How many were under way at once, at most. */
  most = 0;
  private underWay = 0;

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void receiver.take(request, response));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return receiver;
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}${path}`;
  }

  at(path: string): Message[] {
    return this.received.filter((one) => one.path === path);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    response.once('close', () => {
      this.underWay -= 1;
    });
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = request.url ?? '';
    const headers = request.headers as Record<string, string>;
    this.received.push({ path, id: headers['webhook-id'] ?? '', headers, body });
    const manner = this.manners.get(path) ?? 204;
    if (manner === 'hang') return;
    if (typeof manner === 'object') return void response.writeHead(200).end(Buffer.alloc(manner.bytes, 'x'));
    const location = manner >= 300 && manner < 400 ? { location: this.url('/elsewhere') } : {};
    response.writeHead(manner, location).end(manner === 204 ? undefined : `answer ${manner}\0\u0007`);
  }
}

/** @throws WebhookVerificationError where a receiver with this secret would not believe it. */
export const believed = (secret: string, { headers, body }: Message): Record<string, unknown> =>
  new Webhook(secret).verify(body, headers) as Record<string, unknown>;

/** One that was given up. @returns its id. */
export async function deliveryFor(db: Database, clock: Clock, { id }: { id: string }): Promise<string> {
  const eventId = newId();
  const now = clock.now();
  const row = { endpointId: id, eventId, eventName: 'client.deleted', status: 'dead', nextAt: now, createdAt: now };
  await db.repo(WebhookDelivery).insert(Object.assign(new WebhookDelivery(), row));
  return eventId;
}
