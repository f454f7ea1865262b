// How much XML is read, in one place. A message is refused by its size before it is decoded, and by each of the others as soon as it is met.

export interface XmlLimits {
  /** Of UTF-8. */
  bytes: number;
  depth: number;
  elements: number;
  /** Of one element, declarations of namespaces with them. */
  attributes: number;
  /** Declarations of one element: canonicalisation looks through those of all ancestors. */
  namespaces: number;
}

/** Five thousand groups of somebody are about 400 KiB. */
export const MESSAGE: XmlLimits = { bytes: 512 * 1024, depth: 32, elements: 10_000, attributes: 32, namespaces: 16 };

/** Of one identity provider, or of a small federation. */
export const METADATA: XmlLimits = {
  bytes: 4 * 1024 * 1024,
  depth: 32,
  elements: 60_000,
  attributes: 32,
  namespaces: 16,
};

/** In characters, of what was signed: namespaces are written out again wherever they are used. */
export const CANONICAL = 1024 * 1024;

/** What a browser sends in an address, deflated. */
export const REDIRECT_BYTES = 64 * 1024;
