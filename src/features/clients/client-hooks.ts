// What is decided elsewhere about a client, and what becomes there of what happens to it: clients stand below those who keep grants, tokens and keys.
import type { Client } from './client.entity.js';
import type { FullMetadata } from './client.metadata.js';

export interface ClientHooks {
  /** The client was disabled or deleted: its grants and tokens end in the same transaction. */
  ended(client: Client): Promise<void>;
  /** @throws AppError 403 where the caller may not give a client these scopes: nobody makes a client stronger than themselves. */
  mayGrant(scopes: readonly string[]): void;
  /** In the transaction in which roles are given or taken. @throws AppError 422 where one is not there, 403 where they open more than the caller may. */
  assigning(before: readonly string[], after: readonly string[]): Promise<void>;
  /** Of a client with these roles. @throws AppError 403 where whoever asks could do more as that client than by themselves. */
  holds(roles: readonly string[]): Promise<void>;
  /** @throws AppError 422 where the tenant does not sign with what the client asks for, or does not allow its profile. */
  maySign(metadata: FullMetadata): Promise<void>;
}

export const noHooks: ClientHooks = {
  ended: async () => {},
  mayGrant: () => {},
  assigning: async () => {},
  holds: async () => {},
  maySign: async () => {},
};
