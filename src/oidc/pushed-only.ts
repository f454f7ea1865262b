// RFC 9126 §5: where the tenant says so, every client pushes its requests. The engine's own switch would include the house's own pages, which have
// people sign in and ask for nothing (features/clients/built-in-clients.ts).
import type { Provider } from 'oidc-provider';
import { isBuiltInClient } from '../features/clients/built-in-clients.js';

export function pushedOnly(provider: Provider, policy: { require_pushed_authorization_requests: boolean }): void {
  if (!policy.require_pushed_authorization_requests) return;
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id: string) => {
    const client = await find(id);
    if (client && !isBuiltInClient(id)) Object.assign(client, { requirePushedAuthorizationRequests: true });
    return client;
  };
}
