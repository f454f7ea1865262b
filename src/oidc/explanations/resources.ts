// Refusals of what a token is to be for, at every endpoint that takes it: RFC 8707, RFC 9396.
import type { Explanation } from './explanation.js';

export const resources: readonly Explanation[] = [
  {
    check: 'resource.absolute',
    error: 'invalid_target',
    says: 'resource indicator must be an absolute URI',
    seen: ['resource'],
    advice: 'resource is the whole identifier of the resource server, such as https://api.example.com (RFC 8707 §2).',
  },
  {
    check: 'resource.fragment',
    error: 'invalid_target',
    says: 'resource indicator must not contain a fragment',
    seen: ['resource'],
    advice: 'Leave out what follows # (RFC 8707 §2).',
  },
  {
    check: 'resource.registered',
    error: 'invalid_target',
    says: 'no such resource',
    seen: ['resource'],
    setting: 'resources',
    advice: 'Register a resource with exactly this identifier, or ask for one that is registered.',
  },
  {
    check: 'resource.client',
    error: 'invalid_target',
    says: 'none of its scopes',
    seen: ['resource'],
    registered: ['scope'],
    setting: 'client.scope',
    advice:
      'The client may be given nothing there. Add a scope of the resource to its scope: where no person takes part, and for our own API, nothing else counts.',
  },
  {
    check: 'resource.open',
    error: 'invalid_target',
    says: 'not open to clients that registered themselves',
    seen: ['resource'],
    registered: ['scope'],
    setting: 'resources.dynamic_clients',
    advice:
      'What a client says of itself gives it nothing here. Open the resource to such clients, or give this one a scope of it.',
  },
  {
    check: 'authorization_details.json',
    error: 'invalid_authorization_details',
    says: 'could not parse the authorization_details',
    advice: 'authorization_details is a JSON array of objects, encoded once as a parameter (RFC 9396 §2).',
  },
  {
    check: 'authorization_details.type',
    error: 'invalid_authorization_details',
    says: 'unsupported authorization details type',
    seen: ['resource'],
    setting: 'resources.authorization_details_types',
    advice: 'Register the type with the resource that takes it, or use one of authorization_details_types_supported.',
  },
  {
    check: 'authorization_details.valid',
    error: 'invalid_authorization_details',
    seen: ['resource'],
    advice:
      'Each entry holds what its type says and no more, for a resource that is asked for and a client that may ask for it (RFC 9396 §5).',
  },
];
