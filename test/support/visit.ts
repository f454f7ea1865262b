// Somebody on the way through the pages of a sign-in, at an application that asks for consent.
import { expect } from '@jest/globals';
import { Browser, type Page } from './browser.js';
import { giveNameAndPassword, isSignedIn } from './journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from './party.js';
import { startServer, type TestServer } from './server.js';

export class Visit {
  server!: TestServer;
  party!: Party;
  email = '';
  browser = new Browser();

  async open(): Promise<void> {
    this.server = await startServer();
    this.party = await makeClient(this.server);
  }

  /** Another person, in another browser. */
  async anew(): Promise<void> {
    this.email = (await makePerson(this.server)).email;
    this.browser = new Browser();
  }

  begin = (more: Record<string, string> = {}, who = this.browser): Promise<Page> =>
    who.open(authorizationUrl(this.server, this.party, pkce(), more));
  atPassword = async (): Promise<Page> => this.browser.submit(await this.begin(), { username: this.email });
  atConsent = async (): Promise<Page> => giveNameAndPassword(this.browser, await this.begin(), this.email);
  at: Record<string, () => Promise<Page>> = {
    identifier: () => this.begin(),
    password: this.atPassword,
    consent: this.atConsent,
  };

  /** Nobody is signed in. */
  nobody = async (): Promise<void> => expect(await isSignedIn(this.server, this.party, this.browser)).toBe(false);
}
