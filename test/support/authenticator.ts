// An authenticator and the browser in front of it, in software: ES256, no attestation or its own signature (WebAuthn §6, §8.7, §8.2).
// It does as it is told, wrong things included.
import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { AuthenticationResponse, RegistrationResponse } from '../../src/features/credentials/passkey.schema.js';
import { type Cbor, cbor } from './cbor.js';

interface Held {
  id: Buffer;
  key: KeyObject;
  userHandle: string;
}

export interface Behaviour {
  origin?: string;
  rpId?: string;
  challenge?: string;
  type?: string;
  crossOrigin?: boolean;
  topOrigin?: string;
  /** WebAuthn §6.1, flags. */
  present?: boolean;
  verified?: boolean;
  backupEligible?: boolean;
  backedUp?: boolean;
  counter?: number;
  aaguid?: string;
  userHandle?: string | null;
  /** Makes, or answers with, this credential. */
  credentialId?: string;
  /** `packed`: signed with its own key, which proves no make (§8.2.1, self attestation). */
  attestation?: 'none' | 'packed';
}

const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest();
const UP = 0x01;
const UV = 0x04;
const BE = 0x08;
const BS = 0x10;
const AT = 0x40;

export class Authenticator {
  readonly held: Held[] = [];
  counter = 0;

  constructor(private readonly own: Behaviour & { origin: string }) {}

  /** navigator.credentials.create(). */
  create(
    options: { challenge: string; rp: { id?: string | undefined }; user: { id: string } },
    told: Behaviour = {},
  ): RegistrationResponse {
    const behaviour = { rpId: options.rp.id ?? '', challenge: options.challenge, ...this.own, ...told };
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const id = told.credentialId ? Buffer.from(told.credentialId, 'base64url') : randomBytes(32);
    const held = { id, key: privateKey, userHandle: options.user.id };
    const clientData = clientDataOf('webauthn.create', behaviour);
    const authData = Buffer.concat([this.authenticatorData(behaviour, AT), attested(held.id, publicKey, behaviour)]);
    const signature = sign(privateKey, authData, clientData);
    const packed = behaviour.attestation === 'packed';
    const statement = new Map<string, Cbor>(
      packed
        ? [
            ['alg', -7],
            ['sig', signature],
          ]
        : [],
    );
    const attestation: Cbor = new Map<string, Cbor>([
      ['fmt', packed ? 'packed' : 'none'],
      ['attStmt', statement],
      ['authData', authData],
    ]);
    this.held.push(held);
    const named = held.id.toString('base64url');
    return {
      id: named,
      rawId: named,
      type: 'public-key',
      response: {
        clientDataJSON: clientData.toString('base64url'),
        attestationObject: cbor(attestation).toString('base64url'),
        transports: ['internal', 'hybrid'],
      },
    };
  }

  /** navigator.credentials.get(). */
  get(options: { challenge: string; rpId?: string | undefined }, told: Behaviour = {}): AuthenticationResponse {
    const behaviour = { rpId: options.rpId ?? '', challenge: options.challenge, ...this.own, ...told };
    const held = told.credentialId
      ? this.held.find(({ id }) => id.toString('base64url') === told.credentialId)
      : this.held.at(-1);
    if (!held) throw new Error('it holds no such credential');
    const clientData = clientDataOf('webauthn.get', behaviour);
    const authData = this.authenticatorData(behaviour, 0);
    const id = held.id.toString('base64url');
    return {
      id,
      rawId: id,
      type: 'public-key',
      response: {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: sign(held.key, authData, clientData).toString('base64url'),
        userHandle: told.userHandle === undefined ? held.userHandle : told.userHandle,
      },
    };
  }

  /** WebAuthn §6.1. */
  private authenticatorData(behaviour: Behaviour & { rpId: string }, more: number): Buffer {
    const { present = true, verified = true, backupEligible = false, backedUp = false } = behaviour;
    const flags = (present ? UP : 0) | (verified ? UV : 0) | (backupEligible ? BE : 0) | (backedUp ? BS : 0) | more;
    const rest = Buffer.alloc(5);
    rest.writeUInt8(flags, 0);
    rest.writeUInt32BE(behaviour.counter ?? this.counter, 1);
    return Buffer.concat([sha256(behaviour.rpId), rest]);
  }
}

/** WebAuthn §5.8.1. */
function clientDataOf(type: string, behaviour: Behaviour): Buffer {
  const { challenge, origin, crossOrigin = false, topOrigin } = behaviour;
  return Buffer.from(JSON.stringify({ type: behaviour.type ?? type, challenge, origin, crossOrigin, topOrigin }));
}

/** WebAuthn §6.5.1: AAGUID, id and public key as COSE_Key (RFC 9053 §7.1.1). */
function attested(id: Buffer, publicKey: KeyObject, { aaguid = '00000000-0000-0000-0000-000000000000' }: Behaviour) {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(id.length);
  const key = new Map<number, Cbor>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, Buffer.from(x, 'base64url')],
    [-3, Buffer.from(y, 'base64url')],
  ]);
  return Buffer.concat([Buffer.from(aaguid.replaceAll('-', ''), 'hex'), length, id, cbor(key)]);
}

const sign = (key: KeyObject, authData: Buffer, clientData: Buffer): Buffer =>
  createSign('sha256').update(authData).update(sha256(clientData)).sign(key);
