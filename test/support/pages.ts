// Sample data for every page: one line per state worth looking at. Used by the preview and by the tests of the pages.

import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../config/root.js';
import { type Page, Views } from '../../src/platform/views.js';
import { letterSamples } from './letters.js';
import { ofAccount } from './pages-account.js';
import { ofInteraction } from './pages-interaction.js';
import { ofOrganizations } from './pages-organizations.js';
import { others } from './pages-others.js';
import { page, type Sample } from './sample.js';

export const viewsRoot = path.join(projectRoot, 'views');

export const samples: Sample[] = [...ofAccount, ...ofOrganizations, ...ofInteraction, ...others];

export const letters: Sample[] = Object.entries(letterSamples).flatMap(([name, all]) =>
  all.map((data, index) => page(`emails/${name}`, String(index + 1), data)),
);

export const samplePage = (locale: string): Page => ({
  locale,
  brand: { name: 'Acme Travel' },
  csrf: 'csrf-token',
  requestId: '01JD-REQ',
  links: { help: 'https://acme.example/help', privacy: 'https://acme.example/privacy' },
});

/** Every page in every language as a file beside its assets. @returns the file names */
export function writePages(folder: string, locales?: string[]): string[] {
  const views = new Views({ root: viewsRoot, cache: true });
  mkdirSync(path.join(folder, 'assets'), { recursive: true });
  for (const name of readdirSync(path.join(viewsRoot, 'assets')))
    copyFileSync(path.join(viewsRoot, 'assets', name), path.join(folder, 'assets', name));
  // A file has no origin to start addresses from, and a preview must not send itself away.
  const local = (html: string) =>
    html
      .replaceAll(/"\/assets\/[0-9a-f]{10}-/g, '"assets/')
      .replaceAll('<script src="assets/form-post.js" defer></script>', '');
  const files: string[] = [];
  const write = (name: string, content: string) => {
    writeFileSync(path.join(folder, name), content);
    files.push(name);
  };
  for (const locale of locales ?? views.locales.available) {
    for (const { name, template, data } of samples)
      write(`${locale}.${name}.html`, local(views.render(template, data, samplePage(locale))));
    for (const { name, template, data } of letters) {
      const letter = views.email(template, data, samplePage(locale));
      write(`${locale}.${name}.html`, letter.html);
      write(`${locale}.${name}.txt`, `${letter.subject}\n\n${letter.text}`);
    }
  }
  return files;
}
