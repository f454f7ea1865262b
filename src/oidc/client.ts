// What a person is told about a client: name, logo, policies, and the host they will be sent to.
export interface ClientView {
  name: string;
  host: string;
  logo_uri?: string;
  policy_uri?: string;
  tos_uri?: string;
}

interface EngineClient {
  clientId: string;
  clientName?: string;
  logoUri?: string;
  policyUri?: string;
  tosUri?: string;
  redirectUris?: string[];
}

export function clientView(client: unknown, redirectUri?: string): ClientView {
  const { clientId, clientName, logoUri, policyUri, tosUri, redirectUris } = client as EngineClient;
  return {
    name: clientName ?? clientId,
    host: hostOf(redirectUri ?? redirectUris?.[0]),
    ...(logoUri ? { logo_uri: logoUri } : {}),
    ...(policyUri ? { policy_uri: policyUri } : {}),
    ...(tosUri ? { tos_uri: tosUri } : {}),
  };
}

/** The host of a web address; for a private-use scheme (RFC 8252 §7.1) the scheme itself. */
function hostOf(uri: string | undefined): string {
  if (!uri || !URL.canParse(uri)) return '';
  const { host, protocol } = new URL(uri);
  return host || protocol;
}
