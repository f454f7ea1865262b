// A letter in the words of a tenant: its pieces in HTML, where every value is escaped, and in plain text, from the same words.
import { escapeHtml } from '../../platform/locale.js';
import { type MailWords, named, type Piece, paragraphsOf, piecesOf } from './mail-markup.js';

/** What stands in place of each variable; undefined where there is nothing to say. */
export type Values = (name: string) => string | undefined;

/** What the layout of every letter takes (views/layouts/letter). */
export interface OwnLetter {
  subject: string;
  heading: string | undefined;
  html: string;
  text: string;
  button: { href: string; label: string } | undefined;
  /** Below the button, smaller. */
  notes: string[];
}

/** @param required names of what is said whatever stands beside it. */
export function letterOf(
  { subject, heading, text }: MailWords,
  values: Values,
  required: ReadonlySet<string> = new Set(),
): OwnLetter {
  const isSaid = (piece: Piece) => said(piece, values) !== undefined;
  const isDue = (piece: Piece) => isSaid(piece) && required.has(named(piece) ?? '');
  // What a letter has nothing to say about is left out, with what is said around it, unless that is what the letter is for.
  const paragraphs = paragraphsOf(text).filter((pieces) => pieces.every(isSaid) || pieces.some(isDue));
  const at = paragraphs.findIndex(isButton);
  const [button] = paragraphs[at] ?? [];
  const body = at < 0 ? paragraphs : paragraphs.slice(0, at);
  const inText = (pieces: Piece[]) => pieces.map((piece) => textOf(piece, values)).join('');
  return {
    subject: lineOf(subject, values),
    heading: heading ? lineOf(heading, values) : undefined,
    html: body.map((pieces) => paragraphHtml(pieces, values)).join('\n'),
    text: body.map(inText).join('\n\n'),
    button: button?.kind === 'link' ? { href: hrefOf(button, values) ?? '', label: button.label } : undefined,
    notes: at < 0 ? [] : paragraphs.slice(at + 1).map(inText),
  };
}

/** A link of ours that stands alone is what there is to do. */
const isButton = ([piece, ...others]: Piece[]): boolean =>
  others.length === 0 && piece?.kind === 'link' && 'variable' in piece.to;

function said(piece: Piece, values: Values): string | undefined {
  if (piece.kind === 'words') return piece.text;
  return piece.kind === 'variable' ? values(piece.name) : hrefOf(piece, values);
}

const hrefOf = ({ to }: Extract<Piece, { kind: 'link' }>, values: Values): string | undefined =>
  'variable' in to ? values(to.variable) : to.address;

/** RFC 5322 §2.2: whatever a value holds, a header is one line. */
const lineOf = (line: string, values: Values): string =>
  piecesOf(line)
    .map((piece) => textOf(piece, values))
    .join('')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();

function textOf(piece: Piece, values: Values): string {
  const words = said(piece, values);
  if (words === undefined) return '';
  return piece.kind === 'link' ? `${piece.label}: ${words}` : words;
}

function paragraphHtml(pieces: Piece[], values: Values): string {
  const [only] = pieces;
  if (pieces.length === 1 && only?.kind === 'variable' && only.name === 'code')
    return `<p class="code" dir="ltr">${escapeHtml(values('code'))}</p>`;
  return `<p>${pieces.map((piece) => pieceHtml(piece, values)).join('')}</p>`;
}

function pieceHtml(piece: Piece, values: Values): string {
  const words = said(piece, values);
  if (words === undefined) return '';
  const lines = escapeHtml(words).replaceAll('\n', '<br>');
  if (piece.kind === 'words') return lines;
  if (piece.kind === 'link') return `<a href="${escapeHtml(words)}">${escapeHtml(piece.label)}</a>`;
  return `<bdi>${lines}</bdi>`;
}
