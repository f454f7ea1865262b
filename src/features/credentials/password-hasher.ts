import type { Strength } from '../../platform/strength.js';

/** Hashing in child processes (platform/hashing.ts). */
export interface PasswordHasher {
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
  needsRehash(hash: string): boolean;
  strength(password: string, words: readonly string[]): Promise<Strength>;
  /** @throws AppError 503 where the queue is full. */
  assertRoom(): void;
}
