import { once } from 'node:events';
import type { Server } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { createDemo, type Demo } from '../../src/demo/app.js';
import { Browser, bareServer, freePort } from './demo-server.js';

const secret = 'a-secret-of-the-demo-0123456789-0123456789';
let server: Server;
let demo: Demo;
let issuer: string;
let origin: string;

beforeAll(async () => {
  const [issuerPort, port] = [await freePort(), await freePort()];
  issuer = `http://localhost:${issuerPort}`;
  origin = `http://localhost:${port}`;
  const views = path.join(projectRoot, 'views');
  demo = createDemo({
    issuer,
    clientId: 'demo',
    clientSecret: secret,
    port,
    views,
    cookieKey: 'x'.repeat(32),
    allowInsecure: true,
  });
  await demo.listen();
});

afterAll(async () => {
  await demo.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('the demo application', () => {
  it('opens before the server does, says so, and recovers without a restart', async () => {
    const browser = new Browser();
    const early = await browser.open(`${origin}/login`);
    expect(early.status).toBe(502);
    expect(early.html).toContain('The server could not be reached');

    server = await bareServer(Number(new URL(issuer).port), origin, secret);
    expect((await browser.open(`${origin}/login`)).url).toContain(`${issuer}/interaction/`);
  });

  it('signs in with code, PKCE, state and nonce and explains each request in order', async () => {
    const page = await new Browser().signIn(origin);
    expect(page.url).toBe(`${origin}/`);
    const order = [
      'Authorization request',
      'Callback',
      'Token request',
      'Public keys',
      'Userinfo request',
      'The ID token, decoded',
    ];
    const positions = order.map((title) => page.html.indexOf(title));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(positions).not.toContain(-1);
    for (const name of ['code_challenge', 'code_challenge_method', 'state', 'nonce', 'code_verifier'])
      expect(page.html).toContain(`<code>${name}</code>`);
    expect(page.html).toContain('Signature verified');
    expect(page.html).toContain('as <b>maria@example.com</b>');
  });

  it('names the identity provider of a company only where that was chosen', async () => {
    const sent = async (at: string) => {
      const { headers } = await fetch(origin + at, { redirect: 'manual' });
      return new URL(String(headers.get('location'))).searchParams.get('connection');
    };
    expect((await new Browser().open(origin)).html).toContain('href="/login?company"');
    expect([await sent('/login'), await sent('/login?company')]).toEqual([null, 'company']);
  });

  it('shows no code, token or secret whole', async () => {
    const { html } = await new Browser().signIn(origin);
    expect(html).not.toContain(secret);
    expect(html).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
    for (const name of ['access_token', 'refresh_token', 'id_token', 'code', 'code_verifier'])
      expect(html).toMatch(
        new RegExp(`<code>${name}</code></dt>\\s*<dd><code class="value">.{6}… \\(\\d+ characters\\)`),
      );
  });

  it('rotates its session id at sign-in', async () => {
    const browser = new Browser();
    await browser.open(`${origin}/login`);
    const before = browser.cookie('demo_session');
    await browser.signIn(origin);
    expect(before).toBeDefined();
    expect(browser.cookie('demo_session')).not.toBe(before);
  });

  it('refreshes with rotation and reads userinfo', async () => {
    const browser = new Browser();
    await browser.signIn(origin);
    const refreshed = await browser.open(`${origin}/refresh`, {});
    expect(refreshed.html).toContain('<code class="value">refresh_token</code>');
    expect(refreshed.html).not.toContain('invalid_grant');
    const again = await browser.open(`${origin}/refresh`, {});
    expect(again.html).not.toContain('invalid_grant');
    expect((await browser.open(`${origin}/userinfo`, {})).html.match(/<b>Userinfo request/g)).toHaveLength(2);
  });

  it('signs out at the server with id_token_hint and comes back (RP-Initiated Logout §2)', async () => {
    const browser = new Browser();
    await browser.signIn(origin);
    const confirm = await browser.open(`${origin}/logout`, {});
    expect(confirm.url).toContain(`${issuer}/session/end?`);
    const xsrf = confirm.html.match(/name="xsrf" value="(\w+)"/)?.[1] ?? '';
    const back = await browser.open(`${issuer}/session/end/confirm`, { xsrf, logout: 'yes' });
    expect(back.url).toBe(`${origin}/?state=signed-out`);
    expect(back.html).toContain('You are signed out');
    expect((await browser.open(`${origin}/`)).html).toContain('See a sign-in, step by step');
  });

  it('refuses an answer this browser did not ask for', async () => {
    const page = await new Browser().open(`${origin}/callback?code=planted&state=planted`);
    expect(page.status).toBe(400);
    expect(page.html).toContain('No sign-in is waiting here');
  });

  it('refuses an answer with another state and sends no token request', async () => {
    const browser = new Browser();
    await browser.open(`${origin}/login`);
    const page = await browser.open(`${origin}/callback?code=planted&state=planted&iss=${encodeURIComponent(issuer)}`);
    expect(page.status).toBe(400);
    expect(page.html).not.toContain('Token request');
  });

  it('says that the person chose not to share anything (access_denied)', async () => {
    const browser = new Browser();
    const form = await browser.open(`${origin}/login`);
    const abort = form.html.match(/href="([^"]+\/abort)"/)?.[1] ?? '';
    const page = await browser.open(new URL(abort, form.url).href);
    expect(page.status).toBe(400);
    expect(page.html).toContain('You chose not to share anything');
  });

  it('escapes what an answer carries', async () => {
    const browser = new Browser();
    await browser.open(`${origin}/login`);
    const page = await browser.open(`${origin}/callback?error=%3Cscript%3E&state=x`);
    expect(page.html).not.toContain('<script>');
  });

  it('refuses a form of another origin', async () => {
    const response = await fetch(`${origin}/logout`, { method: 'POST', headers: { origin: 'http://localhost:1' } });
    expect(response.status).toBe(403);
  });

  it('answers with a policy that allows no script', async () => {
    const { headers } = await new Browser().open(`${origin}/`);
    expect(headers.get('content-security-policy')).toContain("script-src 'none'");
    expect(headers.get('content-security-policy')).toContain(`form-action 'self' ${issuer}`);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it.each([
    ['redirect-uri', 'Refused: 400'],
    ['no-pkce', 'Refused: 303 invalid_request'],
    ['wrong-secret', 'Refused: 401 invalid_client'],
    ['changed-state', 'Refused by this application'],
    ['garbled-token', 'Refused: 401 invalid_token'],
    ['ended-token', 'Refused: 401 invalid_token'],
    ['reused-code', 'Refused: 400 invalid_grant'],
  ])('break it: %s is answered "%s"', async (id, verdict) => {
    const browser = new Browser();
    await browser.signIn(origin);
    const page = await browser.open(`${origin}/break/${id}`, {});
    expect(page.url).toBe(`${origin}/break#${id}`);
    expect(page.html).toContain(verdict);
    expect(page.html).not.toContain('That is a fault');
  });

  it('offers experiments that need a sign-in only after one', async () => {
    const browser = new Browser();
    expect((await browser.open(`${origin}/break`)).html).toContain('Needs a sign-in');
    await browser.open(`${origin}/break/reused-code`, {});
    const page = await browser.open(`${origin}/break/no-pkce`, {});
    expect(page.html).toContain('Refused: 303 invalid_request');
  });
});
