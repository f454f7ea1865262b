// From what a browser carries to text: base64, DEFLATE, UTF-8, each read in one way and up to a limit.
import { inflateRawSync } from 'node:zlib';
import { XmlRefusal } from './refusal.js';

/** RFC 4648 §4, lines of any length; padded, and nothing in the bits that are left over. @throws XmlRefusal */
export function fromBase64(text: string, limit: number): Buffer {
  if (text.length > limit * 2) throw new XmlRefusal('xml_size');
  const dense = text.replace(/[ \t\r\n]+/g, '');
  if (dense.length > Math.ceil(limit / 3) * 4) throw new XmlRefusal('xml_size');
  const octets = Buffer.from(dense, 'base64');
  if (octets.length === 0 || octets.toString('base64') !== dense) throw new XmlRefusal('xml_base64');
  return octets;
}

/** RFC 1951, up to the last byte of it. @throws XmlRefusal – also where it would become larger than it may */
export function inflated(octets: Buffer, limit: number): Buffer {
  try {
    const { buffer, engine } = inflateRawSync(octets, { maxOutputLength: limit, info: true }) as unknown as Inflated;
    if (engine.bytesWritten !== octets.length) throw new XmlRefusal('xml_deflate');
    return buffer;
  } catch (error) {
    throw (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
      ? new XmlRefusal('xml_size')
      : new XmlRefusal('xml_deflate');
  }
}

/** What Node gives for `info`, which its types leave out. */
interface Inflated {
  buffer: Buffer;
  /** How much of it was read. */
  engine: { bytesWritten: number };
}

/** @throws XmlRefusal */
export function fromUtf8(octets: Buffer): string {
  try {
    return utf8.decode(octets);
  } catch {
    throw new XmlRefusal('xml_encoding');
  }
}

// It leaves a byte order mark out, and takes no byte that is not UTF-8.
const utf8 = new TextDecoder('utf-8', { fatal: true });
