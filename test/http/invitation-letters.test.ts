import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { MovedClock } from '../support/clock.js';
import { answer, asPerson, invitationLink, newName } from '../support/invitations.js';
import { delivered, lettersTo, letterTo } from '../support/mailbox.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { startServer, type TestServer } from '../support/server.js';

const most = 6;

describe('how often one address is asked into organizations', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let owner: Signed;
  let acme: Organization;
  let email: string;

  beforeAll(async () => {
    const limits = { invitationLettersToAddress: { points: most, seconds: 86_400 } };
    server = await startServer({ overrides: { clock, limits } });
    owner = await signedIn(server);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    acme = await organizationOf(server, { [owner.id]: 'owner' });
    email = `new-${newName()}@example.com`;
  });

  const asking = (to = email, organization = acme) =>
    owner.ask('post', `/organizations/${organization.slug}/invitations`, { email: to });
  const takenBack = async ({ body }: { body: Record<string, unknown> }) => {
    const done = await owner.ask('delete', `/organizations/${acme.slug}/invitations/${body.id}`);
    expect(done.status).toBe(204);
  };

  it('taking an invitation back and making the next waits as sending it again does: longer each time', async () => {
    await takenBack(await asking());
    const early = await asking(email.toUpperCase());
    expect([early.status, early.body.code]).toEqual([429, 'too_soon']);
    expect(Number(early.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    // Where the clock has gone on, no session of the account is good for long.
    const made = () =>
      asPerson(server, owner, async ({ invitations }) =>
        invitations.cancel(acme, await invitations.create(acme, { email })),
      ).then(
        () => 'made',
        (error: { code: string }) => error.code,
      );
    for (const wait of [60, 120, 240]) {
      clock.move(wait - 5);
      expect(await made()).toBe('too_soon');
      clock.move(5);
      expect(await made()).toBe('made');
    }
    expect((await asking(`x-${email}`)).status).toBe(201);
    await delivered(server);
    expect(await lettersTo(server, email)).toHaveLength(4);
  });

  it('whoever has declined is left alone for a day by that organization, and by no other', async () => {
    expect((await asking()).status).toBe(201);
    await answer(new Browser(), await invitationLink(server, email), 'decline');
    clock.move(3600);
    const create = (organization: Organization) =>
      asPerson(server, owner, ({ invitations }) => invitations.create(organization, { email }));
    await expect(create(acme)).rejects.toMatchObject({ status: 429, code: 'too_soon' });
    expect(await create(await organizationOf(server, { [owner.id]: 'owner' }))).toMatchObject({ state: 'pending' });
    clock.move(86_400);
    expect(await create(acme)).toMatchObject({ state: 'pending' });
  });

  it('all organizations together write to one address only so often: 429, while others are asked', async () => {
    const houses: Organization[] = [];
    for (let n = 0; n < most + 1; n += 1) houses.push(await organizationOf(server, { [owner.id]: 'owner' }));
    const statuses = [];
    for (const house of houses) statuses.push((await asking(email, house)).status);
    expect(statuses).toEqual([...Array.from({ length: most }, () => 201), 429]);
    expect((await asking(email.toUpperCase())).body.code).toBe('too_many_requests');
    expect((await asking(`x-${email}`)).status).toBe(201);
    await delivered(server);
    expect(await lettersTo(server, email)).toHaveLength(most);
  });

  it('words and names of people do not look like ours: each line is quoted, a long name is cut', async () => {
    const name = `Ostiary Security. Your account is locked, go to https://evil.example/ ${'x'.repeat(100)}`;
    await server.inside(async ({ users }) => users.update(await users.find(owner.id), { claims: { name } } as never));
    const message = 'See you\n\nOpen this link:\nhttps://evil.example/';
    await owner.ask('post', `/organizations/${acme.slug}/invitations`, { email, message });
    const { text } = await letterTo(server, email, /\/invitation\?token=/);
    expect(text).toContain('\n> See you\n> \n> Open this link:\n> https://evil.example/\n');
    expect(text).toContain(`${name.slice(0, 59)}…`);
    expect(text).not.toContain(name.slice(0, 60));
    await server.inside(async ({ users }) => users.update(await users.find(owner.id), { claims: {} } as never));
  });

  it('what the tenant asks for itself is its own matter', async () => {
    const token = await tokenWith(server, 'organizations:write');
    for (let n = 0; n < most + 1; n += 1) {
      const made = await ask(server, token, 'post', `/organizations/${acme.slug}/invitations`, { email });
      expect(made.status).toBe(201);
      await ask(server, token, 'delete', `/organizations/${acme.slug}/invitations/${made.body.id}`);
    }
  });
});
