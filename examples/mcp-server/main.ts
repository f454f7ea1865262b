// A server of the Model Context Protocol whose clients come with a token of the person they work for. Whoever has none is told where to get one
// (RFC 9728 §5.1), and a token is taken only if it was made for this server (RFC 8707). docs/mcp.md says what it has to be registered with.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';

const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8085', HOST = '127.0.0.1' } = process.env;
const once = process.argv.includes('--once'); // ends when a tool has been called

const resource = `${ORIGIN}/mcp`; // to the byte as it is registered, and as clients connect to it
const scope = 'notes:write';
const metadataPath = '/.well-known/oauth-protected-resource/mcp';
const metadata = {
  resource,
  authorization_servers: [ISSUER],
  resource_name: 'Notes',
  scopes_supported: [scope],
  bearer_methods_supported: ['header'],
};
const keys = createRemoteJWKSet(new URL(`${ISSUER}/jwks`));

/** By person. In memory: keep yours where all your processes find them. */
const notes = new Map<string, string[]>();
let called = false;

/** What this person's client may do. A server that keeps no sessions makes it anew for each request. */
function toolsOf(sub: string): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool(
    'add_note',
    { description: 'Write a note and read all of yours', inputSchema: { text: z.string().max(1000) } },
    ({ text }) => {
      const all = [...(notes.get(sub) ?? []), text].slice(-100);
      notes.set(sub, all);
      called = true;
      return { content: [{ type: 'text', text: all.join('\n') }] };
    },
  );
  return server;
}

/** RFC 9068 §4. @returns undefined for whatever is no token for this server. @throws Error where the keys cannot be had. */
async function claimsOf(authorization: string): Promise<JWTPayload | undefined> {
  const token = /^Bearer (\S+)$/i.exec(authorization)?.[1];
  if (!token) return undefined;
  const expected = { issuer: ISSUER, audience: resource, typ: 'at+jwt', algorithms: ['ES256'] };
  try {
    const { payload } = await jwtVerify(token, keys, expected);
    // A token that is bound to a key is worth nothing without a proof of it (RFC 9449 §7.2), and this server asks for none.
    return payload.cnf ? undefined : payload;
  } catch (error) {
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return undefined;
    throw error;
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const [path] = (request.url ?? '').split('?');
  if (path === metadataPath) return send(response, 200, metadata);
  if (path !== '/mcp') return send(response, 404);
  // Clients are programs. A page in a browser, which DNS may have led here, has nothing to ask (MCP, Transports: Security Warning).
  if (request.headers.origin) return send(response, 403);
  const { authorization } = request.headers;
  // RFC 6750 §3: who brings nothing is told how to ask, and of no error.
  if (!authorization) return refuse(response, 401);
  const claims = await claimsOf(authorization);
  if (!claims?.sub) return refuse(response, 401, 'invalid_token');
  if (!String(claims.scope).split(' ').includes(scope)) return refuse(response, 403, 'insufficient_scope');
  if (request.method !== 'POST') return send(response, 405); // it has nothing to say on its own
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
  const server = toolsOf(claims.sub);
  response.once('close', () => (once && called ? process.exit(0) : server.close()));
  await server.connect(transport);
  return transport.handleRequest(request, response);
}

function refuse(response: ServerResponse, status: number, error?: string): void {
  const details = [
    `resource_metadata="${ORIGIN}${metadataPath}"`,
    ...(error ? [`error="${error}"`] : []),
    `scope="${scope}"`,
  ];
  response.setHeader('www-authenticate', `Bearer ${details.join(', ')}`);
  send(response, status, { error: error ?? 'unauthorized' });
}

function send(response: ServerResponse, status: number, body: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(`${request.method} ${request.url}: ${error instanceof Error ? error.message : error}`);
    // While keys cannot be had nobody is let in, and nobody's token is called wrong.
    if (response.headersSent) response.destroy();
    else send(response, 503);
  });
}).listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${resource}`));
