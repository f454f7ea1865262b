// What the SDK asks of an application that signs people in: who the client is, where the person is sent, and a memory for what comes back. Here that
// ends with the program: keep yours in the keychain of the system, with the issuer that the SDK writes beside it.
import { randomBytes } from 'node:crypto';
import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';

export class SignIn implements OAuthClientProvider {
  private readonly expectedState = randomBytes(32).toString('base64url');
  private verifier = '';
  private client: OAuthClientInformationMixed | undefined;
  private kept: OAuthTokens | undefined;
  private discovered: OAuthDiscoveryState | undefined;

  /**
   * @param registered the client, where an administrator has made it; otherwise it registers itself (RFC 7591).
   * @param open shows the person an address.
   */
  constructor(
    readonly redirectUrl: string,
    registered: { client_id: string; issuer: string } | undefined,
    private readonly open: (url: URL) => void,
  ) {
    // With the issuer it was registered at, the SDK shows it to no other.
    this.client = registered;
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'Notes in my editor',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none', // a program that is handed to everybody keeps no secret
    };
  }

  /** @returns the code. @throws Error where this is no answer to what was asked. */
  codeOf(answer: URLSearchParams): string {
    if (answer.get('state') !== this.expectedState) throw new Error('That is not the answer to this sign-in.');
    // RFC 9207 §2.4: who answers is who was asked. A server of somebody else's choice is believed nothing.
    const { issuer, authorization_response_iss_parameter_supported: says } = (this.discovered
      ?.authorizationServerMetadata ?? {}) as {
      issuer?: string;
      authorization_response_iss_parameter_supported?: true;
    };
    if ((says || answer.has('iss')) && answer.get('iss') !== issuer)
      throw new Error('Another server has answered than the one that was asked.');
    const code = answer.get('code');
    if (!code) throw new Error(`Nobody allowed it: ${answer.get('error_description') ?? answer.get('error')}`);
    return code;
  }

  state = () => this.expectedState;
  redirectToAuthorization = (url: URL) => this.open(url);

  clientInformation = () => this.client;
  saveClientInformation = (client: OAuthClientInformationMixed) => {
    this.client = client;
  };
  tokens = () => this.kept;
  saveTokens = (tokens: OAuthTokens) => {
    this.kept = tokens;
  };
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier: string) => {
    this.verifier = verifier;
  };
  discoveryState = () => this.discovered;
  saveDiscoveryState = (discovered: OAuthDiscoveryState) => {
    this.discovered = discovered;
  };
}
