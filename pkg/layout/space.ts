import { MosError } from '../errors/index.ts';
import type { LayoutFolder } from './folder.ts';

/** A file takes whole blocks, and its note one more. */
const perFile = 8192;
/** What index.json and its successor, our folders and the file system's own books take beside the blobs. */
const reserve = 1024 * 1024;

/** Refuses what would not fit before its first byte comes, with the numbers. */
export async function requireSpace(
  at: LayoutFolder,
  { bytes, files }: { readonly bytes: number; readonly files: number },
): Promise<void> {
  if (files === 0) return;
  const needed = bytes + files * perFile + reserve;
  const { free } = await at.host.files.space(at.folder);
  if (free >= needed) return;
  throw new MosError(
    'no-space',
    `cannot copy into ${at.folder}: ${needed} bytes are needed, ${free} are free`,
    { hint: `make ${needed - free} bytes free there` },
  );
}
