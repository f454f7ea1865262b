// Rows of the engine that no request could make while their endpoint is closed, or that an administrator makes: written as the engine writes them.
import { randomBytes } from 'node:crypto';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import type { TestServer } from './server.js';

/** @returns its handle. */
export async function plant({ inside }: Pick<TestServer, 'inside'>, kind: string, more: object = {}): Promise<string> {
  const handle = randomBytes(32).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const payload = { kind, jti: handle, iat, exp: iat + 600, ...more };
  await inside(({ protocol }) => protocol.rows.save(new ProtocolRequest(), { kind, handle, payload }));
  return handle;
}

/** RFC 7591 §3: what an administrator hands to whoever may register a client. */
export const plantInitialAccessToken = (server: Pick<TestServer, 'inside'>): Promise<string> =>
  plant(server, 'InitialAccessToken');
