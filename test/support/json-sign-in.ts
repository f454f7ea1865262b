// A program that signs somebody in: with a cookie jar, and the steps as JSON.
import type { Browser } from './browser.js';
import { authorizationUrl, type Party, type Pkce } from './party.js';
import type { TestServer } from './server.js';

export interface Said {
  status: number;
  type: string;
  body: Record<string, unknown>;
  headers: Headers;
}

export class JsonSignIn {
  interaction = '';
  csrf = '';

  constructor(
    private readonly server: TestServer,
    readonly browser: Browser,
  ) {}

  /** From the authorization request to the first step. */
  async begin(party: Party, proof: Pkce, more: Record<string, string> = {}): Promise<Said> {
    const sent = await this.browser.request(authorizationUrl(this.server, party, proof, more));
    const location = new URL(sent.headers.get('location') ?? '', this.server.issuer).href;
    const said = await read(await this.browser.request(location, { headers: { accept: 'application/json' } }));
    this.interaction = String(said.body.interaction);
    this.csrf = String(said.body.csrf);
    return said;
  }

  async post(name: string, body: object, headers: Record<string, string> = {}): Promise<Said> {
    const answer = await this.browser.request(
      `${this.server.issuer}/api/v1/${name.startsWith('/') ? name.slice(1) : `auth/${name}`}`,
      {
        method: 'POST',
        body: JSON.stringify({ interaction: this.interaction, ...body }),
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          origin: new URL(this.server.issuer).origin,
          'x-csrf-token': this.csrf,
          ...headers,
        },
      },
    );
    return read(answer);
  }
}

async function read(answer: Response): Promise<Said> {
  const text = await answer.text();
  const type = (answer.headers.get('content-type') ?? '').replace(/;.*/, '');
  return { status: answer.status, type, body: text.startsWith('{') ? JSON.parse(text) : {}, headers: answer.headers };
}
