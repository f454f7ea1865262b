import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import { Resource } from '../resources/resource.entity.js';
import { DEFAULT_ACCESS_TOKEN_TTL, present } from '../resources/resource.schema.js';
import type { ResourceService } from '../resources/resource.service.js';
import { differing, type Step } from './change.js';
import type { DeclaredResource } from './declaration.schema.js';

const DEFAULTS = {
  scopes: [],
  access_token_format: 'opaque',
  access_token_ttl: DEFAULT_ACCESS_TOKEN_TTL,
  signing_alg: 'ES256',
  authorization_details_types: [],
  metadata: {},
  dynamic_clients: false,
  introspection_clients: [],
  role_claims: false,
} as const;

/** @param known false while the tenant itself is only planned. @throws AppError where the identifier is the server's own. */
export async function resourceStep(
  { db, resources }: { db: Database; resources: ResourceService },
  declared: DeclaredResource,
  known: boolean,
): Promise<Step | undefined> {
  const { identifier } = declared;
  const resource = await db.repo(Resource).findOneBy({ identifier });
  if (!resource) {
    if (known && (await resources.findByIdentifier(identifier)))
      throw conflict('reserved_identifier', 'This identifier belongs to the server itself');
    const write = async () => {
      await resources.create(declared);
      return undefined;
    };
    return { action: 'create', changed: [], write };
  }
  const { id, created_at, updated_at, version, ...before } = present(resource);
  const after = { ...DEFAULTS, ...declared };
  const changed = differing(before, after);
  if (changed.length === 0) return undefined;
  const write = async () => {
    const patch = Object.fromEntries(changed.map((name) => [name, after[name as keyof typeof after]]));
    await resources.update(resource, patch);
    return undefined;
  };
  return { action: 'update', changed, write };
}
