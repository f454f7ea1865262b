// RFC 9126 §5: where the tenant says so, every client pushes its requests. The engine's own switch would include the pages of the account, which have
// people sign in and ask for nothing (features/clients/built-in-clients.ts); those of the API ask for a token.
import type { Provider } from 'oidc-provider';
import { ACCOUNT_CLIENT } from '../features/clients/built-in-clients.js';

export function pushedOnly(provider: Provider, policy: { require_pushed_authorization_requests: boolean }): void {
  if (!policy.require_pushed_authorization_requests) return;
  const find = provider.Client.find.bind(provider.Client);
  provider.Client.find = async (id: string) => {
    const client = await find(id);
    if (client && id !== ACCOUNT_CLIENT) Object.assign(client, { requirePushedAuthorizationRequests: true });
    return client;
  };
}
