// A body that is valid, so that what is refused is the address, or whoever asks.
import type { z } from 'zod';
import { objectShape } from '../../src/api/contract.js';
import { png } from './pictures.js';

/** What the members are called that endpoints cannot do without. */
const values: Record<string, unknown> = {
  attributes: {},
  connection_id: '00000000-0000-7000-8000-000000000000',
  key: 'somebody',
  kind: 'oidc',
  display_name: 'Somebody',
  domain: 'somebody.example',
  email: 'somebody@example.com',
  events: ['user.created'],
  from: '2026-01-01T00:00:00Z',
  image: png(1, 1).toString('base64'),
  invitations: [{ email: 'somebody@example.com' }],
  message: 'Somebody',
  name: 'Somebody',
  operations: [{ op: 'resume', user_id: '00000000-0000-7000-8000-000000000000' }],
  rank: 1,
  reason: 'somebody asked',
  resource: 'https://somebody.example/api',
  roles: [],
  scope: 'read',
  settings: {},
  slug: 'somebody',
  subject: 'somebody',
  text: 'Somebody: {{link}}',
  to: '2027-01-01T00:00:00Z',
  url: 'https://somebody.example/hook',
  user_id: '00000000-0000-7000-8000-000000000000',
};

/** Only what the schema asks for. */
export function bodyFor(schema: z.ZodType, known: Record<string, unknown> = {}): object {
  const needed = Object.entries(objectShape(schema) ?? {}).filter(([, member]) => !member.safeParse(undefined).success);
  return Object.fromEntries(needed.map(([name]) => [name, known[name] ?? values[name]]));
}
