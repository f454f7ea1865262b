// One member of an assertion each, that is not what it must be (SAML Core §2; SAML Profiles §4.1.4.3), though rightly signed.
import { PASSWORD } from '../../support/saml/messages.js';
import { assertion, at, type Row } from './mutations.js';

const KERBEROS = 'urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos';
const bearer = (inside: string) =>
  `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">${inside}</saml:SubjectConfirmation>`;

export const ofAssertions: readonly Row[] = [
  {
    rule: 'Version of the assertion (Core §2.3.3)',
    refused: () => assertion({ version: '1.0' }),
    reason: 'assertion_version',
  },
  {
    rule: 'Issuer of the assertion',
    refused: () => assertion({ issuer: 'https://idp.example/other' }),
    reason: 'assertion_issuer',
  },
  {
    rule: 'Issuer with a space around it',
    refused: ({ idp }) => assertion({ issuer: ` ${idp.entityId}` }),
    reason: 'assertion_issuer',
  },
  {
    rule: 'IssueInstant of the assertion in the future',
    refused: (h) => assertion({ issue_instant: at(h, 90) }),
    reason: 'assertion_issue_instant',
    taken: (h) => assertion({ issue_instant: at(h, 50) }),
  },
  {
    rule: 'older than assertions may be, whatever it says of itself',
    refused: (h) =>
      assertion({ issue_instant: at(h, -700), not_on_or_after: at(h, 9_000), confirmed_until: at(h, 9_000) }),
    reason: 'assertion_issue_instant_age',
    taken: (h) =>
      assertion({ issue_instant: at(h, -600), not_on_or_after: at(h, 9_000), confirmed_until: at(h, 9_000) }),
  },
  { rule: 'no NameID', refused: () => assertion({ name_id: null }), reason: 'name_id' },
  { rule: 'an empty NameID', refused: () => assertion({ name_id: '' }), reason: 'name_id' },
  { rule: 'a NameID with a space around it', refused: () => assertion({ name_id: 'alice ' }), reason: 'name_id' },
  { rule: 'a NameID with a line in it', refused: () => assertion({ name_id: 'alice&#10;root' }), reason: 'name_id' },
  {
    rule: 'two NameIDs',
    refused: () => assertion({ in_subject: '<saml:NameID>mallory</saml:NameID>' }),
    reason: 'name_id',
  },
  {
    rule: 'a NameID with an element in it',
    refused: () => assertion({ name_id: 'alice<saml:x/>.example' }),
    reason: 'name_id',
  },
  {
    rule: 'two Subjects',
    refused: () => assertion({ in_assertion: '<saml:Subject><saml:NameID>mallory</saml:NameID></saml:Subject>' }),
    reason: 'assertion_subject',
  },
  { rule: 'no confirmation', refused: () => assertion({ method: null }), reason: 'bearer_confirmation' },
  {
    rule: 'a confirmation by another method than bearer',
    refused: () => assertion({ method: 'urn:oasis:names:tc:SAML:2.0:cm:sender-vouches' }),
    reason: 'bearer_confirmation',
  },
  {
    rule: 'a bearer confirmation without data (Profiles §4.1.4.2)',
    refused: () => assertion({ method: null, in_subject: bearer('') }),
    reason: 'recipient',
  },
  {
    rule: 'Recipient (Profiles §4.1.4.3)',
    refused: () => assertion({ recipient: 'https://sp.example/other' }),
    reason: 'recipient',
  },
  { rule: 'no Recipient', refused: () => assertion({ recipient: null }), reason: 'recipient' },
  {
    rule: 'NotOnOrAfter of the confirmation (GHSA-63v5-26vq-m4vm)',
    refused: (h) => assertion({ confirmed_until: at(h, -61) }),
    reason: 'confirmation_not_on_or_after',
    taken: (h) => assertion({ confirmed_until: at(h, -58) }),
  },
  {
    rule: 'a confirmation for ever',
    refused: () => assertion({ confirmed_until: null }),
    reason: 'confirmation_not_on_or_after',
  },
  {
    rule: 'NotBefore of the confirmation',
    refused: (h) => assertion({ confirmed_from: at(h, 90) }),
    reason: 'confirmation_not_before',
    taken: (h) => assertion({ confirmed_from: at(h, 50) }),
  },
  {
    rule: 'InResponseTo of the confirmation',
    refused: () => assertion({ in_response_to: '_request2' }),
    reason: 'confirmation_in_response_to',
  },
  {
    rule: 'a confirmation of no request, where one was made',
    refused: () => assertion({ in_response_to: null }),
    reason: 'confirmation_in_response_to',
  },
  {
    rule: 'NotBefore of the conditions (Core §2.5.1.2)',
    refused: (h) => assertion({ not_before: at(h, 61) }),
    reason: 'conditions_not_before',
    taken: (h) => assertion({ not_before: at(h, 59) }),
  },
  {
    rule: 'NotOnOrAfter of the conditions',
    refused: (h) => assertion({ not_on_or_after: at(h, -61) }),
    reason: 'conditions_not_on_or_after',
    taken: (h) => assertion({ not_on_or_after: at(h, -58) }),
  },
  {
    rule: 'NotOnOrAfter that is no time',
    refused: () => assertion({ not_on_or_after: '9999' }),
    reason: 'conditions_not_on_or_after',
    taken: () => assertion({ not_on_or_after: null }),
  },
  { rule: 'no Audience (Profiles §4.1.4.2)', refused: () => assertion({ audiences: [] }), reason: 'audience' },
  {
    rule: 'another Audience (CVE-2026-41577)',
    refused: () => assertion({ audiences: [['https://other.example']] }),
    reason: 'audience',
  },
  {
    rule: 'a restriction without an Audience',
    refused: ({ to }) => assertion({ audiences: [[to.sp], []] }),
    reason: 'audience',
  },
  {
    rule: 'two restrictions, of which one leaves us out (Core §2.5.1.4)',
    refused: ({ to }) => assertion({ audiences: [[to.sp], ['https://other.example']] }),
    reason: 'audience',
    taken: ({ to }) => assertion({ audiences: [[to.sp], ['https://other.example', to.sp]] }),
  },
  {
    rule: 'a condition that nobody knows (Core §2.5.1.1)',
    refused: () => assertion({ in_conditions: '<x:Condition xmlns:x="urn:x"/>' }),
    reason: 'conditions_known',
    taken: () => assertion({ in_conditions: '<saml:ProxyRestriction Count="0"/>' }),
  },
  {
    rule: 'OneTimeUse twice (Core §2.5.1.5)',
    refused: () => assertion({ in_conditions: '<saml:OneTimeUse/><saml:OneTimeUse/>' }),
    reason: 'one_time_use',
    taken: () => assertion({ in_conditions: '<saml:OneTimeUse/>' }),
  },
  { rule: 'two Conditions', refused: () => assertion({ in_assertion: '<saml:Conditions/>' }), reason: 'conditions' },
  {
    rule: 'two AuthnStatements',
    refused: (h) => assertion({ in_assertion: `<saml:AuthnStatement AuthnInstant="${at(h, 0)}"/>` }),
    reason: 'authn_statement',
  },
  {
    rule: 'AuthnInstant in the future (Core §2.7.2)',
    refused: (h) => assertion({ authn_instant: at(h, 90) }),
    reason: 'authn_instant',
    taken: (h) => assertion({ authn_instant: at(h, 50) }),
  },
  { rule: 'no AuthnInstant', refused: () => assertion({ authn_instant: null }), reason: 'authn_instant' },
  {
    rule: 'AuthnInstant before a new authentication was asked for (Core §3.4.1, ForceAuthn)',
    refused: (h) => ({
      ...assertion({ authn_instant: at(h, -300) }),
      expected: { authenticated_after: new Date(h.now.getTime() - 100_000) },
    }),
    reason: 'authn_instant_age',
    taken: (h) => ({
      ...assertion({ authn_instant: at(h, -90) }),
      expected: { authenticated_after: new Date(h.now.getTime() - 100_000) },
    }),
  },
  {
    rule: 'SessionNotOnOrAfter',
    refused: (h) => assertion({ session_ends: at(h, -61) }),
    reason: 'session_not_on_or_after',
    taken: () => assertion({ session_ends: null }),
  },
  {
    rule: 'another AuthnContext than was asked for (Core §3.3.2.2.1)',
    refused: () => ({ expected: { authn_context: [KERBEROS] } }),
    reason: 'authn_context',
    taken: () => ({ expected: { authn_context: [KERBEROS, PASSWORD] } }),
  },
  {
    rule: 'no AuthnContextClassRef, where one was asked for',
    refused: () => ({ ...assertion({ authn_context: null }), expected: { authn_context: [PASSWORD] } }),
    reason: 'authn_context',
    taken: () => assertion({ authn_context: null }),
  },
  {
    rule: 'an attribute without a name',
    refused: () => assertion({ attributes: { '': ['x'] } }),
    reason: 'attribute_names',
  },
  {
    rule: 'an attribute that would be no attribute (__proto__)',
    refused: () => assertion({ attributes: Object.fromEntries([['__proto__', ['x']]]) }),
    reason: 'attribute_names',
  },
];
