export interface Preset {
  kind: 'oidc' | 'oauth2';
  /** As a connection's settings are given. @param given what the connection says, of which something may be made. */
  settings(given: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Whether anybody may have an account there: of an address its word counts, and nothing where it says none. */
  isPublic(given: Readonly<Record<string, unknown>>): boolean;
}
