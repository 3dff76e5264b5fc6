import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';

/** Where keysets are: a folder per vendor. FORMATS 5 says what is in each. */
export function keysFolder(host: Host): string {
  const data = host.machine.environment('XDG_DATA_HOME');
  if (data?.startsWith('/')) return `${data}/machine/trust/keys`;
  const home = host.machine.environment('HOME');
  if (!home?.startsWith('/'))
    throw new MosError('usage', 'cannot find the keysets: HOME is not set', {
      hint: 'set HOME or XDG_DATA_HOME',
    });
  return `${home}/.local/share/machine/trust/keys`;
}

/** Everything below takes the folder of keysets, so that a test or a build has its own. */
export type KeysOptions = { readonly folder?: string | undefined };

export const folderOfKeys = (host: Host, options: KeysOptions): string => options.folder ?? keysFolder(host);

const longest = 40;

/**
 * Names become folders and parts of a subject (OU and CN have at most 64 characters, RFC 5280 appendix A.1), and
 * KEYSET:PROJECT is split at the colon.
 */
export function checkName(what: 'keyset' | 'project' | 'serial' | 'client', name: string): string {
  const why =
    name === ''
      ? 'it is empty'
      : /[/\0]/.test(name) || name.includes('..')
        ? 'it contains "/" or ".."'
        : /\p{C}|:/u.test(name)
          ? 'it contains a colon or a control character'
          : /^[.\-\s]|\s$/.test(name)
            ? 'it begins with a dot, dash or blank, or ends with a blank'
            : name.length > longest
              ? `it has more than ${longest} characters`
              : undefined;
  if (why === undefined) return name;
  throw new MosError(
    'usage',
    `cannot use ${JSON.stringify(name.slice(0, 100))} as the name of a ${what}: ${why}`,
  );
}

/** The folder of a keyset that is there. */
export async function keysetFolder(host: Host, keyset: string, options: KeysOptions = {}): Promise<string> {
  const folder = `${folderOfKeys(host, options)}/${checkName('keyset', keyset)}`;
  if ((await host.files.stat(folder))?.type === 'directory') return folder;
  throw new MosError('not-found', `cannot find the keyset ${keyset}: there is no ${folder}`, {
    hint: 'trust keyset list shows those that are there, trust keyset add makes one',
  });
}

export async function projectFolder(
  host: Host,
  keyset: string,
  project: string,
  options: KeysOptions = {},
): Promise<string> {
  const folder = `${await keysetFolder(host, keyset, options)}/manifest/${checkName('project', project)}`;
  if ((await host.files.stat(folder))?.type === 'directory') return folder;
  throw new MosError('not-found', `cannot find the project ${keyset}:${project}: there is no ${folder}`, {
    hint: 'trust project list shows those that are there, trust project add makes one',
  });
}
