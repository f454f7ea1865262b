// R161: `ostiary start` with the variables of OpenTelemetry and nothing else, its real packages, and a receiver outside.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { LAST_SPANS } from '../../src/platform/trace-export.js';
import { Browser } from '../support/browser.js';
import { Collector, type ReceivedSpan } from '../support/collector.js';
import { type Command, type Issuer, openIssuer, ostiary } from '../support/command.js';
import { until } from '../support/pair.js';
import { authorizationUrl, codeOf, makePerson, password, pkce, redeem, signIn } from '../support/party.js';
import type { TestServer } from '../support/server.js';

const [SERVER, CLIENT, CONSUMER] = [2, 3, 5];
const { version } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as { version: string };

describe('traces by the variables of OpenTelemetry', () => {
  let issuer: Issuer;
  let collector: Collector;
  let command: Command | undefined;

  beforeAll(async () => {
    issuer = await openIssuer();
    collector = await Collector.start();
  }, 180_000);
  afterAll(async () => {
    await command?.end('SIGKILL');
    await collector?.close();
    await issuer?.close();
  });

  async function begin(more: Record<string, string> = {}): Promise<Command> {
    command = await ostiary({
      ...issuer.environment,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.address,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20of-the-collector',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=overridden',
      OTEL_SERVICE_NAME: 'ostiary-eu',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_BSP_EXPORT_TIMEOUT: '10000',
      ...more,
    });
    await command.said('is ready');
    return command;
  }
  const end = async () => {
    const started = performance.now();
    const code = await command?.end('SIGTERM');
    command = undefined;
    return { code, milliseconds: performance.now() - started };
  };
  const ask = async () => (await fetch(`${issuer.issuer}/jwks`)).status;
  const asServer = () => issuer as unknown as TestServer;
  const parentOf = (span: ReceivedSpan) =>
    collector.spans.find(({ traceId, spanId }) => traceId === span.traceId && spanId === span.parentSpanId);

  it('arrive: a sign-in as requests, what they ask the database as parts of them, and jobs', async () => {
    await begin();
    const person = await makePerson(asServer());
    const browser = new Browser();
    const proof = pkce();
    const url = authorizationUrl(asServer(), issuer.party, proof);
    const code = codeOf(await signIn(browser, url, person.email));
    const { body } = await redeem(asServer(), issuer.party, code, proof);
    await until('the last request has arrived', async () => collector.spans.some(({ name }) => name === 'POST /token'));
    await until('a job has arrived', async () => collector.spans.some(({ kind }) => kind === CONSUMER), 30_000);
    expect((await end()).code).toBe(0);

    const requests = collector.spans.filter(({ kind }) => kind === SERVER);
    expect(requests.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['GET /authorize', 'POST /interaction/:uid/:step', 'POST /token']),
    );
    for (const { name, attributes } of requests)
      expect(name).toBe(`${attributes['http.request.method']} ${attributes['http.route']}`);
    const redeemed = requests.find(({ name }) => name === 'POST /token');
    const statements = collector.spans.filter(({ kind, traceId }) => kind === CLIENT && traceId === redeemed?.traceId);
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.map((one) => parentOf(one)?.name)).toEqual(statements.map(() => 'POST /token'));
    const job = collector.spans.find(
      ({ kind, spanId, traceId }) =>
        kind === CONSUMER && collector.spans.some((one) => one.parentSpanId === spanId && one.traceId === traceId),
    );
    expect(job).toMatchObject({ name: expect.stringMatching(/^job [a-z_.]+$/) });
    expect(job?.parentSpanId ?? '').toBe('');

    for (const resource of collector.resources)
      expect(resource).toEqual({
        'service.name': 'ostiary-eu',
        'service.version': version,
        'deployment.environment.name': 'test',
      });
    expect(new Set(collector.requests.map((one) => `${one.path} ${one.authorization}`))).toEqual(
      new Set(['/v1/traces Basic of-the-collector']),
    );
    const secrets = [
      code,
      body.access_token,
      body.id_token,
      body.refresh_token,
      proof.verifier,
      password,
      person.email,
    ];
    const cookies = [...browser.cookies.values()].map(({ value }) => value).filter((value) => value.length > 10);
    const known = [person.id, issuer.party.clientSecret, '127.0.0.1', issuer.environment.COOKIE_KEYS];
    for (const secret of [...secrets, ...cookies, ...known].filter((one) => one !== undefined))
      expect(collector.text).not.toContain(secret);
  }, 120_000);

  it('are written as protobuf where nobody says otherwise', async () => {
    collector.requests.length = 0;
    await begin({ OTEL_EXPORTER_OTLP_PROTOCOL: '', OTEL_SERVICE_NAME: '' });
    await ask();
    await until('they have arrived', async () => collector.text.includes('GET /jwks'));
    expect((await end()).code).toBe(0);
    expect(new Set(collector.requests.map(({ type }) => type))).toEqual(new Set(['application/x-protobuf']));
    // Without a name of its own it is called what its surroundings say.
    expect(collector.text).toContain('overridden');
  }, 120_000);

  it('are not sent where the sampler of the variables takes none', async () => {
    collector.requests.length = 0;
    await begin({ OTEL_TRACES_SAMPLER: 'always_off' });
    await ask();
    expect((await end()).code).toBe(0);
    expect(collector.requests).toEqual([]);
  }, 120_000);

  it.each(['hangs', 'refuses'] as const)(
    'delay neither a request nor the end where the receiver %s',
    async (manner) => {
      collector.manner = manner;
      collector.requests.length = 0;
      const { lines } = await begin();
      for (let round = 0; round < 20; round += 1) {
        const started = performance.now();
        expect(await ask()).toBe(200);
        expect(performance.now() - started).toBeLessThan(1_000);
      }
      await until('somebody was asked to take them', async () => collector.requests.length > 0);
      const { code, milliseconds } = await end();
      expect(code).toBe(0);
      expect(milliseconds).toBeLessThan(LAST_SPANS + 2_000);
      expect(lines.join('\n')).not.toContain('of-the-collector');
      collector.manner = 'takes';
    },
    120_000,
  );

  it('are told of once in the log where the receiver is not there', async () => {
    await begin({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://somebody:secret-word@127.0.0.1:1',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    });
    await ask();
    await command?.said('traces are not taken');
    const lines = command?.lines ?? [];
    expect((await end()).code).toBe(0);
    expect(lines.filter((line) => line.includes('traces are not taken'))).toHaveLength(1);
    expect(lines.join('\n')).not.toContain('secret-word');
  }, 120_000);
});
