import { expect, it } from '@jest/globals';
import { UpstreamIdentity } from '../../src/features/connections/upstream-identity.js';
import { identityOf } from '../../src/saml/attributes.js';
import { isTransient, nameIdChecks } from '../../src/saml/name-id.js';

const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

const facts = {
  subject: { value: 'alice-4711', format: PERSISTENT },
  attributes: {},
  friendly: {},
  authn_instant: 1_795_000_000,
};
const address = { value: 'alice@example.com', format: EMAIL };

it.each([
  ['by its name', { attributes: { mail: ['a@b.example'] } }, { mail: ['a@b.example'] }],
  [
    'by its friendly name, too',
    { attributes: { 'urn:oid:1': ['x'] }, friendly: { mail: ['x'] } },
    { 'urn:oid:1': ['x'], mail: ['x'] },
  ],
  [
    'by the name, where a friendly one says otherwise',
    { attributes: { mail: ['name'] }, friendly: { mail: ['friendly'] } },
    { mail: ['name'] },
  ],
  ['an address that is the NameID', { subject: address }, { email: ['alice@example.com'] }],
  [
    'an attribute goes before the NameID',
    { subject: address, attributes: { email: ['other@example.com'] } },
    { email: ['other@example.com'] },
  ],
  ['a NameID of another format is no address', { subject: { ...address, format: PERSISTENT } }, {}],
  [
    'without what is too long to be read',
    { attributes: { photo: ['A'.repeat(4097)], mail: ['x'] } },
    { photo: [], mail: ['x'] },
  ],
  ['every value of many', { attributes: { groups: ['b', 'a', 'b'] } }, { groups: ['b', 'a', 'b'] }],
])('attributes are known %s (SAML Core §2.7.3)', (_, said, expected) => {
  expect(identityOf({ ...facts, ...said }).attributes).toEqual(expected);
});

it('the subject is the NameID, to the letter, and the session is known by what ends it', () => {
  const subject = { value: 'Alice-4711', format: PERSISTENT, name_qualifier: 'idp', sp_name_qualifier: 'sp' };
  const identity = identityOf({
    ...facts,
    subject,
    authn_context: 'urn:x',
    session_index: '_s',
    session_not_on_or_after: 1_795_003_600,
  });
  expect(identity).toEqual({
    subject: 'Alice-4711',
    attributes: {},
    authenticated_at: 1_795_000_000,
    acr: 'urn:x',
    session: { index: '_s', ends_at: 1_795_003_600, name_id: subject },
  });
  expect(UpstreamIdentity.safeParse(identity).success).toBe(true);
});

it.each([
  [TRANSIENT, true],
  [PERSISTENT, false],
  [EMAIL, false],
  [undefined, false],
])('a NameID of format %s names somebody for this time only: %s (SAML Core §8.3.8)', (format, expected) => {
  expect(isTransient({ subject: { value: 'x', ...(format === undefined ? {} : { format }) } })).toBe(expected);
});

const ANY = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified';

it.each([
  [PERSISTENT, PERSISTENT, []],
  [PERSISTENT, EMAIL, ['name_id_format']],
  [PERSISTENT, ANY, ['name_id_format']],
  [PERSISTENT, undefined, ['name_id_format']],
  [EMAIL, EMAIL, []],
  [ANY, EMAIL, []],
  [undefined, EMAIL, []],
  [undefined, undefined, []],
  [undefined, TRANSIENT, ['name_id_lasting']],
  [TRANSIENT, TRANSIENT, ['name_id_lasting']],
])('asked for a name of the format %s, one of %s fails %j (SAML Core §3.4.1.1, §8.3)', (wanted, given, failed) => {
  const subject = { value: 'x', ...(given === undefined ? {} : { format: given }) };
  const checks = nameIdChecks({ subject }, wanted).filter(({ passed }) => !passed);
  expect(checks.map(({ check }) => check)).toEqual(failed);
});
