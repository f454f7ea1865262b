import { z } from 'zod';
import { multilineText, plainText } from '../../platform/text.js';
import type { MailTemplate } from './mail-template.entity.js';

/** `{{name}}` and `[label](address)`, and nothing else: see mail-markup.ts. */
export const Words = z.strictObject({
  subject: plainText(200),
  heading: plainText(200).nullish(),
  text: multilineText(10_000).meta({
    description:
      'Paragraphs between empty lines. {{name}} is a variable, [label](https://…) or [label]({{link}}) a link; one of ours alone in its paragraph is the button.',
  }),
});
export type Words = z.output<typeof Words>;

export const TemplateParams = z.strictObject({
  name: z.string().min(1).max(60),
  locale: z.string().min(2).max(63).meta({ description: 'A language of the server, as en' }),
});
export type TemplateParams = z.output<typeof TemplateParams>;

export const Preview = z.strictObject({
  words: Words.optional().meta({ description: 'To try; absent: those in force' }),
});

export const MailTemplatesView = z.object({
  items: z.array(
    z
      .object({
        name: z.string(),
        variables: z.array(
          z.object({ name: z.string(), description: z.string(), required: z.boolean(), link: z.boolean() }),
        ),
        locales: z.array(z.object({ locale: z.string(), customised: z.boolean() })),
      })
      .meta({ id: 'MailTemplateKind' }),
  ),
});

export const MailTemplateView = z
  .object({
    name: z.string(),
    locale: z.string(),
    subject: z.string(),
    heading: z.string().nullable(),
    text: z.string(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'MailTemplate' });

export const LetterView = z
  .object({ subject: z.string(), html: z.string(), text: z.string() })
  .meta({ id: 'MailPreview' });

export const present = ({ name, locale, subject, heading, text, createdAt, updatedAt, version }: MailTemplate) => ({
  ...{ name, locale, subject, heading, text, version },
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
});
