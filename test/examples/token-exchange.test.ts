// examples/native-app shows a token to examples/token-exchange, which exchanges it and calls examples/resource-server-jwt: as their readers run them.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { declareExamples, type Example, runExample } from '../support/examples.js';
import { makeClient, makePerson, signIn, tokensFor } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

const trips = 'https://trips.example.com';

describe('the example of an API that calls another one for a person (RFC 8693)', () => {
  let server: TestServer;
  let api: string;
  let environment: Record<string, string>;
  let other: Example;
  let example: Example;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    const secrets = await declareExamples(server);
    const [one, two] = [`http://localhost:${await freePort()}`, `http://localhost:${await freePort()}`];
    api = `${two}/trips`;
    const CLIENT_SECRET = String(secrets.get('example-trips'));
    environment = { ISSUER: server.issuer, ORIGIN: two, API: `${one}/bookings`, CLIENT_SECRET };
    other = runExample('resource-server-jwt', { ISSUER: server.issuer, ORIGIN: one });
    example = runExample('token-exchange', environment);
    person = await makePerson(server);
    await Promise.all([other.said('ready'), example.said('ready')]);
  }, 180_000);
  afterAll(async () => {
    other?.stop();
    example?.stop();
    await server?.close();
  });

  const show = async (authorization?: string) => {
    const answer = await fetch(api, { headers: authorization ? { authorization } : {} });
    return [answer.status, answer.headers.get('www-authenticate')];
  };
  /** The application, and the person who lets it. */
  const runApplication = async () => {
    const application = runExample('native-app', { ISSUER: server.issuer, BROWSER: 'true', API: api }, '--once');
    const page = await signIn(new Browser(), await application.said(`${server.issuer}/authorize`), person.email);
    await fetch(page.url);
    return application;
  };

  it('the other API sees for whom it is asked, and who asks (§4.1)', async () => {
    const application = await runApplication();
    const line = await application.said(`${api} answered`);
    expect(JSON.parse(line.slice(line.indexOf('{')))).toEqual({
      trips: [{ city: 'Lisbon', hotel: 'Central' }],
      asked: { for: person.id, by: { sub: 'example-trips', client_id: 'example-trips' } },
    });
    expect(await application.ended()).toBe(0);
    expect([...application.lines, ...example.lines].join('\n')).not.toContain('eyJ');
    const [exchanged] = await server.services.db.manager.query(
      `SELECT data FROM audit_events WHERE name = 'token.exchanged'`,
    );
    expect(exchanged.data).toMatchObject({
      client_id: 'example-trips',
      subject_client_id: 'example-native-app',
      resource: 'https://bookings.example.com',
      scope: 'bookings:read',
    });
  });

  it('refuses what is no token, one for the other API, and one without the scope', async () => {
    expect(await show()).toEqual([401, 'Bearer']);
    for (const none of ['Bearer', 'Bearer x', 'Basic eDp5', 'Bearer x y'])
      expect([none, ...(await show(none))]).toEqual([none, 401, 'Bearer error="invalid_token"']);
    const party = await makeClient(server);
    const token = async (resource: string, scope: string) =>
      (await tokensFor(server, party, person.email, { resource, scope })).access_token;
    const elsewhere = await token('https://bookings.example.com', 'openid bookings:read');
    expect(await show(`Bearer ${elsewhere}`)).toEqual([401, 'Bearer error="invalid_token"']);
    expect(await show(`Bearer ${await token(trips, 'openid')}`)).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="bookings:read"',
    ]);
  });

  it('exchanges no token that the policy does not name, and says so to its operator alone', async () => {
    const party = await makeClient(server);
    const { access_token } = await tokensFor(server, party, person.email, {
      resource: trips,
      scope: 'openid bookings:read',
    });
    expect(await show(`Bearer ${access_token}`)).toEqual([502, null]);
    expect(await example.said('GET /trips')).toContain('invalid_request');
    expect(example.lines.join('\n')).not.toContain(String(access_token));
  });

  it('says in a sentence what it was not told', async () => {
    const { CLIENT_SECRET, ...without } = environment;
    const mute = runExample('token-exchange', without);
    expect([await mute.ended(), mute.lines]).toEqual([1, [expect.stringContaining('CLIENT_SECRET is not set')]]);
  });

  it('a path that is none ends nothing, and it ends with 0 when it has answered somebody who may, and was told to do so once', async () => {
    const { origin } = new URL(api);
    for (const path of ['//', '//:', '/%', '/constructor'])
      expect([path, (await fetch(origin + path)).status]).toEqual([path, 404]);
    example.stop();
    await example.ended();
    example = runExample('token-exchange', environment, '--once');
    await example.said('ready');
    expect((await show())[0]).toBe(401);
    const application = await runApplication();
    expect([await application.ended(), await example.ended()]).toEqual([0, 0]);
  });
});
