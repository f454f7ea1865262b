// Owns the plain words for parameters, answers and claims. Names and meanings follow RFC 6749, RFC 7636, RFC 9207 and OpenID Connect Core 1.0.

const SENT: Record<string, string> = {
  client_id: 'Which application asks. The server looks up what it may do.',
  redirect_uri: 'Where the answer goes. It must be, to the letter, one the application registered.',
  response_type: '“code”: answer with a short-lived code through the browser, and keep the tokens for a direct call.',
  scope: 'What is asked for: “openid” for sign-in, “offline_access” for a refresh token, the rest for facts about you.',
  state: 'A random value this browser session remembers. An answer without it was not asked for here.',
  nonce: 'A random value that returns inside the ID token and ties it to this one sign-in.',
  code_challenge: 'The hash of a secret that stays here (PKCE). Whoever steals the code cannot redeem it.',
  code_challenge_method: 'How the hash was made. S256 is SHA-256, the only safe one.',
  code_verifier: 'The secret behind code_challenge (PKCE). It shows that the one who asked is the one who redeems.',
  prompt: '“consent”: ask before a refresh token is handed out (OpenID Connect Core §11).',
  connection: 'Which identity provider signs the person in, by the key that the server knows it by.',
  grant_type: 'What is being traded for tokens.',
  code: 'The code from the redirect. It works once and for about a minute.',
  refresh_token: 'The long-lived token, traded for a fresh access token without asking you again.',
  client_secret: 'Proves that the caller is the registered application.',
  'Authorization header': 'Basic: the application’s own credentials. Bearer: the access token.',
  token: 'The token to end.',
  token_type_hint: 'Tells the server where to look first.',
};

const RECEIVED: Record<string, string> = {
  code: 'A receipt, not a token. Useless without the code_verifier.',
  state: 'The value that was sent. It is compared with the one this browser session remembers.',
  iss: 'Which server answered (RFC 9207), so that two servers cannot be mixed up.',
  session_state: 'A value to notice that the session at the server changed.',
  access_token: 'The key to APIs. This application does not look inside.',
  token_type: '“Bearer”: whoever holds the token may use it, so it is kept on the server.',
  expires_in: 'How many seconds the access token lives.',
  refresh_token: 'For fresh access tokens. Each use gives a new one, and the old one ends.',
  id_token: 'The signed statement of who signed in, when and how. Decoded below.',
  scope: 'What was granted. It may be less than what was asked for.',
  sub: 'Your stable identifier at this server. It must be the one of the ID token.',
  keys: 'The public keys with which signatures are verified.',
  error: 'The refusal, by its registered name.',
  error_description: 'The same in words, for developers.',
  issuer: 'The server’s name for itself. It must be the one that was asked.',
  authorization_endpoint: 'Where the browser is sent.',
  token_endpoint: 'Where codes and refresh tokens are traded.',
  userinfo_endpoint: 'Where facts about the signed-in person are read.',
  jwks_uri: 'Where the public keys are.',
  end_session_endpoint: 'Where signing out begins.',
  'Location header': 'Where the browser would be sent with this answer.',
  'WWW-Authenticate header': 'What the caller would need to be let in (RFC 6750 §3).',
  page: 'The heading of the page the server answered with. No redirect: nobody is sent to an address that is not trusted.',
};

const CLAIMS: Record<string, string> = {
  iss: 'Issuer: the server that signed this.',
  sub: 'Subject: who signed in. Stable and never given to somebody else.',
  aud: 'Audience: for which application it is. Any other must refuse it.',
  azp: 'Authorized party: the application that asked.',
  exp: 'Expires at. Afterwards it proves nothing.',
  iat: 'Issued at.',
  auth_time: 'When you last proved who you are.',
  nonce: 'The value of the authorization request: this token answers that request.',
  acr: 'Authentication class: how strong the sign-in was.',
  amr: 'Authentication methods: how it was done, for example pwd for a password.',
  at_hash: 'Hash of the access token: the two belong together.',
  c_hash: 'Hash of the code: the two belong together.',
  sid: 'The session at the server, for signing out.',
  email: 'E-mail address.',
  email_verified: 'Whether the server knows that the address is yours.',
  name: 'Full name.',
  updated_at: 'When these facts last changed, in seconds since 1970.',
  alg: 'With which algorithm it was signed.',
  kid: 'With which of the server’s keys.',
  typ: 'What kind of token it is.',
};

export const meaningOf = (name: string, side: 'sent' | 'received'): string | undefined =>
  (side === 'sent' ? SENT : RECEIVED)[name] ?? (side === 'received' ? CLAIMS[name] : undefined);

export const meaningOfClaim = (name: string): string => CLAIMS[name] ?? 'A fact about you or this sign-in.';
