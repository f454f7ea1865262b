// Owns what is believed of a provider of OAuth 2.0 alone, as GitHub: the code is redeemed, and the API says whose token that is. Its word is as good
// as the connection to it, since nothing is signed.
import { z } from 'zod';
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import { type Attributes, attributesOf } from './claims.js';
import type { Answer } from './oidc-answer.js';
import type { Examination } from './refusal.js';
import { tokensOf } from './tokens.js';
import type { Tokens } from './upstream-client.js';

const Profile = z.record(z.string(), z.unknown());
const Addresses = z
  .array(z.object({ email: z.string().min(3).max(320), primary: z.boolean(), verified: z.boolean() }))
  .max(1000);

export async function believeOAuth2(answer: Answer, examination: Examination): Promise<UpstreamIdentity> {
  const { client, callback, kept, settings, now } = answer;
  const { tokens, problem } = await client.redeem(callback, kept);
  const passed = tokens !== undefined && problem === undefined;
  examination.pass({ check: 'token_response', passed, ...(passed ? {} : { seen: problem ?? 'no access_token' }) });
  const { userinfo_endpoint = '', emails_endpoint, subject: member = 'sub' } = settings.oauth2 ?? {};
  const given = tokens as Tokens;
  const profile = await read(answer, 'userinfo', userinfo_endpoint, given, Profile, examination);
  const subject = subjectOf(profile[member]);
  examination.pass({
    check: 'userinfo_subject',
    passed: subject !== undefined,
    expected: member,
    setting: 'oauth2.subject',
  });
  const address = emails_endpoint
    ? addressOf(await read(answer, 'emails', emails_endpoint, given, Addresses, examination))
    : {};
  const { email, email_verified, ...others } = attributesOf(profile);
  const said: Attributes = emails_endpoint
    ? {}
    : { ...(email && { email }), ...(email_verified && { email_verified }) };
  return {
    subject: String(subject),
    attributes: { ...others, ...said, ...address },
    tokens: tokensOf(given, now),
  };
}

async function read<T>(
  { client }: Answer,
  what: 'userinfo' | 'emails',
  url: string,
  { access_token }: Tokens,
  schema: z.ZodType<T>,
  examination: Examination,
): Promise<T> {
  const { value, problem } = await client.read(url, access_token);
  const parsed = schema.safeParse(value);
  examination.pass({
    check: `${what}_response`,
    passed: parsed.success,
    ...(parsed.success ? {} : { seen: problem ?? 'unreadable' }),
    setting: `oauth2.${what}_endpoint`,
  });
  return parsed.data as T;
}

/** A number as it is written; one that JSON cannot say exactly could be that of another. */
function subjectOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  return typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value) ? value : undefined;
}

/** The one that people have called theirs, where it was proved. What the profile shows publicly may be anything. */
function addressOf(addresses: z.output<typeof Addresses>): Attributes {
  const primary = addresses.find((one) => one.primary && one.verified);
  return primary ? { email: [primary.email], email_verified: ['true'] } : {};
}
