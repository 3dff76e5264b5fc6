import { basename } from 'node:path';
import type { ShownKeyset } from '../../pkg/trust/index.ts';

/** Names of keys, or path and content of the files of one key. */
export function renderKeyset(shown: ShownKeyset, only: 'path' | 'value' | undefined): string {
  if (shown.files.length === 0)
    return only === 'path'
      ? [shown.path, ...shown.folders].join('\n')
      : shown.folders.map((path) => basename(path)).join('\n');
  return shown.files
    .map(({ path, text }) => {
      const content = text?.replace(/\n$/, '') ?? '[private key: name the file to see it]';
      return only === 'path' ? path : only === 'value' ? content : `${path}\n${content}`;
    })
    .join('\n');
}
