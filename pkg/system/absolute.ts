import { resolve } from 'node:path';
import type { Reference } from '../oci/index.ts';

/** A reference whose folder does not depend on the working directory. */
export function absoluteReference(reference: Reference, cwd: string): Reference {
  if (reference.kind === 'oci') return { ...reference, folder: resolve(cwd, reference.folder) };
  return reference.kind === 'zot' ? { ...reference, root: resolve(cwd, reference.root) } : reference;
}
