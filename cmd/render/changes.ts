import type { Change } from '../../pkg/manifest/index.ts';

/** One line a difference, as in `diff`. */
export function renderChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return '  no difference';
  return changes.map((change) => `  ${lineOf(change)}`).join('\n');
}

const signs = { added: '+', removed: '-', changed: '~' } as const;

function lineOf({ kind, what, name, from, to, fields, boot }: Change): string {
  const subject = `${signs[kind]} ${what === 'volume' ? 'volume ' : ''}${name}`;
  const state = (one: { version: string; digest: string } | undefined): string =>
    one === undefined ? '' : `${one.version} (${shortDigest(one.digest)})`;
  const parts = [
    ...(kind === 'changed' && from?.digest === to?.digest
      ? []
      : [[state(from), state(to)].filter((s) => s !== '').join(' → ')]),
    ...(fields.length === 0 ? [] : [`${fields.join(', ')} changed`]),
    ...(boot ? ['needs a reboot'] : []),
  ].filter((part) => part !== '');
  return parts.length === 0 ? subject : `${subject}: ${parts.join('; ')}`;
}

/** Enough of a digest for people to tell two apart. */
export const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);
