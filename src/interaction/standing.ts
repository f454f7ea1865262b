// Whether what a person has proved in a sign-in still holds, for a change of their account on the way: asked in its transaction.
import type { OwnSessions } from '../features/protocol/own-sessions.js';
import type { User } from '../features/users/user.entity.js';
import type { UserService } from '../features/users/user.service.js';
import type { Progress } from './steps.js';

export interface StandingDependencies {
  users: Pick<UserService, 'hold'>;
  sessions: Pick<OwnSessions, 'hold'>;
}

/** NumericDate from which on nothing of the account may have ended: a password that was changed here has ended only what was before it. */
export const standsSince = ({ proofs, since }: Progress): number =>
  since === undefined ? Math.min(...proofs.map(({ at, received = at }) => received)) : Math.floor(since / 1000);

/** Whoever ends the sessions of the account, or the one that is stepped up, waits for the transaction, or was first. */
export function standing({ users, sessions }: StandingDependencies, user: User, progress: Progress) {
  const { from_session } = progress;
  // In this order, as whoever ends them goes.
  return async (): Promise<boolean> =>
    (await users.hold(user, standsSince(progress))) && (from_session === undefined || sessions.hold(from_session.uid));
}
