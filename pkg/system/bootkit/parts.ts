import { MosError } from '../../errors/index.ts';
import { parseKernelRelease, type UkiParts } from '../../esp/index.ts';
import type { Host } from '../../host/index.ts';
import { showKeyset, signEfi } from '../../trust/index.ts';

/** Makes the archive, compressed as the kernel reads it; `identify` gives it the build id that follows from all the rest of it. */
export type PackInitrd = (
  manifestCa: string,
  options: {
    readonly identify?: (archive: Uint8Array) => string;
    readonly live?: string;
    readonly network?: { readonly registryCa: string | undefined };
  },
) => Promise<Uint8Array>;

/** Files that boot files are made of. */
export type BootSources = {
  readonly keyset: string;
  /** A bzImage. */
  readonly kernel: string;
  readonly stub: string;
  readonly loader: string;
  readonly commandLine: string;
  readonly initrd: PackInitrd;
};

export type BootParts = Pick<UkiParts, 'stub' | 'kernel' | 'osRelease' | 'release'>;

/** `what` is to be made of them: `build a bootkit`. */
export async function readParts(
  host: Host,
  { kernel: file, stub, loader }: BootSources,
  what: string,
): Promise<BootParts> {
  for (const path of [file, stub, loader])
    if ((await host.files.stat(path))?.type !== 'file')
      throw new MosError('not-found', `cannot ${what}: there is no ${path}`, {
        hint: 'apt-get install systemd-boot-efi has the loader and the stub',
      });
  const kernel = await host.files.read(file);
  const release = parseKernelRelease(kernel);
  return {
    stub: await host.files.read(stub),
    kernel,
    osRelease: `ID=mos\nNAME=mos\nPRETTY_NAME="mos on Linux ${release}"\n`,
    release,
  };
}

/** Signs with a key of the keyset; returns the signer's name. */
export async function signFor(
  host: Host,
  keyset: string,
  key: string,
  from: string,
  to: string,
): Promise<string> {
  const folder = await folderOfKey(host, keyset, key);
  const signing = { key: `${folder}/privkey.pem`, certificate: `${folder}/cert.pem` };
  return (await signEfi(host, from, to, signing)).signer;
}

export async function folderOfKey(host: Host, keyset: string, key: string): Promise<string> {
  const { folders } = await showKeyset(host, keyset, key);
  return folders[0] ?? '';
}

export const certificateOf = async (host: Host, keyset: string, key: string): Promise<string> =>
  `${await folderOfKey(host, keyset, key)}/cert.pem`;
