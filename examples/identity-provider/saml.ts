// SAML 2.0 as an identity provider speaks it: what was asked, the signed answer, and single logout. samlify reads, verifies, signs and encrypts.
// A service provider is known by its metadata, which lies below ISSUER: an answer goes where that says, and nowhere else.
import samlify from 'samlify';
import { type Addressed, responseXml } from './assertion.js';
import { type Session, sessionsOf } from './people.js';
import { ISSUER, type Key, key, ORIGIN, unknownKey } from './settings.js';

/** A message that was received: by an address with its query, or by a form. */
export interface Received {
  binding: 'redirect' | 'post';
  /** As it came: the signature is over this (SAML Bindings §3.4.4.1). */
  query: string;
  fields: Record<string, string>;
}

/** What the browser takes there: an address, or a form that is posted. */
export type Sent = { location: string } | { action: string; fields: Record<string, string> };

export interface Asked extends Addressed {
  relayState: string;
  forceAuthn: boolean;
}

// There is no schema here: this identity provider believes little of what it is told. Yours validates, with one of samlify's validators.
samlify.setSchemaValidator({ validate: async () => 'skipped' });

const both = (Location: string) =>
  ['HTTP-Redirect', 'HTTP-POST'].map((name) => ({ Binding: `urn:oasis:names:tc:SAML:2.0:bindings:${name}`, Location }));

/** What a service provider of today opens. Not in the types of samlify. */
const encryption = {
  dataEncryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
};

const providerWith = ({ certificate, privateKey }: Key, isAssertionEncrypted = false) =>
  samlify.IdentityProvider({
    entityID: `${ORIGIN}/saml/metadata`,
    signingCert: certificate,
    privateKey,
    requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    wantAuthnRequestsSigned: true,
    wantLogoutRequestSigned: true,
    wantLogoutResponseSigned: true,
    isAssertionEncrypted,
    ...encryption,
    nameIDFormat: ['urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
    singleSignOnService: both(`${ORIGIN}/saml/sso`),
    singleLogoutService: both(`${ORIGIN}/saml/slo`),
  });

const provider = providerWith(key);
export const metadata = (): string => provider.getMetadata();

/** Read anew each time: it changes when the service provider changes its keys. @throws Error for one that is none of ours. */
async function serviceProvider(entityId: string) {
  if (!entityId.startsWith(`${ISSUER}/`))
    throw new Error('The request is of a service provider that is not known here');
  const answer = await fetch(entityId, { redirect: 'error' });
  if (!answer.ok) throw new Error(`The metadata of the service provider could not be read: ${answer.status}`);
  const wants = { wantMessageSigned: true, wantLogoutRequestSigned: true, wantLogoutResponseSigned: true };
  return samlify.ServiceProvider({ metadata: await answer.text(), ...wants });
}

const xmlOf = ({ binding, fields }: Received): string => {
  const message = fields.SAMLRequest ?? fields.SAMLResponse ?? '';
  return binding === 'redirect'
    ? samlify.Utility.inflateString(message)
    : Buffer.from(message, 'base64').toString('utf8');
};

/** By its name alone; whether it has said so is seen when the signature is verified. */
async function senderOf(received: Received, kind: string) {
  const field = { key: 'issuer', localPath: [kind, 'Issuer'], attributes: [] };
  const { issuer } = samlify.Extractor.extract(xmlOf(received), [field]);
  return serviceProvider(String(issuer));
}

const request = ({ query, fields }: Received) => ({
  query: fields,
  body: fields,
  // Without the signature itself.
  octetString: query.replace(/&Signature=.*$/, ''),
});

/** @throws Error for what its sender has not signed. */
export async function readAuthnRequest(received: Received): Promise<Asked> {
  const sender = await senderOf(received, 'AuthnRequest');
  const { extract } = await provider.parseLoginRequest(sender, received.binding, request(received));
  const said = extract.request as { id: string };
  return {
    entityId: sender.entityMeta.getEntityID(),
    acs: String(sender.entityMeta.getAssertionConsumerService('post')),
    requestId: said.id,
    relayState: received.fields.RelayState ?? '',
    // SAML Core §3.4.1.
    forceAuthn: /<[^>]*AuthnRequest\b[^>]*\bForceAuthn="(?:true|1)"/.test(xmlOf(received)),
  };
}

/** Where nobody asked (SAML Profiles §4.1.5): the sign-in begins here. */
export async function unsolicited(entityId: string): Promise<Asked> {
  const { entityMeta } = await serviceProvider(entityId);
  const acs = String(entityMeta.getAssertionConsumerService('post'));
  return { entityId, acs, relayState: '', forceAuthn: false };
}

/** Assertion and response are both signed, and the assertion is encrypted where there is a key to do it with. */
export async function respond(asked: Asked, session: Session): Promise<Sent> {
  const target = await serviceProvider(asked.entityId);
  const isEncrypted = Boolean(target.entityMeta.getX509Certificate('encryption'));
  const from = providerWith(session.fault === 'key' ? unknownKey() : key, isEncrypted);
  const xml = { id: '', context: responseXml(asked, session) };
  const options = { customTagReplacement: () => xml, encryptThenSign: isEncrypted };
  const { context } = await from.createLoginResponse(target, { extract: {} }, 'post', {}, options);
  session.services.add(asked.entityId);
  return {
    action: asked.acs,
    fields: { SAMLResponse: context, ...(asked.relayState && { RelayState: asked.relayState }) },
  };
}

/** SAML Profiles §4.4: whose sessions have ended over there, and what to answer. */
export async function readLogoutRequest(received: Received): Promise<{ ended: Session[]; answer: Sent }> {
  const sender = await senderOf(received, 'LogoutRequest');
  const parsed = await provider.parseLogoutRequest(sender, received.binding, request(received));
  const { nameID, sessionIndex } = parsed.extract;
  const ended = sessionsOf(String(nameID)).filter(({ id }) => !sessionIndex || String(sessionIndex) === id);
  const relayState = received.fields.RelayState ?? '';
  const { context } = provider.createLogoutResponse(sender, { ...parsed }, 'redirect', { relayState });
  return { ended, answer: { location: context } };
}

/** @returns what tells this service provider that the session has ended; undefined where it does not want to know. */
export async function logoutRequest(entityId: string, { id, person }: Session): Promise<Sent> {
  const target = await serviceProvider(entityId);
  const user = { logoutNameID: person.id, sessionIndex: id };
  return { location: provider.createLogoutRequest(target, 'redirect', user, { relayState: id }).context };
}

/** @throws Error for what its sender has not signed. */
export async function readLogoutResponse(received: Received): Promise<void> {
  const sender = await senderOf(received, 'LogoutResponse');
  await provider.parseLogoutResponse(sender, received.binding, request(received));
}
