// One of the two servers that are compared, as a client sees it: a process of its own on a database of its own.
import { fetch, Pool, type RequestInit } from 'undici';

import type { Party } from '../../support/party.js';
import { ofEnvironment, type Processes, startProcesses } from '../../support/processes.js';
import type { TestServer } from '../../support/server.js';
import { freePort } from '../../support/server.js';
import type { NamedDatabase } from './database.js';

export interface Side {
  name: string;
  house: Processes;
  /** For party.ts; its issuer is the default tenant's. */
  server: TestServer;
  ask(path: string, init?: RequestInit): Promise<{ status: number; headers: Headers; body: Record<string, never> }>;
  close(): Promise<void>;
}

/** The password hash is cheap here (server-process.ts), and limits by address are wide: one address makes all requests. */
export async function startSide(name: string, database: NamedDatabase): Promise<Side> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const house = await startProcesses(
    1,
    { ISSUER: issuer, PORT: String(port), LOG_LEVEL: 'error' },
    { ...ofEnvironment, database },
  );
  const pool = new Pool(issuer, { connections: 8, keepAliveTimeout: 60_000 });
  return {
    name,
    house,
    server: { issuer, services: house.services, log: [], inside: house.inside, close: house.close },
    async ask(path, init = {}) {
      const response = await fetch(`${issuer}${path}`, { ...init, redirect: 'manual', dispatcher: pool });
      const text = await response.text();
      const json = response.headers.get('content-type')?.includes('json') && text;
      return {
        status: response.status,
        headers: response.headers as unknown as Headers,
        body: json ? JSON.parse(text) : {},
      };
    },
    async close() {
      await pool.close();
      await house.close();
    },
  };
}

export const basic = ({ clientId, clientSecret }: Party): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`;

/** A form to an endpoint of a tenant, as a client. @throws Error unless it is answered with 200. */
export async function form(side: Side, path: string, party: Party, fields: Record<string, string>) {
  const answer = await side.ask(path, {
    method: 'POST',
    headers: { authorization: basic(party), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
  if (answer.status !== 200)
    throw new Error(`${side.name}: ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as Record<string, string>;
}
