// The attributes of an assertion that was signed (SAML Core §2.7.3): each is a list, even of one; several of one name are one, as Keycloak sends them.
import type { Checks } from './gate-checks.js';
import { SAML } from './gate-names.js';
import type { XmlElement } from './xml/element.js';

export interface Attributes {
  attributes: Record<string, string[]>;
  /** By FriendlyName, which says nothing of its own: for people who map them. */
  friendly: Record<string, string[]>;
}

export function attributesOf(assertion: XmlElement, checks: Checks): Attributes {
  const all = assertion.all(SAML, 'AttributeStatement').flatMap((one) => one.all(SAML, 'Attribute'));
  const [byName, byFriendly] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const one of all) {
    const name = one.attribute('Name') ?? '';
    checks.must('attribute_names', name !== '' && name.length <= 512 && name !== '__proto__');
    const values = one
      .all(SAML, 'AttributeValue')
      .map(textIn)
      .filter((value) => value !== undefined);
    add(byName, name, values);
    const friendly = one.attribute('FriendlyName');
    if (friendly) add(byFriendly, friendly, values);
  }
  return { attributes: Object.fromEntries(byName), friendly: Object.fromEntries(byFriendly) };
}

/** Text, or the one NameID of eduPersonTargetedID; what is a structure of its own is left out. */
const textIn = (value: XmlElement): string | undefined => value.text ?? value.only(SAML, 'NameID')?.text;

function add(to: Map<string, string[]>, name: string, values: readonly string[]): void {
  to.set(name, [...(to.get(name) ?? []), ...values]);
}
