// The part of XML 1.0 that SAML needs, read one way only: UTF-8, elements, attributes, text, the five entities and characters by number.
// What two readers have ever understood differently is refused here rather than understood: document types, processing instructions, CDATA,
// comments, names outside ASCII, a second root, an ID that stands twice. Whatever passes is read again by a library (gate-library.ts).
import type { XmlElement } from './element.js';
import type { XmlLimits } from './limits.js';
import { declaredIn, qualified, type Written } from './names.js';
import { XmlRefusal } from './refusal.js';

const NAME = '(?:[A-Za-z_][\\w.-]*:)?[A-Za-z_][\\w.-]*';
const OPENS = new RegExp(`<(${NAME})`, 'y');
const ATTRIBUTE = new RegExp(`[ \\t\\n]+(${NAME})[ \\t\\n]*=[ \\t\\n]*(?:"([^"<]*)"|'([^'<]*)')`, 'y');
const OPENED = /[ \t\n]*(\/?)>/y;
const CLOSES = new RegExp(`</(${NAME})[ \\t\\n]*>`, 'y');
const DECLARATION =
  /^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"1\.0"|'1\.0')(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"([\w.-]+)"|'([\w.-]+)'))?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>/;
/** XML 1.0 §2.2, Char. */
const NO_CHARACTER = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

export interface Reading {
  limits: XmlLimits;
  /** Metadata that people edit has some: they are left out between elements, and refused within text (they split it: the attack of 2018). */
  comments?: boolean;
}

/** @throws XmlRefusal */
export function parseXml(source: string, reading: Reading): XmlElement {
  if (Buffer.byteLength(source) > reading.limits.bytes) throw new XmlRefusal('xml_size');
  if (NO_CHARACTER.test(source)) throw new XmlRefusal('xml_malformed');
  return new Reader(source.replace(/\r\n?/g, '\n'), reading).document();
}

class Reader {
  private at = 0;
  private seen = 0;
  private readonly ids = new Set<string>();
  private readonly commented = new Set<XmlElement>();

  constructor(
    private readonly text: string,
    private readonly reading: Reading,
  ) {}

  document(): XmlElement {
    this.declaration();
    this.between();
    const root = this.tree();
    this.between();
    if (this.at < this.text.length) throw this.unexpected();
    return root;
  }

  private declaration(): void {
    if (!/^<\?xml[ \t\n]/.test(this.text)) return;
    const [whole, double, single] = DECLARATION.exec(this.text.slice(0, 200)) ?? [];
    if (whole === undefined) throw new XmlRefusal('xml_malformed');
    if ((double ?? single ?? 'utf-8').toLowerCase() !== 'utf-8') throw new XmlRefusal('xml_encoding');
    this.at = whole.length;
  }

  /** Before the root and behind it. */
  private between(): void {
    do this.match(/[ \t\n]*/y);
    while (this.comment());
  }

  private tree(): XmlElement {
    let { element, isOpen } = this.open(undefined, 1);
    const root = element;
    for (let depth = 1; isOpen; ) {
      this.characters(element);
      if (this.comment(element)) continue;
      if (this.text.startsWith('</', this.at)) {
        this.close(element);
        if (!element.parent) return root;
        element = element.parent;
        depth -= 1;
        continue;
      }
      const inner = this.open(element, depth + 1);
      element.children.push(inner.element);
      if (!inner.isOpen) continue;
      element = inner.element;
      depth += 1;
    }
    return root;
  }

  private open(parent: XmlElement | undefined, depth: number): { element: XmlElement; isOpen: boolean } {
    const { limits } = this.reading;
    const name = this.match(OPENS)?.[1];
    if (name === undefined) throw this.unexpected();
    if (depth > limits.depth) throw new XmlRefusal('xml_depth');
    this.seen += 1;
    if (this.seen > limits.elements) throw new XmlRefusal('xml_elements');
    const written = this.attributes();
    const declared = declaredIn(written);
    if (declared.size > limits.namespaces) throw new XmlRefusal('xml_namespace');
    const element = qualified(name, written, declared, parent);
    this.identify(element);
    const end = this.match(OPENED);
    if (!end) throw new XmlRefusal('xml_malformed');
    return { element, isOpen: end[1] === '' };
  }

  private attributes(): Written[] {
    const written: Written[] = [];
    for (let found = this.match(ATTRIBUTE); found; found = this.match(ATTRIBUTE)) {
      const [, name = '', double, single = ''] = found;
      // XML 1.0 §3.3.3: a tab or line feed is a space, unless it was written by its number.
      written.push({ name, value: expanded((double ?? single).replace(/[\t\n]/g, ' ')) });
      if (written.length > this.reading.limits.attributes) throw new XmlRefusal('xml_attributes');
    }
    return written;
  }

  /** Signatures point at elements by ID: there is one spelling of it, in no namespace, and each value stands once. */
  private identify(element: XmlElement): void {
    const found = element.attributes.filter(({ local }) => local.toLowerCase() === 'id');
    if (found.length > 1) throw new XmlRefusal('xml_id');
    for (const { namespace, value } of found) {
      if (namespace !== '' || this.ids.has(value)) throw new XmlRefusal('xml_id');
      this.ids.add(value);
    }
  }

  private characters(element: XmlElement): void {
    const end = this.text.indexOf('<', this.at);
    if (end < 0) throw new XmlRefusal('xml_malformed');
    if (end === this.at) return;
    const text = this.text.slice(this.at, end);
    if (text.includes(']]>')) throw new XmlRefusal('xml_malformed');
    element.children.push(expanded(text));
    this.at = end;
  }

  private close(element: XmlElement): void {
    const name = element.prefix ? `${element.prefix}:${element.local}` : element.local;
    if (this.match(CLOSES)?.[1] !== name) throw new XmlRefusal('xml_malformed');
    if (this.reading.comments && this.isSplit(element)) throw new XmlRefusal('xml_comment');
  }

  private isSplit(element: XmlElement): boolean {
    return (
      this.commented.has(element) && element.children.some((child) => typeof child === 'string' && /\S/.test(child))
    );
  }

  private comment(within?: XmlElement): boolean {
    if (!this.reading.comments || !this.text.startsWith('<!--', this.at)) return false;
    const end = this.text.indexOf('--', this.at + 4);
    if (end < 0 || this.text[end + 2] !== '>') throw new XmlRefusal('xml_malformed');
    if (within) this.commented.add(within);
    this.at = end + 3;
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  private unexpected(): XmlRefusal {
    const next = this.text.slice(this.at, this.at + 9);
    if (next.startsWith('<!--')) return new XmlRefusal('xml_comment');
    if (next === '<![CDATA[') return new XmlRefusal('xml_cdata');
    if (next.startsWith('<!')) return new XmlRefusal('xml_doctype');
    if (next.startsWith('<?')) return new XmlRefusal('xml_processing_instruction');
    return new XmlRefusal('xml_malformed');
  }
}

const entities: ReadonlyMap<string, string> = new Map(
  Object.entries({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }),
);

/** XML 1.0 §4.1: what every ampersand begins. */
const STRAY = /&(?!#x[0-9A-Fa-f]{1,6};|#[0-9]{1,7};|\w{1,32};)/;

function expanded(text: string): string {
  if (!text.includes('&')) return text;
  if (STRAY.test(text)) throw new XmlRefusal('xml_malformed');
  return text.replace(/&(?:#x(\w+)|#(\d+)|(\w+));/g, (_, hexadecimal, decimal, name) => {
    if (name !== undefined) return entities.get(name) ?? refused('xml_entity');
    const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
    const character = code <= 0x10ffff ? String.fromCodePoint(code) : '\u0000';
    return NO_CHARACTER.test(character) ? refused('xml_malformed') : character;
  });
}

function refused(reason: 'xml_entity' | 'xml_malformed'): never {
  throw new XmlRefusal(reason);
}
