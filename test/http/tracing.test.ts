// R161: what OpenTelemetry is told of requests, statements, jobs and calls out; and what it is never told.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { Tracing } from '../../src/platform/tracing.js';
import { Browser } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  password,
  pkce,
  redeem,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Kept, keepSpans } from '../support/spans.js';

const remote = { trace: 'a'.repeat(32), span: 'b'.repeat(16) };
const traceparent = `00-${remote.trace}-${remote.span}-01`;

describe('OpenTelemetry', () => {
  const { tracing, spans, end } = keepSpans();
  let server: TestServer;
  let upstream: Server;
  let heard: IncomingHttpHeaders = {};

  beforeAll(async () => {
    server = await startServer({
      environment: { TRUST_PROXY: '127.0.0.1', EGRESS_ALLOW: '127.0.0.1' },
      overrides: { tracing },
    });
    upstream = createServer((req, res) => {
      heard = req.headers;
      res.end('{}');
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  }, 180_000);
  afterAll(async () => {
    upstream?.close();
    await server?.close();
    end();
  });
  const since = async (work: () => Promise<unknown>): Promise<Kept[]> => {
    const before = spans.length;
    await work();
    return spans.slice(before);
  };
  const requests = (some: Kept[]) => some.filter(({ kind }) => kind === SpanKind.SERVER);

  it('is told a request by its route, and its statements by name as parts of it', async () => {
    const party = await makeClient(server);
    const told = await since(() => introspect(server, party, 'unknown'));
    const [request] = requests(told);
    expect(request).toMatchObject({
      name: 'POST /introspect',
      attributes: { 'http.request.method': 'POST', 'http.route': '/introspect', 'http.response.status_code': 200 },
      parentId: undefined,
      ended: true,
    });
    // Jobs have statements of their own meanwhile.
    const statements = told.filter(({ traceId, kind }) => traceId === request?.traceId && kind === SpanKind.CLIENT);
    expect(statements.length).toBeGreaterThan(0);
    for (const { name, attributes } of statements)
      expect([attributes['db.system.name'], name]).toEqual(['postgresql', expect.stringMatching(/^[a-z_0-9]+$/)]);
  });

  it('goes on with the trace of a proxy that we know (W3C Trace Context §3.2)', async () => {
    const told = await since(() => fetch(`${server.issuer}/jwks`, { headers: { traceparent } }));
    expect(requests(told)).toMatchObject([{ traceId: remote.trace, parentId: remote.span, name: 'GET /jwks' }]);
  });

  it('is told no path that somebody made up', async () => {
    const told = await since(() => fetch(`${server.issuer}/secret-${remote.span}?token=${remote.trace}`));
    expect(requests(told)).toMatchObject([{ name: 'GET none', attributes: { 'http.response.status_code': 404 } }]);
    expect(JSON.stringify(told)).not.toContain('secret-');
  });

  it('is told a call out by its host, which is told what it is a part of, and nothing else', async () => {
    const { port } = upstream.address() as AddressInfo;
    const told = await since(() => server.services.egress.fetch(`http://127.0.0.1:${port}/path?token=hidden`));
    const [call] = told;
    expect(call).toMatchObject({
      name: 'GET',
      kind: SpanKind.CLIENT,
      attributes: { 'server.address': `127.0.0.1:${port}` },
    });
    expect(heard.traceparent).toBe(`00-${call?.traceId}-${call?.spanId}-01`);
    expect([heard.baggage, JSON.stringify(told).includes('hidden')]).toEqual([undefined, false]);
  });

  it('is told a job by its name', async () => {
    const told = () => spans.filter(({ kind, name }) => kind === SpanKind.CONSUMER && name.startsWith('job '));
    for (let round = 0; round < 100 && told().length === 0; round += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told()[0]).toMatchObject({ name: expect.stringMatching(/^job [a-z_.]+$/), parentId: undefined });
  });

  it('is told nothing of a person: no address, no word, no handle of a whole sign-in', async () => {
    const party = await makeClient(server);
    const person = await makePerson(server);
    const browser = new Browser();
    const proof = pkce();
    let secrets: string[] = [];
    const told = await since(async () => {
      const code = codeOf(await signIn(browser, authorizationUrl(server, party, proof), person.email));
      const { body } = await redeem(server, party, code, proof);
      const cookies = [...browser.cookies.values()].map(({ value }) => value);
      secrets = [
        code,
        String(body.access_token),
        String(body.id_token),
        ...cookies.filter((value) => value.length > 10),
      ];
    });
    expect(requests(told).length).toBeGreaterThan(4);
    const text = JSON.stringify(told);
    for (const secret of [
      ...secrets,
      person.email,
      person.id,
      password,
      party.clientSecret,
      proof.verifier,
      '127.0.0.1',
    ])
      expect(text).not.toContain(secret);
    expect(told.every(({ ended }) => ended)).toBe(true);
  });

  it('is told that something failed, and not in which words', async () => {
    const failing = tracing.span({ name: 'one', kind: 'client' }, () =>
      Promise.reject(new TypeError('maria@example.com')),
    );
    await expect(failing).rejects.toThrow('maria@example.com');
    expect(spans.at(-1)).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'TypeError' },
    });
    expect(JSON.stringify(spans.at(-1))).not.toContain('maria');
  });

  it('asked for without its packages, says which one is missing', async () => {
    await expect(Tracing.open('ostiary', '0')).rejects.toThrow(/install @opentelemetry\/sdk-node/);
  });
});
