import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startBalancer } from '../support/balancer.js';
import { type Command, type Issuer, openIssuer, ostiary } from '../support/command.js';
import { load } from '../support/load.js';
import { until } from '../support/pair.js';
import { freePort } from '../support/server.js';

const connections = 4;
const errorsIn = ({ lines }: Command) => lines.filter((line) => line.includes('"level":"error"'));

describe('two workers of one machine', () => {
  let issuer: Issuer;
  let command: Command;

  beforeAll(async () => {
    issuer = await openIssuer();
    command = await ostiary({ ...issuer.environment, WORKERS: '2', DRAIN_DELAY: '1' });
    await command.said('is ready');
  }, 180_000);
  afterAll(async () => {
    command?.child.kill('SIGKILL');
    await issuer?.close();
  });

  const underLoad = () => load(issuer.port, issuer.host, issuer.party, connections);
  const sum = async (name: RegExp): Promise<number> => {
    const lines = (await command.metrics()).split('\n').filter((line) => name.test(line));
    return lines.reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  };

  it('are one machine to Prometheus: one page, with the workers, their connections and the jobs of all', async () => {
    expect(await sum(/^workers_serving\{role="web"\}/)).toBe(2);
    expect(await sum(/^workers_serving\{role="jobs"\}/)).toBe(1);
    expect(await sum(/^db_pool_connections\{state="total"\}/)).toBeGreaterThanOrEqual(3);
    expect(await sum(/^jobs_queue_length\{state="later"\}/)).toBeGreaterThan(0);
    expect(await sum(/^jobs_queue_length\{state="dead"\}/)).toBe(0);
    expect(await sum(/^jobs_oldest_due_seconds/)).toBeGreaterThanOrEqual(0);
  });

  it('are replaced one by one on SIGHUP under load: no request fails, and no count falls', async () => {
    const clients = underLoad();
    await clients.more(20);
    const issued = /^tokens_issued_total/;
    const before = await sum(issued);
    command.child.kill('SIGHUP');
    await command.said('the rolling restart has ended', { milliseconds: 60_000 });
    await clients.more(20);
    const failed = await clients.stop();
    expect({ failed, errors: errorsIn(command) }).toEqual({ failed: [], errors: [] });
    expect(command.workers('web')).toHaveLength(4);
    expect(command.workers('jobs')).toHaveLength(2);
    expect(await sum(/^worker_restarts_total\{.*rolling/)).toBe(3);
    const tokens = clients.answers.filter(({ name }) => name === 'token').length;
    expect(before).toBeGreaterThan(0);
    expect(await sum(issued)).toBe(tokens);
  }, 180_000);

  it('are replaced when they die: only what was under way fails (kill -9)', async () => {
    const clients = underLoad();
    await clients.more(20);
    const [victim] = command.workers('web').slice(-2);
    process.kill(Number(victim), 'SIGKILL');
    await command.said('"role":"web","pid"', { times: 5 });
    await clients.more(20);
    const failed = await clients.stop();
    expect(failed.length).toBeLessThanOrEqual(connections);
    // Cut off, never answered wrongly or left waiting.
    expect(failed.filter(({ error }) => !error || error.includes('no answer'))).toEqual([]);
    expect(await sum(/^worker_restarts_total\{.*ended/)).toBe(1);
  }, 180_000);

  it('finish what is under way on SIGTERM, after /readyz has said so, and end with 0', async () => {
    const clients = underLoad();
    await clients.more(20);
    command.child.kill('SIGTERM');
    const readyz = `http://127.0.0.1:${issuer.port}/readyz`;
    await until('/readyz says 503', async () => (await fetch(readyz)).status === 503);
    // As a balancer does: nobody new is sent here from now on, and what was sent is answered.
    const failed = await clients.stop();
    expect({ failed, errors: errorsIn(command) }).toEqual({ failed: [], errors: [] });
    expect(await command.end()).toBe(0);
  }, 180_000);

  it('are given up where they cannot start: the primary says so and ends with an error', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(issuer.port, '127.0.0.1', resolve));
    try {
      const refused = await ostiary({ ...issuer.environment, WORKERS: '2' });
      expect(await refused.end()).toBe(1);
      expect(refused.lines).toContain('Workers ended 5 times before they served: what they said is above');
      expect(refused.lines.join()).toContain('is in use by another program');
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
  }, 180_000);
});

describe('two machines behind a balancer that asks for /readyz', () => {
  let issuer: Issuer;
  let ports: number[];
  let machines: Command[];
  let closeBalancer: () => Promise<void>;

  const startMachine = async (index: number): Promise<Command> => {
    const environment = { ...issuer.environment, PORT: String(ports[index]), DRAIN_DELAY: '1' };
    const machine = await ostiary(environment);
    await machine.said('is ready');
    return machine;
  };
  beforeAll(async () => {
    issuer = await openIssuer();
    ports = [await freePort(), await freePort()];
    machines = await Promise.all([0, 1].map(startMachine));
    closeBalancer = await startBalancer(issuer.port, ports);
  }, 180_000);
  afterAll(async () => {
    for (const { child } of machines ?? []) child.kill('SIGKILL');
    await closeBalancer?.();
    await issuer?.close();
  });

  it('are restarted one after the other under load, and no request fails', async () => {
    const clients = load(issuer.port, issuer.host, issuer.party, connections);
    await clients.more(20);
    const codes: (number | null)[] = [];
    for (const index of [0, 1]) {
      codes.push(await (machines[index] as Command).end('SIGTERM'));
      machines[index] = await startMachine(index);
      await clients.more(20);
    }
    const failed = await clients.stop();
    expect({ failed, errors: machines.flatMap(errorsIn) }).toEqual({ failed: [], errors: [] });
    expect(codes).toEqual([0, 0]);
  }, 180_000);
});
