// Metadata of an identity provider (SAML Metadata §2), as an administrator or a job has brought it: read as strictly as a message, believed because
// of who brought it, so that its signature says nothing here.
import { keyOf } from './gate-algorithms.js';
import { type Checks, type Opened, opened } from './gate-checks.js';
import { DSIG, METADATA as MD, SAMLP } from './gate-names.js';
import { numericDate, timeOf } from './gate-time.js';
import type { XmlElement } from './xml/element.js';
import { METADATA } from './xml/limits.js';
import { fromUtf8 } from './xml/octets.js';
import { parseXml } from './xml/parse.js';

export interface IdpEndpoint {
  binding: 'redirect' | 'post';
  location: string;
  /** Where answers go, if elsewhere than requests. */
  response_location?: string;
}

export interface IdpMetadata {
  entity_id: string;
  sso: IdpEndpoint[];
  slo: IdpEndpoint[];
  /** PEM, of keys that the gate takes, five at most. */
  certificates: string[];
  wants_requests_signed: boolean;
  name_id_formats: string[];
  /** NumericDate */
  valid_until?: number;
}

/** @param asked which entity of a federation; needed where there are several identity providers */
export function readIdpMetadata(
  octets: Buffer,
  asked: { entity_id?: string; now: Date },
): Promise<Opened<IdpMetadata>> {
  return opened((checks: Checks) => {
    const root = parseXml(fromUtf8(octets), { limits: METADATA, comments: true });
    const entity = entityIn(root, asked.entity_id, checks);
    const role = entity.only(MD, 'IDPSSODescriptor');
    checks.must('metadata_role', role !== undefined);
    const protocols = (role.attribute('protocolSupportEnumeration') ?? '').split(/\s+/);
    checks.must('metadata_protocol', protocols.includes(SAMLP), { seen: protocols, expected: SAMLP });
    const until = endOf(role, asked.now, checks);
    const entityId = entity.attribute('entityID') ?? '';
    checks.must('metadata_entity_id', /^\S{1,1024}$/.test(entityId), { seen: entityId });
    const sso = endpoints(role, 'SingleSignOnService', checks);
    checks.must('metadata_sign_on', sso.length > 0);
    return {
      entity_id: entityId,
      sso,
      slo: endpoints(role, 'SingleLogoutService', checks),
      certificates: certificatesIn(role, checks),
      wants_requests_signed: ['true', '1'].includes(role.attribute('WantAuthnRequestsSigned') ?? ''),
      name_id_formats: role.all(MD, 'NameIDFormat').map(({ text }) => text?.trim() ?? ''),
      ...(until !== undefined && { valid_until: until }),
    };
  });
}

function entityIn(root: XmlElement, asked: string | undefined, checks: Checks): XmlElement {
  const isDescriptor = root.is(MD, 'EntityDescriptor') || root.is(MD, 'EntitiesDescriptor');
  checks.must('metadata_type', isDescriptor, {
    seen: root.local,
    expected: ['EntityDescriptor', 'EntitiesDescriptor'],
  });
  const entities = [...entitiesOf(root)].filter((one) => one.all(MD, 'IDPSSODescriptor').length > 0);
  const [found, ...others] = entities.filter((one) => asked === undefined || one.attribute('entityID') === asked);
  const seen = entities.map((one) => one.attribute('entityID') ?? '');
  checks.must('metadata_entity', found !== undefined && others.length === 0, {
    seen,
    ...(asked !== undefined && { expected: asked }),
  });
  return found;
}

function* entitiesOf(element: XmlElement): Generator<XmlElement> {
  if (element.is(MD, 'EntityDescriptor')) yield element;
  if (element.is(MD, 'EntitiesDescriptor')) for (const child of element.elements) yield* entitiesOf(child);
}

/** §2.3.1: of what is around it as well, the earliest. */
function endOf(role: XmlElement, now: Date, checks: Checks): number | undefined {
  const written: string[] = [];
  for (let one: XmlElement | undefined = role; one; one = one.parent) {
    const until = one.attribute('validUntil');
    if (until !== undefined) written.push(until);
  }
  const isValid = written.every((one) => timeOf(one) > now.getTime());
  checks.must('metadata_valid_until', isValid, { seen: written, expected: now.toISOString() });
  return written.length > 0 ? numericDate(Math.min(...written.map(timeOf))) : undefined;
}

const bindings: ReadonlyMap<string, 'redirect' | 'post'> = new Map([
  ['urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', 'redirect'],
  ['urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST', 'post'],
]);

/** Of other bindings nothing is known here, and nothing asked. */
function endpoints(role: XmlElement, name: string, checks: Checks): IdpEndpoint[] {
  return role.all(MD, name).flatMap((one) => {
    const binding = bindings.get(one.attribute('Binding') ?? '');
    if (!binding) return [];
    const location = one.attribute('Location') ?? '';
    const response = one.attribute('ResponseLocation');
    checks.must('metadata_location', [location, response ?? location].every(isLocation), { seen: location });
    return [{ binding, location, ...(response !== undefined && { response_location: response }) }];
  });
}

/** Whether it may be reached is another question, asked of whatever is called. */
function isLocation(text: string): boolean {
  if (text.length > 2048 || !/^https?:\/\/\S+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password, hash } = new URL(text);
  return username === '' && password === '' && hash === '';
}

const MOST_CERTIFICATES = 5;

/** §2.4.1.1: a key without a use is for signing, too. */
function certificatesIn(role: XmlElement, checks: Checks): string[] {
  const keys = role.all(MD, 'KeyDescriptor').filter((one) => (one.attribute('use') ?? 'signing') === 'signing');
  const written = keys
    .flatMap((one) => one.all(DSIG, 'KeyInfo'))
    .flatMap((one) => one.all(DSIG, 'X509Data'))
    .flatMap((one) => one.all(DSIG, 'X509Certificate'))
    .slice(0, MOST_CERTIFICATES * 4)
    .map(({ text }) => pem(text ?? ''));
  const usable = [...new Set(written)].filter((one) => keyOf(one) !== undefined);
  checks.must('metadata_certificates', usable.length > 0, { seen: written.length });
  return usable.slice(0, MOST_CERTIFICATES);
}

function pem(text: string): string {
  const lines = text.replace(/\s+/g, '').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
