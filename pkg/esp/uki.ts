import { MosError } from '../errors/index.ts';
import { type Program, parseProgram, sectionHeaderSize } from './pe.ts';

/** What a unified kernel image is put together of (UAPI.5 Unified Kernel Image). */
export type UkiParts = {
  /** systemd-stub, unsigned. */
  readonly stub: Uint8Array;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  /** With Secure Boot the stub takes this one and no other. */
  readonly commandLine: string;
  /** The text of an os-release(5): what boot menus show. */
  readonly osRelease: string;
  /** The release of the kernel, as uname says it. */
  readonly release: string;
};

/** Kernel and initrd come last: nothing that grows lies before something else in memory. */
export const buildUki = ({ stub, kernel, initrd, commandLine, osRelease, release }: UkiParts): Uint8Array =>
  addSections(stub, [
    { name: '.osrel', content: Buffer.from(osRelease) },
    { name: '.cmdline', content: Buffer.from(commandLine) },
    { name: '.uname', content: Buffer.from(release) },
    { name: '.linux', content: kernel },
    { name: '.initrd', content: initrd },
  ]);

export type NewSection = { readonly name: string; readonly content: Uint8Array };

/** Sections begin at pages, so that the kernel in one of them does too. */
const pageSize = 4096;
/** IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ */
const readOnlyData = 0x4000_0040;
const largestImage = 0xffff_ffff;

/** The program with further sections behind its own; their addresses follow from the sizes of those before. */
export function addSections(program: Uint8Array, added: readonly NewSection[]): Uint8Array {
  const parsed = parseProgram(program);
  requireRoom(parsed, added);
  // What lies behind the sections, symbols for a debugger, would be a gap that no signature covers.
  let start = Math.max(
    parsed.headersEnd,
    ...parsed.sections.map((section) => section.start + section.fileSize),
  );
  const head = Buffer.from(program.subarray(0, start));
  head.fill(0, parsed.at.symbols, parsed.at.symbols + 8);
  const pieces: Uint8Array[] = [head];
  let address = endOf(parsed);
  for (const [index, { name, content }] of added.entries()) {
    address = align(address, Math.max(pageSize, parsed.sectionAlignment));
    const fileSize = align(content.length, parsed.fileAlignment);
    const at = parsed.at.table + (parsed.sections.length + index) * sectionHeaderSize;
    writeSection(head, at, { name, size: content.length, address, fileSize, start });
    pieces.push(content, Buffer.alloc(fileSize - content.length));
    start += fileSize;
    address += content.length;
  }
  const imageSize = align(address, parsed.sectionAlignment);
  if (imageSize > largestImage || start > largestImage)
    throw new MosError('invalid', 'cannot build a boot file of 4 GiB or more');
  head.writeUInt16LE(parsed.sections.length + added.length, parsed.at.sectionCount);
  head.writeUInt32LE(imageSize, parsed.at.imageSize);
  const data = added.reduce((sum, { content }) => sum + align(content.length, parsed.fileAlignment), 0);
  head.writeUInt32LE(head.readUInt32LE(parsed.at.initializedData) + data, parsed.at.initializedData);
  head.writeUInt32LE(0, parsed.at.checksum); // no firmware looks at it; signing writes it
  return Buffer.concat(pieces);
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

const endOf = ({ sections }: Program): number =>
  sections.reduce((end, { address, size }) => Math.max(end, address + size), 0);

function requireRoom(program: Program, added: readonly NewSection[]): void {
  if (program.isSigned)
    throw new MosError('invalid', 'cannot add to a signed EFI program: its signature would no longer fit');
  const names = [...program.sections, ...added].map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    throw new MosError('invalid', `cannot add the section ${repeated} to an EFI program that has one`);
  const end = program.at.table + names.length * sectionHeaderSize;
  if (end > program.headersEnd)
    throw new MosError(
      'unsupported',
      `cannot add ${added.length} sections to an EFI program: its headers have no room`,
    );
}

function writeSection(
  head: Buffer,
  at: number,
  section: { name: string; size: number; address: number; fileSize: number; start: number },
): void {
  head.fill(0, at, at + sectionHeaderSize);
  head.write(section.name, at, 8, 'latin1');
  head.writeUInt32LE(section.size, at + 8);
  head.writeUInt32LE(section.address, at + 12);
  head.writeUInt32LE(section.fileSize, at + 16);
  head.writeUInt32LE(section.start, at + 20);
  head.writeUInt32LE(readOnlyData, at + 36);
}
