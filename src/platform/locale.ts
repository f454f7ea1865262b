// Owns which language a page speaks and how a sentence, a time or a length of time is said in it.
// Handed off to: views.ts, which gives these functions to every template; the words themselves lie in views/locales/*.json.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { match } from '@formatjs/intl-localematcher';
import i18next, { type i18n } from 'i18next';

type Values = Record<string, string | number>;
export type Direction = 'ltr' | 'rtl';

/** Everything one language can say. Nothing here escapes for HTML except rich(): templates escape what they print. */
interface Speech {
  locale: string;
  dir: Direction;
  /** The sentence of a key, with {{name}} replaced by values.name. An unknown key answers with itself. */
  t(key: string, values?: Values): string;
  /** Whether the key exists, for families such as errors.<code>. */
  has(key: string): boolean;
  /** HTML: the sentence may hold <b> and, for each name in links, <name>…</name>. Values are escaped and kept apart (bdi). */
  rich(key: string, values?: Values, links?: Record<string, string | undefined>): string;
  /** "5 minutes"; rounded up, so that nobody comes back too early. @param seconds */
  duration(seconds: number): string;
  /** "in 5 minutes". @param seconds */
  after(seconds: number): string;
  /** "21 November 2026 at 14:05 UTC". @param zone of the tz database; one that nobody knows counts as UTC. */
  moment(date: Date | string, zone?: string): string;
}

export class Locales {
  private readonly speeches = new Map<string, Speech>();

  /** @param folder one <language tag>.json per language */
  constructor(
    folder: string,
    readonly fallback = 'en',
  ) {
    const resources = Object.fromEntries(
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .map((name) => [
          name.slice(0, -'.json'.length),
          { translation: JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as object },
        ]),
    );
    const words = i18next.createInstance();
    void words.init({
      initAsync: false,
      resources,
      lng: fallback,
      fallbackLng: fallback,
      supportedLngs: Object.keys(resources),
      // Escaping belongs to the template; doing it twice would show &amp; to people.
      interpolation: { escapeValue: false },
    });
    for (const locale of Object.keys(resources)) this.speeches.set(locale, speech(words, locale));
    if (!this.speeches.has(fallback)) throw new Error(`no words for ${fallback} in ${folder}`);
  }

  get available(): string[] {
    return [...this.speeches.keys()].sort();
  }

  /** OpenID Connect Core §3.1.2.1 ui_locales (tags in order, space-separated) before RFC 9110 §12.5.4 Accept-Language. */
  pick(uiLocales?: string, acceptLanguage?: string): string {
    const wanted = [...canonical((uiLocales ?? '').split(/\s+/)), ...canonical(weighted(acceptLanguage ?? ''))];
    return wanted.length === 0 ? this.fallback : match(wanted, this.available, this.fallback);
  }

  speak(locale: string): Speech {
    const found = this.speeches.get(locale) ?? this.speeches.get(this.fallback);
    if (!found) throw new Error(`no words for ${locale}`);
    return found;
  }
}

/** Nobody reads twenty languages, and matching costs time: the sender must not choose how much. */
const MOST_TAGS = 20;

function canonical(tags: string[]): string[] {
  return tags.slice(0, MOST_TAGS).flatMap((tag) => {
    try {
      return tag ? Intl.getCanonicalLocales(tag) : [];
    } catch {
      return [];
    }
  });
}

function weighted(header: string): string[] {
  return header
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(';');
      const q = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1]).find(Boolean);
      return { tag: tag.trim(), q: q === undefined ? 1 : Number(q) };
    })
    .filter(({ tag, q }) => tag !== '' && tag !== '*' && q > 0)
    .sort((a, b) => b.q - a.q)
    .map(({ tag }) => tag);
}

const rightToLeft = new Set(['ar', 'arc', 'ckb', 'dv', 'fa', 'he', 'ks', 'ps', 'sd', 'ug', 'ur', 'yi']);

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escapeHtml = (value: unknown): string =>
  String(value ?? '').replace(/[&<>"']/g, (character) => entities[character] ?? character);

/** Only these may stand in a link: javascript: and data: in a client's policy_uri would run on our origin. */
export function webAddress(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : undefined;
}

/** A picture's address that img-src of our policy lets through: https, one that was uploaded here, or the picture itself. */
export const pictureAddress = (value: unknown): string | undefined =>
  typeof value === 'string' &&
  /^(https:\/\/|(\/t\/[a-z0-9-]+)?\/brand\/[0-9a-f]{64}\.|data:image\/(png|jpeg|gif|webp|svg\+xml)[;,])/i.test(value)
    ? value
    : undefined;

function speech(words: i18n, locale: string): Speech {
  const dir: Direction = rightToLeft.has(new Intl.Locale(locale).language) ? 'rtl' : 'ltr';
  // nest: false, or "$t(…)" in a value would be looked up; replace: keeps values apart from i18next's own options.
  const t = (key: string, values: Values = {}) => words.t(key, { lng: locale, replace: values, nest: false });
  const link = (html: string, [name, uri]: [string, string | undefined]) => {
    const href = webAddress(uri);
    return html.replaceAll(new RegExp(`<${name}>(.*?)</${name}>`, 'g'), (_, text: string) =>
      href ? `<a href="${escapeHtml(href)}" target="_blank" rel="noopener noreferrer">${text}</a>` : text,
    );
  };
  return {
    locale,
    dir,
    t,
    has: (key) => words.exists(key, { lng: locale }),
    rich: (key, values = {}, links = {}) => {
      // Links first, on the sentence alone: a value must not be able to spell a tag. Values come in after, in one pass.
      const sentence = Object.entries(links).reduce(link, t(key, marks(values)));
      return sentence
        .replace(/<(?!\/?(?:b|a)\b)[^>]*>/g, '')
        .replace(marked, (_, name: string) => `<bdi>${escapeHtml(values[name])}</bdi>`);
    },
    duration: (seconds) => {
      const { amount, unit } = round(seconds);
      return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(amount);
    },
    after: (seconds) => {
      const { amount, unit } = round(seconds);
      return new Intl.RelativeTimeFormat(locale, { numeric: 'always' }).format(amount, unit);
    },
    moment: (date, zone = 'UTC') => clockOf(locale, zone).format(new Date(date)),
  };
}

/** People say what they like of their zone (OpenID Connect Core §5.1, zoneinfo). */
function clockOf(locale: string, timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { ...momentStyle, timeZone });
  } catch {
    return new Intl.DateTimeFormat(locale, { ...momentStyle, timeZone: 'UTC' });
  }
}

const momentStyle = {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
  timeZoneName: 'short',
} as const;

// Where a value belongs, by a character that no sentence holds.
const marked = /\uE000(\w+)\uE000/g;
const marks = (values: Values): Values =>
  Object.fromEntries(Object.keys(values).map((name) => [name, `\uE000${name}\uE000`]));

function round(seconds: number): { amount: number; unit: 'second' | 'minute' | 'hour' | 'day' } {
  if (seconds < 60) return { amount: Math.max(1, Math.ceil(seconds)), unit: 'second' };
  if (seconds < 90 * 60) return { amount: Math.ceil(seconds / 60), unit: 'minute' };
  if (seconds < 36 * 3600) return { amount: Math.ceil(seconds / 3600), unit: 'hour' };
  return { amount: Math.ceil(seconds / 86400), unit: 'day' };
}
