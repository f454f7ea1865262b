// X-Organization, and tokens for one organization: whoever asks for one is not answered by another, whatever address was put together elsewhere.
// Requests that are known to be of somebody have it; pages do not.
import type { Context } from 'koa';
import type { Endpoint } from '../platform/endpoint.js';
import { badRequest, forbidden, notFound } from '../platform/errors.js';
import { isStorable } from '../platform/json-body.js';

/** By slug or id. @throws AppError 404 */
export type FindOrganization = (name: string) => Promise<{ id: string }>;

/** @throws AppError 404 for the address of another one, or where there is none of that name; 400 for what belongs to no organization. */
export async function assertOrganization(
  ctx: Context,
  { path }: Endpoint,
  params: unknown,
  find: FindOrganization,
): Promise<void> {
  const named = ctx.get('X-Organization');
  if (named === '') return;
  if (!isOfOrganization(path))
    throw badRequest('not_of_an_organization', 'This belongs to no organization: ask for it without X-Organization');
  const { organization } = params as { organization: string };
  const known = named.length <= 63 && isStorable(named);
  if (!known || (await find(named)).id !== (await find(organization)).id) throw notFound('organization');
}

/** A token that was given for one organization is good for what belongs to it. @throws AppError 404 for the address of another one; 403 for what belongs to none. */
export async function assertWithin(
  organizationId: string,
  { path }: Endpoint,
  params: unknown,
  find: FindOrganization | undefined,
): Promise<void> {
  if (!isOfOrganization(path))
    throw forbidden('token_of_organization', 'The access token is for one organization, and this belongs to none');
  const { organization } = params as { organization: string };
  if ((await find?.(organization))?.id !== organizationId) throw notFound('organization');
}

const isOfOrganization = (path: string): boolean => path.split('/').includes(':organization');
