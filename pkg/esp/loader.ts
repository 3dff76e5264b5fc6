import { MosError } from '../errors/index.ts';
import { type EntryName, parseEntryName } from './entry.ts';

const attributeBytes = 4;

/** The text in an EFI variable of the boot loader, as efivarfs gives it: attributes, then UTF-16LE that ends with a zero. */
export function parseLoaderVariable(bytes: Uint8Array, name: string): string {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = file.toString('utf16le', attributeBytes);
  const isText = file.length >= attributeBytes + 2 && file.length % 2 === 0;
  if (!isText || text.indexOf('\0') !== text.length - 1)
    throw new MosError('corrupt', `cannot use the EFI variable ${name}: it is no text that ends with a zero`);
  return text.slice(0, -1);
}

/** What systemd-boot tells: the entry as it was called before its counter was lowered, and the path of its file after. */
export type LoaderSays = { readonly selected: string; readonly countPath?: string };

/**
 * The entry that has to prove good, as it is called now; undefined where what runs has proved so already or is not ours.
 * After a boot file that the firmware refused, LoaderBootCountPath still names that one while another runs, so the two
 * must agree.
 */
export function entryToProve({ selected, countPath }: LoaderSays): EntryName | undefined {
  const before = parseEntryName(selected);
  const folder = '\\loader\\entries\\';
  if (!before?.tries || !countPath?.startsWith(folder)) return undefined;
  const now = parseEntryName(countPath.slice(folder.length));
  return now?.tries && now.generation === before.generation ? now : undefined;
}
