// The engine, configured for one issuer: all chapters, in the order of the specifications. What a further standard needs is a further chapter.
import type { Configuration } from 'oidc-provider';
import { authorizationDetails } from './authorization-details.js';
import type { Chapter, ConfigurationDependencies, Issuer } from './chapter.js';
import { ciba } from './ciba.js';
import { clients } from './clients.js';
import { core } from './core.js';
import { device } from './device.js';
import { encryption } from './encryption.js';
import { fapi } from './fapi.js';
import { introspection } from './introspection.js';
import { logout } from './logout.js';
import { metadataDocuments } from './metadata-documents.js';
import { mutualTls } from './mutual-tls.js';
import { registration } from './registration.js';
import { requests } from './requests.js';
import { resources } from './resources.js';
import { senderConstraint } from './sender-constraint.js';
import { sessions } from './sessions.js';
import { tokens } from './tokens.js';

const chapters: readonly Chapter[] = [
  core,
  sessions,
  tokens,
  clients,
  requests,
  senderConstraint,
  mutualTls,
  fapi,
  introspection,
  registration,
  metadataDocuments,
  resources,
  authorizationDetails,
  logout,
  encryption,
  device,
  ciba,
];

export const configuration = (deps: ConfigurationDependencies, issuer: Issuer): Configuration =>
  merged(chapters.map((chapter) => chapter(deps, issuer)));

type Said = Record<string, unknown>;

/** Each of these is said member by member, by the chapter that a member belongs to. */
const shared = new Set(['features', 'ttl', 'enabledJWA', 'discovery']);

/** @throws Error where two chapters say the same: the later one would win, and nobody would see it. */
export function merged(said: readonly Configuration[]): Configuration {
  const whole: Said = {};
  for (const [name, value] of said.flatMap((chapter) => Object.entries(chapter))) {
    if (shared.has(name)) whole[name] = joined((whole[name] ?? {}) as Said, value as Said, `${name}.`);
    else Object.assign(whole, joined(whole, { [name]: value }));
  }
  return whole as Configuration;
}

function joined(whole: Said, part: Said, place = ''): Said {
  const twice = Object.keys(part).find((name) => Object.hasOwn(whole, name));
  if (twice !== undefined) throw new Error(`two chapters of the configuration say ${place}${twice}`);
  return { ...whole, ...part };
}
