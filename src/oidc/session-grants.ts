// A session has several grants at one client: one for each organization, and one for none. The engine knows the one it asked for last, and would take
// tokens that stand on another for dead.
import type { Provider } from 'oidc-provider';

interface Bound {
  clientId: string;
  accountId: string;
  sessionUid?: string;
  expiresWithSession?: boolean;
}

interface Options {
  ignoreSessionBinding?: boolean;
  [name: string]: unknown;
}

interface Model {
  find(value: string, options?: Options): Promise<Bound | undefined>;
}

interface EngineSession {
  accountId?: string;
  authorizations?: Record<string, unknown>;
}

const kinds = ['AuthorizationCode', 'AccessToken', 'RefreshToken', 'DeviceCode', 'BackchannelAuthenticationRequest'];

/**
 * What ends with the session goes by that: it is there, of the same account, and still signed in to the client. Whether the grant goes on is asked of the
 * grant, which ends with the session and when somebody signs out of the client.
 */
export function bindToSessions(provider: Provider): void {
  const models = provider as unknown as Record<string, Model>;
  const { Session } = provider as unknown as {
    Session: { findByUid(uid: string): Promise<EngineSession | undefined> };
  };
  for (const kind of kinds) {
    const model = models[kind] as Model;
    const { find } = model;
    model.find = async function (value, options) {
      const token = await find.call(this, value, { ...options, ignoreSessionBinding: true });
      if (!token?.expiresWithSession || options?.ignoreSessionBinding) return token;
      const session = await Session.findByUid(String(token.sessionUid));
      const goesOn = session?.accountId === token.accountId && session.authorizations?.[token.clientId] !== undefined;
      return goesOn ? token : undefined;
    };
  }
}

/** The engine's models keep the fields they name. */
export function keepOrganization(provider: Provider): void {
  const model = provider.Grant as unknown as { IN_PAYLOAD: string[] };
  const fields = [...model.IN_PAYLOAD, 'organizationId'];
  Object.defineProperty(model, 'IN_PAYLOAD', { value: fields });
}
