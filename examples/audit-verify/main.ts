// Verifies an export of the audit log (JSON lines) with nothing but Node.js and the keys of the issuer: elsewhere, by other people, in ten years.
// `node main.js audit.jsonl https://id.example.com/jwks`, or a file in place of the address. How the log is sealed: docs/audit.md.
import { constants, createHash, createHmac, createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

type Of<T> = Record<string, T>;
/** An event, or a checkpoint; and what a checkpoint says. */
type Line = {
  id: string;
  occurred_at: string;
  sequence: number;
  hash: string;
  checkpoint?: string;
  data: Of<unknown>;
} & Of<unknown> & {
    salts: Of<string>;
    commitments: Of<string>;
  };
type Says = {
  iat: number;
  number: number;
  first: number;
  last: number;
  root: string;
  chain: string;
  previous?: string;
};

const sha256 = (...parts: Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const bytes = (text = ''): Buffer => Buffer.from(text, 'base64url');
const found: string[] = [];

/** RFC 8785. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** RFC 6962 §2.1. */
function treeHash(leaves: Buffer[]): Buffer {
  if (leaves.length < 2) return leaves[0] ?? sha256();
  const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}
const link = (previous: Buffer, leaf: Buffer): Buffer => sha256(Buffer.of(2), previous, leaf);

/** What told of a person is there with its salt, as it was committed to, or gone with it. */
function leafOf({ commitments, salts, ip, user_agent, data, ...event }: Line): Buffer {
  const { subject_hash, ...rest } = data;
  for (const [name, value] of Object.entries({ ip, user_agent, subject_hash })) {
    const salt = salts[name];
    const made = salt && value && createHmac('sha256', bytes(salt)).update(`${value}`).digest('base64url');
    if ((salt || value) && made !== commitments[name]) found.push(`changed    ${event.id}: ${name}`);
  }
  const { tenant_id, id, name, actor, request_id, occurred_at } = event;
  const sealed = { tenant_id, id, name, data: rest, actor, request_id, occurred_at, commitments };
  return sha256(Buffer.of(0), Buffer.from(canonical(sealed)));
}

const [file = '', place = ''] = process.argv.slice(2);
const text = place.startsWith('http') ? await (await fetch(place)).text() : await readFile(place, 'utf8');
const { keys } = JSON.parse(text) as { keys: (JsonWebKey & { kid: string })[] };
const rows: { id: string; at: number; sequence: number; leaf: Buffer; hash: Buffer }[] = [];
const signed: { jws: string; says: Says }[] = [];
const unsealed: string[] = [];
for await (const one of createInterface({ input: createReadStream(file) })) {
  const line = JSON.parse(one) as Line;
  const { id, sequence, hash, checkpoint: jws } = line;
  const before = rows.at(-1)?.id ?? '';
  if (jws) signed.push({ jws, says: JSON.parse(`${bytes(jws.split('.')[1])}`) as Says });
  else if (id <= before) found.push(`reordered  ${id}: stands behind ${before}`);
  if (!jws && sequence === null) unsealed.push(id);
  else if (!jws) {
    // RFC 9562 §5.7: the first 48 bits are milliseconds.
    const at = Math.min(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), Date.parse(line.occurred_at));
    rows.push({ id, at, sequence, leaf: leafOf(line), hash: bytes(hash) });
  }
}
rows.sort((a, b) => a.sequence - b.sequence);
for (const id of unsealed) if (rows.some((row) => row.id > id)) found.push(`inserted   ${id}: has no seal`);

// The newest checkpoint is signed with a key of the issuer; each names the one before it, whose key may be gone.
for (const [index, { jws, says }] of signed.entries()) {
  const next = signed[index + 1]?.says;
  const [header = '', payload = '', signature] = jws.split('.');
  const { kid, typ } = JSON.parse(`${bytes(header)}`) as Of<string>;
  const jwk = keys.find((one) => one.kid === kid);
  const pss = jwk?.alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
  const key = jwk && { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const, ...pss };
  const algorithm = jwk?.kty === 'OKP' ? null : 'sha256';
  const isGood = key ? verify(algorithm, Buffer.from(`${header}.${payload}`), key, bytes(signature)) : next;
  if (!isGood || typ !== 'audit-checkpoint+jwt') found.push(`checkpoint ${says.number} is not signed by the issuer`);
  if (next && next.previous !== sha256(Buffer.from(jws)).toString('base64url'))
    found.push(`checkpoint ${next.number} does not follow ${says.number}`);
}

const first = rows[0]?.sequence ?? 0;
const oldest = signed.find(({ says }) => says.last >= first)?.says;
if (signed.length === 0 && rows.length > 0) found.push('checkpoint there is none: anybody can have written this');
if (oldest && oldest.first > first) found.push(`checkpoint before ${oldest.number}: none is for #${first}`);
const start = signed.find(({ says }) => says.last > 0 && says.last === first - 1)?.says;
let [previous, at] = [start ? bytes(start.chain) : Buffer.alloc(32), start?.last ?? 0];
// Sealed behind those that are younger by an hour: it was not there when they were. What is older than the first checkpoint is from before there were seals.
const beganAt = (signed[0]?.says.iat ?? Number.POSITIVE_INFINITY) * 1000;
let [newest, upcoming] = [0, 0];
for (const [place, { id, at: happened, sequence, leaf, hash }] of rows.entries()) {
  if (happened >= beganAt && happened < newest - 3600_000) found.push(`inserted   ${id}: was put into the past`);
  while (signed[upcoming] && (signed[upcoming]?.says.last ?? 0) < sequence) upcoming += 1;
  newest = Math.max(newest, Math.min(happened, (signed[upcoming]?.says.iat ?? Number.POSITIVE_INFINITY) * 1000));
  const belongs = () => rows.find((row, n) => link(rows[n - 1]?.hash ?? previous, leaf).equals(row.hash));
  const isLinked = link(previous, leaf).equals(hash);
  // Of two with one number it is the one that does not hang on what is before them.
  if (!isLinked && rows[place + 1]?.sequence === sequence) {
    found.push(`inserted   ${id}: #${sequence} is another event`);
    continue;
  }
  if (sequence <= at) found.push(`inserted   ${id}: #${sequence} is another event`);
  else if (sequence > at + 1) found.push(`removed    #${at + 1} to #${sequence - 1}, before ${id}`);
  else if (!isLinked)
    found.push(belongs() ? `reordered  ${id}: belongs at #${belongs()?.sequence}` : `changed    ${id}: #${sequence}`);
  [previous, at] = [hash, Math.max(at, sequence)];
}
const signedFor = signed.filter(({ says }) => says.first >= first && says.first <= says.last);
for (const { says } of signedFor) {
  const leaves = rows.filter(({ sequence }) => sequence >= says.first && sequence <= says.last).map(({ leaf }) => leaf);
  if (!treeHash(leaves).equals(bytes(says.root)))
    found.push(`checkpoint ${says.number} was signed for other events: #${says.first} to #${says.last}`);
}
console.log([...found, `${rows.length} events, ${signedFor.length} checkpoints, ${found.length} findings`].join('\n'));
process.exitCode = found.length > 0 ? 1 : 0;
