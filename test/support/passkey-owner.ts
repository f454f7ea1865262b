// Somebody who adds passkeys to their account, and signs in with them.
import { expect } from '@jest/globals';
import { Authenticator, type Behaviour } from './authenticator.js';
import { Browser, type Page } from './browser.js';
import { csrfOf } from './journey.js';
import { Owner } from './owner.js';
import { password } from './party.js';

/** The place of the form whose tag has a mark. */
export const formOf = ({ html }: Page, mark: string): number =>
  [...html.matchAll(/<form[^>]*>/g)].findIndex(([tag]) => tag.includes(mark));

export class PasskeyOwner extends Owner {
  page = (): string => this.security('/passkeys');
  list = (visitor = this.browser, email = this.person.email): Promise<Page> =>
    this.at('/passkeys', visitor, password, email);
  held = () => this.server.inside(({ passkeys }) => passkeys.of(this.person.id));
  authenticator = (behaviour: Behaviour = {}): Authenticator =>
    new Authenticator({ origin: new URL(this.server.issuer).origin, ...behaviour });

  /** As JSON. @param path below /api/v1/passkeys. */
  json = (method: string, path: string, csrf: string, body?: object, visitor = this.browser) =>
    this.ask(method, `/passkeys${path}`, csrf, body, visitor);

  /** As the script of the page does it. */
  add = async (made = this.authenticator(), visitor = this.browser): Promise<Page> => {
    const shown = await this.list(visitor);
    const { status, body } = await this.json('POST', '/register/options', csrfOf(shown), undefined, visitor);
    expect(status).toBe(200);
    const answer = { passkey: JSON.stringify(made.create(body)) };
    return visitor.submit(shown, answer, formOf(shown, 'data-passkey-create'));
  };

  /** Signs in with the passkey, and opens the list. */
  byPasskey = async (made: Authenticator, visitor = new Browser(), told: Behaviour = {}): Promise<Page> => {
    const found = await visitor.open(this.page());
    const [, text = ''] = /data-passkey="([^"]*)"/.exec(found.html) ?? [];
    const options = JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
    return visitor.submit(found, { passkey: JSON.stringify(made.get(options, told)) }, formOf(found, 'data-passkey='));
  };
}
