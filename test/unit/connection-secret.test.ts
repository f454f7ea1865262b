import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { jwtVerify } from 'jose';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { ConnectionSecrets } from '../../src/features/connections/connection-secret.js';
import { Sealer } from '../../src/platform/crypto.js';

describe('client secrets', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const secrets = new ConnectionSecrets(new Sealer(new Map([['v1', randomBytes(32)]])), { now: () => now });
  const withSecret = (secret: string | undefined, more: object) => {
    const connection = Object.assign(new Connection(), { tenantId: 'tenant', id: 'one', kind: 'oidc', ...more });
    if (secret !== undefined) connection.secretSealed = secrets.seal(connection, secret);
    return connection;
  };

  it('is what was given', async () => {
    expect(await secrets.clientSecret(withSecret('theirs', {}))).toBe('theirs');
    expect(await secrets.clientSecret(withSecret(undefined, {}))).toBeUndefined();
  });

  it('opens for its own connection alone', () => {
    const sealed = withSecret('theirs', {});
    for (const other of [{ id: 'two' }, { tenantId: 'other' }])
      expect(() => secrets.given(Object.assign(new Connection(), sealed, other))).toThrow();
  });

  it('of Apple is a JWT of that key, for five minutes (RFC 7519)', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const apple = { team_id: 'ABCDE12345', key_id: 'FGHIJ67890' };
    const connection = withSecret(pem, {
      preset: 'apple',
      storedSettings: { oidc: { client_id: 'com.example.us', apple } },
    });
    const secret = String(await secrets.clientSecret(connection));
    const { payload, protectedHeader } = await jwtVerify(secret, publicKey, { currentDate: now });
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: apple.key_id });
    const iat = now.getTime() / 1000;
    const said = { iss: apple.team_id, sub: 'com.example.us', aud: 'https://appleid.apple.com' };
    expect(payload).toEqual({ ...said, iat, exp: iat + 300 });
  });
});
