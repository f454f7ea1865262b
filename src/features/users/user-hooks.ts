// What becomes elsewhere of what happens to a person: users stand below those who keep sessions, grants, devices and letters.
import type { User } from './user.entity.js';

export interface UserHooks {
  /** In the transaction in which a person is made: where they belong from the beginning. */
  created(user: User): Promise<void>;
  /** In the transaction in which the owner closes their account. @throws AppError 409 where others need them. */
  closing(user: User): Promise<void>;
  /** The user was disabled, closed or deleted: sessions, grants and tokens end in the same transaction. */
  ended(user: User): Promise<void>;
  /** In the transaction in which a user goes, before they are held: what goes with them and is held before people. */
  erasing(userId: string): Promise<void>;
  /** In the transaction in which a user goes: what no foreign key takes along. */
  erased(user: User): Promise<void>;
  /** @throws AppError 403 where the caller may not change people who have these roles. */
  mayChangePrivileged(roles: readonly string[]): void;
  /** In the transaction in which roles are given or taken. @throws AppError 422 where one is not there, 403 where they open more than the caller may. */
  assigning(before: readonly string[], after: readonly string[]): Promise<void>;
  /** In the transaction in which somebody's roles have become others: who acts for them, and for whom they act, goes by those. */
  reassigned(user: User): Promise<void>;
  /** In the transaction in which somebody gets their first role: what others could say of them before, they may not be allowed to say now. */
  privileged(user: User): Promise<void>;
  /** In the transaction in which an administrator says that the address is proved: it does not matter any more who made the account. */
  verified(user: User): Promise<void>;
  /** In the transaction in which an address is proved, by its owner or by an administrator's word. */
  proved(user: User): Promise<void>;
  /** In the transaction in which an administrator gives the account another address. @param from the one that has no say in it any more, normalised. */
  moved(user: User, from: string): Promise<void>;
  /** In the transaction in which an administrator takes back the deletion that the owner has asked for. */
  kept(user: User): Promise<void>;
}

export const noHooks: UserHooks = {
  created: async () => {},
  closing: async () => {},
  ended: async () => {},
  erasing: async () => {},
  erased: async () => {},
  mayChangePrivileged: () => {},
  assigning: async () => {},
  reassigned: async () => {},
  privileged: async () => {},
  verified: async () => {},
  proved: async () => {},
  moved: async () => {},
  kept: async () => {},
};
