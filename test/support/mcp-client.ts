// An MCP client: the SDK's own, with a memory for what it gets, and a person who opens the address it asks for.

import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

type Kept = Parameters<NonNullable<OAuthClientProvider['saveClientInformation']>>[0];
type Tokens = Parameters<OAuthClientProvider['saveTokens']>[0];

export class McpMemory implements OAuthClientProvider {
  /** Where the person was sent last. */
  sentTo = '';
  client: Kept | undefined;
  kept: Tokens | undefined;
  readonly redirectUrl = 'http://localhost:33418/callback';
  readonly clientMetadataUrl?: string;
  private verifier = '';

  /** @param document the address that describes the client, where there is one. */
  constructor(document?: string) {
    if (document !== undefined) this.clientMetadataUrl = document;
  }

  get clientMetadata() {
    return {
      client_name: 'Notes in my editor',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  clientInformation = () => this.client;
  saveClientInformation = (client: Kept) => {
    this.client = client;
  };
  tokens = () => this.kept;
  saveTokens = (tokens: Tokens) => {
    this.kept = tokens;
  };
  redirectToAuthorization = (url: URL) => {
    this.sentTo = url.href;
  };
  saveCodeVerifier = (verifier: string) => {
    this.verifier = verifier;
  };
  codeVerifier = () => this.verifier;
}

export class McpClient {
  private transport: StreamableHTTPClientTransport;
  private client = new Client({ name: 'editor', version: '1.0.0' });

  constructor(
    private readonly resource: string,
    private readonly memory: McpMemory,
  ) {
    this.transport = this.open();
  }

  /** @returns whether it is connected; where not, the person is sent somewhere. */
  async connect(): Promise<boolean> {
    try {
      await this.client.connect(this.transport as never);
      return true;
    } catch (error) {
      if (error instanceof UnauthorizedError) return false;
      throw error;
    }
  }

  /** With what the person has come back with. */
  async finish(code: string): Promise<void> {
    await this.transport.finishAuth(code);
    await this.client.close();
    this.client = new Client({ name: 'editor', version: '1.0.0' });
    this.transport = this.open();
  }

  /** What the server's only tool says. */
  async whose(): Promise<unknown> {
    const { content } = await this.client.callTool({ name: 'whose' });
    return (content as { text: string }[])[0]?.text;
  }

  close = (): Promise<void> => this.client.close();

  private open = () => new StreamableHTTPClientTransport(new URL(this.resource), { authProvider: this.memory });
}
