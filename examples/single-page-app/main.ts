// Serves the files of an application that runs in the browser (app.js) and nothing more: it sees no code and no token. Any web server can do this;
// what matters are the headers.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8081' } = process.env;
const { CLIENT_ID = 'example-single-page-app', API = 'http://localhost:8083/bookings' } = process.env;
const { AUDIENCE = 'https://bookings.example.com', HOST = '127.0.0.1' } = process.env;
const once = process.argv.includes('--once'); // ends when somebody has signed out

const folder = join('examples', 'single-page-app');
const files: Readonly<Record<string, string>> = {
  '/': join(folder, 'index.html'),
  '/callback': join(folder, 'index.html'),
  '/signed-out': join(folder, 'signed-out.html'),
  '/app.js': join(folder, 'app.js'),
  '/keys.js': join(folder, 'keys.js'),
  // A bundler would put it into app.js.
  '/oauth4webapi.js': fileURLToPath(import.meta.resolve('oauth4webapi')),
};

const headers = {
  // Whoever gets a script of their own to run has everything this page has: only our files, and calls to these two alone.
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    `connect-src 'self' ${new URL(ISSUER).origin} ${new URL(API).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  // The code stands in the address of the callback (RFC 9700 §4.2.4).
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

createServer(async (request, response) => {
  const [path = ''] = (request.url ?? '').split('?');
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (path === '/settings.json') {
    const settings = { issuer: ISSUER, clientId: CLIENT_ID, api: API, audience: AUDIENCE };
    response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(settings));
  } else if (file) {
    const type = file.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(200, { ...headers, 'content-type': `${type}; charset=utf-8` });
    response.end(await readFile(file));
  } else response.writeHead(404, headers).end();
  if (once && path === '/signed-out') response.once('close', () => process.exit(0));
}).listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${ORIGIN}`));
