// JWTs that somebody made of a genuine one, without its key or with a header of their own (RFC 8725 §2, §3). A further one is a further line.
import { createHmac, createPublicKey, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

export interface Genuine {
  jwt: string;
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  /** What everybody may know: the key that verifies it. */
  jwk: JsonWebKey;
  /** Who holds the key of the client signs with it; what the server has signed, with a stranger's. */
  key: KeyObject;
  stranger: KeyObject;
  strangerJwk: JsonWebKey;
  /** Where somebody counts who asks for keys. */
  elsewhere: string;
}

type Make = (genuine: Genuine) => string;

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString(
    'base64url',
  );

/** RFC 7515 §5.1. @param header and claims as text where JSON would not have them. */
export function signed(header: unknown, claims: unknown, key: KeyObject): string {
  const input = `${part(header)}.${part(claims)}`;
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const mac =
  (size: 256 | 384 | 512, secret: (genuine: Genuine) => string | Buffer): Make =>
  (genuine) => {
    const input = `${part({ ...genuine.header, alg: `HS${size}` })}.${part(genuine.claims)}`;
    return `${input}.${createHmac(`sha${size}`, secret(genuine)).update(input).digest('base64url')}`;
  };

const pem = ({ jwk }: Genuine) => createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
const der = ({ jwk }: Genuine) => createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });

/** The header as it was but for this, and the key of whoever may sign. */
const header =
  (more: Record<string, unknown>): Make =>
  ({ header: own, claims, key }) =>
    signed({ ...own, ...more }, claims, key);

/** Signed by a stranger, who says in the header where the key is to be found. */
const byStranger =
  (more: (genuine: Genuine) => Record<string, unknown>): Make =>
  (genuine) =>
    signed({ ...genuine.header, ...more(genuine) }, genuine.claims, genuine.stranger);

const none =
  (alg: string, ending: (genuine: Genuine) => string = () => ''): Make =>
  (genuine) =>
    `${part({ ...genuine.header, alg })}.${part(genuine.claims)}.${ending(genuine)}`;

const [HEADER, CLAIMS, SIGNATURE] = [0, 1, 2];
const parts = ({ jwt }: Genuine) => jwt.split('.') as [string, string, string];
const of = (genuine: Genuine, index: number) => parts(genuine)[index] ?? '';
const resigned =
  (ending: (signature: Buffer) => Buffer | string): Make =>
  (genuine) => {
    const signature = ending(Buffer.from(of(genuine, SIGNATURE), 'base64url'));
    return [...parts(genuine).slice(0, 2), typeof signature === 'string' ? signature : part(signature)].join('.');
  };
const jwe =
  (head: Record<string, unknown>, body = Buffer.alloc(32)): Make =>
  () =>
    [part(head), part(Buffer.alloc(40)), part(Buffer.alloc(12)), part(body), part(Buffer.alloc(16))].join('.');

const epk = { kty: 'EC', crv: 'P-256', x: part(Buffer.alloc(32)), y: part(Buffer.alloc(32)) };

/** What no place takes. */
export const forged: Readonly<Record<string, Make>> = {
  'alg none (§2.1)': none('none'),
  'alg None': none('None'),
  'alg NONE': none('NONE'),
  'alg nOnE': none('nOnE'),
  'alg empty': none(''),
  'alg none, with the signature of the genuine one': none('none', (genuine) => of(genuine, SIGNATURE)),
  'no alg': ({ header: { alg, ...rest }, claims, key }) => signed(rest, claims, key),
  'alg that is no text': header({ alg: 256 }),
  'alg as a list': header({ alg: ['ES256'] }),
  'alg __proto__': header({ alg: '__proto__' }),
  'HS256 with the public key as JWK (§2.1)': mac(256, ({ jwk }) => JSON.stringify(jwk)),
  'HS256 with the public key as PEM': mac(256, pem),
  'HS256 with the public key as DER': mac(256, der),
  'HS384 with the public key as PEM': mac(384, pem),
  'HS512 with the public key as PEM': mac(512, pem),
  'HS256 with the x of the public key': mac(256, ({ jwk }) => Buffer.from(String(jwk.x ?? jwk.n), 'base64url')),
  'HS256 with nothing': mac(256, () => ''),
  'HS256 with one zero': mac(256, () => Buffer.alloc(1)),
  'HS256 with what the subject is called': mac(256, ({ claims }) => String(claims.iss ?? claims.sub ?? 'undefined')),
  'no signature': (genuine) => `${of(genuine, HEADER)}.${of(genuine, CLAIMS)}.`,
  'two parts': (genuine) => `${of(genuine, HEADER)}.${of(genuine, CLAIMS)}`,
  'four parts': ({ jwt }) => `${jwt}.x`,
  'a signature of zeros (CVE-2022-21449)': resigned((signature) => Buffer.alloc(signature.length)),
  'half a signature': resigned((signature) => signature.subarray(0, signature.length / 2)),
  'a signature with one bit turned': resigned((signature) => {
    signature[7] = (signature[7] ?? 0) ^ 1;
    return signature;
  }),
  'a signature and more': resigned((signature) => Buffer.concat([signature, Buffer.alloc(1)])),
  'a signature in DER': (genuine) => {
    const input = `${of(genuine, HEADER)}.${of(genuine, CLAIMS)}`;
    return `${input}.${sign(null, Buffer.from(input), genuine.stranger.asymmetricKeyType === 'ec' ? { key: genuine.stranger, dsaEncoding: 'der' } : genuine.stranger).toString('base64url')}`;
  },
  'claims changed under the signature': (genuine) =>
    `${of(genuine, HEADER)}.${part({ ...genuine.claims, more: true })}.${of(genuine, SIGNATURE)}`,
  'header changed under the signature': (genuine) =>
    `${part({ ...genuine.header, more: true })}.${of(genuine, CLAIMS)}.${of(genuine, SIGNATURE)}`,
  ...Object.fromEntries(
    ['RS256', 'RS512', 'PS256', 'ES384', 'ES512', 'ES256K', 'EdDSA', 'Ed448', 'RS1'].map((alg): [string, Make] => [
      `said to be ${alg}, which it is not`,
      ({ header: own, claims, key }) => signed({ ...own, alg: own.alg === alg ? 'HS256' : alg }, claims, key),
    ]),
  ),
  'signed by a stranger': byStranger(() => ({})),
  'signed by a stranger, without kid': byStranger(() => ({ kid: undefined })),
  'signed by a stranger, kid as a path (§2.9)': byStranger(() => ({ kid: '../../../dev/null' })),
  'signed by a stranger, kid as SQL': byStranger(() => ({ kid: "x' UNION SELECT 'secret" })),
  'signed by a stranger, kid as an object': byStranger(() => ({ kid: { $ne: null } })),
  'signed by a stranger, key at jku (§3.10)': byStranger(({ elsewhere }) => ({ jku: elsewhere })),
  'signed by a stranger, certificate at x5u (§3.10)': byStranger(({ elsewhere }) => ({ x5u: elsewhere })),
  'signed by a stranger, certificate as x5c': byStranger(() => ({ x5c: [Buffer.alloc(300, 1).toString('base64')] })),
  'signed by a stranger, x5t': byStranger(() => ({ x5t: part(Buffer.alloc(20)), 'x5t#S256': part(Buffer.alloc(32)) })),
  'crit with what nobody knows (RFC 7515 §4.1.11)': header({ crit: ['exp'], exp: 1 }),
  'crit with a URN': header({ crit: ['urn:x'], 'urn:x': true }),
  'crit that is empty': header({ crit: [] }),
  'crit that is no list': header({ crit: 'b64' }),
  'crit that names what is not there': header({ crit: ['b64'] }),
  'crit twice': header({ crit: ['b64', 'b64'], b64: true }),
  'b64 false (RFC 7797 §6)': header({ b64: false, crit: ['b64'] }),
  'the last alg of two is none (RFC 7515 §4)': ({ header: own, claims, key }) =>
    signed(`${JSON.stringify(own).slice(0, -1)},"alg":"none"}`, claims, key),
  'the last claims of two are another’s (RFC 7519 §4)': ({ header: own, claims, key }) =>
    signed(own, `${JSON.stringify(claims).slice(0, -1)},"iss":"x","aud":"x","htu":"x","client_id":"x"}`, key),
  'a header that is no object': ({ claims, key }) => signed('"ES256"', claims, key),
  'a header that is null': ({ claims, key }) => signed('null', claims, key),
  'claims that are no object': ({ header: own, key }) => signed(own, '[1]', key),
  'claims that are null': ({ header: own, key }) => signed(own, 'null', key),
  'claims that are text': ({ header: own, key }) => signed(own, '"x"', key),
  'claims that are cut off': ({ header: own, claims, key }) => signed(own, JSON.stringify(claims).slice(0, -1), key),
  'claims that are no UTF-8': ({ header: own, key }) => signed(own, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), key),
  'a JWT in a JWT (§2.8)': ({ header: own, jwt, key }) => signed({ ...own, cty: 'JWT' }, jwt, key),
  'JSON serialization (RFC 7515 §7.2.2)': (genuine) =>
    JSON.stringify({
      protected: of(genuine, HEADER),
      payload: of(genuine, CLAIMS),
      signature: of(genuine, SIGNATURE),
    }),
  'JSON serialization of many (RFC 7515 §7.2.1)': (genuine) =>
    JSON.stringify({
      payload: of(genuine, CLAIMS),
      signatures: [{ protected: of(genuine, HEADER), signature: of(genuine, SIGNATURE) }],
    }),
  'a JWE with dir (RFC 7518 §4.5)': jwe({ alg: 'dir', enc: 'A256GCM' }),
  'a JWE with A256KW': jwe({ alg: 'A256KW', enc: 'A256GCM' }),
  'a JWE with RSA-OAEP': jwe({ alg: 'RSA-OAEP', enc: 'A256GCM' }),
  'a JWE with RSA1_5 (§3.2)': jwe({ alg: 'RSA1_5', enc: 'A128CBC-HS256' }),
  'a JWE with a point that is none (§2.5)': jwe({ alg: 'ECDH-ES', enc: 'A256GCM', epk }),
  'a JWE with PBES2 and two thousand million rounds': jwe({
    alg: 'PBES2-HS256+A128KW',
    enc: 'A128GCM',
    p2s: part(Buffer.alloc(16)),
    p2c: 2_147_483_647,
  }),
  'a JWE that is a bomb (§2.7)': jwe(
    { alg: 'dir', enc: 'A256GCM', zip: 'DEF' },
    deflateRawSync(Buffer.alloc(4 * 1024 * 1024, 0x20)),
  ),
  'nothing between dots': () => '..',
  'dots alone': () => '....',
  'no dot': () => 'x',
  'base64 instead of base64url': (genuine) => `${parts(genuine).join('.')}==`,
  'a line break within': (genuine) => parts(genuine).join('.%0a'),
  'a hundred thousand characters more': ({ header: own, claims, key }) =>
    signed(own, { ...claims, more: 'x'.repeat(100_000) }, key),
};

const later = () => Math.floor(Date.now() / 1000) + 3_600;

/** Claims of a type or time that nobody takes from whoever may sign: for what clients sign themselves. */
export const wrongClaims: Readonly<Record<string, (claims: Record<string, unknown>) => Record<string, unknown>>> = {
  'exp as text': ({ exp }) => ({ exp: String(exp) }),
  'exp as a list': ({ exp }) => ({ exp: [exp] }),
  'exp true': () => ({ exp: true }),
  'exp below zero': () => ({ exp: -1 }),
  'exp long ago': () => ({ exp: 1 }),
  'nbf as text': () => ({ nbf: 'x' }),
  'nbf later': () => ({ nbf: later() }),
  'iat as text': ({ iat }) => ({ iat: String(iat) }),
  'iss of another': () => ({ iss: 'https://other.example' }),
  'iss as a list': ({ iss }) => ({ iss: [iss] }),
  'aud of another': () => ({ aud: 'https://other.example' }),
  'aud with a slash more': ({ aud }) => ({ aud: `${aud}/` }),
  'aud in capitals': ({ aud }) => ({ aud: String(aud).toUpperCase() }),
  'aud as an object': ({ aud }) => ({ aud: { 0: aud } }),
  'aud as an empty list': () => ({ aud: [] }),
  'aud within a list of lists': ({ aud }) => ({ aud: [[aud]] }),
};
