// Small comforts. Every page works without them.

// One press, one request: a second one is dropped until the page is shown again (back button).
let sent = new WeakSet();
document.addEventListener('submit', (event) => {
  if (sent.has(event.target)) event.preventDefault();
  else sent.add(event.target);
});
window.addEventListener('pageshow', () => {
  sent = new WeakSet();
});

for (const button of document.querySelectorAll('[data-reveal]')) {
  const field = document.getElementById(button.dataset.reveal);
  const show = button.textContent;
  button.hidden = false;
  const set = (shown) => {
    field.type = shown ? 'text' : 'password';
    button.textContent = shown ? button.dataset.hide : show;
  };
  button.addEventListener('click', () => set(field.type === 'password'));
  // Sent as a password, or the browser would remember it as ordinary text.
  field.form.addEventListener('submit', () => set(false));
}

// How strong a new password is, said a moment after the last key. Without an answer nothing is said. Whoever sends it asks no more: the link that opened the
// page may be used by then.
for (const place of document.querySelectorAll('[data-strength]')) {
  const field = document.getElementById('password');
  const word = place.querySelector('b');
  let timer;
  let asked = 0;
  let question;
  const ask = async () => {
    asked += 1;
    const turn = asked;
    question = new AbortController();
    const body = new URLSearchParams(new FormData(field.form));
    const { signal } = question;
    const answer = await fetch(place.dataset.strength, { method: 'POST', body, signal }).catch(() => undefined);
    const { strength } = answer?.status === 200 ? await answer.json() : {};
    if (turn !== asked) return;
    word.textContent = place.dataset[strength] ?? '';
    place.hidden = !strength;
  };
  if (place.dataset.strength) {
    field.addEventListener('input', () => {
      clearTimeout(timer);
      asked += 1;
      if (field.value) timer = setTimeout(ask, 400);
      else place.hidden = true;
    });
    field.form.addEventListener('submit', () => {
      clearTimeout(timer);
      question?.abort();
    });
  }
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = button.dataset.copied;
    });
  }
}

// A letter takes its time: until then another one would only end the first. The seconds are shown.
for (const button of document.querySelectorAll('[data-wait]')) {
  const words = button.textContent;
  const { format } = new Intl.NumberFormat(document.documentElement.lang);
  const tick = (left) => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.waiting.replace('{seconds}', format(left)) : words;
    if (left > 0) setTimeout(tick, 1000, left - 1);
  };
  tick(Number(button.dataset.wait));
}

// Whether this browser could make a passkey is told with the password: only then somebody is asked whether they want one.
for (const field of document.querySelectorAll('[data-can-passkey]')) {
  const able = window.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.();
  able
    ?.then((can) => {
      if (can) field.value = 'yes';
    })
    .catch(() => {});
}

document.querySelector('.summary')?.focus();
