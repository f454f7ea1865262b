// A client of a server of the Model Context Protocol that asks for a sign-in. The SDK finds the authorization server by the refusal (RFC 9728), asks for
// a token for this one server (RFC 8707) and renews it; left to us are the person's browser and the port that the answer comes back to (RFC 8252).
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SignIn } from './provider.js';

const { ISSUER = 'http://localhost:3000', CLIENT_ID = 'example-mcp-client', BROWSER } = process.env;
const { API = 'http://localhost:8085/mcp' } = process.env;
// As most clients of MCP do. Without, it is the client that is registered at ISSUER as CLIENT_ID.
const registersItself = process.argv.includes('--register');

const openers: Readonly<Record<string, string>> = { darwin: 'open', win32: 'explorer' };

/** The system's own browser, where the person is signed in already and sees the address (RFC 8252 §8.12). */
function open(url: URL): void {
  console.log(`Sign in with your browser:\n${url.href}`);
  spawn(BROWSER ?? openers[process.platform] ?? 'xdg-open', [url.href], { stdio: 'ignore', detached: true })
    .on('error', () => {}) // there is the address above
    .unref();
}

// RFC 8252 §7.3, §8.3: on 127.0.0.1 and not on all addresses, at whichever port is free, and only as long as it is needed.
const listener = createServer();
await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
const { port } = listener.address() as { port: number };
const registered = registersItself ? undefined : { client_id: CLIENT_ID, issuer: ISSUER };
const signIn = new SignIn(`http://127.0.0.1:${port}/callback`, registered, open);

/** What the person comes back with. */
const answered = new Promise<URLSearchParams>((resolve) => {
  listener.on('request', (request, response) => {
    const [path, query] = (request.url ?? '').split('?');
    const answer = new URLSearchParams(query);
    response.setHeader('connection', 'close');
    // Anybody on this machine may ask this port: what is not the answer to our request ends nothing.
    if (request.method !== 'GET' || path !== '/callback' || answer.get('state') !== signIn.state())
      return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/plain', 'referrer-policy': 'no-referrer' });
    response.end('You can close this window and go back to the application.');
    resolve(answer);
  });
});

async function connect(again = true): Promise<Client> {
  const transport = new StreamableHTTPClientTransport(new URL(API), { authProvider: signIn });
  const client = new Client({ name: 'editor', version: '1.0.0' });
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !again) throw error;
    // The person has been sent to sign in, and to allow what the server asks for.
    await transport.finishAuth(signIn.codeOf(await answered));
    return connect(false);
  }
}

const late = setTimeout(() => fail(new Error('Nobody signed in within five minutes.')), 300_000);
try {
  const client = await connect();
  const { tools } = await client.listTools();
  console.log(`Connected to ${API}, which has: ${tools.map(({ name }) => name).join(', ')}`);
  const { content } = await client.callTool({ name: 'add_note', arguments: { text: 'Buy a ticket to Lisbon' } });
  for (const part of content as { text: string }[]) console.log(`Your notes:\n${part.text}`);
  await client.close();
} catch (error) {
  fail(error);
} finally {
  clearTimeout(late);
  listener.close();
}

function fail(error: unknown): never {
  // Why there was no answer is said by the cause alone.
  const { message, cause = {} } = error as { message: string; cause?: Record<string, unknown> };
  console.error(cause.code ? `${API}: ${message}: ${cause.code}` : message);
  process.exit(1);
}
