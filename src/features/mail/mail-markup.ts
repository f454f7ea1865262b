// The words of a tenant are data: paragraphs, variables as {{name}}, links as [label](address). There is no other markup, and no code. Read when they are
// stored, with everything that is wrong with them, and again when a letter is written.
import type { Issue } from '../../platform/errors.js';
import { BRAND, type Variable } from './mail-variables.js';

export interface MailWords {
  subject: string;
  heading?: string | null | undefined;
  text: string;
}

type Known = Readonly<Record<string, Pick<Variable, 'required' | 'link'>>>;

export type Piece =
  | { kind: 'words'; text: string }
  | { kind: 'variable'; name: string }
  /** @param to an https address, or the name of a variable that is one. */
  | { kind: 'link'; label: string; to: { variable: string } | { address: string } };

/** Bounded in every repetition: whatever is sent is read in linear time. */
const token = /\{\{([^{}\n]{0,60})\}\}|\[([^[\]\n]{1,200})\]\(([^()\s]{1,2000})\)/g;

export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(token)) {
    if (match.index > at) pieces.push({ kind: 'words', text: text.slice(at, match.index) });
    const [whole, name, label = '', target = ''] = match;
    pieces.push(name === undefined ? linkOf(label, target) : { kind: 'variable', name: name.trim() });
    at = match.index + whole.length;
  }
  return at < text.length ? [...pieces, { kind: 'words', text: text.slice(at) }] : pieces;
}

export const paragraphsOf = (text: string): Piece[][] =>
  text
    .replaceAll('\r\n', '\n')
    .split(/\n[ \t]*\n\s*/)
    .map((paragraph) => piecesOf(paragraph.trim()));

function linkOf(label: string, target: string): Piece {
  const [, variable] = /^\{\{(\w{1,60})\}\}$/.exec(target) ?? [];
  return { kind: 'link', label, to: variable === undefined ? { address: target } : { variable } };
}

/** Everything that is wrong, each with where it stands. */
export function faultsOf({ subject, heading, text }: MailWords, known: Known): Issue[] {
  const pieces = piecesOf(text);
  return [
    ...lineFaults('/subject', subject, known),
    ...lineFaults('/heading', heading ?? '', known),
    ...pieces.flatMap((piece) => pieceFaults('/text', piece, known)),
    ...gluedFaults('/text', pieces, known),
    ...Object.entries(known)
      .filter(([name, { required }]) => required && !pieces.some((piece) => named(piece) === name))
      .map(([name]) => ({ pointer: '/text', message: `must hold {{${name}}}` })),
  ];
}

/** One line, in which no address stands. */
function lineFaults(pointer: string, line: string, known: Known): Issue[] {
  const pieces = piecesOf(line);
  const faults = pieces.flatMap((piece): Issue[] => {
    const name = named(piece);
    if (piece.kind === 'link' || (name && known[name]?.link))
      return [{ pointer, message: 'must not hold a link: it stands in the text' }];
    return pieceFaults(pointer, piece, known);
  });
  return [...faults, ...gluedFaults(pointer, pieces, known)];
}

/** Mail clients make one link of what is written together: what lets somebody in would be told to whoever is at that address. */
function gluedFaults(pointer: string, pieces: Piece[], known: Known): Issue[] {
  const lets = (name: string) => name === 'code' || known[name]?.link;
  const written = pieces.map((piece) => {
    if (piece.kind === 'words') return piece.text;
    const name = named(piece);
    const value = name !== undefined && lets(name) ? SECRET : 'x';
    if (piece.kind === 'variable') return value;
    return `${piece.label}: ${'address' in piece.to ? piece.to.address : value}`;
  });
  const isGlued = (run: string) => run.includes(SECRET) && GLUE.test(run);
  const message = 'has a link of ours, or the code, within another address: a space stands between the two';
  return written.join('').split(/\s/).some(isGlued) ? [{ pointer, message }] : [];
}

const SECRET = '\uE002';
/** What looks like an address, whoever reads it: a scheme, a host, a mailbox. */
const GLUE = /:\/\/|@|[\p{L}\p{N}\uE002]\.[\p{L}\p{N}\uE002]/u;

function pieceFaults(pointer: string, piece: Piece, known: Known): Issue[] {
  const names = [BRAND, ...Object.keys(known)];
  const fault = (message: string): Issue[] => [{ pointer, message }];
  if (piece.kind === 'words') return wordFaults(piece.text).flatMap(fault);
  const name = named(piece);
  if (name !== undefined && !names.includes(name))
    return fault(`knows no {{${name.slice(0, 60)}}}, only ${names.map((one) => `{{${one}}}`).join(', ')}`);
  if (piece.kind === 'variable') return [];
  if (name !== undefined && !known[name]?.link) return fault(`{{${name}}} is no address`);
  if ('address' in piece.to && !isSafe(piece.to.address))
    return fault('links lead to https addresses, or to a variable that is one');
  return wordFaults(piece.label).flatMap(fault);
}

function wordFaults(text: string): string[] {
  if (/\{\{|\}\}/.test(text)) return ['has {{ or }} that is no variable'];
  // Mail clients make links of what looks like one.
  return /\b(?:http|ftp|file|javascript|data|vbscript):/i.test(text) ? ['has an address that is not https'] : [];
}

function isSafe(address: string): boolean {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url?.protocol === 'https:' && !url.username && !url.password && !address.includes('{{');
}

/** The variable that it says or leads to. */
export const named = (piece: Piece): string | undefined => {
  if (piece.kind === 'variable') return piece.name;
  return piece.kind === 'link' && 'variable' in piece.to ? piece.to.variable : undefined;
};
