// What is measured: each is one thing a person, an application or an administrator does, with others of those who take part each time.

import { encodeCursor } from '../../../src/platform/pagination.js';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, codeOf, type Party, type Pkce, pkce, signIn } from '../../support/party.js';
import type { TestServer } from '../../support/server.js';
import { refreshToken } from './load.js';
import type { Person, Population } from './population.js';
import { form, type Side } from './side.js';

export interface Operation {
  name: string;
  /** How many in a round; the dearer ones are fewer. */
  count: number;
  /** Done before the clock starts. @returns what is timed. */
  prepare(side: Side, index: number): Promise<() => Promise<unknown>>;
}

export class Operations {
  private readonly tokens = new Map<Side, { person: Person; token: number; handle: string }[]>();
  private readonly next = new Map<Side, number>();
  private readonly access = new Map<Side, { person: Person; party: Party; handle: string }[]>();
  private readonly management = new Map<Side, string>();
  private readonly browsers = new Map<Side, { browser: Browser; party: Party; server: TestServer }[]>();
  private readonly people: Person[];

  constructor(
    private readonly population: Population,
    private readonly clientSecret: string,
  ) {
    // Of the first tenant and of others in turn.
    const people = population.participants();
    const first = people.filter(({ tenant }) => tenant === 0);
    const others = people.filter(({ tenant }) => tenant !== 0);
    this.people = first.flatMap((person, index) => [person, others[index % others.length] as Person]);
  }

  /** What all operations need: tokens in use, browsers with somebody in them, an administrator's token. */
  async begin(side: Side): Promise<void> {
    const people = [...new Set(this.people)];
    this.tokens.set(
      side,
      [0, 1, 2, 3, 4].flatMap((token) =>
        people.map((person) => ({ person, token, handle: refreshToken(person, token) })),
      ),
    );
    this.next.set(side, 0);
    const access: { person: Person; party: Party; handle: string }[] = [];
    for (let count = 0; count < 200; count += 1) {
      const { person, party, answer } = await this.refresh(side);
      access.push({ person, party, handle: String(answer.access_token) });
    }
    this.access.set(side, access);
    const browsers: { browser: Browser; party: Party; server: TestServer }[] = [];
    for (const person of people.slice(0, 20)) {
      const browser = new Browser();
      const [party, server] = [this.party(person, 0), this.serverOf(side, person)];
      await signIn(browser, authorizationUrl(server, party, pkce()), person.email);
      browsers.push({ browser, party, server });
    }
    this.browsers.set(side, browsers);
    const scopes = 'users:read clients:read sessions:read grants:read audit:read';
    const party = this.party(this.person(0), 0);
    const issuer = this.serverOf(side, this.person(0)).issuer;
    const fields = { grant_type: 'client_credentials', resource: `${issuer}/api`, scope: scopes };
    this.management.set(
      side,
      String((await form(side, `${this.path(this.person(0))}/token`, party, fields)).access_token),
    );
  }

  get all(): Operation[] {
    const id = (index: number) => this.person(index * 2).id;
    const deepUser = { full: this.population.person(Math.floor(this.population.counts.users / 4)).id, empty: id(250) };
    const deepClient = { full: Math.floor(this.population.clientsOfFirst / 2), empty: 30 };
    const events = this.population.counts.auditEvents;
    const half = this.population.auditTime(Math.floor(events / 2));
    const span = `from=${new Date(half).toISOString()}&to=${new Date(half + 90 * 24 * 3600 * 1000).toISOString()}`;
    const cursor = (key: string) => `cursor=${encodeCursor(key)}`;
    const bySide = (full: string, empty: string) => (side: Side) => (side.name === 'full' ? full : empty);
    return [
      {
        name: 'sign-in, from the authorization request to the code',
        count: 60,
        prepare: (side, index) => this.signIn(side, index),
      },
      { name: 'code exchange', count: 200, prepare: (side, index) => this.exchange(side, index) },
      { name: 'refresh with rotation', count: 300, prepare: async (side) => () => this.refresh(side) },
      { name: 'client credentials', count: 300, prepare: async (side, index) => () => this.machine(side, index) },
      { name: 'introspection', count: 300, prepare: async (side, index) => () => this.introspect(side, index) },
      { name: 'userinfo', count: 300, prepare: async (side, index) => () => this.userinfo(side, index) },
      this.list('users, first page', () => '/users?limit=20'),
      this.list(
        'users, deep page',
        bySide(`/users?limit=20&${cursor(deepUser.full)}`, `/users?limit=20&${cursor(deepUser.empty)}`),
      ),
      this.list(
        'users by e-mail',
        (_side, index) => `/users?limit=20&email=${encodeURIComponent(this.person((index % 400) * 2).email)}`,
      ),
      this.list('users by the beginning of an e-mail', () => '/users?limit=20&email=person-'),
      this.list('clients, first page', () => '/clients?limit=20'),
      this.list(
        'clients, deep page',
        bySide(
          `/clients?limit=20&${cursor(this.population.clientId(deepClient.full))}`,
          `/clients?limit=20&${cursor(this.population.clientId(deepClient.empty))}`,
        ),
      ),
      this.list(
        'clients by name',
        (_side, index) => `/clients?limit=20&q=${encodeURIComponent(this.population.clientName(index % 80))}`,
      ),
      this.list('clients by the beginning of a name', () => '/clients?limit=10&q=wiki'),
      this.list('sessions, first page', () => '/sessions?limit=20'),
      this.list('sessions of a user', (_side, index) => `/sessions?limit=2&user_id=${id((index % 300) + 100)}`),
      this.list('grants of a user', (_side, index) => `/grants?limit=5&user_id=${id((index % 300) + 100)}`),
      this.list('audit events, first page', () => '/audit-events?limit=20'),
      this.list('audit events by name', () => '/audit-events?limit=20&name=client.created'),
      this.list('audit events of a person', (_side, index) => `/audit-events?limit=20&actor=${id(index % 5)}`),
      this.list('audit events of a span of time', () => `/audit-events?limit=20&${span}`),
    ];
  }

  private readonly person = (index: number): Person => this.people[index % this.people.length] as Person;
  private readonly path = ({ tenant }: Person): string => `/t/${this.population.slug(tenant)}`;

  private party(person: Person, token: number): Party {
    const clientId = this.population.clientId(this.population.clientOfToken(person, token));
    return { clientId, clientSecret: this.clientSecret, redirectUri: 'https://rp.example/cb' };
  }

  private serverOf(side: Side, person: Person): TestServer {
    return { ...side.server, issuer: `${side.server.issuer}${this.path(person)}` };
  }

  private async signIn(side: Side, index: number): Promise<() => Promise<unknown>> {
    const person = this.person(index + 400);
    const url = authorizationUrl(this.serverOf(side, person), this.party(person, 0), pkce());
    return async () => codeOf(await signIn(new Browser(), url, person.email));
  }

  private async exchange(side: Side, index: number): Promise<() => Promise<unknown>> {
    const known = this.browsers.get(side) ?? [];
    const { browser, party, server } = known[index % known.length] as (typeof known)[number];
    const proof: Pkce = pkce();
    const answer = await browser.request(authorizationUrl(server, party, proof, { prompt: 'none' }));
    const code = new URL(answer.headers.get('location') ?? '').searchParams.get('code') ?? '';
    await answer.text();
    const path = `${new URL(server.issuer).pathname}/token`;
    return () =>
      form(side, path, party, {
        grant_type: 'authorization_code',
        redirect_uri: party.redirectUri,
        code,
        code_verifier: proof.verifier,
      });
  }

  /** A token nobody has used yet, as long as there are any; then their successors. */
  async refresh(side: Side) {
    const tokens = this.tokens.get(side) ?? [];
    const place = (this.next.get(side) ?? 0) % tokens.length;
    this.next.set(side, place + 1);
    const used = tokens[place] as (typeof tokens)[number];
    const party = this.party(used.person, used.token);
    const fields = { grant_type: 'refresh_token', refresh_token: used.handle };
    const answer = await form(side, `${this.path(used.person)}/token`, party, fields);
    used.handle = String(answer.refresh_token);
    return { person: used.person, party, answer };
  }

  private machine(side: Side, index: number): Promise<unknown> {
    const person = this.person(index);
    const resource = `${this.serverOf(side, person).issuer}/api`;
    const fields = { grant_type: 'client_credentials', resource, scope: 'users:read' };
    return form(side, `${this.path(person)}/token`, this.party(person, 0), fields);
  }

  private async introspect(side: Side, index: number): Promise<void> {
    const known = this.access.get(side) ?? [];
    const { person, party, handle } = known[index % known.length] as (typeof known)[number];
    const answer = await form(side, `${this.path(person)}/introspect`, party, { token: handle });
    if (String(answer.active) !== 'true') throw new Error('the token is not active');
  }

  private async userinfo(side: Side, index: number): Promise<void> {
    const known = this.access.get(side) ?? [];
    const { person, handle } = known[index % known.length] as (typeof known)[number];
    const { status } = await side.ask(`${this.path(person)}/userinfo`, {
      headers: { authorization: `Bearer ${handle}` },
    });
    if (status !== 200) throw new Error(`userinfo answered ${status}`);
  }

  private list(name: string, path: (side: Side, index: number) => string): Operation {
    return {
      name,
      count: 200,
      prepare: async (side, index) => async () => {
        const address = `${this.path(this.person(0))}/api/v1${path(side, index)}`;
        const { status, body } = await side.ask(address, {
          headers: { authorization: `Bearer ${this.management.get(side)}` },
        });
        const items = (body as { items?: unknown[] }).items?.length ?? 0;
        if (status !== 200 || items === 0) throw new Error(`${side.name}: ${address} answered ${status} with ${items}`);
        return items;
      },
    };
  }
}
