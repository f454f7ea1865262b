import { describe, expect, it } from '@jest/globals';
import { type Account, type Linking, linking, type Situation } from '../../src/features/connections/linking.js';

const maria: Account = {
  id: 'maria',
  active: true,
  emailVerified: true,
  privileged: false,
  unproved: false,
  linkedHere: false,
  member: false,
  shared: false,
  elsewhere: false,
};
const account = (change: Partial<Account> = {}): Account => ({ ...maria, ...change });
const proved = { email: { verified: true, elsewhere: false } };
const claimed = { email: { verified: false, elsewhere: false } };

/** Of the tenant; of an organization that has not proved the domain of the address; of one that has. */
const tenant = { organization: false, ownsDomain: false, create: true };
const stranger = { organization: true, ownsDomain: false, create: true };
const house = { organization: true, ownsDomain: true, create: true };

const of = (change: Partial<Situation>): Linking =>
  linking({ purpose: 'sign_in', connection: tenant, inRequiredGroup: true, ...change });

type Row = [name: string, situation: Partial<Situation>, kind: string];

describe('whose account an upstream identity is', () => {
  describe('nobody has the address', () => {
    it.each<Row>([
      ['it is proved: an account is made', { ...proved }, 'create'],
      ['it is not: an account is made, whose address nobody has proved', { ...claimed }, 'create'],
      ['none is said', {}, 'refused email_missing'],
      ['no accounts are made', { ...proved, connection: { ...tenant, create: false } }, 'refused not_provisioned'],
      ['by an organization', { ...claimed, connection: stranger }, 'refused foreign_domain'],
      ['by an organization that has its domain', { ...proved, connection: house }, 'create'],
    ])('%s', (_name, situation, kind) => expect(said(of(situation))).toBe(kind));
  });

  describe('the domain of the address is signed in by another identity provider alone', () => {
    const there = { elsewhere: true };
    const email = { verified: true, ...there };
    it.each<Row>([
      ['nobody has it: no account is made', { email }, 'refused provider_required'],
      ['somebody has it: it is not asked for', { email, account: account(there) }, 'refused provider_required'],
      [
        'a stranger has registered it',
        { email, account: account({ ...there, emailVerified: false, unproved: true }) },
        'refused provider_required',
      ],
      [
        'it came to be so while the account was proved',
        { email, account: account(there), proved: account(there) },
        'refused provider_required',
      ],
      ['asked for in their own account', { purpose: 'link', proved: account(there) }, 'refused provider_required'],
      ['not of who looks after the tenant', { email, account: account({ privileged: true }) }, 'prove'],
      [
        'who was known before: nothing is written about them',
        { email, known: account(there), account: account(there) },
        'refused provider_required',
      ],
    ])('%s', (_name, situation, kind) => expect(said(of(situation))).toBe(kind));
  });

  describe('somebody has the address', () => {
    const sides: [string, Partial<Situation>, Partial<Account>, Situation['connection'], string][] = [
      // Of the tenant: both sides are proved, and yet whoever had the address before may not be who has it now.
      ['tenant, proved there, proved here', proved, {}, tenant, 'prove'],
      ['tenant, claimed there, proved here', claimed, {}, tenant, 'prove'],
      ['tenant, proved there, claimed here', proved, { emailVerified: false }, tenant, 'prove'],
      [
        'tenant, proved there, registered by a stranger',
        proved,
        { emailVerified: false, unproved: true },
        tenant,
        'take_over',
      ],
      [
        'tenant, claimed there, registered by a stranger',
        claimed,
        { emailVerified: false, unproved: true },
        tenant,
        'prove',
      ],
      ['tenant, claimed there, claimed here', claimed, { emailVerified: false }, tenant, 'prove'],
      // Of an organization, for an address that is not of its domains: never believed, and nobody is told of but who belongs to it.
      ['organization, claimed there, proved here', claimed, {}, stranger, 'refused foreign_domain'],
      ['organization, claimed there, proved here by a member', claimed, { member: true }, stranger, 'prove'],
      [
        'organization, a member with a role',
        claimed,
        { member: true, privileged: true },
        stranger,
        'refused privileged',
      ],
      [
        'organization, claimed there, registered by a stranger',
        claimed,
        { emailVerified: false, unproved: true },
        stranger,
        'refused foreign_domain',
      ],
      // Its own directory speaks.
      ['its own domain, proved there, proved here', proved, {}, house, 'link'],
      ['its own domain, claimed there, proved here', claimed, {}, house, 'prove'],
      ['its own domain, proved there, claimed here', proved, { emailVerified: false }, house, 'prove'],
      [
        'its own domain, proved there, registered by a stranger',
        proved,
        { emailVerified: false, unproved: true },
        house,
        'take_over',
      ],
      // Whose address it is now need not be who had it.
      ['its own domain, another subject of the same connection', proved, { linkedHere: true }, house, 'prove'],
      ['tenant, another subject of the same connection', proved, { linkedHere: true }, tenant, 'prove'],
      [
        'a stranger came first by the same connection',
        proved,
        { emailVerified: false, unproved: true, linkedHere: true },
        tenant,
        'take_over',
      ],
      // With a role of the tenant: by no address.
      ['tenant, a role', proved, { privileged: true }, tenant, 'prove'],
      [
        'tenant, a role, registered by a stranger',
        proved,
        { privileged: true, emailVerified: false, unproved: true },
        tenant,
        'prove',
      ],
      ['its own domain, a role', proved, { privileged: true }, house, 'refused privileged'],
      ['organization, a role', claimed, { privileged: true }, stranger, 'refused foreign_domain'],
      ['disabled', proved, { active: false }, tenant, 'refused account_disabled'],
      ['its own domain, disabled', proved, { active: false }, house, 'refused account_disabled'],
    ];
    it.each(sides)('%s', (_name, email, change, connection, kind) =>
      expect(said(of({ ...email, account: account(change), connection }))).toBe(kind),
    );
  });

  describe('the identity is somebody’s', () => {
    it.each<Row>([
      ['theirs', { known: account() }, 'known'],
      [
        'theirs, whatever the address says now',
        { known: account(), ...proved, account: account({ id: 'jonas' }) },
        'known',
      ],
      [
        'theirs, with a role: somebody has linked them',
        { known: account({ privileged: true }), connection: house },
        'known',
      ],
      ['disabled', { known: account({ active: false }) }, 'refused account_disabled'],
      ['in no required group', { known: account(), inRequiredGroup: false }, 'refused group_required'],
      [
        'asked to be linked to another',
        { purpose: 'link', known: account(), proved: account({ id: 'jonas' }) },
        'refused linked_elsewhere',
      ],
      ['theirs by a domain that was lost', { known: account(), lapsed: true, connection: stranger }, 'prove'],
      [
        'theirs by a domain that was lost, whatever address it says',
        { known: account(), lapsed: true, ...proved, account: account({ id: 'jonas' }), connection: house },
        'prove',
      ],
      ['theirs by a lost domain, and proved now', { known: account(), lapsed: true, proved: account() }, 'known'],
      [
        'theirs by a domain that was lost, while another account was proved',
        { known: account(), lapsed: true, proved: account({ id: 'jonas' }) },
        'prove',
      ],
      [
        'theirs by a domain that was lost, disabled',
        { known: account({ active: false }), lapsed: true },
        'refused account_disabled',
      ],
      ['asked to be linked to the same', { purpose: 'link', known: account(), proved: account() }, 'known'],
    ])('%s', (_name, situation, kind) => expect(said(of(situation))).toBe(kind));
  });

  describe('somebody has proved an account in the same browser', () => {
    it.each<Row>([
      ['the one that was asked for', { ...claimed, account: account(), proved: account() }, 'link'],
      [
        'with a role, by a connection of the tenant',
        { ...proved, account: account({ privileged: true }), proved: account({ privileged: true }) },
        'link',
      ],
      [
        'with a role, by a connection of an organization',
        { ...proved, account: account({ privileged: true }), proved: account({ privileged: true }), connection: house },
        'refused privileged',
      ],
      ['another one', { ...proved, account: account(), proved: account({ id: 'jonas' }) }, 'prove'],
      ['one, where none was asked for', { ...proved, proved: account({ id: 'jonas' }) }, 'create'],
      [
        'disabled since',
        { ...proved, account: account(), proved: account({ active: false }) },
        'refused account_disabled',
      ],
      [
        'in no required group',
        { ...proved, account: account(), proved: account(), inRequiredGroup: false },
        'refused group_required',
      ],
    ])('%s', (_name, situation, kind) => expect(said(of(situation))).toBe(kind));
  });

  describe('a person links it in their own account', () => {
    it.each<Row>([
      ['whatever its address', { purpose: 'link', proved: account() }, 'link'],
      [
        'whoever has that address',
        { purpose: 'link', ...proved, account: account({ id: 'jonas' }), proved: account() },
        'link',
      ],
      ['nobody has proved to be them', { purpose: 'link', ...proved, account: account() }, 'refused no_account_proved'],
      [
        'with a role, by a connection of an organization',
        { purpose: 'link', proved: account({ privileged: true }), connection: house },
        'refused privileged',
      ],
    ])('%s', (_name, situation, kind) => expect(said(of(situation))).toBe(kind));
  });

  it('nobody is linked, or taken over, by an address that is not proved on both sides, or by one at all who has a role; of every combination', () => {
    const seen = new Map<string, number>();
    for (const situation of every()) {
      const decision = of(situation);
      seen.set(decision.kind, (seen.get(decision.kind) ?? 0) + 1);
      const { account: theirs, email, connection, proved: also } = situation;
      if (decision.kind === 'link' && !also)
        expect([
          theirs?.emailVerified,
          email?.verified,
          connection?.ownsDomain,
          theirs?.privileged,
          theirs?.linkedHere,
        ]).toEqual([true, true, true, false, false]);
      if (decision.kind === 'take_over')
        expect([theirs?.unproved, email?.verified, theirs?.privileged]).toEqual([true, true, false]);
      // Whoever runs the directory of an organization is told of nobody else whether they are there.
      if (connection === stranger && !also) expect(said(decision)).toMatch(/^refused (email_missing|foreign_domain)$/);
      if (decision.kind === 'create') expect([theirs, email === undefined]).toEqual([undefined, false]);
      const anybody =
        'userId' in decision ? [situation.known, theirs, also].find((one) => one?.id === decision.userId) : undefined;
      if (anybody && decision.kind !== 'refused') expect([anybody.active, anybody.elsewhere]).toEqual([true, false]);
    }
    expect([...seen.keys()].sort()).toEqual(['create', 'link', 'prove', 'refused', 'take_over']);
  });
});

const said = (decision: Linking): string =>
  decision.kind === 'refused' ? `refused ${decision.reason}` : decision.kind;

function* every(): Generator<Partial<Situation>> {
  const both = [true, false];
  const accounts: (Account | undefined)[] = [undefined];
  for (const active of both)
    for (const privileged of both)
      for (const linkedHere of both)
        for (const [emailVerified, unproved] of [
          [true, false],
          [false, false],
          [false, true],
        ] as const)
          for (const elsewhere of both)
            accounts.push(account({ active, privileged, linkedHere, elsewhere, emailVerified, unproved }));
  for (const theirs of accounts)
    for (const email of [undefined, proved.email, claimed.email, { verified: true, elsewhere: true }])
      for (const connection of [tenant, stranger, house])
        for (const also of [undefined, theirs, account({ id: 'jonas' })])
          yield { account: theirs, email, connection, proved: also };
}
