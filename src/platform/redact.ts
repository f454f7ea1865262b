// What may be written down: values under telling names and values of a telling shape are replaced, whatever holds them.
// Never throws, never calls toJSON, and is bounded in depth, count and length.

const depthLimit = 10;
const nodeLimit = 2_000;
const lengthLimit = 8_192;
const scanLimit = 65_536;

export const redacted = '[redacted]';

/** Names are compared without case and punctuation: client_secret, clientSecret and Client-Secret are one. */
const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');

const tellingPart =
  /password|passwd|passphrase|secret|token|cookie|authorization|assertion|credential|verifier|email|phone|privatekey|apikey|signature|otp$|codes?$|session(id)?$/;
const tellingName = new Set(
  [
    'mail',
    'pass',
    'pwd',
    'pin',
    'key',
    'request',
    'requesturi',
    'handle',
    'jwt',
    'jwk',
    'jwks',
    'dpop',
    'sid',
    'd',
    'otps',
  ].concat([
    'loginhint',
    'username',
    'samlresponse',
    'samlrequest',
    'relaystate',
    'authreqid',
    'bindingmessage',
    'nonce',
    'state',
  ]),
);
const harmlessName = new Set(
  ['tokentype', 'tokenendpointauthmethod', 'statuscode', 'errorcode', 'exitcode', 'countrycode', 'reasoncode'].concat([
    'emailverified',
    'tokensissued',
  ]),
);
const tellingHeader = /^(proxy-)?authorization$|^(set-)?cookie$|^dpop$/i;
const urlName = /^(url|uri|href|path|location|originalurl|referr?er)$|ur[li]s?$/;

/** True where the value under this name is never written down. */
export const isTelling = remembering((name: string): boolean => {
  const word = plain(name);
  return !harmlessName.has(word) && (tellingName.has(word) || tellingPart.test(word));
});

const isUrlName = remembering((name: string): boolean => urlName.test(plain(name)));

/** A member called __proto__ is a member. */
export function setOwn(target: object, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
  else (target as Record<string, unknown>)[name] = value;
}

/** Every request names the same members and routes: what was found harmless is known the next time, and nothing else is kept. */
function remembering<V extends string | boolean>(judge: (text: string) => V): (text: string) => V {
  const harmless = new Map<string, V>();
  return (text) => {
    const known = harmless.get(text);
    if (known !== undefined) return known;
    const judged = judge(text);
    if (text.length <= 64 && (judged === false || judged === text)) {
      if (harmless.size >= 1_000) harmless.clear();
      harmless.set(text, judged);
    }
    return judged;
  };
}

/** A copy fit for JSON.stringify. */
export function redact(value: unknown): unknown {
  return new Walk().value(value, 0);
}

// Every repetition that can start anywhere is bounded, so that no string takes more than linear time.
const shapes: [RegExp, string][] = [
  [/\b((?:set-)?cookie|(?:proxy-)?authorization)(["']?\s{0,4}[:=]\s{0,4})[^\r\n]+/gi, `$1$2${redacted}`],
  // JOSE compact serialization (RFC 7515 §3.1, RFC 7516 §3.1), cut off or whole: `{"` in base64url.
  [/eyJ[\w-]{6,}(?:\.[\w-]*)*/g, '[jwt]'],
  [/\b(bearer|basic|dpop|negotiate)\s{1,8}[^\s"',;]+/gi, `$1 ${redacted}`],
  [/(:\/\/)[^\s/@]{1,512}@/g, `$1${redacted}@`],
  [/(\bhttps?:\/\/[^\s"'<>?#]{1,2048})[?#][^\s"'<>]*/gi, '$1?[query]'],
];
const lateShapes: [RegExp, string][] = [
  [/(?:"[^"\r\n]{1,64}"|[^\s@<>"(),:;[\]\\/]{1,64})(?:@|%40)[^\s@<>"'(),:;[\]\\/?#&]{1,255}/gi, '[email]'],
  // 256 bits in base64url or more: a handle, a code, a key.
  [/[\w-]{43,}/g, '[opaque]'],
];

/** Text without what looks like a credential or an address of a person. */
export const redactText = remembering((text: string): string => {
  let clean = text.length > scanLimit ? text.slice(0, scanLimit) : text;
  for (const [shape, replacement] of shapes) clean = clean.replace(shape, replacement);
  clean = hideNamed(clean);
  for (const [shape, replacement] of lateShapes) clean = clean.replace(shape, replacement);
  return clean.length > lengthLimit ? `${clean.slice(0, lengthLimit)}…` : clean;
});

/** `name=value`, `name: value`, `"name":"value"`, also percent-encoded or escaped once more. */
function hideNamed(text: string): string {
  const name = /([\w-]{1,64})\\{0,3}["']?\s{0,4}(?:=|:|%3D|%3A)\s{0,4}/gi;
  const value = /\\+"[^"]*"?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\[(?:redacted|jwt)\]|[[{][\s\S]*|[^\s&;"'<>]+/y;
  let clean = '';
  let kept = 0;
  for (let found = name.exec(text); found; found = name.exec(text)) {
    // A percent sign is no part of a name, the digits after it look like one.
    if (!isTelling(found[1]?.replace(/^(?:3F|26|2F|20|2C|22)/i, '') ?? '')) continue;
    value.lastIndex = name.lastIndex;
    if (!value.test(text)) continue;
    clean += text.slice(kept, name.lastIndex) + redacted;
    kept = value.lastIndex;
    name.lastIndex = kept;
  }
  return clean + text.slice(kept);
}

class Walk {
  private nodes = 0;
  private readonly above = new Set<object>();

  value(value: unknown, depth: number): unknown {
    this.nodes += 1;
    if (this.nodes > nodeLimit) return '[more]';
    if (typeof value === 'string') return redactText(value);
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'bigint') return redactText(String(value));
    if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
    if (typeof value !== 'object' || value === null) return value;
    if (this.above.has(value)) return '[circular]';
    if (depth > depthLimit) return '[deep]';
    this.above.add(value);
    try {
      return this.object(value, depth + 1);
    } catch {
      return '[unreadable]';
    } finally {
      this.above.delete(value);
    }
  }

  private object(value: object, depth: number): unknown {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return withoutQuery(`${value.origin}${value.pathname}`);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (value instanceof RegExp) return '[pattern]';
    if (isError(value)) return this.error(value, depth);
    if (value instanceof URLSearchParams || value instanceof Headers || value instanceof Map)
      return this.members([...value.entries()], depth);
    if (value instanceof Set) return this.list([...value], depth);
    if (Array.isArray(value)) return this.list(value, depth);
    return this.members(
      Object.keys(value).map((name) => [name, read(value, name)]),
      depth,
    );
  }

  private members(members: [unknown, unknown][], depth: number): object {
    // { name: 'password', value: … } tells in two members what others tell in one.
    const label = members.find(
      ([name, text]) => /^(name|key|field|path|header)$/.test(String(name)) && typeof text === 'string',
    );
    const told = label !== undefined && isTelling(String(label[1]));
    const clean = {};
    for (const [key, member] of members) {
      const name = typeof key === 'string' ? key : typeof key === 'number' ? String(key) : '[key]';
      const hidden = member !== undefined && member !== null && name !== label?.[0] && (isTelling(name) || told);
      const isUrl = typeof member === 'string' && isUrlName(name);
      setOwn(clean, redactText(name), hidden ? redacted : isUrl ? withoutQuery(member) : this.value(member, depth));
    }
    return clean;
  }

  /** Raw headers alternate names and values; an entry is a pair of both. */
  private list(items: unknown[], depth: number): unknown[] {
    const kept = items.slice(0, nodeLimit);
    return kept.map((item, place) => {
      const before = kept[place - 1];
      const named = typeof before === 'string' && (kept.length === 2 ? isTelling(before) : tellingHeader.test(before));
      if (named) return redacted;
      return this.value(item, depth);
    });
  }

  /** Named members only: drivers hang statements with their parameters on their errors. */
  private error(error: Error, depth: number): object {
    const members: [string, unknown][] = [['name', text(error, 'name')]];
    members.push(['message', text(error, 'message')]);
    const code = read(error, 'code');
    if (typeof code === 'string' && /^[A-Za-z0-9_]{1,48}$/.test(code)) members.push(['code', code]);
    for (const name of ['status', 'statusCode', 'syscall', 'constraint', 'table', 'error', 'error_description']) {
      const member = read(error, name);
      if (typeof member === 'string') members.push([name, redactText(member)]);
      if (typeof member === 'number') members.push([name, member]);
    }
    members.push(['stack', text(error, 'stack')]);
    for (const name of ['cause', 'errors']) {
      const member = read(error, name);
      if (member !== undefined) members.push([name, this.value(member, depth)]);
    }
    return Object.fromEntries(members);
  }
}

const isError = (value: object): value is Error =>
  value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';

function text(value: object, name: string): string {
  const member = read(value, name);
  return redactText(typeof member === 'string' ? member : '');
}

/** A getter may throw. */
function read(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return '[unreadable]';
  }
}

const withoutQuery = (url: string) => redactText(url.split(/[?#]/, 1)[0] ?? '');
