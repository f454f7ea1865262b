// A business with an address of its own, an application that hears of sign-outs, and the server between them: for identity providers to join.
import type { Browser } from 'playwright-core';
import { openContext, type Watched } from './chromium.js';
import { proveDomain } from './federated.js';
import { believed, LogoutReceiver } from './logout-receiver.js';
import { makeOrganization, type TestOrganization } from './organizations.js';
import { makeClient, type Party } from './party.js';
import { type Outcome, RelyingParty } from './relying-party.js';
import { freePort, type TestServer, type TestServerOptions } from './server.js';
import { type Certificate, selfSigned, trusting } from './tls.js';

const scope = 'openid profile email organization';

/** What a server is started with, on http or on https, with names of cookies to match. */
export async function optionsFor(certificate?: Certificate): Promise<TestServerOptions> {
  const secure = certificate && {
    ISSUER: `https://localhost:${await freePort()}`,
    TLS_CERT: certificate.certFile,
    TLS_KEY: certificate.keyFile,
  };
  return { environment: { EGRESS_ALLOW: '127.0.0.1', ...secure } };
}

export interface Business {
  organization: TestOrganization;
  /** Proved by it. */
  domain: string;
}

export class FederatedHouse {
  private constructor(
    readonly server: TestServer,
    readonly party: RelyingParty,
    readonly client: Party,
    readonly receiver: LogoutReceiver,
    /** Believes the server, whatever it is on. */
    readonly fetch: typeof globalThis.fetch,
    private readonly certificate: Certificate | undefined,
  ) {}

  static async open(server: TestServer, certificate?: Certificate): Promise<FederatedHouse> {
    const own = certificate && selfSigned();
    const party = await RelyingParty.start(own);
    const receiver = await LogoutReceiver.start();
    const told = { backchannel_logout_uri: receiver.uri(), backchannel_logout_session_required: true };
    const metadata = party.metadata({ scope, consent_policy: 'implicit', ...told });
    const client = await makeClient(server, metadata);
    const fetch = certificate && own ? trusting(certificate, own) : globalThis.fetch;
    await party.learn(server.issuer, client.clientId, client.clientSecret, fetch);
    return new FederatedHouse(server, party, client, receiver, fetch, own);
  }

  async close(): Promise<void> {
    await this.party.close();
    await this.receiver.close();
    this.certificate?.remove();
  }

  async business(): Promise<Business> {
    const organization = await makeOrganization(this.server);
    return { organization, domain: await proveDomain(this.server, organization) };
  }

  /** @param origin of the identity provider. */
  visitor(browser: Browser, origin: string, options: { javaScriptEnabled?: boolean } = {}): Promise<Watched> {
    return openContext(browser, [this.server.issuer, this.party.origin, origin], options);
  }

  /** The application begins, and the person says who they are. */
  async begin({ page }: Watched, email: string): Promise<void> {
    await page.goto((await this.party.authorizationUrl({ scope })).href);
    await page.fill('input[name=username]', email);
    await page.click('#login-submit');
  }

  /** The application knows by whom they come in. */
  async beginAt({ page }: Watched, { key }: { key: string }): Promise<void> {
    await page.goto((await this.party.authorizationUrl({ scope, connection: key })).href);
  }

  /** @returns what the application has learnt. */
  async arrived({ page }: Watched): Promise<Record<string, unknown>> {
    await page.waitForURL(`${this.party.redirectUri}?**`);
    const { tokens, userinfo } = this.party.outcomes.at(-1) as Outcome;
    return { ...userinfo, ...tokens.claims() };
  }

  /** The application says who signs out, or the person is asked. */
  async signOut({ page }: Watched, { isAsked }: { isAsked: boolean }): Promise<void> {
    const { postLogoutRedirectUri } = this.party;
    const url = this.party.endSessionUrl({ post_logout_redirect_uri: postLogoutRedirectUri });
    if (isAsked) url.searchParams.delete('id_token_hint');
    await page.goto(url.href);
    if (isAsked) await page.click('#logout-confirm');
    await page.waitForURL(`${postLogoutRedirectUri}**`);
  }

  /** What the application finds where it asks without a page. */
  async silently({ page }: Watched): Promise<string> {
    await page.goto((await this.party.authorizationUrl({ scope, prompt: 'none' })).href);
    return String(await page.textContent('h1'));
  }

  /** The end of a session, as the application believes it. */
  async told(sid: unknown) {
    const { issuer } = this.server;
    const ask = (path: string) => this.fetch(`${issuer}${path}`);
    for (let tries = 0; tries < 100; tries += 1) {
      for (const { token } of this.receiver.received) {
        const { claims } = await believed({ issuer, ask }, this.client, token);
        if (claims.sid === sid) return claims;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return undefined;
  }
}
