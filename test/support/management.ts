// Whoever runs the server: takes the setup link, and then only the management API, as an administrator's program would.
import { Browser } from './browser.js';
import type { TestServer } from './server.js';

export interface Administration {
  issuer: string;
  clientId: string;
  clientSecret: string;
}

type Json = Record<string, unknown>;

export const administrator = { email: 'admin@example.com', password: 'a lighthouse keeper counts ships' };

export const setupLink = (server: TestServer) => server.inside(({ setup }) => setup.issueLink(server.issuer));

/** The setup page without JavaScript. */
export async function setUp(server: TestServer): Promise<Administration> {
  const browser = new Browser();
  const form = await browser.open(await setupLink(server));
  const { html } = await browser.submit(form, { username: administrator.email, password: administrator.password });
  const value = (name: string) => new RegExp(`id="value-${name}"[^>]*>([^<]+)<`).exec(html)?.[1] ?? '';
  return { issuer: value('issuer'), clientId: value('client_id'), clientSecret: value('client_secret') };
}

/** The letter as soon as the worker has sent it. */
export async function letterTo(server: TestServer, to: string): Promise<{ text: string }> {
  for (;;) {
    const found = (await server.inside(({ mail }) => mail.mailbox())).find((message) => message.to === to);
    if (found) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export class Management {
  private constructor(
    private readonly issuer: string,
    private readonly token: string,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** Client credentials for the API as a resource (RFC 6749 §4.4, RFC 8707 §2). */
  static async open({ issuer, clientId, clientSecret }: Administration, fetch = globalThis.fetch): Promise<Management> {
    const scope = 'clients:read clients:write users:read users:write resources:write';
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `${issuer}/api`, scope }),
    });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (!token) throw new Error(`no token for the management API: ${response.status}`);
    return new Management(issuer, token, fetch);
  }

  async post(path: string, body?: Json): Promise<Json> {
    const response = await this.fetch(`${this.issuer}/api/v1${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text ? (JSON.parse(text) as Json) : {};
  }
}
