// Rows of the engine that no request could make while their endpoint is closed, written as the engine writes them; and what an administrator makes.
import { randomBytes } from 'node:crypto';
import type { IssueInitialAccessToken } from '../../src/features/clients/registration/initial-access-token.schema.js';
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

/** RFC 7591 §3: what an administrator hands to whoever may register clients. */
export const initialAccessTokenFor = async (
  { inside }: Pick<TestServer, 'inside'>,
  more: IssueInitialAccessToken = {},
): Promise<string> =>
  (await inside(({ initialAccessTokens }) => initialAccessTokens.issue({ uses: 1000, ...more }))).value;
