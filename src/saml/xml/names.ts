// Namespaces in XML 1.0: what a prefix stands for where it stands.
import { type XmlAttribute, XmlElement } from './element.js';
import { XmlRefusal } from './refusal.js';

/** An attribute as it is written, its value read. */
export interface Written {
  name: string;
  value: string;
}

const XML = 'http://www.w3.org/XML/1998/namespace';
const XMLNS = 'http://www.w3.org/2000/xmlns/';
/** Canonical XML 1.0 §1.3: a document with a relative one has no canonical form, and what readers make of that is what they were attacked by. */
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>&"']+$/;

/** @throws XmlRefusal – a declaration that is none (§3), or one that some reader would take for another */
export function declaredIn(written: readonly Written[]): Map<string, string> {
  const declared = new Map<string, string>();
  for (const { name, value } of written) {
    const prefix = prefixDeclared(name);
    if (prefix === undefined) continue;
    const isReserved = /^xml/i.test(prefix) || value === XML || value === XMLNS;
    const isNothing = prefix === '' && value === '';
    if (isReserved || declared.has(prefix) || !(isNothing || ABSOLUTE.test(value)))
      throw new XmlRefusal('xml_namespace');
    declared.set(prefix, value);
  }
  return declared;
}

/** @throws XmlRefusal – a prefix that nobody has declared, an attribute that stands twice by any name */
export function qualified(
  name: string,
  written: readonly Written[],
  declared: ReadonlyMap<string, string>,
  parent: XmlElement | undefined,
): XmlElement {
  const [prefix, local] = split(name);
  const scope = { declared, parent };
  const attributes: XmlAttribute[] = [];
  const names = new Set<string>();
  for (const { name: own, value } of written) {
    if (prefixDeclared(own) !== undefined) continue;
    const attribute = attributeOf(own, value, scope);
    const both = `${attribute.namespace} ${attribute.local}`;
    if (names.has(both)) throw new XmlRefusal('xml_malformed');
    names.add(both);
    attributes.push(attribute);
  }
  return new XmlElement(prefix, local, resolved(prefix, scope), attributes, declared, parent);
}

function attributeOf(name: string, value: string, scope: Scope): XmlAttribute {
  const [prefix, local] = split(name);
  // Libraries tell a declaration by how its name begins: nothing else may begin so.
  if (prefix === '' && /^xml/i.test(local)) throw new XmlRefusal('xml_namespace');
  const namespace = prefix === '' ? '' : prefix === 'xml' ? XML : resolved(prefix, scope);
  return { prefix, local, namespace, value };
}

interface Scope {
  declared: ReadonlyMap<string, string>;
  parent: XmlElement | undefined;
}

/** In scope there, or undefined. */
export function namespaceOf(prefix: string, scope: Scope): string | undefined {
  for (let one: Scope | undefined = scope; one; one = one.parent) {
    const found = one.declared.get(prefix);
    if (found !== undefined) return found;
  }
  return undefined;
}

function resolved(prefix: string, scope: Scope): string {
  const found = namespaceOf(prefix, scope);
  if (found === undefined && prefix !== '') throw new XmlRefusal('xml_namespace');
  return found ?? '';
}

const prefixDeclared = (name: string): string | undefined =>
  name === 'xmlns' ? '' : name.startsWith('xmlns:') ? name.slice('xmlns:'.length) : undefined;

function split(name: string): [string, string] {
  const at = name.indexOf(':');
  return at < 0 ? ['', name] : [name.slice(0, at), name.slice(at + 1)];
}
