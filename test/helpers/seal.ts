import { appendFile, stat } from 'node:fs/promises';
import { type SealedLayer, sealParts } from '../../pkg/atomfs/convert/seal.ts';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';

/** Makes a layer of a file system image where it lies. */
export async function sealFile(file: string): Promise<SealedLayer> {
  const sealed = await sealParts(host, [{ file, start: 0, end: (await stat(file)).size }]);
  const tail = sealed.parts.at(-1);
  if (tail instanceof Uint8Array) await appendFile(file, tail);
  return sealed;
}
