import type { Change } from '../../pkg/manifest/index.ts';

/** One line a difference, as in `diff`. */
export function renderChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return '  no difference';
  return changes.map((change) => `  ${lineOf(change)}`).join('\n');
}

const signs = { added: '+', removed: '-', changed: '~' } as const;

function lineOf({ kind, what, name, from, to, fields, boot }: Change): string {
  const subject = `${signs[kind]} ${what === 'volume' ? 'volume ' : ''}${name}`;
  const parts = [
    imageOf(from, to),
    ...(fields.length === 0 ? [] : [`${fields.join(', ')} changed`]),
    ...(boot ? ['needs a reboot'] : []),
  ].filter((part) => part !== '');
  return parts.length === 0 ? subject : `${subject}: ${parts.join('; ')}`;
}

type Image = { readonly version: string; readonly digest: string };

function imageOf(from: Image | undefined, to: Image | undefined): string {
  if (from !== undefined && from.digest === to?.digest)
    return from.version === to.version ? '' : `${from.version} → ${to.version} (the same image)`;
  const known = [from, to].filter((one) => one !== undefined);
  return known.map(({ version, digest }) => `${version} (${shortDigest(digest)})`).join(' → ');
}

/** Enough of a digest for people to tell two apart. */
export const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);
