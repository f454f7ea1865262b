// Fields that the forms of an organization share.
import { z } from 'zod';

/** One thing a line; empty lines are none. */
export const linesOf = (text: string): string[] =>
  text
    .split(/[\r\n,;]+/)
    .map((line) => line.trim())
    .filter(Boolean);

/** The values of the boxes called NAME[] that are ticked: none are not sent, and many are read as members by their place. */
export const ticked = z
  .union([z.array(z.string()), z.record(z.string().regex(/^\d+$/), z.string()).transform(Object.values<string>)])
  .catch([]);

/** A number, or none where the field is empty; what is no number is left for the schema to refuse. */
export const numberOf = (text: string): number | string | null => {
  const typed = text.trim();
  if (typed === '') return null;
  return /^\d{1,9}$/.test(typed) ? Number(typed) : typed;
};

/** A select or field with a choice that stands for none. */
export const choiceOf = (text: string): string | null => text || null;

/** The last names that a schema complains about, each once: those of the fields of its form. */
export const wrongOf = (issues: readonly { path: readonly PropertyKey[] }[]): string[] => [
  ...new Set(issues.map(({ path }) => String(path.findLast((part) => typeof part === 'string') ?? ''))),
];

/** What most people would have typed; empty where the name has no Latin letters. */
export const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-|-$/g, '');
