import { MosError } from '../../errors/index.ts';
import { parseProgram, sectionContent } from '../../esp/index.ts';
import type { Host } from '../../host/index.ts';

export type BootFile = {
  readonly file: string;
  readonly bytes: number;
  readonly commandLine: string;
  readonly release: string;
  readonly sections: readonly { readonly name: string; readonly bytes: number }[];
  /** The archive as it stands in the file. */
  readonly initrd: Uint8Array;
};

/** What a boot file is made of. Nothing of it is believed: `trust verify efi` says who signed it. */
export async function readBootFile(host: Host, file: string): Promise<BootFile> {
  const bytes = await host.files.read(file);
  const { sections } = parseProgram(bytes);
  const content = (name: string): Uint8Array => {
    const found = sections.find((section) => section.name === name);
    if (found !== undefined) return sectionContent(bytes, found);
    throw new MosError(
      'invalid',
      `cannot inspect ${file}: it is no unified kernel image, it has no section ${name}`,
    );
  };
  return {
    file,
    bytes: bytes.length,
    commandLine: Buffer.from(content('.cmdline')).toString(),
    release: Buffer.from(content('.uname')).toString(),
    sections: sections.map(({ name, size }) => ({ name, bytes: size })),
    initrd: content('.initrd'),
  };
}
