// XML as we write it: every value is text and is escaped, and what no XML document may hold is refused (XML 1.0 §2.2), with all other control characters.

declare const written: unique symbol;
/** What element() has made: nothing else gets into a document as markup. */
export type Element = { readonly xml: string; readonly [written]: true };

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const REFUSED = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|\p{Cs}/u;
const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/**
 * @param attributes those that are undefined are left out
 * @param children a text is text, whatever it looks like
 * @throws Error where a value holds a control character or half of a surrogate pair
 */
export function element(
  name: string,
  attributes: Record<string, string | boolean | undefined> = {},
  ...children: readonly (Element | string | undefined)[]
): Element {
  const start = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([attribute, value]) => ` ${attribute}="${escaped(String(value))}"`)
    .join('');
  const content = children.map((child) => (typeof child === 'object' ? child.xml : escaped(child ?? ''))).join('');
  return { xml: content ? `<${name}${start}>${content}</${name}>` : `<${name}${start}/>` } as Element;
}

function escaped(value: string): string {
  if (REFUSED.test(value)) throw new Error('a value holds a character that has no place in XML');
  return value.replace(/[&<>"']/g, (found) => entities[found] ?? found);
}
