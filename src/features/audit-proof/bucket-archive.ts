// What goes from the record, kept in a bucket: the names and the contents are those of the folder (audit-archive.ts), the manifest comes last.
import { type Bucket, pieceBytes } from '../../platform/bucket.js';
import { type Archive, type ArchivedPart, fileOf, linesOf, manifest, manifestOf, piecesOf } from './audit-archive.js';

export class BucketArchive implements Archive {
  /** @param prefix of all names in it: empty, or ends with a slash. */
  constructor(
    private readonly bucket: Pick<Bucket, 'put'>,
    private readonly prefix: string,
  ) {}

  async keep(part: ArchivedPart): Promise<void> {
    const folder = `${this.prefix}${part.tenantId}`;
    const sha256 = await this.bucket.put(`${folder}/${fileOf(part)}`, piecesOf(linesOf(part), pieceBytes));
    await this.bucket.put(`${folder}/${manifestOf(part)}`, piecesOf([manifest(part, sha256)], pieceBytes));
  }
}
