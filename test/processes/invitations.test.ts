import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { press } from '../support/account-life.js';
import { Browser } from '../support/browser.js';
import { invite, makeOrganization } from '../support/invitations.js';
import { cookiesOf, crowd, type Pair, rowsOf, startPair, whileHeld } from '../support/pair.js';
import { makePerson, signIn } from '../support/party.js';

describe('an invitation, answered at two processes at once', () => {
  let house: Pair;
  let acme: Organization;
  let person: { id: string; email: string };
  let browser: Browser;
  let id: string;
  let link: string;

  beforeAll(async () => {
    house = await startPair();
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    acme = await makeOrganization(house.server);
    person = await makePerson(house.server);
    id = (await invite(house.server, acme, { email: person.email })).id;
    const token = await house.inside(({ oneTimeTokens }) => oneTimeTokens.issue('invitation', id, { data: {} }));
    link = `${house.issuer}/invitation?token=${token}`;
    browser = new Browser();
    await signIn(browser, `${house.issuer}/account`, person.email);
  });

  /** As one's browser is left after the button: what the next address does is what is raced for. */
  async function accepted(): Promise<string> {
    const form = await browser.open(link);
    const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(form.html) ?? [];
    const body = new URLSearchParams({ token: new URL(link).searchParams.get('token') ?? '', csrf, answer: 'accept' });
    const headers = { origin: house.issuer };
    expect((await browser.request(`${house.issuer}/invitation`, { method: 'POST', body, headers })).status).toBe(303);
    return cookiesOf(browser);
  }
  const statuses = (answers: Response[]) => answers.map(({ status }) => status).sort((a, b) => a - b);
  const events = (name: string) =>
    rowsOf(house, `SELECT 1 FROM audit_events WHERE name = $1 AND data ->> 'invitation_id' = $2`, name, id);
  const members = () =>
    rowsOf(house, 'SELECT 1 FROM memberships WHERE organization_id = $1 AND user_id = $2', acme.id, person.id);
  const state = async () => (await house.inside(({ invitations }) => invitations.find(acme, id))).state;
  const join = (cookie: string) => (index: number) =>
    house.ask(index % 2, '/account/invitation', { headers: { cookie, accept: 'text/html' } });

  it('gives one membership, one record and one line of history, of fifty', async () => {
    const answers = await crowd(50, join(await accepted()));
    expect(statuses(answers)).toEqual([200, ...Array.from({ length: 49 }, () => 400)]);
    const history = await rowsOf(house, 'SELECT 1 FROM membership_events WHERE organization_id = $1', acme.id);
    expect([await members(), await events('invitation.accepted'), history].map((rows) => rows.length)).toEqual([
      1, 1, 1,
    ]);
  });

  it('gives one membership where all have read it unanswered', async () => {
    const cookie = await accepted();
    const lock: [string, string] = ['SELECT 1 FROM organizations WHERE id = $1 FOR UPDATE', acme.id];
    const answers = await whileHeld(house, lock, 2, () => crowd(20, join(cookie)));
    expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
    expect(await members()).toHaveLength(1);
  });

  it('is accepted, declined or taken back, by who was first, and never two of them', async () => {
    const cookie = await accepted();
    const visitors = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const visitor = new Browser();
        return { visitor, form: await visitor.open(link) };
      }),
    );
    const works: (() => Promise<unknown>)[] = [
      ...Array.from({ length: 4 }, (_, index) => () => join(cookie)(index)),
      ...visitors.map(
        ({ visitor, form }) =>
          () =>
            press(visitor, form, 'invitation-decline', { answer: 'decline' }),
      ),
      () => house.inside(async ({ invitations }) => invitations.cancel(acme, await invitations.find(acme, id))),
    ];
    await Promise.allSettled(works.map((work) => work()));
    const named = ['accepted', 'declined', 'cancelled'];
    const counts = await Promise.all(named.map(async (name) => (await events(`invitation.${name}`)).length));
    expect(counts.reduce((a, b) => a + b, 0)).toBe(1);
    expect(counts[named.indexOf(await state())]).toBe(1);
    expect(await members()).toHaveLength((await state()) === 'accepted' ? 1 : 0);
  });
});
