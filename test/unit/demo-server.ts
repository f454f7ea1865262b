// A bare engine with its own development pages, and a browser of a few lines: what the demo is tested against.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { demoClient } from '../../src/demo/app.js';

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function bareServer(port: number, demoOrigin: string, secret: string): Promise<Server> {
  const provider = new Provider(`http://localhost:${port}`, {
    clients: [{ client_id: 'demo', client_secret: secret, ...demoClient(demoOrigin) }],
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    features: { revocation: { enabled: true } },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: 'Maria Silva', email: 'maria@example.com', email_verified: true }),
    }),
    ttl: {
      AccessToken: 900,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 900,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
  });
  const server = createServer(provider.callback()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Keeps cookies by name (all here live on one host), follows redirects as asked, never runs a script. */
export class Browser {
  private readonly cookies = new Map<string, string>();

  async open(
    url: string,
    form?: Record<string, string>,
  ): Promise<{ status: number; url: string; html: string; headers: Headers }> {
    let address = url;
    let body = form ? new URLSearchParams(form) : undefined;
    for (let hops = 0; hops < 15; hops++) {
      const response = await fetch(address, {
        method: body ? 'POST' : 'GET',
        redirect: 'manual',
        headers: {
          cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body ? { origin: new URL(address).origin } : {}),
        },
        ...(body ? { body } : {}),
      });
      for (const line of response.headers.getSetCookie()) this.take(line);
      const location = response.headers.get('location');
      if (!location)
        return { status: response.status, url: address, html: await response.text(), headers: response.headers };
      address = new URL(location, address).href;
      body = undefined;
    }
    throw new Error('too many redirects');
  }

  cookie(name: string): string | undefined {
    return this.cookies.get(name);
  }

  /** Fills in the development pages of the bare engine: any name signs in, and consent is given. */
  async signIn(demoOrigin: string) {
    let page = await this.open(`${demoOrigin}/login`);
    for (let steps = 0; steps < 4 && page.html.includes('name="prompt"'); steps++) {
      const prompt = page.html.match(/name="prompt" value="(\w+)"/)?.[1] ?? '';
      const action = page.html.match(/action="([^"]+)"/)?.[1] ?? '';
      page = await this.open(new URL(action, page.url).href, { prompt, login: 'maria', password: 'any' });
    }
    return page;
  }

  private take(line: string) {
    const [pair = '', ...attributes] = line.split(';');
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    if (value === '' || attributes.some((item) => /expires=Thu, 01 Jan 1970/i.test(item))) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
