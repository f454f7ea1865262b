import { endpoint } from '../../platform/endpoint.js';
import type { LetterWriting } from './letter-writing.js';
import type { MailTemplates } from './mail.templates.js';
import {
  LetterView,
  MailTemplatesView,
  MailTemplateView,
  Preview,
  present,
  TemplateParams,
  Words,
} from './mail-template.schema.js';
import { BRAND, variablesOf } from './mail-variables.js';
import type { OwnWords } from './own-words.js';

export const mailTemplateRoutes = (words: OwnWords, writing: LetterWriting) => [
  endpoint({
    method: 'get',
    path: '/mail-templates',
    scope: 'settings:read',
    summary: 'List every letter, what its words may name, and where they are one’s own',
    response: MailTemplatesView,
    handle: async () => ({
      items: (await words.list()).map(({ name, customised }) => ({
        name,
        variables: variablesIn(name),
        locales: words.locales.map((locale) => ({ locale, customised: customised.has(locale) })),
      })),
    }),
  }),
  endpoint({
    method: 'get',
    path: '/mail-templates/:name/:locale',
    scope: 'settings:read',
    summary: 'Read one’s own words for a letter in a language; 404: those of the house are in force',
    params: TemplateParams,
    response: MailTemplateView,
    handle: async ({ params }) => present(await words.find(params)),
  }),
  endpoint({
    method: 'put',
    path: '/mail-templates/:name/:locale',
    scope: 'settings:write',
    summary: 'Say a letter in words of one’s own',
    params: TemplateParams,
    body: Words,
    response: MailTemplateView,
    handle: async ({ params, body, ifMatch }) => present(await words.put(params, body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/mail-templates/:name/:locale',
    scope: 'settings:write',
    summary: 'Go back to the words of the house',
    params: TemplateParams,
    async handle({ params, ifMatch }) {
      await words.remove(params, ifMatch);
    },
  }),
  endpoint({
    method: 'post',
    path: '/mail-templates/:name/:locale/previews',
    scope: 'settings:read',
    summary: 'See how a letter would look, with an example of what it is given; nothing is sent or stored',
    params: TemplateParams,
    body: Preview,
    response: LetterView,
    handle: async ({ params, body }) => {
      words.assertKnown(params);
      if (body.words) words.assertGood(params, body.words, '/words');
      return writing.preview(params.name as keyof MailTemplates, params.locale, body.words);
    },
  }),
];

const variablesIn = (template: string) => [
  { name: BRAND, description: 'Who sends it', required: false, link: false },
  ...Object.entries(variablesOf(template) ?? {}).map(([name, { description, required = false, link = false }]) => ({
    ...{ name, description, required, link },
  })),
];
