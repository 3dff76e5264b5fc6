import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { buildUki, parseKernelRelease, type UkiParts } from '../../esp/index.ts';
import { type Host, temporaryPath, writeAtomic } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import { firmwareKeys, showKeyset, signEfi } from '../../trust/index.ts';
import { writeEnrolment } from './enrolment.ts';
import { imagePlace, writeBootkitImage } from './image.ts';

export type BuildBootkitOptions = {
  readonly keyset: string;
  /** The folder that is made. */
  readonly output: string;
  /** A bzImage. */
  readonly kernel: string;
  /** `lib/modules` as the distribution has it, with a folder for the kernel. */
  readonly modules: string;
  readonly stub: string;
  readonly loader: string;
  readonly commandLine: string;
  /** Makes the archive, compressed as the kernel reads it, with the build id that follows from all the rest of it. */
  readonly initrd: (manifestCa: string, identify: (archive: Uint8Array) => string) => Promise<Uint8Array>;
};

export type BuiltFile = { readonly name: string; readonly bytes: number; readonly signer: string };
export type BuiltBootkit = {
  readonly output: string;
  readonly release: string;
  readonly buildId: string;
  readonly files: readonly BuiltFile[];
  /** What an import file names as the source of the target bootkit. */
  readonly source: string;
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
  const parts = await readParts(host, options);
  const modules = `${options.modules}/${parts.release}`;
  if ((await host.files.stat(modules))?.type !== 'directory')
    throw new MosError('not-found', `cannot build a bootkit: there is no ${modules}`, {
      hint: 'the package of the kernel, unpacked, has lib/modules/<release>',
    });
  report({ kind: 'note', text: 'packing the initrd' });
  let buildId = '';
  const initrd = await options.initrd(
    await certificateOf(host, options.keyset, 'manifest-ca'),
    (archive) => (buildId = identify(archive, options, parts)),
  );
  const { commandLine } = options;
  const uki = buildUki({ ...parts, initrd, commandLine });
  const made = temporaryPath(output);
  try {
    await host.files.makeFolder(made, { parents: true });
    const files = await signAll(host, options, uki, made);
    await writeEnrolment(host, options.keyset, `${made}/keys`);
    report({ kind: 'note', text: 'packing the image' });
    await writeBootkitImage(host, { folder: made, release: parts.release, modules, buildId });
    await host.files.syncFolder(made);
    await host.files.rename(made, output);
    const source = `oci:${output}/${imagePlace.folder}:${imagePlace.tag}`;
    return { output, release: parts.release, buildId, files, source };
  } catch (error) {
    await host.files.removeTree(made);
    throw error;
  }
}

type Parts = Pick<UkiParts, 'stub' | 'kernel' | 'osRelease' | 'release'>;

async function readParts(host: Host, options: BuildBootkitOptions): Promise<Parts> {
  const kernel = await host.files.read(options.kernel);
  const release = parseKernelRelease(kernel);
  return {
    stub: await host.files.read(options.stub),
    kernel,
    osRelease: `ID=mos\nNAME=mos\nPRETTY_NAME="mos on Linux ${release}"\n`,
    release,
  };
}

/** Of everything that a boot file is made of, and of nothing that signs it. */
function identify(archive: Uint8Array, { commandLine }: BuildBootkitOptions, parts: Parts): string {
  const hasher = createHash('sha256');
  for (const part of [archive, parts.kernel, parts.stub, Buffer.from(commandLine)])
    hasher.update(`${part.length}\n`).update(part);
  return hasher.digest('hex');
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
