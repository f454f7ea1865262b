// examples/identity-provider beside a server, connected over the management API as the README says, and a browser that goes there and back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ask, tokenWith } from './api.js';
import { Browser, type Page } from './browser.js';
import type { Example } from './examples.js';
import { leadsTo } from './federated.js';
import { authorizationUrl, makeClient, type Party, pkce } from './party.js';
import { freePort, startServer, type TestServer } from './server.js';

export interface SignIn {
  /** What is chosen on its page. */
  fault?: string;
  email?: string;
  /** Parameters of the request. */
  more?: Record<string, string>;
  browser?: Browser;
}

export class ExampleCompany {
  private constructor(
    readonly server: TestServer,
    readonly example: Example,
    readonly origin: string,
    readonly token: string,
    readonly party: Party,
    readonly folder: string,
  ) {}

  /** @param run starts it, as its readers do. */
  static async open(run: (environment: Record<string, string>) => Example): Promise<ExampleCompany> {
    // It asks a provider of OpenID Connect, which here is on this machine.
    const server = await startServer({ environment: { EGRESS_ALLOW: 'localhost' } });
    const origin = `http://localhost:${await freePort()}`;
    const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-idp-'));
    const environment = { ISSUER: server.issuer, ORIGIN: origin, KEY_FILE: path.join(folder, 'key.pem') };
    const example = run(environment);
    const token = await tokenWith(server, 'connections:read connections:write traces:read users:read');
    await example.said(`ready at ${origin}`);
    return new ExampleCompany(server, example, origin, token, await makeClient(server), folder);
  }

  api(method: string, at: string, body?: unknown) {
    return ask(this.server, this.token, method, at, body);
  }

  /** @returns its id. @param more settings, merged into what the example says of itself. */
  async connect(kind: 'saml' | 'oidc', more: Record<string, unknown> = {}): Promise<string> {
    const said = (await (await fetch(`${this.origin}/connection?kind=${kind}`)).json()) as { settings: object };
    const made = await this.api('post', '/connections', { ...said, settings: { ...said.settings, ...more } });
    const id = String(made.body.id);
    if (kind === 'oidc') await this.api('post', `/connections/${id}/refreshes`);
    const enabled = await this.api('put', `/connections/${id}/enablement`);
    if (enabled.status !== 204) throw new Error(`${JSON.stringify(made.body)} ${JSON.stringify(enabled.body)}`);
    return id;
  }

  /** From the application to where the browser ends: at the application, or at a page that asks for what nobody here answers. */
  async signIn(connection: string, { more = {}, browser = new Browser(), ...chosen }: SignIn = {}): Promise<Page> {
    const request = authorizationUrl(this.server, this.party, pkce(), { connection, ...more });
    return this.goOn(browser, await browser.open(request), chosen);
  }

  async goOn(
    browser: Browser,
    start: Page,
    { fault = '', email = 'maria@company.example' }: SignIn = {},
  ): Promise<Page> {
    let page = start;
    for (let step = 0; step < 12; step += 1) {
      const next = leadsTo(page) ?? /url=(.+)/.exec(page.headers.get('refresh') ?? '')?.[1];
      if (next) page = await browser.open(next);
      else if (page.html === '' && [this.origin, this.server.issuer].includes(new URL(page.url).origin))
        page = await browser.open(page.url);
      else if (page.html.includes('name="fault"')) page = await browser.submit(page, { person: '', email, fault });
      else if (/name="SAML(?:Request|Response)"/.test(page.html)) page = await browser.submit(page, {});
      else if (page.html.includes('consent-allow')) page = await browser.submit(page, { decision: 'allow' });
      else return page;
    }
    throw new Error(`round in circles, at ${page.url}`);
  }

  /** The newest, in full. */
  async trace(connectionId: string): Promise<Record<string, unknown>> {
    const { body } = await this.api('get', `/traces?connection_id=${connectionId}`);
    const [newest] = body.items as { id: string }[];
    return (await this.api('get', `/traces/${newest?.id}`)).body;
  }

  async close(): Promise<void> {
    this.example.stop();
    rmSync(this.folder, { recursive: true, force: true });
    await this.server.close();
  }
}
