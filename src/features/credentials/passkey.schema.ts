// What browsers send (WebAuthn §5.1, RegistrationResponseJSON and AuthenticationResponseJSON), as far as it is looked at.
import { z } from 'zod';
import { plainText } from '../../platform/text.js';

const base64url = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[A-Za-z0-9_-]+$/);

/** At most 1023 bytes (WebAuthn §7.1). */
const credential = { id: base64url(1364), rawId: base64url(1364), type: z.literal('public-key') };

export const RegistrationResponse = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url(8192),
    attestationObject: base64url(65_536),
    /** Whatever a browser says; unknown ones are kept, as §5.8.4 asks. */
    transports: z.array(z.string().min(1).max(32)).max(10).default([]),
  }),
});
export type RegistrationResponse = z.infer<typeof RegistrationResponse>;

export const AuthenticationResponse = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url(8192),
    authenticatorData: base64url(8192),
    signature: base64url(8192),
    userHandle: base64url(128).nullish(),
  }),
});
export type AuthenticationResponse = z.infer<typeof AuthenticationResponse>;

/** As the field of a form carries it, in JSON. @returns undefined where it is none. */
export const registrationOf = (text: string): RegistrationResponse | undefined =>
  RegistrationResponse.safeParse(json(text)).data;
export const authenticationOf = (text: string): AuthenticationResponse | undefined =>
  AuthenticationResponse.safeParse(json(text)).data;

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** WebAuthn §5.8.1. */
const ClientData = z.object({
  challenge: z.string(),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
});

/** @returns undefined where it is none, or where the page was inside one of another origin: no page of ours may be. */
export function challengeOf(clientDataJSON: string): string | undefined {
  const { data } = ClientData.safeParse(json(Buffer.from(clientDataJSON, 'base64url').toString('utf8')));
  return data && !data.crossOrigin && data.topOrigin === undefined ? data.challenge : undefined;
}

export const PasskeyName = plainText(80);
