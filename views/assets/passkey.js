// A passkey, by its button or from the list that the browser shows below the name (WebAuthn §5.1.4, conditional mediation).
const form = document.querySelector('[data-passkey]');

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** WebAuthn §5.1.8; by hand, because the browser's own came late. */
function parsed({ challenge, allowCredentials = [], ...options }) {
  const allowed = allowCredentials.map((one) => ({ ...one, id: bytes(one.id) }));
  return { ...options, challenge: bytes(challenge), allowCredentials: allowed };
}

/** WebAuthn §5.1, AuthenticationResponseJSON. */
function answer({ id, rawId, type, response }) {
  const { clientDataJSON, authenticatorData, signature, userHandle } = response;
  return JSON.stringify({
    id,
    rawId: base64url(rawId),
    type,
    response: {
      clientDataJSON: base64url(clientDataJSON),
      authenticatorData: base64url(authenticatorData),
      signature: base64url(signature),
      userHandle: userHandle && base64url(userHandle),
    },
  });
}

let running;

/** One ceremony at a time: the button ends the one that waits below the name. */
async function ask(mediation) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  try {
    const publicKey = parsed(JSON.parse(form.dataset.passkey));
    const credential = await navigator.credentials.get({ publicKey, signal, ...(mediation && { mediation }) });
    if (!credential) return;
    form.elements.passkey.value = answer(credential);
    form.requestSubmit();
  } catch {
    // Called off, or nothing there: the page is as it was.
  }
}

const able = window.PublicKeyCredential && navigator.credentials;
if (form && !able) form.dataset.unable = '';
if (form && able) {
  form.hidden = false;
  form.querySelector('button').addEventListener('click', (event) => {
    // Sent with an answer only.
    event.preventDefault();
    ask();
  });
  if ('conditional' in form.dataset)
    PublicKeyCredential.isConditionalMediationAvailable?.().then((available) => {
      if (available && !running) ask('conditional');
    });
  // From the back button: what was asked then is spent.
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
}
