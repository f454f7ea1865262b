// What a fault needs: servers of its own behind gates, processes of the house on them, a person, a client, and requests that are timed.

import { Gate } from '../../support/gate.js';
import { OwnPostgres, OwnRedis } from '../../support/own-servers.js';
import { balance } from '../../support/pair.js';
import { makeClient, type Party } from '../../support/party.js';
import type { Outside, Processes, ServerProcess } from '../../support/processes.js';
import { startProcesses } from '../../support/processes.js';
import type { TestServer } from '../../support/server.js';

export interface Stage {
  postgres: OwnPostgres;
  redis: OwnRedis;
  databaseGate: Gate;
  redisGate: Gate;
  outside: Outside;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const [postgres, redis] = await Promise.all([OwnPostgres.start(), OwnRedis.start()]);
  const [databaseGate, redisGate] = await Promise.all([Gate.to(postgres.port), Gate.to(redis.port)]);
  return {
    postgres,
    redis,
    databaseGate,
    redisGate,
    outside: {
      databaseUrl: postgres.url(),
      redisUrl: redis.url,
      databasePort: databaseGate.port,
      redisPort: redisGate.port,
    },
    async close() {
      await Promise.all([databaseGate.close(), redisGate.close(), postgres.close(), redis.close()]);
    },
  };
}

export interface House extends Processes {
  /** For party.ts: rows are made without HTTP, requests go to the issuer's address. */
  server: TestServer;
  /** A confidential client for codes, refresh tokens and client credentials. */
  party: Party;
  /** Which process is met at the issuer's address; each in its turn where none is named. */
  route: { to: ServerProcess | undefined };
}

/** @param count processes; browsers meet them in turn at the issuer's address. */
export async function openHouse(
  { outside }: Pick<Stage, 'outside'>,
  count = 1,
  environment: Record<string, string> = {},
): Promise<House> {
  const house = await startProcesses(count, environment, outside);
  const route: House['route'] = { to: undefined };
  const closeBalancer = await balance(house, route);
  const { issuer, services, inside } = house;
  const close = async () => {
    await closeBalancer();
    await house.close();
  };
  const server: TestServer = { issuer, services, log: [], inside, close };
  const party = await makeClient(server, {
    consent_policy: 'implicit',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    scope: 'openid profile email offline_access',
  });
  return { ...house, server, party, route, close };
}

export interface Answer {
  status: number;
  /** Until the last byte. */
  ms: number;
  retryAfter: string | null;
  text: string;
  headers: Headers;
}

export async function timed(work: () => Promise<Response>): Promise<Answer> {
  const started = performance.now();
  try {
    const response = await work();
    const text = await response.text();
    const { status, headers } = response;
    return { status, text, headers, retryAfter: headers.get('retry-after'), ms: performance.now() - started };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { status: 0, text, headers: new Headers(), retryAfter: null, ms: performance.now() - started };
  }
}

export const basic = ({ clientId, clientSecret }: Party): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
});

export const form = (party: Party, fields: Record<string, string>): RequestInit => ({
  method: 'POST',
  headers: basic(party),
  body: new URLSearchParams(fields),
});

export const token = (house: House, index = 0): Promise<Answer> =>
  timed(() => house.ask(index, '/token', form(house.party, { grant_type: 'client_credentials' })));

/** @returns seconds until it became true. @throws Error where it did not within so many. */
export async function secondsUntil(what: string, condition: () => Promise<boolean>, most: number): Promise<number> {
  const started = performance.now();
  while (!(await condition().catch(() => false))) {
    if (performance.now() - started > most * 1000) throw new Error(`not within ${most} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return (performance.now() - started) / 1000;
}

export const isAlive = (house: House, index = 0): boolean => {
  const { exitCode, signalCode } = (house.members[index] as House['members'][number]).child;
  return exitCode === null && signalCode === null;
};

export const slowest = (answers: readonly Answer[]): string =>
  `${(Math.max(...answers.map(({ ms }) => ms)) / 1000).toFixed(1)} s`;

/** `503 ×4, 500 ×1` */
export function statuses(answers: readonly Answer[]): string {
  const counts = new Map<number, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${status} ×${count}`).join(', ');
}
