// What an authenticator shows (RFC 6238).
import { generate } from 'otplib';

/** @param at the moment whose step it is of. */
export const totpCode = (secret: string, at = new Date()): Promise<string> =>
  generate({ secret, epoch: Math.floor(at.getTime() / 1000) });
