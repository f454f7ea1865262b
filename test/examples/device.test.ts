// examples/device as its reader runs it; the test is the phone.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { approve, typeCode } from '../support/device.js';
import { declareExamples, type Example, runExample } from '../support/examples.js';
import { makePerson } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

describe('the example of a device without a browser (RFC 8628)', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  beforeAll(async () => {
    server = await startServer();
    await declareExamples(server);
    person = await makePerson(server);
  }, 180_000);
  afterAll(() => server?.close());

  /** The code that is on its screen, each time another one. */
  const shown = async (example: Example) => {
    await example.said('The code is good for 10 minutes');
    return String(example.lines.map((line) => line.trim()).find((line) => /^[A-Z]{4}-[A-Z]{4}$/.test(line)));
  };

  it('shows a code, an address and a picture of it, says who typed the code, keeps nothing, and ends with 0', async () => {
    const example = runExample('device', { ISSUER: server.issuer }, '--once');
    const code = await shown(example);
    expect(example.lines[0]).toContain(`${server.issuer}/device`);
    expect(await example.said('user_code=')).toContain(`${server.issuer}/device?user_code=${code}`);
    expect(example.lines.filter((line) => /[▀▄█]/.test(line)).length).toBeGreaterThan(10);

    const browser = new Browser();
    await approve(browser, await typeCode(browser, server, code), person.email);
    await example.said('Connected. Hello Maria Muster');
    expect(await example.ended()).toBe(0);
    expect(example.lines.join('\n')).not.toContain('eyJ');
    const living = await server.services.db.manager.query(
      `SELECT id FROM grants WHERE origin = 'device' AND ended_at IS NULL`,
    );
    expect(living).toEqual([]);
  });

  it('says in a sentence that its owner said no, and ends with an error', async () => {
    const example = runExample('device', { ISSUER: server.issuer }, '--once');
    const browser = new Browser();
    await approve(browser, await typeCode(browser, server, await shown(example)), person.email, 'deny');
    expect([await example.ended(), example.lines.at(-1)]).toEqual([1, 'You said no: this device is not connected.']);
  });

  it('says in a sentence that there is no server, or no such client', async () => {
    const nowhere = runExample('device', { ISSUER: `http://localhost:${await freePort()}` });
    expect([await nowhere.ended(), nowhere.lines]).toEqual([1, ['fetch failed: ECONNREFUSED']]);
    const nobody = runExample('device', { ISSUER: server.issuer, CLIENT_ID: 'nobody' });
    expect([await nobody.ended(), nobody.lines.length]).toEqual([1, 1]);
    expect(nobody.lines[0]).toMatch(/client/);
  });

  it('shows another code where nobody typed the first in time, and asks once more a server that was away (§3.5)', async () => {
    let [codes, answers] = [0, 0];
    const another = createServer((request, response) => {
      const issuer = `http://${request.headers.host}`;
      const say = (status: number, body: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (request.url === '/device_authorization') {
        codes += 1;
        const shown = { device_code: 'x', user_code: 'BCDF-GHJK', verification_uri: `${issuer}/device`, interval: 1 };
        return say(200, { ...shown, expires_in: codes === 1 ? 1 : 60 });
      }
      if (request.url !== '/token')
        return say(200, {
          issuer,
          token_endpoint: `${issuer}/token`,
          device_authorization_endpoint: `${issuer}/device_authorization`,
        });
      if (codes === 1) return say(400, { error: 'authorization_pending' });
      answers += 1;
      return answers === 1 ? response.destroy() : say(400, { error: 'access_denied' });
    }).listen(0, '127.0.0.1');
    await once(another, 'listening');
    const { port } = another.address() as AddressInfo;
    const example = runExample('device', { ISSUER: `http://localhost:${port}` }, '--once');
    await example.said('Nobody typed the code in time. Here is another one.');
    expect([await example.ended(), codes, answers]).toEqual([1, 2, 2]);
    another.close();
  });
});
