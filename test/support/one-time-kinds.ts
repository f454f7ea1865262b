// Everything that is good once: how one is made, where it is taken, and what is recorded then.
import type { LinkPurpose, Purpose } from '../../src/features/one-time-tokens/one-time-purposes.js';
import { randomToken } from '../../src/platform/crypto.js';
import { invite, makeOrganization } from './invitations.js';
import type { OneTimeHouse, World } from './one-time-house.js';
import { makePerson } from './party.js';

/** What is good once: where it is taken, how one is made, and the audit event of which there is one. */
export interface Kind {
  /** The first one is raced for; the others are forms of the same. */
  doors: string[];
  make(world: World): Promise<string>;
  event?: string;
}

type Name = Purpose | 'totp' | 'recovery_code' | 'passkey alone' | 'passkey second';

export function kindsOf(house: OneTimeHouse): Record<Name, Kind | string> {
  const { clock, query, code } = house;

  /** A link of a purpose that names an address. */
  const link =
    (purpose: LinkPurpose & ('password_reset' | 'lockdown')) =>
    ({ user }: World): Promise<string> =>
      house.server.inside(({ oneTimeTokens }) =>
        oneTimeTokens.issue(purpose, user.id, { data: { email: user.emailNormalized } }),
      );

  return {
    setup: {
      doors: ['POST /setup'],
      make: async () => {
        await query(`UPDATE users SET roles = '{}'`);
        const url = await house.server.inside(({ setup }) => setup.issueLink(house.server.issuer));
        return String(new URL(url).searchParams.get('token'));
      },
      event: 'client.created',
    },
    password_reset: { doors: ['POST /password'], make: link('password_reset'), event: 'password.set' },
    lockdown: { doors: ['POST /lockdown'], make: link('lockdown'), event: 'account.locked_down' },
    totp: {
      doors: [
        'POST /interaction/:uid/:step second_factor code',
        'POST /api/v1/auth/2fa/verify',
        'POST /api/v1/auth/verify-2fa',
      ],
      make: ({ secret }) => code(secret),
    },
    recovery_code: {
      doors: ['POST /interaction/:uid/:step second_factor recovery_code', 'POST /api/v1/auth/recovery-login'],
      make: async ({ codes }) => String(codes[0]),
      event: 'recovery_codes.used',
    },
    'passkey second': {
      doors: ['POST /interaction/:uid/:step second_factor passkey', 'POST /api/v1/passkeys/authenticate/verify'],
      make: ({ authenticator, flow, user }) =>
        house.server.inside(async ({ passkeyCeremonies }) =>
          JSON.stringify(authenticator.get(await passkeyCeremonies.authenticationOptions(flow, user))),
        ),
    },
    'passkey alone': 'is bound to a sign-in of its own: below',
    email_code: 'is bound to a sign-in of its own: below',
    email_verification: {
      doors: ['POST /verify-email', 'POST /interaction/:uid/verify-email', 'POST /api/v1/auth/verify-email'],
      // Of somebody whose address is not proved yet.
      make: async () => {
        const email = `${randomToken(6)}@example.com`;
        return house.server.inside(async ({ oneTimeTokens, users }) => {
          const { id, emailNormalized } = await users.create({ email });
          return oneTimeTokens.issue('email_verification', id, { data: { email: emailNormalized } });
        });
      },
      event: 'account.proved',
    },
    magic_link: {
      doors: ['POST /sign-in-link', 'POST /interaction/:uid/sign-in-link', 'POST /api/v1/auth/magic-link/verify'],
      make: ({ user, flow }) => {
        const data = { email: user.emailNormalized };
        return house.server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('magic_link', user.id, { flow, data }));
      },
    },
    email_change: {
      doors: ['POST /account/email/confirm'],
      make: async (here) => {
        const { user } = here;
        const { uid: flow } = await house.signedIn(here);
        const data = { from: user.email, to: `new-${randomToken(6)}@example.com` };
        return house.server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('email_change', user.id, { flow, data }));
      },
      event: 'email.changed',
    },
    email_change_undo: {
      doors: ['POST /email-undo'],
      make: ({ user }) => {
        const data = { from: `former-${randomToken(6)}@example.com`, to: user.email, at: clock.now().toISOString() };
        return house.server.inside(({ oneTimeTokens }) =>
          oneTimeTokens.issue('email_change_undo', `${user.id}:x`, { data }),
        );
      },
      event: 'email_change.undone',
    },
    account_deletion_undo: {
      doors: ['POST /account-restore'],
      // Of somebody else: nobody signs in to an account that is closed.
      make: async () => {
        const other = await makePerson(house.server);
        return house.server.inside(async ({ oneTimeTokens, users }) => {
          await users.close(other, new Date(clock.now().getTime() + 86_400_000));
          const data = { email: other.emailNormalized };
          return oneTimeTokens.issue('account_deletion_undo', other.id, { data });
        });
      },
      event: 'account.deletion_withdrawn',
    },
    invitation: {
      // Accepting takes a session beside it, and a button before it: test/http/invitation-acceptance.test.ts.
      doors: ['POST /invitation'],
      make: async () => {
        const organization = await makeOrganization(house.server);
        const { id } = await invite(house.server, organization, { email: `${randomToken(6)}@example.com` });
        return house.server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('invitation', id, { data: {} }));
      },
      event: 'invitation.declined',
    },
    mfa_recovery: {
      doors: ['POST /factor-recovery'],
      // Of somebody else: theirs go with it.
      make: async () => {
        const other = await makePerson(house.server);
        const past = new Date(clock.now().getTime() - 1000);
        await query(
          'INSERT INTO factor_recoveries (tenant_id, user_id, requested_at, ready_at) VALUES ($1, $2, $3, $3)',
          [other.tenantId, other.id, past],
        );
        const data = { email: other.emailNormalized };
        return house.server.inside(({ oneTimeTokens }) => oneTimeTokens.issue('mfa_recovery', other.id, { data }));
      },
      event: 'recovery.completed',
    },
  };
}
