import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Browser } from '../support/browser.js';
import { until } from '../support/pair.js';
import { authorizationUrl, codeOf, makeClient, makePerson, pkce, redeem, signIn } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

const where = existsSync('/usr/bin/redis-server') ? describe : describe.skip;

where('on a Redis Cluster of two nodes', () => {
  let folder: string;
  let nodes: ChildProcess[];
  let clients: Redis[];
  let server: TestServer;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ostiary-redis-'));
    const ports = [await freePort(), await freePort()];
    const buses = [await freePort(), await freePort()];
    nodes = ports.map((port, index) => startNode(folder, port, Number(buses[index])));
    clients = ports.map((port) => new Redis(port, '127.0.0.1'));
    const [a, b] = clients as [Redis, Redis];
    await a.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await b.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await a.call('CLUSTER', 'MEET', '127.0.0.1', String(ports[1]), String(buses[1]));
    for (const client of clients)
      await until(
        'the cluster is whole',
        async () => {
          await delay(50);
          return String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok');
        },
        20_000,
      );
    server = await startServer({ environment: { REDIS_URL: ports.map((port) => `redis://127.0.0.1:${port}`).join() } });
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    for (const client of clients ?? []) client.disconnect();
    for (const node of nodes ?? []) node.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  it('people sign in: every command, transaction and script touches one key', async () => {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    for (let person = 0; person < 4; person += 1) {
      const { email } = await makePerson(server);
      const proof = pkce();
      const page = await signIn(new Browser(), authorizationUrl(server, party, proof), email);
      expect((await redeem(server, party, codeOf(page), proof)).status).toBe(200);
    }
    // Sign-ins that were begun and left lie on both nodes.
    const begun = Array.from({ length: 12 }, () => new Browser().open(authorizationUrl(server, party, pkce())));
    for (const { html } of await Promise.all(begun)) expect(html).toContain('name="username"');
    const kept = await Promise.all(clients.map((client) => client.dbsize()));
    expect(kept.every((count) => count > 0)).toBe(true);
    expect(server.log.filter((line) => /CROSSSLOT|MOVED|redis is unreachable/.test(line))).toEqual([]);
  });

  it('limits are counted by the cluster, each under one key', async () => {
    const limiter = server.services.rateLimits.limiter({ name: 'probe', points: 2, seconds: 60 });
    for (const key of ['a', 'b', 'c', 'd']) {
      await limiter.consume(key);
      await limiter.consume(key);
      expect(await limiter.peek(key)).toMatchObject({ limit: 2, remaining: 0 });
      await expect(limiter.consume(key)).rejects.toMatchObject({ status: 429 });
      await limiter.reset(key);
      expect(await limiter.peek(key)).toMatchObject({ remaining: 2 });
    }
  });
});

const startNode = (folder: string, port: number, bus: number): ChildProcess =>
  spawn(
    'redis-server',
    ['--port', port, '--bind', '127.0.0.1', '--cluster-enabled', 'yes', '--cluster-port', bus]
      .concat(['--cluster-config-file', `nodes-${port}.conf`, '--save', '', '--dir', folder])
      .map(String),
    { stdio: 'ignore' },
  );
