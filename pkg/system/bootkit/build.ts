import { createHash } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { buildUki } from '../../esp/index.ts';
import { type Host, temporaryPath, writeAtomic } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import { firmwareKeys } from '../../trust/index.ts';
import { closedCommandLine } from './command-line.ts';
import { writeEnrolment } from './enrolment.ts';
import { imagePlace, writeBootkitImage } from './image.ts';
import { type BootParts, type BootSources, certificateOf, readParts, signFor } from './parts.ts';

export type BuildBootkitOptions = BootSources & {
  /** The folder that is made. */
  readonly output: string;
  /** `lib/modules` as the distribution has it, with a folder for the kernel. */
  readonly modules: string;
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
  const { output } = options;
  if ((await host.files.stat(output)) !== undefined)
    throw new MosError('exists', `cannot build a bootkit in ${output}: it is there already`, {
      hint: 'name a folder that is not there yet',
    });
  const parts = await readParts(host, options, 'build a bootkit');
  const modules = `${options.modules}/${parts.release}`;
  if ((await host.files.stat(modules))?.type !== 'directory')
    throw new MosError('not-found', `cannot build a bootkit: there is no ${modules}`, {
      hint: 'the package of the kernel, unpacked, has lib/modules/<release>',
    });
  report({ kind: 'note', text: 'packing the initrd' });
  const commandLine = closedCommandLine(options.commandLine);
  let buildId = '';
  const initrd = await options.initrd(await certificateOf(host, options.keyset, 'manifest-ca'), {
    identify: (archive) => (buildId = identify(archive, commandLine, parts)),
  });
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

/** Of everything that a boot file is made of, and of nothing that signs it. */
function identify(archive: Uint8Array, commandLine: string, parts: BootParts): string {
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
    const signer = await signFor(host, keyset, key, from, `${made}/${name}`);
    files.push({ name, bytes: (await host.files.stat(`${made}/${name}`))?.size ?? 0, signer });
  }
  await host.files.remove(unsigned);
  return files;
}
