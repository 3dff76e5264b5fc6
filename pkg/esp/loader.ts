import { MosError } from '../errors/index.ts';

const attributeBytes = 4;

/**
 * loader.conf(5). No default: a pattern there would choose entries that have no tries left. Firmware in setup mode gets the
 * keyset by itself (`force`), or when a person chooses it.
 */
export const renderLoaderSettings = (enrolment: 'force' | 'manual'): string =>
  `timeout 0\nconsole-mode keep\nsecure-boot-enroll ${enrolment}\n`;

/** The text in an EFI variable of the boot loader, as efivarfs gives it: attributes, then UTF-16LE that ends with a zero. */
export function parseLoaderVariable(bytes: Uint8Array, name: string): string {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = file.toString('utf16le', attributeBytes);
  const isText = file.length >= attributeBytes + 2 && file.length % 2 === 0;
  if (!isText || text.indexOf('\0') !== text.length - 1)
    throw new MosError('corrupt', `cannot use the EFI variable ${name}: it is no text that ends with a zero`);
  return text.slice(0, -1);
}
