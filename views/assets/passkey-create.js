// Makes a passkey (WebAuthn §5.1.3) for a form that says what to ask the browser, or where to ask for that; and tells authenticators which
// passkeys still open something (§5.1.10).
const form = document.querySelector('[data-passkey-create]');
const known = window.PublicKeyCredential && navigator.credentials;

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** WebAuthn §5.1.8; by hand, because the browser's own came late. */
const parsed = ({ challenge, user, excludeCredentials = [], ...options }) => ({
  ...options,
  challenge: bytes(challenge),
  user: { ...user, id: bytes(user.id) },
  excludeCredentials: excludeCredentials.map((one) => ({ ...one, id: bytes(one.id) })),
});

/** WebAuthn §5.1, RegistrationResponseJSON. */
const answer = ({ id, rawId, type, response }) =>
  JSON.stringify({
    id,
    rawId: base64url(rawId),
    type,
    response: {
      clientDataJSON: base64url(response.clientDataJSON),
      attestationObject: base64url(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  });

/** Where it is asked for now: the page may have been open for long. @returns undefined where the browser is on its way to another page. */
async function options() {
  const { options: given, optionsFrom } = form.dataset;
  if (given) return JSON.parse(given);
  const headers = { 'x-csrf-token': form.elements.csrf.value, accept: 'application/json' };
  const response = await fetch(optionsFrom, { method: 'POST', headers });
  const body = await response.json();
  if (response.ok) return body;
  // Somebody may have left this browser open: they prove again who they are, and come back here.
  if (body.location) location.assign(body.location);
  else location.reload();
  return undefined;
}

async function make() {
  const button = form.querySelector('button');
  const twice = document.querySelector('[data-passkey-known]');
  button.disabled = true;
  if (twice) twice.hidden = true;
  try {
    const publicKey = await options();
    const credential = publicKey && (await navigator.credentials.create({ publicKey: parsed(publicKey) }));
    if (!credential) return;
    form.elements.passkey.value = answer(credential);
    form.requestSubmit();
  } catch (error) {
    // One of this account is there already; or it was called off, and the page is as it was.
    if (error.name === 'InvalidStateError' && twice) twice.hidden = false;
  } finally {
    button.disabled = false;
  }
}

if (form && !known) form.dataset.unable = '';
if (form && known) {
  form.hidden = false;
  form.querySelector('button').addEventListener('click', (event) => {
    // Sent with an answer only.
    event.preventDefault();
    make();
  });
}

const list = document.querySelector('[data-passkey-signal]');
if (list && known) {
  const { rpId, userId, name, displayName, allAcceptedCredentialIds } = JSON.parse(list.dataset.passkeySignal);
  const ignore = () => {};
  PublicKeyCredential.signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds }).catch(ignore);
  PublicKeyCredential.signalCurrentUserDetails?.({ rpId, userId, name, displayName }).catch(ignore);
}
