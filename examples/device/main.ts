// A program on something without a browser, a television for one (RFC 8628): it shows a code, its owner types that on a phone and signs in there, and
// meanwhile the program asks whether that has happened. It has no secret, because whoever owns the device could read it.
import { setTimeout as delay } from 'node:timers/promises';
import * as client from 'openid-client';
import QRCode from 'qrcode';

const { ISSUER = 'http://localhost:3000', CLIENT_ID = 'example-device' } = process.env;
const once = process.argv.includes('--once'); // keeps nothing, and ends what it was given

// Plain http is for a server on this machine alone.
const execute = new URL(ISSUER).hostname === 'localhost' ? [client.allowInsecureRequests] : [];
execute.push(client.enableNonRepudiationChecks);
const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, {}, client.None(), { execute }).catch(fail);

async function show(): Promise<client.DeviceAuthorizationResponse> {
  const codes = await client.initiateDeviceAuthorization(configuration, { scope: 'openid profile email' });
  const { user_code, verification_uri, verification_uri_complete: complete, expires_in } = codes;
  console.log(`On your phone or computer open ${verification_uri} and type\n\n    ${user_code}\n`);
  // §3.3.1: this saves the typing and no more. The page asks whether it shows the same code, so that stays on the screen.
  if (complete) console.log(`or open ${complete}\n\n${await QRCode.toString(complete, { type: 'utf8' })}`);
  console.log(`The code is good for ${Math.round(expires_in / 60)} minutes.`);
  return codes;
}

/** @returns undefined where nobody used the code in time. */
async function ask(codes: client.DeviceAuthorizationResponse) {
  const signal = AbortSignal.timeout(codes.expires_in * 1000);
  for (let pause = codes.interval ?? 5; ; pause *= 2) {
    try {
      // As often as the server allows, and after each slow_down five seconds less often (§3.5); and checks the ID token.
      return await client.pollDeviceAuthorizationGrant(configuration, codes, undefined, { signal });
    } catch (error) {
      const code = error instanceof client.ResponseBodyError ? error.error : undefined;
      if (signal.aborted || code === 'expired_token') return undefined;
      if (code === 'access_denied') throw new Error('You said no: this device is not connected.');
      // §3.5: a server that cannot be reached is asked again, less and less often. Everything else is an error.
      if (!(error instanceof TypeError && error.cause)) throw error;
      await delay(pause * 1000);
    }
  }
}

async function connect() {
  for (;;) {
    const tokens = await ask(await show());
    if (tokens) return tokens;
    console.log('Nobody typed the code in time. Here is another one.');
  }
}

try {
  const tokens = await connect();
  const { sub = '' } = tokens.claims() ?? {};
  const { name, email } = await client.fetchUserInfo(configuration, tokens.access_token, sub);
  console.log(`Connected. Hello ${name ?? email}`);
  // With the refresh token the device stays connected, also when it has been switched off: keep it where no other program reads it.
  // What is kept nowhere is ended (RFC 7009).
  if (once) await client.tokenRevocation(configuration, tokens.refresh_token ?? '');
} catch (error) {
  fail(error);
}

/** A sentence for who stands before the screen, with what fetch or the server says of it. */
function fail(error: unknown): never {
  const { message, cause = {} } = error as { message: string; cause?: Record<string, unknown> };
  console.error([message, cause.code ?? cause.error_description ?? cause.error].filter(Boolean).join(': '));
  process.exit(1);
}
