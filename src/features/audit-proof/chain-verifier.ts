// Follows a chain from event to event and says what was done to it. Knows no database and no file: each row is handed to it in the order of
// the sequence, then what was signed is held against it.
import { ChainDates } from './chain-dates.js';
import type { Checkpoint } from './checkpoint.js';
import { BEGINNING, linkHash, MerkleTree } from './hashes.js';

export interface Finding {
  /** What was done: to an event, to its place in the chain, or to what was signed. */
  kind: 'changed' | 'removed' | 'inserted' | 'reordered' | 'checkpoint';
  sequence?: number;
  eventId?: string;
  says: string;
}

export interface SealedRow {
  sequence: number;
  eventId: string;
  /** When it happened, by its id and by what it says: the earlier of both, in milliseconds. */
  at: number;
  hash: Buffer;
  /** Of the event as it is now; undefined where it is gone. */
  leaf: Buffer | undefined;
  /** As it was sealed, where that is known beside the event. */
  sealedLeaf?: Buffer;
  /** What is not as it was committed to. */
  wrong: readonly string[];
  isErased: boolean;
}

/** A row that does not hang on what is before it. */
interface Suspect {
  row: SealedRow;
  leaf: Buffer;
  previous: Buffer;
  before: SealedRow | undefined;
  /** What hangs on the row before it as well, as if it was not there. */
  isSkipped: boolean;
  /** Hangs on what was before the row before it. */
  skips: boolean;
}

/** Among more than these nobody looks for what belongs where. */
const most = 500;

export class ChainVerifier {
  readonly findings: Finding[] = [];
  events = 0;
  /** Events that are what a checkpoint was signed for. */
  proven = 0;
  /** Events that hang on the one before them, which is there. */
  linked = 0;
  /** Events whose person is gone: what told of them is not there, and the hash is what it was. */
  erased = 0;
  private sequence = 0;
  private hash: Buffer = BEGINNING;
  private beforeLast: Buffer = BEGINNING;
  /** After a gap nobody knows what the next row hangs on. */
  private isKnown = true;
  private last: SealedRow | undefined;
  private readonly suspects: Suspect[] = [];
  private tree: MerkleTree | undefined;
  private soundSince = 1;
  private readonly open: Checkpoint[];
  private readonly dates: ChainDates;
  private unsignedSince: number | undefined;

  /**
   * @param checkpoints oldest first, whose signatures were looked at already.
   * @param isPart where the rows are a piece of the chain: what is before and behind it is not missed.
   * @param isFiltered where they are some of the chain: what is between them is not missed either.
   */
  constructor(
    checkpoints: readonly Checkpoint[],
    private readonly isPart = false,
    private readonly isFiltered = false,
  ) {
    this.open = [...checkpoints];
    this.dates = new ChainDates(checkpoints);
  }

  /** Where the first event is not the first that ever was, the chain begins at a checkpoint. */
  private begin(row: SealedRow): void {
    while (this.open[0] && this.open[0].last < row.sequence - 1) this.open.shift();
    const start = this.open[0];
    if (start && row.sequence > 1 && start.last === row.sequence - 1) {
      this.hash = Buffer.from(start.chain, 'base64url');
      this.sequence = start.last;
      this.open.shift();
    }
  }

  private resume(row: SealedRow): void {
    this.sequence = row.sequence - 1;
    this.isKnown = false;
    this.tree = undefined;
    this.soundSince = Math.max(this.soundSince, row.sequence);
  }

  take(row: SealedRow): void {
    if (!this.last) this.begin(row);
    this.events += 1;
    if (row.sequence <= this.sequence) {
      this.insert(row);
      return;
    }
    if (row.sequence > this.sequence + 1) {
      if (!this.isFiltered && (this.last || !this.isPart)) this.miss(this.sequence + 1, row.sequence - 1, row.eventId);
      this.resume(row);
    }
    this.look(row);
    this.date(row);
    this.sequence = row.sequence;
    this.beforeLast = this.hash;
    this.hash = row.hash;
    this.isKnown = true;
    this.last = row;
    this.signedAt(row);
  }

  /** Events that were signed for an hour or more after they happened. */
  get late(): number {
    return this.dates.late;
  }

  /** @returns all findings, when no row is left. @param head where the chain says that it ends. */
  end(head?: number): Finding[] {
    for (const suspect of this.suspects) this.judge(suspect);
    if (this.unsignedSince !== undefined && !this.isPart && !this.isFiltered)
      this.findings.push({
        kind: 'checkpoint',
        sequence: this.unsignedSince,
        says: 'is signed for by no checkpoint, though later events are',
      });
    const signed = this.open.at(-1)?.last ?? 0;
    const end = Math.max(signed, head ?? 0);
    if (!this.isPart && !this.isFiltered && end > this.sequence) this.miss(this.sequence + 1, end, undefined);
    return this.findings;
  }

  private look(row: SealedRow): void {
    const { leaf, sealedLeaf, wrong } = row;
    if (row.sequence === this.open[0]?.first) this.tree = new MerkleTree();
    const signed = sealedLeaf ?? leaf;
    if (signed) this.tree?.add(signed);
    if (wrong.length > 0) this.find('changed', row, `has another ${wrong.join(', ')} than was sealed`);
    else if (leaf) this.follow(row, leaf);
    else this.find('removed', row, 'was removed');
  }

  private date(row: SealedRow): void {
    const { at, sequence, eventId } = row;
    const next = this.open[0];
    if (next && sequence < next.first) this.unsignedSince ??= sequence;
    if (this.dates.take(at, next && sequence >= next.first ? next : undefined))
      this.findings.push({
        kind: 'inserted',
        sequence,
        eventId,
        says: 'was put into the past: younger ones were sealed before it',
      });
  }

  private follow(row: SealedRow, leaf: Buffer): void {
    const { sealedLeaf } = row;
    if (row.isErased) this.erased += 1;
    const previous = this.hash;
    const hangs = (on: Buffer) => linkHash(on, leaf).equals(row.hash);
    const suspect = this.suspects.at(-1);
    if (suspect && suspect.row === this.last && hangs(suspect.previous)) suspect.isSkipped = true;
    const isItself = !sealedLeaf || sealedLeaf.equals(leaf);
    if (isItself && hangs(previous)) this.linked += 1;
    if (isItself && (hangs(previous) || !this.isKnown)) return;
    const skips = this.last !== undefined && hangs(this.beforeLast);
    this.suspects.push({ row, leaf, previous, before: this.last, isSkipped: false, skips });
    this.soundSince = row.sequence + 1;
  }

  /** Not what it was: or what it was, at another place. */
  private judge(suspect: Suspect): void {
    const { row, leaf, before } = suspect;
    const place = this.placeOf(suspect);
    if (place === row.sequence) return;
    if (place !== undefined) this.find('reordered', row, `belongs at ${place}`);
    else if (suspect.skips && before) this.find('inserted', before, 'was put in between');
    else if (suspect.isSkipped) this.find('inserted', row, 'was put in between');
    else if (row.sealedLeaf?.equals(leaf))
      this.find('removed', row, 'does not hang on what is before it: something between was removed');
    else this.find('changed', row, 'is not what was sealed');
  }

  /** Where it would hang on what is before it; undefined where that is nowhere. */
  private placeOf({ row, leaf }: Suspect, depth = 0): number | undefined {
    const others = this.suspects.slice(0, most).filter((one) => one.row !== row);
    const exchanged = others.find((one) => linkHash(one.previous, leaf).equals(one.row.hash));
    if (exchanged) return exchanged.row.sequence;
    const moved = others.find((one) => linkHash(one.previous, leaf).equals(row.hash));
    if (!moved || depth > 100) return undefined;
    const on = this.suspects.find((one) => one.row === moved.before);
    const place = on && this.placeOf(on, depth + 1);
    return place === undefined ? moved.row.sequence : place + 1;
  }

  /** Two events at one place: the one that hangs on what is before it is the one that was sealed. */
  private insert(row: SealedRow): void {
    const { leaf, hash } = row;
    const isOther = this.last && this.suspects.at(-1)?.row === this.last && row.sequence === this.sequence;
    const isTheOne = isOther && leaf && linkHash(this.beforeLast, leaf).equals(hash);
    this.find('inserted', isTheOne ? (this.last as SealedRow) : row, 'has the place of another event');
    if (!isTheOne) return;
    this.suspects.pop();
    this.last = row;
    this.hash = hash;
  }

  private miss(first: number, last: number, next: string | undefined): void {
    const which = first === last ? `${first} is` : `${first} to ${last} are`;
    const after = this.last ? ` after ${this.last.eventId}` : '';
    this.soundSince = last + 1;
    this.findings.push({
      kind: 'removed',
      sequence: first,
      says: `${which} missing${after}${next ? ` before ${next}` : ''}`,
    });
  }

  private find(kind: Finding['kind'], row: SealedRow, says: string): void {
    this.soundSince = Math.max(this.soundSince, row.sequence + 1);
    this.findings.push({ kind, sequence: row.sequence, eventId: row.eventId, says });
  }

  /** What was found already explains why it is not what was signed. */
  private signedAt(row: SealedRow): void {
    for (;;) {
      const signed = this.open[0];
      if (!signed || signed.last > row.sequence) return;
      this.open.shift();
      if (signed.first > signed.last || this.soundSince > signed.first) continue;
      const root = this.tree?.root().toString('base64url');
      if (signed.last === row.sequence && root === signed.root && row.hash.toString('base64url') === signed.chain)
        this.proven += signed.last - signed.first + 1;
      else
        this.findings.push({
          kind: 'changed',
          sequence: signed.first,
          says: `${signed.first} to ${signed.last} are not what checkpoint ${signed.number} was signed for`,
        });
    }
  }
}
