import { MosError } from '../../errors/index.ts';
import { buildUki, parseKernelRelease } from '../../esp/index.ts';
import { type Host, temporaryPath, writeAtomic } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import { firmwareKeys, showKeyset, signEfi } from '../../trust/index.ts';
import { writeEnrolment } from './enrolment.ts';

export type BuildBootkitOptions = {
  readonly keyset: string;
  /** The folder that is made. */
  readonly output: string;
  /** A bzImage. */
  readonly kernel: string;
  readonly stub: string;
  readonly loader: string;
  readonly commandLine: string;
  /** Makes the archive; compressed as the kernel reads it. */
  readonly initrd: (manifestCa: string) => Promise<Uint8Array>;
};

export type BuiltFile = { readonly name: string; readonly bytes: number; readonly signer: string };
export type BuiltBootkit = {
  readonly output: string;
  readonly release: string;
  readonly files: readonly BuiltFile[];
};

/** Which key signs which image. What the TPM gives to one of them it gives to no other: PCR 7 has the certificate. */
const images = {
  'uki-production.efi': 'uki-production',
  'uki-limited.efi': 'uki-limited',
  'uki-tpm.efi': 'uki-tpm',
} as const;

/**
 * Makes what a machine boots from: one boot file per purpose, the boot loader, and the files that enrol the keyset in
 * firmware. The same parts and keys give the same bytes. The folder is there whole or not at all.
 */
export async function buildBootkit(
  host: Host,
  options: BuildBootkitOptions,
  report: Report,
): Promise<BuiltBootkit> {
  const { output, kernel, stub, loader } = options;
  if ((await host.files.stat(output)) !== undefined)
    throw new MosError('exists', `cannot build a bootkit in ${output}: it is there already`, {
      hint: 'name a folder that is not there yet',
    });
  for (const path of [kernel, stub, loader])
    if ((await host.files.stat(path))?.type !== 'file')
      throw new MosError('not-found', `cannot build a bootkit: there is no ${path}`, {
        hint: 'apt-get install systemd-boot-efi has the loader and the stub',
      });
  report({ kind: 'note', text: 'packing the initrd' });
  const initrd = await options.initrd(await certificateOf(host, options.keyset, 'manifest-ca'));
  const bytes = await host.files.read(kernel);
  const release = parseKernelRelease(bytes);
  const uki = buildUki({
    stub: await host.files.read(stub),
    kernel: bytes,
    initrd,
    commandLine: options.commandLine,
    osRelease: `ID=mos\nNAME=mos\nPRETTY_NAME="mos on Linux ${release}"\n`,
    release,
  });
  const made = temporaryPath(output);
  try {
    await host.files.makeFolder(made, { parents: true });
    const files = await signAll(host, options, uki, made);
    await writeEnrolment(host, options.keyset, `${made}/keys`);
    await host.files.syncFolder(made);
    await host.files.rename(made, output);
    return { output, release, files };
  } catch (error) {
    await host.files.removeTree(made);
    throw error;
  }
}

async function signAll(
  host: Host,
  { keyset, loader }: BuildBootkitOptions,
  uki: Uint8Array,
  made: string,
): Promise<BuiltFile[]> {
  const unsigned = `${made}/unsigned.efi`;
  await writeAtomic(host, unsigned, uki);
  const files: BuiltFile[] = [];
  const wanted = [
    ...Object.entries(images).map(([name, key]) => [name, key, unsigned] as const),
    ['loader.efi', firmwareKeys.db[0], loader] as const,
  ];
  for (const [name, key, from] of wanted) {
    const folder = await folderOfKey(host, keyset, key);
    const signing = { key: `${folder}/privkey.pem`, certificate: `${folder}/cert.pem` };
    const { signer } = await signEfi(host, from, `${made}/${name}`, signing);
    files.push({ name, bytes: (await host.files.stat(`${made}/${name}`))?.size ?? 0, signer });
  }
  await host.files.remove(unsigned);
  return files;
}

export async function folderOfKey(host: Host, keyset: string, key: string): Promise<string> {
  const { folders } = await showKeyset(host, keyset, key);
  return folders[0] ?? '';
}

const certificateOf = async (host: Host, keyset: string, key: string): Promise<string> =>
  `${await folderOfKey(host, keyset, key)}/cert.pem`;
