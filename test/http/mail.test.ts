import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { Locales } from '../../src/platform/locale.js';
import { startServer, type TestServer } from '../support/server.js';

describe('mail', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  it('speaks the language of whoever reads it (locale, OpenID Connect Core §5.1), and is sent off the request path', async () => {
    await server.inside(async ({ users, passwordLinks }) => {
      const user = await users.create({ email: 'eva@example.com', claims: { locale: 'de-AT' } } as never);
      await passwordLinks.send(user);
    });
    let subjects: string[] = [];
    for (let tries = 0; tries < 100 && subjects.length === 0; tries += 1) {
      subjects = (await server.inside(({ mail }) => mail.mailbox())).map(({ subject }) => subject);
      if (subjects.length === 0) await delay(100);
    }
    const german = new Locales(path.join(projectRoot, 'views', 'locales')).speak('de');
    expect(subjects).toEqual([german.t('emails.set_password.subject', { brand: 'Ostiary' })]);
  });
});
