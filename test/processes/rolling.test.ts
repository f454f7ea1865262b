import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Command, type Issuer, openIssuer, ostiary } from '../support/command.js';
import { load } from '../support/load.js';

describe('two workers of one machine', () => {
  let issuer: Issuer;
  let command: Command;

  beforeAll(async () => {
    issuer = await openIssuer();
    command = await ostiary({ ...issuer.environment, WORKERS: '2', NODE_ENV: 'development' });
    await command.said('is ready');
  }, 60_000);
  afterAll(async () => {
    command?.child.kill('SIGKILL');
    await issuer?.close();
  });

  it('are replaced one by one on SIGHUP under load, and no request fails', async () => {
    const clients = load(issuer.port, issuer.host, issuer.party);
    await clients.more(50);
    command.child.kill('SIGHUP');
    await command.said('the rolling restart has ended', 60_000);
    await clients.more(50);
    expect(await clients.stop()).toEqual([]);
    expect(command.workers('web')).toHaveLength(4);
    expect(command.workers('jobs')).toHaveLength(2);
  }, 90_000);
});
