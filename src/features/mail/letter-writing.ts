// Writes a letter: in the tenant's own words where it has some for the language of whoever reads it, else in those of the house; always in the house's
// layout, with the tenant's name and colours.
import type { Views } from '../../platform/views.js';
import { coloursOf } from '../tenants/branding.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { RenderedMail } from './mail.service.js';
import { letterOf } from './mail-letter.js';
import type { MailWords } from './mail-markup.js';
import { mailSamples } from './mail-samples.js';
import { BRAND, MARK, variablesOf } from './mail-variables.js';
import type { OwnWords } from './own-words.js';

export class LetterWriting {
  constructor(
    private readonly views: Views,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly words: Pick<OwnWords, 'of'>,
  ) {}

  /** @param wanted tags of languages, as a person or a request names them. */
  async write(template: string, wanted: string, data: object): Promise<RenderedMail> {
    const locale = this.views.locales.pick(wanted);
    return this.written(template, locale, data, await this.words.of(template, locale));
  }

  /** With an example of what a letter is given. @param words to try; absent: those in force. */
  async preview(template: keyof typeof mailSamples, locale: string, words?: MailWords): Promise<RenderedMail> {
    return this.written(template, locale, mailSamples[template], words ?? (await this.words.of(template, locale)));
  }

  private async written(
    template: string,
    locale: string,
    data: object,
    words: MailWords | undefined,
  ): Promise<RenderedMail> {
    const { displayName: name, settings } = await this.tenants.current();
    const page = { locale, brand: { name, colours: coloursOf(settings.branding) } };
    if (!words) return this.views.email(`emails/${template}`, data, page);
    const speech = this.views.locales.speak(locale);
    const known = variablesOf(template) ?? {};
    const required = new Set(Object.keys(known).filter((variable) => known[variable]?.required));
    const letter = letterOf(
      words,
      (variable) =>
        variable === BRAND ? name : known[variable]?.says(data as never, speech)?.replaceAll(MARK, () => name),
      required,
    );
    return this.views.letter(letter, page);
  }
}
