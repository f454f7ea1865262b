import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { departures, WebServer } from '../../../src/platform/web-server.js';

describe('a server that goes', () => {
  let server: WebServer;
  let port: number;
  let agent: Agent;
  let release: () => void;
  let arrived: Promise<void>;

  beforeEach(async () => {
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrive = () => {};
    arrived = new Promise((resolve) => {
      arrive = resolve;
    });
    server = new WebServer(undefined, async ({ url }, response) => {
      if (url === '/slow') {
        arrive();
        await held;
      }
      response.end('whole');
    });
    port = await server.listen(0, '127.0.0.1');
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(async () => {
    release();
    agent.destroy();
    await server.stop(departures.drain);
  });

  const ask = (path = '/') =>
    new Promise<{ connection: string | undefined; text: string; reused: boolean }>((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path, agent }, async (answer: IncomingMessage) => {
        let text = '';
        for await (const chunk of answer) text += chunk;
        resolve({ connection: answer.headers.connection, text, reused: asked.reusedSocket });
      });
      asked.once('error', reject);
      asked.end();
    });
  const isRefused = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(false)).once('error', () => resolve(true));
      socket.once('connect', () => socket.destroy());
    });

  it('tells each connection with its next answer that it is the last (RFC 9112 §9.6), and still takes new ones', async () => {
    expect(await ask()).toMatchObject({ connection: 'keep-alive' });
    server.sendAway();
    expect(await ask()).toEqual({ connection: 'close', text: 'whole', reused: true });
    expect(await ask()).toEqual({ connection: 'close', text: 'whole', reused: false });
  });

  it('that others replace takes no new connection, and answers the one more request of an idle one', async () => {
    await ask();
    const stopped = server.stop(departures.retire);
    expect(await isRefused()).toBe(true);
    expect(await ask()).toEqual({ connection: 'close', text: 'whole', reused: true });
    await stopped;
  });

  it('for good closes idle connections, and finishes what is under way', async () => {
    const idle = connect(port, '127.0.0.1');
    idle.resume().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    const slow = ask('/slow');
    await arrived;
    const stopped = server.stop(departures.drain);
    await new Promise((resolve) => idle.once('close', resolve));
    release();
    expect((await slow).text).toBe('whole');
    await stopped;
    expect(await isRefused()).toBe(true);
  });

  it('does not wait for ever', async () => {
    const slow = ask('/slow');
    await arrived;
    await Promise.all([expect(slow).rejects.toThrow('socket hang up'), server.stop({ idleMs: 0, totalMs: 50 })]);
  });
});
