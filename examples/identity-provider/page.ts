// The pages, as text: without scripts but for the one that posts a form by itself, which is named by its digest.
import { createHash } from 'node:crypto';
import { everyone, faults, type Session } from './people.js';

const escaped = (text: string) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const script = 'document.forms[0].submit()';
const digest = createHash('sha256').update(script).digest('base64');

/** No form-action: browsers hold it against every redirect that follows, and where those lead is not known here. */
export const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${digest}'; frame-ancestors 'none'; base-uri 'none'`;

const style = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.2}h2{font-size:1rem;margin:1.5rem 0 .25rem}button,input,select{font:inherit;box-sizing:border-box;width:100%;min-height:2.75rem;padding:.5rem .75rem;margin:.25rem 0}
button{cursor:pointer;text-align:start}label{display:block;margin-top:1rem}small{display:block}`;

export const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${escaped(title)} – company.example</title><style>${style}</style><main><h1>${escaped(title)}</h1>${body}</main></html>`;

const hidden = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`)
    .join('');

/** @param sign which sign-in it is: by SAML, or by OpenID Connect. */
export const whoAreYou = (sign: Record<string, string>, hint = '', problem = ''): string =>
  page(
    'Who are you?',
    `<p>This stands for the sign-in of a company: there is no password.</p>${problem && `<p role="alert">${escaped(problem)}</p>`}
<form method="post" action="/sign-in">${hidden(sign)}
<label for="email">Your address</label><input id="email" name="email" type="email" autocomplete="email" value="${escaped(hint)}">
<label for="fault">What is to be wrong with the answer</label><select id="fault" name="fault">
${Object.entries(faults)
  .map(([name, words]) => `<option value="${name}">${words}</option>`)
  .join('')}
</select><button name="person" value="">Sign in</button>
<h2>Or be one of these</h2>
${everyone()
  .map(
    ({ email, name, groups, mfa }) =>
      `<button name="person" value="${email}">${name}<small>${email}, ${groups.join(', ')}${mfa ? ', second factor' : ''}</small></button>`,
  )
  .join('')}
</form>`,
  );

/** SAML Bindings §3.5: a form that posts itself, with a button for browsers without scripts. */
export const posting = (action: string, fields: Record<string, string>): string =>
  page(
    'One moment',
    `<form method="post" action="${escaped(action)}">${hidden(fields)}<button>Continue</button></form><script>${script}</script>`,
  );

export const home = (session: Session | undefined): string =>
  session
    ? page(
        `Signed in as ${session.person.name}`,
        `${[...session.services]
          .map(
            (one) =>
              `<p><a href="/saml/start?to=${encodeURIComponent(one)}">Open ${escaped(new URL(one).host)}</a></p>`,
          )
          .join('')}<form method="post" action="/sign-out"><button>Sign out everywhere</button></form>`,
      )
    : page('Nobody is signed in', '<p>A sign-in begins where somebody asks for one.</p>');
