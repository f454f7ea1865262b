// Owns turning a template and one small prepared object into a page or a letter; every value printed is escaped.
// Handed off to: doors, which send what render() returns; mail, which sends what email() returns.
import path from 'node:path';
import { Eta } from 'eta';
import type { Middleware } from 'koa';
import { Assets } from './assets.js';
import { type BrandColours, letterColours } from './colours.js';
import { type Direction, Locales, pictureAddress, webAddress } from './locale.js';

export { contentSecurityPolicy } from './csp.js';

/** What every page gets besides its own data; templates read it as `page`. */
export interface Page {
  locale: string;
  /** Follows from the locale when absent. */
  dir?: Direction;
  brand: { name: string; logo_uri?: string; stylesheet?: string; colours?: BrandColours };
  /** Stands in every form of ours as the field `csrf`. */
  csrf?: string;
  requestId?: string;
  /** In which times of day are said (OpenID Connect Core §5.1, zoneinfo); UTC when absent. */
  timeZone?: string;
  /** In the footer, when given. */
  links?: { help?: string; privacy?: string; terms?: string };
}

export interface Letter {
  subject: string;
  text: string;
  html: string;
}

/** Names every template may use without saying where from. */
const header = 'const { page, t, has, rich, duration, after, moment, asset, inline, web, picture, linkify } = it;';

export class Views {
  readonly locales: Locales;
  private readonly assets: Assets;
  private readonly html: Eta;
  private readonly text: Eta;

  /** @param root the folder views/ ; @param cache false reads templates and assets again at every use */
  constructor({ root, cache }: { root: string; cache: boolean }) {
    this.locales = new Locales(path.join(root, 'locales'));
    this.assets = new Assets(path.join(root, 'assets'), cache);
    const settings = { views: root, cache, cacheFilepaths: cache, functionHeader: header };
    // Indentation is for the reader of the template. Only the source is trimmed: a value in an attribute stays as it is.
    this.html = new Eta({ ...settings, autoEscape: true, autoTrim: false, rmWhitespace: true });
    // Plain text must not say &amp;. This engine renders *.txt.eta only.
    this.text = new Eta({ ...settings, autoEscape: false });
  }

  /** HTML of views/<template>.eta. Send it with contentSecurityPolicy(…) and Cache-Control: no-store. */
  render(template: string, data: object, page: Page): string {
    return this.html.render(`/${template}.eta`, this.scope(data, page)).trimStart();
  }

  /** Both twins of views/<template>.{html,txt}.eta; the subject is the key <template, with dots>.subject. */
  email(template: string, data: object, page: Page): Letter {
    const speech = this.scope(data, page);
    const start = speech.page.dir === 'rtl' ? 'right' : 'left';
    const scope = { ...speech, start, colours: letterColours(page.brand.colours) };
    const subject = scope.t(`${template.replaceAll('/', '.')}.subject`, { brand: page.brand.name });
    return {
      subject: subject.replace(/[\r\n]+/g, ' '),
      text: `${this.text.render(`/${template}.txt.eta`, scope).trim()}\n`,
      html: this.html.render(`/${template}.html.eta`, { ...scope, subject }).trimStart(),
    };
  }

  /** Both twins of a letter whose words come from elsewhere, in the layout of every letter. @param words its html is escaped already. */
  letter({ html, text, ...words }: { subject: string; html: string; text: string }, page: Page): Letter {
    const speech = this.scope({ notes: [], ...words }, page);
    const start = speech.page.dir === 'rtl' ? 'right' : 'left';
    const scope = { ...speech, start, colours: letterColours(page.brand.colours) };
    return {
      subject: words.subject,
      text: `${this.text.render('/layouts/letter.txt.eta', { ...scope, body: text }).trim()}\n`,
      html: this.html.render('/layouts/letter.eta', { ...scope, body: html }).trimStart(),
    };
  }

  asset(name: string): string {
    return this.assets.url(name);
  }

  /** Serves /assets/…; everything else goes on. */
  middleware(): Middleware {
    return this.assets.middleware();
  }

  private scope(data: object, page: Page) {
    const speech = this.locales.speak(page.locale);
    return {
      ...data,
      ...speech,
      page: { ...page, locale: speech.locale, dir: page.dir ?? speech.dir },
      moment: (date: Date | string) => speech.moment(date, page.timeZone),
      asset: (name: string) => this.assets.url(name),
      inline: (name: string) => this.assets.text(name),
      web: webAddress,
      picture: pictureAddress,
      linkify,
    };
  }
}

/** A text cut at its web addresses, so that a template can print each as a link. */
function linkify(text: string): { text: string; href?: string }[] {
  return text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)])/).map((part, index) => {
    const href = index % 2 === 1 ? webAddress(part) : undefined;
    return href ? { text: part, href } : { text: part };
  });
}
