// What a logo may be: a PNG, JPEG or WebP by its own bytes, and nothing beside it. SVG is refused: it is a document, and can hold scripts and addresses.
export const PICTURE_TYPES = { png: 'image/png', jpg: 'image/jpeg', webp: 'image/webp' } as const;

export const MOST_BYTES = 100 * 1024;
export const MOST_PIXELS = 1024;

export interface Picture {
  extension: keyof typeof PICTURE_TYPES;
  width: number;
  height: number;
}

type Size = Pick<Picture, 'width' | 'height'>;

/** @returns what is wrong with it, as a sentence that goes on from "the image". */
export function readPicture(bytes: Buffer): Picture | string {
  if (bytes.length > MOST_BYTES) return `must not be larger than ${MOST_BYTES} bytes`;
  const extension = typeOf(bytes);
  const size = extension && readers[extension](bytes);
  if (!extension || !size) return 'must be a whole PNG, JPEG or WebP';
  const { width, height } = size;
  if (Math.min(width, height) < 1 || Math.max(width, height) > MOST_PIXELS)
    return `must not be larger than ${MOST_PIXELS} by ${MOST_PIXELS} pixels; it has ${width} by ${height}`;
  return { extension, ...size };
}

function typeOf(bytes: Buffer): Picture['extension'] | undefined {
  if (bytes.subarray(0, 8).equals(PNG_BEGINS)) return 'png';
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return 'jpg';
  if (word(bytes, 0) === 'RIFF' && word(bytes, 8) === 'WEBP') return 'webp';
  return undefined;
}

/** Each only where the file ends where it says: nothing hangs behind the picture. What it says of itself (EXIF, texts) stays in it. */
const readers: Record<Picture['extension'], (bytes: Buffer) => Size | undefined> = {
  png: pngSize,
  jpg: jpegSize,
  webp: webpSize,
};

const PNG_BEGINS = Buffer.from('89504e470d0a1a0a', 'hex');
const PNG_ENDS = Buffer.from('0000000049454e44ae426082', 'hex');

/** PNG (W3C, third edition) §5.3, §11.2.1: chunk after chunk, the first says how large. */
function pngSize(bytes: Buffer): Size | undefined {
  if (word(bytes, 12) !== 'IHDR' || !bytes.subarray(-12).equals(PNG_ENDS)) return undefined;
  let at = 8;
  while (at + 12 <= bytes.length && word(bytes, at + 4) !== 'IEND') at += 12 + bytes.readUInt32BE(at);
  return at + 12 === bytes.length ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) } : undefined;
}

/** ITU-T T.81 §B.1.1.3: the frame header says how large. */
function jpegSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(bytes.length - 2) !== 0xffd9) return undefined;
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (isFrame(marker)) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    if (marker === 0xda) return undefined;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** RFC 9649 §2.4, §2.5–2.7: lossy, lossless or extended. */
function webpSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 30 || bytes.readUInt32LE(4) + 8 !== bytes.length) return undefined;
  const kind = word(bytes, 12);
  if (kind === 'VP8 ' && bytes.subarray(23, 26).equals(Buffer.from([0x9d, 0x01, 0x2a])))
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  if (kind === 'VP8L' && bytes[20] === 0x2f) {
    const bits = bytes.readUInt32LE(21);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind === 'VP8X') return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  return undefined;
}

const word = (bytes: Buffer, at: number): string => bytes.toString('latin1', at, at + 4);
