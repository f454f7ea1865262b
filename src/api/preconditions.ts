// Versions as entity tags: `"7"` is version 7 (RFC 9110 §8.8.3, §13).
import type { Context } from 'koa';
import { badRequest, preconditionFailed } from '../platform/errors.js';

const tag = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const tagList = new RegExp(`^\\s*${tag}(?:\\s*,\\s*${tag})*\\s*$`);

export const etagOf = (version: number): string => `"${version}"`;

/**
 * @returns the one version the caller allows; undefined when any will do.
 * @throws AppError 400 when malformed, 412 when no version of ours can match.
 */
export function ifMatch(ctx: Context): number | undefined {
  const header = ctx.get('If-Match').trim();
  if (header === '' || header === '*') return undefined;
  const tags = parseTags(header, 'If-Match');
  if (tags.length > 1) throw badRequest('invalid_if_match', 'If-Match takes one entity tag here');
  // §8.8.3.2: the comparison is strong, so a weak tag never matches; nor does a tag that we did not write.
  const version = /^"(0|[1-9][0-9]{0,14})"$/.exec(tags[0] ?? '')?.[1];
  if (version === undefined) throw preconditionFailed('This has changed since you read it');
  return Number(version);
}

/** True when the caller already holds this version (§13.1.2, weak comparison). */
export function isUnchanged(ctx: Context, etag: string | undefined): boolean {
  const header = ctx.get('If-None-Match').trim();
  if (header === '' || etag === undefined) return false;
  return (
    header === '*' || parseTags(header, 'If-None-Match').some((candidate) => candidate.replace(/^W\//, '') === etag)
  );
}

function parseTags(header: string, name: string): string[] {
  if (!tagList.test(header))
    throw badRequest(
      `invalid_${name.toLowerCase().replaceAll('-', '_')}`,
      `${name} is not a list of quoted entity tags`,
    );
  return header.match(new RegExp(tag, 'g')) ?? [];
}
