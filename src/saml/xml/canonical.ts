// Exclusive XML Canonicalization 1.0, without comments: the bytes that a signature is over. Attributes of `xml:` are not taken from ancestors (§3).
import type { XmlAttribute, XmlElement } from './element.js';
import { CANONICAL } from './limits.js';
import { namespaceOf } from './names.js';
import { XmlRefusal } from './refusal.js';

export interface Canonical {
  /** The enveloped signature (XML Signature §6.6.4). */
  without?: XmlElement;
  /** Of InclusiveNamespaces; `#default` is the default namespace. */
  prefixes?: readonly string[];
}

/** @throws XmlRefusal – it would be too large */
export function canonical(element: XmlElement, { without, prefixes = [] }: Canonical = {}): string {
  const inclusive = prefixes.map((prefix) => (prefix === '#default' ? '' : prefix));
  const parts: string[] = [];
  let length = 0;
  write(element, undefined);
  return parts.join('');

  function write(one: XmlElement, above: Rendered | undefined): void {
    const { text, rendered } = namespaces(one, inclusive, above);
    const name = one.prefix ? `${one.prefix}:${one.local}` : one.local;
    put(`<${name}${text}${attributes(one)}>`);
    for (const child of one.children) {
      if (typeof child === 'string') put(escapedText(child));
      else if (child !== without) write(child, rendered);
    }
    put(`</${name}>`);
  }

  function put(part: string): void {
    length += part.length;
    if (length > CANONICAL) throw new XmlRefusal('xml_size');
    parts.push(part);
  }
}

/** What stands in the output above: the nearest first. */
interface Rendered {
  prefix: string;
  namespace: string;
  above: Rendered | undefined;
}

function namespaces(element: XmlElement, inclusive: readonly string[], above: Rendered | undefined) {
  const used = new Set([element.prefix, ...inclusive]);
  for (const { prefix } of element.attributes) if (prefix !== '' && prefix !== 'xml') used.add(prefix);
  let rendered = above;
  const text: string[] = [];
  for (const prefix of [...used].sort()) {
    const namespace = namespaceOf(prefix, element) ?? '';
    if (namespace === renderedAs(prefix, above)) continue;
    rendered = { prefix, namespace, above: rendered };
    text.push(` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${escapedValue(namespace)}"`);
  }
  return { text: text.join(''), rendered };
}

/** A prefix that is not in scope, and no default namespace, are rendered as nothing. */
function renderedAs(prefix: string, above: Rendered | undefined): string {
  for (let one = above; one; one = one.above) if (one.prefix === prefix) return one.namespace;
  return '';
}

function attributes({ attributes: all }: XmlElement): string {
  const sorted = all.length > 1 ? [...all].sort(byNamespace) : all;
  return sorted
    .map(({ prefix, local, value }) => ` ${prefix ? `${prefix}:${local}` : local}="${escapedValue(value)}"`)
    .join('');
}

const byNamespace = (a: XmlAttribute, b: XmlAttribute): number =>
  a.namespace === b.namespace ? order(a.local, b.local) : order(a.namespace, b.namespace);
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};
const escaped = (character: string): string => escapes[character] ?? character;
const escapedText = (text: string): string => text.replace(/[&<>\r]/g, escaped);
const escapedValue = (text: string): string => text.replace(/[&<"\t\n\r]/g, escaped);
