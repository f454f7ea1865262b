import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../../config/protocol.js';
import { Browser } from '../../support/browser.js';
import { askForCodes, makeDeviceClient, poll, toConsent, typeCode } from '../../support/device.js';
import { makePerson, type Party } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('how often codes of devices are asked for and tried (RFC 8628)', () => {
  let server: TestServer;
  let tv: Party;

  beforeAll(async () => {
    const roomy = Object.fromEntries(Object.keys(limits).map((name) => [name, { points: 100_000, seconds: 60 }]));
    server = await startServer({
      overrides: {
        limits: {
          ...roomy,
          polls: { points: 1, seconds: 2 },
          userCodeFailures: { points: 3, seconds: 60 },
          storedRequests: { points: 20, seconds: 60 },
        },
      },
    });
    tv = await makeDeviceClient(server);
  }, 180_000);
  afterAll(() => server?.close());

  it('§3.5 slow_down for who asks too fast, also once it is approved: nothing is spent, and waiting is enough', async () => {
    const { email } = await makePerson(server);
    const { body } = await askForCodes(server, tv);
    const error = async () => (await poll(server, tv, String(body.device_code))).body.error;
    const browser = new Browser();
    const consent = await toConsent(browser, await typeCode(browser, server, String(body.user_code)), email);
    expect(await error()).toBe('authorization_pending');
    expect((await browser.submit(consent, { decision: 'allow' })).html).toContain('Your device is connected');
    expect(await error()).toBe('slow_down');
    await new Promise((resolve) => setTimeout(resolve, 5_200));
    expect((await poll(server, tv, String(body.device_code))).status).toBe(200);
  }, 30_000);

  it('§3.5 another client slows nobody down', async () => {
    const other = await makeDeviceClient(server);
    const { body } = await askForCodes(server, tv);
    for (let time = 0; time < 3; time += 1)
      expect((await poll(server, other, String(body.device_code))).body.error).toBe('invalid_grant');
    expect((await poll(server, tv, String(body.device_code))).body.error).toBe('authorization_pending');
  });

  it('§5.1 few wrong codes from one address, then a page that says when to come back; right ones do not count', async () => {
    const right = String((await askForCodes(server, tv)).body.user_code);
    for (let time = 0; time < 5; time += 1)
      expect((await typeCode(new Browser(), server, right)).html).toContain('id="device-confirm"');
    for (const wrong of ['BBBB-BBBB', 'CCCC-CCCC', 'DDDD-DDDD'])
      expect((await typeCode(new Browser(), server, wrong)).status).toBe(400);
    const refused = await typeCode(new Browser(), server, right);
    expect([refused.status, refused.html.includes('id="device-confirm"')]).toEqual([429, false]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('§5.6 so many codes for one address and no more: each is kept for a while, and anybody may ask for them', async () => {
    const answers = [];
    for (let time = 0; time < 21; time += 1) answers.push(await askForCodes(server, tv));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const { status, body, headers } of refused) {
      expect([status, body.error]).toEqual([429, 'slow_down']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });
});
