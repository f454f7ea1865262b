// The only place that knows the WebAuthn library. It is loaded with the first ceremony: most processes and most minutes have none.
import type { Passkey } from './passkey.entity.js';
import type { AuthenticationResponse, RegistrationResponse } from './passkey.schema.js';
import type { RelyingParty } from './relying-party.js';

/** ES256, EdDSA, RS256 (RFC 9053, RFC 8812): what authenticators have. */
const algorithms = [-7, -8, -257];

export interface NewCredential {
  id: string;
  publicKey: Uint8Array;
  signCount: number;
  aaguid: string;
  backupEligible: boolean;
  backedUp: boolean;
  userVerified: boolean;
  /** It came with an attestation that is signed. Whose certificate that is nobody checks: its AAGUID is its own word (docs/policies.md). */
  attested: boolean;
}

export interface Assertion {
  signCount: number;
  backupEligible: boolean;
  backedUp: boolean;
  userVerified: boolean;
}

const library = () => import('@simplewebauthn/server');

export type CreationOptions = Awaited<ReturnType<typeof creationOptions>>;
export async function creationOptions(
  rp: RelyingParty,
  user: { handle: string; name: string; displayName: string },
  ceremony: { challenge: string; seconds: number; attestation: 'none' | 'direct'; exclude: readonly Passkey[] },
) {
  const { generateRegistrationOptions } = await library();
  return generateRegistrationOptions({
    rpID: rp.id,
    rpName: rp.name,
    userID: bytes(user.handle),
    userName: user.name,
    userDisplayName: user.displayName,
    challenge: bytes(ceremony.challenge),
    timeout: ceremony.seconds * 1000,
    attestationType: ceremony.attestation,
    excludeCredentials: ceremony.exclude.map(descriptor),
    // Found without a name being typed where that can be; an older security key is still a second factor.
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    supportedAlgorithmIDs: algorithms,
  });
}

export type RequestOptions = Awaited<ReturnType<typeof requestOptions>>;
export async function requestOptions(
  rp: RelyingParty,
  ceremony: { challenge: string; seconds: number; allow: readonly Passkey[]; verification: 'required' | 'preferred' },
) {
  const { generateAuthenticationOptions } = await library();
  return generateAuthenticationOptions({
    rpID: rp.id,
    challenge: bytes(ceremony.challenge),
    timeout: ceremony.seconds * 1000,
    allowCredentials: ceremony.allow.map(descriptor),
    userVerification: ceremony.verification,
  });
}

/** WebAuthn §7.1. @returns undefined for whatever is not what it says. */
export async function verifiedCredential(
  rp: RelyingParty,
  response: RegistrationResponse,
  challenge: string,
): Promise<NewCredential | undefined> {
  const { verifyRegistrationResponse } = await library();
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers');
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { ...response, clientExtensionResults: {} },
      expectedChallenge: challenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: algorithms,
    });
    if (!verified) return undefined;
    const { credential, aaguid, credentialDeviceType, credentialBackedUp, userVerified } = registrationInfo;
    // The id that was signed for, not the one beside it.
    if (credential.id !== response.id) return undefined;
    const statement = decodeAttestationObject(bytes(response.response.attestationObject)).get('attStmt');
    return {
      id: credential.id,
      publicKey: credential.publicKey,
      signCount: credential.counter,
      aaguid,
      backupEligible: credentialDeviceType === 'multiDevice',
      backedUp: credentialBackedUp,
      userVerified,
      attested: (statement.get('x5c')?.length ?? 0) > 0,
    };
  } catch {
    return undefined;
  }
}

/** WebAuthn §7.2, without the counter, which is compared where it is stored. @returns undefined for whatever is not what it says. */
export async function verifiedAssertion(
  rp: RelyingParty,
  response: AuthenticationResponse,
  challenge: string,
  passkey: Passkey,
): Promise<Assertion | undefined> {
  const { verifyAuthenticationResponse } = await library();
  const { userHandle, ...signed } = response.response;
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        ...response,
        response: { ...signed, ...(userHandle ? { userHandle } : {}) },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      credential: { id: passkey.credentialId, publicKey: new Uint8Array(passkey.publicKey), counter: 0 },
      requireUserVerification: false,
    });
    if (!verified) return undefined;
    const { newCounter, credentialDeviceType, credentialBackedUp, userVerified } = authenticationInfo;
    return {
      signCount: newCounter,
      backupEligible: credentialDeviceType === 'multiDevice',
      backedUp: credentialBackedUp,
      userVerified,
    };
  } catch {
    return undefined;
  }
}

const bytes = (base64url: string) => new Uint8Array(Buffer.from(base64url, 'base64url'));

const descriptor = ({ credentialId, transports }: Passkey) => ({ id: credentialId, transports });
