// An MCP server as somebody writes one who protects it with us: it believes what the issuer signs for it (RFC 9068 §4), and tells whoever comes
// without a token where to get one (RFC 9728 §5.1).
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

const wellKnown = '/.well-known/oauth-protected-resource';

export interface ProtectedServer {
  /** The resource indicator, and where clients connect. */
  resource: string;
  close(): Promise<void>;
}

interface Protection {
  issuer: string;
  port: number;
  /** What a token must be good for. */
  scope: string;
  /** The document that the authorization server exports for it. */
  metadata(): Promise<object>;
}

export async function startMcpServer({ issuer, port, scope, metadata }: Protection): Promise<ProtectedServer> {
  const resource = `http://localhost:${port}/mcp`;
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));

  const refuse = (res: ServerResponse, status: number, error?: string) =>
    res
      .writeHead(status, {
        'www-authenticate': [
          `Bearer resource_metadata="http://localhost:${port}${wellKnown}/mcp"`,
          ...(error ? [`error="${error}"`] : []),
          `scope="${scope}"`,
        ].join(', '),
      })
      .end();

  async function claimsOf({ headers }: IncomingMessage): Promise<JWTPayload | undefined> {
    const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const expected = { issuer, audience: resource, typ: 'at+jwt', algorithms: ['ES256'] };
    return jwtVerify(token, keys, expected).then(
      ({ payload }) => payload,
      () => undefined,
    );
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
    if (req.url === `${wellKnown}/mcp`)
      return res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(await metadata()));
    if (req.url !== '/mcp') return res.writeHead(404).end();
    const claims = await claimsOf(req);
    if (!claims) return refuse(res, 401, req.headers.authorization && 'invalid_token');
    if (!String(claims.scope).split(' ').includes(scope)) return refuse(res, 403, 'insufficient_scope');
    // It keeps no sessions, and has nothing to say on its own.
    if (req.method !== 'POST') return res.writeHead(405).end();
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    server.registerTool('whose', { description: 'Whose notes these are' }, async () => ({
      content: [{ type: 'text', text: String(claims.sub) }],
    }));
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    await server.connect(transport as never);
    return transport.handleRequest(req, res);
  }

  const server = createServer((req, res) => {
    answer(req, res).catch(() => (res.headersSent ? res.destroy() : res.writeHead(500).end()));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    resource,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
